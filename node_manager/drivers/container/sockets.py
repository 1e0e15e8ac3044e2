"""Sockets of the node inside a sliver's own network: made there by a thread of the room, used by the node manager.

A socket keeps its network alive, so whoever holds one closes it when the sliver stops.
"""

import ctypes
import os
import socket
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from node_manager.drivers.container import filters, kernel, spoken
from node_manager.drivers.container.room import Room
from node_manager.drivers.container.spoken import Mark

T = TypeVar("T")
_BACKLOG = 50
_ATTACH_FILTER, _LOCK_FILTER = 26, 44  # include/uapi/asm-generic/socket.h
_ALL = 0x0003  # ETH_P_ALL; with ETH_P_IP alone it would not hear what leaves


class Hears(StrEnum):
    """The kinds of safe raw socket."""

    TCP = "tcp"  # packets to a port, from the IP header on
    UDP = "udp"
    ICMP = "icmp"  # replies with an identifier, and errors about it
    SNIFFER = "sniffer"  # packets from and to a port, both directions


_MARKS = {Hears.ICMP: Mark.IDENTIFIER, Hears.SNIFFER: Mark.SNIFFER}


def within(room: Room, pid: int, make: Callable[[], T]) -> T:
    """What ``make`` gives when the calling thread of the room stands in the network of process ``pid``."""
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        kernel.setns(network, kernel.CLONE_NEWNET)
        try:
            return make()
        finally:
            room.home()
    finally:
        os.close(network)


def listening(address: str, port: int) -> socket.socket:
    """A TCP socket that listens there. Raises `OSError` when the sliver has the port itself."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def safe_raw(hears: Hears, number: int) -> socket.socket:
    """A raw socket that hears what concerns one port or identifier, for good: who gets it cannot change the filter.

    What it sends comes from that port, or carries that identifier, and leaves the node only from the sliver's own
    address, like all that comes from the sliver. A sniffer sends nothing.
    """
    kind = _MARKS.get(hears, Mark.PORT)
    if hears is Hears.SNIFFER:
        made, program = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM), filters.either_port(number)
    elif hears is Hears.ICMP:
        made = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        program = filters.identifier(number)
    else:
        protocol = socket.IPPROTO_TCP if hears is Hears.TCP else socket.IPPROTO_UDP
        made, program = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol), filters.port(number)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, spoken.allow(kind, number))
        code = ctypes.create_string_buffer(program, len(program))
        told = struct.pack("@HL", len(program) // 8, ctypes.addressof(code))
        made.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, told)
        made.setsockopt(socket.SOL_SOCKET, _LOCK_FILTER, 1)
        if hears is Hears.SNIFFER:
            made.bind(("eth0", _ALL))  # only now: it would have heard everything until here
    except BaseException:
        made.close()
        raise
    return made
