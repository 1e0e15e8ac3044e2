"""The last hour, in memory, by columns: what ended, and on top of it what is still open.

A question goes over whole columns at once, some two milliseconds for a million flows; no index has to be kept.
"""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import define, field, frozen

from auditd import rows
from auditd.owners import FIRST
from auditd.rows import ROW, Array, Numbers, Rows

HOUR = 3600.0  # seconds
SEALING = 900.0  # seconds within which an hour that is over becomes a segment
MUCH = 50_000  # records that fit; of more not all are made rows
_CHUNK = 65_536  # rows
_SPAN = 60.0  # seconds that a chunk grows
_SMALL = 2048  # records that are looked through faster than an index is made
_ASKED = ("first", "last", "s_hi", "s_lo", "d_hi", "d_lo", "slice", "ports", "proto")  # columns of a question
_COLUMNS = tuple(name for name in ROW.names or () if not name.startswith("_"))
Network = IPv4Network | IPv6Network
Places = npt.NDArray[np.integer[Any]]


@frozen(kw_only=True)
class Question:
    """What a reader wants to see. Nothing said: everything. Times are microseconds since the epoch."""

    to: Network | None = None
    source: Network | None = None
    since: int | None = None
    until: int | None = None
    slices: frozenset[int] | None = None  # numbers of senders
    port: int | None = None  # at either end
    protocol: int | None = None

    def which(self, column: dict[str, Array]) -> npt.NDArray[np.bool_]:
        """A mask over columns."""
        mask = np.ones(len(column["first"]), bool)
        if self.to is not None:
            mask &= _inside(self.to, column["d_hi"], column["d_lo"])
        if self.source is not None:
            mask &= _inside(self.source, column["s_hi"], column["s_lo"])
        if self.since is not None:
            mask &= column["last"] >= self.since
        if self.until is not None:
            mask &= column["first"] <= self.until
        if self.slices is not None:
            mask &= np.isin(column["slice"], np.array(sorted(self.slices), np.uint32))
        if self.port is not None:
            mask &= (column["ports"] >> 16 == self.port) | (column["ports"] & 0xFFFF == self.port)
        if self.protocol is not None:
            mask &= column["proto"] == self.protocol
        return mask


