"""OpenPGP armour and packets (RFC 4880), read strictly: one spelling per message, limits on what unpacks.

Armour, packet framing and the compressed layer are signed by nobody. So armour must be what a fresh armouring gives,
and a compressed layer must be what zlib makes of its content, or the message is not read.
"""

import base64
import functools
import zlib

from attrs import frozen

from planetlab.refusals import BadSignature

MOST_BYTES = 1 << 20  # armoured, and again unpacked
BEGIN, END = "-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----"
SIGNATURE, ONE_PASS, COMPRESSED, LITERAL = 2, 4, 8, 11
PUBLIC_KEY = 6
ENCRYPTED = frozenset({1, 3, 9, 18, 20})

# ZIP (raw deflate) with gpg's 13-bit window and with the full one, and ZLIB, at every level.
_WINDOWS = {1: (-13, -15), 2: (13, 15)}
_LEVELS = (6, 9, 1, 2, 3, 4, 5, 7, 8)


@frozen
class Packet:
    """One packet: its tag and its body."""

    tag: int
    body: bytes


def bad(sentence: str, reason: str = "malformed") -> BadSignature:
    """The refusal of a message that is not built as it should be."""
    return BadSignature(reason, sentence)


def armour(data: bytes) -> bytes:
    """``data`` as gpg 2 armours it: 64 columns, a checksum, no headers."""
    text = base64.b64encode(data).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    check = base64.b64encode(_crc24(data).to_bytes(3, "big")).decode()
    return "\n".join([BEGIN, "", *lines, f"={check}", END, ""]).encode()


def _crc24(data: bytes) -> int:
    """The checksum of armour (RFC 4880, section 6.1): the rest of the data, as one polynomial, divided by `_CRC`.

    Whole halves of the data are folded onto the other half, since long numbers are multiplied faster than octets are
    visited: a ticket of 20 kB takes microseconds.
    """
    rest = int.from_bytes(data, "big") << 24 ^ 0xB704CE << 8 * len(data)
    for power in reversed(range(5, rest.bit_length().bit_length())):
        high = rest >> (1 << power)
        rest ^= high << (1 << power) ^ _times(high, _fold(power))
    return _rest(rest)


@functools.cache
def _fold(power: int) -> int:
    """What x to the 2**power-th leaves when divided by `_CRC`."""
    if power == 0:
        return 2
    half = _fold(power - 1)
    return _rest(_times(half, half))


def _times(long: int, short: int) -> int:
    """The product of two polynomials over GF(2)."""
    product = 0
    for place in range(short.bit_length()):
        if short >> place & 1:
            product ^= long << place
    return product


def _rest(value: int) -> int:
    """What is left of a polynomial of few terms."""
    for place in reversed(range(24, value.bit_length())):
        if value >> place & 1:
            value ^= _CRC << (place - 24)
    return value


_CRC = 0x1864CFB


def dearmour(data: bytes) -> tuple[bytes, bool, bool]:
    """The bytes inside armour, whether it has headers, which nobody signed, and whether it is as `armour` writes it.

    Binary passes unchanged.
    """
    if len(data) > MOST_BYTES:
        raise bad(f"{len(data)} bytes, at most {MOST_BYTES} are read", "too-large")
    if data[:1] >= b"\x80":
        return data, False, True
    text = data.decode("ascii", "replace")
    if text.startswith("-----BEGIN PGP SIGNED MESSAGE"):
        raise bad("a clear-signed text is no ticket: sign with gpg --armor --sign")
    if text.startswith("-----BEGIN PGP SIGNATURE"):
        raise bad("a detached signature is no ticket: sign with gpg --armor --sign")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) < 5 or lines[0] != BEGIN or lines[-1] != END or "" not in lines:
        raise bad(f"expected {BEGIN}, a blank line, base64 and {END}, got {text!r:.60}")
    blank = lines.index("")
    body = "".join(line for line in lines[blank + 1 : -1] if not line.startswith("="))
    try:
        inner = base64.b64decode(body, validate=True)
    except ValueError:
        raise bad("the armour holds no base64") from None
    fresh = armour(inner).decode().split("\n")[1:-1]
    mine = lines[blank:]
    if mine not in (fresh, fresh[:-2] + fresh[-1:]):  # gpg 2.4 and later may leave the checksum out
        raise bad("the armour was changed: its lines or its checksum are not those of its content")
    return inner, blank != 1, blank == 1 and mine == fresh


