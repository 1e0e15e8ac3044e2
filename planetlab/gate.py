"""Who may connect, and how often at once; and where a server listens.

The gate stands below TLS, so that a connection that never ends its handshake is counted too. A peer is an IPv4 address,
an IPv6 network of 64 bits, or on a Unix socket the user of the process that calls. Who is over its share loses its
oldest connection that has no call in work, so that a flood of silent ones does not keep a good client of the same
address out. When all is full, the peer that holds most makes room for one that holds fewer.
"""

import errno
import ipaddress
import os
import resource
import socket
import stat
import struct
import sys
from contextlib import suppress
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IListeningPort,
    IProtocolFactory,
    IReactorTime,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from planetlab.limits import HardenedSite, Limits
from planetlab.tls import ServerTLS

_log = Logger()
_BLOCK = 65536  # ids of a Unix system, and of a container


@implementer(IHalfCloseableProtocol)
class _Visitor(ProtocolWrapper):
    """One connection, once it is let in."""

    factory: "Gate"
    peer = ""
    inside = False
    going = False

    def makeConnection(self, transport: ITransport) -> None:
        self.peer = peer_key(transport)
        if self.factory.admit(self):
            self.inside = True
            super().makeConnection(transport)
        else:
            transport.abortConnection()  # type: ignore[attr-defined]  # TCP, TLS and Unix have it

    def dataReceived(self, data: bytes) -> None:
        if self.inside and not self.going:
            super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.inside:
            self.inside = False
            self.factory.leave(self)
            super().connectionLost(reason)

    def readConnectionLost(self) -> None:
        """The peer says no more, as `forward_api_calls` does behind its call; what is in work is answered still."""
        channel = getattr(self.wrappedProtocol, "_channel", None)
        if getattr(channel, "is_busy", False):
            channel.persistent = False  # type: ignore[union-attr]  # it has calls in work, so it is one
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """The peer hears no more."""
        self.loseConnection()

    def at_rest(self) -> bool:
        """Whether nothing of it is in work: it is idle and has its answers, or has not said yet what it wants."""
        if getattr(self.transport, "_tempDataLen", 0) or len(getattr(self.transport, "dataBuffer", b"")):
            return False
        inner = getattr(self.wrappedProtocol, "wrappedProtocol", self.wrappedProtocol)  # TLS, where there is some
        channel = getattr(inner, "_channel", None)
        return getattr(channel, "resting", False) or not getattr(channel, "is_busy", False)

    def make_room(self) -> None:
        """End at once, below TLS; what the kernel has of an answer still goes out, which it would not by an abort."""
        self.going = True
        self.loseConnection()


class Gate(WrappingFactory):
    """Lets at most ``per_peer`` connections of one peer, and ``total`` of all, through to another factory."""

    protocol = _Visitor
    noisy = False

    def __init__(self, inner: IProtocolFactory, limits: Limits) -> None:
        super().__init__(inner)
        self.limits = evolve(limits, total=min(limits.total, _room()))
        self.inside: dict[str, dict[_Visitor, None]] = {}
        self.count = 0
        self.turned_away = 0

    def admit(self, visitor: _Visitor) -> bool:
        """Whether ``visitor`` may come in; at the cost of its peer's, or of the greediest peer's, oldest at rest."""
        own = self.inside.get(visitor.peer, {})
        if len(own) >= self.limits.per_peer:
            room = self._make_room(own)
        elif self.count >= self.limits.total:
            greedy = max(self.inside.values(), key=len)
            room = len(greedy) > len(own) + 1 and self._make_room(greedy)
        else:
            room = True
        if not room:
            self.turned_away += 1
            if self.turned_away & (self.turned_away - 1) == 0:  # 1, 2, 4, …: a flood must not fill the log too
                _log.warn("turned away {peer}: {n} so far", peer=visitor.peer or "a local process", n=self.turned_away)
            return False
        self.inside.setdefault(visitor.peer, {})[visitor] = None
        self.count += 1
        return True

    def _make_room(self, visitors: dict[_Visitor, None]) -> bool:
        """End the oldest of ``visitors`` that has no call in work."""
        oldest = next((one for one in visitors if one.at_rest()), None)
        if oldest is None:
            return False
        self.leave(oldest)
        oldest.make_room()
        return True

    def leave(self, visitor: _Visitor) -> None:
        """Forget ``visitor``; it may be told twice."""
        own = self.inside.get(visitor.peer, {})
        if visitor in own:
            del own[visitor]
            self.count -= 1
            if not own:
                del self.inside[visitor.peer]