def _inside(network: Network, hi: npt.NDArray[np.uint64], lo: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    low, high = rows.pair(network[0]), rows.pair(network[-1])
    if low[0] == high[0]:
        inside = (hi == np.uint64(low[0])) & (lo >= np.uint64(low[1])) & (lo <= np.uint64(high[1]))
    else:
        inside = (hi >= np.uint64(low[0])) & (hi <= np.uint64(high[0]))
    return np.asarray(inside, bool)


def columns(found: Rows) -> dict[str, Array]:
    """Rows by column, each close together in memory."""
    return {name: np.ascontiguousarray(found[name]) for name in _COLUMNS}


def _mix(column: dict[str, Array], at: Places) -> npt.NDArray[np.uint64]:
    """A mix of each record's key."""
    words = [column[name][at] for name in ("s_hi", "s_lo", "d_hi", "d_lo")]
    for high, low in (("ports", "tag"), ("iface", "slice")):
        words.append(column[high][at].astype(np.uint64) << np.uint64(32) | column[low][at].astype(np.uint64))
    words.append(column["proto"][at].astype(np.uint64) << np.uint64(8) | column["how"][at].astype(np.uint64))
    return rows.mix(np.stack(words, axis=1), 0x5EED)


def _rows(column: dict[str, Array], which: npt.NDArray[np.bool_]) -> Rows:
    return _rows_at(column, np.flatnonzero(which))


def _rows_at(column: dict[str, Array], at: Places) -> Rows:
    found = rows.empty(len(at))
    for name in _COLUMNS:
        found[name] = column[name][at]
    return found


@define
class _Chunk:
    """Flows that ended between ``begun`` and ``until`` (steady seconds), by column."""

    begun: float
    until: float
    column: dict[str, Array]
    _order: npt.NDArray[np.int32] | None = field(default=None, init=False)  # by the lower half of the destination
    _sorted: npt.NDArray[np.uint64] | None = field(default=None, init=False)

    def __len__(self) -> int:
        return len(self.column["first"])

    def places(self, question: Question, closed: bool) -> Places:
        """Where the records that fit are; ``closed``: nothing is added any more, so that an index pays."""
        if question.to is None or not closed or len(self) < _SMALL:
            return np.flatnonzero(question.which(self.column))
        low, high = rows.pair(question.to[0]), rows.pair(question.to[-1])
        if low[0] != high[0]:  # so wide that most may fit
            return np.flatnonzero(question.which(self.column))
        if self._order is None or self._sorted is None:
            self._order = np.argsort(self.column["d_lo"]).astype(np.int32)
            self._sorted = self.column["d_lo"][self._order]
        begin, end = self._sorted.searchsorted(np.array([low[1], high[1]], np.uint64), "left")
        end += int(np.searchsorted(self._sorted[end:], np.uint64(high[1]), "right"))
        if end - begin > len(self) // 4:
            return np.flatnonzero(question.which(self.column))
        at = np.sort(self._order[begin:end])
        some = {name: self.column[name][at] for name in _ASKED}
        return at[question.which(some)]


@define
class Hour:
    """Flows that ended in the last hour, and a copy of those still open. Times of flows in here are the wall's."""

    _chunks: list[_Chunk] = field(factory=list, init=False)
    _open: dict[str, Array] = field(factory=lambda: columns(rows.empty()), init=False)

    def __len__(self) -> int:
        return sum(len(column["first"]) for column in self._all())

    def add(self, ended: Rows, steady: float) -> None:
        """Keep flows that ended, told in wall time; ``steady`` is now, in seconds."""
        if not len(ended):
            return
        fresh = _Chunk(steady, steady, columns(ended))
        last = self._chunks[-1] if self._chunks else None
        if last and len(last) + len(fresh) <= _CHUNK and steady - last.begun < _SPAN:
            both = {name: np.concatenate([last.column[name], fresh.column[name]]) for name in _COLUMNS}
            self._chunks[-1] = _Chunk(last.begun, steady, both)
        else:
            self._chunks.append(fresh)

    def show_open(self, found: Rows) -> None:
        """Let questions see the open flows too, as they are now, told in wall time."""
        self._open = columns(found)

    def forget(self, steady: float) -> None:
        """Drop what ended more than an hour ago, and has had its time to be sealed."""
        self._chunks = [chunk for chunk in self._chunks if chunk.until >= steady - HOUR - SEALING]

    def ask(self, question: Question) -> Rows:
        """The flows that fit, one row per key, times as the wall showed them."""
        return rows.joined(np.concatenate([_rows_at(column, at) for column, at in self._places(question)]))

    def latest(self, question: Question, most: int) -> tuple[Rows, int]:
        """The ``most`` flows that fit and ended last, and how many fit, without making rows of all of them."""
        parts = [(column, at) for column, at in self._places(question) if len(at)]
        matched = sum(len(at) for _, at in parts)
        if matched <= MUCH:
            found = rows.joined(np.concatenate([rows.empty(), *(_rows_at(column, at) for column, at in parts)]))
            return found[found["last"].argsort(kind="stable")[::-1][:most]], len(found)
        mixes = [_mix(column, at) for column, at in parts]
        every = np.concatenate(mixes)
        ended = np.concatenate([column["last"][at] for column, at in parts])
        latest = np.argpartition(ended, len(ended) - most)[len(ended) - most :]  # records; a flow may have several
        newest, cut = every[latest], ended[latest].min()
        likely = np.zeros(1 << 16, bool)
        likely[newest & np.uint64(0xFFFF)] = True
        some = [(column, at[likely[mix & np.uint64(0xFFFF)]]) for (column, at), mix in zip(parts, mixes, strict=True)]
        found = rows.joined(np.concatenate([_rows_at(column, at) for column, at in some]))
        found = found[found["last"] >= cut]
        every.sort()
        count = 1 + int(np.count_nonzero(every[1:] != every[:-1]))
        return found[found["last"].argsort(kind="stable")[::-1][:most]], count

    def _places(self, question: Question) -> Iterator[tuple[dict[str, Array], Places]]:
        for number, chunk in enumerate(self._chunks):
            yield chunk.column, chunk.places(question, number < len(self._chunks) - 1)
        yield self._open, np.flatnonzero(question.which(self._open))

    def ended(self, since: int, until: int) -> Rows:
        """The records that ended in [since, until) of the wall clock. A flow that lasts has several, none is left out.

        (`ask` joins them into one, whose end may lie later.)
        """
        found = [rows.empty()]
        for column in (chunk.column for chunk in self._chunks):
            which = (column["last"] >= since) & (column["last"] < until)
            if which.any():
                found.append(_rows(column, which))
        return np.concatenate(found)

    def every(self, question: Question, *names: str) -> dict[str, Array]:
        """Columns of the records that fit, ended ones before open ones; a flow may have several records."""
        parts = list(self._places(question))
        return {name: np.concatenate([column[name][at] for column, at in parts]) for name in names}

    def claim(self, resolve: Callable[[Rows], Numbers]) -> int:
        """Ask again whose the records are that no slice has; gives how many have found theirs."""
        found = 0
        for column in (chunk.column for chunk in self._chunks):
            unclaimed = column["slice"] < FIRST
            if unclaimed.any():
                told = resolve(_rows(column, unclaimed))
                column["slice"][unclaimed] = np.where(told >= FIRST, told, column["slice"][unclaimed])
                found += int(np.count_nonzero(told >= FIRST))
        return found

    def _all(self) -> Iterator[dict[str, Array]]:
        yield from (chunk.column for chunk in self._chunks)
        yield self._open
