"""Sums over the hour: by slice and by destination. Whole columns in, short tables out.

A million records are summed in some tenths of a second; words and lists are only made for the rows that are told.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from auditd import rows, tell
from auditd.audit import Audit
from auditd.hour import Question
from auditd.rows import Array

MOST = 1000  # destinations that are told
_NAMES = (
    "slice", "tag", "iface", "d_hi", "d_lo", "proto", "how", "first", "last", "packets", "octets", "flags", "ports",
)  # fmt: skip
_GROUP_BITS = 16


@frozen
class Groups:
    """Records put into groups: how many there are, and the group of each record."""

    count: int
    of: npt.NDArray[np.intp]

    @property
    def example(self) -> npt.NDArray[np.intp]:
        """One record of each group."""
        found = np.zeros(self.count, np.intp)
        found[self.of] = np.arange(len(self.of))
        return found

    def sum(self, values: Array) -> npt.NDArray[np.int64]:
        """The sum of ``values`` in each group."""
        return np.bincount(self.of, values.astype(np.float64), self.count).astype(np.int64)

    def least(self, values: Array) -> npt.NDArray[np.int64]:
        """The least of ``values`` in each group."""
        out = np.full(self.count, np.iinfo(np.int64).max)
        np.minimum.at(out, self.of, values)
        return out

    def most(self, values: Array) -> npt.NDArray[np.int64]:
        """The greatest of ``values`` in each group."""
        out = np.full(self.count, np.iinfo(np.int64).min)
        np.maximum.at(out, self.of, values)
        return out

    def distinct(self, hi: Array, lo: Array) -> npt.NDArray[np.int64]:
        """How many different addresses each group has, by a mix of 48 bits of each."""
        mixed = rows.mix(np.stack([self.of.astype(np.uint64), hi, lo], axis=1), 0x5EED)
        kept = np.uint64((1 << 64) - (1 << _GROUP_BITS))
        packed = np.sort(mixed & kept | self.of.astype(np.uint64) & ~kept)
        first = np.concatenate([[True], packed[1:] != packed[:-1]])[: len(packed)]
        return np.bincount((packed[first] & ~kept).astype(np.intp), minlength=self.count)

    def only(self, which: npt.NDArray[np.bool_]) -> "Groups":
        """The same groups with some of the records."""
        return Groups(self.count, self.of[which])


def by_slice(audit: Audit, question: Question) -> list[dict[str, Any]]:
    """What each sender sent: a struct each, most packets first."""
    column = audit.hour.every(question, *_NAMES)
    if not len(column["slice"]):
        return []
    groups = _by_sender(column)
    named = column["how"] & rows.HOW_FOLDED == 0
    destinations = groups.only(named).distinct(column["d_hi"][named], column["d_lo"][named])
    flows = np.bincount(groups.of, minlength=groups.count)
    ports, told, example = _ports(column, groups), _common(column, groups), groups.example
    for n, struct in enumerate(told):
        at = example[n]
        number = int(column["slice"][at])
        sender = audit.owners.sender(number)
        struct["slice"] = audit.owners.label(number, int(column["tag"][at]), int(column["iface"][at]))
        struct["kind"] = tell.kind(number)
        struct["authority"] = sender.authority if sender else ""
        struct["destinations"] = int(destinations[n])
        struct["flows"] = int(flows[n])
        struct["ports"] = ports[n]
    return sorted(told, key=lambda struct: (-struct["packets"], struct["slice"]))


def _by_sender(column: dict[str, Array]) -> Groups:
    """A group for each slice; for the unknown one for each tag, as many as there is room for."""
    present = np.flatnonzero(np.bincount(column["slice"]))
    place = np.zeros(int(present[-1]) + 1, np.intp)
    place[present] = np.arange(len(present))
    of = place[column["slice"]]
    if present[0] != 0:
        return Groups(len(present), of)
    unknown = np.flatnonzero(column["slice"] == 0)
    tags = column["tag"][unknown].astype(np.uint64)
    _, sub = np.unique(tags, return_inverse=True)
    room = (1 << _GROUP_BITS) - len(present) - 1
    sub = np.minimum(sub.reshape(-1), room)
    of[unknown] = np.where(sub == 0, 0, len(present) - 1 + sub)
    return Groups(len(present) + int(sub.max()), of)


def by_destination(audit: Audit, question: Question, networks: bool) -> tuple[list[dict[str, Any]], int]:
    """What went to each destination, or to each /24 and /48 of them: a struct each, most packets first.

    Gives at most `MOST`, and how many there are.
    """
    column = audit.hour.every(question, *_NAMES)
    named = column["how"] & rows.HOW_FOLDED == 0
    if not named.any():
        return [], 0
    column = {name: values[named] for name, values in column.items()}
    hi, lo = tell.network_of(column["d_hi"], column["d_lo"]) if networks else (column["d_hi"], column["d_lo"])
    known, of = np.unique(rows.mix(np.stack([hi, lo], axis=1), 0x5EED), return_inverse=True)
    of = of.reshape(-1)
    top = np.argsort(np.bincount(of, column["packets"].astype(np.float64)), kind="stable")[::-1][:MOST]
    rank = np.full(len(known), -1, np.intp)
    rank[top] = np.arange(len(top))
    told = rank[of] >= 0
    column = {name: values[told] for name, values in column.items()}
    structs = _destinations(audit, column, hi[told], lo[told], Groups(len(top), rank[of][told]), networks)
    return sorted(structs, key=lambda struct: (-struct["packets"], struct["destination"])), len(known)


def _destinations(
    audit: Audit, column: dict[str, Array], hi: Array, lo: Array, groups: Groups, networks: bool
) -> list[dict[str, Any]]:
    slices, destinations = _slices(audit, column, groups), groups.distinct(column["d_hi"], column["d_lo"])
    ports, told, example = _ports(column, groups), _common(column, groups), groups.example
    for n, struct in enumerate(told):
        address = rows.address(int(hi[example[n]]), int(lo[example[n]]))
        length = (24 if address.version == 4 else 48) if networks else address.max_prefixlen
        struct["destination"] = f"{address}/{length}" if networks else str(address)
        struct["slices"] = slices[n]
        struct["destinations"] = int(destinations[n])
        struct["ports"] = ports[n]
    return told


def _common(column: dict[str, Array], groups: Groups) -> list[dict[str, Any]]:
    first, last = groups.least(column["first"]), groups.most(column["last"])
    packets, octets = groups.sum(column["packets"]), groups.sum(column["octets"])
    flags = np.zeros(groups.count, np.uint8)
    np.bitwise_or.at(flags, groups.of, column["flags"])
    seen = np.flatnonzero(np.bincount(groups.of * 256 + column["proto"], minlength=groups.count * 256))
    protocols: list[list[str]] = [[] for _ in range(groups.count)]
    for pair in seen.tolist():
        protocols[pair >> 8].append(tell.protocol(pair & 0xFF))
    return [
        {
            "first": int(first[n]) / 1e6,
            "last": int(last[n]) / 1e6,
            "first_utc": tell.moment(int(first[n])),
            "last_utc": tell.moment(int(last[n])),
            "packets": int(packets[n]),
            "octets": int(octets[n]),
            "protocols": protocols[n],
            "tcp_flags": tell.tcp_flags(int(flags[n])),
        }
        for n in range(groups.count)
    ]


def _ports(column: dict[str, Array], groups: Groups, most: int = 5) -> list[list[int]]:
    """The ports of each group's destinations that most records went to."""
    ported = np.isin(column["proto"], list(rows.PORTED)) & (column["how"] & rows.HOW_PORTLESS == 0)
    pairs = groups.of[ported].astype(np.int64) << 16 | (column["ports"][ported] & 0xFFFF).astype(np.int64)
    pairs, counts = np.unique(pairs, return_counts=True)
    order = np.lexsort((pairs, -counts, pairs >> 16))  # by group, then by how many
    group = pairs[order] >> 16
    starts = np.searchsorted(group, np.arange(groups.count))
    place = np.arange(len(group)) - starts[group]
    out: list[list[int]] = [[] for _ in range(groups.count)]
    for pair in pairs[order][place < most].tolist():
        out[pair >> 16].append(pair & 0xFFFF)
    return out


def _slices(audit: Audit, column: dict[str, Array], groups: Groups) -> list[list[str]]:
    """The senders in each group, by name."""
    keys = np.stack([groups.of.astype(np.uint64), column["slice"].astype(np.uint64), column["tag"].astype(np.uint64)])
    _, at = np.unique(rows.mix(np.ascontiguousarray(keys.T), 0x5EED), return_index=True)
    out: list[dict[str, None]] = [{} for _ in range(groups.count)]
    for place in at.tolist():
        number, tag, iface = (int(column[name][place]) for name in ("slice", "tag", "iface"))
        out[int(groups.of[place])][audit.owners.label(number, tag, iface)] = None
    return [sorted(names) for names in out]
