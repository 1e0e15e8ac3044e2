"""Which slivers run, told by the kernel at once: a descriptor of each first process, readable from its end on.

A number in a file may long be another process's. A descriptor is one process's for good, so whose it is has to be
found out once, and a round over a thousand slivers that live asks one question instead of reading their files again.
"""

import os
import select
from collections.abc import Callable
from threading import Lock

from planetlab.names import SliceName


class Living:
    """The first processes that were seen to run, by sliver. Used by several threads."""

    def __init__(self) -> None:
        self._ended = select.epoll()
        self._pids: dict[SliceName, tuple[int, int]] = {}  # number of the process, descriptor
        self._names: dict[int, SliceName] = {}  # by descriptor
        self._lock = Lock()

    def pids(self) -> dict[SliceName, int]:
        """The number of each that lives at this moment."""
        with self._lock:
            self._bury()
            return {name: pid for name, (pid, _) in self._pids.items()}

    def pid(self, name: SliceName) -> int:
        """The number of one of them, 0 when it was not seen or does not live any more."""
        with self._lock:
            self._bury()
            return self._pids.get(name, (0, 0))[0]

    def see(self, name: SliceName, pid: int, is_its: Callable[[], bool]) -> bool:
        """Whether process ``pid`` lives and ``is_its`` says that it is the sliver's; remembered while it lives."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        except OSError:  # no descriptor left: found out each time
            return is_its()
        asked = select.poll()
        asked.register(descriptor, select.POLLIN)
        if not is_its() or asked.poll(0):
            os.close(descriptor)
            return False
        with self._lock:
            self._forget(name)
            if self._ended.closed:
                os.close(descriptor)
            else:
                self._ended.register(descriptor, select.EPOLLIN)
                self._pids[name], self._names[descriptor] = (pid, descriptor), name
        return True

    def close(self) -> None:
        """Let go of all descriptors; nothing is remembered after it."""
        with self._lock:
            for name in list(self._pids):
                self._forget(name)
            self._ended.close()

    def _bury(self) -> None:
        if self._pids:
            for descriptor, _ in self._ended.poll(0, len(self._pids)):
                self._forget(self._names[descriptor])

    def _forget(self, name: SliceName) -> None:
        if known := self._pids.pop(name, None):
            descriptor = known[1]
            del self._names[descriptor]
            self._ended.unregister(descriptor)
            os.close(descriptor)
