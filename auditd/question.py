"""What a reader wants to see of the hour, and which records fit it. Pure."""

from ipaddress import IPv4Network, IPv6Network
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from auditd import rows
from auditd.rows import Array

FEW = 8  # senders that are looked for one by one
Network = IPv4Network | IPv6Network
Mask = npt.NDArray[np.bool_]


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

    def which(self, column: dict[str, Array]) -> Mask:
        """A mask over columns."""
        mask = self.narrowing(column)
        return np.ones(len(column["first"]), bool) if mask is None else mask

    def narrowing(self, column: dict[str, Array], there: bool = False, late: bool = False) -> Mask | None:
        """The same, None where every record fits.

        ``there``: the records are known to be of the destination; ``late``: to have ended late enough.
        """
        masks: list[Any] = []
        if self.to is not None and not there:
            masks.append(_inside(self.to, column["d_hi"], column["d_lo"]))
        if self.source is not None:
            masks.append(_inside(self.source, column["s_hi"], column["s_lo"]))
        if self.since is not None and not late:
            masks.append(column["last"] >= self.since)
        if self.until is not None:
            masks.append(column["first"] <= self.until)
        if self.slices is not None:
            masks.append(_of(self.slices, column["slice"]))
        if self.port is not None:
            masks.append((column["ports"] >> 16 == self.port) | (column["ports"] & 0xFFFF == self.port))
        if self.protocol is not None:
            masks.append(column["proto"] == self.protocol)
        return np.logical_and.reduce(masks) if len(masks) > 1 else masks[0] if masks else None


def _of(numbers: frozenset[int], values: Array) -> Mask:
    if len(numbers) > FEW:
        return np.isin(values, np.array(sorted(numbers), np.uint32))
    mask = np.zeros(len(values), bool)
    for number in numbers:
        mask |= values == number
    return mask


def _inside(network: Network, hi: npt.NDArray[np.uint64], lo: npt.NDArray[np.uint64]) -> Mask:
    low, high = rows.pair(network[0]), rows.pair(network[-1])
    if low[0] == high[0]:
        inside = (hi == np.uint64(low[0])) & (lo >= np.uint64(low[1])) & (lo <= np.uint64(high[1]))
    else:
        inside = (hi >= np.uint64(low[0])) & (hi <= np.uint64(high[0]))
    return np.asarray(inside, bool)
