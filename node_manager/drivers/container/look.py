"""What there is of each sliver, read from the kernel and from its folder; nothing here changes anything."""

import os
from collections.abc import Collection, Container, Mapping
from contextlib import suppress
from pathlib import Path

from attrs import field, frozen

from node_manager.drivers import Found, Owner, OwnerKind, State, Stats
from node_manager.drivers.container import kernel, links
from node_manager.drivers.container.cgroups import Groups
from node_manager.drivers.container.living import Living
from node_manager.drivers.container.pool import Pool
from node_manager.drivers.container.recent import Recent, together
from node_manager.drivers.container.records import Record, Records, Stage
from node_manager.drivers.container.settings import UIDS, ContainerSettings
from node_manager.drivers.container.shaping import Tree
from planetlab.names import SliceName

_PAGE = os.sysconf("SC_PAGE_SIZE")
_FILES_AGE, _FILES_TIMES = 5.0, 50.0  # to walk over a sliver's files may take 2 % of one processor, no more


@frozen
class _Seen:
    """What the kernel said of all slivers at one moment; of one alone it is asked anew."""

    links: Container[str] = field(factory=links.Present)  # interfaces of the node's network
    pids: Mapping[SliceName, int] | None = None  # first processes that live; None: to be asked


class Looker:
    """Reads the state of slivers. Run in the room."""

    def __init__(
        self,
        settings: ContainerSettings,
        records: Records,
        pool: Pool,
        groups: Groups,
        tree: Tree,
        living: Living,
    ) -> None:
        self.settings = settings
        self.records = records
        self.groups = groups
        self._pool = pool
        self._sent = together(tree.sent)
        self._links = together(links.counters)
        self._files: dict[SliceName, Recent[int]] = {}
        self._living = living

    def look(self) -> dict[SliceName, Found]:
        seen = self._seen()
        found = ((name, self.look_at(name, seen)) for name in self.records.names())
        return {name: there for name, there in found if there}

    def look_at(self, name: SliceName, seen: _Seen = _Seen()) -> Found | None:
        record = self.records.read(name)
        if record is None:
            return Found(slice=name, state=State.HALF) if self.records.folder(name).exists() else None
        uid = record.slot.uid(self.settings)
        state = self.state(record, seen)
        if state is State.HALF:
            return Found(slice=name, state=state, uid=uid, uids=UIDS)
        return Found(
            slice=name,
            state=state,
            sliver=record.sliver,
            uid=uid,
            uids=UIDS,
            since=record.changed,
            unbound=record.unbound,
        )

    def state(self, record: Record, seen: _Seen = _Seen()) -> State:
        """Running needs the first process and the link; processes without either are remains."""
        if record.stage is not Stage.MADE:
            return State.HALF
        if self.init(record, seen):
            return State.RUNNING if record.slot.interface in seen.links else State.HALF
        return State.HALF if self.groups.pids(record.group) else State.STOPPED

    def init(self, record: Record, seen: _Seen = _Seen()) -> int:
        """The number of the sliver's first process, 0 when it does not run.

        The number alone may long be another's; only in the sliver's own group is it believed.
        """
        name = record.sliver.slice
        if known := self._living.pid(name) if seen.pids is None else seen.pids.get(name, 0):
            return known
        with suppress(OSError, ValueError):
            pid = int(kernel.told(f"{self.records.folder(name)}/init.pid"))
            if self._living.see(name, pid, lambda: _is_in(pid, record.group)):
                return pid
        return 0

    def owners(self) -> list[Owner]:
        seen = self._seen()
        found: list[Owner] = []
        for name in self.records.names():
            record = self.records.read(name)
            if record and self.state(record, seen) is State.RUNNING:
                found += self._owners(record)
        return found

    def _seen(self) -> _Seen:
        return _Seen(set(links.counters()), self._living.pids())

    def stats(self, name: SliceName) -> Stats:
        record = self.records.read(name)
        if record is None:
            return Stats()
        used = self.groups.used(record.group)
        pids = self.groups.pids(record.group)
        processes = [_status(pid) for pid in pids]
        sent = self._sent.get()
        taken, given = self._links.get().get(record.slot.interface, (0, 0))
        return Stats(
            cpu=used.cpu,
            memory=sum(int(fields[21]) for fields in processes) * _PAGE,
            virtual=sum(int(fields[20]) for fields in processes),
            processes=len(pids),
            active=sum(fields[0] in "RD" for fields in processes),
            disk=self._disk(name),
            sent=sent.get(record.slot.ordinary, 0),
            sent_exempt=sent.get(record.slot.exempt, 0),
            received=given,
            address=str(links.address(self.settings, record.slot)),
        )

    def sample(self, names: Collection[SliceName]) -> dict[SliceName, Stats]:
        return {name: self.stats(name) for name in names}

    def _disk(self, name: SliceName) -> int:
        if (used := self._pool.used(name)) is not None:
            return used
        folder = self._pool.folder(name) / "up"
        files = self._files.setdefault(name, Recent(lambda: allocated(folder), _FILES_AGE, _FILES_TIMES))
        return files.get()

    def _owners(self, record: Record) -> list[Owner]:
        slot = record.slot
        tags = [
            (OwnerKind.INTERFACE, slot.interface),
            (OwnerKind.ADDRESS, str(links.address(self.settings, slot))),
            (OwnerKind.MARK, str(slot.mark)),
        ]
        if identity := self.groups.identity(record.group):
            tags.append((OwnerKind.CGROUP, str(identity & 0xFFFFFFFF)))
        return [Owner(slice=record.sliver.slice, kind=kind, tag=tag) for kind, tag in tags]


def _is_in(pid: int, group: str) -> bool:
    """Whether a process runs and stands in this control group."""
    groups = kernel.told(f"/proc/{pid}/cgroup").splitlines()
    return any(line.endswith(f":{group}") for line in groups) and _status(pid)[0] != "Z"


def _status(pid: int) -> list[str]:
    """Fields 3 and up of proc(5) /proc/PID/stat: state first; a process that is gone reads as idle and empty."""
    with suppress(OSError):
        return kernel.told(f"/proc/{pid}/stat").rpartition(") ")[2].split()
    return ["Z"] + ["0"] * 49


def allocated(folder: Path) -> int:
    """Bytes allocated to the files below ``folder``."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in ("", *names):
            with suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
    return total
