"""A safe raw socket hears what concerns its port, for good, and nothing else of the sliver."""

import contextlib
import socket
import struct

from node_manager.drivers import DriverError
from node_manager.drivers.container.sockets import Hears
from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, NODE, SIRIUS, STRANGER, Ground

_MAY = ResourceSpec(capabilities="NET_RAW")


class RawSockets(Ground):
    def setUp(self) -> None:
        self.node = self.driver()
        self.running(self.node, rspec=_MAY)

    def opened(self, hears: Hears, number: int) -> socket.socket:
        made = self.node.safe_raw(CODEEN, hears, number)
        self.addCleanup(made.close)
        made.settimeout(1.0)
        return made

    def heard(self, made: socket.socket) -> list[bytes]:
        """Everything that it heard so far."""
        found = []
        try:
            while True:
                found.append(made.recv(2048))
        except TimeoutError:
            return found

    def say(self, text: str, port: int) -> None:
        """Send to a port of the sliver from the sliver itself."""
        words = f"use Socket; socket(S,2,2,0); send(S, '{text}', 0, sockaddr_in({port}, inet_aton('127.0.0.1')))"
        self.node.enter(CODEEN, ("perl", "-e", words))

    def test_packets_to_its_port_come_with_their_header_and_others_do_not(self) -> None:
        made = self.opened(Hears.UDP, 4000)
        self.say("mine", 4000)
        self.say("others", 4001)
        self.assertEqual([b"mine"], [packet[28:] for packet in self.heard(made)])

    def test_its_filter_cannot_be_taken_off(self) -> None:
        made = self.opened(Hears.UDP, 4000)
        self.assertRaises(PermissionError, made.setsockopt, socket.SOL_SOCKET, 27, 0)  # SO_DETACH_FILTER

    def test_replies_and_errors_with_its_identifier_come_and_others_do_not(self) -> None:
        own, other = self.opened(Hears.ICMP, 77), self.opened(Hears.ICMP, 78)
        own.sendto(_echo(77), (STRANGER, 0))
        self.assertEqual([77], [struct.unpack("!H", packet[24:26])[0] for packet in self.heard(own)])
        self.assertEqual([], self.heard(other))
        errors = self.opened(Hears.ICMP, 5000)
        words = "use Socket; socket(S,2,2,0); bind(S, sockaddr_in(5000, INADDR_ANY));"
        words += f" send(S, 'x', 0, sockaddr_in(1, inet_aton('{STRANGER}')))"
        self.node.enter(CODEEN, ("perl", "-e", words))
        self.assertEqual([3], [packet[20] for packet in self.heard(errors)])

    def test_a_sniffer_hears_both_directions_of_its_port(self) -> None:
        made = self.opened(Hears.SNIFFER, 53)
        words = "use Socket; socket(S,2,2,0); for my $p (53, 54)"
        words += f" {{ send(S, 'to ' . $p, 0, sockaddr_in($p, inet_aton('{STRANGER}'))) }}"
        self.node.enter(CODEEN, ("perl", "-e", words))
        self.assertEqual([b"to 53"], [packet[28:] for packet in self.heard(made)])

    def test_what_it_sends_leaves_from_the_slivers_address_only(self) -> None:
        made = self.opened(Hears.UDP, 4000)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
        own = self.node.stats(CODEEN).address
        with self.program(self.world, "hear", "0.3") as heard:
            for source in (own, "8.8.8.8", NODE):
                made.sendto(_datagram(source, STRANGER), (STRANGER, 0))
        self.assertEqual({f"{NODE} {own}": 1}, heard())

    def test_what_it_sends_comes_from_its_port_only_and_is_whole(self) -> None:
        made = self.opened(Hears.UDP, 4000)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
        own = self.node.stats(CODEEN).address
        with self.program(self.world, "hear", "0.3") as heard:
            for port, offset in ((4000, 0), (4001, 0), (4000, 0x2000), (4000, 5)):
                with contextlib.suppress(PermissionError):  # so the kernel tells of a packet that it dropped
                    made.sendto(_datagram(own, STRANGER, port, offset), (STRANGER, 0))
        self.assertEqual({f"{NODE} {own}": 1}, heard())

    def test_what_it_asks_carries_its_identifier_only(self) -> None:
        made = self.opened(Hears.ICMP, 77)
        self.assertRaises(PermissionError, made.sendto, _echo(78), (STRANGER, 0))

    def test_a_sniffer_cannot_send(self) -> None:
        made = self.opened(Hears.SNIFFER, 53)
        for bypass in (0, 1):
            made.setsockopt(263, 20, bypass)  # SOL_PACKET, PACKET_QDISC_BYPASS
            with self.program(self.world, "hear", "0.3") as heard, contextlib.suppress(OSError):
                outer = bytes.fromhex("02706c000001")
                made.sendto(_datagram(self.node.stats(CODEEN).address, STRANGER), ("eth0", 0x0800, 0, 0, outer))
            self.assertEqual({}, heard())

    def test_who_may_not_have_one_is_told_who_can_give_it(self) -> None:
        self.running(self.node, SIRIUS)
        error = self.assertRaises(DriverError, self.node.safe_raw, SIRIUS, Hears.UDP, 4000)
        self.assertEqual(
            "princeton_sirius may not have raw sockets; its authority can give it the capability NET_RAW", str(error)
        )


def _echo(identifier: int) -> bytes:
    bare = struct.pack("!BBHHH", 8, 0, 0, identifier, 1)
    return bare[:2] + struct.pack("!H", ~sum(struct.unpack("!4H", bare)) & 0xFFFF) + bare[4:]


def _datagram(source: str, to: str, port: int = 4000, offset: int = 0) -> bytes:
    carried = source.encode()
    head = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(carried), 1, offset, 64, socket.IPPROTO_UDP, 0)
    udp = struct.pack("!HHHH", port, 9, 8 + len(carried), 0) + carried
    return head + socket.inet_aton(source) + socket.inet_aton(to) + udp
