# SPDX-License-Identifier: GPL-2.0-only
# Part of the program plfed-capture, which uses scapy and is distributed under the GNU General Public License,
# version 2. The audit's servers do not import it; they read what it writes to a pipe.
"""Packets out of a pcap file, by the batch: the hot path without a network, for measuring it and for old captures.

Read are the classic formats of both byte orders, with microseconds or nanoseconds, of Ethernet and of bare IP.
"""

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
from attrs import frozen

from auditd import packets
from auditd.capture_ring import windows
from auditd.rows import Rows
from auditd.walker import Walker

CHUNK = 2 << 20  # bytes read at once
_RECORD = 16  # bytes before each packet: seconds, fraction, captured, length
_MAGIC = {b"\xd4\xc3\xb2\xa1": ("<", 1), b"\xa1\xb2\xc3\xd4": (">", 1), b"\x4d\x3c\xb2\xa1": ("<", 1000),
          b"\xa1\xb2\x3c\x4d": (">", 1000)}  # fmt: skip
_LINKS = {1: 14, 101: 0, 228: 0, 229: 0, 12: 0}  # Ethernet, raw IP, IPv4, IPv6


@frozen
class Batch:
    """Packets of a file: the first bytes of each, and what the file says of it."""

    heads: packets.U8
    captured: packets.Index
    length: packets.Index
    moments: packets.Index  # microseconds since the epoch


@frozen
class Format:
    """What a file's head says."""

    order: str  # of bytes, as struct writes it
    per: int  # fractions in a microsecond
    link: int  # bytes of link header


def opened(file: BinaryIO) -> Format:
    """Read the file's head. Raises `OSError` when it is no pcap file that is read here."""
    head = file.read(24)
    known = _MAGIC.get(head[:4])
    if known is None or len(head) < 24:
        raise OSError(f"{file.name}: expected a pcap file, got {head[:4]!r} at its head")
    kind = struct.unpack(known[0] + "I", head[20:24])[0] & 0xFFFF
    if kind not in _LINKS:
        raise OSError(f"{file.name}: expected Ethernet or bare IP, got link type {kind}")
    return Format(*known, _LINKS[kind])


def batches(file: BinaryIO, form: Format, chunk: int = CHUNK) -> Iterator[Batch]:
    """The packets after the head, in bounded memory. A record that is cut off ends the file."""
    buffer = np.empty(chunk + (1 << 18), np.uint8)
    have = 0
    while True:
        got = file.readinto(buffer[have : have + chunk].data)  # type: ignore[attr-defined]
        if not got:
            return
        have += got
        places, end = _places(buffer[:have], form.order)
        if len(places):
            yield _batch(buffer[:have], places, form)
        elif have > 1 << 18:
            raise OSError(f"{file.name}: a record claims more than {1 << 18} bytes")
        buffer[: have - end] = buffer[end:have].copy()
        have -= end


def walked(
    file: BinaryIO, form: Format, walker: Walker, rare: Callable[[Batch], None], chunk: int = 2 * CHUNK
) -> Iterator[Rows]:
    """The same by the compiled walker: flows, each time that its table is half full and at the end.

    Packets that are not plain go to ``rare`` as batches.
    """
    if form.order != "<":
        raise OSError(f"{file.name}: the compiled walker reads little-endian files only")
    buffer = np.empty(chunk + (1 << 18), np.uint8)
    have = 0
    while got := file.readinto(buffer[have : have + chunk].data):  # type: ignore[attr-defined]
        have += got
        data, at = buffer[:have], 0
        while True:
            stopped, odd, _, _ = walker.pcap(data, at, form.link, form.per)
            if len(odd):
                rare(_batch(data, odd, form))
            if walker.full:
                yield walker.taken()
            elif stopped == at or len(odd) == 0:
                at = stopped
                break
            at = stopped
        buffer[: have - at] = buffer[at:have].copy()
        have -= at
    yield walker.taken()


def _places(data: packets.U8, order: str) -> tuple[packets.Index, int]:
    """Where each whole record begins, and where the last of them ends."""
    read = struct.Struct(order + "I").unpack_from
    found: list[int] = []
    note, memory, at = found.append, data.data, 0
    try:
        while True:  # some 100 ns a record; a look at the end in each turn would cost a third more
            following: int = at + _RECORD + read(memory, at + 8)[0]
            note(at)
            at = following
    except struct.error:  # beyond the end
        pass
    if at > len(data):
        at = found.pop()
    return np.array(found, np.intp), at


def _batch(data: packets.U8, places: packets.Index, form: Format) -> Batch:
    told = np.ascontiguousarray(windows(data, places, _RECORD)).view(form.order + "u4").astype(np.int64)
    heads = windows(data, places + _RECORD, packets.WIDTH)
    captured = np.minimum(told[:, 2], packets.WIDTH)
    return Batch(heads, captured, told[:, 3], told[:, 0] * 1_000_000 + told[:, 1] // form.per)
