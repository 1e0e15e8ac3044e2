"""A controller calls the node manager over ssh, through a real sshd, as its clients of 2007 did."""

import os
import shutil
import socket
import subprocess
import time
import unittest
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, dumps, loads

from node_manager.records import CONTROLLER, DELEGATED
from planetlab.names import SliceName
from tests.node_manager.test_process import ProcessTest
from tests.node_manager.world import record
from tests.ports import free_port
from tests.waiting import until

ELAB, NMCONTROL = SliceName("utah", "elab"), SliceName("utah", "nmcontrol")
# The client's own options; the three after them are for a host key and a port of a test.
OPTIONS = ("StrictHostKeyChecking=no", "PasswordAuthentication=no", "NumberOfPasswordPrompts=0")
TESTS = ("UserKnownHostsFile=/dev/null", "IdentityAgent=none", "IdentitiesOnly=yes")


class Controllers(ProcessTest):
    """A node whose slivers are only remembered: its controllers sign in all the same."""

    def setUp(self) -> None:
        for program in ("/usr/bin/ssh", "/usr/sbin/sshd", "/usr/bin/ssh-keygen", "/usr/bin/python3"):
            if not os.access(program, os.X_OK):
                raise unittest.SkipTest(f"controllers by ssh: {program} is missing")
        if os.getuid() != 0:
            raise unittest.SkipTest("controllers by ssh: sshd needs root to become the account")
        super().setUp()
        self.port = free_port()
        self.write(ssh=f"127.0.0.1:{self.port}", work=str(self.place / "work"))
        self.place.chmod(0o700)  # as the folder of a node is: the socket in it is out of an account's reach
        self.keys = {name: self.new_key(name) for name in ("mine", "others")}
        self.ready(self.start())
        self.rcap = self.bring(NMCONTROL, (self.keys["mine"],))
        stated: dict[str, Any] = {"instantiation": DELEGATED, "attributes": {"delegations": str(NMCONTROL)}}
        self.call("Instantiate", record(ELAB, expires=self.now + 1000, timestamp=self.now, **stated).wire())

    @property
    def now(self) -> float:
        return time.time()

    def bring(self, name: SliceName, keys: tuple[str, ...]) -> str:
        wire = record(name, instantiation=CONTROLLER, keys=keys, expires=self.now + 1000, timestamp=self.now).wire()
        return str(self.call("Instantiate", wire))

    def new_key(self, name: str) -> str:
        file = self.place / name
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)), check=True)
        return Path(f"{file}.pub").read_text().strip()

    def ssh(self, call: bytes, key: str = "mine", account: str = str(NMCONTROL), port: str = "") -> Any:
        """What ssh says to stdout, and its code."""
        options = [word for option in (*OPTIONS, *TESTS) for word in ("-o", option)]
        words = ["/usr/bin/ssh", "-q", *options, "-p", str(self.port), "-l", account, "-i", str(self.place / key)]
        done = subprocess.run([*words, "127.0.0.1"], input=call, capture_output=True, timeout=60, check=False)
        return done.stdout, done.returncode

    def over_ssh(self, method: str, *args: Any) -> Any:
        said, code = self.ssh(dumps(args, method).encode() + b"\n")
        self.assertEqual(0, code, said)
        return loads(said)[0][0]

    def until(self, code: int, key: str = "mine", account: str = str(NMCONTROL)) -> None:
        """Accounts and keys come with the door's next look."""
        call = dumps((), "Help").encode()
        until(lambda: self.ssh(call, key, account)[1] == code, f"a call of {account} with key {key} ends with {code}")

    def test_act_on_what_is_delegated_to_them_and_only_xml_comes_back(self) -> None:
        self.until(0)
        self.assertIn("**** Help", self.over_ssh("Help"))
        for method in ("Create", "Start", "Stop", "Start", "Destroy", "Destroy"):
            self.assertEqual(1, self.over_ssh(method, str(ELAB)), method)
        self.assertNotIn(str(ELAB), self.over_ssh("GetXIDs"))
        fault = self.assertRaises(Fault, self.over_ssh, "Start", "utah_nosuch")
        self.assertEqual(102, fault.faultCode)
        fault = self.assertRaises(Fault, self.over_ssh, "Pause")
        self.assertEqual((108, "utah_nmcontrol: Permission denied."), (fault.faultCode, fault.faultString))

    def test_whatever_they_send_the_answer_is_a_whole_answer_of_xml_rpc(self) -> None:
        self.until(0)
        for call in (b"", b"garbage", b"<methodCall/>", b"<" * 100_000, b"\0\xff", b"x" * (1 << 20) + b"y"):
            said, _ = self.ssh(call)
            fault = self.assertRaises(Fault, loads, said)
            self.assertEqual(1, fault.faultCode, call[:20])

    def test_are_let_in_by_their_own_keys_and_only_as_long_as_they_are_here(self) -> None:
        self.until(0)
        self.assertEqual((b"", 255), self.ssh(b"", key="others"))
        for account in ("root", "utah_elab", "nobody"):
            self.assertEqual((b"", 255), self.ssh(b"", account=account), account)
        self.bring(NMCONTROL, (self.keys["others"],))
        self.until(0, key="others")
        self.assertEqual((b"", 255), self.ssh(b""))
        self.call("Release", self.rcap)
        self.until(255, key="others")

    def test_get_no_shell_no_command_of_theirs_and_no_forwarding(self) -> None:
        self.until(0)
        options = [word for option in (*OPTIONS, *TESTS) for word in ("-o", option)]
        base = [
            "/usr/bin/ssh",
            "-q",
            *options,
            "-p",
            str(self.port),
            "-l",
            str(NMCONTROL),
            "-i",
            str(self.place / "mine"),
        ]
        call = dumps((), "GetXIDs").encode()
        for command in (["id"], ["sh", "-c", "id"], ["/bin/sh"]):
            done = subprocess.run(
                [*base, "127.0.0.1", *command], input=call, capture_output=True, timeout=60, check=False
            )
            self.assertIn(b"<methodResponse>", done.stdout, command)
            self.assertNotIn(b"uid=", done.stdout)
        near = free_port()
        forward = [*base, "-o", "ExitOnForwardFailure=yes", "-N", "-L", f"{near}:127.0.0.1:{self.port}", "127.0.0.1"]
        process = subprocess.Popen(
            forward, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)
        self.assertEqual(b"", self.said_at(near))

    def said_at(self, port: int) -> bytes:
        """What is said at a port once somebody listens there, or nothing."""
        with until(lambda: socket.create_connection(("127.0.0.1", port), timeout=60.0), "ssh listens") as connection:
            try:
                return connection.recv(4)
            except ConnectionResetError:
                return b""


class ADoorThatCannotOpen(ProcessTest):
    def test_is_tried_again_ever_more_seldom_and_all_else_goes_on(self) -> None:
        if os.getuid() != 0 or not shutil.which("sshd", path="/usr/sbin"):
            raise unittest.SkipTest("a door: needs root and openssh-server")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.write(ssh=f"127.0.0.1:{taken.getsockname()[1]}", work=str(self.place / "work"))
            process = self.start()
            self.ready(process)
            log = self.place / "work" / "door" / "sshd.log"
            until(lambda: "Cannot bind any address" in log.read_text(), "sshd says that it cannot bind")
            self.assertEqual({}, self.call("GetXIDs"))
