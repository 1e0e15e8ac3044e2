"""The container driver's verbs, as the node manager calls them."""

import os
import socket
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

from attrs import evolve

from node_manager.drivers import DriverError, Found, Owner, Sliver, Stats
from node_manager.drivers.container import commons, firewall, sockets
from node_manager.drivers.container.builder import Builder
from node_manager.drivers.container.capabilities import given
from node_manager.drivers.container.cgroups import Groups
from node_manager.drivers.container.ids import Ids
from node_manager.drivers.container.living import Living
from node_manager.drivers.container.look import Looker
from node_manager.drivers.container.pool import Pool
from node_manager.drivers.container.records import Record, Records
from node_manager.drivers.container.room import Room, find_desk
from node_manager.drivers.container.run import LIMIT
from node_manager.drivers.container.runtime import Attached, Ended, Runtime
from node_manager.drivers.container.settings import ContainerSettings
from node_manager.drivers.container.shaping import Tree
from node_manager.drivers.container.sharing import Sharing
from node_manager.drivers.container.sockets import Hears
from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec

P = ParamSpec("P")
T = TypeVar("T")


class ContainerDriver:
    """A `Driver` that makes real slivers. Each verb does its work in the room and waits for it."""

    name = "container"

    def __init__(self, settings: ContainerSettings, now: Callable[[], float]) -> None:
        """``now`` gives seconds since the epoch. Raises `DriverError` when this machine cannot make slivers."""
        os.makedirs(settings.work, exist_ok=True, mode=0o711)
        if settings.api:
            os.makedirs(settings.api, exist_ok=True, mode=0o755)
        self._ids = Ids(settings)
        settings = evolve(settings, first_uid=self._ids.first)
        self._settings = settings
        self._records = Records(settings)
        desk = find_desk(settings.work, settings.images)
        pool = Pool(settings, self._records, desk)
        self._living = Living()
        self._room = Room(settings.netns, desk, settings.at_once, pool.mount)
        try:
            groups, tree = self._do(Groups, self._room.desk, settings.reserve), Tree(settings)
            self._looker = Looker(settings, self._records, pool, groups, tree, self._living)
            self._groups = groups
            self._builder = Builder(
                settings=settings,
                now=now,
                room=self._room,
                records=self._records,
                pool=pool,
                runtime=Runtime(Path(settings.work, "runtime")),
                groups=groups,
                sharing=Sharing(groups),
                tree=tree,
                looker=self._looker,
            )
            self._do(commons.widen, settings)
            self._do(firewall.raise_, settings)
            self._do(tree.plant)
            self._do(self._builder.adopt)
        except BaseException:
            self.close()
            raise

    def look(self) -> dict[SliceName, Found]:
        return self._do(self._looker.look)

    def look_at(self, name: SliceName) -> Found | None:
        return self._do(self._looker.look_at, name)

    def create(self, sliver: Sliver) -> tuple[str, ...]:
        return self._do(self._builder.create, sliver)

    def start(self, name: SliceName) -> None:
        self._do(self._builder.start, self._must(name, "start"))

    def stop(self, name: SliceName) -> None:
        if record := self._records.read(name):
            self._do(self._builder.stop, record)

    def halt(self) -> None:
        self._do(self._builder.halt)

    def destroy(self, name: SliceName) -> None:
        self._do(self._builder.destroy, name)

    def set_limits(self, name: SliceName, rspec: ResourceSpec) -> tuple[str, ...]:
        record = self._must(name, "limit")
        return self._do(self._builder.rebind, record, evolve(record.sliver, rspec=rspec))

    def set_initscript(self, name: SliceName, initscript: str) -> None:
        record = self._must(name, "give an initscript to")
        self._do(self._builder.rebind, record, evolve(record.sliver, initscript=initscript))

    def attach_keys(self, name: SliceName, keys: tuple[str, ...]) -> None:
        record = self._must(name, "give keys to")
        self._do(self._builder.rebind, record, evolve(record.sliver, keys=keys))

    def owners(self) -> list[Owner]:
        return self._do(self._looker.owners)

    def stats(self, name: SliceName) -> Stats:
        return self._do(self._looker.stats, name)

    def sample(self, names: Collection[SliceName]) -> dict[SliceName, Stats]:
        self._do(self._builder.trim, names)  # asked for every few seconds, so consoles stay small
        self._do(self._builder.pool.settle)
        return self._do(self._looker.sample, names)

    def console(self, name: SliceName) -> str:
        record = self._records.read(name)
        return self._do(self._builder.said, record) if record else ""

    def enter(self, name: SliceName, command: Sequence[str], given: str = "", limit: float = LIMIT) -> Ended:
        """Run ``command`` inside as root, with ``given`` as its input, for ``limit`` seconds at most."""
        record = self._must(name, "run a program in")
        if not self._looker.init(record):
            raise DriverError(f"cannot run a program in {name}: it does not run")
        return self._do(self._builder.enter, record, command, given, limit)

    def attach(
        self,
        name: SliceName,
        command: str,
        files: Sequence[int],
        terminal: bool = False,
        environment: tuple[tuple[str, str], ...] = (),
    ) -> Attached:
        """Run the slice's user's shell inside, on three descriptors (a terminal's, when it is one); does not wait.

        ``command`` is what the shell is told, "" makes it a login shell.
        """
        record = self._must(name, "enter")
        if not self._looker.init(record):
            raise DriverError(f"cannot enter {name}: it does not run")
        return self._do(self._builder.attach, record, command, files, terminal, environment)

    def listen(self, name: SliceName, address: str, port: int) -> socket.socket:
        """A TCP socket that listens at ``address`` of the sliver's own network; to be closed when the sliver stops."""
        record = self._must(name, "listen in")
        if not (pid := self._looker.init(record)):
            raise DriverError(f"cannot listen in {name}: it does not run")
        return self._do(sockets.within, self._room, pid, lambda: sockets.listening(address, port))

    def safe_raw(self, name: SliceName, hears: Hears, number: int) -> socket.socket:
        """A raw socket of the sliver's own network that hears one port or identifier; see `sockets.safe_raw`."""
        record = self._must(name, "open a socket in")
        if not (pid := self._looker.init(record)):
            raise DriverError(f"cannot open a socket in {name}: it does not run")
        if not given(record.sliver.rspec.capability_names, self._settings.capabilities).raw:
            raise DriverError(f"{name} may not have raw sockets; its authority can give it the capability NET_RAW")
        return self._do(sockets.within, self._room, pid, lambda: sockets.safe_raw(hears, number))

    def dropped(self) -> dict[str, int]:
        """Packets that the node dropped, by why: spoofed sources and ports, options, pings, flows too many…"""
        return self._do(firewall.dropped)

    def most_disk(self) -> int:
        """KiB that one sliver's files may take here, whatever it was promised; 0 where nothing holds them."""
        return self._builder.pool.most // 1024

    def freeze(self, name: SliceName, frozen: bool) -> None:
        """Suspend all its processes, or let them go on."""
        self._do(self._groups.freeze, self._must(name, "freeze").group, frozen)

    def leave(self) -> None:
        """Take the node's own rules and classes away too; for a node that will have no slivers any more."""
        self._do(firewall.lower)
        self._do(self._builder.tree.uproot)

    def close(self) -> None:
        self._room.close()
        self._living.close()
        self._ids.close()

    def _do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self._room.do(function, *args, **kwargs)
        except OSError as error:
            raise DriverError(str(error)) from error

    def _must(self, name: SliceName, verb: str) -> Record:
        record = self._records.read(name)
        if record is None:
            raise DriverError(f"cannot {verb} {name}: there is no such sliver")
        return record
