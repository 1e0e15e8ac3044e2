"""The hot path compiled: packets straight into a table of flows, one pass, without columns in between.

numba makes machine code of this where it is installed (``pip install plfed[fast]``); everything works without it, a
few times slower. What is not plain (pieces of datagrams, IPv6 extension headers, tags of virtual LANs, what is cut
short) is pointed out and left to the other path. Keys are compared whole; the seed of the mix is secret. The table is
in the layout of `rows.ROW`; it is emptied at each turn, or when it is half full.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import define, field

from auditd.rows import ROW, WORDS, Rows

numba: Any = import_module("numba") if find_spec("numba") else None

BITS = 17  # of the number of slots; with the rows, 7 MiB
RING, PCAP = 0, 1
_RARE, _FOREIGN = -1, -2
U8 = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


def _compiled(function: Any) -> Any:
    if numba is None:
        return function
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder in which machine code can be kept: it is made anew at each start
        return numba.njit(nogil=True)(function)


def _word(bits: int, swapped: bool) -> Any:
    """Compiled code that reads ``bits`` at any place of an array of octets, as one instruction.

    An index into an array costs a comparison, for it may be negative; and of four octets four.
    """
    if numba is None:
        return None
    ir, kind = import_module("llvmlite.ir"), numba.types.uint64

    def read(typing: Any, array: Any, place: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            octets = context.make_array(signature.args[0])(context, builder, values[0]).data
            at = builder.inttoptr(
                builder.add(builder.ptrtoint(octets, ir.IntType(64)), values[1]), ir.PointerType(bits_)
            )
            word = builder.load(at, align=1)
            word = builder.bswap(word) if swapped else word
            return builder.zext(word, ir.IntType(64)) if bits < 64 else word

        return kind(array, place), code

    bits_ = ir.IntType(bits)
    return numba.extending.intrinsic(read)


_octet, _le16, _le32 = _word(8, False), _word(16, False), _word(32, False)
_be16, _be32, _be64 = _word(16, True), _word(32, True), _word(64, True)


@_compiled
def _head(a: Any, p: Any, captured: Any, link: int, w: Any) -> Any:
    """Read one packet's key and flags into ``w`` (words 0 to 5, flags in 6); the bytes of its headers, or why not."""
    ip, have = p + link, captured - link
    start: Any
    size: Any
    if have < 20:
        return _RARE
    first = _octet(a, ip)
    version = first >> np.uint64(4)
    if link != 0:
        kind = _be16(a, p + 12)
        if kind == 0x0806 or kind < 0x0600 or kind == 0x88CC or kind == 0x8809:
            return _FOREIGN
        if not ((kind == 0x0800 and version == 4) or (kind == 0x86DD and version == 6)):
            return _RARE
    mapped = np.uint64(0xFFFF) << np.uint64(32)
    if version == 4:
        start = np.int64(first & np.uint64(15)) * 4
        if start < 20 or have < start or _le16(a, ip + 6) & np.uint64(0xFF3F) != 0:
            return _RARE
        proto = _octet(a, ip + 9)
        w[0], w[2] = np.uint64(0), np.uint64(0)
        w[1], w[3] = mapped | _be32(a, ip + 12), mapped | _be32(a, ip + 16)
    elif version == 6 and have >= 40:
        start = 40
        proto = _octet(a, ip + 6)
        if proto not in (6, 17, 58, 132, 47, 50, 59, 136, 33):
            return _RARE
        w[0], w[1], w[2], w[3] = _be64(a, ip + 8), _be64(a, ip + 16), _be64(a, ip + 24), _be64(a, ip + 32)
    else:
        return _RARE
    inner, left = ip + start, have - start
    ports, flags, size = np.uint64(0), np.uint64(0), 8
    if proto == 6:
        if left < 14:
            return _RARE
        ports, flags = _be32(a, inner), _octet(a, inner + 13)
        size = np.int64(_octet(a, inner + 12) >> np.uint64(4)) * 4
    elif proto in (17, 33, 132, 136, 1, 58):
        if left < 4:
            return _RARE
        ports = _be32(a, inner)
        if proto == 1 or proto == 58:
            ports >>= np.uint64(16)
    w[4], w[5], w[6] = ports, proto << np.uint64(32), flags
    return start + size


