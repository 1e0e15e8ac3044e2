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

from auditd import chains
from auditd.frames import U8, Frames, Index, windows
from auditd.rows import Rows
from auditd.walker import Walker

CHUNK = 4 << 20  # bytes read at once
_RECORD = 16  # bytes before each packet: seconds, fraction, captured, length
_MAGIC = {b"\xd4\xc3\xb2\xa1": ("<", 1), b"\xa1\xb2\xc3\xd4": (">", 1), b"\x4d\x3c\xb2\xa1": ("<", 1000),
          b"\xa1\xb2\x3c\x4d": (">", 1000)}  # fmt: skip
_LINKS = {1: 14, 101: 0, 228: 0, 229: 0, 12: 0}  # Ethernet, raw IP, IPv4, IPv6


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


def _fill(file: BinaryIO, room: U8) -> int:
    """Read as much as there is room for; how many bytes came, 0 at the end."""
    return int(file.readinto(room.data))  # type: ignore[attr-defined]  # files have it; `BinaryIO` does not say so


def batches(file: BinaryIO, form: Format, chunk: int = CHUNK) -> Iterator[Frames]:
    """The packets after the head, in bounded memory. A record that is cut off ends the file."""
    buffer = np.empty(chunk + (1 << 18), np.uint8)
    have = 0
    while True:
        got = _fill(file, buffer[have : have + chunk])
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
    file: BinaryIO, form: Format, walker: Walker, rare: Callable[[Frames], None], chunk: int = CHUNK
) -> Iterator[Rows]:
    """The same by the compiled walker: flows, each time that its table is half full and at the end.

    Packets that are not plain go to ``rare`` as batches.
    """
    if form.order != "<":
        raise OSError(f"{file.name}: the compiled walker reads little-endian files only")
    buffer = np.empty(chunk + (1 << 18), np.uint8)
    have = 0
    while got := _fill(file, buffer[have : have + chunk]):
        have += got
        data, at = buffer[:have], 0
        while True:
            stopped, odd, _, _ = walker.pcap(data, at, form.link, form.per)
            if len(odd):
                rare(_batch(data, odd, form))
            if walker.full:
                yield walker.taken().copy()
            elif stopped == at or len(odd) == 0:
                at = stopped
                break
            at = stopped
        buffer[: have - at] = buffer[at:have].copy()
        have -= at
    yield walker.taken()


def _places(data: U8, order: str) -> tuple[Index, int]:
    """Where each whole record begins, and where the last of them ends.

    Their heads look alike: the high half of the seconds changes every 18 hours.
    """
    read = struct.Struct(order + "I").unpack_from
    memory, end = data.data, len(data)

    def step(at: int) -> int:
        if at + _RECORD > end:
            return -1
        after: int = at + _RECORD + read(memory, at + 8)[0]
        return after if after <= end else -1

    if end < _RECORD:
        return np.empty(0, np.intp), 0
    high = (3, 2) if order == "<" else (0, 1)
    places = chains.looking_alike(data, tuple((distance, int(data[distance])) for distance in high), _RECORD)
    told = windows(data, places, _RECORD).view(order + "u4")
    captured = told[:, 2].astype(np.int64)
    following = places + _RECORD + captured
    likely = (following <= end) & (told[:, 3] >= told[:, 2]) & (told[:, 1] < 1_000_000_000)
    places, following = places[likely], following[likely]
    found = chains.proved(places, following, 0, step)
    return found, step(int(found[-1])) if len(found) else 0


def _batch(data: U8, places: Index, form: Format) -> Frames:
    told = windows(data, places, _RECORD).view(form.order + "u4").astype(np.int64)
    moments = told[:, 0] * 1_000_000 + told[:, 1] // form.per
    return Frames(data, places + _RECORD, told[:, 2], told[:, 3], moments, form.link)
