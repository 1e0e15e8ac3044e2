"""What sockets of the safe raw kind hear: classic BPF, as linux/filter.h has it. Pure.

A socket is bound to a port, or for ICMP to an identifier, and hears only packets of that (OSDI 2006, section 4.3).
Every program here sees a packet from its IP header on, and drops fragments but the first, which have no ports.
"""

import struct

_LOAD_BYTE, _LOAD_HALF = 0x30, 0x28  # from a fixed place
_LOAD_BYTE_X, _LOAD_HALF_X = 0x50, 0x48  # from a place after X
_X_IS_HEAD = 0xB1  # X = length of the IP header at a place
_AND, _SHIFT, _ADD_X, _TO_X = 0x54, 0x64, 0x0C, 0x07
_EQUAL, _ANY_BIT, _RETURN = 0x15, 0x45, 0x06
_ALL, _NONE = 0x40000, 0
_FRAGMENT = 0x1FFF
_ECHO_REPLY, _TIMESTAMP_REPLY, _INFORMATION_REPLY = 0, 14, 16

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


def port(number: int) -> bytes:
    """Packets to this port of TCP or UDP."""
    return _pack(
        [
            (_LOAD_HALF, 0, 0, 6),
            (_ANY_BIT, 3, 0, _FRAGMENT),
            (_X_IS_HEAD, 0, 0, 0),
            (_LOAD_HALF_X, 0, 0, 2),
            (_EQUAL, 1, 0, number),
            (_RETURN, 0, 0, _NONE),
            (_RETURN, 0, 0, _ALL),
        ]
    )


def either_port(number: int) -> bytes:
    """Packets of TCP or UDP from or to this port: both directions of a conversation."""
    return _pack(
        [
            (_LOAD_BYTE, 0, 0, 9),
            (_EQUAL, 1, 0, 6),
            (_EQUAL, 0, 7, 17),
            (_LOAD_HALF, 0, 0, 6),
            (_ANY_BIT, 5, 0, _FRAGMENT),
            (_X_IS_HEAD, 0, 0, 0),
            (_LOAD_HALF_X, 0, 0, 0),
            (_EQUAL, 3, 0, number),
            (_LOAD_HALF_X, 0, 0, 2),
            (_EQUAL, 1, 0, number),
            (_RETURN, 0, 0, _NONE),
            (_RETURN, 0, 0, _ALL),
        ]
    )


def identifier(number: int) -> bytes:
    """ICMP replies with this identifier, and errors about packets that came from this port or had this identifier."""
    return _pack(
        [
            (_LOAD_HALF, 0, 0, 6),
            (_ANY_BIT, 17, 0, _FRAGMENT),
            (_X_IS_HEAD, 0, 0, 0),
            (_LOAD_BYTE_X, 0, 0, 0),
            (_EQUAL, 2, 0, _ECHO_REPLY),
            (_EQUAL, 1, 0, _TIMESTAMP_REPLY),
            (_EQUAL, 0, 2, _INFORMATION_REPLY),
            (_LOAD_HALF_X, 0, 0, 4),
            (_EQUAL, 11, 10, number),
            (_LOAD_BYTE_X, 0, 0, 8),  # the head of the packet that the error is about
            (_AND, 0, 0, 0xF),
            (_SHIFT, 0, 0, 2),
            (_ADD_X, 0, 0, 0),
            (_TO_X, 0, 0, 0),
            (_LOAD_HALF_X, 0, 0, 8),
            (_EQUAL, 4, 0, number),
            (_LOAD_HALF_X, 0, 0, 12),
            (_EQUAL, 2, 1, number),
            (_RETURN, 0, 0, _NONE),
            (_RETURN, 0, 0, _NONE),
            (_RETURN, 0, 0, _ALL),
        ]
    )


def _pack(program: list[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
