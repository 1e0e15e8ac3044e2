# SPDX-License-Identifier: GPL-2.0-only
# Part of the program plfed-capture, which uses scapy and is distributed under the GNU General Public License,
# version 2. The audit's servers do not import it; they read what it writes.
"""Blocks of packets in, rows out: what is plain compiled or by columns, what is odd by scapy."""

from typing import Any

import numpy as np
from attrs import define, field

from auditd import packets, plain, rows
from auditd.capture_marks import MarkSocket
from auditd.capture_rare import MOST_DISSECTED, Pieces, dissect, pieces_told, unread
from auditd.capture_ring import HEADER, VNET, Block, RingSocket, offsets
from auditd.frames import Frames, Index, windows

MOST_ROWS = 50_000  # flows told apart in a turn
SETTLE = 100_000  # microseconds; by then the kernel has handed over what it saw
_STEP = 5_000  # microseconds by which the wall clock may stray in a turn without having been set
Source = RingSocket | MarkSocket


@define
class Counts:
    """What happened since the start."""

    frames: int = 0  # seen
    foreign: int = 0  # without IP
    dissected: int = 0  # rare, read by scapy
    unread: int = 0  # rare, counted under their sender only
    folded: int = 0  # flows that lost their addresses because there were too many at once
    steps: int = 0  # times that the wall clock was set


