"""The tree of outgoing bandwidth at the uplink.

As PlanetLab's: root class 1:1 at the link's speed; below it 1:10 for ordinary traffic up to the node's cap and 1:20
for exempt destinations; below each a class per sliver, 1:(1000 + slot) and 1:(2000 + slot) in hex, with guaranteed
rate, ceiling, and a quantum in proportion to its share and to what it is guaranteed. What belongs to nobody known is in
1:1fff, the node's own in 1:1000. htb divides what is left over by quantum, so the kernel's own choice of quantum (from
the rate alone) is never used.
"""

import json
import socket

from attrs import frozen

from node_manager.drivers.container import netlink
from node_manager.drivers.container.run import run
from node_manager.drivers.container.settings import ContainerSettings, Slot

LEAST = 1000.0  # bit/s; what every class is sure of
QUANTUM = 1600  # bytes per share: one full packet
_BEST_EFFORT = 100_000.0  # bit/s; who is guaranteed less shares as if it were this
_MOST_QUANTUM = 400_000  # bytes; what one class may send before it is another's turn
_NODE_SHARES = 5
NODE, UNKNOWN = 0x000, 0xFFF  # slots that no sliver gets


@frozen(kw_only=True)
class Rates:
    """One class: what is guaranteed, the most, and the part of what is left over."""

    least: float  # bit/s
    most: float  # bit/s
    share: int = 1

    @property
    def weight(self) -> float:
        """By which what is left over is divided: the share, in proportion to the rate that is guaranteed."""
        return self.share * max(1.0, self.least / _BEST_EFFORT)

    def within(self, least: float, most: float) -> "Rates":
        """These rates, brought into what the node has."""
        top = max(least, min(most, self.most))
        return Rates(least=max(least, min(top, self.least)), most=top, share=max(1, self.share))


class Tree:
    """The classes on one uplink. Run in the room."""

    def __init__(self, settings: ContainerSettings) -> None:
        self._settings = settings

    def plant(self) -> None:
        """The part that no sliver owns; what is there already stays, with its slivers' classes."""
        uplink, link, cap = self._settings.uplink, self._settings.link_rate, self._settings.node_cap
        if not self._stands():
            run("tc", "qdisc", "replace", "dev", uplink, "root", "handle", "1:", "htb", "default", "1fff")
        whole = Rates(least=link, most=link)
        shared = Rates(least=LEAST, most=min(cap, link))
        free = Rates(least=LEAST, most=link)
        ours = Rates(least=LEAST, most=min(cap, link), share=_NODE_SHARES)
        netlink.ask(
            [self._class(0, 0x1, whole), self._class(0x1, 0x10, shared), self._class(0x1, 0x20, free)]
            + [self._class(0x10, 0x1000 | slot, ours) for slot in (NODE, UNKNOWN)]
            + [self._class(0x20, 0x2000 | slot, ours) for slot in (NODE, UNKNOWN)]
        )

    def uproot(self) -> None:
        """Take the whole tree away, should it be there."""
        if self._stands():
            run("tc", "qdisc", "del", "dev", self._settings.uplink, "root")

    def bind(self, slot: Slot, ordinary: Rates, exempt: Rates) -> None:
        """Give the slot's classes these rates, at once; they are made when they are not there."""
        cap = min(self._settings.node_cap, self._settings.link_rate)
        netlink.ask(
            [
                self._class(0x10, slot.ordinary, ordinary.within(LEAST, cap)),
                self._class(0x20, slot.exempt, exempt.within(LEAST, self._settings.link_rate)),
            ]
        )

    def remove(self, slot: Slot) -> None:
        """Take the slot's classes away, should they be there."""
        link = socket.if_nametoindex(self._settings.uplink)
        netlink.ask([netlink.no_class(link, minor) for minor in (slot.ordinary, slot.exempt)])

    def sent(self) -> dict[int, int]:
        """Bytes on the wire so far, by the minor of the class."""
        text = run("tc", "-s", "class", "show", "dev", self._settings.uplink)
        found: dict[int, int] = {}
        minor = -1
        for words in map(str.split, text.splitlines()):
            if words[:2] == ["class", "htb"]:
                minor = int(words[2].partition(":")[2], 16)
            elif words[:1] == ["Sent"] and minor >= 0:
                found[minor] = int(words[1])
        return found

    def _stands(self) -> bool:
        told = run("tc", "-j", "qdisc", "show", "dev", self._settings.uplink, "root")
        return any(root.get("kind") == "htb" and root.get("handle") == "1:" for root in json.loads(told or "[]"))

    def _class(self, parent: int, minor: int, rates: Rates) -> netlink.Request:
        quantum = min(_MOST_QUANTUM, int(QUANTUM * rates.weight))
        link = socket.if_nametoindex(self._settings.uplink)
        return netlink.htb_class(link, parent, minor, rates.least, rates.most, quantum)
