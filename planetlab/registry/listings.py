"""Long listings as another process writes them (`planetlab.registry.lister`): how an authority asks it.

The process is begun when it is first asked, and again when it is gone. One that is gone, silent or at a loss costs
whoever asks the time of writing the listing itself.
"""

import contextlib
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from planetlab.long_text import LongText
from planetlab.registry import lister
from planetlab.registry.listing import Listing

PATIENCE = 20.0  # seconds without an answer, after which the process is given up
IDLE = 600.0  # seconds without a question, after which it ends and gives its memory back
NO_ROOM = "no further file may be open here"

InThread = Callable[[Callable[[], Any]], "Deferred[Any]"]
"""Does work that blocks in a thread: its result, in the reactor's."""


class Lost(Exception):
    """There is no answer, for the reason that is told; the listing may be right all the same."""


class _Gone(Exception):
    """The process does not answer; another one may."""


class Listings:
    """The process, as who asks it knows it. All of it is for the reactor's thread, where nothing blocks but `stop`."""

    def __init__(
        self, path: str, reactor: Any, in_thread: InThread, patience: float = PATIENCE, idle: float = IDLE
    ) -> None:
        self._path, self._reactor, self._in_thread = path, reactor, in_thread
        self._patience, self._idle = patience, idle
        self._line: _Line | None = None
        self._stopped = False
        self._turn = DeferredLock()

    @property
    def pid(self) -> int | None:
        """The process's number, while there is one."""
        return self._line.process.pid if self._line else None

    def ask(self, listing: Listing) -> "Deferred[LongText]":
        """The text of a listing, after what was asked for before. Fails with `Lost`."""
        return self._turn.run(lambda: Deferred.fromCoroutine(self._ask(listing)))

    def send(self, text: LongText, to: socket.socket) -> "Deferred[None]":
        """Have the process send ``text`` to a socket, as far as it does; what is left is left to who asks."""
        return self._turn.run(lambda: Deferred.fromCoroutine(self._send(text, to)))

    def stop(self) -> None:
        """End the process, whatever it does; who waits for it is told that it is lost."""
        self._stopped = True
        line = self._line
        if line is not None:
            self._give_up(line, "it was stopped")
            line.process.wait()

    async def _ask(self, listing: Listing) -> LongText:
        kept = self._line
        try:
            return await self._asked(listing, kept or await self._begun())
        except _Gone as why:
            if kept is not None:  # perhaps for want of work
                return await self._ask(listing)
            raise Lost(str(why)) from why

    async def _asked(self, listing: Listing, line: "_Line") -> LongText:
        try:
            question = os.memfd_create("question")
        except OSError as error:
            raise Lost(f"{NO_ROOM}: {error.strerror}") from error
        try:
            os.write(question, pickle.dumps(listing))
            told, files = await self._exchanged(line, question)
        finally:
            os.close(question)
        if told[:1] == lister.FAILED:
            raise Lost(told[1:].decode())
        if not files:
            raise Lost(NO_ROOM)
        return LongText(files[0], *lister.LENGTH.unpack(told[1:]))

    async def _send(self, text: LongText, to: socket.socket) -> None:
        line = self._line
        if line is None or to.fileno() < 0 or text.fileno() < 0:
            return
        with contextlib.suppress(_Gone, Lost):
            await self._exchanged(line, to.fileno(), text.fileno())

    async def _exchanged(self, line: "_Line", *files: int) -> "_Packet":
        try:
            return await line.asked(files).addTimeout(self._patience, self._reactor)
        except defer.TimeoutError as late:
            self._give_up(line, "silent")  # it must not go on, for who asked does
            raise Lost(f"no answer came for {self._patience:g} s") from late

    async def _begun(self) -> "_Line":
        if self._stopped:
            raise Lost("it was stopped")
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise Lost(f"{NO_ROOM}: {error.strerror}") from error
        words = [sys.executable, "-m", "planetlab.registry.lister", self._path, str(self._idle)]
        try:
            with theirs:
                process = await self._in_thread(
                    lambda: subprocess.Popen(words, stdin=theirs.fileno(), stdout=subprocess.DEVNULL)
                )
        except OSError as error:
            ours.close()
            raise Lost(f"it could not be started: {error}") from error
        self._line = line = _Line(process, ours, self._reactor, self._give_up)
        if self._stopped:  # meanwhile
            self.stop()
        return line

    def _give_up(self, line: "_Line", why: str) -> None:
        if self._line is line:
            self._line = None
            line.process.kill()
            self._in_thread(line.process.wait)
            line.end(why)


_Packet = tuple[bytes, list[int]]


@implementer(IReadDescriptor)
class _Line:
    """Our end of the socket that a process has: one question at a time, whose answer comes as one packet."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        there: socket.socket,
        reactor: Any,
        gone: "Callable[[_Line, str], None]",
    ) -> None:
        self.process = process
        self._there, self._reactor, self._gone = there, reactor, gone
        self._waiting: Deferred[_Packet] | None = None
        there.setblocking(False)
        reactor.addReader(self)

    def asked(self, files: Sequence[int]) -> "Deferred[_Packet]":
        """What is answered to a packet with these files, and the files that come with it. Fails with `_Gone`."""
        self._waiting = waiting = Deferred[_Packet]()
        try:
            socket.send_fds(self._there, [b"?"], files)
        except OSError as error:
            self._gone(self, str(error))
        return waiting

    def end(self, why: str) -> None:
        """Let go of the socket."""
        self._reactor.removeReader(self)
        self._there.close()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(_Gone(why))

    def fileno(self) -> int:
        return self._there.fileno()

    def logPrefix(self) -> str:
        return "listings"

    def doRead(self) -> None:
        try:
            told, files, _, _ = socket.recv_fds(self._there, lister.ROOM, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError as error:
            self._gone(self, str(error))
            return
        if not told:
            self._gone(self, "it ended")
            return
        waiting, self._waiting = self._waiting, None
        assert waiting is not None, "it says what it is asked"
        waiting.callback((told, files))

    def connectionLost(self, reason: Failure) -> None:
        self._gone(self, reason.getErrorMessage())
