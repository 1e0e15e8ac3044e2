# SPDX-License-Identifier: GPL-2.0-only
# Part of the program plfed-capture, which uses scapy and is distributed under the GNU General Public License,
# version 2. The audit's servers do not import it; they read what it writes.
"""The capture's sockets: a ring for each interface, and the kernel's or the firewall's word for who sends.

What an earlier run left open goes on, so that a capture that was killed costs little.
"""

import argparse
import errno
import os
import secrets
import socket
import time
from typing import Any

from attrs import define, field

from auditd import capture_bpf, packets
from auditd.capture_marks import MarkSocket
from auditd.capture_reading import SETTLE, Source
from auditd.capture_ring import RingSocket


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


@define
class Opened:
    """The sockets, what there is to say of them, and what has to stay open."""

    sockets: list[Source] = field(factory=list)
    senders: dict[str, list[int]] = field(factory=dict)  # by interface: descriptors by which the kernel tells senders
    reasons: dict[str, str] = field(factory=dict)  # by interface: why it does not
    marked: set[str] = field(factory=set)  # interfaces where the firewall's marks tell
    adopted: bool = False  # whether rings of an earlier run go on

    def mark(self, name: str, options: argparse.Namespace) -> None:
        """Have senders told by the firewall's marks instead, where the kernel hands them over."""
        try:
            marks = MarkSocket(name, packets.WIDTH, options.filter)
        except OSError:
            if options.senders == "mark":
                raise
            return
        self.sockets.pop().close()
        self.sockets.append(marks)
        self.marked.add(name)

    def facts(self, options: argparse.Namespace) -> dict[str, Any]:
        """What the hello says."""
        names = [sock.interface for sock in self.sockets]
        return {
            "interfaces": {name: socket.if_nametoindex(name) for name in names},
            "senders": {name: self._by(name) for name in names},
            "reasons": self.reasons,
            "forwarded": options.forwarded,
            "cuts": all(sock.vnet for sock in self.sockets),
            "cgroup": own_cgroup(),
            "pid": os.getpid(),
            "links": {str(index): name for index, name in socket.if_nameindex()},
            "run": secrets.token_hex(8),
            "words": options.words,
            "adopted": self.adopted,
            "descriptors": [[name, socket.if_nametoindex(name), kind] for name, kind, _ in self.all()],
        }

    def _by(self, name: str) -> str:
        return "mark" if name in self.marked else "packet" if name in self.reasons else "kernel"

    def all(self) -> list[tuple[str, str, int]]:
        """Every descriptor that is worth keeping: interface, kind, number."""
        rings = [(s.interface, "ring", s.ins.fileno()) for s in self.sockets if isinstance(s, RingSocket)]
        return rings + [(name, "bpf", each) for name, found in self.senders.items() for each in found]


def opened(options: argparse.Namespace) -> Opened:
    """Open the sockets, or go on with those of an earlier run. Raises `OSError`.

    The kernel is asked for senders first: a frame that was in a ring before had its hash of ports where the sender is
    looked for, and so has a frame that lay in the interface's queue meanwhile.
    """
    found, indices = Opened(), {name: _index(name) for name in options.interface}
    mine = [each for each in options.adopt if indices.get(each[0]) == each[1]]
    asked_anew = [_ask(name, index, mine, options, found) for name, index in indices.items()]
    if any(asked_anew):
        time.sleep(SETTLE / 1e6)  # until the interface's queue holds nothing that was sent before
    for name, anew in zip(indices, asked_anew, strict=True):
        # a ring that an earlier run filled without senders has nothing but hashes
        ring = next((number for at, _, kind, number in mine if (at, kind) == (name, "ring") and not anew), None)
        told = 0 if ring is None else int(options.told.get(name, 0))
        sock = RingSocket(name, packets.WIDTH, options.ring_mib, options.filter, ring, told)
        sock.senders = name in found.senders
        found.sockets.append(sock)
        found.adopted |= ring is not None
        if name in found.reasons and options.senders != "packet" and "mark" in (options.forwarded, options.senders):
            found.mark(name, options)
    for number in {number for *_, number in options.adopt} - {number for *_, number in found.all()}:
        os.close(number)  # of an interface that is gone
    return found


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from None


def _ask(name: str, index: int, mine: list[Any], options: argparse.Namespace, found: Opened) -> bool:
    """Have the kernel tell the senders on an interface, or note why not; whether it has begun to only now."""
    if options.senders != "kernel" and options.senders != "auto":
        found.reasons[name] = "not asked for"
        return False
    if asking := [number for at, _, kind, number in mine if (at, kind) == (name, "bpf")]:
        found.senders[name] = asking
        return False
    try:
        found.senders[name] = capture_bpf.attach(index, options.forwarded == "mark")
    except OSError as error:
        if options.senders == "kernel":
            raise OSError(f"cannot ask the kernel for senders on {name}: {error.strerror}") from error
        found.reasons[name] = str(error.strerror)
        return False
    return True
