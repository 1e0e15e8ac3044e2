"""The hot path compiled: packets straight into a table of flows, one pass, without columns in between.

numba makes machine code of this where it is installed (``pip install plfed[fast]``); everything works without it, a
few times slower. What is not plain (pieces of datagrams, IPv6 extension headers, tags of virtual LANs, what is cut
short) is pointed out and left to the other path. Keys are compared whole; the seed of the mix is secret. The table is
in the layout of `rows.ROW`; it is emptied at each turn, or when it is half full.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import define, field

from auditd.rows import ROW, WORDS, Rows

try:
    import numba
except ImportError:
    numba = None

BITS = 17  # of the number of slots, 12 MiB
RING, PCAP = 0, 1
_RARE, _FOREIGN = -1, -2
U8 = npt.NDArray[np.uint8]


def _compiled(function: Any) -> Any:
    return numba.njit(cache=True, nogil=True)(function) if numba is not None else function


@_compiled
def _be32(a: Any, o: int) -> Any:
    return (
        np.uint64(a[o]) << np.uint64(24) | np.uint64(a[o + 1]) << np.uint64(16)
        | np.uint64(a[o + 2]) << np.uint64(8) | np.uint64(a[o + 3])
    )  # fmt: skip


@_compiled
def _le32(a: Any, o: int) -> Any:
    return (
        np.uint64(a[o + 3]) << np.uint64(24) | np.uint64(a[o + 2]) << np.uint64(16)
        | np.uint64(a[o + 1]) << np.uint64(8) | np.uint64(a[o])
    )  # fmt: skip


@_compiled
def _head(a: Any, p: Any, captured: Any, link: int, w: Any) -> Any:
    """Read one packet's key and flags into ``w`` (words 0 to 5, flags in 6); the bytes of its headers, or why not."""
    ip, have = p + link, captured - link
    start: Any
    size: Any
    if have < 20:
        return _RARE
    version = a[ip] >> 4
    if link != 0:
        kind = (np.int64(a[p + 12]) << 8) | np.int64(a[p + 13])
        if kind == 0x0806 or kind < 0x0600 or kind == 0x88CC or kind == 0x8809:
            return _FOREIGN
        if not ((kind == 0x0800 and version == 4) or (kind == 0x86DD and version == 6)):
            return _RARE
    mapped = np.uint64(0xFFFF) << np.uint64(32)
    if version == 4:
        start = np.int64(a[ip] & 15) * 4
        if start < 20 or have < start or (a[ip + 6] & 0x3F) != 0 or a[ip + 7] != 0:
            return _RARE
        proto = np.uint64(a[ip + 9])
        w[0], w[2] = np.uint64(0), np.uint64(0)
        w[1], w[3] = mapped | _be32(a, ip + 12), mapped | _be32(a, ip + 16)
    elif version == 6 and have >= 40:
        start = 40
        proto = np.uint64(a[ip + 6])
        if proto not in (6, 17, 58, 132, 47, 50, 59, 136, 33):
            return _RARE
        for n in range(4):
            w[n] = _be32(a, ip + 8 + 8 * n) << np.uint64(32) | _be32(a, ip + 12 + 8 * n)
    else:
        return _RARE
    inner, left = ip + start, have - start
    ports, flags, size = np.uint64(0), np.uint64(0), 8
    if proto in (6, 17, 33, 132, 136, 1, 58):
        if left < 4:
            return _RARE
        ports = _be32(a, inner)
        if proto == 1 or proto == 58:
            ports >>= np.uint64(16)
    if proto == 6:
        if left < 14:
            return _RARE
        flags, size = np.uint64(a[inner + 13]), np.int64(a[inner + 12] >> 4) * 4
    w[4], w[5], w[6] = ports, proto << np.uint64(32), flags
    return start + size


@_compiled
def _slot(w: Any, seed: Any, mask: Any) -> Any:
    h = seed
    for n in range(6):
        h ^= w[n]
        h *= np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(29)
    return h & mask


