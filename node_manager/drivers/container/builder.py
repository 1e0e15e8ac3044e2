"""Making, starting, rebinding and ending one sliver.

A making goes: folder, slot and record; own directories. A start: control group, link, classes of bandwidth, firewall,
root file system with keys and script, processes. Each undoes itself when it fails; what a sudden death left is cleared
by the next start or end, since all its traces follow from the name and the slot in the record. Run in the room.
"""

import errno
import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import evolve, frozen

from node_manager.drivers import DriverError, Sliver, State
from node_manager.drivers.container import bundle, commons, conntrack, console, firewall, guest, links
from node_manager.drivers.container.cgroups import Groups
from node_manager.drivers.container.files import lay_out, machine, mounted, user_namespace
from node_manager.drivers.container.images import image, init_program
from node_manager.drivers.container.inside import inside
from node_manager.drivers.container.limits import Limits, limits
from node_manager.drivers.container.look import Looker
from node_manager.drivers.container.pool import Pool
from node_manager.drivers.container.records import Record, Records, Stage
from node_manager.drivers.container.room import Room
from node_manager.drivers.container.run import LIMIT
from node_manager.drivers.container.runtime import Attached, Ended, Runtime
from node_manager.drivers.container.settings import ContainerSettings, group
from node_manager.drivers.container.shaping import Tree
from node_manager.drivers.container.sharing import Sharing
from planetlab.failpoints import failpoint
from planetlab.names import SliceName

_FAREWELL = 2.0  # seconds that a slice's own script gets to stop


