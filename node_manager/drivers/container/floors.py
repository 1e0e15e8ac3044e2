"""Who keeps a floor of its own when slivers together have filled their pool. Pure.

A pool's size is divided: the *common* part is first come, first served, each sliver up to its limit; the *reserve* is
the node's own, by which slivers can still be made, started and given keys when the common part is full. Then half of
the reserve is given out as *floors*: a sliver that has less than its floor is taken out of the crowd and may write up
to that much, whatever the others do.
"""

from collections.abc import Mapping

from attrs import frozen

from node_manager.drivers.container.quotas import Taken

_LEAST = 64 << 20  # bytes of reserve; chunks that the file system takes at a time are up to a tenth of a small one
_PART = 8  # of the whole, as a divisor, is the reserve
_ONES_PART = 2  # of the whole, as a divisor, one sliver may have: alone it cannot fill what all need
_FLOORS = 64  # slivers that can have a floor in a large pool
_LEAST_FLOOR = 1 << 20  # bytes
_ENDS = 0.9  # of the common part: when less than this is taken, nobody needs a floor


@frozen
class Division:
    """How a pool of ``size`` bytes is divided."""

    size: int

    @property
    def reserve(self) -> int:
        """Bytes that slivers together cannot take."""
        return min(self.size // 2, max(_LEAST, self.size // _PART))

    @property
    def common(self) -> int:
        """Bytes that all slivers together may take."""
        return self.size - self.reserve

    @property
    def most(self) -> int:
        """Bytes that one sliver may take."""
        return min(self.size // _ONES_PART, self.common)

    @property
    def floor(self) -> int:
        """Bytes that a sliver keeps when the common part is full."""
        return max(_LEAST_FLOOR, self.reserve // 2 // _FLOORS)

    def is_full(self, together: int) -> bool:
        """Whether the common part, of which so much is taken, is as good as full."""
        return together + self.floor >= self.common

    def apart(self, taken: Mapping[str, Taken], together: int) -> frozenset[str]:
        """The slivers that have a floor of their own now, those that have least first."""
        if together < _ENDS * self.common:
            return frozenset()
        kept = {name for name, each in taken.items() if not each.joined}
        if not self.is_full(together):
            return frozenset(kept)
        few = sorted((name for name, each in taken.items() if each.octets < self.floor), key=lambda n: taken[n].octets)
        places = self.reserve // 2 // self.floor
        return frozenset([*sorted(kept), *(name for name in few if name not in kept)][:places])
