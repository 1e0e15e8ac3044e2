"""The sliver's link: a namespace of its own, one veth pair, one address, routed.

No bridge and no shared wire: between slivers there is nothing to overhear. The namespace belongs to the node, so root
inside cannot change address, routes or offloads. It has no name: the sliver's processes hold it, and with the last of
them namespace and link are gone. Neighbours are written down on both sides, so nothing is ever asked by ARP.
"""

import os
from ipaddress import IPv4Address, IPv4Network

from node_manager.drivers import DriverError
from node_manager.drivers.container import kernel, netlink
from node_manager.drivers.container.room import Room
from node_manager.drivers.container.run import run
from node_manager.drivers.container.settings import ContainerSettings, Slot

GATEWAY = "169.254.0.1"  # the node as each sliver sees it; link-local, so no address of the world is shadowed

_SYSCTLS = (
    ("ipv4/ip_unprivileged_port_start", "0"),  # low ports are the sliver's own here
    ("ipv4/ping_group_range", "0 2147483647"),  # ping without a raw socket
    ("ipv6/conf/all/disable_ipv6", "1"),  # no address of that kind is given, so no packet of that kind leaves
    ("ipv6/conf/default/disable_ipv6", "1"),
)


def address(settings: ContainerSettings, slot: Slot) -> IPv4Address:
    """The address that only this slot's sliver sends from."""
    return IPv4Network(settings.sliver_net).network_address + slot.number


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
    """Take the link away, should it be there."""
    if slot.interface in counters():
        run("ip", "link", "del", slot.interface, allowed=(0, 1, 2))  # the kernel may be faster, as its namespace ends
        if slot.interface in counters():
            raise DriverError(f"interface {slot.interface} cannot be removed")


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
    node = f"/proc/{os.getpid()}/fd/{room.network}"
    lines = (
        f"link add eth0 address {inner} type veth peer name {slot.interface} address {outer} netns {node}",
        "link set lo up",
        f"addr add {address(settings, slot)}/32 dev eth0",
        # One segment per packet: an htb quantum below a 64 kB super-packet means nothing.
        "link set eth0 gso_max_segs 1 up",
        f"neigh replace {GATEWAY} lladdr {outer} dev eth0 nud permanent",
        f"route add {GATEWAY} dev eth0",
        f"route add default via {GATEWAY}",
    )
    run("ip", "-batch", "-", given="\n".join(lines) + "\n")


def _attach(settings: ContainerSettings, slot: Slot) -> None:
    """The node's end."""
    _, inner = _macs(slot)
    own, name = address(settings, slot), slot.interface
    lines = (
        f"addr add {GATEWAY}/32 dev {name}",
        f"link set {name} up",
        f"route replace {own}/32 dev {name}",
    )
    run("ip", "-batch", "-", given="\n".join(lines) + "\n")
    netlink.neighbour(name, own, inner)
    _write_switch(f"ipv6/conf/{name}/disable_ipv6", "1")


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
