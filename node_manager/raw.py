"""Safe raw sockets, handed to slices that may have them.

A program in a sliver connects to ``/run/plfed/raw.sock`` and says one line of JSON, {"hears": "tcp" | "udp" | "icmp" |
"sniffer", "number": port or identifier}. The answer is one byte ``1`` with the socket as its descriptor, or a line that
says why not. The socket hears what concerns that number only, and what it sends leaves from the sliver's own address
only. The kernel says who asks; a line that does not come within seconds is not waited for.
"""

import json
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as Connection
from twisted.logger import Logger
from twisted.python.failure import Failure

from node_manager.drivers.container.sockets import Hears
from node_manager.identity import unix_uid
from planetlab.errors import BadArgument, PlanetLabError
from planetlab.gate import Gate
from planetlab.limits import Limits

_MOST = 256  # bytes of a request
_WITHIN = 5.0  # seconds
_AT_ONCE = Limits(per_peer=16, total=1000)

Open = Callable[[int, Hears, int], "Deferred[socket.socket]"]  # user id, kind, port or identifier


def read(line: bytes) -> tuple[Hears, int]:
    """What is asked. Raises `BadArgument`: the peer is a user's program."""
    try:
        told = json.loads(line)
        hears, number = told["hears"], told["number"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadArgument('expected one line like {"hears": "udp", "number": 4000}') from None
    if hears not in list(Hears):
        raise BadArgument(f"expected one of {', '.join(Hears)}, got {hears!r:.40}", "hears")
    if type(number) is not int or not 0 < number < 65536:
        raise BadArgument(f"expected a port or identifier from 1 to 65535, got {number!r:.40}", "number")
    return Hears(hears), number


class Asking(Connection):
    """One program that wants a socket."""

    log = Logger()
    transport: Any  # Twisted types neither that it is there while there is a connection, nor its socket

    def __init__(self, opened: Open, reactor: Any) -> None:
        self._open = opened
        self._reactor = reactor
        self._told = b""

    def connectionMade(self) -> None:
        self._uid = unix_uid(self.transport.socket)
        self._late = self._reactor.callLater(_WITHIN, self.transport.abortConnection)

    def dataReceived(self, data: bytes) -> None:
        self._told += data
        line, end, _ = self._told.partition(b"\n")
        if (end or len(self._told) > _MOST) and self._late.active():
            self._late.cancel()
            Deferred.fromCoroutine(self._answer(line[:_MOST])).addErrback(self._refuse)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._late.active():
            self._late.cancel()

    async def _answer(self, line: bytes) -> None:
        with await self._open(self._uid, *read(line)) as made:
            socket.send_fds(self.transport.socket, [b"1"], [made.fileno()])
        self.log.info("uid {uid} has a raw socket: {what}", uid=self._uid, what=line.decode(errors="replace"))
        self.transport.loseConnection()

    def _refuse(self, failure: Failure) -> None:
        told = str(failure.value) if failure.check(PlanetLabError) else "the node manager could not open it"
        self.transport.write(f"{told}\n".encode())
        self.transport.loseConnection()


class Broker(Factory):
    """Makes an `Asking` for each connection; see `guarded`."""

    noisy = False

    def __init__(self, opened: Open, reactor: Any) -> None:
        self._open = opened
        self._reactor = reactor

    def buildProtocol(self, addr: Any) -> Asking:
        return Asking(self._open, self._reactor)


def guarded(opened: Open, reactor: Any) -> Gate:
    """A `Broker` at which one slice has few places, so that it takes neither the others' nor our descriptors."""
    return Gate(Broker(opened, reactor), _AT_ONCE)
