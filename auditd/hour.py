"""The last hour, in memory, by columns: what ended, and on top of it what is still open.

A question goes over whole columns at once, or, where it names a destination, over one piece of each stretch. What is
summed up is kept by stretches, so that summing the hour again takes only what is new, and a page tells what went out a
second ago however much the hour holds.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from attrs import define, field

from auditd import rows
from auditd.chunks import COLUMNS, Chunk, Part, columns
from auditd.owners import FIRST
from auditd.question import Question
from auditd.rows import Array, Numbers, Rows
from auditd.shelf import Shelf

HOUR = 3600.0  # seconds
SEALING = 900.0  # seconds within which an hour that is over becomes a segment
MUCH = 20_000  # records that fit; of more not all are made rows
_CHUNK = 65_536  # rows
_SPAN = 120.0  # seconds that a chunk grows
_MOST_KEPT = 9  # sums over many chunks
_OPEN = 0  # the number of the chunk with what is still open
_T = TypeVar("_T")
Mixes = npt.NDArray[np.uint64]


@define
class Hour:
    """Flows that ended in the last hour, and a copy of those still open. Times of flows in here are the wall's."""

    _chunks: list[Chunk] = field(factory=list, init=False)
    _open: Chunk = field(factory=lambda: Chunk(_OPEN, 0.0, 0.0, columns(rows.empty())), init=False)
    _last_number: int = field(default=_OPEN, init=False)
    _kept: Shelf = field(factory=lambda: Shelf(_MOST_KEPT), init=False)

    def __len__(self) -> int:
        return sum(map(len, self._all()))

    def add(self, ended: Rows, steady: float) -> None:
        """Keep flows that ended, told in wall time; ``steady`` is now, in seconds."""
        if not len(ended):
            return
        last = self._chunks[-1] if self._chunks else None
        if last and len(last) + len(ended) <= _CHUNK and steady - last.begun < _SPAN:
            fresh = columns(ended)
            both = {name: np.concatenate([last.column[name], fresh[name]]) for name in COLUMNS}
            self._chunks[-1] = Chunk(last.number, last.begun, steady, both)
            return
        if last:
            self._chunks[-1] = last.closed()
        self._chunks.append(Chunk(self._next(), steady, steady, columns(ended)))

    def _next(self) -> int:
        self._last_number += 1
        return self._last_number

    def show_open(self, found: Rows) -> None:
        """Let questions see the open flows too, as they are now, told in wall time."""
        self._open = Chunk(_OPEN, 0.0, 0.0, columns(found))

    def forget(self, steady: float) -> None:
        """Drop what ended more than an hour ago, and has had its time to be sealed."""
        self._chunks = [chunk for chunk in self._chunks if chunk.until >= steady - HOUR - SEALING]

    def parts(self, question: Question) -> list[Part]:
        """The records that fit, ended ones before open ones; a flow may have several."""
        return [part for chunk in self._all() if (part := chunk.part(question)) is not None]

    def ask(self, question: Question) -> Rows:
        """The flows that fit, one row per key, times as the wall showed them."""
        return rows.joined(_as_rows(self.parts(question)))

    def latest(self, question: Question, most: int) -> tuple[Rows, int]:
        """The ``most`` flows that fit and ended last, and how many fit."""
        return self.latest_of(self.parts(question), most)

    def latest_of(self, parts: list[Part], most: int) -> tuple[Rows, int]:
        """The same of what was found, without making rows of all of it."""
        if sum(map(len, parts)) <= MUCH:
            found = rows.joined(_as_rows(parts))
            return found[found["last"].argsort(kind="stable")[::-1][:most]], len(found)
        mixes = [part.summed("flows", _Mixes.of) for part in parts]
        newest, cut = _newest(parts, most)
        some = [part.rows(mix.places(newest)) for part, mix in zip(parts, mixes, strict=True)]
        told = rows.joined(np.concatenate(some))
        told = told[told["last"] >= cut]
        known = self.together("flows", [part for part in parts if part.for_good], _Mixes.of, _Mixes.union)
        rest = _Mixes.union([mix for part, mix in zip(parts, mixes, strict=True) if not part.for_good])
        count = len(known.mix) + rest.more_than(known)
        return told[told["last"].argsort(kind="stable")[::-1][:most]], count

    def together(self, what: str, parts: list[Part], make: Callable[[Part], _T], join: Callable[[list[_T]], _T]) -> _T:
        """The sums of ``parts``, all of them `for_good`, in one; what is called ``what`` is made once and kept."""
        name = (what, *(part.stamp for part in parts))
        return self._kept.get(name, lambda: join([part.summed(what, make) for part in parts]))

    def ended(self, since: int, until: int) -> Rows:
        """The records that ended in [since, until) of the wall clock. A flow that lasts has several, none is left out.

        (`ask` joins them into one, whose end may lie later.)
        """
        found = [rows.empty()]
        for chunk in self._chunks:
            which = np.flatnonzero((chunk.column["last"] >= since) & (chunk.column["last"] < until))
            if len(which):
                found.append(Part(chunk.column, 0, len(chunk), which).rows())
        return np.concatenate(found)

    def every(self, question: Question, *names: str) -> dict[str, Array]:
        """Columns of the records that fit, ended ones before open ones; a flow may have several records."""
        return gathered(self.parts(question), names)

    def claim(self, resolve: Callable[[Rows], Numbers]) -> int:
        """Ask again whose the records are that no slice has; gives how many have found theirs."""
        found = 0
        for at, chunk in enumerate(self._chunks):
            unclaimed = np.flatnonzero(chunk.column["slice"] < FIRST)
            if len(unclaimed):
                told = resolve(Part(chunk.column, 0, len(chunk), unclaimed).rows())
                owned = unclaimed[told >= FIRST]
                if len(owned):
                    slices = chunk.column["slice"].copy()
                    slices[owned] = told[told >= FIRST]
                    self._chunks[at] = chunk.claimed(self._next(), slices)
                    found += len(owned)
        return found

    def _all(self) -> Iterator[Chunk]:
        yield from self._chunks
        yield self._open


