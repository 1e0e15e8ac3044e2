"""What most packets are, straight into flows: the hot path, where numba is not.

Plain are IPv4 without options or pieces and IPv6 without extension headers, whose ports were captured. Of these only a
few words are looked at: they are mixed into one number, numbers are sorted, and what lies together and has equal words
is a flow. Rows are made for flows only, not for packets. Everything else is left to `auditd.packets`.
"""

import numpy as np
import numpy.typing as npt
from attrs import define, frozen

from auditd import rows
from auditd.frames import U8, Frames, Index, windows
from auditd.rows import Array, Rows

BEFORE = 16  # bytes before the IP header that a head begins with: so the header's words lie on even places
LOOK = BEFORE + 56  # bytes of a head: to TCP's flags behind an IPv6 header
Whole = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
_S = {bits: np.uint64(bits) for bits in (8, 29, 32)}
_PORTS = np.zeros(256, np.uint32)  # by protocol: the bits of the first four bytes that say ports, or type and code
_PORTS[list(rows.PORTED)] = 0xFFFFFFFF
_PORTS[[rows.ICMP, rows.ICMP6]] = 0x0000FFFF
_NEEDED = np.zeros(256, np.int64)  # by protocol: bytes behind the IP header that have to be there
_NEEDED[[*rows.PORTED, rows.ICMP, rows.ICMP6]] = 4
_NEEDED[rows.TCP] = 14
_SIX = np.zeros(256, bool)  # what may follow an IPv6 header and is no extension of it
_SIX[[*rows.PORTED, rows.ICMP6, 47, 50, 59]] = True
_MIXED = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93], np.uint64)


@frozen
class Heads:
    """What is looked at of a batch of frames."""

    bytes: U8  # `LOOK` bytes of each, from `BEFORE` bytes before the IP header on
    captured: npt.NDArray[np.int64]  # bytes that are there, from the IP header on
    octets: npt.NDArray[np.int64]  # on the wire, from the IP header on
    frames: Frames
    packets: npt.NDArray[np.int64] | None = None  # what each frame becomes, where it is not one packet


@define
class Sorted:
    """An order in which packets of one flow lie together."""

    order: Index
    starts: Index  # where each flow begins in it


def read(frames: Frames, seed: int) -> tuple[list[Rows], Index]:
    """The flows of the plain packets, and which packets are not plain."""
    heads = _heads(frames)
    words = heads.bytes.view("<u4")
    version = heads.bytes[:, BEFORE]
    four = (version == 0x45) & (words[:, 5] & np.uint32(0xFF3F0000) == 0)
    six = (version >> 4 == 6) & _SIX[heads.bytes[:, 22]]
    if frames.link:
        kind = heads.bytes.view("<u2")[:, 7]
        four &= kind == 0x0008
        six &= kind == 0xDD86
    four &= heads.captured >= 20 + _NEEDED[heads.bytes[:, 25]]
    six &= heads.captured >= 40 + _NEEDED[heads.bytes[:, 22]]
    found = [_four(heads, at, seed) for at in (np.flatnonzero(four),) if len(at)]
    found += [_six(heads, at, seed) for at in (np.flatnonzero(six),) if len(at)]
    for each in found:
        each["iface"], each["how"] = frames.interface, frames.how
    return found, np.flatnonzero(~(four | six))


def _heads(frames: Frames) -> Heads:
    look = windows(frames.data, frames.start + (frames.link - BEFORE), LOOK)
    octets = np.maximum(frames.length - frames.link, 0)
    packets = None
    if frames.sizes is not None and len(cut := np.flatnonzero(frames.sizes)):
        four = look[cut, BEFORE] >> 4 == 4
        proto = np.where(four, look[cut, 25], look[cut, 22])
        offset = np.where(four, look[cut, BEFORE + 32], look[cut, BEFORE + 52]) >> 4
        inner = np.where(proto == rows.TCP, offset.astype(np.int64) * 4, 8)
        packets = np.ones(len(frames), np.int64)
        packets[cut], octets[cut] = segments(octets[cut], frames.sizes[cut], np.where(four, 20, 40) + inner)
    return Heads(look, frames.captured - frames.link, octets, frames, packets)


