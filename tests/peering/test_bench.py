"""The bench of a federation runs, small, and what it measures is there."""

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parents[2]


class Bench(SynchronousTestCase):
    def test_three_plcs_and_some_static_peers(self) -> None:
        command = (sys.executable, "-m", "bench.federation", "3", "4", "40")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
        self.assertEqual("", done.stderr)
        lines = dict(line.rsplit(None, 2)[:2] for line in done.stdout.splitlines() if line.endswith((" s", " ms")))
        self.assertIn("a user's slice on nodes of the two other PLCs", lines)
        self.assertLess(float(lines["1 % new: 3 peers of 4 objects refreshed"]), 60.0)
        self.assertIn("peers in the books                                          6.000", done.stdout)
