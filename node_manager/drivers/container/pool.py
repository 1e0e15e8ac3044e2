"""Room for slivers' files that a limit holds in: a btrfs in one file of the node's own file system.

Each sliver has a subvolume with a quota of its own, made in milliseconds, changed live, counted by the kernel. The file
is allocated whole, so a node whose disk runs full does not break what slivers were promised. It is mounted in the
room's threads only; running slivers hold it too, and with the last of all these the loop device is given back.
Where it cannot be made, slivers' files lie in their folders, and ``disk_max`` is named as not held.
"""

import fcntl
import os
import shutil
import struct
from contextlib import suppress
from pathlib import Path
from threading import Lock

from node_manager.drivers import DriverError
from node_manager.drivers.container.recent import Recent
from node_manager.drivers.container.records import Records
from node_manager.drivers.container.run import run
from node_manager.drivers.container.settings import ContainerSettings
from planetlab.names import SliceName

LEAST = 128 << 20  # bytes; mkfs.btrfs makes nothing below 109 MiB
_ONES_PART = 2  # of the whole, as a divisor, one sliver may have: alone it cannot fill what all need
_PART, _MOST = 20, 4 << 30  # by itself it takes this part of what is free, and so many bytes at most

# include/uapi/linux/btrfs.h; simple quotas since Linux 6.7
_QUOTA_CTL, _SIMPLE, _FULL = 0xC0109428, 4, 1
_QGROUP_LIMIT, _REFERENCED = 0x8030942B, 1
_SUBVOLUME_CREATE, _SUBVOLUME_DELETE = 0x5000940E, 0x5000940F
_INO_LOOKUP, _FIRST_OBJECT = 0xD0009412, 256


class Pool:
    """The slivers' own files, by sliver."""

    def __init__(self, settings: ContainerSettings, records: Records, desk: str) -> None:
        self._file = Path(settings.work, "pool.btrfs")
        self._records = records
        self._where = Path(desk, "pool")
        self._mounting = Lock()
        self._used = Recent(self._read_used, 0.0, times=20.0)
        self._is_new = not self._file.exists()
        self.why_not = self._make(settings)  # in words; empty when limits hold

    def mount(self) -> None:
        """Mount it in the calling thread's own mount table; each of the room's threads does so when it enters."""
        if self.why_not:
            return
        with self._mounting:  # mount(8) takes the same loop device for the same file, unless two look for one at once
            try:
                self._where.mkdir(exist_ok=True, mode=0o711)
                run("mount", "-t", "btrfs", "-o", "loop,noatime,nodev", str(self._file), str(self._where))
                _enable_quota(str(self._where))
            except DriverError as error:
                if not self._is_new:
                    raise
                self.why_not = str(error)
                self._file.unlink(missing_ok=True)

    def folder(self, name: SliceName) -> Path:
        """Where the sliver's own files are; its folder when they were made without a pool."""
        inside = self._where / str(name)
        return inside if not self.why_not and inside.is_dir() else self._records.folder(name)

    def make(self, name: SliceName, octets: int) -> None:
        """Room for ``octets`` bytes of the sliver's own files."""
        if not self.why_not:
            if not (self._where / str(name)).is_dir():
                _ioctl(str(self._where), _SUBVOLUME_CREATE, _by_name(name))
            self.bind(name, octets)

    def bind(self, name: SliceName, octets: int) -> bool:
        """Hold the sliver to ``octets`` bytes from now on, and to its part of the pool however much it was promised.

        What it has above that stays. False where nothing holds.
        """
        if self.folder(name) == self._records.folder(name):
            return False
        _limit(self._where, self._where / str(name), min(octets, self._file.stat().st_size // _ONES_PART))
        return True

    def remove(self, name: SliceName) -> None:
        """Delete the sliver's own files, should they be here."""
        if self.folder(name) != self._records.folder(name):
            _ioctl(str(self._where), _SUBVOLUME_DELETE, _by_name(name))

    def used(self, name: SliceName) -> int | None:
        """Bytes that the sliver's own files take; None where nobody counts."""
        return self._used.get().get(str(name)) if not self.why_not else None

    def _read_used(self) -> dict[str, int]:
        rows = map(str.split, run("btrfs", "qgroup", "show", "--raw", str(self._where)).splitlines())
        return {row[3]: int(row[1]) for row in rows if len(row) == 4 and row[1].isdigit()}

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


def _enable_quota(where: str) -> None:
    """Count what each subvolume wrote, or, before Linux 6.7, what it refers to; done once it stays."""
    for command in (_SIMPLE, _FULL):
        with suppress(OSError):
            _ioctl(where, _QUOTA_CTL, struct.pack("QQ", command, 0))
            return


def _limit(top: Path, subvolume: Path, octets: int) -> None:
    """Asked of the top, since a subvolume above its limit has no room for the change itself."""
    asked = struct.pack("QQ", 0, _FIRST_OBJECT).ljust(4096, b"\0")
    number = struct.unpack_from("Q", _ioctl(str(subvolume), _INO_LOOKUP, asked))[0]
    _ioctl(str(top), _QGROUP_LIMIT, struct.pack("6Q", number, _REFERENCED, max(1, octets), 0, 0, 0))


def _by_name(name: SliceName) -> bytes:
    """A subvolume as the kernel is told of it (struct btrfs_ioctl_vol_args)."""
    return struct.pack("q4088s", 0, str(name).encode())


def _ioctl(path: str, number: int, argument: bytes) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        answer = bytearray(argument)
        fcntl.ioctl(descriptor, number, answer, True)
        return bytes(answer)
    finally:
        os.close(descriptor)
