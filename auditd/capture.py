# SPDX-License-Identifier: GPL-2.0-only
# The program plfed-capture. It uses scapy and is distributed under the GNU General Public License, version 2.
# The audit's servers do not import it; they start it and read what it writes to its standard output.
"""See what leaves this node, and write down who sent it, to whom, how much: ``plfed-capture --interface eth0``.

Packets come by the block from a ring shared with the kernel and are read as columns; five times a second the rows of
each flow so far are written to standard output (see `auditd.stream`). When the reader is slow, the ring fills and the
kernel counts what it drops; when there are more flows than can be told apart, the smallest are counted under their
sender only. Memory is bounded either way. The program ends when nobody reads any more.
"""

import argparse
import json
import os
import secrets
import select
import socket
import sys
import threading
import time
from importlib.util import find_spec
from typing import Any, BinaryIO

import numpy as np
from attrs import define, field

from auditd import capture_bpf, packets, plain, rows, stream
from auditd.capture_rare import MOST_DISSECTED, Pieces, dissect, pieces_of_four, unread
from auditd.capture_ring import HEADER, VNET, Block, RingSocket, offsets
from auditd.frames import Frames, Index, windows

TURN = 200_000  # microseconds between two writes
MOST_ROWS = 50_000  # flows told apart in a turn
SETTLE = 100_000  # microseconds; by then the kernel has handed over what it saw
_STEP = 5_000  # microseconds by which the wall clock may stray in a turn without having been set


def steady() -> int:
    """Microseconds of the steady clock."""
    return time.monotonic_ns() // 1000


def wall() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


@define
class Writer:
    """Messages to a file, and to a second one when what is written shall be kept."""

    out: BinaryIO
    copy: BinaryIO | None = None
    _number: int = field(default=0, init=False)

    def write(self, kind: stream.Kind, body: bytes) -> None:
        """Write one message now."""
        data = stream.packed(stream.Message(kind, self._number, steady(), wall(), body))
        self._number += 1
        for file in filter(None, (self.out, self.copy)):
            file.write(data)
            file.flush()

    def say(self, kind: stream.Kind, facts: dict[str, Any]) -> None:
        """Write one message of facts."""
        self.write(kind, json.dumps(facts, separators=(",", ":")).encode())


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

    def block(self, block: Block, interface: int, sock: RingSocket, now_steady: int, now_wall: int) -> None:
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
                self._keep([self.walker.taken()])

    def _frames(
        self, block: Block, at: Index, interface: int, sock: RingSocket, now_steady: int, now_wall: int
    ) -> Frames:
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
        pieces_of_four(read.rows, heads, read.fragments, frames.link, self._pieces)
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


