"""The stream that a capture program writes and the audit reads: messages with a head, a body and a checksum.

A stream begins with a hello (what is captured, how senders are told apart), then come rows and, at least once a second,
a beat that says up to when everything was delivered and what was lost. A reader that meets anything else gives up with
`BadStream`: half a message at the end is no error, for a killed writer leaves one.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import numpy as np
from attrs import define, field, frozen

from auditd.rows import ROW, Rows
from planetlab.errors import PeerError

VERSION = 1
MOST_BODY = 32 << 20  # bytes; a writer sends far less at once
# magic, version, kind, -, bytes of body, number, steady clock (µs), wall clock (µs since the epoch), CRC-32 of the body
_HEAD = struct.Struct("<4sBBHIQqqI")
_MAGIC = b"PLFC"
WORD = struct.Struct("<BQ")  # what a reader at a socket says: one of these two, and the number of a message
HAVE, END = 1, 2  # it has everything up to that message; it wants no more


class BadStream(PeerError):
    """The capture program's output is not what this version reads."""


class Kind(IntEnum):
    """What a message carries."""

    HELLO = 1  # JSON: what is captured and how
    ROWS = 2  # rows of `auditd.rows.ROW`
    BEAT = 3  # JSON: counters since the start, and how far the capture came


@frozen
class Heard:
    """A message, by the run of the capture that wrote it and by its number."""

    run: int  # 0: of none
    message: int


UNHEARD = Heard(0, 0)


@frozen
class Message:
    """One message. Its two clocks were read at the same moment."""

    kind: Kind
    number: int
    steady: int  # microseconds of the steady clock when it was sent
    wall: int  # microseconds since the epoch when it was sent
    body: bytes

    @property
    def rows(self) -> Rows:
        """The rows of a message of rows."""
        return np.frombuffer(self.body, ROW)

    @property
    def facts(self) -> dict[str, Any]:
        """What a hello or a beat says. Raises `BadStream` when it is no JSON object."""
        try:
            said = json.loads(self.body)
        except ValueError as error:
            raise BadStream(f"capture stream, message {self.number}: expected JSON, {error}") from None
        if not isinstance(said, dict):
            raise BadStream(f"capture stream, message {self.number}: expected a JSON object, got {said!r:.40}")
        return said


def said(facts: dict[str, Any]) -> bytes:
    """The body of a message of facts."""
    return json.dumps(facts, separators=(",", ":")).encode()


def packed(message: Message) -> bytes:
    """The message as bytes."""
    head = _HEAD.pack(
        _MAGIC, VERSION, message.kind, 0, len(message.body), message.number, message.steady, message.wall,
        zlib.crc32(message.body),
    )  # fmt: skip
    return head + message.body


@define
class Reader:
    """Bytes in, as they come; whole messages out."""

    resumed: bool = False  # whether the message after the hello may have any number
    _left: bytearray = field(factory=bytearray, init=False)
    _next: int = field(default=0, init=False)

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that ``data`` completes. Raises `BadStream` at the first byte that cannot be right."""
        self._left += data
        while len(self._left) >= _HEAD.size:
            magic, version, kind, _, length, number, steady, wall, crc = _HEAD.unpack_from(self._left)
            self._check(magic, version, kind, length, number)
            end = _HEAD.size + length
            if len(self._left) < end:
                return
            body = bytes(self._left[_HEAD.size : end])
            del self._left[:end]
            if zlib.crc32(body) != crc:
                raise BadStream(f"capture stream, message {number}: its checksum does not fit")
            self._next = number + 1
            yield Message(Kind(kind), number, steady, wall, body)

    def _check(self, magic: bytes, version: int, kind: int, length: int, number: int) -> None:
        if magic != _MAGIC:
            raise BadStream(f"capture stream: expected {_MAGIC!r} at the head of a message, got {magic!r}")
        if version != VERSION:
            raise BadStream(f"capture stream: expected version {VERSION}, got {version}; update both programs together")
        if kind not in Kind.__members__.values():
            raise BadStream(f"capture stream, message {number}: expected a kind of {list(Kind)}, got {kind}")
        if length > MOST_BODY or (kind == Kind.ROWS and length % ROW.itemsize):
            raise BadStream(f"capture stream, message {number}: {length} bytes cannot be the length of its body")
        if self.resumed and self._next == 1:
            self._next = number
        if number != self._next:
            raise BadStream(f"capture stream: expected message {self._next}, got {number}; some are missing")
