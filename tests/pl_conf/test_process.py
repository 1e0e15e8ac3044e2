"""pl_conf as a process beside a real node manager, called as its clients call it."""

import contextlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from xmlrpc.client import Binary, Fault

from twisted.trial.unittest import SynchronousTestCase

from planetlab.names import SliceName
from tests.pl_conf.process import ROOT, Node
from tests.pl_conf.samples import DAY, KEY, ticket
from tests.pl_conf.world import PLC_SIGNS, STRANGER_SIGNS
from tests.waiting import until

REDEEMING = ("redeem.received", "redeem.verified", "redeem.admitted", "redeem.recorded", "redeem.instantiated",
             "redeem.answered", "answer.sent")  # fmt: skip
DELETING = ("delete.journalled", "delete.released", "delete.recorded")


def fresh(name: str, serial: str = "", age: float = 5.0, days: float = 56.0) -> bytes:
    """A ticket issued a moment ago."""
    at = time.time() - age
    label = SliceName("princeton", name)
    return PLC_SIGNS.xmldsig(ticket(slice=label, serial=serial or name, timestamp=at, expires=at + days * DAY))


class OnLoopback(SynchronousTestCase):
    node: Node

    @classmethod
    def setUpClass(cls) -> None:
        cls.node = Node()
        cls.node.start_manager()
        cls.node.start_conf()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.node.stop()


def tries(call: Any, *args: Any) -> Any:
    """As the testbed client of 2005 calls: up to three times whatever went wrong; without its pause of 5 s."""
    for left in (2, 1, 0):
        try:
            return call(*args)
        except (Fault, OSError):
            if not left:
                raise
    raise AssertionError


class TheClientOf2005(OnLoopback):
    """The calls, their arguments and the checks on what comes back are its own."""

    def create_node(self, sealed: bytes) -> str:
        version = tries(self.node.proxy().version)
        self.assertIsInstance(version, list)
        self.assertEqual((2, 0), (len(version), version[0]))
        major, rest = version[1].split(".", 1)
        minor, revision = rest.split("-", 1)
        self.assertEqual((1, 0), (int(major), int(minor)))
        self.assertGreaterEqual(int(revision), 10)
        res = tries(self.node.proxy().create_sliver, Binary(sealed))
        if res[0] != 0:
            raise RuntimeError("Could not create: %d, %s" % (res[0], res[1]))  # noqa: UP031 - its own formatting
        return str(res[1][0])

    def test_creates_renews_and_frees_a_node(self) -> None:
        rcap = self.create_node(fresh("elab42", "a"))
        self.assertRegex(rcap, "^[0-9a-f]{32}$")
        self.assertEqual(rcap, self.create_node(fresh("elab42", "b", age=1.0)))
        self.assertEqual(0, tries(self.node.proxy().delete_sliver, rcap)[0])
        self.assertEqual(0, tries(self.node.proxy().delete_sliver, rcap)[0])

    def test_formats_a_refusal_by_its_number(self) -> None:
        forged = STRANGER_SIGNS.xmldsig(ticket(timestamp=time.time() - 5, expires=time.time() + DAY))
        error = self.assertRaises(RuntimeError, self.create_node, forged)
        self.assertRegex(str(error), "^Could not create: 202, forged: ")

    def test_is_told_by_a_number_of_a_call_that_is_none(self) -> None:
        proxy = self.node.proxy()
        self.assertEqual([100, 101, 102], [proxy.nosuch()[0], proxy.version(1)[0], proxy.delete_sliver(7)[0]])


class TheKeySensor(OnLoopback):
    def get(self, what: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.node.keys_port}{what}", timeout=60.0) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, b""

    def test_knows_no_slice_that_is_not_here_and_the_keys_of_those_that_are(self) -> None:
        self.assertEqual(404, self.get("/keys?slice=princeton_keyed")[0])
        rcap = self.node.proxy().create_sliver(fresh("keyed"))[1][0]
        self.assertEqual((200, f"{KEY}\n".encode()), self.get("/keys?slice=princeton_keyed"))
        self.node.proxy().delete_sliver(rcap)
        for what in ("/keys?slice=princeton_keyed", "/keys", "/", "/keys/../keys", "/keys?slice=%00%ff"):
            self.assertEqual(404, self.get(what)[0])


