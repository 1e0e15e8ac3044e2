"""Sockets of the node inside a sliver's own network: made there by a thread of the room, used by the node manager.

A socket keeps its network alive, so whoever holds one closes it when the sliver stops.
"""

import os
import socket
from collections.abc import Callable
from typing import TypeVar

from node_manager.drivers.container import kernel
from node_manager.drivers.container.room import Room

T = TypeVar("T")
_BACKLOG = 50


def within(room: Room, pid: int, make: Callable[[], T]) -> T:
    """What ``make`` gives when the calling thread of the room stands in the network of process ``pid``."""
    network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        kernel.setns(network, kernel.CLONE_NEWNET)
        try:
            return make()
        finally:
            room.home()
    finally:
        os.close(network)


def listening(address: str, port: int) -> socket.socket:
    """A TCP socket that listens there. Raises `OSError` when the sliver has the port itself."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(_BACKLOG)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
