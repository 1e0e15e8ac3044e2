"""Heads of packets become rows: the fast way and scapy's full dissection agree, and nothing hostile breaks either."""

import random
import struct
from ipaddress import ip_address

import numpy as np
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from twisted.trial.unittest import SynchronousTestCase

from auditd import packets, rows
from auditd.capture_rare import Pieces, dissect, pieces_told
from auditd.rows import Rows

HEAD = bytes(12)  # of Ethernet, before the type


def four(proto: int, inside: bytes, options: bytes = b"", place: int = 0, identity: int = 1) -> bytes:
    """An IPv4 packet in a frame; ``place``: the fragment field."""
    length = 20 + len(options) + len(inside)
    head = struct.pack(">BBHHHBBH", 0x40 | (5 + len(options) // 4), 0, length, identity, place, 64, proto, 0)
    return HEAD + b"\x08\0" + head + bytes((10, 0, 0, 1)) + bytes((192, 0, 2, 7)) + options + inside


def six(proto: int, inside: bytes) -> bytes:
    """An IPv6 packet in a frame."""
    addresses = ip_address("2001:db8::1").packed + ip_address("2001:db8::2").packed
    return HEAD + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(inside), proto, 64) + addresses + inside


def tcp(flags: int, source: int = 1024, to: int = 80) -> bytes:
    return struct.pack(">HHIIBBHHH", source, to, 0, 0, 0x50, flags, 0, 0, 0)


def ports(source: int, to: int) -> bytes:
    return struct.pack(">HHHH", source, to, 8, 0)


def read(*frames: bytes, link: int = 14) -> tuple[Rows, packets.Read]:
    """Frames read the way the capture program reads them."""
    heads = np.zeros((len(frames), packets.WIDTH), np.uint8)
    captured = np.array([min(len(frame), packets.WIDTH) for frame in frames])
    for number, frame in enumerate(frames):
        heads[number, : captured[number]] = np.frombuffer(frame[: packets.WIDTH], np.uint8)
    found = packets.read(heads, captured, np.array([len(frame) for frame in frames]), link)
    pieces = Pieces()
    pieces_told(found.rows, found.fragments, found.identities, pieces)
    dissect(found.rows, heads, captured, found.rare, link, pieces)
    return found.rows, found


def told(row: Rows) -> tuple[str, str, int, int, int]:
    """A row's key and flags."""
    source = rows.address(int(row["s_hi"]), int(row["s_lo"]))
    to = rows.address(int(row["d_hi"]), int(row["d_lo"]))
    return str(source), str(to), int(row["proto"]), int(row["ports"]), int(row["flags"])


class ReadingHostilePackets(SynchronousTestCase):
    def test_nothing_that_is_cut_short_or_lies_about_its_length_breaks_the_reading(self) -> None:
        chance = random.Random(7)
        frames = [four(6, tcp(2)), four(17, ports(1, 2), options=bytes(8)), six(17, ports(1, 2)), six(0, bytes(24))]
        broken = [frame[: chance.randrange(len(frame))] for frame in frames * 50]
        broken += [bytes(chance.randbytes(chance.randrange(1, 150))) for _ in range(200)]
        broken += [frame[:14] + bytes([chance.randrange(256)]) + frame[15:] for frame in frames * 30]
        found, _ = read(*broken)
        self.assertEqual(len(broken), len(found))

    def test_ports_that_were_not_captured_are_not_made_up(self) -> None:
        found, _ = read(four(6, tcp(2))[: 14 + 20 + 3])
        self.assertEqual(("10.0.0.1", "192.0.2.7", 6, 0, 0), told(found[0]))
        self.assertEqual(rows.HOW_PORTLESS, int(found["how"][0]))

    def test_flags_that_were_not_captured_are_not_made_up(self) -> None:
        found, _ = read(four(6, tcp(0x3F))[: 14 + 20 + 13])
        self.assertEqual(0, told(found[0])[4])

    def test_a_later_piece_without_its_first_is_said_to_have_no_ports(self) -> None:
        found, _ = read(four(17, ports(7, 9), place=0x00B9))
        self.assertEqual((0, rows.HOW_PORTLESS), (int(found["ports"][0]), int(found["how"][0])))

    def test_a_slice_cannot_lend_its_ports_to_anothers_pieces(self) -> None:
        pieces = Pieces()
        first = rows.row("10.0.0.1", "192.0.2.7", proto=17, ports=53, tag=5)
        later = rows.row("10.0.0.1", "192.0.2.7", proto=17, tag=6, how=rows.HOW_PORTLESS)
        pieces.see(first[0], 99, 0)
        pieces.see(later[0], 99, 1)
        self.assertEqual(0, int(later["ports"][0]))


class ReadingPackets(SynchronousTestCase):
    def test_ports_and_flags_stand_behind_options_of_any_length(self) -> None:
        for words in range(11):
            found, _ = read(four(6, tcp(0x12), options=bytes(4 * words)))
            self.assertEqual(("10.0.0.1", "192.0.2.7", 6, 1024 << 16 | 80, 0x12), told(found[0]), words)

    def test_icmp_has_type_and_code_in_place_of_ports(self) -> None:
        found, _ = read(four(1, bytes((3, 1, 0, 0, 0, 0, 0, 0))), six(58, bytes((129, 0, 0, 0))))
        self.assertEqual([3 << 8 | 1, 129 << 8], found["ports"].tolist())

    def test_pieces_have_the_ports_of_their_first(self) -> None:
        found, _ = read(
            four(17, ports(7, 9) + bytes(16), place=0x2000), four(17, bytes(24), place=0x2003), four(17, b"x", place=6)
        )
        self.assertEqual([7 << 16 | 9] * 3, found["ports"].tolist())
        self.assertEqual(1, len(rows.joined(found)))

    def test_pieces_of_ipv6_are_read_without_a_dissector(self) -> None:
        def piece(place: int, more: int, inside: bytes, identity: int = 0x01020304) -> bytes:
            return six(44, struct.pack(">BBHI", 17, 0, place << 3 | more, identity) + inside)

        ours = piece(0, 1, ports(7, 53) + bytes(8)), piece(2, 1, bytes(16)), piece(4, 0, b"x")
        found, how = read(*ours, piece(2, 0, b"y", 0x02020304))
        self.assertEqual([7 << 16 | 53] * 3 + [0], found["ports"].tolist())
        self.assertEqual([0, 0, 0, rows.HOW_PORTLESS], found["how"].tolist())
        self.assertEqual(([17] * 4, []), (found["proto"].tolist(), how.rare.tolist()))

    def test_ipv6_extension_headers_are_read_through(self) -> None:
        hop = bytes((60, 0)) + bytes(6)
        options = bytes((17, 0)) + bytes(6)
        found, how = read(six(0, hop + options + ports(7, 53)))
        self.assertEqual(("2001:db8::1", "2001:db8::2", 17, 7 << 16 | 53, 0), told(found[0]))
        self.assertEqual([0], how.rare.tolist())

    def test_a_tag_of_a_virtual_lan_hides_nothing(self) -> None:
        plain = four(17, ports(7, 53))
        found, _ = read(plain[:12] + b"\x81\0\0\x05" + plain[12:])
        self.assertEqual(("10.0.0.1", "192.0.2.7", 17, 7 << 16 | 53, 0), told(found[0]))
        self.assertEqual(len(plain) - 14, int(found["octets"][0]))

    def test_links_without_a_header_are_read(self) -> None:
        found, _ = read(four(17, ports(7, 53))[14:], six(17, ports(7, 54))[14:], link=0)
        self.assertEqual([53, 54], (found["ports"] & 0xFFFF).tolist())

    def test_frames_without_IP_are_pointed_out(self) -> None:
        _, how = read(HEAD + b"\x08\x06" + bytes(28), four(17, ports(1, 2)), HEAD + b"\0\x26" + bytes(40))
        self.assertEqual([0, 2], how.foreign.tolist())

    def test_ten_thousand_packets_are_read_as_scapy_reads_them(self) -> None:
        chance = random.Random(3)
        frames = [mixed(chance) for _ in range(10_000)]
        found, how = read(*frames)
        self.assertLess(len(how.rare), len(frames) // 2)
        expected = rows.joined(np.concatenate([by_scapy(frame) for frame in frames]))
        actual = rows.joined(found)
        for each in (expected, actual):
            each.sort(order=["s_hi", "s_lo", "d_hi", "d_lo", "proto", "ports"])
        for name in ("s_hi", "s_lo", "d_hi", "d_lo", "proto", "ports", "flags", "packets", "octets"):
            self.assertEqual(expected[name].tolist(), actual[name].tolist(), name)


def mixed(chance: random.Random) -> bytes:
    """A packet of some kind, of a few hundred flows."""
    source, to = chance.randrange(1, 40), chance.choice((22, 53, 80, 443))
    inside = {
        6: tcp(1 << chance.randrange(8), source, to), 17: ports(source, to), 132: ports(source, to),
        1: bytes((chance.randrange(20), 0)) + bytes(6), 47: bytes(8), 89: bytes(8),
    }  # fmt: skip
    proto = chance.choice(tuple(inside))
    if chance.random() < 0.3:
        proto = 58 if proto == 1 else proto
        body = inside.get(proto, bytes((128, 0, 0, 0, 0, 0, 0, 0)))
        return six(0, bytes((proto, 0)) + bytes(6) + body) if chance.random() < 0.1 else six(proto, body)
    options = bytes([1] * 4 * chance.randrange(3))
    return four(proto, inside[proto], options)


def by_scapy(frame: bytes) -> Rows:
    """One packet by scapy's full dissection, written down by hand."""
    packet = Ether(frame)
    ip = packet.getlayer(IP) or packet.getlayer(IPv6)
    inner, proto = ip.payload, ip.proto if IP in packet else ip.nh
    while IPv6 in packet and proto == 0:
        proto, inner = inner.nh, inner.payload
    number = flags = 0
    if TCP in packet or UDP in packet or proto == 132:
        number = int.from_bytes(inner.original[:4], "big")
        flags = int(packet[TCP].flags) & 0xFF if TCP in packet else 0
    elif proto in (1, 58):
        number = int.from_bytes(inner.original[:2], "big")
    return rows.row(ip.src, ip.dst, proto=proto, ports=number, flags=flags, octets=len(ip.original))
