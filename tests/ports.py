"""Ports of loopback for programs that a test starts: no two get the same, and nobody else is given one meanwhile.

Each is held by a socket that is bound and never listens. Such a port is picked for no outgoing connection and given to
no other test, while a server that sets SO_REUSEADDR, as all that are started here do, still gets it.
"""

import socket
from collections import deque

MOST = 400  # that are held at a time: by then the test that had the oldest one is over

_held: deque[socket.socket] = deque()


def free_port() -> int:
    """A port for a server of TCP."""
    return _keep(_bound(0))


def free_block(count: int) -> int:
    """The first of so many ports in a row, all below those that the kernel gives out by itself."""
    for first in range(10_000, 32_000 - count, count):
        row: list[socket.socket] = []
        try:
            row += (_bound(port) for port in range(first, first + count))
        except OSError:
            for each in row:
                each.close()
            continue
        return [_keep(each) for each in row][0]
    raise AssertionError(f"no {count} ports in a row are free on 127.0.0.1")


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    try:
        made.bind(("127.0.0.1", port))  # without SO_REUSEADDR: it is refused where another holds it
    except OSError:
        made.close()
        raise
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _keep(made: socket.socket) -> int:
    _held.append(made)
    if len(_held) > MOST:
        _held.popleft().close()
    return int(made.getsockname()[1])