def _room() -> int:
    """How many connections there are descriptors for; some are left for files, and for our own calls."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(8, most - 40) if most != resource.RLIM_INFINITY else sys.maxsize


def peer_key(transport: Any) -> str:
    """Whom a connection counts for."""
    host = getattr(transport.getPeer(), "host", None)
    if host is None:
        return _user(transport)
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _user(transport: Any) -> str:
    handle = getattr(transport, "getHandle", lambda: None)()
    if not isinstance(handle, socket.socket) or handle.family != socket.AF_UNIX:
        return ""
    return user_key(struct.unpack("3i", handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])


def user_key(uid: int) -> str:
    """Whom a user's connection counts for; root of a container is one peer, whichever of its ids it takes."""
    return f"uid {uid}" if uid < _BLOCK else f"uids from {uid - uid % _BLOCK}"


async def listen(
    reactor: Any, where: str, site: HardenedSite, tls: ServerTLS | None = None, limits: Limits | None = None
) -> IListeningPort:
    """Serve ``site`` at an endpoint string, like ``tcp:443:interface=192.0.2.1`` or ``unix:/run/nm.sock:mode=666``.

    Raises what the endpoint raises: `CannotListenError` for a port that is taken, `ValueError` for a string that is no
    endpoint.
    """
    factory: IProtocolFactory = site
    if tls is not None:
        factory = TLSMemoryBIOFactory(tls, False, site, clock=_as_time(reactor))
    endpoint = serverFromString(reactor, where)
    if where.startswith("unix:"):
        _clear_of_the_dead(where.removeprefix("unix:").partition(":")[0])
    port: IListeningPort = await endpoint.listen(Gate(factory, limits or site.limits))
    return port


def _clear_of_the_dead(path: str) -> None:
    """Take a Unix socket away at which nobody listens any more, with its lock.

    Twisted's lock names the process that had it; that number may be another's now: after a power cut, or in a sliver,
    where numbers begin anew at each start.
    """
    with suppress(OSError), socket.socket(socket.AF_UNIX) as tried:
        tried.setblocking(False)  # one that is full is alive
        if tried.connect_ex(path) == errno.ECONNREFUSED and stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
            os.unlink(f"{path}.lock")


def stop_listening(port: IListeningPort) -> "Deferred[Any]":
    """Take no more connections at ``port``.

    Twisted deletes the file of a Unix socket then, and fails when somebody else has; so it is given one to delete.
    """
    name: bytes | None = getattr(port.getHost(), "name", None)
    if name and not name.startswith(b"\0"):  # of the abstract ones there is no file
        with suppress(OSError), open(name, "ab"):
            pass
    return maybeDeferred(port.stopListening)


def _as_time(reactor: Any) -> IReactorTime:
    return IReactorTime(reactor)


def address_text(address: IAddress) -> str:
    """Where somebody listens, for people: ``127.0.0.1:80`` or a path."""
    if hasattr(address, "port"):
        host = f"[{address.host}]" if ":" in address.host else address.host  # type: ignore[attr-defined]  # what has a port has one
        return f"{host}:{address.port}"
    name = getattr(address, "name", b"")
    return name.decode() if isinstance(name, bytes) else str(name)
