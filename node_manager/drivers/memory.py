"""Slivers that are only remembered: for tests, and for a thousand nodes on one machine.

No process runs here. Each sliver has an address of its own out of ``net`` and an id of its own from ``first_uid`` on;
the lowest free slot is taken, so a sliver that stays keeps both. With ``keep`` the slivers outlive the process, as
real ones would: one file per sliver, replaced whole, half made between two writes.
"""

import contextlib
import json
import os
from collections.abc import Callable, Collection
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from threading import RLock
from typing import Any

from attrs import evolve, frozen

from node_manager.drivers import DriverError, Found, Owner, OwnerKind, Sliver, State, Stats
from planetlab.failpoints import failpoint
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec


@frozen
class _Kept:
    """One sliver and the slot it holds."""

    found: Found
    sliver: Sliver
    slot: int


class MemoryDriver:
    """A `Driver` that keeps its slivers in a dict, and in files where it is told to."""

    name = "memory"

    def __init__(
        self,
        net: str = "10.128.0.0/16",
        first_uid: int = 20000,
        now: Callable[[], float] = lambda: 0.0,
        keep: Path | None = None,
    ) -> None:
        """``net``: IPv4 network whose host addresses the slivers get; ``now`` gives seconds since the epoch."""
        self._net = IPv4Network(net)
        self._first_uid = first_uid
        self._now = now
        self._keep = keep
        self._slivers: dict[SliceName, _Kept] = {}
        self._slots: set[int] = set()
        self._unwritten: set[SliceName] = set()  # what has no room in its file yet
        self._lock = RLock()
        if keep is not None:
            self._remember_all(keep)

    def look(self) -> dict[SliceName, Found]:
        with self._lock:
            for name in self._unwritten & self._slivers.keys():
                with contextlib.suppress(OSError):
                    self._put(self._slivers[name])
            return {name: kept.found for name, kept in self._slivers.items()}

    def look_at(self, name: SliceName) -> Found | None:
        with self._lock:
            return self._slivers[name].found if name in self._slivers else None

    def create(self, sliver: Sliver) -> tuple[str, ...]:
        with self._lock:
            before = self._slivers.get(sliver.slice)
            slot = before.slot if before else self._free_slot(sliver.slice)
            if before and before.found.state is not State.HALF:
                self._put(_Kept(evolve(before.found, sliver=sliver), sliver, slot))
                return ()
            half = Found(slice=sliver.slice, state=State.HALF, uid=self._first_uid + slot, since=self._now())
            if self._keep is not None:
                self._build(half, sliver, slot)
            self._put(_Kept(evolve(half, state=State.STOPPED, sliver=sliver), sliver, slot))
        return ()

    def _build(self, half: Found, sliver: Sliver, slot: int) -> None:
        """Write a sliver down in the steps in which a real one is made, so that it can be found half made at each."""
        bare = evolve(sliver, rspec=ResourceSpec(), keys=())
        self._put(_Kept(half, evolve(bare, initscript=""), slot))
        failpoint("sliver.half")
        self._put(_Kept(half, bare, slot))
        failpoint("sliver.made")
        bound = evolve(bare, rspec=sliver.rspec)
        self._put(_Kept(half, bound, slot))
        failpoint("sliver.bound")
        self._put(_Kept(half, evolve(bound, keys=sliver.keys[: len(sliver.keys) // 2]), slot))
        failpoint("sliver.keys")

    def start(self, name: SliceName) -> None:
        with self._lock:
            self._become(self._must(name, "start"), State.RUNNING)

    def stop(self, name: SliceName) -> None:
        with self._lock:
            if kept := self._slivers.get(name):
                self._become(kept, State.STOPPED)

    def halt(self) -> None:
        for name, kept in list(self._slivers.items()):
            try:
                self.stop(name)
            except OSError:  # a full disk must not keep the owner from stopping his node
                self._unwritten.add(name)
                self._slivers[name] = evolve(kept, found=evolve(kept.found, state=State.STOPPED, since=self._now()))

    def destroy(self, name: SliceName) -> None:
        with self._lock:
            if kept := self._slivers.pop(name, None):
                self._slots.discard(kept.slot)
            if self._keep is not None:
                self._file(name).unlink(missing_ok=True)

    def set_limits(self, name: SliceName, rspec: ResourceSpec) -> tuple[str, ...]:
        self._bind(name, "limit", rspec=rspec)
        return ()

    def set_initscript(self, name: SliceName, initscript: str) -> None:
        self._bind(name, "give an initscript to", initscript=initscript)

    def attach_keys(self, name: SliceName, keys: tuple[str, ...]) -> None:
        self._bind(name, "give keys to", keys=keys)

    def owners(self) -> list[Owner]:
        with self._lock:
            return [
                Owner(slice=name, kind=OwnerKind.ADDRESS, tag=str(self.address(name)))
                for name, kept in self._slivers.items()
                if kept.found.state is State.RUNNING
            ]

    def stats(self, name: SliceName) -> Stats:
        with self._lock:
            return Stats(address=str(self.address(name))) if name in self._slivers else Stats()

    def sample(self, names: Collection[SliceName]) -> dict[SliceName, Stats]:
        return {name: self.stats(name) for name in names}

    def console(self, name: SliceName) -> str:
        return f"{name} is only remembered: nothing runs that could write here\n" if name in self._slivers else ""

    def close(self) -> None:
        """Nothing is held."""

    def address(self, name: SliceName) -> IPv4Address:
        """The address that only this sliver sends from."""
        return self._net.network_address + 1 + self._slivers[name].slot

    def _free_slot(self, name: SliceName) -> int:
        slot = next(slot for slot in range(len(self._slots) + 1) if slot not in self._slots)
        if slot + 2 >= self._net.num_addresses:
            raise DriverError(f"cannot make {name}: all {slot} addresses of {self._net} are in use; widen sliver_net")
        return slot

    def _must(self, name: SliceName, verb: str) -> _Kept:
        try:
            return self._slivers[name]
        except KeyError:
            raise DriverError(f"cannot {verb} {name}: there is no such sliver") from None

    def _become(self, kept: _Kept, state: State) -> None:
        if kept.found.state is State.HALF:
            raise DriverError(f"cannot change {kept.found.slice}: it is half made")
        if kept.found.state is not state:
            self._put(evolve(kept, found=evolve(kept.found, state=state, since=self._now())))

    def _bind(self, name: SliceName, verb: str, **changes: Any) -> None:
        with self._lock:
            kept = self._must(name, verb)
            sliver = evolve(kept.sliver, **changes)
            self._put(evolve(kept, sliver=sliver, found=evolve(kept.found, sliver=sliver)))

    def _put(self, kept: _Kept) -> None:
        name = kept.found.slice
        if self._keep is not None:
            beside = self._keep / f".{name}.new"
            with beside.open("w") as file:
                json.dump(_told(kept), file)
                file.flush()
                os.fsync(file.fileno())  # else a power cut may leave a name without its content
            os.replace(beside, self._file(name))
        self._slivers[name] = kept
        self._slots.add(kept.slot)
        self._unwritten.discard(name)

    def _file(self, name: SliceName) -> Path:
        return Path(self._keep or "", f"{name}.json")

    def _remember_all(self, keep: Path) -> None:
        keep.mkdir(parents=True, exist_ok=True)
        for rest in keep.glob(".*.new"):
            rest.unlink()
        for file in sorted(keep.glob("*.json")):
            kept = _read(json.loads(file.read_text()), self._first_uid)
            self._slivers[kept.found.slice] = kept
            self._slots.add(kept.slot)


def _told(kept: _Kept) -> dict[str, Any]:
    found, sliver = kept.found, kept.sliver
    return {
        "slot": kept.slot,
        "state": str(found.state),
        "since": found.since,
        "slice": str(sliver.slice),
        "authority": str(sliver.authority),
        "rspec": sliver.rspec.as_struct(),
        "slice_id": sliver.slice_id,
        "keys": list(sliver.keys),
        "initscript": sliver.initscript,
        "vref": sliver.vref,
    }


def _read(told: dict[str, Any], first_uid: int) -> _Kept:
    sliver = Sliver(
        slice=SliceName.parse(told["slice"]),
        authority=Hrn.parse(told["authority"]),
        rspec=ResourceSpec.from_struct(told["rspec"]),
        slice_id=told["slice_id"],
        keys=tuple(told["keys"]),
        initscript=told["initscript"],
        vref=told["vref"],
    )
    state = State(told["state"])
    whole = None if state is State.HALF else sliver
    uid = first_uid + told["slot"]
    return _Kept(
        Found(slice=sliver.slice, state=state, sliver=whole, uid=uid, since=told["since"]), sliver, told["slot"]
    )
