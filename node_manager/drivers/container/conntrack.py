"""Flows that the node still tracks for a sliver when it has ended, asked of the kernel directly (ctnetlink).

Left alone they would live for days: answers to them would be brought to whoever has the slot next, and counted as his.
Structures are those of linux/netfilter/nfnetlink_conntrack.h.
"""

import socket
import struct

from node_manager.drivers.container.netlink import attribute, told

_NETFILTER = 12  # the netlink family
_DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
_MARK, _MARK_MASK = 8, 21


def forget(mark: int) -> None:
    """Drop every flow with this mark; none there is fine. Run in the room. Raises `OSError`."""
    both = attribute(_MARK, struct.pack("!I", mark)) + attribute(_MARK_MASK, struct.pack("!I", 0xFFFFFFFF))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as kernel:
        kernel.bind((0, 0))
        kernel.settimeout(5.0)
        told(kernel, _DELETE, 0, struct.pack("=BBH", socket.AF_UNSPEC, 0, 0) + both)
