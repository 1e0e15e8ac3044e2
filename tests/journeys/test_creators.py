"""The creation services of 2003 to 2012 against a demo: their calls, retries and time limits as they were written.

One client, of an emulation testbed, outlived four interfaces. Each class is one of its modules; the frame is common.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import tomllib
import urllib.request
from pathlib import Path
from typing import Any, ClassVar
from xmlrpc.client import Binary, Fault, ServerProxy, dumps, loads

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from node_manager import forward
from planetlab import keys, tls
from planetlab.cli.toml import dumps as toml
from planetlab.names import Hrn
from tests.journeys.running import RunningDemo, new_folder, plfed
from tests.ports import free_block, free_port

TRIES, PAUSE, LIMIT = 3, 5, 60  # tries, seconds between them, seconds for an operation
DAY = 86_400
IP, HOST = "127.0.0.1", "node1.plc.example"
KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC0 emulab@boss"


def try_xmlrpc_cmd(command: Any, args: tuple[Any, ...], ok: tuple[str, ...] = (), not_ok: tuple[str, ...] = ()) -> Any:
    """Up to three tries, 5 s apart; of a fault that says one of ``ok`` that text, of ``not_ok`` no more tries.

    All of them together have as long as the client gives its child.
    """
    signal.alarm(LIMIT)
    try:
        return _tried(command, args, ok, not_ok)
    finally:
        signal.alarm(0)


def _tried(command: Any, args: tuple[Any, ...], ok: tuple[str, ...], not_ok: tuple[str, ...]) -> Any:
    for left in reversed(range(TRIES)):
        try:
            return command(*args)
        except Fault as fault:
            for text in ok:
                if text in fault.faultString:
                    return text
            if not left or any(text in fault.faultString for text in not_ok):
                raise
        except (OSError, ConnectionError):
            if not left:
                raise
        time.sleep(PAUSE)  # the client's own pause
    raise AssertionError


class ACreator(SynchronousTestCase):
    """One demo serves all of them."""

    demo: ClassVar[RunningDemo]
    folder: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        if cls is not ACreator and not hasattr(ACreator, "demo"):
            ACreator.folder = new_folder()
            ACreator.demo = RunningDemo(ACreator.folder / "d", free_block(100), "--nodes", "1", "--driver", "memory")

    def setUp(self) -> None:
        before = signal.signal(signal.SIGALRM, _too_late)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        facts = self.demo.facts
        self.plc, self.node = facts["authorities"]["plc"], facts["nodes"][HOST]
        self.api = ServerProxy(self.plc["plcapi_plain"], allow_none=True)
        self.addCleanup(self.api("close"))

    def auth(self, who: str = "pi", **more: str) -> dict[str, str]:
        person = self.plc["persons"][who]
        return {"AuthMethod": "password", "Username": person["Username"], "AuthString": person["AuthString"], **more}

    def slivers(self) -> set[str]:
        with ServerProxy(self.node["nm"]) as manager:
            return set(manager.GetXIDs())  # type: ignore[arg-type]  # xmlrpc.client types no answers

    def until(self, is_so: Any, what: str) -> None:
        self.demo.until(is_so, what, 45.0)


def _too_late(number: int, frame: object) -> None:
    raise TimeoutError(f"not done in {LIMIT} s, which is when the client kills its child")


class ItsModuleOf2004(ACreator):
    """Talks only to PLC; the node fetches the slice."""

    def test_makes_a_slice_puts_it_on_a_node_renews_and_frees_it(self) -> None:
        person = self.plc["persons"]["pi"]
        auth = {"AuthMethod": "password", "username": person["Username"], "AuthString": person["AuthString"]}
        name = {"sliceName": "princeton_direct"}
        try_xmlrpc_cmd(self.api.createSlice, (name, auth))
        try_xmlrpc_cmd(self.api.AssignUsers, (name, auth, {"userList": [self.plc["persons"]["user"]["Username"]]}))
        try_xmlrpc_cmd(self.api.AssignShares, (name, auth, {"renewTime": 5_184_000, "share": 30}))
        nodes = {"nodeList": [HOST]}
        self.assertEqual(1, try_xmlrpc_cmd(self.api.AssignNodes, (name, auth, nodes), ok=("already assigned",)))
        again = try_xmlrpc_cmd(self.api.AssignNodes, (name, auth, nodes), ok=("already assigned",))
        self.assertEqual("already assigned", again)
        try_xmlrpc_cmd(self.api.InstantiateSliver, (name, auth, nodes))
        self.until(lambda: "princeton_direct" in self.slivers(), "a sliver")
        tags = self.api.GetSliceTags(self.auth(), {"name": "princeton_direct", "tagname": "cpu_share"}, ["value"])
        self.assertEqual([{"value": "30"}], tags)
        listed = {one["slicename"]: one["expires"] for one in try_xmlrpc_cmd(self.api.listSlice, (auth,))}
        self.assertLess(abs(time.time() + 56 * DAY - listed["princeton_direct"]), 600)
        tries = []

        def assign(*args: Any) -> Any:
            tries.append(args)
            return self.api.AssignShares(*args)

        gone, not_ok = {"sliceName": "princeton_nosuch"}, ("does not Exist", "unknown within Planetlab")
        self.assertRaises(Fault, try_xmlrpc_cmd, assign, (gone, auth, {"renewTime": DAY, "share": 30}), (), not_ok)
        self.assertEqual(1, len(tries))
        self.assertEqual(1, try_xmlrpc_cmd(self.api.UnAssignNodes, (name, auth, nodes), ok=("not assigned",)))
        self.assertEqual(
            "not assigned", try_xmlrpc_cmd(self.api.UnAssignNodes, (name, auth, nodes), ok=("not assigned",))
        )
        self.until(lambda: "princeton_direct" not in self.slivers(), "gone")
        for expected in (1, "does not exist"):
            self.assertEqual(expected, try_xmlrpc_cmd(self.api.deleteSlice, (name, auth), ok=("does not exist",)))


class ItsModuleOf2005(ACreator):
    """Gets a ticket from PLC and brings it to each node's port 814."""

    def create_node(self, ticket: str) -> str:
        with ServerProxy(self.node["pl_conf"]) as manager:
            version = try_xmlrpc_cmd(manager.version, ())
            self.assertIsInstance(version, list)
            self.assertEqual((2, 0), (len(version), version[0]))
            major, rest = version[1].split(".", 1)
            minor, revision = map(int, rest.split("-", 1))
            self.assertEqual((1, 0, True), (int(major), minor, revision >= 10))
            res = try_xmlrpc_cmd(manager.create_sliver, (Binary(ticket.encode()),))
        if res[0] != 0:
            raise RuntimeError("create_sliver: %d, %s" % (res[0], res[1]))  # noqa: UP031  # its own formatting
        return str(res[1][0])

    def delete_node(self, rcap: str) -> None:
        with ServerProxy(self.node["pl_conf"]) as manager:
            self.assertEqual(0, try_xmlrpc_cmd(manager.delete_sliver, (rcap,))[0])

    def test_makes_renews_and_frees_though_the_node_dies_between(self) -> None:
        auth, name = self.auth(Role="pi"), "princeton_elab42"
        try_xmlrpc_cmd(self.api.SliceCreate, (auth, name))
        try_xmlrpc_cmd(self.api.SliceSetInstantiationMethod, (auth, name, "delegated"))
        try_xmlrpc_cmd(self.api.SliceUsersAdd, (auth, name, [self.plc["persons"]["user"]["Username"]]))
        try_xmlrpc_cmd(self.api.SliceUpdate, (auth, name, "http://www.emulab.net", "an experiment"))
        ticket = try_xmlrpc_cmd(self.api.SliceGetTicket, (auth, name))
        rcap = self.create_node(ticket)
        self.assertIn(name, self.slivers())
        known = {one["name"]: one["expires"] for one in try_xmlrpc_cmd(self.api.SliceInfo, (auth, [], False, False))}
        self.assertGreater(known[name], time.time())
        later = int(time.time()) + 56 * DAY
        try_xmlrpc_cmd(self.api.SliceRenew, (auth, name, later), not_ok=("does not exist",))
        os.kill(self.demo.children[f"pl_conf {HOST}"], signal.SIGKILL)  # a try is lost, the next one 5 s later is not
        self.assertEqual(rcap, self.create_node(try_xmlrpc_cmd(self.api.SliceGetTicket, (auth, name))))
        self.delete_node(rcap)
        self.assertNotIn(name, self.slivers())
        try_xmlrpc_cmd(self.api.SliceDelete, (auth, name), ok=("does not exist",))
        self.assertRaises(RuntimeError, self.create_node, ticket)


