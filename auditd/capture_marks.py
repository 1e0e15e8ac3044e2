# SPDX-License-Identifier: GPL-2.0-only
# Part of the program plfed-capture, which uses scapy and is distributed under the GNU General Public License,
# version 2. The audit's servers do not import it; they read what it writes.
"""Outgoing frames with the mark that the firewall gave each: for kernels that may not be asked by BPF (SO_RCVMARK).

Frames come one by one, some 5 microseconds each, and are laid into blocks as a ring has them. What bypasses the
firewall's hooks has no mark: packet sockets, and sockets that were opened by another than who uses them now.
"""

import contextlib
import socket
import struct

import numpy as np

from auditd.capture_ring import HEADER, VNET, Block, attach_filter, link_length, selected

MARKED = 0xC0000000  # what a tag has on top of a mark
MOST = 1000  # frames of a block
ROOM = 8 << 20  # bytes of the socket's buffer
_SOL_PACKET, _STATISTICS, _AUXDATA, _VNET, _ETH_P_ALL = 263, 6, 8, 15, 3
_SO_TIMESTAMPNS, _SO_RCVMARK, _SO_MARK, _SO_RCVBUFFORCE = 35, 75, 36, 33
_ASKED = socket.CMSG_SPACE(16) + socket.CMSG_SPACE(4) + socket.CMSG_SPACE(20)


class MarkSocket:
    """Outgoing frames of one interface, as blocks; it is used as a `RingSocket` is."""

    vnet, senders, short = True, True, False

    def __init__(self, interface: str, snap: int, expression: str = "") -> None:
        """``snap``: bytes of each frame; ``expression``: a tcpdump filter, or "". Raises `OSError` on old kernels."""
        self.interface = interface
        self.ins = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            self.link = link_length(self.ins, interface)
            self.ins.setsockopt(socket.SOL_SOCKET, _SO_RCVMARK, 1)
            self.ins.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self.ins.setsockopt(_SOL_PACKET, _AUXDATA, 1)
            self.ins.setsockopt(_SOL_PACKET, _VNET, 1)
            with contextlib.suppress(OSError):  # without CAP_NET_ADMIN it has the usual room
                self.ins.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, ROOM)
            attach_filter(self.ins, selected(expression, interface) if expression else (), snap)
            self.ins.setblocking(False)
            self.ins.bind((interface, _ETH_P_ALL))
        except BaseException:
            self.ins.close()
            raise
        self._stride = HEADER.itemsize + (VNET + snap + 15) // 8 * 8
        self._size = VNET + snap
        self.read = self.held = self._lost = 0

    def block(self) -> Block | None:
        """The frames that are here, `MOST` at most."""
        heads = np.zeros(MOST, HEADER)
        room = np.zeros((MOST, self._stride), np.uint8)
        count = 0
        with contextlib.suppress(BlockingIOError):
            while count < MOST:
                data, told, _, _ = self.ins.recvmsg(self._size, _ASKED)
                mark, second, nano, length = 0, 0, 0, len(data) - VNET
                for level, kind, value in told:
                    if level == _SOL_PACKET:
                        length = struct.unpack_from("I", value, 4)[0]
                    elif kind == _SO_TIMESTAMPNS:
                        second, nano = struct.unpack_from("qq", value)
                    elif kind == _SO_MARK:
                        mark = struct.unpack_from("I", value)[0]
                tag = MARKED | mark & 0x3FFFFFFF if mark else 0
                start = HEADER.itemsize + VNET
                heads[count] = (self._stride, second, nano, len(data) - VNET, length, 0, start, 0, tag)
                room[count, HEADER.itemsize : HEADER.itemsize + len(data)] = np.frombuffer(data, np.uint8)
                count += 1
        if not count:
            return None
        room[:, : HEADER.itemsize] = heads.view(np.uint8).reshape(MOST, -1)
        return Block(room.reshape(-1), count, 0)

    def keep(self, block: Block) -> None:
        """Nothing can be kept: a frame is gone once it was read."""

    def release(self) -> None:
        """Nothing is to be given back."""

    def lost(self) -> int:
        """Frames that found no room since it was opened."""
        _, dropped = struct.unpack("II", self.ins.getsockopt(_SOL_PACKET, _STATISTICS, 8))
        self._lost += dropped
        return self._lost

    def close(self) -> None:
        """Give up the socket."""
        self.ins.close()
