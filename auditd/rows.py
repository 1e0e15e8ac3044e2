"""What is kept of packets: rows of numbers, many at a time, and never a payload.

A row is a flow or a piece of one: a key, and what was counted under it. The same layout serves the capture program,
its pipe, the table of open flows and the journal. Times in rows are microseconds of the machine's steady clock.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.void]  # of dtype ROW
Numbers = npt.NDArray[np.uint32]
Address = IPv4Address | IPv6Address

KEY_WORDS = 7  # 64-bit words at the head of a row that tell one flow from another
ROW = np.dtype(
    [
        ("s_hi", "<u8"), ("s_lo", "<u8"),  # source, IPv4 as ::ffff:a.b.c.d
        ("d_hi", "<u8"), ("d_lo", "<u8"),  # destination
        ("ports", "<u4"),  # source port << 16 | destination port; for ICMP type << 8 | code
        ("tag", "<u4"),  # what the kernel said of the sender, see auditd.owners
        ("iface", "<u4"),  # index of the interface that the packets left by
        ("proto", "u1"), ("how", "u1"), ("_1", "<u2"),  # protocol number; bits of HOW_*
        ("slice", "<u4"), ("_2", "<u4"),  # number of the slice; the capture leaves 0
        ("first", "<i8"), ("last", "<i8"),
        ("packets", "<u8"),  # as they leave the machine
        ("octets", "<u8"),  # of those packets, from the IP header on
        ("frames", "<u4"),  # as the kernel handed them over: one frame may be many packets (segmentation offload)
        ("flags", "u1"), ("_3", "u1"), ("_4", "<u2"),  # all TCP flags seen, or-ed
    ]
)  # fmt: skip
WORDS = ROW.itemsize // 8

HOW_PORTLESS = 1  # a later piece of a datagram whose first piece was not seen: its ports are not known
HOW_COARSE = 2  # read in a hurry: addresses and protocol only
HOW_FOLDED = 4  # too many flows at once: counted under slice and protocol, without addresses
HOW_PACKETS_ONLY = 8  # of an interface that does not say how frames were cut into packets

MAPPED = 0xFFFF << 32  # the words ::ffff:0:0
PORTED = frozenset({6, 17, 33, 132, 136})  # TCP, UDP, DCCP, SCTP, UDP-Lite: ports in the first four bytes
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58


def empty(count: int = 0) -> Rows:
    """``count`` rows of zeros."""
    return np.zeros(count, ROW)


def words(rows: Rows) -> npt.NDArray[np.uint64]:
    """The rows' keys as a matrix, ``KEY_WORDS`` wide; a view when the rows lie close together."""
    return _matrix(rows)[:, :KEY_WORDS]


def pair(address: Address) -> tuple[int, int]:
    """An address as two 64-bit halves, IPv4 mapped into IPv6."""
    if address.version == 4:
        return 0, MAPPED | int(address)
    return int(address) >> 64, int(address) & (1 << 64) - 1


def read_pair(text: str) -> tuple[int, int]:
    """The halves of an address as it is written. Raises `ValueError`."""
    return pair(ip_address(text))


def address(hi: int, lo: int) -> Address:
    """The address of two halves.

    >>> str(address(*pair(ip_address("192.0.2.1"))))
    '192.0.2.1'
    """
    if hi == 0 and lo >> 32 == 0xFFFF:
        return IPv4Address(lo & 0xFFFFFFFF)
    return IPv6Address(hi << 64 | lo)


def row(source: str, destination: str, **fields: int) -> Rows:
    """One row, stated in words; what is not given is 0, save one packet in one frame."""
    made = empty(1)
    made["s_hi"], made["s_lo"] = pair(ip_address(source))
    made["d_hi"], made["d_lo"] = pair(ip_address(destination))
    for name, value in {"packets": 1, "frames": 1, **fields}.items():
        made[name] = value
    return made