class ItsModuleOf2007(ACreator):
    """Gets a ticket from PLC and calls each node's manager through a controller's account."""

    CONTROLLER = "princeton_nmcontrol"

    OPTIONS = ("StrictHostKeyChecking=no", "PasswordAuthentication=no", "NumberOfPasswordPrompts=0")
    OWN = ("UserKnownHostsFile=/dev/null", "IdentityAgent=none", "IdentitiesOnly=yes")  # those of a test

    def setUp(self) -> None:
        super().setUp()
        if "ssh" not in self.node or not os.access("/usr/bin/ssh", os.X_OK):
            raise SkipTest("calls over ssh: need root, for the node's sshd, and openssh's client and server")

    def over_ssh(self, method: str, *args: Any) -> Any:
        """The client's own command line: the call on stdin, nothing but the answer on stdout. 0 is failure."""
        address, _, port = self.node["ssh"].partition(":")
        options = [word for option in (*self.OPTIONS, *self.OWN) for word in ("-o", option)]
        key = self.plc["identities"]["user"]["key"]
        command = ["/usr/bin/ssh", "-q", *options, "-p", port, "-l", self.CONTROLLER, "-i", key, address]
        call = dumps(args, method).encode() + b"\n"
        done = subprocess.run(command, input=call, capture_output=True, timeout=LIMIT, check=False)
        if done.returncode == 255:
            raise ConnectionError("SSH failure")
        (value,), _ = loads(done.stdout)
        if value == 0:
            raise RuntimeError(f"{method} failed")
        return value

    def make_controller(self) -> None:
        admin = self.auth("admin")
        said = {
            "name": self.CONTROLLER,
            "url": "http://x.example/",
            "description": "x",
            "instantiation": "nm-controller",
        }
        self.api.AddSlice(admin, said)
        self.api.AddPersonToSlice(admin, self.plc["persons"]["user"]["Username"], self.CONTROLLER)
        self.until(self.is_let_in, "a controller's account, which every node has")

    def is_let_in(self) -> bool:
        try:
            return bool(self.over_ssh("Help"))
        except ConnectionError:
            return False

    def test_makes_stops_starts_renews_and_frees(self) -> None:
        self.make_controller()
        auth, name = self.auth(Role="pi"), "princeton_elab4"
        said = {"url": "http://www.emulab.net", "instantiation": "delegated", "name": name, "description": "x"}
        try_xmlrpc_cmd(self.api.AddSlice, (auth, said))
        try_xmlrpc_cmd(self.api.GetSliceTicket, (auth, name))
        exists = ("Slice attribute already exists",)
        try_xmlrpc_cmd(self.api.AddSliceAttribute, (auth, name, "delegations", self.CONTROLLER), ok=exists)
        try_xmlrpc_cmd(self.api.AddPersonToSlice, (auth, self.plc["persons"]["user"]["Username"], name))
        try_xmlrpc_cmd(self.api.AddSliceToNodes, (auth, name, [HOST]), ok=("already assigned",))
        ticket = try_xmlrpc_cmd(self.api.GetSliceTicket, (auth, name))
        for _ in range(2):  # creating a node again is how it is renewed
            self.assertTrue(self.over_ssh("Ticket", ticket))
            for _ in range(2):
                self.assertTrue(self.over_ssh("Create", name) and self.over_ssh("Start", name))
        self.assertIn(name, self.slivers())
        (row,) = try_xmlrpc_cmd(self.api.GetSlices, (auth, [name], None))
        self.assertLess(row["expires"], time.time() + 48 * DAY)
        try_xmlrpc_cmd(self.api.UpdateSlice, (auth, name, {"expires": int(time.time()) + 55 * DAY}))
        self.assertTrue(self.over_ssh("Ticket", try_xmlrpc_cmd(self.api.GetSliceTicket, (auth, name))))
        self.assertEqual(1, self.over_ssh("Stop", name))
        self.assertEqual(1, self.over_ssh("Start", name))
        self.assertIn("**** Help", self.over_ssh("Help"))
        for _ in range(2):
            self.assertEqual(1, self.over_ssh("Destroy", name))
        self.assertNotIn(name, self.slivers())
        self.assertRaises(Fault, self.over_ssh, "Destroy", "princeton_codeen")  # it is not delegated to anybody
        for expected in (1, "does not exist"):
            self.assertEqual(expected, try_xmlrpc_cmd(self.api.DeleteSlice, (auth, name), ok=("does not exist",)))


