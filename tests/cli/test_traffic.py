"""The packets that a demo's slivers send are whole."""

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.traffic import checksum, echo_request, send_udp


class Packets(SynchronousTestCase):
    def test_the_checksum_is_that_of_RFC_1071(self) -> None:
        self.assertEqual(~0xDDF2 & 0xFFFF, checksum(bytes.fromhex("0001f203f4f5f6f7")))

    @given(st.integers(0, 2**20), st.integers(0, 2**20), st.binary(max_size=99))
    def test_an_echo_request_sums_to_zero(self, identifier: int, sequence: int, payload: bytes) -> None:
        packet = echo_request(identifier, sequence, payload)
        self.assertEqual(0, checksum(packet))
        self.assertEqual((8, 0), struct.unpack("!BB", packet[:2]))

    def test_a_counted_number_of_datagrams_arrives(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 33434))
            stranger.settimeout(60)
            send_udp("127.0.0.1", "127.0.0.2", 5, b"plfed")
            self.assertEqual([b"plfed"] * 5, [stranger.recv(100) for _ in range(5)])
