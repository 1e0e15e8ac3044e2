"""Children under supervision: a dead one comes back, and all are gone when their parent is done."""

import os
import pathlib
import signal
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from planetlab.cli.processes import Program, Supervisor


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Children(TestCase):
    timeout = 300  # a busy machine is slow

    def setUp(self) -> None:
        self.folder = pathlib.Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.said: list[str] = []
        self.hearing: Deferred[str] = Deferred()
        self.supervisor = Supervisor(reactor, self.hear)  # type: ignore[arg-type]  # Twisted's module is the reactor
        self.addCleanup(lambda: Deferred.fromCoroutine(self.supervisor.stop_all()))

    def hear(self, line: str) -> None:
        self.said.append(line)
        hearing, self.hearing = self.hearing, Deferred()
        hearing.callback(line)

    def program(self, name: str, source: str) -> Program:
        return Program(name, (sys.executable, "-S", "-c", source), self.folder / f"{name}.log")

    async def until_log(self, name: str, text: str) -> None:
        while text not in (self.folder / f"{name}.log").read_text():
            pause: Deferred[None] = Deferred()
            reactor.callLater(0.02, pause.callback, None)
            await pause

    async def test_a_killed_child_is_started_again(self) -> None:
        child = self.supervisor.start(self.program("sleeper", "import time; time.sleep(60)"))
        first = child.pid
        child.signal(signal.SIGKILL)
        self.assertIn("sleeper was ended by SIGKILL", await self.hearing)
        while child.pid is None:
            pause: Deferred[None] = Deferred()
            reactor.callLater(0.05, pause.callback, None)
            await pause
        self.assertNotEqual(first, child.pid)
        self.assertEqual(2, child.starts)

    async def test_the_last_line_of_a_child_that_fails_is_told(self) -> None:
        self.supervisor.start(self.program("failing", "import sys; sys.exit('port 80 is busy')"))
        self.assertIn("failing ended with code 1 (port 80 is busy)", await self.hearing)

    async def test_a_child_that_says_its_settings_are_wrong_is_not_started_again(self) -> None:
        child = self.supervisor.start(self.program("failing", "import sys; print('key hrn is missing'); sys.exit(2)"))
        self.assertIn("(key hrn is missing); it is started again once that is mended", await self.hearing)
        self.assertEqual((1, True), (child.starts, child.given_up))

    async def test_a_stopped_child_is_gone_and_stays_away(self) -> None:
        child = self.supervisor.start(self.program("sleeper", "import time; time.sleep(60)"))
        pid = child.pid
        assert pid
        await self.supervisor.stop_all()
        self.assertFalse(exists(pid))
        self.assertEqual([], self.said)
        self.assertEqual({}, self.supervisor.children)

    async def test_a_child_waiting_to_be_started_again_is_not_started_after_stop(self) -> None:
        child = self.supervisor.start(self.program("failing", "import sys; sys.exit(3)"))
        await self.hearing
        await self.supervisor.stop_all()
        self.assertEqual((1, None), (child.starts, child.pid))

    async def test_a_child_that_ends_before_its_start_is_told_can_be_stopped(self) -> None:
        class Busy:
            """A reactor that is so late that a process has ended when its start returns."""

            pid = None
            seconds, callLater = reactor.seconds, reactor.callLater  # type: ignore[attr-defined]  # Twisted's module

            def spawnProcess(self, protocol: ProcessProtocol, *_: object, **options: object) -> "Busy":
                protocol.processEnded(Failure(ProcessDone(0)))
                return self

        supervisor = Supervisor(Busy(), self.hear)  # type: ignore[arg-type]  # no more of a reactor is needed
        child = supervisor.start(self.program("brief", ""))
        self.assertIn("starting it again", self.said[0])
        await supervisor.stop_all()
        self.assertIsNone(child.pid)

    async def test_children_stop_in_waves(self) -> None:
        source = (
            "import signal, sys, time; signal.signal(15, lambda *a: sys.exit(print({!r}, time.time()))); time.sleep(60)"
        )
        for name in ("inner", "outer"):
            marked = source.format(name).replace("time.sleep", "print('up', flush=True); time.sleep")
            self.supervisor.start(self.program(name, marked))
            await self.until_log(name, "up")
        await self.supervisor.stop_all([lambda name: name == "outer"])
        ends = {name: float((self.folder / f"{name}.log").read_text().split()[-1]) for name in ("inner", "outer")}
        self.assertLess(ends["outer"], ends["inner"])

    def test_a_name_is_run_once(self) -> None:
        program = self.program("sleeper", "import time; time.sleep(60)")
        self.supervisor.start(program)
        self.assertRaises(ValueError, self.supervisor.start, program)
