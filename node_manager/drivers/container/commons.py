"""What the kernel counts for the whole node though every sliver draws on it, and no control group divides.

Two things together keep one sliver from taking what others need: the node's own number is widened so far that all
slivers' numbers fit into it, and each sliver is held to its number from outside, where root inside cannot change it.
"""

import os
from contextlib import suppress

from node_manager.drivers.container.settings import ContainerSettings

_FLOW = 384  # bytes of kernel memory that one tracked flow takes, with its part of the table
_FLOWS_PART = 50  # of all memory, as a divisor, flows may take
_PIDS = 1 << 22  # the most that a 64-bit kernel numbers
_NODE_ITSELF = 1024  # instances for the node's own programs


def widen(settings: ContainerSettings) -> None:
    """Raise the node's numbers to what all its slivers may take together; one that is higher already stays.

    What this kernel does not have, or does not let us change, stays as it is. Run in the room, since flows are counted
    by network namespace.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name, least in (
        ("fs/inotify/max_user_instances", settings.watchers * settings.most + _NODE_ITSELF),
        ("fs/inotify/max_user_watches", settings.watches * settings.most + settings.watches),
        ("kernel/pid_max", _PIDS),
        ("net/netfilter/nf_conntrack_max", min(settings.flows * settings.most, memory // _FLOWS_PART // _FLOW)),
    ):
        with suppress(OSError, ValueError), open(f"/proc/sys/{name}", "r+", encoding="ascii") as file:
            if int(file.read()) < least:
                file.seek(0)
                file.write(str(min(least, (1 << 31) - 1)))


def hold(settings: ContainerSettings) -> str:
    """What a shell does in a new user namespace, so that all users in it together have their own part and no more."""
    own = (("instances", settings.watchers), ("watches", settings.watches))
    return " && ".join(f"echo {number} > /proc/sys/user/max_inotify_{name}" for name, number in own)
