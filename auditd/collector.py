"""The capture program as a child: started, listened to, started again.

When the child dies, talks nonsense or falls silent, the audit declares from its last delivered moment on that nothing
was seen, and a new child is started: at once after a good run, ever more slowly after failures.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger

from auditd.audit import SILENT, Audit
from auditd.clean import line
from auditd.settings import Settings
from auditd.stream import BadStream, Kind, Reader

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 15.0  # seconds before another start
GOOD_RUN = 5.0  # seconds after which a start counts as having worked
START = 20.0  # seconds that a child may take to say hello
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


def command(settings: Settings) -> list[str]:
    """The words that start the capture program."""
    words = [*settings.capture_prefix, sys.executable, "-m", "auditd.capture"]
    for name in settings.capture_interfaces:
        words += ["--interface", name]
    words += ["--ring-mib", str(settings.ring_mib), "--senders", settings.capture_senders]
    words += ["--forwarded", settings.capture_forwarded]
    return [*words, "--filter", settings.capture_filter] if settings.capture_filter else words


class _Child(ProcessProtocol):
    """One run of the program."""

    def __init__(self, collector: "Collector") -> None:
        self._collector = collector
        self._reader = Reader()
        self.said = ""

    def outReceived(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                self._collector.take(message)
        except BadStream as error:
            self.said = str(error)
            self.kill()

    def errReceived(self, data: bytes) -> None:
        self.said = line(data.strip().rpartition(b"\n")[2] or data, 300)

    def kill(self) -> None:
        """End it now."""
        with suppress(ProcessExitedAlready):
            assert self.transport is not None
            self.transport.signalProcess("KILL")

    def processEnded(self, reason: Any) -> None:
        self._collector.ended(self, self.said or line(reason.getErrorMessage()))


@define(eq=False)
class Collector:
    """Keeps one capture program running."""

    audit: Audit
    settings: Settings
    reactor: Any
    steady: Steady
    error: str = field(default="", init=False)  # why there is no capture, "" when there is one
    _child: _Child | None = field(default=None, init=False)
    _process: Any = field(default=None, init=False)
    _started: float = field(default=0.0, init=False)
    _heard: bool = field(default=False, init=False)
    _pause: float = field(default=FIRST_PAUSE, init=False)
    _again: Any = field(default=None, init=False)
    _stopping: bool = field(default=False, init=False)
    _gone: Deferred[None] = field(factory=Deferred, init=False)

    def start(self) -> None:
        """Start the program."""
        self._again, self._heard, self._started = None, False, self.reactor.seconds()
        self._child = child = _Child(self)
        words = command(self.settings)
        self._process = self.reactor.spawnProcess(child, words[0], words, env=None)

    def take(self, message: Any) -> None:
        """One message of the child."""
        now = self.steady()
        if message.kind is Kind.HELLO:
            self._heard, self.error = True, ""
            self.audit.begins(message, now)
        elif not self._heard:
            raise BadStream("capture stream: expected a hello first")
        elif message.kind is Kind.ROWS:
            self.audit.counted(message)
        else:
            self.audit.beats(message, now)

    def watch(self) -> None:
        """End a child that has fallen silent."""
        if self._child is None:
            return
        silent = self._heard and self.steady() - self.audit.heard > 2 * SILENT
        slow = not self._heard and self.reactor.seconds() - self._started > START
        if silent or slow:
            self._child.said = "it fell silent" if silent else "it did not begin"
            self._child.kill()

    def ended(self, child: _Child, why: str) -> None:
        """A child is gone: start another, unless we are done."""
        if child is not self._child:
            return
        self._child = self._process = None
        if self._stopping:
            self._gone.callback(None)
            return
        self.error = why
        lasted = self.reactor.seconds() - self._started
        self._pause = FIRST_PAUSE if lasted > GOOD_RUN else min(self._pause * 2, LONGEST_PAUSE)
        _log.warn("the capture ended: {why}; next start in {pause:.2f} s", why=why, pause=self._pause)
        self._again = self.reactor.callLater(self._pause, self.start)

    def stop(self) -> Deferred[None]:
        """End the child, and start no other; fires when it is gone."""
        self._stopping = True
        if self._again is not None and self._again.active():
            self._again.cancel()
        if self._child is None:
            return succeed(None)
        self._child.kill()
        return self._gone