@define
class Reading:
    """Blocks in, rows out. Knows the wall clock only as the stamp on a packet."""

    seed: int
    walker: Any = None  # an `auditd.walker.Walker`, once there is one
    counts: Counts = field(factory=Counts)
    _pieces: Pieces = field(factory=Pieces, init=False)
    _found: list[rows.Rows] = field(factory=list, init=False)
    _budget: int = field(default=MOST_DISSECTED, init=False)
    _ahead: int = field(default=0, init=False)  # the wall clock's distance from the steady one
    _turned: int = field(default=0, init=False)

    def turn(self, now_steady: int, now_wall: int) -> rows.Rows:
        """The rows since the last turn."""
        ahead = now_wall - now_steady
        if self._stepped(ahead):
            self.counts.steps += 1
        self._ahead, self._turned, self._budget = ahead, now_steady, MOST_DISSECTED
        kept, folded = rows.folded(self.taken(), MOST_ROWS, self.seed)
        self.counts.folded += folded
        return kept

    def taken(self) -> rows.Rows:
        """What was read since it was last taken, a row per flow."""
        some = self.parts()
        return rows.joined(np.concatenate(some), self.seed) if some else rows.empty()

    def parts(self) -> list[rows.Rows]:
        """The same in parts; within each a row per flow."""
        some, self._found = self._found, []
        return [*some, self.walker.taken()] if self.walker else some

    def block(self, block: Block, interface: int, sock: Source, now_steady: int, now_wall: int) -> None:
        """Read one block of the ring ``sock`` of ``interface`` (its index)."""
        if not self.walker:
            self.see(self._frames(block, offsets(block), interface, sock, now_steady, now_wall))
            return
        ahead = now_wall - now_steady
        earliest = self._turned - SETTLE if self._stepped(ahead) else 0
        where = interface | (0 if sock.vnet else rows.HOW_PACKETS_ONLY) << 40
        told = np.array(
            [block.first, block.count, sock.link, sock.vnet, sock.senders, ahead, earliest, now_steady, where], np.int64
        )
        while told[1]:
            rare, frames, foreign = self.walker.ring(block.bytes, told)
            self.counts.frames += frames
            self.counts.foreign += foreign
            if len(rare):
                self.see(self._frames(block, rare, interface, sock, now_steady, now_wall))
            if self.walker.full:
                self._keep([self.walker.taken().copy()])

    def _frames(self, block: Block, at: Index, interface: int, sock: Source, now_steady: int, now_wall: int) -> Frames:
        """The packets whose headers lie at ``at``."""
        head = windows(block.bytes, at, HEADER.itemsize).view(HEADER)[:, 0]
        start, sizes = at + head["mac"], None
        if sock.vnet:  # how the kernel wants it cut
            vnet = windows(block.bytes, start - VNET, VNET)
            sizes = np.where(vnet[:, 1] != 0, vnet[:, 4].astype(np.int64) | vnet[:, 5].astype(np.int64) << 8, 0)
        return Frames(
            block.bytes, start, head["captured"].astype(np.int64), head["length"].astype(np.int64),
            self._times(head, now_steady, now_wall), sock.link,
            # otherwise the kernel's own hash of addresses and ports stands there, which says nothing
            np.ascontiguousarray(head["hash"]) if sock.senders else None,
            sizes, interface, 0 if sock.vnet else rows.HOW_PACKETS_ONLY,
        )  # fmt: skip

    def see(self, frames: Frames) -> None:
        """Read frames into rows."""
        found, others = plain.read(frames, self.seed)
        self.counts.frames += len(frames)
        if len(others):
            found.append(self._odd(frames.some(others)))
        self._keep(found)

    def _keep(self, found: list[rows.Rows]) -> None:
        self._found += found
        if sum(map(len, self._found)) > 4 * MOST_ROWS:
            some, self._found = self._found, []
            kept, folded = rows.folded(rows.joined(np.concatenate(some), self.seed), 2 * MOST_ROWS, self.seed)
            self.counts.folded += folded
            self._found = [kept]

    def _odd(self, frames: Frames) -> rows.Rows:
        """Read what is not plain: as columns what can be, by scapy the rest."""
        heads = windows(frames.data, frames.start, packets.WIDTH)
        captured = np.minimum(frames.captured, packets.WIDTH)
        read = packets.read(heads, captured, frames.length, frames.link)
        read.rows["iface"], read.rows["first"], read.rows["last"] = frames.interface, frames.moments, frames.moments
        if frames.tags is not None:
            read.rows["tag"] = frames.tags
        read.rows["how"] |= frames.how
        if frames.sizes is not None:
            self._cut(read.rows, heads, frames.link, frames.sizes)
        pieces_told(read.rows, read.fragments, read.identities, self._pieces)
        self._rare(read.rows, heads, captured, read.rare, frames.link)
        self.counts.foreign += len(read.foreign)
        read.rows["packets"][read.foreign] = 0
        return rows.joined(read.rows[read.rows["packets"] > 0], self.seed)

    def _stepped(self, ahead: int) -> bool:
        """Whether the wall clock was set since the last turn."""
        return bool(self._turned) and abs(ahead - self._ahead) > _STEP

    def _times(self, head: Any, now_steady: int, now_wall: int) -> Any:
        """The packets' stamps on the steady clock; when the wall clock was set meanwhile, as near as can be told."""
        ahead = now_wall - now_steady
        stamps = head["sec"].astype(np.int64) * 1_000_000 + head["nsec"] // 1000 - ahead
        if self._stepped(ahead):
            return np.clip(stamps, self._turned - SETTLE, now_steady)
        return np.minimum(stamps, now_steady)

    def _cut(self, batch: rows.Rows, heads: packets.U8, link: int, size: Any) -> None:
        """Count what the device will cut as the packets it becomes."""
        cut = np.flatnonzero(size)
        if not len(cut):
            return
        four = heads[cut, link] >> 4 == 4
        network = np.where(four, (heads[cut, link] & 15).astype(np.int64) * 4, 40)
        offset = heads[cut, np.minimum(link + network + 12, packets.WIDTH - 1)] >> 4
        inner = np.where(batch["proto"][cut] == rows.TCP, offset.astype(np.int64) * 4, 8)
        octets = batch["octets"][cut].astype(np.int64)
        batch["packets"][cut], batch["octets"][cut] = plain.segments(octets, size[cut], network + inner)

    def _rare(self, batch: rows.Rows, heads: packets.U8, captured: Any, at: packets.Index, link: int) -> None:
        now, later = at[: self._budget], at[self._budget :]
        self._budget -= len(now)
        foreign = dissect(batch, heads, captured, now, link, self._pieces)
        unread(batch, later)
        self.counts.dissected += len(now) - foreign
        self.counts.foreign += foreign
        self.counts.unread += len(later)
