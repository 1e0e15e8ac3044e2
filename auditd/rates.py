"""Rates over the hour: how much was sent in each minute, by slice and by protocol.

A flow record says when its first and its last packet went; what lies between is spread evenly. So a minute's figure is
as good as that within a record (five minutes at most); the sums over the hour beside it are exact.
"""

import numpy as np
from attrs import frozen

from auditd import tell
from auditd.audit import Audit
from auditd.question import Question
from auditd.rows import Array

BINS = 60
MINUTE = 60_000_000  # microseconds
_LEAST = 1e-4  # minutes; steeper ramps would lose digits
TOP = 7  # named series; the rest are one


@frozen
class Series:
    """One line of a chart: octets and packets in each minute."""

    name: str
    octets: tuple[int, ...]
    packets: tuple[int, ...]


def both(audit: Audit, question: Question, until: int) -> tuple[list[Series], list[Series]]:
    """The senders of most octets, each a series, and the rest as another; and the same by protocol."""
    column = audit.hour.every(question, "slice", "tag", "iface", "proto", "first", "last", "packets", "octets")
    if not len(column["first"]):
        return [], []
    unknown = column["slice"] == 0
    keys = column["slice"].astype(np.uint64) << np.uint64(32) | np.where(unknown, column["tag"], 0).astype(np.uint64)
    ifaces = dict(zip(keys[unknown].tolist(), column["iface"][unknown].tolist(), strict=True))

    def name(key: int) -> str:
        return audit.owners.label(key >> 32, key & 0xFFFFFFFF, ifaces.get(key, 0))

    leaders, rank = _leaders(keys, column["octets"])
    protocols, protocol_rank = _leaders(column["proto"], column["octets"])
    count = min(len(protocols), TOP + 1)
    octets, packets = _spread(column, rank * count + protocol_rank, min(len(leaders), TOP + 1) * count, until)
    shape = (-1, count, BINS)
    return (
        _series([name(key) for key in leaders], octets.reshape(shape).sum(axis=1), packets.reshape(shape).sum(axis=1)),
        _series([tell.protocol(key) for key in protocols], octets.reshape(shape).sum(axis=0),
                packets.reshape(shape).sum(axis=0)),
    )  # fmt: skip


def _leaders(keys: Array, octets: Array) -> tuple[list[int], Array]:
    """The keys in order of their octets, most first, and the rank of each record's key; `TOP` for all that follow."""
    known, group = np.unique(keys, return_inverse=True)
    group = group.reshape(-1)
    order = np.argsort(np.bincount(group, octets.astype(np.float64), len(known)), kind="stable")[::-1]
    rank = np.empty(len(known), np.intp)
    rank[order] = np.minimum(np.arange(len(known)), TOP)
    return known[order].tolist(), rank[group]


def _series(names: list[str], octets: Array, packets: Array) -> list[Series]:
    told = [*names[:TOP], "the rest"]
    octets, packets = (np.maximum(np.rint(each), 0).astype(np.int64) for each in (octets, packets))
    return [Series(told[n], tuple(octets[n].tolist()), tuple(packets[n].tolist())) for n in range(len(octets))]


def _spread(column: dict[str, Array], group: Array, count: int, until: int) -> tuple[Array, Array]:
    """Octets and packets of each group in each of the last `BINS` minutes.

    What was sent before a moment is a sum of ramps, one from each record's first packet to its last; sums of their
    slopes and starts by minute give it for every minute at once.
    """
    begin = until - BINS * MINUTE
    first = np.clip((column["first"] - begin) / MINUTE, 0, BINS)
    last = np.maximum(np.clip((column["last"] - begin) / MINUTE, 0, BINS), first + _LEAST)
    ends = [(start, group * (BINS + 2) + np.minimum(start.astype(np.int64) + 1, BINS + 1)) for start in (first, last)]

    def spread(values: Array) -> Array:
        slope = values / (last - first)
        ramps = []
        for start, at in ends:
            slopes = np.bincount(at, slope, count * (BINS + 2)).reshape(count, -1).cumsum(axis=1)
            offsets = np.bincount(at, slope * start, count * (BINS + 2)).reshape(count, -1).cumsum(axis=1)
            ramps.append(slopes * np.arange(BINS + 2) - offsets)
        before: Array = ramps[0] - ramps[1]
        minutes: Array = np.diff(before[:, : BINS + 1], axis=1)
        return minutes

    return spread(column["octets"]), spread(column["packets"])
