"""A node of two real processes, broken off at every point and in every way, and with a full disk."""

import shutil
import subprocess
import sys

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.pl_conf.process import ROOT

LONGEST = 600  # seconds
KILLED = ("redeem.answered", "sliver.half", "release.journalled")
RAISED = ("redeem.recorded", "sliver.bound")
LOST = ("redeem.recorded", "sliver.done")
TORN = ("redeem.instantiated", "delete.recorded")


class BrokenOff(SynchronousTestCase):
    """Each test is a program that makes its own processes, at a few points; `python -m bench.faults` does it at all of
    them, twenty times each.
    """

    def well(self, *words: str, compiler: bool = True) -> str:
        if compiler and shutil.which("cc") is None:
            raise SkipTest("a disk whose power can be cut, or that is full, needs a C compiler (gcc, libc6-dev)")
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False
        )
        self.assertEqual((0, ""), (done.returncode, done.stderr), done.stdout)
        return done.stdout

    def whole(self, way: str, points: tuple[str, ...], compiler: bool = True) -> None:
        for point in points:
            said = self.well("bench.faults", "--repeats", "1", way, point, compiler=compiler)
            self.assertIn("; 0 not as they must be", said)

    def test_by_a_kill_gives_one_whole_sliver_one_rcap_and_no_ticket_twice(self) -> None:
        self.whole("kill", KILLED, compiler=False)

    def test_by_a_failure_inside_the_program_too(self) -> None:
        self.whole("raise", RAISED, compiler=False)

    def test_by_a_power_cut_that_loses_what_was_not_synchronised(self) -> None:
        self.whole("lost", LOST)

    def test_by_a_power_cut_that_tears_it(self) -> None:
        self.whole("torn", TORN)

    def test_by_a_full_disk_every_kind_of_write_is_refused_and_goes_well_when_there_is_room(self) -> None:
        self.assertIn("12 kinds of write on a full disk; 0 not", self.well("bench.full"))


class ARunThatMustFail(SynchronousTestCase):
    """The judge is judged: what is wrong with a node is found by the same rules."""

    def test_a_sliver_that_vanished_is_told(self) -> None:
        program = (
            "import pathlib, tempfile; from bench import forked, faults; top = pathlib.Path(tempfile.mkdtemp());"
            "disk = top / 'disk'; disk.mkdir(); node = forked.Node(forked.Authority(top), disk, top); node.start();"
            "node.insist('create_sliver', __import__('xmlrpc.client').client.Binary(node.authority.ticket('x')));"
            "faults.settled(disk); node.stop(); (disk / 'slivers' / 'princeton_x.json').unlink();"
            "print(faults.violations(disk))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False
        )
        self.assertIn("princeton_x shall be here and there is no sliver", done.stdout, done.stderr)
