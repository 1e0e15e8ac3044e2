"""The requests of rtnetlink(7) that every sliver needs, asked directly.

`ip` and `tc` cost a program each time, and first read every interface of the node: 40 ms with a thousand slivers, where
the kernel answers in a tenth of one. Interfaces are those of the calling thread's network namespace. Structures are
those of linux/if_link.h, linux/if_addr.h, linux/neighbour.h, linux/pkt_sched.h, linux/rtnetlink.h and linux/veth.h.
"""

import os
import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address

Request = tuple[int, int, bytes]  # type, flags, body

_NEWLINK, _DELLINK, _NEWADDR, _NEWROUTE, _NEWNEIGH, _NEWTCLASS, _DELTCLASS = 16, 17, 20, 24, 28, 40, 41
_REQUEST, _ACK, _REPLACE, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x100, 0x200, 0x400
_ERROR = 2
_IFF_UP = 1
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD, _IFLA_GSO_MAX_SEGS = 1, 3, 18, 28, 40
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_MAIN_TABLE, _BY_BOOT, _UNICAST, _SCOPE_WORLD, _SCOPE_LINK = 254, 3, 1, 0, 253
_NUD_PERMANENT, _NDA_DST, _NDA_LLADDR = 0x80, 1, 2
_TCA_KIND, _TCA_OPTIONS, _NESTED = 1, 2, 0x8000
_HTB_PARMS, _HTB_RATE64, _HTB_CEIL64 = 1, 6, 7
_ETHERNET = 1  # with a link layer named, the kernel computes times itself and wants no table of them
_TICK = 64e-9  # seconds, /proc/net/psched
_MOST = (1 << 32) - 1
_ENOENT, _ENODEV = 2, 19
_GONE = {(_DELTCLASS, _ENOENT), (_DELLINK, _ENODEV)}  # done already
LOOPBACK = 1  # the first interface of every network namespace


def veth(name: str, mac: str, peer: str, peer_mac: str, peer_netns: int) -> Request:
    """A request that makes a pair, whose ``peer`` stands in the network namespace that a descriptor refers to."""
    other = _link(0) + _named(peer, peer_mac) + attribute(_IFLA_NET_NS_FD, struct.pack("=i", peer_netns))
    kind = attribute(_INFO_KIND, b"veth") + attribute(_INFO_DATA, attribute(_VETH_PEER, other))
    return _NEWLINK, _CREATE | _EXCLUSIVE, _link(0) + _named(name, mac) + attribute(_IFLA_LINKINFO, kind)


def up(link: int, segments: int = 0) -> Request:
    """A request that sets an interface up, with so many ``segments`` to a packet at most when it is above 0."""
    most = attribute(_IFLA_GSO_MAX_SEGS, struct.pack("=I", segments)) if segments else b""
    return _NEWLINK, 0, _link(link, _IFF_UP) + most


def no_link(name: str) -> Request:
    """A request that takes an interface away, and its peer with it."""
    return _DELLINK, 0, _link(0) + attribute(_IFLA_IFNAME, name.encode() + b"\0")


def own_address(link: int, address: IPv4Address) -> Request:
    """A request that gives an interface an address of its own, without neighbours."""
    head = struct.pack("=BBBBi", socket.AF_INET, 32, 0, _SCOPE_WORLD, link)
    both = attribute(_IFA_LOCAL, address.packed) + attribute(_IFA_ADDRESS, address.packed)
    return _NEWADDR, _CREATE | _REPLACE, head + both


def route(link: int, to: IPv4Address | None, via: IPv4Address | None = None) -> Request:
    """A request that routes one address, or all when ``to`` is None, to an interface."""
    scope, width = _SCOPE_LINK if via is None else _SCOPE_WORLD, 0 if to is None else 32
    body = struct.pack("=8BI", socket.AF_INET, width, 0, 0, _MAIN_TABLE, _BY_BOOT, scope, _UNICAST, 0)
    for kind, address in ((_RTA_DST, to), (_RTA_GATEWAY, via)):
        body += attribute(kind, address.packed) if address else b""
    return _NEWROUTE, _CREATE | _REPLACE, body + attribute(_RTA_OIF, struct.pack("=i", link))


def _link(index: int, flags: int = 0) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _named(name: str, mac: str) -> bytes:
    return attribute(_IFLA_IFNAME, name.encode() + b"\0") + attribute(_IFLA_ADDRESS, _hardware(mac))


def _hardware(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def neighbour(link: int, address: IPv4Address, mac: str) -> Request:
    """A request that writes down who has ``address`` on an interface, for good."""
    body = struct.pack("=BxxxiHBB", socket.AF_INET, link, _NUD_PERMANENT, 0, 0)
    body += attribute(_NDA_DST, address.packed) + attribute(_NDA_LLADDR, _hardware(mac))
    return _NEWNEIGH, _REPLACE | _CREATE, body


def htb_class(link: int, parent: int, handle: int, least: float, most: float, quantum: int) -> Request:
    """A request that makes a class of htb, or changes it: rates in bit/s, ``quantum`` in bytes.

    ``parent`` and ``handle`` are minors below 1:, parent 0 is the qdisc itself.
    """
    rates = b"".join(struct.pack("=BBHhHI", 3, _ETHERNET, 0, 0, 0, min(_MOST, int(rate / 8))) for rate in (least, most))
    rest = struct.pack("=5I", _ticks(least), _ticks(most), quantum, 0, 0)
    options = (
        attribute(_HTB_PARMS, rates + rest)
        + attribute(_HTB_RATE64, struct.pack("=Q", int(least / 8)))
        + attribute(_HTB_CEIL64, struct.pack("=Q", int(most / 8)))
    )
    return (
        _NEWTCLASS,
        _REPLACE | _CREATE,
        _class(link, parent, handle) + attribute(_TCA_KIND, b"htb\0") + attribute(_TCA_OPTIONS | _NESTED, options),
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
            try:
                told(kernel, kind, flags, body)
            except OSError as error:
                if (kind, error.errno) not in _GONE:
                    raise


def told(kernel: socket.socket, kind: int, flags: int, body: bytes) -> None:
    """Send one request and wait for the kernel's word on it. Raises `OSError`."""
    kernel.send(struct.pack("=IHHII", 16 + len(body), kind, flags | _REQUEST | _ACK, 1, 0) + body)
    answer = kernel.recv(65536)
    said, error = struct.unpack_from("=H", answer, 4)[0], struct.unpack_from("=i", answer, 16)[0]
    if said == _ERROR and error:
        raise OSError(-error, f"netlink request {kind}: {os.strerror(-error)}")


def attribute(kind: int, content: bytes) -> bytes:
    """One attribute of a request, filled up to where the next may begin."""
    size = 4 + len(content)
    return struct.pack("=HH", size, kind) + content + bytes(-size % 4)
