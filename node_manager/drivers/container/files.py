"""The sliver's root file system: a reference image underneath, its own files on top, ids shifted into its range.

The image is one tree for all slivers, shown to each through a mount that adds the sliver's first id to every owner;
what a sliver writes lies in its own ``up``, owned by its own ids, so a set-user-id file of one means nobody to another.
The mount exists in the room only while the sliver starts: its processes then hold it, and nobody else does.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from node_manager.drivers import DriverError
from node_manager.drivers.container import kernel
from node_manager.drivers.container.room import Room
from node_manager.drivers.container.settings import UIDS

_LOOKED_AT = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
_SHOWN = ("class/net", "devices/virtual/net", "devices/system")  # of the machine's /sys
_EMPTY = ("fs/cgroup",)  # programs look whether it is there


def lay_out(folder: Path, image: Path, uid: int) -> None:
    """The directories for the sliver's own files; those that are there keep their files."""
    (folder / "wk").mkdir(exist_ok=True)
    own = folder / "up"
    own.mkdir(exist_ok=True)
    own.chmod(image.stat().st_mode & 0o7777)
    os.chown(own, uid, uid)


@contextmanager
def mounted(desk: str, folder: Path, image: Path, ids: int) -> Iterator[str]:
    """The sliver's root directory, mounted on the desk for a while, with ids as in the user namespace ``ids``.

    In the room, whose threads may change directory.
    """
    place = Path(desk, folder.name)
    under, root = place / "lo", place / "m"
    for path in (place, under, root):
        path.mkdir(exist_ok=True, mode=0o711)
    try:
        kernel.bind_with_ids(str(image), str(under), ids)
        os.chdir(folder)  # so that neither path nor its length shows in the mount table inside
        kernel.mount("overlay", str(root), "overlay", kernel.MS_NODEV, f"lowerdir={under},upperdir=up,workdir=wk")
        yield str(root)
    finally:
        os.chdir("/")
        kernel.unmount(str(root))
        kernel.unmount(str(under))
        for path in (root, under, place):
            with suppress(OSError):
                path.rmdir()


@contextmanager
def machine(room: Room, name: str, network: int) -> Iterator[dict[str, str]]:
    """What the sliver sees at /sys, by path there, on the desk for a while: of networks its own, of the machine little.

    The kernel shows in each such file system one network's interfaces. Nobody in the sliver may mount one, and the
    node's tells of disks, modules and neighbours.
    """
    place = Path(room.desk, f"{name}.sys")
    whole, view = place / "whole", place / "view"
    for path in (place, whole, view):
        path.mkdir(exist_ok=True, mode=0o711)
    try:
        kernel.setns(network, kernel.CLONE_NEWNET)
        try:
            kernel.mount("sysfs", str(whole), "sysfs", _LOOKED_AT)
        finally:
            room.home()
        kernel.mount("tmpfs", str(view), "tmpfs", _LOOKED_AT & ~kernel.MS_RDONLY, "mode=0755,size=64k")
        for part in (*_SHOWN, *_EMPTY):
            (view / part).mkdir(parents=True)
        kernel.mount("none", str(view), flags=kernel.MS_REMOUNT | _LOOKED_AT)
        yield {"/sys": str(view)} | {f"/sys/{part}": str(whole / part) for part in _SHOWN if (whole / part).is_dir()}
    finally:
        for path in (view, whole):
            kernel.unmount(str(path))
        for path in (view, whole, place):
            with suppress(OSError):
                path.rmdir()


@contextmanager
def user_namespace(uid: int, before: str = "") -> Iterator[int]:
    """A descriptor of a user namespace in which ids from 0 are the node's from ``uid``.

    A process must make it; `cat` tells by its echo that it has, and ends when its input does. ``before`` is what a
    shell does in it first, with every power there.
    """
    command = ["unshare", "--user", "--keep-caps", "sh", "-c", f"{before or ':'} && exec cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as maker:
        assert maker.stdin and maker.stdout and maker.stderr
        maker.stdin.write(b"\n")
        maker.stdin.flush()
        if maker.stdout.read(1) != b"\n":
            raise DriverError(f"cannot make a user namespace: {maker.stderr.read().decode(errors='replace').strip()}")
        for ids in ("uid_map", "gid_map"):
            Path(f"/proc/{maker.pid}/{ids}").write_text(f"0 {uid} {UIDS}", "ascii")
        descriptor = os.open(f"/proc/{maker.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
