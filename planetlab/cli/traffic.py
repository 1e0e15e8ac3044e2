"""A sliver's work in a demo: real UDP, TCP and ICMP packets from one address to a stranger's, a few each second.

A program of its own (``python -m planetlab.cli.traffic``), one process per sliver. It needs nothing but the standard
library, so that a hundred of them cost little. With ``--count`` it sends just that many datagrams, and ends.
"""

import argparse
import contextlib
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence

PROBES_PORT = 33434  # as traceroute's first
WEB_PORT = 80
PATIENCE = 2.0  # seconds for a connection of TCP


def checksum(octets: bytes) -> int:
    """The Internet checksum of RFC 1071."""
    padded = octets + b"\0" * (len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(identifier: int, sequence: int, payload: bytes) -> bytes:
    """An ICMP echo request, RFC 792."""
    bare = struct.pack("!BBHHH", 8, 0, 0, identifier & 0xFFFF, sequence & 0xFFFF) + payload
    return bare[:2] + struct.pack("!H", checksum(bare)) + bare[4:]


def send_udp(source: str, to: str, count: int, payload: bytes) -> None:
    """Send ``count`` datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        for _ in range(count):
            with contextlib.suppress(ConnectionRefusedError):
                sender.sendto(payload, (to, PROBES_PORT))


def visit(source: str, to: str) -> None:
    """Open a connection, ask for a page, close."""
    with contextlib.suppress(OSError), socket.create_connection((to, WEB_PORT), PATIENCE, (source, 0)) as visitor:
        visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
        visitor.recv(1000)


def ping(source: str, to: str, sequence: int) -> None:
    """Send an echo request; what is not permitted to do that does without."""
    with (
        contextlib.suppress(PermissionError),
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw,
    ):
        raw.bind((source, 0))
        raw.sendto(echo_request(os.getpid(), sequence, b"plfed demo"), (to, 0))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run as the command line says, until told to end."""
    parser = argparse.ArgumentParser(prog="traffic", description=__doc__)
    parser.add_argument("--source", required=True, help="the sliver's address")
    parser.add_argument("--to", required=True, help="the stranger's address")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between rounds")
    parser.add_argument("--size", type=int, default=64, help="bytes of payload of a datagram")
    parser.add_argument("--count", type=int, default=0, help="send so many datagrams and end; 0 goes on for ever")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    payload = b"plfed".ljust(options.size, b".")
    if options.count:
        send_udp(options.source, options.to, options.count, payload)
        return
    sequence = 0
    while True:
        sequence += 1
        send_udp(options.source, options.to, 3, payload)
        visit(options.source, options.to)
        ping(options.source, options.to, sequence)
        time.sleep(options.every)


if __name__ == "__main__":
    main()
