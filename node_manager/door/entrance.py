"""The node manager's side of the door: who stands there by the kernel's word, and a program in his sliver.

A connection brings one line of JSON and three descriptors within seconds, or is closed. The program inside gets these
descriptors and nothing else of the node; when it ends, its code is the answer; when the connection ends first, the
program is hung up on. Who cannot be let in is told why after the code.
"""

import json
import os
import signal
import struct
from collections.abc import Callable
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as Connection
from twisted.logger import Logger
from zope.interface import implementer

from node_manager.identity import unix_uid
from planetlab.errors import BadArgument, PlanetLabError

_MOST = 128 << 10  # bytes of a request; Linux takes no longer argument
_MOST_SAID = 1000  # bytes of a refusal
_WITHIN = 10.0  # seconds for a request to come
_ENVIRONMENT = ("LANG", "SSH_CONNECTION", "TERM")


@frozen(kw_only=True)
class Asked:
    """What somebody at the door wants."""

    command: str = ""  # "" for a login shell
    terminal: bool = False
    environment: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, line: bytes) -> "Asked":
        """What ``line`` says. Raises `BadArgument`: the peer is a user's process, whatever it runs."""
        try:
            told = json.loads(line)
            command, terminal, environment = told["command"], told["terminal"], dict(told["environment"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BadArgument("expected one JSON object with command, terminal and environment") from None
        if type(command) is not str or type(terminal) is not bool or "\0" in command:
            raise BadArgument(f"expected a command as text and terminal as true or false, got {line[:60]!r}")
        for name, value in environment.items():
            if name not in _ENVIRONMENT or type(value) is not str or len(value) > 200 or "\0" in value:
                raise BadArgument(f"environment: {name!r:.40} cannot be set by who comes in")
        return cls(command=command, terminal=terminal, environment=tuple(sorted(environment.items())))


class Inside(Protocol):
    """A program that runs in a sliver."""

    pid: int

    def wait(self) -> int: ...

    def send_signal(self, number: int, /) -> None: ...


Enter = Callable[[int, Asked, list[int]], "Deferred[Inside]"]  # user id, request, descriptors


@implementer(IFileDescriptorReceiver)
class Entering(Connection):
    """One who wants to come in."""

    log = Logger()
    transport: Any  # Twisted types neither that it is there while there is a connection, nor its socket

    def __init__(self, enter: Enter, reactor: Any) -> None:
        self._enter = enter
        self._reactor = reactor
        self._told = b""
        self._files: list[int] = []
        self._inside: Inside | None = None
        self._asked = False

    def connectionMade(self) -> None:
        self._uid = unix_uid(self.transport.socket)
        self._late = self._reactor.callLater(_WITHIN, self._abort)

    def fileDescriptorReceived(self, descriptor: int) -> None:
        self._files.append(descriptor)
        if len(self._files) > 3 or self._asked:
            self._abort()

    def dataReceived(self, data: bytes) -> None:
        if self._asked:
            if self._inside:
                self._inside.send_signal(signal.SIGWINCH)
            return
        self._told += data
        line, end, _ = self._told.partition(b"\n")
        if len(self._told) > _MOST:
            self._abort()
        elif end and len(self._files) == 3:
            self._asked = True
            self._late.cancel()
            Deferred.fromCoroutine(self._come_in(line)).addErrback(self._refuse)

    def connectionLost(self, reason: Any = None) -> None:
        if self._late.active():
            self._late.cancel()
        self._drop()
        if self._inside:
            self._inside.send_signal(signal.SIGHUP)

    async def _come_in(self, line: bytes) -> None:
        files, self._files = self._files, []
        try:
            self._inside = await self._enter(self._uid, Asked.read(line), files)
        finally:
            for descriptor in files:
                os.close(descriptor)
        _Watched(self._reactor, self._inside, self._ended)

    def _ended(self, code: int) -> None:
        self._inside = None
        self._answer(code if code >= 0 else 128 - code)

    def _refuse(self, failure: Any) -> None:
        why = failure.getErrorMessage()
        self.log.warn("uid {uid} cannot enter: {why}", uid=self._uid, why=why)
        self._answer(254, why if failure.check(PlanetLabError) else "")

    def _answer(self, code: int, why: str = "") -> None:
        if self.transport:
            self.transport.write(struct.pack("!i", code) + why.encode()[:_MOST_SAID])
            self.transport.loseConnection()

    def _abort(self) -> None:
        self._drop()
        if self.transport:
            self.transport.abortConnection()

    def _drop(self) -> None:
        for descriptor in self._files:
            os.close(descriptor)
        self._files = []


class _Watched:
    """Tells once when a process has ended; the kernel makes a descriptor of it readable then."""

    def __init__(self, reactor: Any, inside: Inside, ended: Callable[[int], None]) -> None:
        self._reactor = reactor
        self._inside = inside
        self._ended = ended
        self._descriptor = os.pidfd_open(inside.pid)
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._descriptor

    def logPrefix(self) -> str:
        return "sliver program"

    def doRead(self) -> None:
        self.connectionLost()
        self._ended(self._inside.wait())

    def connectionLost(self, reason: Any = None) -> None:
        """Called by ourselves, and by a reactor that ends."""
        if self._descriptor >= 0:
            self._reactor.removeReader(self)
            os.close(self._descriptor)
            self._descriptor = -1


class Entrance(Factory):
    """Makes an `Entering` for each connection to the door's socket."""

    noisy = False

    def __init__(self, enter: Enter, reactor: Any) -> None:
        self._enter = enter
        self._reactor = reactor

    def buildProtocol(self, addr: Any) -> Entering:
        return Entering(self._enter, self._reactor)