def segments(octets: Whole, size: Whole, headers: Whole) -> tuple[Whole, Whole]:
    """Packets and octets that frames become which the device cuts into pieces of ``size`` bytes of payload.

    ``headers``: bytes from the IP header on that every packet repeats.
    """
    packets = -(-np.maximum(octets - headers, 1) // size)
    return packets, octets + (packets - 1) * headers


def _four(heads: Heads, at: Index, seed: int) -> Rows:
    eights = heads.bytes.view("<u8")
    proto = heads.bytes[at, 25]
    mask = _PORTS[proto].astype(np.uint64) << _S[32] | np.uint64(0xFFFFFFFF)
    ends = eights[at, 4] & mask  # destination, ports
    start = eights[at, 3] >> _S[32] | proto.astype(np.uint64) << _S[32]
    columns = [ends, start, *_tags(heads, at)]
    found = _sorted(columns, seed)
    out, reps = _summed(heads, at, found, proto, 49)
    out["s_lo"] = (start[reps] & np.uint64(0xFFFFFFFF)).astype("<u4").byteswap() | np.uint64(rows.MAPPED)
    out["d_lo"] = (ends[reps] & np.uint64(0xFFFFFFFF)).astype("<u4").byteswap() | np.uint64(rows.MAPPED)
    out["ports"] = _told_ports((ends[reps] >> _S[32]).astype("<u4"), out["proto"])
    return out


def _six(heads: Heads, at: Index, seed: int) -> Rows:
    eights = heads.bytes.view("<u8")
    proto = heads.bytes[at, 22]
    ports = heads.bytes.view("<u4")[at, 14] & _PORTS[proto]
    addresses = [eights[at, column] for column in (3, 4, 5, 6)]
    columns = [*addresses, ports.astype(np.uint64) | proto.astype(np.uint64) << _S[32], *_tags(heads, at)]
    found = _sorted(columns, seed)
    out, reps = _summed(heads, at, found, proto, 69)
    for name, column in zip(("s_hi", "s_lo", "d_hi", "d_lo"), addresses, strict=True):
        out[name] = column[reps].byteswap()
    out["ports"] = _told_ports(ports[reps], out["proto"])
    return out


def _tags(heads: Heads, at: Index) -> list[U64]:
    tags = heads.frames.tags
    return [] if tags is None else [tags[at].astype(np.uint64)]


def _told_ports(raw: npt.NDArray[np.uint32], proto: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Ports as rows have them, from the bytes as they lie on the wire."""
    told = raw.byteswap()
    return np.where(_PORTS[proto] == 0xFFFF, told >> np.uint32(16), told)


def _sorted(columns: list[U64], seed: int) -> Sorted:
    """Bring together the packets whose ``columns`` are all the same."""
    count = len(columns[0])
    mixed = np.full(count, seed & 0xFFFFFFFFFFFFFFFF, np.uint64)
    for turn, column in enumerate(columns):
        mixed ^= column
        mixed *= _MIXED[turn % 3]
        mixed ^= mixed >> (_S[29] if turn & 1 else _S[32])
    order, mixed = rows.ordered(mixed)
    new = mixed[1:] != mixed[:-1]
    differs = _differs(columns, order)
    if (differs & ~new).any():  # two flows of one mix may lie interleaved
        order = np.lexsort(columns)
        differs = _differs(columns, order)
    return Sorted(order, np.flatnonzero(np.concatenate([[True], differs])))


def _differs(columns: list[U64], order: Index) -> npt.NDArray[np.bool_]:
    """Whether each packet but the first is of another flow than the one before it."""
    found = np.zeros(len(order) - 1, bool)
    for column in columns:
        in_order = column[order]
        found |= in_order[1:] != in_order[:-1]
    return found


def _summed(heads: Heads, at: Index, found: Sorted, proto: Array, flags: int) -> tuple[Rows, Index]:
    """A row per flow, without its addresses and ports, and which of ``at`` stands for each flow.

    ``flags``: where TCP's flags lie in a head.
    """
    order, starts = at[found.order], found.starts
    reps = found.order[starts]
    out = rows.empty(len(starts))
    out["frames"] = counts = np.diff(np.append(starts, len(order)))
    out["packets"] = counts if heads.packets is None else np.add.reduceat(heads.packets[order], starts)
    out["octets"] = np.add.reduceat(heads.octets[order], starts)
    moments = heads.frames.moments[order]
    out["first"] = np.minimum.reduceat(moments, starts)
    out["last"] = np.maximum.reduceat(moments, starts)
    out["proto"] = proto[reps]
    out["flags"] = np.where(out["proto"] == rows.TCP, np.bitwise_or.reduceat(heads.bytes[order, flags], starts), 0)
    if heads.frames.tags is not None:
        out["tag"] = heads.frames.tags[at[reps]]
    return out, reps
