"""``plfed owner`` against a real pl_conf and node manager."""

import json
import subprocess
import sys
from typing import Any

from tests.pl_conf.process import ROOT
from tests.pl_conf.test_process import OnLoopback, fresh


class TheOwnersCommand(OnLoopback):
    def owner(self, *said: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "planetlab.cli", "owner", *said, "--node", str(self.node.place)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30.0, check=False)
        return done.returncode, done.stdout, done.stderr

    def value(self, *said: str) -> Any:
        code, out, err = self.owner(*said, "--json")
        self.assertEqual(0, code, err)
        return json.loads(out)

    def test_says_in_one_line_what_is_wrong(self) -> None:
        for said in (("cap", "colour", "1"), ("deny", "not a name"), ("cap", "share", "0.5", "--authority", "emulab")):
            code, _, err = self.owner(*said)
            self.assertEqual((1, 1), (code, len(err.strip().splitlines())), err)
        code, _, err = self.owner("calendar", "--days", "sun")
        self.assertEqual((2, True), (code, "--pause" in err))

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
