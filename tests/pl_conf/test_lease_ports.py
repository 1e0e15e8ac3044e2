"""The ports of 2003 on a running pl_conf, by TLS as then."""

import ssl
import time
import urllib.error
import urllib.request
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from pl_conf.policy import Policy
from planetlab import dslice, keys, settings, tls
from planetlab.dslice import Paper
from tests.pl_conf.process import Node
from tests.pl_conf.samples import DAY, PLC
from tests.ports import free_port

AGENT = keys.new_rsa()
IP = "127.0.0.1"


class ThePortsOf2003(SynchronousTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.plain, cls.private, cls.status = free_port(), free_port(), free_port()
        cls.node = node = Node()
        place, begun = node.place, time.time()
        ca = tls.make_ca(PLC, begun)
        (place / "clients.pem").write_bytes(ca.certificate_pem)
        (place / "agent.pem").write_bytes(keys.public_pem(AGENT.public_key()))
        for name in ("server", "client"):
            pair = tls.issue(ca, [IP], begun, client=name == "client")
            (place / f"{name}.pem").write_bytes(pair.certificate_pem)
            (place / f"{name}.key").write_bytes(pair.key_pem)
        policy = settings.read(Policy, place / "owner.toml")
        roots = (evolve(policy.root[0], dslice="agent.pem"), *policy.root[1:])
        settings.write(evolve(policy, root=roots), place / "owner.toml")
        with (place / "pl_conf.toml").open("a") as file:
            file.write(
                f'[dslice]\nip = "{IP}"\nplain = "tcp:{cls.plain}:interface={IP}"\n'
                f'private = "tcp:{cls.private}:interface={IP}"\nstatus = "tcp:{cls.status}:interface={IP}"\n'
                'certificate = "server.pem"\nprivate_key = "server.key"\nclients = "clients.pem"\n'
            )
        node.start_manager()
        node.start_conf()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.node.stop()

    def call(self, port: int, name: str, *args: Any, shown: bool = True) -> Any:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the clients of then did not look
        if shown:
            context.load_cert_chain(self.node.place / "client.pem", self.node.place / "client.key")
        secure = port == self.private
        url = f"http{'s' if secure else ''}://{IP}:{port}/any/path"
        with ServerProxy(url, context=context if secure else None) as proxy:
            return getattr(proxy, name)(*args)

    def ticket(self, name: str) -> str:
        certificate = (self.node.place / "client.pem").read_bytes()
        holder = dslice.principle(keys.load_public(certificate))
        begun = float(int(time.time()))
        times = {"start": begun, "end": begun + DAY, "valid_from": begun, "valid_to": begun + DAY}
        return dslice.seal(Paper(kind="ticket", principle=holder, ip=IP, slice=name, **times), AGENT).decode()

    def test_let_nobody_in_without_a_certificate(self) -> None:
        for name in ("deletelease", "newlease"):
            self.assertRaises(OSError, self.call, self.private, name, {"slice": "utah_dsl"}, shown=False)

    def test_answer_what_is_no_call_as_then(self) -> None:
        url = f"http://{IP}:{self.plain}/"
        error = self.assertRaises(urllib.error.HTTPError, urllib.request.urlopen, url, b"hello", 5.0)
        self.assertEqual((500, b""), (error.code, error.read()))
        fault = self.assertRaises(Fault, self.call, self.plain, "nosuch")
        self.assertEqual(1, fault.faultCode)
        fault = self.assertRaises(Fault, self.call, self.plain, "getprinciple", {"slice": "nobody_here"})
        self.assertEqual(
            (1, "Slice nobody_here does not have sliver on node:None"), (fault.faultCode, fault.faultString)
        )
        self.assertRaises(Fault, self.call, self.plain, "newlease", {"ticketdata": ""})
        self.assertRaises(Fault, self.call, self.private, "newlease", {"slice": "x"})

    def test_play_the_whole_story_of_a_testbed_client(self) -> None:
        self.assertEqual({"port": 800, "sslport": 801, "httpport": 802}, self.call(self.plain, "getconfig"))
        ticket = {"ticketdata": self.ticket("utah_dsl"), "privatekey": "none", "publickey": "ssh-rsa AAAA utah"}
        lease = self.call(self.private, "newleasevm", ticket)
        fault = self.assertRaises(Fault, self.call, self.private, "newleasevm", ticket)
        self.assertIn("already exists", fault.faultString)
        self.assertEqual([lease], self.call(self.plain, "getleases"))
        self.assertEqual(1, self.call(self.private, "addkey", {"slice": "utah_dsl", "key": "ssh-rsa BBBB root"}))
        self.assertEqual(2, self.call(self.plain, "getsshkeys", {"slice": "utah_dsl"})["numkeys"])
        page = urllib.request.urlopen(f"http://{IP}:{self.status}/", timeout=60.0).read()
        self.assertIn(b"utah_dsl", page)
        self.assertEqual(1, self.call(self.private, "deletelease", {"slice": "utah_dsl"}))
        self.assertEqual([], self.call(self.plain, "getslivers"))