class AKillAtEveryPoint(SynchronousTestCase):
    """The process dies at the point; it is started again; the client repeats what it asked."""

    def setUp(self) -> None:
        self.node = Node()
        self.addCleanup(self.node.stop)
        self.node.start_manager()

    def killed_in(self, call: str, argument: Any, at: str) -> None:
        with contextlib.suppress(OSError, HTTPException):  # the ways to lose a connection
            getattr(self.node.proxy(), call)(argument)
        self.assertEqual(-9, self.node.ended(), at)
        self.node.start_conf()

    def redeemed(self, sealed: Any) -> str:
        """The rcap for a ticket; asked again while the node says that it cannot now, as its clients do."""
        answers: list[Any] = []

        def given() -> bool:
            answers.append(self.node.proxy().create_sliver(sealed))
            return bool(answers[-1][0] == 0)

        until(given, lambda: f"a sliver is given, not {answers[-1]}")
        rcap: str = answers[-1][1][0]
        return rcap

    def end_conf(self) -> None:
        assert self.node.conf is not None
        self.node.conf.terminate()
        self.assertEqual(0, self.node.ended())

    def test_of_a_redemption_gives_one_sliver_and_one_rcap(self) -> None:
        for at in REDEEMING:
            name = at.replace(".", "")
            sealed = fresh(name)
            self.node.start_conf(f"{at}:1:kill")
            self.killed_in("create_sliver", sealed, at)
            rcaps = {self.redeemed(sealed) for _ in range(2)}
            self.assertEqual(1, len(rcaps), at)
            code, rspec = self.node.proxy().GetRspec(rcaps.pop())
            self.assertEqual((0, f"princeton_{name}"), (code, rspec["slice"]), at)
            self.end_conf()

    def test_of_a_deletion_leaves_no_sliver_and_a_ticket_that_stays_out(self) -> None:
        for at in DELETING:
            sealed = fresh(at.replace(".", ""))
            self.node.start_conf(f"{at}:1:kill")
            rcap = self.redeemed(sealed)
            self.killed_in("delete_sliver", rcap, at)
            self.assertEqual(0, self.node.proxy().delete_sliver(rcap)[0], at)
            self.assertEqual(208, self.node.proxy().create_sliver(sealed)[0], at)
            self.end_conf()


class AnOwnersEditOfTheFile(OnLoopback):
    def test_bars_tickets_within_seconds(self) -> None:
        path = self.node.place / "owner.toml"
        text = path.read_text()
        path.write_text("paused = true\n" + text.replace("paused = false\n", ""))
        until(
            lambda: self.node.proxy().create_sliver(fresh(f"paused{time.monotonic_ns()}"))[0] == 220, "the pause holds"
        )
        path.write_text(text)


class WhatCannotStart(SynchronousTestCase):
    """One line on stderr, and no traceback."""

    def run_with(self, node: Node) -> tuple[int, list[str]]:
        command = [sys.executable, "-m", "pl_conf", "--config", str(node.place / "pl_conf.toml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60.0, cwd=ROOT, check=False)
        said = [line for line in done.stderr.splitlines() if line.startswith("plfed-pl-conf: ")]
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(1, len(said), done.stderr)
        return done.returncode, said

    def test_on_a_port_that_is_taken(self) -> None:
        first = Node()
        self.addCleanup(first.stop)
        first.start_conf()
        second = Node(listen=[f"tcp:{first.port}:interface=127.0.0.1"])
        code, said = self.run_with(second)
        self.assertEqual((1, True), (code, str(first.port) in said[0]))

    def test_on_rules_that_cannot_be_read(self) -> None:
        node = Node(policy="nowhere.toml")
        code, said = self.run_with(node)
        self.assertEqual((2, True), (code, "nowhere.toml" in said[0]))

    def test_on_a_ledger_that_another_process_has(self) -> None:
        first = Node()
        self.addCleanup(first.stop)
        first.start_conf()
        second = Node(ledger=str(first.place / "ledger.db"))
        code, said = self.run_with(second)
        self.assertEqual((2, True), (code, "another process" in said[0]))
