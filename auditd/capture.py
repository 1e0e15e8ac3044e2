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

from auditd import capture_priority, rows, stream
from auditd.capture_opening import opened
from auditd.capture_post import Post
from auditd.capture_reading import SETTLE, Reading, Source
from auditd.closings import Closings

TURN = 200_000  # microseconds between two writes
BUSY = 10_000  # packets in a turn from which on compiled code is worth its start
AT_ONCE = 64  # blocks of a ring between two looks at the time
NAP = 25  # milliseconds between two looks at a ring of which blocks are kept; the kernel takes twice that for a block
NEW_LINKS = 4096  # interfaces that may come and go between two turns; the kernel numbers them one after the other
SENDERS = ("auto", "kernel", "mark", "packet")
HOT_PATHS = ("auto", "columns", "compiled")


def steady() -> int:
    """Microseconds of the steady clock."""
    return time.monotonic_ns() // 1000


def wall() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


@define
class Writer:
    """Messages to a file or by a `Post`, and to a second file when what is written shall be kept."""

    out: BinaryIO | Post
    copy: BinaryIO | None = None
    _number: int = field(default=0, init=False)

    def write(self, kind: stream.Kind, body: bytes, facts: dict[str, Any] | None = None) -> None:
        """Write one message now."""
        now, at = steady(), wall()
        data = stream.packed(stream.Message(kind, self._number, now, at, body))
        self._number += 1
        if isinstance(self.out, Post):
            self.out.write(kind, body, now, at, facts or {})
        for file in (self.copy, None if isinstance(self.out, Post) else self.out):
            if file is not None:
                file.write(data)
                file.flush()

    def say(self, kind: stream.Kind, facts: dict[str, Any]) -> None:
        """Write one message of facts."""
        self.write(kind, stream.said(facts), facts)

    def greet(self, facts: dict[str, Any]) -> None:
        """Say hello; a `Post` does so itself to each of its readers."""
        if not isinstance(self.out, Post):
            self.say(stream.Kind.HELLO, facts)


