"""Which block of user ids this node's slivers have, apart from those of other node managers on the same kernel.

A node manager that has once taken a block keeps it, since its slivers' files belong to those ids. While it runs it
holds a socket of the block's name, which the kernel gives to one at a time; a block whose ids somebody uses is left.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path

from node_manager.drivers import DriverError
from node_manager.drivers.container.settings import UIDS, ContainerSettings

BLOCK = 0x10000000  # ids; the first block begins far above any account, and newuidmap's ranges lie lower
BLOCKS = range(1, 8)  # all below 2^31, from where on the kernel lets no group ping


class Ids:
    """The block of one node manager."""

    def __init__(self, settings: ContainerSettings) -> None:
        """Take the block that the settings or an earlier run chose, else a free one. Raises `DriverError`."""
        self._held: socket.socket | None = None
        kept = Path(settings.work, "first_uid")
        if settings.first_uid:
            self.first = settings.first_uid
        elif kept.exists():
            self.first = int(kept.read_text("ascii"))
            self._hold(self.first)
        else:
            self.first = self._choose()
            kept.write_text(str(self.first), "ascii")

    def close(self) -> None:
        """Let others see that nobody makes slivers of this block now."""
        if self._held:
            self._held.close()

    def _choose(self) -> int:
        used = _in_use()
        for first in (number * BLOCK for number in BLOCKS):
            if not any(first <= uid < first + BLOCK for uid in used) and self._hold(first):
                return first
        raise DriverError(f"{len(BLOCKS)} node managers on this machine have all blocks of user ids; set first_uid")

    def _hold(self, first: int) -> bool:
        self._held = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            self._held.bind(f"\0plfed-slivers-from-uid-{first}")
            return True
        self._held.close()
        return False


def _in_use() -> set[int]:
    """Users of all processes, as far as they can belong to slivers."""
    found: set[int] = set()
    for pid in os.listdir("/proc"):
        with suppress(OSError):
            found.add(os.stat(f"/proc/{pid}").st_uid)
    return {uid for uid in found if uid >= BLOCK - UIDS}
