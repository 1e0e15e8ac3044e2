"""The sliver's link: a namespace of its own, one veth pair, one address, routed.

No bridge and no shared wire: between slivers there is nothing to overhear. The namespace belongs to the node, so root
inside cannot change address, routes or offloads. It has no name: the sliver's processes hold it, and with the last of
them namespace and link are gone. Neighbours are written down on both sides, so nothing is ever asked by ARP.
"""

import os
import socket
from functools import cache
from ipaddress import IPv4Address, IPv4Network

from node_manager.drivers.container import kernel, netlink
from node_manager.drivers.container.room import Room
from node_manager.drivers.container.settings import ContainerSettings, Slot

GATEWAY = IPv4Address("169.254.0.1")  # the node as slivers see it; link-local, so no address of the world is shadowed

_SYSCTLS = (
    ("ipv4/ip_unprivileged_port_start", "0"),  # low ports are the sliver's own here
    ("ipv4/ping_group_range", "0 2147483647"),  # ping without a raw socket
    ("ipv6/conf/all/disable_ipv6", "1"),  # no address of that kind is given, so no packet of that kind leaves
    ("ipv6/conf/default/disable_ipv6", "1"),
)


def address(settings: ContainerSettings, slot: Slot) -> IPv4Address:
    """The address that only this slot's sliver sends from."""
    return _first(settings.sliver_net) + slot.number


@cache
def _first(network: str) -> IPv4Address:
    return IPv4Network(network).network_address


def make(room: Room, settings: ContainerSettings, slot: Slot) -> int:
    """The sliver's network, up; gives a descriptor of its namespace. Run in the room; what is half made is undone."""
    remove(slot)
    kernel.unshare(kernel.CLONE_NEWNET)
    try:
        inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _furnish(room, settings, slot)
        except BaseException:
            os.close(inside)
            raise
    finally:
        room.home()
    try:
        _attach(settings, slot)
    except BaseException:
        os.close(inside)
        remove(slot)
        raise
    return inside


def remove(slot: Slot) -> None:
    """Take the link away, should it be there; the kernel may be faster, as its namespace ends."""
    netlink.ask([netlink.no_link(slot.interface)])


class Present:
    """The interfaces of the node's network as a set that is asked for one at a time. Run in the room."""

    def __contains__(self, name: object) -> bool:
        try:
            return socket.if_nametoindex(str(name)) > 0
        except OSError:
            return False


def counters() -> dict[str, tuple[int, int]]:
    """Interfaces of the node's network, with the bytes each received and sent. Run in the room."""
    with open("/proc/thread-self/net/dev", encoding="ascii") as table:
        rows = (line.partition(":") for line in table.read().splitlines()[2:])
        fields = {name.strip(): figures.split() for name, _, figures in rows}
    return {name: (int(figures[0]), int(figures[8])) for name, figures in fields.items()}


def _furnish(room: Room, settings: ContainerSettings, slot: Slot) -> None:
    """The inner end; the calling thread stands in the new namespace."""
    for switch, value in _SYSCTLS:
        _write_switch(switch, value)
    outer, inner = _macs(slot)
    netlink.ask([netlink.veth("eth0", inner, slot.interface, outer, room.network)])
    link = socket.if_nametoindex("eth0")
    netlink.ask(
        [
            netlink.up(netlink.LOOPBACK),
            netlink.own_address(link, address(settings, slot)),
            # One segment per packet: an htb quantum below a 64 kB super-packet means nothing.
            netlink.up(link, segments=1),
            netlink.neighbour(link, GATEWAY, outer),
            netlink.route(link, GATEWAY),
            netlink.route(link, None, via=GATEWAY),
        ]
    )


def _attach(settings: ContainerSettings, slot: Slot) -> None:
    """The node's end."""
    _, inner = _macs(slot)
    own, link = address(settings, slot), socket.if_nametoindex(slot.interface)
    _write_switch(f"ipv6/conf/{slot.interface}/disable_ipv6", "1")
    netlink.ask(
        [
            netlink.own_address(link, GATEWAY),
            netlink.up(link),
            netlink.route(link, own),
            netlink.neighbour(link, own, inner),
        ]
    )


def _write_switch(name: str, value: str) -> None:
    """A switch of the network that the calling thread stands in; a kernel without it needs none."""
    path = f"/proc/sys/net/{name}"
    if os.path.exists(path):
        with open(path, "w", encoding="ascii") as file:
            file.write(value)


def _macs(slot: Slot) -> tuple[str, str]:
    """Locally administered hardware addresses of the node's and the sliver's end."""
    tail = f"{slot.number >> 8:02x}:{slot.number & 255:02x}"
    return f"02:70:6c:00:{tail}", f"02:70:6c:01:{tail}"
