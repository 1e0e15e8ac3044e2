"""Control groups: one path for a sliver, held in whatever hierarchies this kernel has.

Version 2 alone, version 1 alone, and both (hybrid) are the same to the callers; a name that only one of them knows is
translated here. Paths are those below each hierarchy's root, beginning with a slash. All of it runs in the room.
"""

import errno
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from threading import Lock

from attrs import frozen

from node_manager.drivers import DriverError
from node_manager.drivers.container import kernel

TOP = "/sys/fs/cgroup"
PERIOD = 100_000  # microseconds over which a cap on processor time is kept
_FAIR, _MOST_WEIGHT = 100, 10_000  # what one program or group of the node itself weighs; the kernel's bound
_MOST_SHARES = 262_144  # the bound of version 1
_DYNAMIC = "favordynmods"
_NEEDED = ("cpu", "memory", "pids")
_SOCKETS = "memory.kmem.tcp.limit_in_bytes"
_SOCKETS_PART = 4  # of a sliver's memory, as a divisor, its sockets may hold beside it
_ALL_SOCKETS_PART = 16  # the kernel lets all sockets of a machine hold 3/32 of its memory (tcp(7), tcp_mem)
_STILL = 2.0  # seconds in which a group's processes come to a stand
_PATIENCE = 5.0  # seconds for killed processes to leave a group; measured: 12 ms at most with 1,000 groups


@frozen(kw_only=True)
class Bounds:
    """What a group is held to. None leaves the kernel's default: no bound."""

    weight: int  # of processor time; 100 is a fair share
    cores: float | None = None  # most processor time, in cores
    cpus: str = ""  # list of processors it may run on, "" for all
    memory: int | None = None  # bytes, swap included
    processes: int | None = None


@frozen
class Used:
    """What a group has used."""

    cpu: float  # seconds
    memory: int  # bytes
    processes: int