@_compiled
def _mixed(w: Any, seed: Any) -> Any:
    h = seed
    for n in range(6):
        h ^= w[n]
        h *= np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(29)
    return h


@_compiled
def _count_all(slots: Any, table: Any, counts: Any, some: Any, ready: int) -> None:
    """Add frames to their flows' rows. A slot has its row's number + 1, and in its high half that of the key's mix.

    A look at all slots and rows first lets the cache misses overlap.
    """
    mask, one, high = np.uint64(slots.size - 1), np.uint64(1), np.uint64(32)
    low, touched, fresh = np.uint64(0xFFFFFFFF), np.uint64(0), counts[1]
    for n in range(ready):
        some[n, 11] = slots[some[n, 7] & mask]
    for n in range(ready):
        met = some[n, 11] & low
        if met != 0:
            touched ^= table[met - one, 4] ^ table[met - one, 11]
    counts[4] = np.int64(touched)
    for n in range(ready):
        w = some[n]
        slot, tag, at = w[7] & mask, w[7] & ~low, w[8]
        while True:
            met = slots[slot]
            if met == 0:
                row = table[fresh]
                row[0], row[1], row[2], row[3], row[4], row[5], row[6] = (
                    w[0],
                    w[1],
                    w[2],
                    w[3],
                    w[4],
                    w[5],
                    np.uint64(0),
                )
                row[7], row[8], row[9], row[10] = at, at, w[10], w[9]
                row[11] = one | w[6] << high
                fresh += 1
                slots[slot] = tag | np.uint64(fresh)
                break
            if met & ~low == tag:
                row = table[(met & low) - one]
                same = row[1] == w[1] and row[3] == w[3] and row[4] == w[4]
                if same and row[5] == w[5] and row[0] == w[0] and row[2] == w[2]:
                    if at < row[7]:
                        row[7] = at
                    if at > row[8]:
                        row[8] = at
                    row[9] += w[10]
                    row[10] += w[9]
                    row[11] = (row[11] + one) | w[6] << high
                    break
            slot = (slot + one) & mask
    counts[1] = fresh


@_compiled
def _pcap(
    a: Any, start: int, link: int, per: int, slots: Any, table: Any, seed: Any, rare: Any, counts: Any, some: Any
) -> Any:
    """Records of a little-endian pcap file from ``start`` on; where it stopped. Counts: frames, flows, rare, foreign.

    ``some``: room for a few packets, which are read first and counted together.
    """
    at: Any
    size: Any
    at, end, room, many = start, a.size, table.shape[0] - some.shape[0], some.shape[0]
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
                w[7] = _mixed(w, seed)
                w[8] = _le32(a, at) * np.uint64(1000000) + _le32(a, at + 4) // np.uint64(per)
                w[9], w[10] = _le32(a, at + 12) - np.uint64(link), np.uint64(1)
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
        _count_all(slots, table, counts, some, ready)
    return at


