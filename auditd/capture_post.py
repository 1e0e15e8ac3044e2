# SPDX-License-Identifier: GPL-2.0-only
# Part of the program plfed-capture, which uses scapy and is distributed under the GNU General Public License,
# version 2. The audit's servers do not import it; they read what it writes to a socket.
"""Messages for a reader that may be killed and come back: what it has not kept yet is told again.

The capture listens at a Unix socket. Who connects is greeted with a hello (and with the descriptors of the packet
rings, so that these outlive the capture), says up to which message of this run it has everything, and gets what
followed. What it says to have kept is forgotten here. A reader that stays away does no harm: the newest messages are
held, within bounds; when nobody has come for a while, the capture ends.
"""

import contextlib
import os
import select
import socket
from collections import deque
from typing import Any

from attrs import define, field

from auditd.stream import END, HAVE, WORD, Kind, Message, packed, said

MOST_HELD = 64 << 20  # bytes
LONELY = 20_000_000  # microseconds without a reader after which the capture ends


@define
class _Reader:
    sock: socket.socket
    told: bool = False  # whether it has said what it has
    said: bytes = b""
    out: deque[bytes] = field(factory=deque)
    part: int = 0  # bytes of the first of ``out`` that are sent already


@define
class Post:
    """Holds messages until a reader has kept them."""

    path: str
    facts: dict[str, Any]  # what the hello says
    descriptors: list[int] = field(factory=list)  # what goes with it
    ended: bool = field(default=False, init=False)  # whether the reader wants no more
    _number: int = field(default=0, init=False)
    _held: deque[tuple[int, bytes, dict[str, Any]]] = field(factory=deque, init=False)
    _octets: int = field(default=0, init=False)
    _kept_counts: dict[str, Any] = field(factory=dict, init=False)  # of the last beat that the reader has kept
    _listener: socket.socket = field(init=False)
    _reader: _Reader | None = field(default=None, init=False)
    _alone_since: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            self._listener.bind(self.path)
        finally:
            os.umask(before)
        self._listener.listen(4)
        self._listener.setblocking(False)

    def write(self, kind: Kind, body: bytes, steady: int, wall: int, facts: dict[str, Any]) -> None:
        """Hold a message, and send it on; ``facts``: what a beat says."""
        self._number += 1
        data = packed(Message(kind, self._number, steady, wall, body))
        self._held.append((self._number, data, facts))
        self._octets += len(data)
        while self._octets > MOST_HELD:  # the reader sees by the numbers that some are missing
            self._octets -= len(self._held.popleft()[1])
        if self._reader is not None and self._reader.told:
            self._reader.out.append(data)
            self._flush()

    def watch(self, poll: select.poll, steady: int) -> None:
        """Say what to wait for."""
        poll.register(self._listener, select.POLLIN)
        if self._reader is None:
            self._alone_since = self._alone_since or steady
        else:
            poll.register(self._reader.sock, select.POLLIN | (select.POLLOUT if self._reader.out else 0))

    def turn(self, steady: int) -> None:
        """Let in who waits, hear what the reader says, send what it lacks; end when nobody has come for long."""
        with contextlib.suppress(BlockingIOError):
            self._greet(self._listener.accept()[0], steady)
        if self._reader is not None:
            self._hear(self._reader)
            self._flush()
        if self._reader is None:
            self._alone_since = self._alone_since or steady
            self.ended |= steady - self._alone_since > LONELY
        else:
            self._alone_since = 0

    def _greet(self, sock: socket.socket, steady: int) -> None:
        """Take a new reader in place of the one before, who must be gone."""
        self._leave()
        hello = {**self.facts, "counts": self._kept_counts}
        told = packed(Message(Kind.HELLO, 0, steady, 0, said(hello)))
        try:
            socket.send_fds(sock, [told], self.descriptors)
        except OSError:
            sock.close()
            return
        sock.setblocking(False)
        self._reader = _Reader(sock)

    def _hear(self, reader: _Reader) -> None:
        try:
            while data := reader.sock.recv(4096):
                reader.said += data
            self._leave()
        except BlockingIOError:
            pass
        except OSError:
            self._leave()
        while len(reader.said) >= WORD.size:
            word, number = WORD.unpack_from(reader.said)
            reader.said = reader.said[WORD.size :]
            if word == END:
                self.ended = True
            elif word == HAVE:
                self._forget(number)
                if not reader.told:
                    reader.told = True
                    reader.out.extend(data for _, data, _ in self._held)

    def _forget(self, number: int) -> None:
        while self._held and self._held[0][0] <= number:
            _, data, facts = self._held.popleft()
            self._octets -= len(data)
            self._kept_counts = facts or self._kept_counts

    def _flush(self) -> None:
        reader = self._reader
        while reader is not None and reader.out:
            try:
                reader.part += reader.sock.send(memoryview(reader.out[0])[reader.part :])
            except BlockingIOError:
                return
            except OSError:
                self._leave()
                return
            if reader.part == len(reader.out[0]):
                reader.out.popleft()
                reader.part = 0

    def _leave(self) -> None:
        if self._reader is not None:
            self._reader.sock.close()
            self._reader = None

    def close(self) -> None:
        """Listen no more."""
        self._leave()
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