@frozen
class Whole:
    """What all slivers together have of the machine."""

    weight: int  # of processor time, beside 100 of each program or group of the node
    memory: int  # bytes
    processes: int
    sockets: int  # bytes

    @classmethod
    def of_machine(cls, reserve: float) -> "Whole":
        """All but ``reserve``, a part from 0 to 1."""
        part = 1 - reserve
        most = min(int(_read(f"/proc/sys/kernel/{name}")) for name in ("threads-max", "pid_max"))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        weight = _FAIR * part / reserve if reserve > 0 else _MOST_WEIGHT
        memory = int(memory * part)
        return cls(max(1, min(_MOST_WEIGHT, round(weight))), memory, int(most * part), memory // _ALL_SOCKETS_PART)


class Groups:
    """The hierarchies of this kernel."""

    def __init__(self, desk: str, reserve: float = 0.0, top: str = TOP) -> None:
        """``desk``: the room's, below which the v2 half of a hybrid is bound; ``top``: where the kernel shows groups.

        ``reserve``: part of the machine, 0 to 1, that the groups below one level together leave to the node.
        """
        self._top = top
        self._whole = Whole.of_machine(reserve)
        self.v2_only = os.path.exists(f"{self._top}/cgroup.controllers")
        self.v2 = self._top if self.v2_only else f"{desk}/unified"
        if not os.path.exists(f"{self.v2}/cgroup.procs"):
            self.v2 = ""
        self.v1: dict[str, str] = {} if self.v2_only else dict(_v1_hierarchies(top))
        self._levels = Lock()  # a level that is empty goes, unless somebody just puts a group into it
        if self.v2:
            _favour_changes(self.v2)
        missing = [name for name in _NEEDED if not self._has(name)]
        if missing:
            raise DriverError(f"this kernel's control groups lack {', '.join(missing)}")

    def make(self, path: str) -> None:
        """The group at ``path`` in every hierarchy."""
        with self._levels:
            for root in self._roots():
                os.makedirs(root + path, exist_ok=True)
            if self.v2_only:
                self._hand_down(path)
            if "cpuset" in self.v1:
                _inherit_cpus(self.v1["cpuset"], path)
            self._keep(os.path.dirname(path))

    def bind(self, path: str, bounds: Bounds) -> None:
        """Hold the group to ``bounds``, at once."""
        quota = -1 if bounds.cores is None else round(bounds.cores * PERIOD)
        self.share(path, bounds.weight, bounds.cpus)
        if self.v2_only:
            self._write(path, "cpu.max", f"{'max' if quota < 0 else quota} {PERIOD}")
            self._write(path, "memory.max", _or_max(bounds.memory))
            self._write(path, "memory.swap.max", "max" if bounds.memory is None else 0, optional=True)
            self._write(path, "pids.max", _or_max(bounds.processes))
            return
        self._write_v1("cpu", path, "cpu.cfs_period_us", PERIOD)
        self._write_v1("cpu", path, "cpu.cfs_quota_us", quota)
        self._bind_memory_v1(path, -1 if bounds.memory is None else bounds.memory)
        self._bind_sockets_v1(path, -1 if bounds.memory is None else bounds.memory // _SOCKETS_PART)
        self._write_v1("pids", path, "pids.max", _or_max(bounds.processes))

    def share(self, path: str, weight: int, cpus: str) -> None:
        """Give the group its part of the processors, at once. No such group: nothing to do."""
        with suppress(FileNotFoundError):
            if self.v2_only:
                self._write(path, "cpu.weight", max(1, min(10_000, weight)))
                self._put_on(path, cpus)
                return
            self._write_v1("cpu", path, "cpu.shares", max(2, min(_MOST_SHARES, weight * 1024 // 100)))
            if "cpuset" in self.v1:
                self._write_v1("cpuset", path, "cpuset.cpus", cpus or self.online())

    def _put_on(self, path: str, cpus: str) -> None:
        """Processors of a version 2 group; "" for all, which no group with processes in it may be told by no word."""
        file = f"{self._top}{path}/cpuset.cpus"
        if cpus or (os.path.exists(file) and _read(file)):
            _write_file(file, cpus or self.online())

    def online(self) -> str:
        """The processors there are to give, as the kernel lists them."""
        name = "cpuset.cpus.effective" if self.v2_only else "cpuset.cpus"
        return _read(f"{self._top if self.v2_only else self.v1.get('cpuset', '')}/{name}")

    def pids(self, path: str) -> list[int]:
        """The processes in the group, as numbered on the node; none when there is no such group."""
        return list(_pids_below(self._main() + path))

    def identity(self, path: str) -> int:
        """The number the kernel gives the group's v2 half, 0 when there is none."""
        with suppress(OSError):
            return os.stat(self.v2 + path).st_ino if self.v2 else 0
        return 0

    def used(self, path: str) -> Used:
        """What the group has used since it was made; zeros when there is none."""
        with suppress(OSError):
            if self.v2_only:
                cpu = dict(line.split() for line in _read(f"{self._top}{path}/cpu.stat").splitlines())["usage_usec"]
                memory = _read(f"{self._top}{path}/memory.current")
                return Used(int(cpu) / 1e6, int(memory), int(_read(f"{self._top}{path}/pids.current")))
            nanoseconds = _read(f"{self.v1['cpuacct']}{path}/cpuacct.usage")
            memory = _read(f"{self.v1['memory']}{path}/memory.usage_in_bytes")
            return Used(int(nanoseconds) / 1e9, int(memory), int(_read(f"{self.v1['pids']}{path}/pids.current")))
        return Used(0.0, 0, 0)

    def freeze(self, path: str, frozen_: bool) -> None:
        """Suspend or resume every process of the group. No such group: nothing to do.

        Suspended they are when this returns, but for one that the kernel holds in the middle of something.
        """
        with suppress(FileNotFoundError):
            if self.v2_only:
                self._write(path, "cgroup.freeze", int(frozen_))
            else:
                self._write_v1("freezer", path, "freezer.state", "FROZEN" if frozen_ else "THAWED")
            until = time.monotonic() + _STILL
            while frozen_ and not self._is_still(path) and time.monotonic() < until:
                time.sleep(0.002)

    def _is_still(self, path: str) -> bool:
        if self.v2_only:
            return "frozen 1" in _read(f"{self._top}{path}/cgroup.events")
        return _read(f"{self.v1['freezer']}{path}/freezer.state") == "FROZEN"

    def door(self, path: str) -> str:
        """The file by which a process enters the v2 half of the group; "" where the runtime sees to it."""
        return f"{self.v2}{path}/cgroup.procs" if self.v2 and not self.v2_only else ""

    def remove(self, path: str) -> None:
        """End every process in the group and take the group away, in every hierarchy; done already is done.

        Raises `DriverError` when a process does not die, which means that it hangs in the kernel.
        """
        deadline = time.monotonic() + _PATIENCE
        self.freeze(path, False)  # a frozen process cannot die (v1)
        while True:
            for pid in self.pids(path):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            left = [root for root in self._roots() if not _remove_tree(root + path)]
            if not left:
                break
            if time.monotonic() > deadline:
                raise DriverError(f"processes {self.pids(path)} of group {path} do not end")
            time.sleep(0.002)
        with self._levels:
            for level in PurePosixPath(path).parents[:-1]:
                for root in self._roots():
                    with suppress(OSError):  # others are still in it
                        os.rmdir(f"{root}{level}")

    def _keep(self, level: str) -> None:
        """Hold a level to what the node does not need for itself.

        Of processor time the node has its part by weight, when it wants it: under a cap on all slivers together the
        greedy would use up what their neighbours need.
        """
        if level == "/":
            return
        if self.v2_only:
            self._write(level, "cpu.weight", self._whole.weight)
            self._write(level, "memory.max", self._whole.memory)
            self._write(level, "pids.max", self._whole.processes)
        else:  # beside it stand single sessions, each with its weight on the processor where it runs
            shares = self._whole.weight * 1024 // 100 * (os.cpu_count() or 1)
            self._write_v1("cpu", level, "cpu.shares", min(_MOST_SHARES, shares))
            self._write_v1("pids", level, "pids.max", self._whole.processes)
            with suppress(OSError):  # more is in use at the moment, from before the owner said so
                self._write_v1("memory", level, "memory.limit_in_bytes", self._whole.memory)
            self._bind_sockets_v1(level, self._whole.sockets)

    def _has(self, controller: str) -> bool:
        if self.v2_only:
            return controller in _read(f"{self._top}/cgroup.controllers").split()
        return controller in self.v1

    def _main(self) -> str:
        return self._top if self.v2_only else self.v1["pids"]

    def _roots(self) -> list[str]:
        return sorted({*self.v1.values(), *([self.v2] if self.v2 else [])})

    def _hand_down(self, path: str) -> None:
        """Let every level above ``path`` give its controllers to the next (cgroup v2 does not by itself)."""
        level = self._top
        for part in path.strip("/").split("/"):
            have = _read(f"{level}/cgroup.controllers").split()
            given = _read(f"{level}/cgroup.subtree_control").split()
            for controller in (*_NEEDED, "cpuset", "io"):
                if controller in have and controller not in given:
                    self._give(level, controller)
            level = f"{level}/{part}"

    def _give(self, level: str, controller: str) -> None:
        """Let the groups below have a controller. Where programs stand, as our own unit's do, they step aside first."""
        try:
            _write_file(f"{level}/cgroup.subtree_control", f"+{controller}")
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            os.makedirs(f"{level}/manager", exist_ok=True)
            for pid in _read(f"{level}/cgroup.procs").split():
                with suppress(ProcessLookupError):
                    _write_file(f"{level}/manager/cgroup.procs", pid)
            _write_file(f"{level}/cgroup.subtree_control", f"+{controller}")

    def _bind_memory_v1(self, path: str, octets: int) -> None:
        """Memory with swap may not be below memory alone, so the order depends on the direction of the change."""
        both = f"{self.v1['memory']}{path}/memory.memsw.limit_in_bytes"
        if not os.path.exists(both):  # swap accounting is off
            return self._write_v1("memory", path, "memory.limit_in_bytes", octets)
        with suppress(OSError):
            self._write_v1("memory", path, "memory.limit_in_bytes", octets)
        _write_file(both, octets)
        return self._write_v1("memory", path, "memory.limit_in_bytes", octets)

    def _bind_sockets_v1(self, path: str, octets: int) -> None:
        """What waits in sockets is not counted as memory in version 1, and for all of the machine there is only so much
        of it: who reads nothing of what is sent to it could take that.
        """
        if os.path.exists(f"{self.v1['memory']}{path}/{_SOCKETS}"):
            self._write_v1("memory", path, _SOCKETS, octets)

    def _write(self, path: str, name: str, value: object, optional: bool = False) -> None:
        if not optional or os.path.exists(f"{self._top}{path}/{name}"):
            _write_file(f"{self._top}{path}/{name}", value)

    def _write_v1(self, controller: str, path: str, name: str, value: object) -> None:
        _write_file(f"{self.v1[controller]}{path}/{name}", value)


def _favour_changes(v2: str) -> None:
    """Let processes change their group at once (Linux 6.0): else each change waits for all processors, 12 ms measured,
    and every other waits for it. The price is a little more work at each fork. All hierarchies go by this one's switch.
    """
    with open("/proc/thread-self/mountinfo", encoding="utf-8") as mounts:
        told = next((line.rstrip().rpartition(" ")[2] for line in mounts if f" {v2} " in line), "")
    options = [option for option in told.split(",") if option not in ("", "rw", "ro")]
    if told and _DYNAMIC not in options:
        with suppress(OSError):  # an older kernel, or not ours to say
            kernel.mount("none", v2, flags=kernel.MS_REMOUNT, options=",".join((*options, _DYNAMIC)))


def _v1_hierarchies(top: str) -> Iterator[tuple[str, str]]:
    """Controller (or name=…) and where its hierarchy is mounted."""
    with open("/proc/thread-self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            before, _, after = line.partition(" - ")
            kind, _, options = after.split(" ", 2)
            where = before.split()[4]
            if kind == "cgroup" and where.startswith(top):
                controllers = [word for word in options.strip().split(",") if word not in ("rw", "ro", "relatime")]
                yield from ((controller, where) for controller in controllers)


def _inherit_cpus(root: str, path: str) -> None:
    """A new v1 cpuset is empty and takes no process; give each level what its parent has."""
    level = root
    for part in path.strip("/").split("/"):
        above, level = level, f"{level}/{part}"
        for name in ("cpuset.cpus", "cpuset.mems"):
            if not _read(f"{level}/{name}"):
                _write_file(f"{level}/{name}", _read(f"{above}/{name}"))


def _pids_below(folder: str) -> Iterator[int]:
    """The processes in the group and in those below it, as far as they stay while they are read."""
    with suppress(OSError):
        yield from map(int, _read(f"{folder}/cgroup.procs").split())
        if os.stat(folder).st_nlink != 2:  # there may be groups below
            with os.scandir(folder) as entries:
                inner = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
            for each in inner:
                yield from _pids_below(each)


def _remove_tree(folder: str) -> bool:
    """Whether the group and those below it are gone."""
    try:
        for inner, _, _ in os.walk(folder, topdown=False):
            os.rmdir(inner)
    except FileNotFoundError:
        return False  # changed under us: once more
    except OSError:
        return False  # a process is still in it
    return not os.path.exists(folder)


def _or_max(bound: int | None) -> str:
    return "max" if bound is None else str(bound)


def _read(path: str) -> str:
    return kernel.told(path).strip()


def _write_file(path: str, value: object) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))
