"""Ways to make a sliver.

A driver is asked by rounds (`node_manager.round`): *look* at what there is, then verbs that turn it into what is
wanted. Each verb may be repeated without harm: done already means done. Verbs on one sliver never overlap; verbs on
different slivers may come from different threads at once. A verb may block; the caller keeps it off the reactor.
A verb that fails raises `DriverError` (or another exception, which is then our own mistake) and leaves a sliver that
`look` reports as `State.HALF`, or none; repeating the verb, or `destroy`, must then succeed once the cause is gone.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol

from attrs import frozen

from planetlab.errors import PlanetLabError
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec


class State(StrEnum):
    """What a sliver is found to be."""

    RUNNING = "running"
    STOPPED = "stopped"
    HALF = "half"  # remains of a making or of an ending that was cut short


class OwnerKind(StrEnum):
    """By what a packet can be told to be a slice's."""

    INTERFACE = "interface"  # tag: the name of the sliver's interface on the node's side
    ADDRESS = "address"  # tag: the address only this sliver sends from
    CGROUP = "cgroup"  # tag: the cgroup's path below the hierarchy's root
    MARK = "mark"  # tag: the packet mark, decimal


class DriverError(PlanetLabError):
    """A verb could not be carried out; the text says on what, and what is missing."""

    generic = "The sliver could not be changed"


@frozen(kw_only=True)
class Sliver:
    """A slice's share of this node, as wanted."""

    slice: SliceName
    authority: Hrn  # who asked for it; its slivers may be grouped under it
    rspec: ResourceSpec  # what it gets, loans included; its tag ``ports`` lists ports of the node that are its alone
    slice_id: int = 0  # its number at the authority; for records only
    keys: tuple[str, ...] = ()  # public keys of its users, one authorized_keys line each
    initscript: str = ""  # text of a program run at start; "" for none
    vref: str = "default"  # which reference image it starts from


@frozen(kw_only=True)
class Found:
    """A sliver as it is. ``sliver`` is what it was last bound to in full; None when `State.HALF`."""

    slice: SliceName
    state: State
    sliver: Sliver | None = None
    uid: int = 0  # first user id on the node that belongs to it
    uids: int = 1  # how many ids from there on
    since: float = 0.0  # when it came to this state, seconds since the epoch; 0 when not known
    unbound: tuple[str, ...] = ()  # names of rspec keys that this kernel cannot hold it to


@frozen(kw_only=True)
class Owner:
    """A mark by which packets are this slice's, from now until it is not listed any more."""

    slice: SliceName
    kind: OwnerKind
    tag: str


@frozen(kw_only=True)
class Stats:
    """What a sliver uses. Counters run from its start and never go back while it runs."""

    cpu: float = 0.0  # seconds of processor time
    memory: int = 0  # bytes resident
    virtual: int = 0  # bytes of address space
    processes: int = 0
    active: int = 0  # processes that ran lately
    disk: int = 0  # bytes written beside the reference image
    sent: int = 0  # bytes on the wire, ordinary destinations
    sent_exempt: int = 0  # bytes on the wire, exempt destinations
    received: int = 0  # bytes on the wire
    address: str = ""  # the address it sends from, as seen on the node


class Driver(Protocol):
    """A way to make slivers."""

    name: str  # as the setting spells it

    def look(self) -> dict[SliceName, Found]:
        """Every sliver there is, remains included. Comes from the system, not from memory of what was done."""

    def look_at(self, name: SliceName) -> Found | None:
        """What `look` would say of one sliver, without looking at the others; None when there is none."""

    def create(self, sliver: Sliver) -> tuple[str, ...]:
        """Make it, with root file system, limits, keys and initscript in place; nothing runs yet.

        Completes one that was left half made. Gives the names of rspec keys that this kernel cannot enforce.
        """

    def start(self, name: SliceName) -> None:
        """Let it run, and its initscript in the background. Raises `DriverError` when there is no such sliver."""

    def stop(self, name: SliceName) -> None:
        """End all its processes; its files stay. No such sliver, or none running: nothing to do."""

    def halt(self) -> None:
        """End the processes of all slivers at once, within a second or so; what else they hold goes by `stop`."""

    def destroy(self, name: SliceName) -> None:
        """Leave nothing of it: no process, file, mount, interface, cgroup or id. No such sliver: nothing to do."""

    def set_limits(self, name: SliceName, rspec: ResourceSpec) -> tuple[str, ...]:
        """Bind new limits without a restart; gives the names of keys that cannot be enforced."""

    def set_initscript(self, name: SliceName, initscript: str) -> None:
        """Install another initscript and, when the sliver runs, run it with ``restart``."""

    def attach_keys(self, name: SliceName, keys: tuple[str, ...]) -> None:
        """Replace the whole set of its users' keys."""

    def owners(self) -> list[Owner]:
        """By what the packets of each sliver are known at this moment."""

    def stats(self, name: SliceName) -> Stats:
        """What it uses now; zeros when there is no such sliver."""

    def sample(self, names: Collection[SliceName]) -> dict[SliceName, Stats]:
        """`stats` of each of these, asked for every few seconds."""

    def console(self, name: SliceName) -> str:
        """The last words on its console: of its starts, its first process and its script. No such sliver: none."""

    def close(self) -> None:
        """Let go of what the driver itself holds (files, sockets, threads); the slivers stay."""
