"""Heads of packets become columns here, a batch at a time; nothing in this module reads a socket or a clock.

Read are Ethernet (or bare IP), IPv4 with any options, IPv6 without extension headers (but for that of a piece), and of
what they carry the ports of TCP, UDP, DCCP, SCTP and UDP-Lite, type and code of ICMP, and TCP's flags. Everything else
is pointed out as rare, for a dissector that knows more, or is read coarsely.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from auditd import rows

WIDTH = 112  # bytes of each packet that are looked at: Ethernet, IPv6, TCP with options
U8 = npt.NDArray[np.uint8]
Index = npt.NDArray[np.intp]
_PORTED = np.zeros(256, bool)
_PORTED[list(rows.PORTED)] = True
# What IPv6 puts between its own header and what it carries: hop-by-hop, routing, fragment, authentication,
# destination options, mobility, HIP, shim6 (the registry of RFC 7045).
_EXTENSIONS = np.zeros(256, bool)
_FRAGMENT = 44
_EXTENSIONS[[0, 43, _FRAGMENT, 51, 60, 135, 139, 140]] = True


@frozen
class Read:
    """What a batch said. Arrays have one entry per packet."""

    rows: rows.Rows  # addresses, ports, proto, flags, octets and packets; times and tags are the caller's
    rare: Index  # packets that need a dissector; their rows are not filled
    fragments: Index  # packets that are pieces of a datagram
    identities: npt.NDArray[np.int64]  # of those datagrams
    foreign: Index  # frames that carry no IP, like ARP


def read(heads: U8, captured: npt.NDArray[Any], length: npt.NDArray[Any], link: int = 14) -> Read:
    """Read a batch.

    ``heads``: the first `WIDTH` bytes of each frame, one per line, zeros where it is shorter. ``captured``: how many of
    those are real. ``length``: the frame's length in bytes. ``link``: bytes of link header, 14 (Ethernet) or 0.
    """
    out = rows.empty(len(heads))
    out["packets"] = out["frames"] = 1
    out["octets"] = np.maximum(length.astype(np.int64) - link, 0)
    have = captured.astype(np.int64) - link  # bytes from the IP header on
    ip = heads[:, link:]
    version = ip[:, 0] >> 4
    if link:
        kind = heads[:, 12].astype(np.uint16) << 8 | heads[:, 13]
        four, six = (kind == 0x0800) & (version == 4), (kind == 0x86DD) & (version == 6)
        known = (kind == 0x0806) | (kind < 0x0600) | np.isin(kind, _FOREIGN)
    else:
        four, six, known = version == 4, version == 6, np.zeros(len(heads), bool)
    start = (ip[:, 0] & 15).astype(np.int64) * 4
    four &= (start >= 20) & (have >= start)
    six &= have >= 40
    pieces = six & (ip[:, 6] == _FRAGMENT) & (have >= 48)
    pieces &= ~_EXTENSIONS[ip[:, 40]]
    six &= ~_EXTENSIONS[ip[:, 6]]
    fragment = four & (((ip[:, 6] & 0x3F) != 0) | (ip[:, 7] != 0))
    _four(out, ip, have, np.flatnonzero(four), start)
    _six(out, ip, have, np.flatnonzero(six))
    _pieces(out, ip, have, np.flatnonzero(pieces))
    plain = four | six | pieces
    at = np.flatnonzero(fragment | pieces)
    return Read(out, np.flatnonzero(~plain & ~known), at, _identities(ip, at), np.flatnonzero(known))


# ARP, reverse ARP, slow protocols (LACP), EAPOL, LLDP, loopback test: no IP inside.
_FOREIGN = np.array([0x0806, 0x8035, 0x8809, 0x888E, 0x88CC, 0x9000], np.uint16)


def _four(out: rows.Rows, ip: U8, have: npt.NDArray[np.int64], at: Index, start: npt.NDArray[np.int64]) -> None:
    if not len(at):
        return
    words = np.ascontiguousarray(ip[at, 12:20]).view(">u4")
    out["s_lo"][at] = words[:, 0] | np.uint64(rows.MAPPED)
    out["d_lo"][at] = words[:, 1] | np.uint64(rows.MAPPED)
    proto = ip[at, 9]
    out["proto"][at] = proto
    later = ((ip[at, 6] & 0x1F) != 0) | (ip[at, 7] != 0)
    out["how"][at[later & (_PORTED[proto] | (proto == rows.ICMP))]] = rows.HOW_PORTLESS
    first = ~later
    simple = first & (start[at] == 20)
    _inside(out, ip[at[simple], 20:36], have[at[simple]] - 20, at[simple])
    for size in np.unique(start[at[first & ~simple]]):  # options: at most ten sizes
        some = at[first & (start[at] == size)]
        _inside(out, ip[some, size : size + 16], have[some] - size, some)


def _six(out: rows.Rows, ip: U8, have: npt.NDArray[np.int64], at: Index) -> None:
    if not len(at):
        return
    words = np.ascontiguousarray(ip[at, 8:40]).view(">u8")
    for column, name in enumerate(("s_hi", "s_lo", "d_hi", "d_lo")):
        out[name][at] = words[:, column]
    out["proto"][at] = ip[at, 6]
    _inside(out, ip[at, 40:56], have[at] - 40, at)


def _pieces(out: rows.Rows, ip: U8, have: npt.NDArray[np.int64], at: Index) -> None:
    """Pieces of IPv6 datagrams: the header behind the first says which; ports are in the first piece only."""
    if not len(at):
        return
    words = np.ascontiguousarray(ip[at, 8:40]).view(">u8")
    for column, name in enumerate(("s_hi", "s_lo", "d_hi", "d_lo")):
        out[name][at] = words[:, column]
    proto = ip[at, 40]
    out["proto"][at] = proto
    later = (ip[at, 42] != 0) | (ip[at, 43] & 0xF8 != 0)
    out["how"][at[later & (_PORTED[proto] | (proto == rows.ICMP6))]] = rows.HOW_PORTLESS
    first = at[~later]
    _inside(out, ip[first, 48:64], have[first] - 48, first)


def _identities(ip: U8, at: Index) -> npt.NDArray[np.int64]:
    """What the pieces at ``at`` have in common with the others of their datagram."""
    four = ip[at, 0] >> 4 == 4
    places = np.where(four[:, None], (4, 5, 4, 5), (44, 45, 46, 47))
    read = ip[at[:, None], places].astype(np.int64)
    return read[:, 0] << 24 | read[:, 1] << 16 | read[:, 2] << 8 | read[:, 3]


def _inside(out: rows.Rows, head: U8, have: npt.NDArray[np.int64], at: Index) -> None:
    """Ports, ICMP type and code, TCP flags, from the 16 bytes after the IP header."""
    if not len(at):
        return
    proto = out["proto"][at]
    word = np.ascontiguousarray(head[:, :4]).view(">u4")[:, 0].astype(np.uint32)
    ported = _PORTED[proto]
    icmp = (proto == rows.ICMP) | (proto == rows.ICMP6)
    ports = np.where(ported, word, np.where(icmp, word >> 16, 0))
    short = (ported | icmp) & (have < 4)  # cut off, or lying about its length
    ports[short] = 0
    out["ports"][at] = ports
    out["how"][at[short]] = rows.HOW_PORTLESS
    tcp = (proto == rows.TCP) & (have >= 14)
    out["flags"][at] = np.where(tcp, head[:, 13], 0)
