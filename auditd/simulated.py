"""A capture that is not one: a recorded stream, played again and again at the speed at which it was recorded.

The addresses that slivers sent from when it was recorded are put in place of those that this node's slivers have now,
in the order in which they come. Every page and the log say that what is seen is simulated.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, evolve, field
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from auditd import rows
from auditd.audit import Audit
from auditd.collector import Steady
from auditd.owners import EVER, Kind
from auditd.stream import Kind as MessageKind
from auditd.stream import Message, Reader
from planetlab.errors import BadSettings

Pair = tuple[int, int]  # the halves of an address
_log = Logger()


def recorded(path: str) -> list[Message]:
    """The messages of a recorded stream; ``path`` "" names the one that comes with the program."""
    try:
        data = Path(path).read_bytes() if path else (files("auditd") / "static" / "recorded.bin").read_bytes()
    except OSError as error:
        raise BadSettings(f"recording {path}: expected a recorded stream, {error.strerror}") from error
    found = list(Reader().feed(data))
    if len(found) < 2 or found[0].kind is not MessageKind.HELLO:
        raise BadSettings(f"recording {path}: expected a recorded stream that begins with a hello")
    return found


def sources(messages: list[Message]) -> list[Pair]:
    """What slivers sent from in a recording, in the order in which they come; the machine's own noise is left out."""
    found: dict[Pair, None] = {}
    for message in messages:
        if message.kind is MessageKind.ROWS:
            halves = zip(message.rows["s_hi"].tolist(), message.rows["s_lo"].tolist(), strict=True)
            found.update(dict.fromkeys(halves))
    return [pair for pair in found if not (rows.address(*pair).is_link_local or rows.address(*pair).is_unspecified)]


def shifted(message: Message, by: int, stand_ins: dict[Pair, Pair]) -> Message:
    """``message`` as if it came ``by`` microseconds later, from other addresses."""
    moved = evolve(message, steady=message.steady + by, wall=message.wall + by)
    if message.kind is MessageKind.ROWS:
        found = message.rows.copy()
        found["first"] += by
        found["last"] += by
        for (hi, lo), (new_hi, new_lo) in stand_ins.items():
            at = (message.rows["s_hi"] == np.uint64(hi)) & (message.rows["s_lo"] == np.uint64(lo))
            found["s_hi"][at], found["s_lo"][at] = np.uint64(new_hi), np.uint64(new_lo)
        return evolve(moved, body=found.tobytes())
    facts = message.facts
    if "through" in facts:
        facts["through"] += by
    return evolve(moved, body=json.dumps(facts).encode())


@define(eq=False)
class Player:
    """Feeds an audit from a recording."""

    audit: Audit
    reactor: Any
    steady: Steady
    messages: list[Message]
    error: str = field(default="", init=False)
    _sources: list[Pair] = field(init=False)
    _round: int = field(default=-1, init=False)
    _next: Iterator[Message] = field(factory=lambda: iter(()), init=False)
    _by: int = field(default=0, init=False)
    _call: Any = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._sources = sources(self.messages)

    def start(self) -> None:
        """Begin at the beginning."""
        _log.warn("SIMULATED: this audit plays a recording, it does not see this node's packets")
        self.audit.begins(evolve(self.messages[0], body=b"{}"), self.steady())
        self._again()

    def _again(self) -> None:
        self._round += 1
        self._next = iter(self.messages[1:])
        self._by = self.steady() - self.messages[0].steady
        self._step(None)

    def _step(self, message: Message | None) -> None:
        if message is not None:
            moved = shifted(message, self._by, self._stand_ins())
            if message.kind is MessageKind.ROWS:
                self.audit.counted(moved)
            else:
                self.audit.beats(evolve(moved, body=b'{"through":%d}' % self.steady()), self.steady())
        upcoming = next(self._next, None)
        if upcoming is None:
            self._call = self.reactor.callLater(0.1, self._again)
        else:
            due = (upcoming.steady + self._by - self.steady()) / 1e6
            self._call = self.reactor.callLater(max(0.0, due), self._step, upcoming)

    def _stand_ins(self) -> dict[Pair, Pair]:
        """Recorded sources, each with an address that a sliver of this node has now; another one in each round."""
        known: list[Any] = sorted(
            tag for kind, tag, window in self.audit.owners.windows() if kind is Kind.ADDRESS and window.until == EVER
        )
        if not known:
            return {}
        return {source: known[(number + self._round) % len(known)] for number, source in enumerate(self._sources)}

    def kept(self) -> None:
        """A recording needs not be told what is on disk."""

    def watch(self) -> None:
        """A recording does not fall silent."""

    def stop(self) -> Deferred[None]:
        """Play no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        return succeed(None)
