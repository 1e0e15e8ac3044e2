"""A long text that lies in memory of the kernel's: one process writes it there, and it goes to a socket from there.

So no process takes megabytes over, with its other threads waiting meanwhile, only to pass them on. How much of it was
sent is its file's position, which all who have the file share: one that sends it may be killed, and another goes on.
"""

import contextlib
import os
import socket
from collections.abc import Callable
from typing import Any

STRETCH = 1 << 17  # octets that are sent at once


class LongText:
    """The first ``length`` octets of the file ``descriptor``, which is closed with it; it shall not change any more.

    ``hand_over``, where there is one, has another process send it to a socket, which may stop before the end; it gives
    a Deferred that fires when that process has let go of both.
    """

    __slots__ = ("_descriptor", "_length", "hand_over")

    def __init__(self, descriptor: int, length: int) -> None:
        self._descriptor, self._length = descriptor, length
        self.hand_over: Callable[[LongText, socket.socket], Any] | None = None

    def __len__(self) -> int:
        return self._length

    def fileno(self) -> int:
        """The file's number in this process."""
        return self._descriptor

    def octets(self, start: int = 0, most: int | None = None) -> bytes:
        """At most this many of its octets, from ``start`` on. Raises `OSError` where it is not as long as was said."""
        wanted = self._length - start if most is None else min(most, self._length - start)
        octets = os.pread(self._descriptor, wanted, start)
        if len(octets) < wanted:
            raise OSError(f"a text of {self._length} octets ends after {start + len(octets)}")
        return octets

    @property
    def is_sent(self) -> bool:
        """Whether `send`, in whichever process, has come to its end; so it has where it was closed after that."""
        return self._descriptor < 0 or os.lseek(self._descriptor, 0, os.SEEK_CUR) >= self._length

    def send(self, to: int) -> None:
        """Send the next of it to a socket. Raises `OSError`: a full one's, or that it is not as long as was said."""
        if not send(to, self._descriptor) and not self.is_sent:
            raise OSError(f"a text of {self._length} octets is shorter than that")

    def close(self) -> None:
        """Give its memory back; it may be said twice."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def __del__(self) -> None:
        self.close()


def send(to: int, descriptor: int) -> int:
    """Send a socket the next octets of a file from its position on; how many, 0 at its end. Raises `OSError`."""
    return os.sendfile(to, descriptor, None, STRETCH)  # from its position on
