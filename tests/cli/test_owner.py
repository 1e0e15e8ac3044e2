"""``plfed owner`` against a real pl_conf and node manager."""

import json
import os
import subprocess
import sys
import time
from typing import Any

from tests import sockets
from tests.pl_conf.process import ROOT
from tests.pl_conf.test_process import OnLoopback, fresh


class Commands(OnLoopback):
    def owner(self, *said: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "planetlab.cli", "owner", *said, "--node", str(self.node.place)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120.0, check=False)
        return done.returncode, done.stdout, done.stderr

    def value(self, *said: str) -> Any:
        code, out, err = self.owner(*said, "--json")
        self.assertEqual(0, code, err)
        return json.loads(out)


class TheOwnersCommand(Commands):
    def test_says_in_one_line_what_is_wrong(self) -> None:
        for said in (("cap", "colour", "1"), ("deny", "not a name"), ("cap", "share", "0.5", "--authority", "emulab")):
            code, _, err = self.owner(*said)
            self.assertEqual((1, 1), (code, len(err.strip().splitlines())), err)
        code, _, err = self.owner("calendar", "--days", "sun")
        self.assertEqual((2, True), (code, "--pause" in err))

    def test_says_how_a_node_is_named_when_none_runs_where_it_looks(self) -> None:
        command = [sys.executable, "-m", "planetlab.cli", "owner", "show", "--node", "/nowhere/pl_conf.sock"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120.0, check=False)
        self.assertEqual((1, True), (done.returncode, "/nowhere/pl_conf.sock: no node runs there" in done.stderr))

    def test_names_a_node_of_a_demo_by_its_host_name(self) -> None:
        facts = self.node.place / "facts.json"
        nodes = {"node1.plc.example": {"nm_socket": str(self.node.place / "nm.sock")}}
        facts.write_text(json.dumps({"authorities": {}, "nodes": nodes}))
        for name, code, said in (("node1.plc.example", 0, "authority"), ("node9.plc.example", 1, "node1.plc.example")):
            done = subprocess.run(
                [sys.executable, "-m", "planetlab.cli", "owner", "show", "--node", name],
                cwd=ROOT, env={**os.environ, "PLFED_FACTS": str(facts)}, capture_output=True, text=True, timeout=120.0,
            )  # fmt: skip
            self.assertEqual((code, True), (done.returncode, said in done.stdout + done.stderr), done.stderr)

    def test_pauses_caps_bars_and_shows_receipts_of_it_all(self) -> None:
        self.node.proxy().create_sliver(fresh("owned"))
        self.assertEqual(1, self.value("pause")["changed"])
        self.assertEqual(1, self.value("resume")["changed"])
        self.assertEqual(1, self.value("cap", "net_max_rate", "2000")["changed"])
        self.assertEqual(1, self.value("calendar", "--rate", "500", "--authority", "plc")["changed"])
        self.assertEqual(500, self.value("show")["slivers"][0]["rspec"]["net_max_rate"])
        self.assertEqual(1, self.value("deny", "princeton_owned")["changed"])
        self.assertIn("princeton_owned is only remembered", self.value("console", "princeton_owned")["console"])
        code, out, err = self.owner("show")
        self.assertEqual(
            (0, True, True), (code, "barred: princeton_owned" in out, "500 kbit/s each for plc" in out), err
        )
        deeds = [receipt["deed"] for receipt in self.value("receipts")]
        self.assertEqual(["created", "paused", "resumed"], [deed for deed in deeds if deed != "policy"][:3])


class EachOfTheOwnersWords(Commands):
    """One by one, on a node that reaches no authority at all."""

    def setUp(self) -> None:
        self.name = f"word{time.monotonic_ns()}"
        self.node.proxy().create_sliver(fresh(self.name))

    def state(self) -> str:
        """How the node manager has the sliver."""
        listed = sockets.call(self.node.place / "nm.sock", "Slivers")
        return str({each["name"]: each["state"] for each in listed}[f"princeton_{self.name}"])

    def limit(self, key: str) -> int:
        listed = {each["name"]: each["rspec"] for each in self.value("show")["slivers"]}
        return int(listed[f"princeton_{self.name}"][key])

    def test_pause_stops_everything_within_five_seconds_and_holds_over_a_restart_until_resume(self) -> None:
        begun = time.monotonic()
        self.value("show")
        asked = time.monotonic()
        self.value("pause")
        self.assertEqual("stopped", self.state())
        starting = asked - begun  # what a command takes to start, on a machine that is busy with other things
        self.assertLess(time.monotonic() - asked - starting, 5.0)
        self.assertEqual(220, self.node.proxy().create_sliver(fresh(f"{self.name}b"))[0])
        assert self.node.conf is not None
        self.node.conf.terminate()
        self.node.ended()
        self.node.start_conf()
        self.assertEqual("stopped", self.state())
        self.value("resume")
        self.assertEqual("running", self.state())

    def test_deny_stops_one_slice_and_allow_lets_it_in_again(self) -> None:
        self.value("deny", f"princeton_{self.name}")
        self.assertEqual("stopped", self.state())
        self.assertEqual(221, self.node.proxy().create_sliver(fresh(self.name, "again", age=1.0))[0])
        self.value("allow", f"princeton_{self.name}")
        self.assertEqual("running", self.state())
        self.assertEqual(0, self.node.proxy().create_sliver(fresh(self.name, "again", age=1.0))[0])

    def test_deny_and_allow_take_an_authority_too(self) -> None:
        self.value("deny", "plc")
        self.assertEqual("stopped", self.state())
        self.value("allow", "plc")
        self.assertEqual("running", self.state())

    def test_cap_binds_what_runs_and_0_takes_it_away(self) -> None:
        before = self.limit("net_max_rate")
        self.value("cap", "net_max_rate", "700", "--authority", "plc")
        self.assertEqual(700, self.limit("net_max_rate"))
        self.value("cap", "net_max_rate", "0", "--authority", "plc")
        self.assertEqual(before, self.limit("net_max_rate"))

    def test_calendar_pauses_at_its_time_and_clear_ends_it(self) -> None:
        self.value("calendar", "--pause")
        self.assertEqual("stopped", self.state())
        self.assertEqual([], self.value("calendar", "--clear")["calendar"])
        self.assertEqual("running", self.state())

    def test_show_tells_the_rules_and_what_is_here_under_them(self) -> None:
        code, out, err = self.owner("show")
        self.assertEqual((0, ""), (code, err))
        for words in ("not paused", "plc", "epfl", f"princeton_{self.name}", "runs"):
            self.assertIn(words, out)

    def test_receipts_tell_what_each_authority_changed_here(self) -> None:
        mine = [each for each in self.value("receipts", "--authority", "plc") if each["slice"].endswith(self.name)]
        self.assertEqual([("created", "push", "plc")], [(e["deed"], e["source"], e["authority"]) for e in mine])
        self.assertEqual([], self.value("receipts", "--authority", "epfl"))
        sums = {(each["authority"], each["deed"]): each["times"] for each in self.value("receipts", "--sums")}
        self.assertGreaterEqual(sums["plc", "created"], 1)
        self.assertNotIn("epfl", {authority for authority, _ in sums})
