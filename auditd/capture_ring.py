# SPDX-License-Identifier: GPL-2.0-only
# Part of the program plfed-capture, which uses scapy and is distributed under the GNU General Public License,
# version 2. The audit's servers do not import it; they read what it writes to a pipe.
"""A packet socket of scapy's kind whose packets lie in a ring shared with the kernel (TPACKET_V3).

scapy's own loops may read it packet by packet (``sniff(opened_socket=...)``); the capture takes whole blocks as numpy
views. The kernel hands over outgoing frames only, cut to the bytes that are looked at, each with
its time, hash and, where the device will cut it into packets, the size of those. What finds no room is counted.
"""

import ctypes
import fcntl
import mmap
import select
import socket
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen
from scapy.arch.common import compile_filter
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.supersocket import SuperSocket

from auditd import chains
from auditd.frames import Index, windows

_SOL_PACKET, _RX_RING, _STATISTICS, _VERSION, _VNET = 263, 5, 6, 10, 15
_SO_ATTACH_FILTER, _ETH_P_ALL, _SIOCGIFHWADDR = 26, 3, 0x8927
_TPACKET_V3, _WANT_HASH = 2, 1
_ETHERNET = {1, 772}  # ARPHRD_ETHER, ARPHRD_LOOPBACK: 14 bytes of link header
_BARE = {65534, 776, 778, 768, 769}  # ARPHRD_NONE (tun), sit, gre, tunnel, tunnel6: none
_BLOCK = 1 << 17  # bytes; small, for a block is handed over after `_WAIT` with whatever is in it: many last longer
_WAIT = 50  # milliseconds after which the kernel hands over a block that is not full
VNET = 10  # bytes of struct virtio_net_hdr before each frame
# struct tpacket3_hdr as far as it is read: next, sec, nsec, captured, length, status, mac|net<<16, hash
HEADER = np.dtype(
    [("next", "<u4"), ("sec", "<u4"), ("nsec", "<u4"), ("captured", "<u4"), ("length", "<u4"), ("status", "<u4"),
     ("mac", "<u2"), ("net", "<u2"), ("hash", "<u4")]
)  # fmt: skip
# Classic BPF: drop what is not outgoing (skb->pkt_type 4, PACKET_OUTGOING), go on with what follows.
_OUTGOING = ((0x28, 0, 0, 0xFFFFF004), (0x15, 1, 0, 4), (0x06, 0, 0, 0))
_Code = tuple[int, int, int, int]


@frozen
class Block:
    """Packets as the kernel left them. Valid until `RingSocket.release`."""

    bytes: npt.NDArray[np.uint8]
    count: int
    first: int  # offset of the first packet's header in ``bytes``
    number: int = 0  # of all blocks that the kernel filled in this ring


def selected(expression: str, interface: str) -> tuple[_Code, ...]:
    """A filter expression of tcpdump's, compiled by scapy. Needs libpcap; raises `OSError` that says so."""
    try:
        compiled = compile_filter(expression, interface)
    except Exception as error:  # scapy and libpcap have errors of many kinds for one thing
        raise OSError(f"cannot compile the filter {expression!r}: {error} (libpcap0.8 must be installed)") from error
    whole = ctypes.string_at(compiled.bf_insns, compiled.bf_len * 8)
    return tuple(struct.iter_unpack("=HBBI", whole))


def attach_filter(sock: socket.socket, wanted: tuple[_Code, ...], snap: int) -> None:
    """Let through outgoing frames that ``wanted`` lets through, ``snap`` bytes of each."""
    cut = tuple((code, t, f, min(k, snap) if code == 0x06 else k) for code, t, f, k in wanted) or ((0x06, 0, 0, snap),)
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in (*_OUTGOING, *cut))
    buffer = ctypes.create_string_buffer(program, len(program))
    sock.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    )


def link_length(sock: socket.socket, interface: str) -> int:
    """Bytes of link header on ``interface``. Raises `OSError` for a kind of link that is not read here."""
    answer = fcntl.ioctl(sock, _SIOCGIFHWADDR, interface.encode().ljust(256, b"\0"))
    kind = struct.unpack_from("H", answer, 16)[0]
    if kind not in _ETHERNET | _BARE:
        raise OSError(f"interface {interface} has link type {kind}: expected Ethernet, loopback or bare IP")
    return 14 if kind in _ETHERNET else 0


