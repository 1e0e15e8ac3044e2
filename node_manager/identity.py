"""Who calls: a user id that the kernel vouches for, and the account it belongs to.

On the Unix socket the kernel says who connected (`SO_PEERCRED`). Over TCP on the loopback the client's half of the
connection stands in the kernel's socket tables of the same network namespace, with its owner's id. Who cannot be found
there is nobody, and may use only what anybody may.
"""

import pwd
import socket
import struct
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from attrs import frozen

from node_manager.drivers import Found
from planetlab.names import SliceName

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid
_ESTABLISHED = "01"


@frozen
class Caller:
    """Who calls. ``uid`` None: nobody knows; ``account`` is None then, and for an id that has no account here."""

    uid: int | None = None
    account: str | None = None

    def __str__(self) -> str:
        return self.account or ("unknown caller" if self.uid is None else f"uid {self.uid}")


NOBODY = Caller()


def unix_uid(peer: socket.socket) -> int:
    """The user id of the process that made this connection."""
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])


def tcp_uid(table: str, client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """The user id of the client's half of a connection, from the text of a ``/proc/net/tcp`` table."""
    ends = f" {_hex(*client)} {_hex(*server)} {_ESTABLISHED} "
    for line in table.splitlines():
        if ends in line:
            return int(line.split()[7])
    return None


def _hex(address: str, port: int) -> str:
    packed = ip_address(address).packed
    words = (packed[at : at + 4][::-1] for at in range(0, len(packed), 4))  # each in this machine's byte order
    return f"{b''.join(words).hex().upper()}:{port:04X}"


def kernel_table(version: int = 4) -> str:
    """The TCP table of the network namespace that this process is in."""
    return Path("/proc/net/tcp" if version == 4 else "/proc/net/tcp6").read_text()


class Accounts:
    """Which account a user id is: a sliver's, one the settings name, one the system knows."""

    def __init__(self, found: Callable[[], Mapping[SliceName, Found]], named: Callable[[], Mapping[str, int]]) -> None:
        """``found`` gives the slivers there are; ``named`` further accounts by name, such as controllers."""
        self._found = found
        self._named = named
        self._last: tuple[Any, Caller] | None = None

    def of(self, uid: int) -> Caller:
        """Who has this id."""
        for name, found in self._found().items():
            if found.uid and found.uid <= uid < found.uid + found.uids:
                return Caller(uid, str(name))
        for account, own in self._named().items():
            if own == uid:
                return Caller(uid, account)
        try:
            return Caller(uid, pwd.getpwuid(uid).pw_name)
        except KeyError:
            return Caller(uid)

    def of_request(self, request: Any) -> Caller:
        """Who sent a request of twisted.web; of the last one it is known without asking the kernel again."""
        if self._last is None or self._last[0] is not request:
            self._last = (request, self._found_out(request))
        return self._last[1]

    def _found_out(self, request: Any) -> Caller:
        server, client = request.getHost(), request.getClientAddress()
        if not hasattr(server, "port"):
            return self.of(unix_uid(request.transport.getHandle()))
        version = ip_address(client.host).version
        uid = tcp_uid(kernel_table(version), (client.host, client.port), (server.host, server.port))
        return NOBODY if uid is None else self.of(uid)
