"""What programs of the node, and its owner, ask over the Unix socket."""

import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import SkipTest
from xmlrpc.client import Binary, Fault, dumps, loads

from tests.pl_conf.process import ROOT
from tests.pl_conf.test_process import OnLoopback, fresh


def ask(path: str | Path, method: str, *args: Any) -> Any:
    """One XML-RPC call over a Unix socket."""
    connection = http.client.HTTPConnection("localhost", timeout=60.0)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    try:
        connection.request("POST", "/", dumps(args, method), {"Content-Type": "text/xml"})
        return loads(connection.getresponse().read())[0][0]
    finally:
        connection.close()


class TheSocket(OnLoopback):
    def ask(self, method: str, *args: Any) -> Any:
        return ask(self.node.place / "pl_conf.sock", method, *args)

    def slivers(self) -> dict[str, str]:
        return {each["name"]: each["state"] for each in ask(self.node.place / "nm.sock", "Slivers")}

    def test_takes_a_ticket_that_the_node_manager_hands_over_and_answers_values_and_faults(self) -> None:
        rcap = self.ask("Redeem", Binary(fresh("handed")))
        self.assertEqual([0, [rcap]], self.node.proxy().create_sliver(fresh("handed", "handed-2", age=1.0)))
        fault = self.assertRaises(Fault, self.ask, "Redeem", "nothing")
        self.assertEqual((201, True), (fault.faultCode, "malformed" in fault.faultString))

    def test_lists_every_wish_with_its_ticket_for_who_checks_them(self) -> None:
        self.node.proxy().create_sliver(fresh("listed"))
        wishes = {wish["name"]: wish for wish in self.ask("Wishes")}
        self.assertEqual(("plc", "push"), tuple(wishes["princeton_listed"][key] for key in ("authority", "source")))
        self.assertEqual([], self.ask("Journal"))
        self.assertIn("created", [receipt["deed"] for receipt in self.ask("Receipts", 0, "plc")])

    def test_stops_everything_within_five_seconds_and_lets_it_run_again(self) -> None:
        self.node.proxy().create_sliver(fresh("stopping"))
        begun = time.monotonic()
        self.ask("Pause")
        self.assertEqual("stopped", self.slivers()["princeton_stopping"])
        self.assertLess(time.monotonic() - begun, 5.0)
        self.assertEqual(220, self.node.proxy().create_sliver(fresh("late"))[0])
        self.ask("Resume")
        self.assertEqual("running", self.slivers()["princeton_stopping"])

    def test_a_ticket_that_comes_again_during_a_pause_is_answered_as_before_and_the_command_says_who_can_end_it(
        self,
    ) -> None:
        sealed = fresh("resting")
        rcap = self.node.proxy().create_sliver(sealed)[1][0]
        self.assertEqual("", self.node.proxy().GetState(rcap)[1]["why"])
        self.ask("Pause")
        self.addCleanup(self.ask, "Resume")
        self.assertEqual([0, [rcap]], self.node.proxy().create_sliver(sealed))
        code, told = self.node.proxy().GetState(rcap)
        self.assertEqual((0, "princeton_resting", "stopped"), (code, told["slice"], told["state"]))
        self.assertIn("plfed owner resume", told["why"])
        file = self.node.place / "ticket.xml"
        file.write_bytes(sealed)
        where = f"http://127.0.0.1:{self.node.port}/"
        command = [sys.executable, "-m", "planetlab.cli", "ticket", "redeem", str(file), "--node", where]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        self.assertIn(f"ok, rcap {rcap}, but the sliver stands still: the node's owner has paused it", ended.stdout)
        self.assertIn("1 of 1 gave a sliver; 1 of these stand still", ended.stdout)

    def test_tells_what_is_wrong_with_an_owners_call(self) -> None:
        for call in (("Cap", "", "colour", 1.0), ("Cap", "emulab", "share", 1.0), ("Calendar", [{"days": "mon"}])):
            fault = self.assertRaises(Fault, self.ask, *call)
            self.assertEqual(102, fault.faultCode)

    def test_brokers_split_and_bind_a_pool_from_outside_by_its_rcap(self) -> None:
        public = self.node.proxy()
        public.create_sliver(fresh("brokered"))
        pool = ask(self.node.place / "nm.sock", "CreatePool", {"net_min_rate": 1000}, "princeton_brokered")
        code, part = public.SplitPool(pool, {"net_min_rate": 400})
        self.assertEqual((0, 400), (code, public.GetRspec(part)[1]["net_min_rate"]))
        self.assertEqual([0, 1], public.Bind(part, "princeton_brokered"))
        code, text = public.SplitPool(pool, {"net_min_rate": 700})
        self.assertEqual((224, True), (code, "700 asked, 600 left" in text), text)
        self.assertEqual(240, public.GetRspec("0" * 32)[0])
        for wrong in ({"colour": 1}, {"net_min_rate": "1"}, {"net_min_rate": -1}, {"ports": [0]}, {"end": 5}):
            self.assertEqual(102, public.SplitPool(pool, wrong)[0], wrong)
        self.assertEqual(102, public.delete_sliver(Binary(b"0" * 32))[0])

    def test_is_the_owners_alone_for_what_changes_the_rules(self) -> None:
        if os.getuid() != 0:
            raise SkipTest("needs root: calls as another user")
        os.chmod(self.node.place, 0o755)
        for method in ("Pause", "Wishes", "ShowPolicy", "Receipts"):
            self.assertEqual(0, self.refused_to(65534, method), method)

    def refused_to(self, uid: int, method: str) -> int:
        """Call as another user, in a process of its own; 0 when it is refused for that reason."""
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        try:
            os.setuid(uid)
            self.ask(method)
        except Fault as fault:
            os._exit(0 if f"and user {uid} is not" in fault.faultString else 2)
        finally:
            os._exit(1)
