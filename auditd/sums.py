"""Sums over the hour: by slice, by destination, over time. Whole columns in, short tables out."""

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from auditd import rows, tell
from auditd.audit import Audit
from auditd.hour import Question
from auditd.rows import Array

_NAMES = (
    "slice", "tag", "iface", "d_hi", "d_lo", "proto", "how", "first", "last", "packets", "octets", "flags", "ports",
)  # fmt: skip


@frozen
class Groups:
    """Records put into groups: how many there are, and the group of each record."""

    count: int
    of: npt.NDArray[np.intp]
    example: npt.NDArray[np.intp]  # one record of each group

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

    def distinct(self, *values: Array) -> npt.NDArray[np.int64]:
        """How many different ``values`` each group has, by a 64-bit mix of them."""
        keys = np.stack([self.of.astype(np.uint64), *(value.astype(np.uint64) for value in values)], axis=1)
        _, first = np.unique(rows.mix(keys, 0x5EED), return_index=True)
        return np.bincount(self.of[first], minlength=self.count)


def grouped(*keys: Array) -> Groups:
    """Groups of equal ``keys``."""
    packed = keys[0].astype(np.uint64)
    if len(keys) > 1:
        packed = rows.mix(np.stack([key.astype(np.uint64) for key in keys], axis=1), 0x5EED)
    _, example, of = np.unique(packed, return_index=True, return_inverse=True)
    return Groups(len(example), of.reshape(-1), example)


def _common(column: dict[str, Array], groups: Groups) -> list[dict[str, Any]]:
    first, last = groups.least(column["first"]), groups.most(column["last"])
    packets, octets = groups.sum(column["packets"]), groups.sum(column["octets"])
    flags = np.zeros(groups.count, np.uint8)
    np.bitwise_or.at(flags, groups.of, column["flags"])
    protocols = _sets(groups, column["proto"], tell.protocol)
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


def _sets(groups: Groups, values: Array, name: Any) -> list[list[str]]:
    pairs = np.unique(groups.of.astype(np.int64) << 16 | values.astype(np.int64))
    out: list[list[str]] = [[] for _ in range(groups.count)]
    for pair in pairs.tolist():
        out[pair >> 16].append(name(pair & 0xFFFF))
    return out


def _ports(column: dict[str, Array], groups: Groups, most: int = 5) -> list[list[int]]:
    """The ports of each group's destinations that most records went to."""
    ported = np.isin(column["proto"], list(rows.PORTED)) & (column["how"] & rows.HOW_PORTLESS == 0)
    pairs = groups.of[ported].astype(np.int64) << 16 | (column["ports"][ported] & 0xFFFF).astype(np.int64)
    pairs, counts = np.unique(pairs, return_counts=True)
    out: list[list[int]] = [[] for _ in range(groups.count)]
    for place in np.argsort(counts, kind="stable")[::-1]:
        ports = out[int(pairs[place] >> 16)]
        if len(ports) < most:
            ports.append(int(pairs[place] & 0xFFFF))
    return out


def by_slice(audit: Audit, question: Question) -> list[dict[str, Any]]:
    """What each sender sent: a struct each, most packets first."""
    column = audit.hour.every(question, *_NAMES)
    if not len(column["slice"]):
        return []
    unknown = column["slice"] == 0
    groups = grouped(column["slice"], np.where(unknown, column["tag"], 0), np.where(unknown, column["iface"], 0))
    named = column["how"] & rows.HOW_FOLDED == 0
    some = Groups(groups.count, groups.of[named], groups.example)
    destinations = some.distinct(column["d_hi"][named], column["d_lo"][named])
    flows = np.bincount(groups.of, minlength=groups.count)
    ports = _ports(column, groups)
    told = _common(column, groups)
    for n, struct in enumerate(told):
        at = groups.example[n]
        number = int(column["slice"][at])
        sender = audit.owners.sender(number)
        struct["slice"] = audit.owners.label(number, int(column["tag"][at]), int(column["iface"][at]))
        struct["kind"] = tell.kind(number)
        struct["authority"] = sender.authority if sender else ""
        struct["destinations"] = int(destinations[n])
        struct["flows"] = int(flows[n])
        struct["ports"] = ports[n]
    return sorted(told, key=lambda struct: (-struct["packets"], struct["slice"]))


def by_destination(audit: Audit, question: Question, networks: bool) -> list[dict[str, Any]]:
    """What went to each destination, or to each /24 and /48 of them: a struct each, most packets first."""
    column = audit.hour.every(question, *_NAMES)
    named = column["how"] & rows.HOW_FOLDED == 0
    column = {name: values[named] for name, values in column.items()}
    if not len(column["slice"]):
        return []
    hi, lo = tell.network_of(column["d_hi"], column["d_lo"]) if networks else (column["d_hi"], column["d_lo"])
    groups = grouped(hi, lo)
    slices = _slices(audit, column, groups)
    destinations = groups.distinct(column["d_hi"], column["d_lo"])
    ports = _ports(column, groups)
    told = _common(column, groups)
    for n, struct in enumerate(told):
        at = groups.example[n]
        address = rows.address(int(hi[at]), int(lo[at]))
        length = (24 if address.version == 4 else 48) if networks else address.max_prefixlen
        struct["destination"] = f"{address}/{length}" if networks else str(address)
        struct["slices"] = slices[n]
        struct["destinations"] = int(destinations[n])
        struct["ports"] = ports[n]
    return sorted(told, key=lambda struct: (-struct["packets"], struct["destination"]))


def _slices(audit: Audit, column: dict[str, Array], groups: Groups) -> list[list[str]]:
    """The senders in each group, by name."""
    keys = np.stack([groups.of.astype(np.uint64), column["slice"].astype(np.uint64), column["tag"].astype(np.uint64)])
    _, at = np.unique(rows.mix(np.ascontiguousarray(keys.T), 0x5EED), return_index=True)
    out: list[list[str]] = [[] for _ in range(groups.count)]
    for place in at.tolist():
        label = audit.owners.label(int(column["slice"][place]), int(column["tag"][place]), int(column["iface"][place]))
        names = out[int(groups.of[place])]
        if label not in names:
            names.append(label)
    return [sorted(names) for names in out]
