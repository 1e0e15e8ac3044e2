"""Flows for other people's collectors: NetFlow version 9 (RFC 3954) and IPFIX (RFC 7011) datagrams. Pure.

Both carry the same fields; the slice's number stands in the ingress interface, where collectors keep it, and the node
in the observation domain (source id). A message fits into one Ethernet frame. Templates go first and again every
minute, since a collector that was restarted cannot read records without them.
"""

import struct
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from attrs import define

from auditd import rows
from auditd.rows import Rows

MOST = 1400  # bytes of a message
_TEMPLATES = 60.0  # seconds between two tellings of the templates
_FOUR, _SIX = 256, 257  # template numbers
# Information element, bytes, name in the record; None: differs between IPv4 and IPv6. The numbers are IANA's (IPFIX).
_ELEMENTS = (
    (152, 8, "first"), (153, 8, "last"), (None, 0, "source"), (None, 0, "destination"), (7, 2, "sport"),
    (11, 2, "dport"), (4, 1, "proto"), (6, 1, "flags"), (2, 8, "packets"), (1, 8, "octets"), (10, 4, "slice"),
    (136, 1, "reason"),
)  # fmt: skip
_ADDRESS = {4: {"source": (8, 4), "destination": (12, 4)}, 6: {"source": (27, 16), "destination": (28, 16)}}
_IDLE_TIMEOUT = 1  # flowEndReason


def _fields(version: int) -> list[tuple[int, int]]:
    return [_ADDRESS[version][name] if element is None else (element, size) for element, size, name in _ELEMENTS]


def _record(version: int) -> "np.dtype[np.void]":
    kinds = {1: "u1", 2: ">u2", 4: ">u4", 8: ">u8"}
    return np.dtype(
        [
            (name, f"V{4 if version == 4 else 16}" if element is None else kinds[size])
            for element, size, name in _ELEMENTS
        ]
    )


def templates(protocol: int, domain: int, number: int, seconds: int) -> bytes:
    """The message that says how records read. ``protocol``: 9 or 10 (IPFIX); ``seconds``: now, since the epoch."""
    sets = b""
    for template, version in ((_FOUR, 4), (_SIX, 6)):
        fields = _fields(version)
        sets += struct.pack(">HH", template, len(fields)) + b"".join(struct.pack(">HH", *field) for field in fields)
    body = struct.pack(">HH", 2 if protocol == 10 else 0, 4 + len(sets)) + sets
    return _head(protocol, len(body), 2, domain, number, seconds) + body


def _head(protocol: int, length: int, count: int, domain: int, number: int, seconds: int) -> bytes:
    if protocol == 10:
        return struct.pack(">HHIII", 10, 16 + length, seconds, number & 0xFFFFFFFF, domain)
    # Times in records are absolute, so that the uptime a collector would count from need not be told.
    return struct.pack(">HHIIII", 9, count, 0, seconds, number & 0xFFFFFFFF, domain)


def messages(found: Rows, protocol: int, domain: int, number: int, seconds: int) -> Iterator[tuple[bytes, int]]:
    """Messages with the records of ``found`` (in wall time), each with how much it adds to the sequence ``number``."""
    four = (found["s_hi"] == 0) & (found["s_lo"] >> np.uint64(32) == np.uint64(0xFFFF))
    named = found["how"] & rows.HOW_FOLDED == 0
    for version, template, which in ((4, _FOUR, four), (6, _SIX, ~four)):
        data = _records(found[which & named], version)
        size = data.dtype.itemsize
        at_once = (MOST - 40) // size
        for start in range(0, len(data), at_once):
            part = data[start : start + at_once]
            body = part.tobytes()
            body += bytes(-len(body) % 4)
            content = struct.pack(">HH", template, 4 + len(body)) + body
            step = len(part) if protocol == 10 else 1
            yield _head(protocol, len(content), len(part), domain, number, seconds) + content, step
            number += step


def _records(found: Rows, version: int) -> npt.NDArray[np.void]:
    icmp = np.isin(found["proto"], (rows.ICMP, rows.ICMP6))
    data = np.zeros(len(found), _record(version))
    data["first"], data["last"] = found["first"] // 1000, found["last"] // 1000
    for name, hi, lo in (("source", "s_hi", "s_lo"), ("destination", "d_hi", "d_lo")):
        halves = np.stack([found[hi], found[lo]], axis=1).astype(">u8")
        octets = halves.view(np.uint8).reshape(-1, 16)
        kept = np.ascontiguousarray(octets[:, 12:] if version == 4 else octets)
        data[name] = kept.view(f"V{kept.shape[1]}").reshape(-1) if len(kept) else data[name]
    data["sport"] = np.where(icmp, 0, found["ports"] >> 16)
    data["dport"] = found["ports"] & 0xFFFF
    data["proto"], data["flags"], data["slice"] = found["proto"], found["flags"], found["slice"]
    data["packets"], data["octets"] = found["packets"], found["octets"]
    data["reason"] = _IDLE_TIMEOUT
    return data


@define
class Exporter:
    """Sends what ended to one collector."""

    protocol: int  # 9, or 10 for IPFIX
    domain: int  # tells this node from others at the collector
    send: Callable[[bytes], object]
    number: int = 0
    _told: float = -_TEMPLATES  # when templates went last

    def export(self, found: Rows, now: float) -> None:
        """Send flows (in wall time); ``now``: seconds since the epoch."""
        if not len(found):
            return
        seconds = int(now)
        if now - self._told >= _TEMPLATES:
            self._told = now
            self.send(templates(self.protocol, self.domain, self.number, seconds))
            self.number += self.protocol == 9
        for data, step in messages(found, self.protocol, self.domain, self.number, seconds):
            self.send(data)
            self.number += step
