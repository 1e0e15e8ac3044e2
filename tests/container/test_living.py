"""Of a process that was seen once the kernel tells at once that it has ended, whoever has its number by then."""

import os
import resource
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers.container.living import Living
from planetlab.names import SliceName
from tests.container.ground import CODEEN, SIRIUS


class FirstProcesses(SynchronousTestCase):
    def setUp(self) -> None:
        self.living = Living()
        self.addCleanup(self.living.close)

    def process(self) -> "subprocess.Popen[bytes]":
        """One that waits until it is ended."""
        running = subprocess.Popen(("cat",), stdin=subprocess.PIPE)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        return running

    def end(self, running: "subprocess.Popen[bytes]") -> None:
        """End it and wait for that, but leave it to be collected."""
        running.kill()
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)

    def test_one_that_ended_is_not_told_of_any_more_though_nobody_has_collected_it(self) -> None:
        first, second = self.process(), self.process()
        self.assertTrue(self.living.see(CODEEN, first.pid, lambda: True))
        self.assertTrue(self.living.see(SIRIUS, second.pid, lambda: True))
        self.assertEqual({CODEEN: first.pid, SIRIUS: second.pid}, self.living.pids())
        self.end(first)
        self.assertEqual({SIRIUS: second.pid}, self.living.pids())
        self.assertEqual((0, second.pid), (self.living.pid(CODEEN), self.living.pid(SIRIUS)))

    def test_one_that_is_somebody_elses_is_neither_believed_nor_remembered(self) -> None:
        self.assertFalse(self.living.see(CODEEN, self.process().pid, lambda: False))
        self.assertEqual({}, self.living.pids())

    def test_one_that_had_ended_before_it_was_looked_at_is_not_believed(self) -> None:
        ended, gone = self.process(), self.process()
        self.end(ended)
        gone.kill()
        gone.wait()
        self.assertEqual([False, False], [self.living.see(CODEEN, each.pid, lambda: True) for each in (ended, gone)])

    def test_a_sliver_that_started_again_has_its_new_one(self) -> None:
        old, new = self.process(), self.process()
        self.living.see(CODEEN, old.pid, lambda: True)
        self.living.see(CODEEN, new.pid, lambda: True)
        self.end(old)
        self.assertEqual({CODEEN: new.pid}, self.living.pids())

    def test_without_a_descriptor_to_spare_it_is_found_out_each_time(self) -> None:
        running, bounds = self.process(), resource.getrlimit(resource.RLIMIT_NOFILE)
        asked: list[int] = []

        def is_its() -> bool:
            asked.append(running.pid)
            return True

        resource.setrlimit(resource.RLIMIT_NOFILE, (3, bounds[1]))
        try:
            told = [self.living.see(CODEEN, running.pid, is_its) for _ in range(2)]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, bounds)
        self.assertEqual(([True, True], 2, {}), (told, len(asked), self.living.pids()))

    def test_no_descriptor_is_left_of_those_that_ended_nor_after_the_last_look(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        running = [self.process() for _ in range(3)]
        pipes = len(os.listdir("/proc/self/fd"))
        for number, each in enumerate(running):
            self.living.see(SliceName("princeton", f"s{number}"), each.pid, lambda: True)
        self.assertEqual(pipes + 3, len(os.listdir("/proc/self/fd")))
        self.end(running[0])
        self.living.pids()
        self.assertEqual(pipes + 2, len(os.listdir("/proc/self/fd")))
        self.living.close()
        self.assertEqual((before + 3, pipes - 1), (pipes, len(os.listdir("/proc/self/fd"))))