_ODD = np.array(
    [
        0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93,
        0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x8EBC6AF09C88C6E3,
    ],
    np.uint64,
)  # fmt: skip
_S32 = np.uint64(32)
_S29 = np.uint64(29)


def mix(keys: npt.NDArray[np.uint64], seed: int) -> npt.NDArray[np.uint64]:
    """A 64-bit mix of each key. ``seed`` is secret, so that nobody can send packets whose mixes collide."""
    state = np.full(len(keys), seed, np.uint64)
    for column, words_of_one in enumerate(np.ascontiguousarray(keys.T)):
        state ^= words_of_one
        state *= _ODD[column]
        state ^= state >> (_S32 if column & 1 else _S29)
    return state ^ (state >> _S29)


def ordered(mixed: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint64]]:
    """An order in which equal mixes lie together, and what is left of the mixes in it. ``mixed`` is used up.

    Sorted are the mixes with their places in their low bits: sorting numbers is cheaper than sorting places.
    """
    bits = np.uint64(max(len(mixed) - 1, 1).bit_length())
    mixed <<= bits
    mixed |= np.arange(len(mixed), dtype=np.uint64)
    mixed.sort()
    order = (mixed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.intp)
    mixed >>= bits
    return order, mixed


def once(ordered: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Numbers in order without doubles."""
    first = np.concatenate([np.ones(1, bool), ordered[1:] != ordered[:-1]])[: len(ordered)]
    kept: npt.NDArray[np.uint64] = ordered[first]
    return kept


def joined(rows: Rows, seed: int = 1) -> Rows:
    """The same counts with one row per key: sums, earliest first, latest last, flags or-ed. Order is not kept."""
    if len(rows) < 2:
        return rows
    keys = words(rows)
    order, sorted_mix = ordered(mix(keys, seed))
    matrix = _matrix(rows).take(order, axis=0)
    same = _same_as_before(matrix)
    if ((sorted_mix[1:] == sorted_mix[:-1]) & ~same).any():  # one mix of two keys: they may lie interleaved
        matrix = _matrix(rows).take(np.lexsort(keys.T), axis=0)
        same = _same_as_before(matrix)
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    in_order = matrix.view(ROW).reshape(-1)
    out = in_order[starts]
    if len(starts) == len(rows):
        return out
    for name in ("packets", "octets", "frames"):
        out[name] = np.add.reduceat(in_order[name], starts)
    out["first"] = np.minimum.reduceat(in_order["first"], starts)
    out["last"] = np.maximum.reduceat(in_order["last"], starts)
    out["flags"] = np.bitwise_or.reduceat(in_order["flags"], starts)
    return out


def _matrix(rows: Rows) -> npt.NDArray[np.uint64]:
    """The rows as lines of 64-bit words."""
    return np.ascontiguousarray(rows).view("<u8").reshape(-1, WORDS)


def _same_as_before(matrix: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Whether each line but the first has the key of the line before it."""
    differing = matrix[1:, 0] ^ matrix[:-1, 0]
    for column in range(1, KEY_WORDS):
        differing |= matrix[1:, column] ^ matrix[:-1, column]
    return np.asarray(differing == 0, bool)


def folded(rows: Rows, most: int, seed: int = 1) -> tuple[Rows, int]:
    """At most about ``most`` rows: the smallest flows beyond it lose their addresses, never their counts.

    Gives the rows and how many flows were folded away. Their sums stand under slice, tag, interface and protocol.
    """
    if len(rows) <= most:
        return rows, 0
    order = np.argsort(rows["packets"], kind="stable")[::-1]
    kept, rest = rows[order[:most]], rows[order[most:]].copy()
    return np.concatenate([kept, joined(nameless(rest), seed)]), len(rest)


def nameless(rows: Rows) -> Rows:
    """``rows`` without addresses and ports, marked so; changed in place."""
    for name in ("s_hi", "s_lo", "d_hi", "d_lo", "ports"):
        rows[name] = 0
    rows["how"] |= HOW_FOLDED
    return rows
