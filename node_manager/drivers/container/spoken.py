"""What safe raw sockets may say: rules in the sliver's own network, which root inside cannot change.

Each such socket carries a mark that only the node can set. Of packets with one, those pass that are whole and come from
the port, or carry the identifier, that the socket was given for; a sniffer's never do. Run in the sliver's network.
"""

from enum import IntEnum

from node_manager.drivers.container.run import run


class Mark(IntEnum):
    """The high half of the marks; the low half is the port or identifier."""

    PORT = 1 << 16
    IDENTIFIER = 2 << 16
    SNIFFER = 4 << 16


_TABLE = "ip plfed_raw"
_RULES = """
add table {table}
add map {table} own {{ type mark : verdict; }}
add chain {table} said {{ type filter hook output priority raw; policy accept; }}
flush chain {table} said
add rule {table} said meta mark < {least} accept
add rule {table} said ip frag-off & 0x3fff != 0 counter drop
add rule {table} said meta mark vmap @own
add rule {table} said counter drop
add chain {table} of_{mark}
flush chain {table} of_{mark}
add rule {table} of_{mark} {own} accept
add element {table} own {{ {mark} : jump of_{mark} }}
"""
_ASKING = "{ echo-request, echo-reply, timestamp-request, timestamp-reply, info-request, info-reply }"
_SNIFFERS = """
add table netdev plfed_raw
add chain netdev plfed_raw said {{ type filter hook egress device eth0 priority 0; policy accept; }}
flush chain netdev plfed_raw said
add rule netdev plfed_raw said meta mark {mark} counter drop
"""


def allow(kind: Mark, number: int) -> int:
    """Let sockets of this kind and number say what is theirs; gives the mark that they are to carry.

    Raises `DriverError` where this kernel cannot hold them to it: Linux before 5.16 for sniffers.
    """
    mark = kind | number
    if kind is Mark.SNIFFER:
        run("nft", "-f", "-", given=_SNIFFERS.format(mark=Mark.SNIFFER.value))
        return kind
    if kind is Mark.IDENTIFIER:
        own = f"icmp type {_ASKING} @th,32,16 {number}"
    else:
        own = f"meta l4proto {{ tcp, udp }} th sport {number}"
    run("nft", "-f", "-", given=_RULES.format(table=_TABLE, least=Mark.PORT.value, mark=mark, own=own))
    return mark
