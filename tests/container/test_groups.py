"""Where control groups are of version 2 alone, every limit is written as that version spells it.

The kernel's files are simulated here by plain ones, since a machine has one kind only; the other tests of slivers hold
real limits with whatever kind this machine has.
"""

import os
from pathlib import Path
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import DriverError
from node_manager.drivers.container.cgroups import Bounds, Groups, Used

GROUP = "/plfed/princeton_codeen"
FILES = {
    "cgroup.controllers": "cpuset cpu io memory pids\n",
    "cgroup.subtree_control": "cpu\n",
    "cgroup.procs": "",
    "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
    "cpuset.cpus": "",
    "cpuset.cpus.effective": "0-3\n",
    "memory.current": "4096\n",
    "memory.swap.max": "max\n",
    "pids.current": "7\n",
}


class VersionTwoAlone(SynchronousTestCase):
    def setUp(self) -> None:
        self.top = mkdtemp(dir=os.environ.get("TMPDIR"))
        for folder in ("", "/plfed", GROUP):
            os.makedirs(self.top + folder, exist_ok=True)
            for name, text in FILES.items():
                self.file(folder, name).write_text(text)
        self.groups = Groups("/nowhere", 0.1, self.top)

    def file(self, folder: str, name: str) -> Path:
        return Path(f"{self.top}{folder}/{name}")

    def written(self, name: str, folder: str = GROUP) -> str:
        return self.file(folder, name).read_text().strip()

    def test_it_is_told_by_the_kernels_own_file_and_no_other_hierarchy_is_looked_for(self) -> None:
        self.assertEqual((True, self.top, {}), (self.groups.v2_only, self.groups.v2, self.groups.v1))
        self.assertEqual("0-3", self.groups.online())
        self.assertEqual("", self.groups.door(GROUP))

    def test_controllers_are_handed_down_to_the_slivers_and_the_node_keeps_its_part(self) -> None:
        self.groups.make(GROUP)
        for level in ("", "/plfed"):
            self.assertEqual("+io", self.written("cgroup.subtree_control", level))  # the last of those it lacked
        self.assertEqual("900", self.written("cpu.weight", "/plfed"))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self.assertEqual(int(memory * 0.9), int(self.written("memory.max", "/plfed")))

    def test_every_bound_has_its_file(self) -> None:
        self.groups.bind(GROUP, Bounds(weight=300, cores=0.5, cpus="1-2", memory=1 << 20, processes=50))
        names = ("cpu.weight", "cpu.max", "cpuset.cpus", "memory.max", "memory.swap.max", "pids.max")
        self.assertEqual(["300", "50000 100000", "1-2", "1048576", "0", "50"], [self.written(name) for name in names])
        self.groups.bind(GROUP, Bounds(weight=1_000_000))
        unbound = ["10000", "max 100000", "0-3", "max", "max", "max"]  # processors of their own are not taken away, but
        self.assertEqual(unbound, [self.written(name) for name in names])  # all given: a group may not have none

    def test_processes_are_held_and_let_go(self) -> None:
        self.groups.freeze(GROUP, True)
        self.assertEqual("1", self.written("cgroup.freeze"))
        self.groups.freeze(GROUP, False)
        self.assertEqual("0", self.written("cgroup.freeze"))

    def test_use_is_read_and_of_a_group_that_is_not_there_nothing_is(self) -> None:
        self.assertEqual(Used(2.5, 4096, 7), self.groups.used(GROUP))
        self.assertEqual(Used(0.0, 0, 0), self.groups.used("/plfed/another"))

    def test_its_processes_are_its_own_and_those_of_the_groups_below(self) -> None:
        self.file(GROUP, "cgroup.procs").write_text("11\n12\n")
        os.mkdir(f"{self.top}{GROUP}/below")
        self.file(f"{GROUP}/below", "cgroup.procs").write_text("13\n")
        self.assertEqual([11, 12, 13], self.groups.pids(GROUP))

    def test_a_kernel_without_what_limits_need_is_refused_by_name(self) -> None:
        self.file("", "cgroup.controllers").write_text("cpu io\n")
        error = self.assertRaises(DriverError, Groups, "/nowhere", 0.1, self.top)
        self.assertIn("lack memory, pids", str(error))