@define
class Capture:
    """The sockets, and the loop that empties them."""

    sockets: list[RingSocket]
    writer: Writer
    reading: Reading = field(factory=lambda: Reading(secrets.randbits(64)))
    compile: bool = True  # whether the hot path becomes machine code where numba is installed
    _links: dict[int, str] = field(factory=dict, init=False)

    def run(self) -> None:
        """Read until nobody listens. Raises `OSError` when an interface is gone."""
        poll = select.poll()
        for sock in self.sockets:
            poll.register(sock.ins, select.POLLIN | select.POLLERR)
        indices = {sock.interface: socket.if_nametoindex(sock.interface) for sock in self.sockets}
        if self.compile and find_spec("numba"):
            threading.Thread(target=self._compiled, daemon=True).start()
        due = steady() + TURN
        while True:
            taken = sum(self._take(sock, indices[sock.interface]) for sock in self.sockets)
            if steady() >= due:
                due = steady() + TURN
                self._turn()
            if not taken:
                for _, events in poll.poll(max(1, (due - steady()) // 1000)):
                    self._check(events)

    def _compiled(self) -> None:
        """Make the compiled walker ready, which takes a second or several, while the columns are already read."""
        try:
            from auditd import walker  # numba takes half a second to import: not before the first packet is seen

            self.reading.walker = walker.ready(self.reading.seed)
        except Exception as error:  # whatever a compiler may meet on this machine: the other path goes on
            print(f"plfed-capture: reads without compiled code: {error}", file=sys.stderr, flush=True)

    def _take(self, sock: RingSocket, interface: int) -> int:
        """Read what one ring has, a few blocks at most so that turns stay in time."""
        for taken in range(8):
            block = sock.block()
            if block is None:
                return taken
            self.reading.block(block, interface, sock, steady(), wall())
            sock.release()
        return 8

    def _check(self, events: int) -> None:
        if events & (select.POLLERR | select.POLLNVAL):
            for sock in self.sockets:
                if error := sock.ins.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(error, f"interface {sock.interface}: {os.strerror(error)}")

    def _turn(self) -> None:
        now = steady()
        found = self.reading.turn(now, wall())
        self._name_links(found)
        if len(found):
            self.writer.write(stream.Kind.ROWS, found.tobytes())
        counts = self.reading.counts
        self.writer.say(
            stream.Kind.BEAT,
            {
                "through": now - SETTLE,
                "frames": counts.frames,
                "dropped": sum(sock.lost() for sock in self.sockets),
                "foreign": counts.foreign,
                "dissected": counts.dissected,
                "unread": counts.unread,
                "folded": counts.folded,
                "steps": counts.steps,
                "hot_path": "compiled" if self.reading.walker else "columns",
                "links": {str(index): name for index, name in self._links.items()},
            },
        )

    def _name_links(self, found: rows.Rows) -> None:
        """Learn the names of interfaces while they are there: by the time anyone asks, a short-lived one is gone."""
        self._links = dict(socket.if_nameindex())
        by_link = found["tag"][(found["tag"] >> 30) == 2]
        for index in set(map(int, np.unique(by_link & 0x3FFFFFFF))) - self._links.keys():
            self._links[index] = ""


def own_cgroup() -> int:
    """The tag of what this machine's own programs send: low 32 bits of this process's cgroup id; 0 when not known."""
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as file:
            path = next(line.strip().partition("::")[2] for line in file if line.startswith("0::"))
        for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
            if os.path.exists(f"{root}/cgroup.procs"):
                return os.stat(root + path).st_ino & 0xFFFFFFFF
    except (OSError, StopIteration):
        pass
    return 0


def opened(options: argparse.Namespace) -> tuple[list[RingSocket], dict[str, Any], list[int]]:
    """The sockets, what to say of them, and descriptors to keep. Raises `OSError`."""
    sockets, kept, reasons = [], [], {}
    for name in options.interface:
        sockets.append(RingSocket(name, packets.WIDTH, options.ring_mib, options.filter))
        if options.senders != "packet":
            try:
                kept += capture_bpf.attach(socket.if_nametoindex(name), options.forwarded == "mark")
                sockets[-1].senders = True
            except OSError as error:
                if options.senders == "kernel":
                    raise OSError(f"cannot ask the kernel for senders on {name}: {error.strerror}") from error
                reasons[name] = str(error.strerror)
        else:
            reasons[name] = "not asked for"
    facts = {
        "interfaces": {sock.interface: socket.if_nametoindex(sock.interface) for sock in sockets},
        "senders": {name: "packet" if name in reasons else "kernel" for name in options.interface},
        "reasons": reasons,
        "forwarded": options.forwarded,
        "cuts": all(sock.vnet for sock in sockets),
        "cgroup": own_cgroup(),
        "pid": os.getpid(),
        "links": {str(index): name for index, name in socket.if_nameindex()},
    }
    return sockets, facts, kept


def asked(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("plfed-capture", description="Write down what leaves this node, by sender.")
    parser.add_argument("--interface", action="append", required=True, help="capture here; may be repeated")
    parser.add_argument("--filter", default="", help="a tcpdump expression: capture no more than that")
    parser.add_argument("--ring-mib", type=int, default=16, help="MiB shared with the kernel, per interface")
    parser.add_argument("--senders", choices=("auto", "kernel", "packet"), default="auto", help="who tells the sender")
    parser.add_argument("--forwarded", choices=("interface", "mark"), default="interface", help="what tells slivers")
    parser.add_argument("--columns", action="store_true", help="read by columns even where numba is installed")
    parser.add_argument("--record", type=argparse.FileType("wb"), help="keep a copy of the stream in this file")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Capture until the reader goes. Exit 0 then; 1, with one line, when it cannot go on."""
    options = asked(arguments)
    try:
        sockets, facts, kept = opened(options)
    except OSError as error:
        names = ", ".join(options.interface)
        hint = "; needs CAP_NET_RAW in the network namespace" if isinstance(error, PermissionError) else ""
        print(f"plfed-capture: cannot capture on {names}: {error.strerror or error}{hint}", file=sys.stderr)
        return 1
    writer = Writer(sys.stdout.buffer, options.record)
    try:
        writer.say(stream.Kind.HELLO, facts)
        Capture(sockets, writer, compile=not options.columns).run()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at exit
    except KeyboardInterrupt:
        pass
    except OSError as error:
        print(f"plfed-capture: {error.strerror or error}", file=sys.stderr)
        return 1
    finally:
        for descriptor in kept:
            os.close(descriptor)
        for sock in sockets:
            sock.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
