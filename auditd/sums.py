"""What each sender sent, as a table. Whole columns in; words and lists are made only for what is told.

Sums of stretches of the hour that do not change any more are kept, and joined with those of the rest. All is exact, but
destinations are told apart by a mix of 48 bits.
"""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from auditd import groups, rows, tell
from auditd.audit import Audit
from auditd.chunks import Part
from auditd.groups import Counts, Groups, Whole
from auditd.hour import gathered
from auditd.question import Question
from auditd.rows import Array

ROOM = 1 << 16  # senders in one table; unknown tags beyond it are one
Words = npt.NDArray[np.uint64]
_32, _48 = np.uint64(32), np.uint64(48)


@frozen(kw_only=True, eq=False, slots=False)
class Tally:
    """What each sender sent. A sender's key is its number << 32, or the kernel's tag for an unknown one."""

    keys: Words  # in order; what follows has a place for each
    iface: npt.NDArray[np.uint32]
    flows: Whole
    counts: Counts
    protocols: Whole  # place << 8 | protocol
    ports: Whole  # place << 16 | port, in order
    port_counts: Whole
    destinations: Words  # place << 48 | mix of the address, in order

    @classmethod
    def of(cls, column: dict[str, Array]) -> "Tally":
        """The tally of records by column."""
        numbers = column["slice"].astype(np.uint64) << _32
        keys, of = np.unique(np.where(numbers == 0, column["tag"], numbers), return_inverse=True)
        keys, of = _within_room(keys, of.reshape(-1))
        into = Groups(len(keys), of)
        named = column["how"] & rows.HOW_FOLDED == 0
        mixed = rows.mix(np.stack([column["d_hi"][named], column["d_lo"][named]], axis=1), 0x5EED)
        pairs, pair_counts = groups.port_pairs(column, into)
        return cls(
            keys=keys, iface=column["iface"][into.example], flows=np.bincount(of, minlength=len(keys)),
            counts=Counts.of(column, into), protocols=groups.protocol_pairs(column, into), ports=pairs,
            port_counts=pair_counts,
            destinations=rows.once(np.sort(of[named].astype(np.uint64) << _48 | mixed >> np.uint64(16))),
        )  # fmt: skip

    @classmethod
    def joined(cls, some: list["Tally"]) -> "Tally":
        """All of them in one."""
        if len(some) == 1:
            return some[0]
        some = some or [cls.of({name: rows.empty()[name] for name in groups.NAMES})]
        every, of = np.unique(np.concatenate([each.keys for each in some]), return_inverse=True)
        keys, of = _within_room(every, of.reshape(-1))
        into = Groups(len(keys), of)
        begins = np.cumsum([0, *(len(each.keys) for each in some)])
        place = [of[begin:end] for begin, end in zip(begins, begins[1:], strict=False)]  # of each one's senders
        pairs = np.concatenate([_moved(each.ports, to, 16) for each, to in zip(some, place, strict=True)])
        ports, at = np.unique(pairs, return_inverse=True)
        port_counts = Groups(len(ports), at.reshape(-1)).sum(np.concatenate([each.port_counts for each in some]))
        destinations = [_moved(each.destinations, to, 48) for each, to in zip(some, place, strict=True)]
        protocols = [_moved(each.protocols, to, 8) for each, to in zip(some, place, strict=True)]
        counts = {name: np.concatenate([each.counts[name] for each in some]) for name in _COUNTED}
        return cls(
            keys=keys, iface=np.concatenate([each.iface for each in some])[into.example],
            flows=into.sum(np.concatenate([each.flows for each in some])), counts=Counts.of(counts, into),
            protocols=np.unique(np.concatenate(protocols)), ports=ports, port_counts=port_counts,
            destinations=rows.once(_ordered(destinations)),
        )  # fmt: skip

    @cached_property
    def leading(self) -> npt.NDArray[np.intp]:
        """Where the ports are that most records of each sender went to."""
        return groups.leading(self.ports, self.port_counts, len(self.keys))

    @cached_property
    def distinct(self) -> Whole:
        """How many destinations each sender has."""
        return np.bincount((self.destinations >> _48).astype(np.intp), minlength=len(self.keys))


_COUNTED = ("first", "last", "packets", "octets", "flags")