class ItsModuleOf2003(ACreator):
    """An agent gives tickets for addresses, the node gives leases for them; both by the client's certificate.

    The ports are off in a demo; two tables in its settings turn them on, and a restart of the two services.
    """

    def setUp(self) -> None:
        super().setUp()
        place = Path(self.node["nm_socket"]).parent
        plc = Path(self.plc["ca"]).parent
        self.ports = {name: free_port() for name in ("agent", "agent_tls", "node", "node_tls")}
        at = {name: f"tcp:{port}:interface={IP}" for name, port in self.ports.items()}
        ca = tls.make_ca(Hrn.parse("plc"), time.time())
        for name in ("client", "server"):
            pair = tls.issue(ca, [IP], time.time(), client=name == "client")
            (self.folder / f"{name}.pem").write_bytes(pair.certificate_pem)
            (self.folder / f"{name}.key").write_bytes(pair.key_pem)
        (self.folder / "clients.pem").write_bytes(ca.certificate_pem)
        (self.folder / "agent.pem").write_bytes(keys.public_pem(self.agent_key().public_key()))
        own = {"certificate": str(self.folder / "server.pem"), "private_key": str(self.folder / "server.key")}
        both = {"clients": str(self.folder / "clients.pem")}
        self.add(plc / "slice_authority.toml", "agent", plain=at["agent"], private=at["agent_tls"],
                 key=str(self.folder / "agent.key"), **both)  # fmt: skip
        self.add(place / "pl_conf.toml", "dslice", plain=at["node"], private=at["node_tls"], ip=IP,
                 key=str(self.folder / "lease.key"), **own, **both)  # fmt: skip
        policy = tomllib.loads((place / "owner.toml").read_text())
        for root in policy["root"]:
            if root["hrn"] == "plc":
                root["dslice"] = str(self.folder / "agent.pem")
        (place / "owner.toml").write_text(toml(policy))
        for name in ("slice_authority plc", f"pl_conf {HOST}"):
            os.kill(self.demo.children[name], signal.SIGTERM)
        for name in self.ports:
            self.until(lambda name=name: self.answers(self.ports[name]), f"port {name}")
        self.announce()

    def add(self, path: Path, table: str, **said: Any) -> None:
        told = tomllib.loads(path.read_text())
        path.write_text(toml({**told, table: said}))

    def agent_key(self) -> Any:
        path = self.folder / "agent.key"
        if not path.exists():
            path.write_bytes(keys.private_pem(keys.new_rsa()))
        return keys.load_private(path.read_bytes())

    def answers(self, port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((IP, port)) == 0

    def announce(self) -> None:
        """The node has the address 127.0.0.1 at its authority, and was heard of."""
        tech = self.auth("admin")
        (row,) = self.api.GetNodes(tech, [HOST], ["node_id", "interface_ids"])  # type: ignore[misc]  # xmlrpc.client types no answers
        (face,) = row["interface_ids"]  # type: ignore[index]  # nor what is in them
        self.api.UpdateInterface(tech, face, {"ip": IP})
        self.until(lambda: IP in self.call("agent", "getads"), "an announcement")

    def call(self, where: str, method: str, *args: Any) -> Any:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the client never looked
        context.load_cert_chain(self.folder / "client.pem", self.folder / "client.key")
        secure = where.endswith("_tls")
        url = f"http{'s' if secure else ''}://{IP}:{self.ports[where]}/"
        with ServerProxy(url, context=context if secure else None) as proxy:
            return getattr(proxy, method)(*args)

    def test_gets_a_ticket_a_lease_and_a_sliver_renews_and_frees(self) -> None:
        said = {"slice": "utah_dsl", "ntickets": 1, "leaselen": 14 * DAY, "ips": [IP]}
        tickets = try_xmlrpc_cmd(self.call, ("agent_tls", "newtickets", said))
        self.assertEqual(1, len(tickets))
        node = {"ticketdata": tickets[0], "privatekey": "private", "publickey": KEY}
        try_xmlrpc_cmd(self.call, ("node_tls", "newleasevm", node))
        fault = self.assertRaises(Fault, self.call, "node_tls", "newleasevm", node)
        self.assertIn("already exists", fault.faultString)
        self.call("node_tls", "deletelease", {"slice": "utah_dsl"})
        try_xmlrpc_cmd(self.call, ("node_tls", "newleasevm", node))  # the same ticket again
        try_xmlrpc_cmd(self.call, ("node_tls", "addkey", {"slice": "utah_dsl", "key": "ssh-rsa BBBB root@boss"}))
        self.assertEqual(2, self.call("node", "getsshkeys", {"slice": "utah_dsl"})["numkeys"])
        self.assertTrue(any("utah" in name for name in self.slivers()), self.slivers())
        lease = try_xmlrpc_cmd(self.call, ("node_tls", "renewlease", {"slice": "utah_dsl"}))
        self.assertIn("<lease>", lease)
        gone = ("does not exist",)
        for expected in (1, "does not exist"):
            done = try_xmlrpc_cmd(self.call, ("node_tls", "deletelease", {"slice": "utah_dsl"}), ok=gone)
            self.assertEqual(expected, done)
        self.assertFalse(any("utah" in name for name in self.slivers()))


class AProgramOfASlice(ACreator):
    """It finds the node's socket open, and the kernel says which slice calls."""

    def as_user(self, uid: int, method: str, *args: Any) -> Any:
        """What the socket answers to a process of this user."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                said = forward.answer(self.node["nm_socket"], dumps(args, method).encode())
                os.write(writing, said)
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        return loads(said)[0][0]

    def test_is_known_by_its_user_id_and_others_are_refused_by_it(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("needs root, to call as another user")
        self.folder.chmod(0o711)  # it is the test's own
        with ServerProxy(self.node["nm"]) as manager:
            uids: Any = manager.GetXIDs()
        mine = uids["princeton_codeen"]
        self.assertEqual("princeton_codeen", self.as_user(mine, "GetRecord")["name"])
        fault = self.assertRaises(Fault, self.as_user, mine + 999_999, "GetRSpec", "princeton_codeen")
        self.assertEqual(108, fault.faultCode)
        self.assertIn("princeton_codeen", self.as_user(mine + 999_999, "GetXIDs"))
        for secret in ("state/books.db", "node.key"):
            path = Path(self.node["nm_socket"]).parent / secret
            self.assertEqual(0, (path.stat().st_mode & path.parent.stat().st_mode) & 0o044, secret)


class ItsEnd(ACreator):
    """After all of them nothing is lost, doubled or half made."""

    def test_zz_the_doctor_finds_nothing_wrong(self) -> None:
        with urllib.request.urlopen(self.plc["web"], timeout=60) as page:
            self.assertEqual(200, page.status)
        done = plfed("doctor", str(self.folder / "d"), "--deep")
        wrong = [line for line in done.stdout.splitlines() if line.startswith("BAD")]
        self.assertEqual((0, []), (done.returncode, wrong), done.stderr)


def teardown_module() -> None:
    """End the demo, whatever became of the tests."""
    if hasattr(ACreator, "demo"):
        ACreator.demo.stop()
        shutil.rmtree(ACreator.folder)