def gathered(parts: list[Part], names: tuple[str, ...]) -> dict[str, Array]:
    """Columns of several parts, in their order."""
    none = rows.empty()
    return {name: np.concatenate([none[name], *(part[name] for part in parts)]) for name in names}


def _as_rows(parts: list[Part]) -> Rows:
    taken = gathered(parts, COLUMNS)
    found = rows.empty(len(taken["first"]))
    for name, values in taken.items():
        found[name] = values
    return found


@define(eq=False)
class _Mixes:
    """A mix of the key of each record, in order, without doubles; and where the records are, where that is known."""

    mix: Mixes
    _every: Mixes  # with doubles, in order
    _place: npt.NDArray[np.int32]  # of each of them

    @classmethod
    def of(cls, part: Part) -> "_Mixes":
        """The mixes of a part."""
        mixed = _mixed(part)
        place = mixed.argsort().astype(np.int32)
        every = mixed[place]
        return cls(rows.once(every), every, place)

    @classmethod
    def union(cls, some: list["_Mixes"]) -> "_Mixes":
        """All of them together."""
        none = np.zeros(0, np.uint64)
        every = np.concatenate([none, *(each.mix for each in some)])
        every.sort(kind="stable")  # they come in order one by one, which this way of sorting makes use of
        return cls(rows.once(every), none, np.zeros(0, np.int32))

    def more_than(self, others: "_Mixes") -> int:
        """How many of these are none of ``others``."""
        if not len(others.mix):
            return len(self.mix)
        at = np.minimum(others.mix.searchsorted(self.mix), len(others.mix) - 1)
        return int(np.count_nonzero(others.mix[at] != self.mix))

    def places(self, wanted: Mixes) -> npt.NDArray[np.int32]:
        """Where the records are whose mix is ``wanted`` (in order, without doubles)."""
        begin, end = self._every.searchsorted(wanted), self._every.searchsorted(wanted, "right")
        return np.concatenate([self._place[:0], *(self._place[a:b] for a, b in zip(begin, end, strict=True) if a < b)])


def _mixed(part: Part, at: Any = slice(None)) -> Mixes:
    """A mix of the key of each record, or of those ``at`` some places."""
    words = [part[name][at] for name in ("s_hi", "s_lo", "d_hi", "d_lo")]
    for high, low, bits in (("ports", "tag", 32), ("iface", "slice", 32), ("proto", "how", 8)):
        words.append(part[high][at].astype(np.uint64) << np.uint64(bits) | part[low][at].astype(np.uint64))
    return rows.mix(np.stack(words, axis=1), 0x5EED)


def _newest(parts: list[Part], most: int) -> tuple[Mixes, int]:
    """The mixes of the ``most`` records that ended last, and when the first of those ended."""
    ended, newest, cut = np.zeros(0, np.int64), np.zeros(0, np.uint64), 0
    for part in reversed(parts):
        last = part["last"]
        some = np.flatnonzero(last >= cut)
        if not len(some):
            continue
        if len(some) > most:
            some = some[np.argpartition(last[some], len(some) - most)[len(some) - most :]]
        ended = np.concatenate([ended, last[some]])
        newest = np.concatenate([newest, _mixed(part, some)])
        if len(ended) > most:
            kept = np.argpartition(ended, len(ended) - most)[len(ended) - most :]
            ended, newest = ended[kept], newest[kept]
        if len(ended) == most:
            cut = int(ended.min())
    return np.unique(newest), int(ended.min())
