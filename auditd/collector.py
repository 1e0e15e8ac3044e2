"""The capture program: started, listened to, started again; it and the audit may each be killed, and little is lost.

The capture writes to a Unix socket in the data folder and holds what is not on disk yet. A killed audit finds it still
there, and is told what it had not kept. A killed capture leaves its packet rings behind, for the audit holds their
descriptors: the next one goes on reading them. Only when both are gone at once nothing is seen until they are back.
When the capture talks nonsense or falls silent, it is ended and another is started: at once after a good run, ever more
slowly after failures.
"""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import ClientFactory, ProcessProtocol
from twisted.internet.protocol import Protocol as Connection
from twisted.logger import Logger
from zope.interface import implementer

from auditd.audit import SILENT, Audit
from auditd.clean import line
from auditd.settings import Settings
from auditd.stream import END, HAVE, WORD, BadStream, Kind, Message, Reader

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0  # seconds before another start
GOOD_RUN = 1.0  # seconds after which a start counts as having worked
START = 20.0  # seconds that a capture may take to say hello
START_RANK = 2  # of real-time priority, as `auditd.capture_priority` takes it
LOOK = 0.02  # seconds between two looks whether it listens
END_IN = 2.0  # seconds that it may take to end when asked to
_log = Logger()
Steady = Callable[[], int]


class Source(Protocol):
    """Where messages of a capture come from."""

    error: str  # why there is no capture, "" when there is one

    def start(self) -> None:
        """Begin to feed the audit."""

    def stop(self) -> Deferred[None]:
        """End, and leave no process behind; fires when none is."""

    def watch(self) -> None:
        """Called twice a second: notice what has fallen silent."""

    def kept(self) -> None:
        """Everything that came is on disk."""


def words(settings: Settings) -> list[str]:
    """What the capture program is told."""
    told = []
    for name in settings.capture_interfaces:
        told += ["--interface", name]
    told += ["--ring-mib", str(settings.ring_mib), "--senders", settings.capture_senders]
    told += ["--forwarded", settings.capture_forwarded, "--socket", str(place(settings))]
    told += ["--priority", settings.capture_priority]
    return [*told, "--filter", settings.capture_filter] if settings.capture_filter else told


def place(settings: Settings) -> Path:
    """Where the capture listens."""
    return Path(settings.data_dir).absolute() / "capture.sock"


