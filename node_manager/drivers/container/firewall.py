"""What may pass between slivers, node and world, and by what a packet is known afterwards: one nftables table.

Rules are fixed; a sliver is only elements of maps: its interface with its address (no other source passes), with its
mark (on the packet from there to the uplink, and on its conntrack entry), and with its classes of bandwidth. A source
port leaves as the sliver chose it, unless it is low or somebody else's: then another is put in its place, and nothing
ever leaves from a port that another slice has.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

from node_manager.drivers.container.links import address
from node_manager.drivers.container.run import run
from node_manager.drivers.container.settings import ContainerSettings, Slot
from node_manager.drivers.container.shaping import NODE

TABLE = "ip plfed"
DROPPED = ("source", "port", "options", "pings", "flows", "neighbours", "to_node", "from_outside")  # why, as counted
_PROTOCOLS = ("tcp", "udp")
_OTHERS = "61000-65535"  # source ports put in place of others; above those that the node's own connections take

_RULES = """
add table {table}
add set {table} own {{ type ifname . ipv4_addr; }}
add map {table} marks {{ type ifname : mark; }}
add map {table} classes {{ type ifname : classid; }}
add map {table} exempt_classes {{ type ifname : classid; }}
add map {table} ports {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
add set {table} taken {{ type inet_proto . inet_service; }}
add set {table} held {{ type mark . inet_proto . inet_service; }}
add set {table} exempt {{ type ipv4_addr; flags interval; }}
flush set {table} exempt
add set {table} pings {{ type ifname; flags dynamic; size 8192; timeout 5s; }}
add set {table} flows {{ type ifname; flags dynamic; size 8192; }}
{counters}
add chain {table} origin {{ type filter hook prerouting priority raw; policy accept; }}
add chain {table} reserved {{ type nat hook prerouting priority dstnat; policy accept; }}
add chain {table} to_node {{ type filter hook input priority filter; policy accept; }}
add chain {table} leaving
add chain {table} passing {{ type filter hook forward priority filter; policy accept; }}
add chain {table} from_node {{ type route hook output priority mangle; policy accept; }}
add chain {table} translated {{ type nat hook postrouting priority srcnat; policy accept; }}
add chain {table} last {{ type filter hook postrouting priority srcnat + 50; policy accept; }}
flush chain {table} origin
flush chain {table} reserved
flush chain {table} to_node
flush chain {table} leaving
flush chain {table} passing
flush chain {table} from_node
flush chain {table} translated
flush chain {table} last
add rule {table} origin iifname != "sl*" accept
add rule {table} origin iifname . ip saddr != @own counter name source drop
add rule {table} origin meta mark set iifname map @marks
add rule {table} reserved iifname "{uplink}" dnat ip to meta l4proto . th dport map @ports
add rule {table} to_node iifname != "sl*" accept
add rule {table} to_node ct state established,related accept
add rule {table} to_node icmp type echo-request limit rate 50/second accept
{services}
add rule {table} to_node counter name to_node drop
add rule {table} leaving ip option lsrr exists counter name options drop
add rule {table} leaving ip option ssrr exists counter name options drop
add rule {table} leaving ip hdrlength > 5 update @pings {{ {beyond} }} counter name options drop
add rule {table} leaving icmp type echo-request update @pings {{ {beyond} }} counter name pings drop
add rule {table} leaving ct state new add @flows {{ iifname ct count over {flows} }} counter name flows drop
add rule {table} leaving ip daddr 169.254.0.0/16 counter name neighbours drop
add rule {table} leaving ct mark set meta mark
add rule {table} leaving ip daddr @exempt meta priority set iifname map @exempt_classes accept
add rule {table} leaving meta priority set iifname map @classes accept
add rule {table} passing iifname "sl*" oifname "{uplink}" jump leaving
add rule {table} passing iifname "sl*" counter name neighbours drop
add rule {table} passing oifname != "sl*" accept
add rule {table} passing ct state established,related accept
add rule {table} passing iifname "{uplink}" ct status dnat ct mark set oifname map @marks accept
add rule {table} passing counter name from_outside drop
add rule {table} from_node oifname "{uplink}" meta priority set 1:{node:x}
add rule {table} translated ip saddr != {net} accept
add rule {table} translated oifname != "{uplink}" accept
add rule {table} translated meta mark . meta l4proto . th sport @held masquerade
add rule {table} translated meta l4proto {{ tcp, udp }} meta l4proto . th sport @taken masquerade to :{others}
add rule {table} translated meta l4proto {{ tcp, udp }} th sport < 1024 masquerade to :{others}
add rule {table} translated masquerade
add rule {table} last oifname != "{uplink}" accept
add rule {table} last meta mark 0 accept
add rule {table} last meta mark . meta l4proto . th sport @held accept
add rule {table} last meta l4proto . th sport @taken counter name port drop
{exempt}
"""


def raise_(settings: ContainerSettings) -> None:
    """Put the rules in place, all at once; slivers' elements stay. Run in the room."""
    ports = ", ".join(map(str, settings.node_ports))
    exempt = ", ".join(settings.exempt)
    rules = _RULES.format(
        table=TABLE,
        uplink=settings.uplink,
        net=settings.sliver_net,
        beyond=f"iifname limit rate over {settings.pings}/second",
        flows=settings.flows,
        node=0x1000 | NODE,
        others=_OTHERS,
        counters="\n".join(f"add counter {TABLE} {why}" for why in DROPPED),
        services=f"add rule {TABLE} to_node tcp dport {{ {ports} }} accept" if ports else "",
        exempt=f"add element {TABLE} exempt {{ {exempt} }}" if exempt else "",
    )
    run("nft", "-f", "-", given=rules)
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as forwarding:
        forwarding.write("1")


def dropped() -> dict[str, int]:
    """Packets that did not pass, by the reasons of `DROPPED`, since the node has its rules. Run in the room."""
    told = json.loads(run("nft", "-j", "list", "counters", "table", *TABLE.split()))["nftables"]
    counters = [row["counter"] for row in told if "counter" in row]
    return {counter["name"]: int(counter["packets"]) for counter in counters}


def lower() -> None:
    """Take the rules away with all elements; forwarding stays as it is, since others may need it."""
    run("nft", "-f", "-", given=f"add table {TABLE}\ndelete table {TABLE}\n")


def admit(settings: ContainerSettings, slot: Slot, ports: Sequence[int]) -> None:
    """Let the slot's packets pass, marked and classed, and bring it what comes to these ports of the node."""
    elements = (*_elements(settings, slot), *_ports(settings, slot, ports))
    run("nft", "-f", "-", given="\n".join(f"add element {line}" for line in elements) + "\n")


def shut_out(settings: ContainerSettings, slot: Slot, ports: Sequence[int]) -> None:
    """Take every element of the slot away, should they be there."""
    _delete(_elements(settings, slot))
    _release(settings, slot, ports)


def reserve(settings: ContainerSettings, slot: Slot, ports: Sequence[int], before: Sequence[int]) -> None:
    """Bring the slot what comes to ``ports``, and no more what came to it ``before``."""
    _release(settings, slot, [port for port in before if port not in ports])
    if elements := tuple(_ports(settings, slot, ports)):
        run("nft", "-f", "-", given="\n".join(f"add element {line}" for line in elements) + "\n")


def _delete(elements: Iterable[str], allowed: Sequence[int] = (0,)) -> None:
    # Deleting what is not there is an error to nft, adding what is there is not.
    lines = (f"add element {line}\ndelete element {line}" for line in elements)
    run("nft", "-f", "-", given="\n".join(lines) + "\n", allowed=allowed)


def _release(settings: ContainerSettings, slot: Slot, ports: Sequence[int]) -> None:
    """One by one: a port that has come to another slice by now cannot even be added, and stays with it."""
    for port in ports:
        for protocol in _PROTOCOLS:
            _delete(tuple(_port(settings, slot, protocol, port)), allowed=(0, 1))


def _ports(settings: ContainerSettings, slot: Slot, ports: Sequence[int]) -> Iterator[str]:
    for protocol in _PROTOCOLS:
        for port in ports:
            yield from _port(settings, slot, protocol, port)


def _port(settings: ContainerSettings, slot: Slot, protocol: str, port: int) -> Iterator[str]:
    yield f"{TABLE} ports {{ {protocol} . {port} : {address(settings, slot)} . {port} }}"
    yield f"{TABLE} taken {{ {protocol} . {port} }}"
    yield f"{TABLE} held {{ {slot.mark} . {protocol} . {port} }}"


def _elements(settings: ContainerSettings, slot: Slot) -> Iterator[str]:
    name = f'"{slot.interface}"'
    yield f"{TABLE} own {{ {name} . {address(settings, slot)} }}"
    yield f"{TABLE} marks {{ {name} : {slot.mark} }}"
    yield f"{TABLE} classes {{ {name} : 1:{slot.ordinary:x} }}"
    yield f"{TABLE} exempt_classes {{ {name} : 1:{slot.exempt:x} }}"
