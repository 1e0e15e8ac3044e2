"""Records put into groups, whole columns at a time, and what a group is told by."""

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from auditd import rows, tell
from auditd.rows import Array

NAMES = (
    "slice", "tag", "iface", "d_hi", "d_lo", "proto", "how", "first", "last", "packets", "octets", "flags", "ports",
)  # fmt: skip  # columns that sums are made of
MOST_PORTS = 5  # of a group that are told
Whole = npt.NDArray[np.int64]


@frozen
class Groups:
    """How many groups there are, and the group of each record."""

    count: int
    of: npt.NDArray[np.intp]

    @property
    def example(self) -> npt.NDArray[np.intp]:
        """One record of each group."""
        found = np.zeros(self.count, np.intp)
        found[self.of] = np.arange(len(self.of))
        return found

    def sum(self, values: Array) -> Whole:
        """The sum of ``values`` in each group."""
        return np.bincount(self.of, values.astype(np.float64), self.count).astype(np.int64)

    def least(self, values: Array) -> Whole:
        """The least of ``values`` in each group."""
        out = np.full(self.count, np.iinfo(np.int64).max)
        np.minimum.at(out, self.of, values)
        return out

    def most(self, values: Array) -> Whole:
        """The greatest of ``values`` in each group."""
        out = np.full(self.count, np.iinfo(np.int64).min)
        np.maximum.at(out, self.of, values)
        return out

    def bits(self, values: Array) -> npt.NDArray[np.uint8]:
        """All bits of ``values`` in each group."""
        out = np.zeros(self.count, np.uint8)
        np.bitwise_or.at(out, self.of, values)
        return out


@frozen(kw_only=True, eq=False)
class Counts:
    """What was counted in each group; a place each."""

    first: Whole
    last: Whole
    packets: Whole
    octets: Whole
    flags: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, column: Any, groups: Groups) -> "Counts":
        """The counts of records, or of other counts, put into groups."""
        return cls(
            first=groups.least(column["first"]), last=groups.most(column["last"]),
            packets=groups.sum(column["packets"]),
            octets=groups.sum(column["octets"]), flags=groups.bits(column["flags"]),
        )  # fmt: skip

    def __getitem__(self, name: str) -> Array:
        """One of them, by name."""
        values: Array = getattr(self, name)
        return values

    def structs(self, protocols: list[list[str]], ports: list[list[int]]) -> list[dict[str, Any]]:
        """What every table tells of a group."""
        told = zip(*(self[name].tolist() for name in ("first", "last", "packets", "octets", "flags")), strict=True)
        return [
            {
                "first": first / 1e6,
                "last": last / 1e6,
                "first_utc": tell.moment(first),
                "last_utc": tell.moment(last),
                "packets": packets,
                "octets": octets,
                "protocols": protocols[n],
                "ports": ports[n],
                "tcp_flags": tell.tcp_flags(flags),
            }
            for n, (first, last, packets, octets, flags) in enumerate(told)
        ]


def protocol_pairs(column: dict[str, Array], groups: Groups) -> Whole:
    """Group << 8 | protocol, of each that was seen, in order."""
    return np.flatnonzero(np.bincount(groups.of * 256 + column["proto"], minlength=groups.count * 256))


def protocols(pairs: Whole, count: int) -> list[list[str]]:
    """The names of the protocols of each group."""
    out: list[list[str]] = [[] for _ in range(count)]
    for pair in pairs.tolist():
        out[pair >> 8].append(tell.protocol(pair & 0xFF))
    return out


def port_pairs(column: dict[str, Array], groups: Groups) -> tuple[Whole, Whole]:
    """Group << 16 | port of destination, in order, and how many records have it."""
    ported = np.isin(column["proto"], list(rows.PORTED)) & (column["how"] & rows.HOW_PORTLESS == 0)
    every = groups.of[ported].astype(np.int64) << 16 | (column["ports"][ported] & 0xFFFF).astype(np.int64)
    return np.unique(every, return_counts=True)


def leading(pairs: Whole, counts: Whole, count: int) -> npt.NDArray[np.intp]:
    """Where the pairs of each of ``count`` groups are that most records have, by group, most first."""
    order = np.lexsort((pairs, -counts, pairs >> 16))
    group = pairs[order] >> 16
    starts = np.searchsorted(group, np.arange(count))
    kept: npt.NDArray[np.intp] = order[np.arange(len(group)) - starts[group] < MOST_PORTS]
    return kept


def ports(pairs: Whole, counts: Whole, count: int) -> list[list[int]]:
    """The ports of each group's destinations that most records went to."""
    out: list[list[int]] = [[] for _ in range(count)]
    for pair in pairs[leading(pairs, counts, count)].tolist():
        out[pair >> 16].append(pair & 0xFFFF)
    return out
