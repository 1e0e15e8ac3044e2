"""How answers go out: a large one in pieces, between which others are answered; one that many ask for once a moment."""

from collections.abc import Hashable, Iterator
from typing import Any

from attrs import define, field
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPullProducer
from twisted.logger import Logger
from twisted.web.http import Request
from zope.interface import implementer

from auditd.shelf import Shelf

MOMENT = 500_000  # microseconds that an answer is given again
MOST = 64  # answers that are kept for it
LARGEST = 400_000  # bytes of one
STRETCH = 8 << 20  # bytes of an answer that are offered to the kernel at once
_log = Logger()


def in_few_turns(request: Request) -> None:
    """Let its connection hand a large answer to the kernel in few turns: by itself it takes eight for a megabyte."""
    transport = getattr(request.channel, "transport", None)
    if isinstance(transport, FileDescriptor):
        transport.SEND_LIMIT = STRETCH


@implementer(IPullProducer)
class Sending:
    """An answer that goes out piece by piece, as its reader takes it."""

    def __init__(self, request: Request, pieces: Iterator[str]) -> None:
        self._request = request
        self._pieces = pieces

    def resumeProducing(self) -> None:
        """Send the next piece. One that cannot be made ends the connection: half an answer must not look whole."""
        try:
            piece = next(self._pieces, None)
        except Exception:  # whatever a piece fails by, the reader has to be told that it is missing
            _log.failure("a piece of an answer")
            self._request.unregisterProducer()
            self._request.loseConnection()
            return
        if piece is not None:
            self._request.write(piece.encode("utf-8", "replace"))
            return
        self._request.unregisterProducer()
        self._request.finish()

    def stopProducing(self) -> None:
        """The reader has gone."""
        self._pieces = iter(())


@define(eq=False)
class Lately:
    """Answers of the last moment, by name: content type and body."""

    _kept: Shelf = field(factory=lambda: Shelf(MOST), init=False)

    def get(self, name: Hashable, steady: int) -> tuple[str, bytes] | None:
        """The answer of this name, where it is no older than a moment at ``steady`` (microseconds)."""
        kept: Any = self._kept.seen(name)
        if kept is None or not kept[0] <= steady < kept[0] + MOMENT:
            return None
        return kept[1], kept[2]

    def put(self, name: Hashable, steady: int, kind: str, body: bytes) -> None:
        """Keep an answer."""
        if len(body) <= LARGEST:
            self._kept.put(name, (steady, kind, body))