@_compiled
def _ring(a: Any, told: Any, slots: Any, table: Any, seed: Any, rare: Any, counts: Any, some: Any) -> Any:
    """Packets of a block of the ring; where it stopped. ``told``: see `Walker.ring`; what is left of it is updated."""
    link, vnet, senders, ahead, earliest, latest, where = told[2], told[3], told[4], told[5], told[6], told[7], told[8]
    size: Any
    at, room, many = told[0], table.shape[0] - some.shape[0], some.shape[0]
    while told[1] > 0 and counts[1] < room and counts[2] + many <= rare.size:
        ready = 0
        while ready < many and told[1] > 0 and counts[2] < rare.size:
            p = at + np.int64(_le16(a, at + 24))
            counts[0] += 1
            w = some[ready]
            size = _head(a, p, np.int64(_le32(a, at + 12)), link, w)
            if size > 0:
                if senders != 0:
                    w[4] |= _le32(a, at + 28) << np.uint64(32)
                w[5] |= np.uint64(where)
                w[7] = _mixed(w, seed)
                moment = np.int64(_le32(a, at + 4)) * 1000000 + np.int64(_le32(a, at + 8)) // 1000 - ahead
                w[8] = np.uint64(min(max(moment, earliest), latest))
                octets, packets = np.int64(_le32(a, at + 16)) - link, np.int64(1)
                if vnet != 0 and _octet(a, p - 9) != 0:
                    cut = np.int64(_le16(a, p - 6))
                    if cut > 0:
                        packets = (max(octets - size, 1) + cut - 1) // cut
                        octets += (packets - 1) * size
                w[9], w[10] = np.uint64(octets), np.uint64(packets)
                ready += 1
            elif size == _RARE:
                rare[counts[2]] = at
                counts[2] += 1
            else:
                counts[3] += 1
            at += np.int64(_le32(a, at))
            told[1] -= 1
        _count_all(slots, table, counts, some, ready)
    told[0] = at
    return at


@define
class Walker:
    """A table of flows and the compiled code that fills it."""

    seed: int
    bits: int = BITS
    frames: int = field(default=0, init=False)  # met since it was made
    _slots: npt.NDArray[np.uint64] = field(init=False)
    _table: npt.NDArray[np.uint64] = field(init=False)  # half as many rows
    _rare: npt.NDArray[np.int64] = field(factory=lambda: np.zeros(65536, np.int64), init=False)
    _counts: npt.NDArray[np.int64] = field(factory=lambda: np.zeros(5, np.int64), init=False)
    _some: npt.NDArray[np.uint64] = field(factory=lambda: np.zeros((64, 12), np.uint64), init=False)

    def __attrs_post_init__(self) -> None:
        self._slots = np.zeros(1 << self.bits, np.uint64)
        self._table = np.empty((1 << (self.bits - 1), WORDS), np.uint64)

    def pcap(self, data: U8, start: int, link: int, per: int) -> tuple[int, Places, int, int]:
        """Read records; gives where it stopped, where rare ones begin, and how many frames and foreign ones it met."""
        self._fresh()
        stopped = _pcap(data, start, link, per, self._slots, self._table, np.uint64(self.seed), *self._room())
        return int(stopped), *self._met()

    def ring(self, data: U8, told: Places) -> tuple[Places, int, int]:
        """Read packets of a block; gives where rare ones' headers lie, how many frames and foreign ones it met.

        ``told``: the first packet's header, how many packets there are (both updated, for the table may become full
        first), bytes of link header, whether frames say how they are cut, whether they say who sends, the wall clock's
        distance from the steady one, the earliest and the latest moment there can be, and the word of a row's key that
        has interface and manner.
        """
        self._fresh()
        _ring(data, told, self._slots, self._table, np.uint64(self.seed), *self._room())
        return self._met()

    def _fresh(self) -> None:
        self._counts[0] = self._counts[2] = self._counts[3] = 0

    def _room(self) -> tuple[Any, Any, Any]:
        return self._rare, self._counts, self._some

    def _met(self) -> tuple[Places, int, int]:
        frames, _, rare, foreign, _ = (int(count) for count in self._counts)
        self.frames += frames
        return self._rare[:rare].copy(), frames - rare, foreign

    @property
    def full(self) -> bool:
        """Whether the table has to be taken before more is read."""
        return bool(self._counts[1] >= len(self._table) - len(self._some))

    def taken(self) -> Rows:
        """The flows since the last time; a view that is good until more is read."""
        found = self._table[: self._counts[1]].view(ROW).reshape(-1)
        self._slots[:] = 0
        self._counts[1] = 0
        return found


def ready(seed: int, bits: int = BITS) -> Walker:
    """A walker whose code is compiled: seconds the first time, then it is kept in a file."""
    walker = Walker(seed, bits)
    walker.pcap(np.zeros(100, np.uint8), 0, 14, 1)
    walker.ring(np.zeros(100, np.uint8), np.zeros(9, np.int64))
    walker.frames = 0
    return walker
