"""Failpoints do what they say, when a test says so, and never otherwise."""

import pathlib
import re
import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from planetlab.failpoints import NAMES, read
from tests.edge.example import environment

PASS = "from planetlab.failpoints import failpoint\nfor i in range(3): failpoint('ticket.signed'); print(i, flush=True)"


class Failpoints(SynchronousTestCase):
    def run_with(self, said: str, testing: str = "1", **more: str) -> "subprocess.CompletedProcess[str]":
        variables = environment(PLFED_FAILPOINT=said, PLFED_TESTING=testing, **more)
        return subprocess.run(
            [sys.executable, "-c", PASS], env=variables, capture_output=True, text=True, timeout=60, check=False
        )

    def test_kill_ends_the_process_at_the_nth_passing_as_kill_9_does(self) -> None:
        ended = self.run_with("ticket.signed:2:kill")
        self.assertEqual((-signal.SIGKILL, "0\n"), (ended.returncode, ended.stdout))

    def test_raise_raises_once(self) -> None:
        ended = self.run_with("ticket.signed:raise")
        self.assertEqual((1, ""), (ended.returncode, ended.stdout))
        self.assertIn("planetlab.failpoints.Failed: ticket.signed", ended.stderr)

    def test_sleep_goes_on_afterwards(self) -> None:
        ended = self.run_with("ticket.signed:3:sleep", PLFED_FAILPOINT_SLEEP="0.01")
        self.assertEqual((0, "0\n1\n2\n"), (ended.returncode, ended.stdout))

    def test_without_testing_nothing_is_armed(self) -> None:
        ended = self.run_with("ticket.signed:kill", testing="")
        self.assertEqual((0, "0\n1\n2\n"), (ended.returncode, ended.stdout))

    def test_what_is_no_failpoint_is_refused_by_name(self) -> None:
        for said in (
            "nope:kill",
            "ticket.signed",
            "ticket.signed:0:kill",
            "ticket.signed:x:kill",
            "ticket.signed:burn",
        ):
            error = self.assertRaises(ValueError, read, said)
            self.assertIn(f"PLFED_FAILPOINT {said!r}: expected name[:n]:kill|raise|sleep", str(error))

    def test_several_may_be_armed(self) -> None:
        armed = read("ticket.signed:2:kill,answer.sent:raise")
        self.assertEqual({"ticket.signed", "answer.sent"}, set(armed))

    def test_every_failpoint_of_the_tree_stands_in_the_table(self) -> None:
        root = pathlib.Path(__file__).parents[2]
        passed = set()
        for package in ("planetlab", "slice_authority", "mgmt_authority", "pl_conf", "node_manager", "auditd", "web"):
            for module in (root / package).rglob("*.py"):
                passed |= set(re.findall(r"""failpoint\(["']([\w.-]+)["']\)""", module.read_text()))
        self.assertIn("answer.sent", passed)
        self.assertEqual(set(), passed - set(NAMES))