class _Child(ProcessProtocol):
    """One run of the program, as its parent sees it."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._said = ""

    def errReceived(self, data: bytes) -> None:
        self._said = line(data.strip().rpartition(b"\n")[2] or data, 300)

    def kill(self) -> None:
        """End it now."""
        with contextlib.suppress(ProcessExitedAlready):
            assert self.transport is not None
            self.transport.signalProcess("KILL")

    def processEnded(self, reason: Any) -> None:
        self._ended(self._said or line(reason.getErrorMessage()))


@implementer(IFileDescriptorReceiver)
class _Line(Connection):
    """The connection to a capture."""

    def __init__(self, collector: "Collector") -> None:
        self._collector = collector
        self._reader = Reader(resumed=True)
        self.descriptors: list[int] = []
        self.why = ""

    def fileDescriptorReceived(self, descriptor: int) -> None:
        self.descriptors.append(descriptor)

    def dataReceived(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                self._collector.take(message, self)
        except BadStream as error:
            self.end(str(error))

    def say(self, word: int, number: int = 0) -> None:
        """Tell the capture what is kept, or to end."""
        if self.transport is not None:
            self.transport.write(WORD.pack(word, number))

    def end(self, why: str) -> None:
        """Ask the capture to end, and hear no more of it."""
        self.why = why
        self.say(END)
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        self._collector.lost(self, self.why or "the capture ended")


class _Lines(ClientFactory):
    noisy = False

    def __init__(self, collector: "Collector") -> None:
        self._collector = collector

    def buildProtocol(self, addr: Any) -> _Line:
        return _Line(self._collector)

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        self._collector.unanswered()


@define(eq=False)
class Collector:
    """Keeps one capture program running."""

    audit: Audit
    settings: Settings
    reactor: Any
    steady: Steady
    error: str = field(default="", init=False)  # why there is no capture, "" when there is one
    _child: _Child | None = field(default=None, init=False)  # the process, where it was started by this one
    _line: _Line | None = field(default=None, init=False)  # once it has said hello
    _kept: list[tuple[int, list[Any]]] = field(factory=list, init=False)  # descriptors of its rings, and of what
    _started: float = field(default=0.0, init=False)
    _pause: float = field(default=FIRST_PAUSE, init=False)
    _adopting: bool = field(default=False, init=False)  # whether a start with those rings has yet to say hello
    _again: Any = field(default=None, init=False)
    _killing: Any = field(default=None, init=False)
    _stopping: bool = field(default=False, init=False)
    _gone: Deferred[None] = field(factory=Deferred, init=False)

    def start(self) -> None:
        """Go on with a capture that is there, or start one."""
        self._started = self.reactor.seconds()
        self._look()

    def _look(self) -> None:
        self._again = None
        self.reactor.connectUNIX(str(place(self.settings)), _Lines(self))

    def unanswered(self) -> None:
        """Nobody listens: not yet, or not at all."""
        if self._stopping:
            return
        if self._child is None:
            self._spawn()
        self._again = self.reactor.callLater(LOOK, self._look)

    def _spawn(self) -> None:
        self._child = _Child(self.ended)
        told = [*self.settings.capture_prefix, sys.executable, "-m", "auditd.capture", *words(self.settings)]
        descriptors = {0: "w", 1: "r", 2: "r"}
        self._adopting = bool(self._kept)
        if self._kept:
            descriptors |= {3 + at: number for at, (number, _) in enumerate(self._kept)}  # type: ignore[misc]  # pipes by letter, descriptors by number
            told += ["--adopt", json.dumps([[*what, 3 + at] for at, (_, what) in enumerate(self._kept)])]
            told += ["--told", json.dumps(self.audit.blocks)]
        process = self.reactor.spawnProcess(self._child, told[0], told, env=None, childFDs=descriptors)
        if self.settings.capture_priority == "auto":  # a busy machine takes longer to begin it than a ring lasts
            with contextlib.suppress(OSError):  # it asks by itself once it has begun, and says what came of it
                os.sched_setscheduler(process.pid, os.SCHED_RR, os.sched_param(START_RANK))

    def take(self, message: Message, said_by: _Line) -> None:
        """One message of the capture."""
        now = self.steady()
        if message.kind is Kind.HELLO:
            self._meet(message, said_by, now)
        elif said_by is not self._line:
            raise BadStream("capture stream: expected a hello first")
        elif message.kind is Kind.ROWS:
            self.audit.counted(message)
        else:
            self.audit.beats(message, now)

    def _meet(self, message: Message, said_by: _Line, now: int) -> None:
        facts = message.facts
        self._hold(said_by.descriptors, facts.get("descriptors", []))
        if facts.get("words") != words(self.settings):
            said_by.end("it was started with other settings")
            return
        self._line, self.error, self._adopting = said_by, "", False
        why = facts.get("priority_why", "")
        _log.info(
            "the capture runs, {priority} {why}", priority=line(facts.get("priority"), 20), why=line(why and f"({why})")
        )
        said_by.say(HAVE, self.audit.begins(message, now))

    def _hold(self, numbers: list[int], told: Any) -> None:
        """Keep the descriptors of the rings instead of those before."""
        for number, _ in self._kept:
            os.close(number)
        self._kept = list(zip(numbers, told, strict=False))
        for number in numbers[len(self._kept) :]:
            os.close(number)

    def kept(self) -> None:
        """Everything that came is on disk: the capture need hold it no longer."""
        if self._line is not None:
            self._line.say(HAVE, self.audit.heard_of.message)

    def watch(self) -> None:
        """End a capture that has fallen silent."""
        silent = self._line is not None and self.steady() - self.audit.heard > 2 * SILENT
        slow = self._line is None and self.reactor.seconds() - self._started > START
        if silent and self._line is not None:
            self._line.end("it fell silent")
            self._kill()
        elif slow and self._child is not None:
            self._child.kill()
        elif slow:  # somebody listens there, and says nothing
            self._started = self.reactor.seconds()
            self._spawn()

    def _kill(self) -> None:
        if self._child is not None:
            self._child.kill()
        elif isinstance(pid := self.audit.hello.get("pid"), int):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def lost(self, which: _Line, why: str) -> None:
        """The connection is gone, and everything that came by it was read: so is the capture, or it will be."""
        if self._line is which:
            self._line = None
        if self._child is not None:
            self._child.kill()
        elif not self._stopping:
            self._restart(why)
        else:
            self._done()

    def ended(self, why: str) -> None:
        """Our child is gone: start another, unless we are done."""
        self._child = None
        if self._line is not None:
            return  # what it said last is still being read; `lost` follows
        if self._adopting:  # it did not come so far as to say hello: perhaps these rings are of no use
            self._hold([], [])
        if self._stopping:
            self._done()
        else:
            self._restart(why)

    def _restart(self, why: str) -> None:
        if self._again is not None and self._again.active():
            self._again.cancel()
        self.error = why
        lasted = self.reactor.seconds() - self._started
        self._pause = FIRST_PAUSE if lasted > GOOD_RUN else min(self._pause * 2, LONGEST_PAUSE)
        _log.warn("the capture ended: {why}; next start in {pause:.2f} s", why=why, pause=self._pause)
        self._again = self.reactor.callLater(self._pause, self.start)

    def stop(self) -> Deferred[None]:
        """End the capture, and start no other; fires when it is gone."""
        self._stopping = True
        if self._again is not None and self._again.active():
            self._again.cancel()
        if self._child is None and self._line is None:
            self._hold([], [])
            return succeed(None)
        if self._line is not None:
            self._line.say(END)
            self._killing = self.reactor.callLater(END_IN, self._kill)
        else:
            self._kill()
        return self._gone

    def _done(self) -> None:
        if self._child is None and self._line is None and not self._gone.called:
            if self._killing is not None and self._killing.active():
                self._killing.cancel()
            self._hold([], [])
            self._gone.callback(None)
