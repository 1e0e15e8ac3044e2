"""Slivers that are only remembered: for tests, and for a thousand nodes on one machine.

No process runs here. Each sliver has an address of its own out of ``net`` and an id of its own from ``first_uid`` on;
the lowest free slot is taken, so a sliver that stays keeps both. Nothing outlives the process.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from threading import RLock

from attrs import evolve, frozen

from node_manager.drivers import DriverError, Found, Owner, OwnerKind, Sliver, State, Stats
from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec


@frozen
class _Kept:
    """One sliver and the slot it holds."""

    found: Found
    sliver: Sliver
    slot: int


class MemoryDriver:
    """A `Driver` that keeps its slivers in a dict."""

    name = "memory"

    def __init__(
        self,
        net: str = "10.128.0.0/16",
        first_uid: int = 20000,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``net``: IPv4 network whose host addresses the slivers get; ``now`` gives seconds since the epoch."""
        self._net = IPv4Network(net)
        self._first_uid = first_uid
        self._now = now
        self._slivers: dict[SliceName, _Kept] = {}
        self._lock = RLock()

    def look(self) -> dict[SliceName, Found]:
        with self._lock:
            return {name: kept.found for name, kept in self._slivers.items()}

    def look_at(self, name: SliceName) -> Found | None:
        with self._lock:
            return self._slivers[name].found if name in self._slivers else None

    def create(self, sliver: Sliver) -> tuple[str, ...]:
        with self._lock:
            before = self._slivers.get(sliver.slice)
            slot = before.slot if before else self._free_slot(sliver.slice)
            state = before.found.state if before else State.STOPPED
            since = before.found.since if before else self._now()
            found = Found(
                slice=sliver.slice, state=state, sliver=sliver, uid=self._first_uid + slot, since=since, unbound=()
            )
            self._slivers[sliver.slice] = _Kept(found, sliver, slot)
        return ()

    def start(self, name: SliceName) -> None:
        with self._lock:
            self._become(self._must(name, "start"), State.RUNNING)

    def stop(self, name: SliceName) -> None:
        with self._lock:
            if kept := self._slivers.get(name):
                self._become(kept, State.STOPPED)

    def destroy(self, name: SliceName) -> None:
        with self._lock:
            self._slivers.pop(name, None)

    def set_limits(self, name: SliceName, rspec: ResourceSpec) -> tuple[str, ...]:
        self._bind(self._must(name, "limit"), rspec=rspec)
        return ()

    def set_initscript(self, name: SliceName, initscript: str) -> None:
        self._bind(self._must(name, "give an initscript to"), initscript=initscript)

    def attach_keys(self, name: SliceName, keys: tuple[str, ...]) -> None:
        self._bind(self._must(name, "give keys to"), keys=keys)

    def owners(self) -> list[Owner]:
        with self._lock:
            return [
                Owner(slice=name, kind=OwnerKind.ADDRESS, tag=str(self.address(name)))
                for name, kept in sorted(self._slivers.items())
                if kept.found.state is State.RUNNING
            ]

    def stats(self, name: SliceName) -> Stats:
        with self._lock:
            return Stats(address=str(self.address(name))) if name in self._slivers else Stats()

    def close(self) -> None:
        """Nothing is held."""

    def address(self, name: SliceName) -> IPv4Address:
        """The address that only this sliver sends from."""
        return self._net.network_address + 1 + self._slivers[name].slot

    def _free_slot(self, name: SliceName) -> int:
        taken = {kept.slot for kept in self._slivers.values()}
        slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
        if slot + 2 >= self._net.num_addresses:
            raise DriverError(f"cannot make {name}: all {slot} addresses of {self._net} are in use; widen sliver_net")
        return slot

    def _must(self, name: SliceName, verb: str) -> _Kept:
        try:
            return self._slivers[name]
        except KeyError:
            raise DriverError(f"cannot {verb} {name}: there is no such sliver") from None

    def _become(self, kept: _Kept, state: State) -> None:
        if kept.found.state is not state:
            found = evolve(kept.found, state=state, since=self._now())
            self._slivers[found.slice] = evolve(kept, found=found)

    def _bind(self, kept: _Kept, **changes: object) -> None:
        with self._lock:
            sliver = evolve(kept.sliver, **changes)
            self._slivers[sliver.slice] = evolve(kept, sliver=sliver, found=evolve(kept.found, sliver=sliver))