@define
class Capture:
    """The sockets, and the loop that empties them."""

    sockets: list[Source]
    writer: Writer
    reading: Reading = field(factory=lambda: Reading(secrets.randbits(64)))
    closings: Closings = field(factory=lambda: Closings(secrets.randbits(64)))
    hot_path: str = "auto"  # "columns", or "compiled"; "auto": compiled once there is much, where numba is installed
    _emptied: int = field(factory=steady, init=False)  # what came before this moment was read
    _compiling: bool = field(default=False, init=False)
    _frames: int = field(default=0, init=False)  # seen when the last turn was over
    _links: dict[int, str] = field(factory=dict, init=False)

    def run(self) -> None:
        """Read until nobody listens. Raises `OSError` when an interface is gone."""
        post = self.writer.out if isinstance(self.writer.out, Post) else None
        indices = {sock.interface: socket.if_nametoindex(sock.interface) for sock in self.sockets}
        if self.hot_path == "compiled":
            self._compiled()
        due = steady() + TURN
        while post is None or not post.ended:
            began = steady()
            taken = [self._take(sock, indices[sock.interface]) for sock in self.sockets]
            if max(taken) < AT_ONCE:
                self._emptied = began
            if steady() >= due:
                due = steady() + TURN
                self._turn()
            if post is not None:
                post.turn(steady())
            if not any(taken):
                self._wait(post, max(1, (due - steady()) // 1000))

    def _wait(self, post: Post | None, milliseconds: int) -> None:
        """Until there are packets, or something is to be done for the post, or time is over.

        A ring of which a block is kept counts as readable for as long as it is: for that one time has to do.
        """
        poll = select.poll()
        for sock in self.sockets:
            poll.register(sock.ins, 0 if sock.held else select.POLLIN)  # errors are told of either way
        if any(sock.held for sock in self.sockets):
            milliseconds = min(milliseconds, NAP)
        if post is not None:
            post.watch(poll, steady())
        for _, events in poll.poll(milliseconds):
            self._check(events)

    def _compiled(self) -> None:
        """Make the compiled walker ready, which takes a second or several."""
        if find_spec("numba") is None:
            return
        try:
            from auditd import walker  # numba takes half a second to import, and most nodes never need it

            with capture_priority.given_up():
                self.reading.walker = walker.ready(self.reading.seed)
        except Exception as error:  # whatever a compiler may meet on this machine: the other path goes on
            print(f"plfed-capture: reads without compiled code: {error}", file=sys.stderr, flush=True)

    def _take(self, sock: Source, interface: int) -> int:
        """Read what one ring has, a few blocks at most so that turns stay in time.

        Where it is not needed, a block is given back only when it was told of: a kill then loses nothing.
        """
        for taken in range(AT_ONCE):
            block = sock.block()
            if block is None:
                return taken
            self.reading.block(block, interface, sock, steady(), wall())
            sock.keep(block)
            if sock.short:
                sock.release()
        return AT_ONCE

    def _check(self, events: int) -> None:
        if events & (select.POLLERR | select.POLLNVAL):  # of a packet socket; the post notices its own
            for sock in self.sockets:
                if error := sock.ins.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(error, f"interface {sock.interface}: {os.strerror(error)}")

    def _turn(self) -> None:
        now = steady()
        found = self.reading.turn(now, wall())
        self._name_links(found)
        self.closings.settle(found)
        if len(found):
            self.writer.write(stream.Kind.ROWS, found.tobytes())
        busy = self.reading.counts.frames - self._frames > BUSY
        if self.hot_path == "auto" and busy and not self._compiling:
            self._compiling = True
            threading.Thread(target=self._compiled, daemon=True).start()
        self._frames = self.reading.counts.frames
        counts = self.reading.counts
        self.writer.say(
            stream.Kind.BEAT,
            {
                "through": self._emptied - SETTLE,
                "frames": counts.frames,
                "dropped": sum(sock.lost() for sock in self.sockets),
                "foreign": counts.foreign,
                "dissected": counts.dissected,
                "unread": counts.unread,
                "folded": counts.folded,
                "steps": counts.steps,
                "hot_path": "compiled" if self.reading.walker else "columns",
                "blocks": {sock.interface: sock.read for sock in self.sockets},
                "links": {str(index): name for index, name in self._links.items()},
            },
        )
        for sock in self.sockets:
            sock.release()

    def _name_links(self, found: rows.Rows) -> None:
        """Learn the names of interfaces while they are there: by the time anyone asks, a short-lived one is gone."""
        self._links = dict(socket.if_nameindex())
        index, by_link = found["tag"] & 0x3FFFFFFF, (found["tag"] >> 30) == 2
        found["tag"][by_link & (index > max(self._links, default=0) + NEW_LINKS)] = 0  # no interface was ever that
        for gone in set(map(int, np.unique(index[by_link]))) - self._links.keys():
            self._links[gone] = ""


def asked(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("plfed-capture", description="Write down what leaves this node, by sender.")
    parser.add_argument("--interface", action="append", required=True, help="capture here; may be repeated")
    parser.add_argument("--filter", default="", help="a tcpdump expression: capture no more than that")
    parser.add_argument("--ring-mib", type=int, default=16, help="MiB shared with the kernel, per interface")
    parser.add_argument("--senders", choices=SENDERS, default="auto", help="who tells the sender")
    parser.add_argument("--forwarded", choices=("interface", "mark"), default="interface", help="what tells slivers")
    parser.add_argument("--hot-path", choices=HOT_PATHS, default="auto", help="how plain packets are read")
    parser.add_argument(
        "--priority", choices=capture_priority.CHOICES, default="auto", help="auto: real-time, where that is permitted"
    )
    parser.add_argument("--told", type=json.loads, default={}, help="by interface, the last block that was told of")
    parser.add_argument("--socket", default="", help="write to who connects here, who may be killed and come back")
    parser.add_argument("--adopt", type=json.loads, default=[], help="descriptors of an earlier run, as its hello told")
    parser.add_argument("--record", type=argparse.FileType("wb"), help="keep a copy of the stream in this file")
    options = parser.parse_args(arguments)
    words = sys.argv[1:] if arguments is None else arguments
    options.words = words[: words.index("--adopt")] if "--adopt" in words else words
    options.adopt = [tuple(each) for each in options.adopt]
    return options


def main(arguments: list[str] | None = None) -> int:
    """Capture until the reader goes. Exit 0 then; 1, with one line, when it cannot go on."""
    options = asked(arguments)
    try:
        found = opened(options)
        priority, why = capture_priority.take(options.priority)
        facts = found.facts(options) | {"priority": priority, "priority_why": why}
        out = Post(options.socket, facts, [each for _, _, each in found.all()]) if options.socket else sys.stdout.buffer
    except OSError as error:
        names = ", ".join(options.interface)
        hint = "; needs CAP_NET_RAW in the network namespace" if isinstance(error, PermissionError) else ""
        print(f"plfed-capture: cannot capture on {names}: {error.strerror or error}{hint}", file=sys.stderr)
        return 1
    writer = Writer(out, options.record)
    try:
        writer.greet(facts)
        Capture(found.sockets, writer, hot_path=options.hot_path).run()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at exit
    except KeyboardInterrupt:
        pass
    except OSError as error:
        print(f"plfed-capture: {error.strerror or error}", file=sys.stderr)
        return 1
    finally:
        if isinstance(out, Post):
            out.close()
        for descriptor in (each for kept in found.senders.values() for each in kept):
            os.close(descriptor)
        for sock in found.sockets:
            sock.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