class RingSocket(SuperSocket):
    """Outgoing frames of one interface, by the block."""

    desc = "read outgoing frames from a TPACKET_V3 ring"
    nonblocking_socket = True

    def __init__(
        self,
        interface: str,
        snap: int,
        mib: int = 16,
        expression: str = "",
        descriptor: int | None = None,
        told: int = 0,
    ) -> None:
        """``snap``: bytes of each frame; ``mib``: size of the ring; ``expression``: a tcpdump filter, or "" for all.

        ``descriptor``: of a socket with a ring that a run before this one made in the same way; the kernel has filled
        it meanwhile. ``told``: the number of the last block that that run has told of.
        """
        self.interface = interface
        self.senders = False  # whether the kernel writes into each packet's hash who sends it
        self._map: mmap.mmap | None = None
        self._blocks = max(1, mib) * (1 << 20) // _BLOCK
        if descriptor is None:
            self.ins = self.outs = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        else:
            self.ins = self.outs = socket.socket(fileno=descriptor)
        try:
            self.link = link_length(self.ins, interface)
            if descriptor is None:
                self._make(snap, expression)
            else:
                self.vnet = bool(self.ins.getsockopt(_SOL_PACKET, _VNET))
                self._map = mmap.mmap(self.ins.fileno(), _BLOCK * self._blocks)
        except BaseException:
            self.close()
            raise
        assert self._map is not None
        self._bytes = np.frombuffer(self._map, np.uint8)
        self._at = self._oldest(told)
        self.held = 0  # blocks that were read and are not given back
        self.read = told  # number of the block last read
        self._singly: Iterator[tuple[bytes, float]] = iter(())
        self._lost = 0

    def _make(self, snap: int, expression: str) -> None:
        sock = self.ins
        sock.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
        self.vnet = self._try(_VNET, 1)
        attach_filter(sock, selected(expression, self.interface) if expression else (), snap)
        request = (_BLOCK, self._blocks, 2048, _BLOCK // 2048 * self._blocks, _WAIT, 0, _WANT_HASH)
        sock.setsockopt(_SOL_PACKET, _RX_RING, struct.pack("7I", *request))
        self._map = mmap.mmap(sock.fileno(), _BLOCK * self._blocks)
        sock.bind((self.interface, _ETH_P_ALL))  # only a socket for every protocol sees what goes out

    def _oldest(self, told: int) -> int:
        """The block to read first: of those that the kernel has handed over the oldest, else the one it fills now."""
        assert self._map is not None
        found = []
        for at in range(self._blocks):
            status, _, _, _, number = struct.unpack_from("IIIIQ", self._map, at * _BLOCK + 8)
            if status & 1 and number <= told:
                struct.pack_into("I", self._map, at * _BLOCK + 8, 0)
                status = 0
            found.append((status & 1, number, at))
        ready = [(number, at) for status, number, at in found if status]
        return min(ready)[1] if ready else max(found, key=lambda each: (each[1], -each[2]))[2]

    def _try(self, option: int, value: int) -> bool:
        try:
            self.ins.setsockopt(_SOL_PACKET, option, value)
        except OSError:
            return False
        return True

    def block(self) -> Block | None:
        """The next block that the kernel has handed over, if there is one."""
        assert self._map is not None
        at = self._at * _BLOCK
        status, count, first, _, number = struct.unpack_from("IIIIQ", self._map, at + 8)
        if not status & 1 or self.held == self._blocks:
            return None
        return Block(self._bytes[at : at + _BLOCK], count, first, number)

    def keep(self, block: Block) -> None:
        """Go on to the next block. This one stays as it is: should we be killed now, the next run reads it again."""
        self._at = (self._at + 1) % self._blocks
        self.held += 1
        self.read = block.number

    def release(self) -> None:
        """Give the blocks that were read back to the kernel."""
        assert self._map is not None
        for back in range(self.held, 0, -1):
            struct.pack_into("I", self._map, (self._at - back) % self._blocks * _BLOCK + 8, 0)
        self.held = 0

    @property
    def short(self) -> bool:
        """Whether blocks should be given back, so that the kernel does not run out of them."""
        return self.held > self._blocks // 4

    def lost(self) -> int:
        """Frames that found no room in the ring since it was opened."""
        _, dropped, _ = struct.unpack("III", self.ins.getsockopt(_SOL_PACKET, _STATISTICS, 12))
        self._lost += dropped  # the kernel forgets what it has told
        return self._lost

    def recv_raw(self, x: int = 65535) -> tuple[Any, bytes | None, float | None]:
        """One packet, for scapy's own loops: class, bytes, time; nothing when none is there."""
        for data, at in self._singly:
            return (Ether if self.link else IP), data[:x], at
        if (block := self.block()) is None:
            return None, None, None
        self._singly = iter(list(singly(block)))
        self.keep(block)
        self.release()
        return self.recv_raw(x)

    def send(self, x: Any) -> int:
        """Nothing is ever sent from here."""
        raise OSError("a ring of outgoing packets is for reading")

    def close(self) -> None:
        """Give up socket and ring."""
        self.ins.close()
        self.closed = True

    @staticmethod
    def select(sockets: list[Any], remain: float | None = None) -> list[Any]:
        """Those of ``sockets`` that have packets, after at most ``remain`` seconds."""
        ready = [sock for sock in sockets if getattr(sock, "waiting", bool)()]
        return ready or select.select(sockets, [], [], remain)[0]

    def waiting(self) -> bool:
        """Whether packets lie here that the kernel has handed over already."""
        return self.block() is not None


def offsets(block: Block) -> Index:
    """Where each packet's header lies: a chain of distances; the last one tells none.

    Headers begin on multiples of eight and hold a second that is the block's first or the one after it.
    """
    read = struct.Struct("<I").unpack_from
    memory, end = block.bytes.data, len(block.bytes)
    if not block.count:
        return np.empty(0, np.intp)

    def step(at: int) -> int:
        distance = read(memory, at)[0] if at + HEADER.itemsize <= end else 0
        return at + distance if distance else -1

    pairs = block.bytes[block.first : end - (end - block.first) % 8].view("<u4").reshape(-1, 2)
    second = pairs[0, 1]
    alike = np.flatnonzero(pairs[:, 1] - second <= 1)
    distances = pairs[alike, 0].astype(np.intp)
    places = block.first + alike * 8
    likely = (distances >= HEADER.itemsize) & (places + distances <= end) & (distances % 8 == 0)
    places, distances = places[likely], distances[likely]
    found = chains.proved(places, places + distances, block.first, step)
    last = int(found[-1]) + read(memory, int(found[-1]))[0] if len(found) else block.first
    return np.append(found, last)[: block.count]


def singly(block: Block) -> Iterator[tuple[bytes, float]]:
    """Each packet of a block: bytes and time."""
    places = offsets(block)
    heads = windows(block.bytes, places, HEADER.itemsize).view(HEADER)[:, 0]
    for at, head in zip(places, heads, strict=True):
        start = int(at) + int(head["mac"])
        yield block.bytes[start : start + int(head["captured"])].tobytes(), head["sec"] + head["nsec"] / 1e9