def by_slice(audit: Audit, question: Question) -> list[dict[str, Any]]:
    """What each sender sent: a struct each, most packets first."""
    parts = audit.hour.parts(question)
    return by_slice_of(audit, parts) if parts else []


def by_slice_of(audit: Audit, parts: list[Part]) -> list[dict[str, Any]]:
    """What each sender sent in ``parts``, of which there are some."""
    known = [part for part in parts if part.for_good]
    rest = Tally.of(gathered([part for part in parts if not part.for_good], groups.NAMES))
    if not known:
        return _structs(audit, rest, rest.distinct)
    kept = audit.hour.together("senders", known, lambda part: Tally.of(gathered([part], groups.NAMES)), Tally.joined)
    return _structs(audit, *_both(kept, rest))


def _structs(audit: Audit, tally: Tally, distinct: Whole) -> list[dict[str, Any]]:
    count = len(tally.keys)
    told = tally.counts.structs(
        groups.protocols(tally.protocols, count), groups.ports(tally.ports, tally.port_counts, count)
    )
    facts = zip(tally.keys.tolist(), tally.iface.tolist(), distinct.tolist(), tally.flows.tolist(), told, strict=True)
    for key, iface, destinations, flows, struct in facts:
        number = key >> 32
        sender = audit.owners.sender(number)
        struct["slice"] = audit.owners.label(number, key & 0xFFFFFFFF, iface)
        struct["kind"] = tell.kind(number)
        struct["authority"] = sender.authority if sender else ""
        struct["destinations"] = destinations
        struct["flows"] = flows
    return sorted(told, key=lambda struct: (-struct["packets"], struct["slice"]))


def _both(kept: Tally, rest: Tally) -> tuple[Tally, Whole]:
    """Two tallies in one, the first much larger, without joining all that it holds; and how many destinations."""
    to = _places(kept.keys, rest.keys)
    there = kept.keys[to] == rest.keys
    also = _moved(rest.ports, np.where(there, to, len(kept.keys)), 16)
    also = _places(kept.ports, also[_among(kept.ports, also)])
    few = np.union1d(kept.leading, also)
    none = np.zeros(0, np.uint64)
    both = Tally.joined([
        evolve(kept, ports=kept.ports[few], port_counts=kept.port_counts[few], destinations=none),
        evolve(rest, destinations=none),
    ])  # fmt: skip
    distinct = np.zeros(len(both.keys), np.int64)
    np.add.at(distinct, _places(both.keys, kept.keys), kept.distinct)
    wanted = _moved(rest.destinations, np.where(there, to, len(kept.keys)), 48)
    new = rest.destinations[~_among(kept.destinations, wanted)]
    np.add.at(distinct, _places(both.keys, rest.keys)[(new >> _48).astype(np.intp)], 1)
    return both, distinct


def _within_room(keys: Words, of: Any) -> tuple[Words, Any]:
    """At most `ROOM` keys, and the place of each record among them: unknown senders beyond that are the last one."""
    if len(keys) <= ROOM:
        return keys, of
    unknown = int(keys.searchsorted(np.uint64(1) << _32))
    room = max(ROOM - (len(keys) - unknown), 1)
    return np.concatenate([keys[:room], keys[unknown:]]), np.where(
        of < unknown, np.minimum(of, room - 1), of - unknown + room
    )


def _places(keys: Any, wanted: Any) -> Any:
    """Where ``wanted`` are among ``keys``; what is not there has some place."""
    return np.minimum(keys.searchsorted(wanted), len(keys) - 1)


def _moved(pairs: Any, to: Any, bits: int) -> Any:
    """Pairs of a place and ``bits`` bits with the places ``to`` instead."""
    shift, rest = pairs.dtype.type(bits), pairs.dtype.type((1 << bits) - 1)
    return to.astype(pairs.dtype)[(pairs >> shift).astype(np.intp)] << shift | pairs & rest


def _among(ordered: Any, wanted: Any) -> Any:
    """Which of ``wanted`` are in ``ordered``."""
    if not len(ordered):
        return np.zeros(len(wanted), bool)
    return ordered[_places(ordered, wanted)] == wanted


def _ordered(runs: list[Words]) -> Words:
    """Several runs, each in order, in one."""
    every = np.concatenate(runs)
    every.sort(kind="stable")  # which makes use of the runs
    return every
