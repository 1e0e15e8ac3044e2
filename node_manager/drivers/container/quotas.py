"""Subvolumes of a btrfs, what each may take, and what all of them together may: the few calls of the kernel for that.

A subvolume is held to its own limit, and while it has *joined* the others it counts with them against one limit more,
which keeps the rest of the file system for the node. Simple quotas count what was written (Linux 6.7 and later), full
ones what is referred to.
"""

import errno
import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from node_manager.drivers.container.run import run

# include/uapi/linux/btrfs.h; simple quotas since Linux 6.7
_QUOTA_CTL, _SIMPLE, _FULL = 0xC0109428, 4, 1
_QGROUP_ASSIGN, _QGROUP_CREATE = 0x40189429, 0x4010942A
_QGROUP_LIMIT, _REFERENCED = 0x8030942B, 1
_SUBVOLUME_CREATE, _SUBVOLUME_DELETE = 0x5000940E, 0x5000940F
_INO_LOOKUP, _FIRST_OBJECT = 0xD0009412, 256
_TOGETHER = 1 << 48 | 1  # the group 1/1, of all that have joined
_NONE = 2**64 - 1  # no limit


@frozen
class Taken:
    """What one subvolume takes, in bytes, and whether it has joined the others."""

    octets: int
    joined: bool


def enable(top: Path) -> None:
    """Count what each subvolume wrote, or, before Linux 6.7, what it refers to; done once it stays."""
    for command in (_SIMPLE, _FULL):
        with suppress(OSError):
            _ioctl(top, _QUOTA_CTL, struct.pack("QQ", command, 0))
            return


def make(top: Path, name: str) -> None:
    """A new subvolume."""
    _ioctl(top, _SUBVOLUME_CREATE, _by_name(name))


def remove(top: Path, name: str) -> None:
    """Delete a subvolume with all that is in it."""
    _ioctl(top, _SUBVOLUME_DELETE, _by_name(name))


def limit(top: Path, name: str, octets: int | None) -> None:
    """Hold a subvolume to ``octets``, or to nothing.

    Asked of the top, since a subvolume above its limit has no room for the change itself.
    """
    _limit(top, _number(top, name), octets)


def limit_all(top: Path, octets: int) -> None:
    """Hold all that join, together, to ``octets``. Raises `OSError` where the kernel has no such limit."""
    with suppress(FileExistsError):
        _ioctl(top, _QGROUP_CREATE, struct.pack("QQ", 1, _TOGETHER))
    _limit(top, _TOGETHER, octets)


def join(top: Path, name: str) -> None:
    """Let a subvolume count with the others; done twice it is done."""
    with suppress(FileExistsError):
        _ioctl(top, _QGROUP_ASSIGN, struct.pack("QQQ", 1, _number(top, name), _TOGETHER))


def leave(top: Path, name: str) -> None:
    """Let it count for itself only."""
    try:
        _ioctl(top, _QGROUP_ASSIGN, struct.pack("QQQ", 0, _number(top, name), _TOGETHER))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EINVAL):  # it had not joined
            raise


def taken(top: Path) -> tuple[dict[str, Taken], int]:
    """What each subvolume takes, by name, and what those that have joined take together."""
    rows = [row.split() for row in run("btrfs", "qgroup", "show", "--raw", "-p", str(top)).splitlines()]
    each = {row[4]: Taken(int(row[1]), row[3] != "-") for row in rows if len(row) == 5 and row[0].startswith("0/")}
    return each, next((int(row[1]) for row in rows if row[:1] == ["1/1"]), 0)


def _limit(top: Path, number: int, octets: int | None) -> None:
    most = _NONE if octets is None else max(1, octets)
    _ioctl(top, _QGROUP_LIMIT, struct.pack("6Q", number, _REFERENCED, most, 0, 0, 0))


def _number(top: Path, name: str) -> int:
    asked = struct.pack("QQ", 0, _FIRST_OBJECT).ljust(4096, b"\0")
    return int(struct.unpack_from("Q", _ioctl(top / name, _INO_LOOKUP, asked))[0])


def _by_name(name: str) -> bytes:
    """A subvolume as the kernel is told of it (struct btrfs_ioctl_vol_args)."""
    return struct.pack("q4088s", 0, name.encode())


def _ioctl(path: Path, number: int, argument: bytes) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        answer = bytearray(argument)
        fcntl.ioctl(descriptor, number, answer, True)
        return bytes(answer)
    finally:
        os.close(descriptor)
