"""Services as child processes: each is started, started again when it dies, and ended with the command that began it.

A child also dies when its parent is killed (``setpriv --pdeathsig``), so nothing is left whatever happens here. What a
child prints goes to its own log file; its last line is what an operator is shown when it will not stay up.
"""

import os
import pathlib
import signal
from collections.abc import Callable, Sequence

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IDelayedCall, IProcessTransport, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

STOP_WITHIN = 6.0  # seconds; a service promises to stop within 5 of SIGTERM
FIRST_PAUSE = 0.25  # seconds before a dead child is started again; doubles while it keeps dying
LONGEST_PAUSE = 8.0  # seconds
STEADY = 20.0  # seconds a child must have run for its pause to begin anew
BAD_SETTINGS = 2  # the code with which a service ends that cannot use its settings
# A session of its own keeps the terminal's Ctrl-C from a child: only its supervisor tells it to end.
OWN_SESSION = ("setsid", "setpriv", "--pdeathsig", "TERM")
LOG_LIMIT = 4 << 20  # bytes; a longer log is put aside once when its child starts


@frozen
class Program:
    """What is run: a name for people, the command, the folder it runs in and what its environment has beside ours."""

    name: str
    command: tuple[str, ...]
    log: pathlib.Path
    environment: dict[str, str] = field(factory=dict)


class ProcessReactor(IReactorProcess, IReactorTime):
    """What this module needs of a reactor."""


@define(eq=False)
class Child:
    """One program under supervision."""

    program: Program
    reactor: ProcessReactor
    told: Callable[[str], None] = field(default=lambda line: None)
    pid: int | None = None
    starts: int = 0
    last_end: str = ""
    given_up: bool = False  # it said that its settings are wrong, and would say so again
    _transport: IProcessTransport | None = None
    _stopping: bool = False
    _ended: Deferred[None] | None = None
    _pause: float = FIRST_PAUSE
    _began: float = 0.0
    _later: IDelayedCall | None = None

    log = Logger()

    def start(self) -> None:
        """Run the program; from now on it is started again whenever it ends."""
        self._later = None
        self.starts += 1
        self._began = self.reactor.seconds()
        _put_aside(self.program.log)
        command = (*OWN_SESSION, *self.program.command)
        environment = {**os.environ, **self.program.environment}
        with open(os.devnull, "rb") as nothing, self.program.log.open("ab") as out:
            files = {0: nothing.fileno(), 1: out.fileno(), 2: out.fileno()}
            begun = self.reactor.spawnProcess(_Ending(self), command[0], command, env=environment, childFDs=files)
        if begun.pid is not None:  # on a busy machine it may have ended by now, and `ended` been told so
            self._transport, self.pid = begun, begun.pid

    def ended(self, reason: Failure) -> None:
        """The process is gone; begin again unless it was asked to stop."""
        lived, self.pid, self._transport = self.reactor.seconds() - self._began, None, None
        if self._stopping:
            self._hush()
            self._done()
            return
        self._pause = FIRST_PAUSE if lived >= STEADY else min(self._pause * 2, LONGEST_PAUSE)
        self.last_end = f"{self.program.name} {_how(reason)}{_last_words(self.program.log)}"
        if getattr(reason.value, "exitCode", None) == BAD_SETTINGS:
            self.given_up = True
            self.told(f"{self.last_end}; it is started again once that is mended")
            return
        self._later = self.reactor.callLater(self._pause, self.start)
        self.told(f"{self.last_end}; starting it again in {self._pause:.1f} s")

    def stop(self) -> Deferred[None]:
        """Ask the process to end, and make it end when it has not after `STOP_WITHIN` seconds."""
        self._stopping = True
        ended: Deferred[None] = Deferred()
        self._ended = ended
        self._hush()
        if self._transport is None:
            self._done()
        else:
            self.signal(signal.SIGTERM)
            self._later = self.reactor.callLater(STOP_WITHIN, self.signal, signal.SIGKILL)
        return ended

    def signal(self, number: int) -> None:
        """Send a signal, if the process is there."""
        if self.pid is not None:
            os.kill(self.pid, number)

    def _hush(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()

    def _done(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended.callback(None)


class _Ending(ProcessProtocol):
    def __init__(self, child: Child) -> None:
        self.child = child

    def processEnded(self, reason: Failure) -> None:
        self.child.ended(reason)


@define(eq=False)
class Supervisor:
    """All the children of one command, in the order they were started; they are stopped in the reverse order."""

    reactor: ProcessReactor
    told: Callable[[str], None] = field(default=lambda line: None)
    children: dict[str, Child] = field(factory=dict)

    def start(self, program: Program) -> Child:
        """Run ``program`` under its name."""
        if program.name in self.children:
            raise ValueError(f"{program.name} is already run here")
        child = self.children[program.name] = Child(program, self.reactor, self.told)
        child.start()
        return child

    async def stop(self, name: str) -> None:
        """End one child and forget it."""
        await self.children.pop(name).stop()

    async def stop_all(self, waves: Sequence[Callable[[str], bool]] = ()) -> None:
        """End every child: those that the first of ``waves`` picks by name, then the next's, then the rest at once."""
        for picks in (*waves, _anyone):
            gone = [self.children.pop(name).stop() for name in reversed(list(self.children)) if picks(name)]
            await gatherResults(gone)


def _anyone(name: str) -> bool:
    return True


def _put_aside(log: pathlib.Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".1.log"))


def _how(reason: Failure) -> str:
    status = reason.value
    assert isinstance(status, ProcessTerminated | ProcessDone), status
    if status.signal is not None:
        name: str = signal.Signals(int(status.signal)).name
        return f"was ended by {name}"
    return f"ended with code {status.exitCode}"


def _last_words(log: pathlib.Path) -> str:
    """The log's last line, as said to an operator."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2000))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return f" ({lines[-1][:200]})" if lines else ""