@_compiled
def _count(table: Any, w: Any, slot: Any, at: Any, packets: Any, octets: Any) -> int:
    """Add one frame to its flow's row; 1 when the flow is new."""
    mask, one = np.uint64(table.shape[0] - 1), np.uint64(1)
    while True:
        row = table[slot]
        if row[9] == 0:
            for n in range(6):
                row[n] = w[n]
            row[6] = np.uint64(0)
            row[7], row[8], row[9], row[10] = at, at, packets, octets
            row[11] = one | w[6] << np.uint64(32)
            return 1
        same = row[1] == w[1] and row[3] == w[3] and row[4] == w[4]
        if same and row[5] == w[5] and row[0] == w[0] and row[2] == w[2]:
            row[7], row[8] = min(row[7], at), max(row[8], at)
            row[9] += packets
            row[10] += octets
            row[11] = (row[11] + one) | w[6] << np.uint64(32)
            return 0
        slot = (slot + one) & mask


@_compiled
def _pcap(a: Any, start: int, link: int, per: int, table: Any, seed: Any, rare: Any, counts: Any, some: Any) -> Any:
    """Records of a little-endian pcap file from ``start`` on; where it stopped. Counts: frames, flows, rare, foreign.

    ``some``: room for a few packets, which are read first and counted together: their rows' cache misses overlap.
    """
    at: Any
    size: Any
    at, end, room, many = start, a.size, table.shape[0] // 2, some.shape[0]
    mask, touched = np.uint64(table.shape[0] - 1), np.uint64(0)
    going = True
    while going and counts[1] < room and counts[2] + many <= rare.size:
        ready = 0
        while ready < many:
            if at + 16 > end:
                going = False
                break
            captured = np.int64(_le32(a, at + 8))
            p = at + 16
            if p + captured > end:
                going = False
                break
            counts[0] += 1
            w = some[ready]
            size = _head(a, p, captured, link, w)
            if size > 0:
                w[7] = _slot(w, seed, mask)
                w[8] = _le32(a, at) * np.uint64(1000000) + _le32(a, at + 4) // np.uint64(per)
                w[9] = _le32(a, at + 12) - np.uint64(link)
                ready += 1
            elif size == _RARE:
                rare[counts[2]] = at
                counts[2] += 1
                if counts[2] + many > rare.size:
                    at = p + captured
                    break
            else:
                counts[3] += 1
            at = p + captured
        for n in range(ready):
            touched ^= table[some[n, 7], 9]
        for n in range(ready):
            counts[1] += _count(table, some[n], some[n, 7], some[n, 8], np.uint64(1), some[n, 9])
    counts[4] = np.int64(touched)
    return at


@define
class Walker:
    """A table of flows and the compiled code that fills it."""

    seed: int
    bits: int = BITS
    _table: npt.NDArray[np.uint64] = field(init=False)
    _rare: npt.NDArray[np.int64] = field(factory=lambda: np.zeros(65536, np.int64), init=False)
    _counts: npt.NDArray[np.int64] = field(factory=lambda: np.zeros(5, np.int64), init=False)
    _some: npt.NDArray[np.uint64] = field(factory=lambda: np.zeros((64, 10), np.uint64), init=False)

    def __attrs_post_init__(self) -> None:
        self._table = np.zeros((1 << self.bits, WORDS), np.uint64)

    def pcap(self, data: U8, start: int, link: int, per: int) -> tuple[int, npt.NDArray[np.int64], int, int]:
        """Read records; gives where it stopped, where rare ones begin, and how many frames and foreign ones it met."""
        self._counts[0] = self._counts[2] = self._counts[3] = 0
        stopped = _pcap(data, start, link, per, self._table, np.uint64(self.seed), self._rare, self._counts, self._some)
        frames, _, rare, foreign, _ = (int(count) for count in self._counts)
        return int(stopped), self._rare[:rare].copy(), frames - rare, foreign

    @property
    def full(self) -> bool:
        """Whether the table has to be taken before more is read."""
        return bool(self._counts[1] >= len(self._table) // 2)

    def taken(self) -> Rows:
        """The flows since the last time; the table is empty afterwards."""
        used = self._table[:, 9] != 0
        found = np.ascontiguousarray(self._table[used]).view(ROW).reshape(-1)
        self._table[used] = 0
        self._counts[1] = 0
        return found