def split(data: bytes) -> list[Packet]:
    """The packets in ``data``. Raises `BadSignature` for lengths that lead nowhere."""
    packets: list[Packet] = []
    at = 0
    while at < len(data):
        if len(packets) == 16:
            raise bad("more than 16 packets")
        packet, at = _packet(data, at)
        packets.append(packet)
    return packets


def _packet(data: bytes, at: int) -> tuple[Packet, int]:
    head = data[at]
    if head & 0xC0 == 0xC0:
        body, at = _new_body(data, at + 1)
        return Packet(head & 0x3F, body), at
    if not head & 0x80:
        raise bad(f"expected an OpenPGP packet at byte {at}, got {head:#x}")
    octets = {0: 1, 1: 2, 2: 4}.get(head & 3)
    if octets is None:  # until the end of the data
        return Packet(head >> 2 & 15, data[at + 1 :]), len(data)
    start = at + 1 + octets
    end = start + int.from_bytes(data[at + 1 : start], "big")
    if end > len(data):
        raise bad("a packet is cut off")
    return Packet(head >> 2 & 15, data[start:end]), end


def _new_body(data: bytes, at: int) -> tuple[bytes, int]:
    pieces = []
    while True:
        first = data[at] if at < len(data) else 0
        if first < 192:
            size, at, more = first, at + 1, False
        elif first < 224:
            size, at, more = ((first - 192) << 8) + int.from_bytes(data[at + 1 : at + 2], "big") + 192, at + 2, False
        elif first == 255:
            size, at, more = int.from_bytes(data[at + 1 : at + 5], "big"), at + 5, False
        else:
            size, at, more = 1 << (first & 31), at + 1, True
        if at + size > len(data):
            raise bad("a packet is cut off")
        pieces.append(data[at : at + size])
        at += size
        if not more:
            return b"".join(pieces), at


def join(packets: list[Packet]) -> bytes:
    """The packets with new-format headers of known length, the spelling that we write."""
    out = bytearray()
    for packet in packets:
        size = len(packet.body)
        out.append(0xC0 | packet.tag)
        if size < 192:
            out.append(size)
        elif size < 8384:
            out += bytes([((size - 192) >> 8) + 192, (size - 192) & 0xFF])
        else:
            out += b"\xff" + size.to_bytes(4, "big")
        out += packet.body
    return bytes(out)


def unpack(packet: Packet) -> tuple[bytes, bool]:
    """What a compressed packet holds, and whether zlib makes the same of it again."""
    algorithm, squeezed = packet.body[:1], packet.body[1:]
    if algorithm == b"\x00":
        return squeezed, True
    windows = _WINDOWS.get(algorithm[0] if algorithm else 99)
    if windows is None:
        raise bad("compressed by another method than ZIP or ZLIB: sign with gpg --compress-algo none")
    reader = zlib.decompressobj(-15 if algorithm == b"\x01" else 15)
    try:
        inner = reader.decompress(squeezed, MOST_BYTES)
    except zlib.error as error:
        raise bad(f"the compressed layer is damaged: {error}") from None
    if reader.unconsumed_tail:
        raise bad(f"the compressed layer holds more than {MOST_BYTES} bytes", "too-large")
    if not reader.eof or reader.unused_data:
        raise bad("the compressed layer is cut off, or something follows it")
    return inner, any(_squeezed(inner, level, window) == squeezed for level in _LEVELS for window in windows)


def _squeezed(data: bytes, level: int, window: int) -> bytes:
    writer = zlib.compressobj(level, zlib.DEFLATED, window, 8)
    return writer.compress(data) + writer.flush()


def numbers(data: bytes) -> list[int]:
    """Multiprecision integers, each with the bit count that it has, and nothing behind."""
    found: list[int] = []
    while data:
        bits = int.from_bytes(data[:2], "big")
        size = (bits + 7) // 8
        number = int.from_bytes(data[2 : 2 + size], "big")
        if len(data) < 2 + size or number.bit_length() != bits or len(found) == 8:
            raise bad("the signature's numbers are damaged")
        found.append(number)
        data = data[2 + size :]
    return found
