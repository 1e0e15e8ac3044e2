# SPDX-License-Identifier: GPL-2.0-only
# Part of the program plfed-capture, which uses scapy and is distributed under the GNU General Public License,
# version 2. The audit's servers do not import it; they read what it writes to a pipe.
"""What the fast path leaves: pieces of datagrams, and packets that only a dissector can read.

scapy reads a packet in some 150 microseconds, so only so many a turn are given to it; what is beyond that is counted
under its sender without being read, and said to be so.
"""

from collections import OrderedDict
from ipaddress import ip_address

import numpy as np
import numpy.typing as npt
from attrs import define, field
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, _IPv6ExtHdr
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from auditd import rows
from auditd.packets import U8, Index

MOST_PIECES = 4096  # datagrams whose first piece is remembered
KEEP = 30_000_000  # microseconds a first piece is remembered, as hosts wait for the rest (RFC 1122, section 3.3.2)
MOST_DISSECTED = 500  # packets a turn, about 80 ms of work
_Key = tuple[int, ...]


@define
class Pieces:
    """The ports of datagrams that are sent in pieces: only the first piece carries them."""

    _ports: OrderedDict[_Key, tuple[int, int]] = field(factory=OrderedDict, init=False)

    def see(self, row: rows.Rows, identity: int, now: int) -> None:
        """Note the first piece's ports, or give them to a later piece. ``row`` is one row, changed in place."""
        # The sender is part of the key, so that no slice can lend its ports to another's pieces.
        key = (*(int(row[name]) for name in ("s_hi", "s_lo", "d_hi", "d_lo", "proto", "tag")), identity)
        if not row["how"] & rows.HOW_PORTLESS:
            self._ports[key] = (int(row["ports"]), now)
            self._ports.move_to_end(key)
            if len(self._ports) > MOST_PIECES:
                self._ports.popitem(last=False)
        elif (known := self._ports.get(key)) is not None and now - known[1] <= KEEP:
            row["ports"] = known[0]
            row["how"] &= ~rows.HOW_PORTLESS & 0xFF


def pieces_told(batch: rows.Rows, at: Index, identities: npt.NDArray[np.int64], pieces: Pieces) -> None:
    """Give the pieces of datagrams at ``at`` their ports."""
    for place, identity in zip(at, identities, strict=True):
        one = batch[place : place + 1]
        pieces.see(one[0], int(identity), int(one["first"][0]))


def dissect(batch: rows.Rows, heads: U8, captured: npt.NDArray[np.int64], at: Index, link: int, pieces: Pieces) -> int:
    """Read the packets at ``at`` by scapy into their rows. Gives how many of them carry no IP at all."""
    foreign = 0
    for place in at:
        data = heads[place, : captured[place]].tobytes()
        try:
            foreign += not _dissected(batch[place : place + 1][0], data, link, pieces)
        except Exception:  # what a hostile packet does to a dissector is not known beforehand; it is still counted
            unread(batch, place[None])
    return foreign


def _dissected(row: rows.Rows, data: bytes, link: int, pieces: Pieces) -> bool:
    """Read one packet; False when it has no IP in it, and then counts as none."""
    packet = (Ether if link else IPv6 if data[:1] >= b"\x60" else IP)(data)
    found = packet.getlayer(IP) or packet.getlayer(IPv6)
    if found is None:
        row["packets"] = 0
        return False
    _fill(row, found, pieces)
    row["octets"] = max(int(row["octets"]) - _before(packet, found) + link, 0)
    return True


def _before(packet: Packet, found: Packet) -> int:
    """Bytes of headers before the IP header."""
    return len(packet.original) - len(found.original)


def _fill(row: rows.Rows, packet: Packet, pieces: Pieces) -> None:
    row["s_hi"], row["s_lo"] = rows.pair(ip_address(packet.src))
    row["d_hi"], row["d_lo"] = rows.pair(ip_address(packet.dst))
    if isinstance(packet, IP):
        row["proto"], offset, more, identity = packet.proto, packet.frag, packet.flags.MF, packet.id
        inner = packet.payload
    else:
        row["proto"], offset, more, identity, inner = _beyond_extensions(packet)
    _ports(row, _original(inner), later=offset > 0)
    if offset or more:
        pieces.see(row, int(identity), int(row["first"]))


def _beyond_extensions(packet: Packet) -> tuple[int, int, int, int, Packet]:
    """What an IPv6 packet carries behind its extension headers: protocol, piece's offset, more, id, and the rest."""
    proto, offset, more, identity, inner = packet.nh, 0, 0, 0, packet.payload
    while isinstance(inner, _IPv6ExtHdr):
        proto = inner.nh
        if isinstance(inner, IPv6ExtHdrFragment):
            offset, more, identity = inner.offset, inner.m, inner.id
        inner = inner.payload
    return proto, offset, more, identity, inner


def _original(packet: Packet) -> bytes:
    return getattr(packet, "original", b"") or bytes(packet)


def _ports(row: rows.Rows, head: bytes, later: bool) -> None:
    proto = int(row["proto"])
    named = proto in rows.PORTED or proto in (rows.ICMP, rows.ICMP6)
    if named and (later or len(head) < 4):
        row["how"] |= rows.HOW_PORTLESS
    elif named:
        word = int.from_bytes(head[:4], "big")
        row["ports"] = word if proto in rows.PORTED else word >> 16
        row["flags"] = head[13] if proto == rows.TCP and len(head) >= 14 else 0


def unread(batch: rows.Rows, at: Index) -> None:
    """Count the packets at ``at`` under their sender only."""
    some = rows.nameless(batch[at])
    some["how"] |= rows.HOW_COARSE
    batch[at] = some
