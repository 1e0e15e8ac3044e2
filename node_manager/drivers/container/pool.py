"""Room for slivers' files that a limit holds in: a btrfs in one file of the node's own file system.

Each sliver has a subvolume with a quota of its own, made in milliseconds, changed live, counted by the kernel. Together
they are held to the common part of the pool, and who has little keeps a floor when that is full (`floors`). The file
is allocated whole, so a node whose disk runs full does not break what slivers were promised. It is mounted in the
room's threads only; running slivers hold it too, and with the last of all these the loop device is given back.
Where it cannot be made, slivers' files lie in their folders, and ``disk_max`` is named as not held.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock

from node_manager.drivers import DriverError
from node_manager.drivers.container import quotas
from node_manager.drivers.container.floors import Division
from node_manager.drivers.container.recent import together
from node_manager.drivers.container.records import Records
from node_manager.drivers.container.run import run
from node_manager.drivers.container.settings import ContainerSettings
from planetlab.names import SliceName

LEAST = 128 << 20  # bytes; mkfs.btrfs makes nothing below 109 MiB
_PART, _MOST = 20, 4 << 30  # by itself it takes this part of what is free, and so many bytes at most


class Pool:
    """The slivers' own files, by sliver."""

    def __init__(self, settings: ContainerSettings, records: Records, desk: str) -> None:
        self._file = Path(settings.work, "pool.btrfs")
        self._records = records
        self._where = Path(desk, "pool")
        self._mounting = Lock()
        self._taken = together(lambda: quotas.taken(self._where))
        self._is_new = not self._file.exists()
        self._placing = Lock()
        self._apart: set[str] = set()  # slivers that count for themselves, each with its floor
        self._open: set[str] = set()  # slivers that the node is writing to
        self._is_full = False
        self.why_not = self._make(settings)  # in words; empty when limits hold
        self.unheld: tuple[str, ...] = ()  # what of this the kernel does not do

    def mount(self) -> None:
        """Mount it in the calling thread's own mount table; each of the room's threads does so when it enters."""
        if self.why_not:
            return
        with self._mounting:  # mount(8) takes the same loop device for the same file, unless two look for one at once
            try:
                self._where.mkdir(exist_ok=True, mode=0o711)
                run("mount", "-t", "btrfs", "-o", "loop,noatime,nodev", str(self._file), str(self._where))
                quotas.enable(self._where)
                self._hold_all()
            except DriverError as error:
                if not self._is_new:
                    raise
                self.why_not = str(error)
                self._file.unlink(missing_ok=True)

    def folder(self, name: SliceName) -> Path:
        """Where the sliver's own files are; its folder when they were made without a pool."""
        inside = self._where / str(name)
        return inside if not self.why_not and inside.is_dir() else self._records.folder(name)

    @property
    def most(self) -> int:
        """Bytes that one sliver may have, whatever it was promised; 0 where nothing holds."""
        return self._division.most if not self.why_not else 0

    @property
    def _division(self) -> Division:
        return Division(self._file.stat().st_size)

    def _hold_all(self) -> None:
        try:
            quotas.limit_all(self._where, self._division.common)
        except OSError:
            self.unheld = ("disk_max (of all slivers together)",)

    def make(self, name: SliceName) -> None:
        """Room for the sliver's own files; not bound yet."""
        if not self.why_not and not (self._where / str(name)).is_dir():
            quotas.make(self._where, str(name))
            if self._is_full:
                self._apart.add(str(name))

    def bind(self, name: SliceName, octets: int) -> bool:
        """Hold the sliver to ``octets`` bytes from now on, and to its part of the pool however much it was promised.

        What it has above that stays. False where nothing holds.
        """
        if self.folder(name) == self._records.folder(name):
            return False
        with self._placing:
            self._place(str(name), octets)
        return True

    def _place(self, name: str, octets: int) -> None:
        division = self._division
        if name in self._open:
            return
        if name in self._apart:
            quotas.leave(self._where, name)
            quotas.limit(self._where, name, min(octets, division.floor))
            return
        quotas.limit(self._where, name, min(octets, division.most))
        if not self.unheld:
            quotas.join(self._where, name)

    @contextmanager
    def opened(self, name: SliceName, octets: int) -> Iterator[Callable[[], None]]:
        """The node itself writes to the sliver's files, however full these are, while nothing of the sliver runs.

        Gives what ends that sooner.
        """
        with ExitStack() as room:
            if self.folder(name) != self._records.folder(name):
                room.callback(self._shut, str(name), octets)
                self._unlimit(str(name))
            yield room.close

    def _unlimit(self, name: str) -> None:
        with self._placing:
            self._open.add(name)
            quotas.leave(self._where, name)
            quotas.limit(self._where, name, None)

    def _shut(self, name: str, octets: int) -> None:
        with self._placing:
            self._open.discard(name)
            self._place(name, octets)

    def settle(self) -> None:
        """See how full it is, and give floors to those that have little, or take them back."""
        if self.why_not or self.unheld:
            return
        taken, together = quotas.taken(self._where)
        known = {str(name): name for name in self._records.names()}
        taken = {name: each for name, each in taken.items() if name in known}
        with self._placing:
            division = self._division
            self._is_full, apart = division.is_full(together), set(division.apart(taken, together))
            loose = {name for name, each in taken.items() if not each.joined}
            moved, self._apart = apart ^ (self._apart | loose), apart
            for name in moved & taken.keys():
                if record := self._records.read(known[name]):
                    self._place(name, record.sliver.rspec.disk_max * 1024)

    def remove(self, name: SliceName) -> None:
        """Delete the sliver's own files, should they be here."""
        if self.folder(name) != self._records.folder(name):
            quotas.remove(self._where, str(name))
            self._apart.discard(str(name))

    def used(self, name: SliceName) -> int | None:
        """Bytes that the sliver's own files take; None where nobody counts."""
        if self.why_not:
            return None
        each = self._taken.get()[0].get(str(name))
        return each.octets if each else None

    def _make(self, settings: ContainerSettings) -> str:
        """Make the file unless it is there. What hinders, in words."""
        if settings.pool == 0:
            return "setting pool is 0"
        if self._file.exists():
            return ""
        free = shutil.disk_usage(settings.work).free
        octets = min(_MOST, free // _PART) if settings.pool < 0 else settings.pool
        if not shutil.which("btrfs", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            return "btrfs is not installed"
        if octets < LEAST:
            return f"a pool of {octets >> 20} MiB would be too small"
        fresh = self._file.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, octets)
            run("mkfs.btrfs", "--quiet", "--metadata", "single", str(fresh))
        except (OSError, DriverError) as error:
            fresh.unlink(missing_ok=True)
            return str(error)
        fresh.rename(self._file)
        return ""
