"""What this machine lacks for real slivers, in words that end in a remedy or name a fact."""

import os
import tempfile
from pathlib import Path

from node_manager.drivers import DriverError
from node_manager.drivers.container import images, links
from node_manager.drivers.container.cgroups import Groups
from node_manager.drivers.container.files import lay_out, mounted, user_namespace
from node_manager.drivers.container.ids import BLOCK
from node_manager.drivers.container.room import Room, find_desk
from node_manager.drivers.container.run import run
from node_manager.drivers.container.runtime import RUNTIME
from node_manager.drivers.container.settings import ContainerSettings, group

_PROGRAMS = {
    RUNTIME: ("--version",),
    "nft": ("--version",),
    "tc": ("-Version",),
    "ip": ("-Version",),
    "unshare": ("--version",),
}


_TRIED = "add table ip t; add chain ip t c { type nat hook postrouting priority 0; }; add rule ip t c masquerade"


def missing(settings: ContainerSettings) -> list[str]:
    """Everything that keeps the container driver from working here; empty when nothing does.

    Tries the doubtful parts for real, in namespaces and directories of its own that go when it returns.
    """
    if os.geteuid():
        return ["not root"]
    lacking = [words for program, options in _PROGRAMS.items() if (words := _absent(program, *options))]
    for ask in (images.init_program, lambda: images.image(settings.images, "default")):
        try:
            ask()
        except DriverError as error:
            lacking.append(str(error))
    return lacking or _kernel(settings)


def _absent(program: str, *options: str) -> str:
    try:
        run(program, *options)
    except DriverError as error:
        return str(error)
    return ""


def _kernel(settings: ContainerSettings) -> list[str]:
    try:
        os.makedirs(settings.work, exist_ok=True, mode=0o711)
        room = Room(settings.netns, find_desk(settings.work, settings.images), threads=1)
    except (DriverError, OSError) as error:
        return [str(error)]
    try:
        return [words for check in (_files, _groups, _network) if (words := room.do(check, room, settings))]
    finally:
        room.close()


def _files(room: Room, settings: ContainerSettings) -> str:
    """Whether a layer can be laid over the image with shifted ids (Linux 5.19 and a file system that takes it)."""
    image = images.image(settings.images, "default")
    try:
        with tempfile.TemporaryDirectory(prefix="probe.", dir=settings.work) as folder:
            lay_out(Path(folder), image, BLOCK)
            with user_namespace(BLOCK) as ids, mounted(room.desk, Path(folder), image, ids) as root:
                Path(root, "probe").touch()
    except (DriverError, OSError) as error:
        return f"no overlay on an image with shifted ids: {error}"
    return ""


def _groups(room: Room, settings: ContainerSettings) -> str:
    path = group(settings, "probe")
    try:
        groups = Groups(room.desk)
        groups.make(path)
        groups.remove(path)
    except (DriverError, OSError) as error:
        return f"no control groups: {error}"
    return ""


def _network(room: Room, settings: ContainerSettings) -> str:
    if settings.uplink not in links.counters():
        return f"no interface {settings.uplink} in network namespace {settings.netns or 'of our own'}"
    return _absent("unshare", "--net", "nft", _TRIED)
