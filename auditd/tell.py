"""How numbers are told: moments, protocols, flags, octets, and a flow as a struct for programs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, overload

import numpy as np

from auditd import rows
from auditd.owners import NODE, Owners
from auditd.rows import Rows

_PROTOCOLS = {
    1: "ICMP", 2: "IGMP", 4: "IPv4", 6: "TCP", 17: "UDP", 33: "DCCP", 41: "IPv6", 46: "RSVP", 47: "GRE", 50: "ESP",
    51: "AH", 58: "ICMPv6", 89: "OSPF", 103: "PIM", 112: "VRRP", 115: "L2TP", 132: "SCTP", 136: "UDP-Lite",
}  # fmt: skip  # IANA, Assigned Internet Protocol Numbers
_FLAGS = "FSRPAUEC"  # from the lowest bit on: FIN SYN RST PSH ACK URG ECE CWR


def moment(microseconds: int) -> str:
    """A moment in UTC, RFC 3339, to the millisecond.

    >>> moment(1_700_000_000_123_456)
    '2023-11-14T22:13:20.123Z'
    """
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_second(seconds)}.{rest // 1000:03d}Z"


@lru_cache(maxsize=8192)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()


def protocol(number: int) -> str:
    """A protocol's name, or its number."""
    return _PROTOCOLS.get(number, str(number))


def protocol_number(text: str) -> int | None:
    """The number of a protocol said by name or number; None when there is no such."""
    if text.isdigit():
        return int(text) if int(text) < 256 else None
    return next((number for number, name in _PROTOCOLS.items() if name.lower() == text.lower()), None)


@lru_cache(maxsize=256)
def tcp_flags(bits: int) -> str:
    """All flags that were seen, a letter each.

    >>> tcp_flags(0x13)
    'FSA'
    """
    return "".join(letter for bit, letter in enumerate(_FLAGS) if bits >> bit & 1)


def octets(count: int) -> str:
    """A number of octets as people say it."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{count} B" if unit == "B" else f"{size:.3g} {unit}"


_NOTES = (
    (rows.HOW_PORTLESS, "later piece of a datagram, ports not seen"),
    (rows.HOW_COARSE, "not taken apart"),
    (rows.HOW_FOLDED, "one of too many flows at once, addresses not kept"),
    (rows.HOW_PACKETS_ONLY, "frames as handed to the device"),
)


@lru_cache(maxsize=256)
def note(how: int) -> str:
    """What is to be said of how a flow was seen; "" where it was seen whole."""
    return "; ".join(text for bit, text in _NOTES if how & bit)


def kind(number: int) -> str:
    """What stands behind a sender's number."""
    return {0: "unknown", NODE: "node"}.get(number, "slice")


def flows(found: Rows, owners: Owners, veiled: bool = False) -> list[dict[str, Any]]:
    """Flows (rows in wall time) as structs; ``veiled``: destinations by /24 and /48 only."""
    if veiled:
        found = found.copy()
        found["d_hi"], found["d_lo"] = network_of(found["d_hi"], found["d_lo"])
    listed = zip(*(found[name].tolist() for name in COLUMNS), strict=True)
    sources, destinations = Addresses(), Addresses(veiled)
    return [struct(row, owners, sources, destinations) for row in listed]


class Flows(Sequence[dict[str, Any]]):
    """Flows as structs, each made when it is asked for: a page shows few of many."""

    def __init__(self, found: Rows, owners: Owners, veiled: bool = False) -> None:
        self._found, self._owners, self._veiled = found, owners, veiled

    def __len__(self) -> int:
        return len(self._found)

    def rows(self, at: slice) -> tuple[Rows, Owners, bool]:
        """Some of them as they are kept, whose they are, and whether they are veiled."""
        return self._found[at], self._owners, self._veiled

    @overload
    def __getitem__(self, at: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, at: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, at: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(at, slice):
            return flows(self._found[at], self._owners, self._veiled)
        return flows(self._found[[at]], self._owners, self._veiled)[0]


def flow(row: Rows, owners: Owners) -> dict[str, Any]:
    """One flow as a struct."""
    return struct(tuple(row[name].item() for name in COLUMNS), owners, Addresses(), Addresses())


COLUMNS = (
    "slice", "tag", "iface", "first", "last", "proto", "how", "ports", "s_hi", "s_lo", "d_hi", "d_lo", "flags",
    "packets", "octets", "frames",
)  # fmt: skip


class Addresses(dict[tuple[int, int], str]):
    """Halves of addresses to what is told of them, each made once."""

    def __init__(self, veiled: bool = False) -> None:
        super().__init__()
        self._veiled = veiled

    def __missing__(self, halves: tuple[int, int]) -> str:
        address = rows.address(*halves)
        length = f"/{24 if address.version == 4 else 48}" if self._veiled else ""
        self[halves] = told = f"{address}{length}"
        return told


def struct(row: tuple[int, ...], owners: Owners, sources: Addresses, destinations: Addresses) -> dict[str, Any]:
    """One flow as a struct; ``row`` has its `COLUMNS`."""
    number, tag, iface, first, last, proto, how, ports, s_hi, s_lo, d_hi, d_lo, flags, *counts = row
    bare = bool(how & (rows.HOW_FOLDED | rows.HOW_COARSE))
    named = proto in rows.PORTED and not how & rows.HOW_PORTLESS and not bare
    icmp = proto in (rows.ICMP, rows.ICMP6) and not how & rows.HOW_PORTLESS and not bare
    sender = owners.sender(number)
    return {
        "slice": owners.label(number, tag, iface),
        "kind": kind(number),
        "authority": sender.authority if sender else "",
        "first": first / 1e6,
        "last": last / 1e6,
        "first_utc": moment(first),
        "last_utc": moment(last),
        "protocol": protocol(proto),
        "protocol_number": proto,
        "source": None if bare else sources[s_hi, s_lo],
        "source_port": ports >> 16 if named else None,
        "destination": None if bare else destinations[d_hi, d_lo],
        "destination_port": ports & 0xFFFF if named else None,
        "icmp_type": ports >> 8 & 0xFF if icmp else None,
        "icmp_code": ports & 0xFF if icmp else None,
        "tcp_flags": tcp_flags(flags),
        "packets": counts[0],
        "octets": counts[1],
        "frames": counts[2],
        "note": note(how),
    }


def network_of(hi: Any, lo: Any) -> tuple[Any, Any]:
    """The /24 or /48 that addresses lie in, as halves of its first address; arrays in, arrays out."""
    four = (hi == 0) & (lo >> np.uint64(32) == np.uint64(0xFFFF))
    return (
        np.where(four, hi, hi & ~np.uint64(0xFFFF)),
        np.where(four, lo & ~np.uint64(0xFF), np.uint64(0)),
    )
