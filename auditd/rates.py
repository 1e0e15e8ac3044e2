"""Rates over the hour: how much was sent in each minute, by slice and by protocol.

A flow record says when its first and its last packet went; what lies between is spread evenly. So a minute's figure is
as good as that within a record (five minutes at most); the sums over the hour beside it are exact.
"""

from typing import Any

import numpy as np
from attrs import frozen

from auditd import tell
from auditd.audit import Audit
from auditd.hour import Question
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


def by_slice(audit: Audit, question: Question, until: int) -> list[Series]:
    """The senders of most octets, each a series, and the rest as another."""
    column = audit.hour.every(question, "slice", "tag", "iface", "first", "last", "packets", "octets")
    unknown = column["slice"] == 0
    keys = column["slice"].astype(np.uint64) << np.uint64(32) | np.where(unknown, column["tag"], 0).astype(np.uint64)
    ifaces = dict(zip(keys.tolist(), column["iface"].tolist(), strict=True)) if unknown.any() else {}

    def name(key: int) -> str:
        return audit.owners.label(key >> 32, key & 0xFFFFFFFF, ifaces.get(key, 0))

    return _series(column, keys, name, until)


def by_protocol(audit: Audit, question: Question, until: int) -> list[Series]:
    """The same by protocol."""
    column = audit.hour.every(question, "proto", "first", "last", "packets", "octets")
    return _series(column, column["proto"].astype(np.uint64), tell.protocol, until)


def _series(column: dict[str, Array], keys: Array, name: Any, until: int) -> list[Series]:
    if not len(keys):
        return []
    known, group = np.unique(keys, return_inverse=True)
    group = group.reshape(-1)
    totals = np.bincount(group, column["octets"].astype(np.float64), len(known))
    order = np.argsort(totals, kind="stable")[::-1]
    rank = np.empty(len(known), np.intp)
    rank[order] = np.minimum(np.arange(len(known)), TOP)
    count = min(len(known), TOP + 1)
    octets = _spread(column, column["octets"], rank[group], count, until)
    packets = _spread(column, column["packets"], rank[group], count, until)
    names = [name(int(known[at])) for at in order[:TOP]] + ["the rest"]
    return [Series(names[n], tuple(octets[n].tolist()), tuple(packets[n].tolist())) for n in range(count)]


def _spread(column: dict[str, Array], values: Array, group: Array, count: int, until: int) -> Array:
    """``values`` of each group in each of the last `BINS` minutes.

    What was sent before a moment is a sum of ramps, one from each record's first packet to its last; sums of their
    slopes and starts by minute give it for every minute at once.
    """
    begin = until - BINS * MINUTE
    first = np.clip((column["first"] - begin) / MINUTE, 0, BINS)
    last = np.clip((column["last"] - begin) / MINUTE, 0, BINS)
    last = np.maximum(last, first + _LEAST)
    slope = values.astype(np.float64) / (last - first)
    size = count * (BINS + 2)

    def ramps(start: Array) -> Array:
        at = group * (BINS + 2) + np.minimum(np.floor(start).astype(np.int64) + 1, BINS + 1)
        slopes = np.bincount(at, slope, size).reshape(count, -1).cumsum(axis=1)
        offsets = np.bincount(at, slope * start, size).reshape(count, -1).cumsum(axis=1)
        until: Array = slopes * np.arange(BINS + 2) - offsets
        return until

    before = ramps(first) - ramps(last)
    spread: Array = np.maximum(np.rint(np.diff(before[:, : BINS + 1], axis=1)), 0).astype(np.int64)
    return spread
