"""Where packets went: a table of destinations, or of the networks they lie in. Whole columns in, a short table out.

Of each stretch of the hour it is kept which destinations its records have; so the greatest of all are found by adding
few numbers, and only the records of those that are shown are looked at.
"""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from attrs import frozen

from auditd import groups, rows, tell
from auditd.audit import Audit
from auditd.chunks import Part
from auditd.groups import Counts, Groups, Whole
from auditd.question import Question
from auditd.rows import Array

MOST = 1000  # destinations that are told
Words = npt.NDArray[np.uint64]
_SIX = np.uint64(1 << 63)
_NONE = np.uint64((1 << 64) - 1)  # of records without addresses; no destination's key


@frozen(eq=False)
class Runs:
    """Which records of a part go where. A destination's key is its address, of IPv6 a mix of it or its /48."""

    keys: Words  # in order
    packets: Whole  # to each
    begin: Whole  # in ``place``, of each; and at the end its length
    place: npt.NDArray[np.int32]  # of the records, by key

    @classmethod
    def of(cls, part: Part, networks: bool) -> "Runs":
        """The runs of a part; ``networks``: /24 and /48 are the destinations."""
        every = _keys(part, networks)
        place = every.argsort(kind="stable").astype(np.int32)
        every = every[place]
        named = int(every.searchsorted(_NONE))
        every, place = every[:named], place[:named]
        starts = np.flatnonzero(np.concatenate([np.ones(1, bool), every[1:] != every[:-1]])[:named])
        packets = np.add.reduceat(part["packets"][place].astype(np.int64), starts) if named else np.zeros(0, np.int64)
        return cls(every[starts], packets, np.append(starts, named), place)

    @classmethod
    def joined(cls, some: list["Runs"]) -> "Runs":
        """Keys and packets of all of them; where the records are only each knows."""
        none, nowhere = np.zeros(0, np.uint64), np.zeros(0, np.int32)
        keys, of = np.unique(np.concatenate([none, *(each.keys for each in some)]), return_inverse=True)
        packets = np.concatenate([np.zeros(0, np.int64), *(each.packets for each in some)])
        return cls(keys, Groups(len(keys), of.reshape(-1)).sum(packets), np.zeros(1, np.int64), nowhere)

    def with_more(self, more: "Runs") -> "Runs":
        """The same with a few more, in no order."""
        if not len(self.keys):
            return more
        at = np.minimum(self.keys.searchsorted(more.keys), len(self.keys) - 1)
        known = self.keys[at] == more.keys
        packets = self.packets.copy()
        packets[at[known]] += more.packets[known]
        return Runs(
            np.concatenate([self.keys, more.keys[~known]]), np.concatenate([packets, more.packets[~known]]),
            self.begin, self.place,
        )  # fmt: skip

    def among(self, wanted: Words) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
        """Where the records are that go to one of ``wanted``, and to which of them."""
        at = self.keys.searchsorted(wanted)
        there = np.flatnonzero(at < len(self.keys))
        there = there[self.keys[at[there]] == wanted[there]]
        begin, lengths = self.begin[at[there]], self.begin[at[there] + 1] - self.begin[at[there]]
        within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return self.place[np.repeat(begin, lengths) + within], np.repeat(there, lengths)


def _keys(part: Part, networks: bool) -> Words:
    hi, lo = part["d_hi"], part["d_lo"]
    four = (hi == 0) & (lo >> np.uint64(32) == np.uint64(0xFFFF))
    if networks:
        keys = np.where(four, lo >> np.uint64(8), _SIX | hi >> np.uint64(16))
    else:
        keys = np.where(four, lo, _SIX | rows.mix(np.stack([hi, lo], axis=1), 0x5EED) >> np.uint64(2))
    return np.where(part["how"] & rows.HOW_FOLDED == 0, keys, _NONE)


