"""The node's bench, told to end in the middle, leaves nothing behind."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.pl_conf.process import ROOT


class ABenchThatIsToldToEnd(SynchronousTestCase):
    def test_by_a_signal_in_the_middle_leaves_no_process_file_or_network(self) -> None:
        with tempfile.TemporaryDirectory(dir="/tmp") as place:  # not deeper: a socket's path is short
            bench = self.begun(Path(place))
            os.killpg(bench.pid, signal.SIGTERM)  # as timeout(1) does, and as a terminal does with its own signal
            bench.communicate()
            self.assertEqual(128 + signal.SIGTERM, bench.returncode)
            self.assertEqual([], os.listdir(place))
            self.assertEqual([], [words for words in map(command, os.listdir("/proc")) if place in words])
            self.assertFalse(Path(f"/run/netns/plfed-bench-{bench.pid}").exists())

    def begun(self, place: Path) -> "subprocess.Popen[str]":
        """The bench, once its first slivers are there."""
        bench = subprocess.Popen(
            [sys.executable, "-m", "bench", "node"],
            env={**os.environ, "TMPDIR": str(place), "PLFED_BENCH_SLIVERS": "400"}, cwd=ROOT,
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert bench.stdout
        self.assertIn("memory: acquire", bench.stdout.readline())
        return bench


def command(pid: str) -> str:
    """The words of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
