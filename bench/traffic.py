"""A capture file of a node's traffic, made for measuring: many slices' flows, heavy-tailed, IPv4 and IPv6.

Of the flows 70 % are TCP, 22 % UDP, 4 % ICMP and 4 % one SYN of a scan; 20 % are IPv6. Flow sizes follow Pareto's law
with the exponent 1.05: half of all flows have one packet, the largest a fortieth of all. Packets have 64 to 1,500
bytes, in the order of their times over four minutes; of each the first 96 bytes are in the file.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

SNAP = 96  # bytes
SPAN = 240.0  # seconds
BEGIN = 1_760_000_000  # seconds since the epoch
_TCP, _UDP, _PING, _SCAN = range(4)
U8 = npt.NDArray[np.uint8]


def _sizes(chance: np.random.Generator, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Packets and kind of each flow, ``count`` packets in all."""
    many = count // 6
    sizes = np.minimum((chance.pareto(1.05, many) + 1).astype(np.int64), max(count // 40, 1))
    kinds = chance.choice(4, many, p=[0.70, 0.22, 0.04, 0.04])
    sizes[kinds == _SCAN] = 1
    sizes[kinds == _PING] = np.minimum(sizes[kinds == _PING], 200)
    while sizes.sum() < count:
        grown = chance.integers(0, many, many // 20)
        grown = grown[kinds[grown] < _PING]
        sizes[grown] = np.minimum(sizes[grown] * 2, max(count // 40, 2))
    last = int(np.searchsorted(np.cumsum(sizes), count))
    sizes, kinds = sizes[: last + 1].copy(), kinds[: last + 1]
    sizes[-1] -= sizes.sum() - count
    return sizes, kinds


def pcap(path: Path, count: int, seed: int = 7) -> int:
    """Write ``count`` packets; gives how many flows they are of at most."""
    chance = np.random.default_rng(seed)
    sizes, kinds = _sizes(chance, count)
    flows = len(sizes)
    start = chance.random(flows) * SPAN * 0.9
    lasts = np.minimum(chance.exponential(3.0, flows) * np.log1p(sizes), SPAN - start)
    flow = np.repeat(np.arange(flows), sizes)
    turn = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    moment = start[flow] + lasts[flow] * (turn / np.maximum(sizes[flow] - 1, 1))
    order = np.argsort(moment, kind="stable")
    flow, turn, moment = flow[order], turn[order], moment[order]
    ends = _Ends(chance, kinds)
    with open(path, "wb") as file:
        file.write(np.array([0xA1B2C3D4, 4 << 16 | 2, 0, 0, SNAP, 1], "<u4").tobytes())
        for begin in range(0, count, 200_000):
            some = slice(begin, begin + 200_000)
            file.write(_records(chance, ends, flow[some], turn[some], sizes, moment[some]))
    return flows


class _Ends:
    """Who sends to whom, by flow."""

    def __init__(self, chance: np.random.Generator, kinds: npt.NDArray[np.int64]) -> None:
        flows = len(kinds)
        self.six = chance.random(flows) < 0.2
        self.proto = np.where(self.six, np.array([6, 17, 58, 6])[kinds], np.array([6, 17, 1, 6])[kinds])
        known = max(1000, flows // 12)
        to = np.minimum((chance.pareto(0.9, flows) * 20).astype(np.int64), known - 1)
        to[kinds == _SCAN] = known + np.arange((kinds == _SCAN).sum())  # a scan meets no address twice
        self.to = (to * 2654435761 & 0x5FFFFFFF | 0x20000000).astype(">u4").view(np.uint8).reshape(-1, 4)
        self.source = chance.integers(1024, 65535, flows).astype(">u2").view(np.uint8).reshape(-1, 2)
        usual = np.array([80, 443, 53, 22, 123, 8080, 5001, 6881, 33434])
        port = np.where(chance.random(flows) < 0.15, chance.integers(1024, 65535, flows), chance.choice(usual, flows))
        self.port = port.astype(">u2").view(np.uint8).reshape(-1, 2)


def _records(
    chance: np.random.Generator, ends: _Ends, flow: npt.NDArray[np.int64], turn: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64], moment: npt.NDArray[np.float64],
) -> bytes:  # fmt: skip
    count, six, proto = len(flow), ends.six[flow], ends.proto[flow]
    draw = chance.random(count)
    length = np.where(draw < 0.42, 64, np.where(draw < 0.8, 1500, chance.integers(65, 1500, count)))
    length = np.where(np.isin(proto, (1, 58)), 98, np.where((turn == 0) & (proto == 6), 74, length))
    length = np.maximum(length, np.where(six, 78, 64))
    captured = np.minimum(length, SNAP)
    record = np.zeros((count, 16 + SNAP), np.uint8)
    told = [BEGIN + moment.astype(np.int64), moment % 1 * 1e6, captured, length]
    record[:, :16] = np.stack(told, axis=1).astype("<u4").view(np.uint8)
    frame = record[:, 16:]
    frame[:, 0:12] = np.frombuffer(b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01", np.uint8)
    for which, fill in ((~six, _four), (six, _six)):
        frame[which] = fill(frame[which], length[which], proto[which], ends.to[flow[which]])
    inner = np.where(six, 54, 34)
    for offset, column in ((0, ends.source[flow]), (2, ends.port[flow])):
        for byte in (0, 1):
            frame[np.arange(count), inner + offset + byte] = column[:, byte]
    pings = np.flatnonzero(np.isin(proto, (1, 58)))
    for offset, value in ((0, np.where(proto[pings] == 1, 8, 128)), (1, 0), (2, 0), (3, 0)):
        frame[pings, inner[pings] + offset] = value
    tcp = np.flatnonzero(proto == 6)
    flags = np.where(turn[tcp] == 0, 0x02, np.where(turn[tcp] == sizes[flow[tcp]] - 1, 0x11, 0x10))
    frame[tcp, inner[tcp] + 12], frame[tcp, inner[tcp] + 13] = 0x50, flags
    udp = np.flatnonzero(proto == 17)
    frame[udp, inner[udp] + 4], frame[udp, inner[udp] + 5] = (length - inner)[udp] >> 8, (length - inner)[udp] & 255
    return record[np.arange(16 + SNAP)[None, :] < (captured + 16)[:, None]].tobytes()


def _four(frame: U8, length: npt.NDArray[np.int64], proto: npt.NDArray[np.int64], to: U8) -> U8:
    frame[:, 12:14], frame[:, 14], frame[:, 22] = (8, 0), 0x45, 64
    frame[:, 16:18] = (length - 14).astype(">u2").view(np.uint8).reshape(-1, 2)
    frame[:, 23], frame[:, 26:30], frame[:, 30:34] = proto, (192, 0, 2, 10), to
    return frame


def _six(frame: U8, length: npt.NDArray[np.int64], proto: npt.NDArray[np.int64], to: U8) -> U8:
    frame[:, 12:14], frame[:, 14], frame[:, 21] = (0x86, 0xDD), 0x60, 64
    frame[:, 18:20] = (length - 54).astype(">u2").view(np.uint8).reshape(-1, 2)
    frame[:, 20], frame[:, 22:26], frame[:, 37] = proto, (0x20, 0x01, 0x0D, 0xB8), 0x10
    frame[:, 38:42], frame[:, 50:54] = (0x20, 0x01, 0x0D, 0xB8), to
    return frame
