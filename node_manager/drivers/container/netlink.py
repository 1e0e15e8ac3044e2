"""The two requests of rtnetlink(7) for which `ip` and `tc` first read every interface of the node.

With a thousand slivers that costs them 40 ms each; asked directly the kernel answers in a tenth of one. Structures are
those of linux/neighbour.h, linux/pkt_sched.h and linux/rtnetlink.h.
"""

import os
import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address

Request = tuple[int, int, bytes]  # type, flags, body

_NEWNEIGH, _NEWTCLASS, _DELTCLASS = 28, 40, 41
_REQUEST, _ACK, _REPLACE, _CREATE = 0x1, 0x4, 0x100, 0x400
_ERROR = 2
_NUD_PERMANENT, _NDA_DST, _NDA_LLADDR = 0x80, 1, 2
_TCA_KIND, _TCA_OPTIONS, _NESTED = 1, 2, 0x8000
_HTB_PARMS, _HTB_RATE64, _HTB_CEIL64 = 1, 6, 7
_ETHERNET = 1  # with a link layer named, the kernel computes times itself and wants no table of them
_TICK = 64e-9  # seconds, /proc/net/psched
_MOST = (1 << 32) - 1
_ENOENT = 2


def neighbour(link: str, address: IPv4Address, mac: str) -> None:
    """Write down who has ``address`` on ``link``, for good. Raises `OSError`."""
    body = struct.pack("=BxxxiHBB", socket.AF_INET, socket.if_nametoindex(link), _NUD_PERMANENT, 0, 0)
    body += _attribute(_NDA_DST, address.packed) + _attribute(_NDA_LLADDR, bytes.fromhex(mac.replace(":", "")))
    ask([(_NEWNEIGH, _REPLACE | _CREATE, body)])


def htb_class(link: int, parent: int, handle: int, least: float, most: float, quantum: int) -> Request:
    """A request that makes a class of htb, or changes it: rates in bit/s, ``quantum`` in bytes.

    ``parent`` and ``handle`` are minors below 1:, parent 0 is the qdisc itself.
    """
    rates = b"".join(struct.pack("=BBHhHI", 3, _ETHERNET, 0, 0, 0, min(_MOST, int(rate / 8))) for rate in (least, most))
    rest = struct.pack("=5I", _ticks(least), _ticks(most), quantum, 0, 0)
    options = (
        _attribute(_HTB_PARMS, rates + rest)
        + _attribute(_HTB_RATE64, struct.pack("=Q", int(least / 8)))
        + _attribute(_HTB_CEIL64, struct.pack("=Q", int(most / 8)))
    )
    return (
        _NEWTCLASS,
        _REPLACE | _CREATE,
        _class(link, parent, handle) + _attribute(_TCA_KIND, b"htb\0") + _attribute(_TCA_OPTIONS | _NESTED, options),
    )


def no_class(link: int, handle: int) -> Request:
    """A request that takes a class away."""
    return _DELTCLASS, 0, _class(link, 0, handle)


def _class(link: int, parent: int, handle: int) -> bytes:
    return struct.pack("=BxxxiIII", 0, link, 1 << 16 | handle, 1 << 16 | parent, 0)


def _ticks(rate: float) -> int:
    """What leaves at once, as the time it takes: ten packets, or a millisecond's worth on a fast link."""
    octets = max(15_000.0, rate / 8 / 1000)
    return min(_MOST, round(octets * 8 / rate / _TICK))


def ask(requests: Sequence[Request]) -> None:
    """Do these in order. What is to go and is not there is done already; else raises `OSError`."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.bind((0, 0))
        kernel.settimeout(5.0)
        for kind, flags, body in requests:
            head = struct.pack("=IHHII", 16 + len(body), kind, flags | _REQUEST | _ACK, 1, 0)
            kernel.send(head + body)
            answer = kernel.recv(65536)
            told, error = struct.unpack_from("=H", answer, 4)[0], struct.unpack_from("=i", answer, 16)[0]
            if told == _ERROR and error and not (kind == _DELTCLASS and -error == _ENOENT):
                raise OSError(-error, f"rtnetlink request {kind}: {os.strerror(-error)}")


def _attribute(kind: int, content: bytes) -> bytes:
    size = 4 + len(content)
    return struct.pack("=HH", size, kind) + content + bytes(-size % 4)
