"""Processors among the slivers that run: who came, who went, and what that means for the others' groups."""

from threading import Lock

from attrs import evolve, frozen

from node_manager.drivers.container.cgroups import Bounds, Groups
from node_manager.drivers.container.processors import Asks, cores, listed, read_list, weight
from planetlab.names import SliceName

Own = dict[str, tuple[int, ...]]  # processors of each sliver that has whole cores


@frozen
class _Runs:
    group: str
    bounds: Bounds
    asks: Asks


class Sharing:
    """The slivers that run on one node, by what they ask of its processors. Run in the room."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._running: dict[SliceName, _Runs] = {}
        self._lock = Lock()

    def know(self, name: SliceName, group: str, bounds: Bounds, asks: Asks) -> None:
        """Take note of a sliver that ran before we did; its group is bound already."""
        self._running[name] = _Runs(group, bounds, asks)

    def enter(self, name: SliceName, group: str, bounds: Bounds, asks: Asks) -> tuple[str, ...]:
        """Bind the group of a sliver that begins to run, or runs under other bounds; others make room.

        Gives the names of rspec keys that it cannot have: all cores may be given away.
        """
        with self._lock:
            before = self._running.get(name)
            self._running[name] = _Runs(group, bounds, asks)
            own, rest = self._cores()
            self._groups.bind(group, self._bounds(name, own, rest))
            self._make_room(name, asks.is_plain and (before is None or before.asks.is_plain), own, rest)
            return ("cpu_cores",) if asks.cores > 0 and str(name) not in own else ()

    def leave(self, name: SliceName) -> None:
        """Give back what the sliver had; it may be gone already."""
        with self._lock:
            if gone := self._running.pop(name, None):
                own, rest = self._cores()
                self._make_room(name, gone.asks.is_plain, own, rest)

    def _make_room(self, name: SliceName, is_plain: bool, own: Own, rest: tuple[int, ...]) -> None:
        """Bind the others' processors anew: all when cores move, else those with a guarantee, whose weight depends."""
        for other, runs in self._running.items():
            if other != name and (not is_plain or runs.asks.percent > 0):
                bounds = self._bounds(other, own, rest)
                self._groups.share(runs.group, bounds.weight, bounds.cpus)

    def _cores(self) -> tuple[Own, tuple[int, ...]]:
        asks = {str(name): runs.asks for name, runs in self._running.items() if runs.asks.cores > 0}
        return cores(asks, read_list(self._groups.online())) if asks else ({}, ())

    def _bounds(self, name: SliceName, own: Own, rest: tuple[int, ...]) -> Bounds:
        runs = self._running[name]
        promised = sum(max(0, each.asks.percent) for each in self._running.values())
        others = sum(each.bounds.weight for each in self._running.values()) if promised else 0
        return evolve(
            runs.bounds,
            weight=weight(runs.bounds.weight, runs.asks.percent, others, promised),
            cpus=listed(own.get(str(name), rest)),
        )