class Ranked(Sequence[dict[str, Any]]):
    """Destinations as structs, most packets first. Each is made when it is asked for: a page shows few of many."""

    def __init__(self, audit: Audit, parts: list[Part], runs: list[Runs], keys: Words, networks: bool) -> None:
        self._audit, self._parts, self._runs, self._keys, self._networks = audit, parts, runs, keys, networks
        self._made: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, at: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(at, int):
            return self[at : at + 1 or None][0]
        places = range(len(self))[at]
        if missing := [place for place in places if place not in self._made]:
            self._made.update(zip(missing, self._structs(self._keys[missing]), strict=True))
        return [self._made[place] for place in places]

    def _structs(self, keys: Words) -> list[dict[str, Any]]:
        order = keys.argsort()
        found = [run.among(keys[order]) for run in self._runs]
        column = {
            name: np.concatenate([part[name][at] for part, (at, _) in zip(self._parts, found, strict=True) if len(at)])
            for name in groups.NAMES
        }
        into = Groups(len(keys), np.concatenate([of for _, of in found]))
        told = _destinations(self._audit, column, into, self._networks)
        return [told[at] for at in order.argsort().tolist()]


def by_destination(audit: Audit, question: Question, networks: bool) -> tuple[Ranked, int]:
    """What went to each destination, or to each /24 and /48 of them, most packets first.

    Gives at most `MOST`, and how many there are.
    """
    what = "networks" if networks else "addresses"
    parts = audit.hour.parts(question)
    runs = [part.summed(what, lambda part: Runs.of(part, networks)) for part in parts]
    known = audit.hour.together(
        what, [part for part in parts if part.for_good], lambda part: Runs.of(part, networks), Runs.joined
    )
    every = known.with_more(Runs.joined([run for part, run in zip(parts, runs, strict=True) if not part.for_good]))
    most = np.arange(len(every.keys))
    if len(most) > MOST:
        most = np.argpartition(every.packets, len(most) - MOST)[len(most) - MOST :]
    most = most[np.lexsort((every.keys[most], -every.packets[most]))]
    return Ranked(audit, parts, runs, every.keys[most], networks), len(every.keys)


def _destinations(audit: Audit, column: dict[str, Array], into: Groups, networks: bool) -> list[dict[str, Any]]:
    slices, distinct = _slices(audit, column, into), _distinct(column, into)
    told = Counts.of(column, into).structs(
        groups.protocols(groups.protocol_pairs(column, into), into.count),
        groups.ports(*groups.port_pairs(column, into), into.count),
    )
    example = into.example
    hi, lo = column["d_hi"][example], column["d_lo"][example]
    if networks:
        hi, lo = tell.network_of(hi, lo)
    for n, halves in enumerate(zip(hi.tolist(), lo.tolist(), strict=True)):
        address = rows.address(*halves)
        length = f"/{24 if address.version == 4 else 48}" if networks else ""
        told[n]["destination"] = f"{address}{length}"
        told[n]["slices"] = slices[n]
        told[n]["destinations"] = distinct[n]
    return told


def _distinct(column: dict[str, Array], into: Groups) -> list[int]:
    """How many addresses each group has."""
    words = np.stack([into.of.astype(np.uint64), column["d_hi"], column["d_lo"]], axis=1)
    _, at = np.unique(rows.mix(words, 0x5EED), return_index=True)
    told: list[int] = np.bincount(into.of[at], minlength=into.count).tolist()
    return told


def _slices(audit: Audit, column: dict[str, Array], into: Groups) -> list[list[str]]:
    """The senders in each group, by name."""
    keys = np.stack([into.of.astype(np.uint64), column["slice"].astype(np.uint64), column["tag"].astype(np.uint64)])
    _, at = np.unique(rows.mix(np.ascontiguousarray(keys.T), 0x5EED), return_index=True)
    out: list[dict[str, None]] = [{} for _ in range(into.count)]
    for place in at.tolist():
        number, tag, iface = (int(column[name][place]) for name in ("slice", "tag", "iface"))
        out[int(into.of[place])][audit.owners.label(number, tag, iface)] = None
    return [sorted(names) for names in out]
