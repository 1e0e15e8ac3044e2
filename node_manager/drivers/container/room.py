"""Threads that stand where slivers are made: in the node's network, with a mount table of their own.

Mounts made there are seen by nobody else, and the kernel drops them with the thread: a node manager that is killed in
the middle leaves no mount behind, and a sliver's start does not copy the mounts of all others. The control group file
systems are bound below `Room.desk`, because the runtime refuses a hybrid hierarchy unless the v2 half is out of sight.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from node_manager.drivers import DriverError
from node_manager.drivers.container import kernel

P = ParamSpec("P")
T = TypeVar("T")

HYBRID = "/sys/fs/cgroup/unified"
_DESKS = ("/srv", "/mnt", "/media", "/opt")  # directories every Debian has, and that nothing of ours lies in


class Room:
    """Some threads in the node's network namespace, each with private mounts on its desk."""

    def __init__(self, netns: str, desk: str, threads: int, settle: Callable[[], None] | None = None) -> None:
        """``netns`` as in the settings; each thread calls ``settle`` once it stands in the room.

        Raises `DriverError` when the namespace is not there or may not be entered.
        """
        self.desk = desk
        self._settle = settle
        self.network = _open_network(netns)
        self._failed: Exception | None = None
        self._threads = ThreadPoolExecutor(threads, "sliver", self._enter)
        try:
            self.do(_nothing)
        except DriverError:
            self.close()
            raise

    def do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` in the room and wait for it. Not to be called from inside the room."""
        return self._threads.submit(self._inside, partial(function, *args, **kwargs)).result()

    def close(self) -> None:
        """Wait for what is being done, then leave; the kernel takes the mounts down."""
        self._threads.shutdown()
        if self.network >= 0:
            os.close(self.network)
            self.network = -1

    def home(self) -> None:
        """Bring the calling thread of the room back into the node's network."""
        kernel.setns(self.network, kernel.CLONE_NEWNET)

    def _inside(self, function: Callable[[], T]) -> T:
        if self._failed:
            raise DriverError(f"cannot prepare a thread for making slivers: {self._failed}") from self._failed
        return function()

    def _enter(self) -> None:
        try:
            kernel.unshare(kernel.CLONE_NEWNS)
            kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_SLAVE)
            kernel.mount("tmpfs", self.desk, "tmpfs", kernel.MS_NOSUID, "mode=0711,size=1m")
            if os.path.ismount(HYBRID):
                os.mkdir(f"{self.desk}/unified")
                kernel.mount(HYBRID, f"{self.desk}/unified", flags=kernel.MS_BIND)
                kernel.unmount(HYBRID)
            self.home()
            if self._settle:
                self._settle()
        except (OSError, DriverError) as error:
            self._failed = error


def _nothing() -> None:
    """Something to do, so that the first thread starts and shows whether it can."""


def find_desk(*keep: str) -> str:
    """A directory that a room can lay its desk over; the paths in ``keep`` stay visible from inside."""
    kept = [Path(path).resolve() for path in keep]
    for desk in _DESKS:
        if os.path.isdir(desk) and not any(path.is_relative_to(desk) for path in kept):
            return desk
    raise DriverError(f"work and image directories lie below each of {', '.join(_DESKS)}; keep one of these free")


def _open_network(netns: str) -> int:
    path = netns or "/proc/self/ns/net"
    if "/" not in path:
        path = f"/run/netns/{path}"
    with suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    raise DriverError(f"there is no network namespace {path}; setting netns names one, or is empty for our own")