@frozen(kw_only=True)
class Builder:
    """The steps, over everything the node has for them."""

    settings: ContainerSettings
    now: Callable[[], float]
    room: Room
    records: Records
    pool: Pool
    runtime: Runtime
    groups: Groups
    sharing: Sharing
    tree: Tree
    looker: Looker

    def adopt(self) -> None:
        """Take note of the slivers that ran before this program did."""
        for name in self.records.names():
            record = self.records.read(name)
            if record and self.looker.init(record):
                bound = self._limits(record.sliver)
                self.sharing.know(name, record.group, bound.bounds, bound.asks)

    def create(self, sliver: Sliver) -> tuple[str, ...]:
        base = image(self.settings.images, sliver.vref)
        before = self.records.read(sliver.slice)
        if before and before.sliver.vref != sliver.vref:
            self.destroy(sliver.slice)  # a slice's new family means new files, as it always has
            before = None
        if before and before.stage is not Stage.MAKING:
            return self.rebind(before, sliver)
        slot, bound = self.records.claim(sliver.slice), self._limits(sliver)
        record = Record(
            sliver=sliver,
            slot=slot,
            group=group(self.settings, str(sliver.slice)),
            stage=Stage.MAKING,
            changed=self.now(),
        )
        self.records.write(record)
        try:
            self.pool.make(sliver.slice)
            failpoint("sliver.half")
            with self.pool.opened(sliver.slice, bound.disk):
                lay_out(self.pool.folder(sliver.slice), base, slot.uid(self.settings))
        except (OSError, DriverError):
            self.pool.remove(sliver.slice)
            self.records.drop(sliver.slice, slot)
            raise
        record = evolve(record, stage=Stage.MADE, unbound=self._unbound(sliver.slice, bound))
        self.records.write(record)
        failpoint("sliver.made")
        return record.unbound

    def start(self, record: Record) -> None:
        if record.stage is Stage.MAKING:
            raise DriverError(f"cannot start {record.sliver.slice}: it was never completed; create it again")
        state = self.looker.state(record)
        if state is State.RUNNING:
            return
        if state is State.HALF:
            self._end(record)
        self.records.write(evolve(record, stage=Stage.STARTING))
        try:
            unheld = self._run(record)
        except BaseException:
            self._end(record)
            self.records.write(evolve(record, stage=Stage.MADE))
            raise
        unbound = tuple(dict.fromkeys((*record.unbound, *unheld)))
        self.records.write(evolve(record, stage=Stage.MADE, changed=self.now(), unbound=unbound))

    def stop(self, record: Record) -> None:
        state = self.looker.state(record)
        ended = not (self.records.folder(record.sliver.slice) / "init.pid").exists()
        if (state is State.STOPPED and ended) or record.stage is Stage.MAKING:
            return  # one that died by itself still holds classes and rules
        if state is State.RUNNING and record.sliver.initscript:
            with suppress(DriverError):  # a slice cannot keep itself alive by a script that hangs
                self.enter(record, ("/bin/sh", guest.VINIT, "stop"), limit=_FAREWELL)
        self._end(record)
        self.records.write(evolve(record, stage=Stage.MADE, changed=self.now()))

    def halt(self) -> None:
        """Kill every first process, with which all others of its sliver die."""
        for name in self.records.names():
            record = self.records.read(name)
            if record and (pid := self.looker.init(record)):
                self.groups.freeze(record.group, False)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def destroy(self, name: SliceName) -> None:
        record = self.records.read(name)
        if record:
            self._end(record)
        self.pool.remove(name)
        self.records.drop(name, record.slot if record else None)

    def rebind(self, record: Record, sliver: Sliver) -> tuple[str, ...]:
        """Hold the sliver to what ``sliver`` says; what runs goes on."""
        before, bound = record.sliver, self._limits(sliver)
        record = evolve(record, sliver=sliver, unbound=self._unbound(sliver.slice, bound))
        if pid := self.looker.init(record):
            if before.rspec != sliver.rspec:
                unheld = self._bind(record, bound, self._limits(before))
                record = evolve(record, unbound=(*record.unbound, *unheld))
            try:
                self._put(record, before, pid)
            except OSError as error:
                if error.errno not in (errno.EDQUOT, errno.ENOSPC):
                    raise
                self._put_though_full(record, before, pid, bound)
            if before.initscript != sliver.initscript:
                self.enter(record, guest.vinit("restart"))
        self.records.write(record)
        return record.unbound

    def _put(self, record: Record, before: Sliver, pid: int) -> None:
        """Keys and script of a sliver that runs, where they are others than before."""
        sliver = record.sliver
        with inside(f"/proc/{pid}/root", record.slot.uid(self.settings)) as files:
            if before.keys != sliver.keys:
                guest.put_keys(files, sliver)
            if before.initscript != sliver.initscript:
                guest.put_initscript(files, sliver)

    def _put_though_full(self, record: Record, before: Sliver, pid: int, bound: Limits) -> None:
        """The same for one whose disk is full; it is held still, so that nothing else uses the room."""
        self.groups.freeze(record.group, True)
        try:
            with self.pool.opened(record.sliver.slice, bound.disk):
                self._put(record, before, pid)
        finally:
            self.groups.freeze(record.group, False)

    def enter(self, record: Record, command: Sequence[str], given: str = "", limit: float = LIMIT) -> Ended:
        """Run ``command`` inside as root and wait for its end."""
        described = bundle.process(self._limits(record.sliver), command)
        door = self.groups.door(record.group)
        return self.runtime.enter(str(record.sliver.slice), described, door, given, limit)

    def attach(
        self,
        record: Record,
        command: str,
        files: Sequence[int],
        terminal: bool,
        environment: tuple[tuple[str, str], ...],
    ) -> Attached:
        """Run the slice user's shell with ``command``, or as a login shell when it is "", on three descriptors."""
        name, home = str(record.sliver.slice), f"/home/{record.sliver.slice}"
        with inside(f"/proc/{self.looker.init(record)}/root", record.slot.uid(self.settings)) as own:
            shell = guest.shell(own, name)
            home = home if own.status(home) else "/"
        if command == guest.SSHD:
            described = bundle.process(self._limits(record.sliver), guest.sshd())
            return self.runtime.attach(name, described, self.groups.door(record.group), files)
        told = (*environment, ("LOGNAME", name), ("USER", name), ("SHELL", shell))
        who = bundle.Who(uid=guest.USER, gid=guest.GROUP, home=home, environment=told)
        words = (shell, "-c", command) if command else (shell, "-l")
        if terminal and command:
            words = (*guest.LINGER, *words)
        described = bundle.process(self._limits(record.sliver), words, who, terminal)
        return self.runtime.attach(name, described, self.groups.door(record.group), files)

    def _unbound(self, name: SliceName, bound: Limits) -> tuple[str, ...]:
        """Hold the sliver's files to their size, and name what nothing holds."""
        held = self.pool.unheld if self.pool.bind(name, bound.disk) else ("disk_max",)
        return (*bound.unheld, *held)

    def _limits(self, sliver: Sliver) -> Limits:
        return limits(sliver.rspec, self.settings)

    def _run(self, record: Record) -> tuple[str, ...]:
        """Everything a running sliver has, in an order in which nothing runs before it is bound.

        Gives the names of rspec keys that cannot be held at the moment.
        """
        bound = self._limits(record.sliver)
        self.groups.make(record.group)
        unheld = self.sharing.enter(record.sliver.slice, record.group, bound.bounds, bound.asks)
        network = links.make(self.room, self.settings, record.slot)
        try:
            self.tree.bind(record.slot, bound.ordinary, bound.exempt)
            firewall.admit(self.settings, record.slot, bound.ports)
            failpoint("sliver.bound")
            with machine(self.room, str(record.sliver.slice), network) as seen:
                self._boot(record, bound, f"/proc/{os.getpid()}/fd/{network}", seen)
        finally:
            os.close(network)
        if record.sliver.initscript:
            self.enter(record, guest.vinit("start"))
        return unheld

    def _boot(self, record: Record, bound: Limits, network: str, seen: Mapping[str, str]) -> None:
        """Mount, furnish, describe and run; ``seen`` is what it sees of the machine."""
        folder = self.records.folder(record.sliver.slice)
        hostname = self.settings.hostname or socket.gethostname()
        base, uid = image(self.settings.images, record.sliver.vref), record.slot.uid(self.settings)
        own = self.pool.folder(record.sliver.slice)
        with (
            user_namespace(uid, commons.hold(self.settings)) as ids,
            self.pool.opened(record.sliver.slice, bound.disk) as shut,
            mounted(self.room.desk, own, base, ids) as root,
        ):
            with inside(root, uid) as files:
                if self.settings.api:
                    guest.put_sockets(files)
                guest.furnish(files, record.sliver, hostname, self.settings.nameservers or _nameservers())
            place = bundle.Place(
                root=root,
                machine=seen,
                api=self.settings.api,
                init=init_program(),
                network=network,
                users=f"/proc/{os.getpid()}/fd/{ids}",
                group=record.group,
                hostname=hostname,
            )
            (folder / "config.json").write_text(json.dumps(bundle.config(place, bound)), "utf-8")
            name, words = str(record.sliver.slice), f"the node starts {record.sliver.slice}"
            with (
                inside(root, uid) as files,
                console.opened(files, words, self.now(), self.settings.console) as said,
            ):
                shut()
                self.runtime.start(name, folder, self.groups.door(record.group), said)
        self._hold(record, bound)

    def trim(self, names: Iterable[SliceName]) -> None:
        """Keep slivers' consoles small. What a slice made of its own is no reason to fail."""
        for record in filter(None, map(self.records.read, names)):
            with suppress(OSError, DriverError):
                if pid := self.looker.init(record):
                    with inside(f"/proc/{pid}/root", record.slot.uid(self.settings)) as files:
                        console.trim(files, self.settings.console)

    def said(self, record: Record) -> str:
        """The last words on the sliver's console, also of one that does not run."""
        own = str(self.pool.folder(record.sliver.slice) / "up")
        with suppress(OSError), inside(own, record.slot.uid(self.settings)) as files:
            return console.last(files, self.settings.console)
        return ""

    def _bind(self, record: Record, bound: Limits, before: Limits) -> tuple[str, ...]:
        if bound.ports != before.ports:
            firewall.reserve(self.settings, record.slot, bound.ports, before.ports)
        unheld = self.sharing.enter(record.sliver.slice, record.group, bound.bounds, bound.asks)
        self.tree.bind(record.slot, bound.ordinary, bound.exempt)
        self._hold(record, bound)
        return unheld

    def _hold(self, record: Record, bound: Limits) -> None:
        """Bind the limits of each process that runs."""
        for pid in self.groups.pids(record.group):
            for name, soft, hard in bound.rlimits:
                with suppress(ProcessLookupError, PermissionError):  # gone; or raising needs what we lack
                    resource.prlimit(pid, getattr(resource, name), (soft, hard))

    def _end(self, record: Record) -> None:
        """Leave nothing that runs or that packets could use; each part that is gone already is fine."""
        if pid := self.looker.init(record):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # the others in its process namespace die with it
        self.sharing.leave(record.sliver.slice)
        self.groups.remove(record.group)
        links.remove(record.slot)
        firewall.shut_out(self.settings, record.slot, self._limits(record.sliver).ports)
        conntrack.forget(record.slot.mark)
        self.tree.remove(record.slot)
        self.runtime.forget(str(record.sliver.slice))
        (self.records.folder(record.sliver.slice) / "init.pid").unlink(missing_ok=True)


def _nameservers() -> tuple[str, ...]:
    """The node's own, without those that only the node itself can reach."""
    with suppress(OSError):
        rows = (row.split() for row in Path("/etc/resolv.conf").read_text("utf-8").splitlines())
        named = (row[1] for row in rows if row[:1] == ["nameserver"] and len(row) > 1)
        return tuple(address for address in named if not address.startswith(("127.", "::1")))
    return ()
