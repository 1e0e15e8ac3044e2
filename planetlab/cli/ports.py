"""Port numbers on loopback: the ones wanted where they are free, else the next free ones."""

import errno
import socket
from collections.abc import Collection

from planetlab.errors import Unavailable

HIGHEST = 65_535


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on ``port`` now. Asks by listening, since only the kernel knows."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def next_free(wanted: int, taken: Collection[int], host: str = "127.0.0.1") -> int:
    """The first port from ``wanted`` up that is free and not in ``taken``. Raises `Unavailable` when there is none."""
    for port in range(wanted, HIGHEST + 1):
        if port not in taken and is_free(port, host):
            return port
    raise Unavailable(f"no free port from {wanted} up on {host}: end another service, or name a lower --base-port")


def hold(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A socket that keeps ``port`` from being picked for somebody's outgoing connection, until it is closed.

    It is bound and never listens, so a server that sets SO_REUSEADDR, as ours do, still gets the port. Without it a
    port in the range that the kernel gives out is lost now and then between the look and the start.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((host, port))
    except OSError:
        held.close()
        raise
    return held
