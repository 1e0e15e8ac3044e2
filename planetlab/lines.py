"""Connections to other services: kept for later calls, bounded, and shared only by those who trust the same papers."""

import os
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from attrs import define, field
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, DeferredSemaphore, succeed
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import IConsumer, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from planetlab.errors import BadSettings, PeerError, Unreachable
from planetlab.tls import ClientTLS, PemSource

IDLE = 30.0  # seconds that an unused connection is kept; less than servers keep it
PER_HOST = 2  # connections kept to one server
AT_ONCE = 8  # calls in work at one server; servers turn away those who open many connections
UNIX = ".unix.invalid"  # ends the host name that stands for a socket's path, in hex


@implementer(IBodyProducer)
class Body:
    """A request's octets."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.length = len(octets)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._octets)
        return succeed(None)

    def stopProducing(self) -> None:
        """Everything was given at once."""

    pauseProducing = resumeProducing = stopProducing


class Collect(Protocol):
    """Takes an answer's body up to a limit."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._parts: list[bytes] = []
        self.done: Deferred[bytes] = Deferred(lambda _: self._abort())

    def _abort(self) -> None:
        if self.transport is not None:
            getattr(self.transport, "abortConnection", self.transport.loseConnection)()

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._most:
            self._parts.append(data)
        elif not self.done.called:
            self.done.errback(PeerError(f"its answer is larger than {self._most} octets"))
            self._abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(b"".join(self._parts))
        else:
            self.done.errback(Unreachable(f"it broke off its answer: {reason.getErrorMessage() or reason.type}"))


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """Where a URI leads: a Unix socket, a host, or a host behind TLS."""

    def __init__(self, reactor: Any, tls: ClientTLS | None) -> None:
        self._reactor, self._tls = reactor, tls

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        host = uri.host.decode("ascii")
        if host.endswith(UNIX):
            return UNIXClientEndpoint(self._reactor, bytes.fromhex(host.removesuffix(UNIX)).decode())
        endpoint = self._endpoint(host.strip("[]"), uri.port)
        if uri.scheme != b"https":
            return endpoint
        if self._tls is None:
            raise BadSettings(f"{host}: no TLS was set up for it")
        return wrapClientTLS(self._tls.to(host.strip("[]")), endpoint)

    def _endpoint(self, host: str, port: int) -> IStreamClientEndpoint:
        if isIPAddress(host):
            return TCP4ClientEndpoint(self._reactor, host, port)
        if isIPv6Address(host):
            return TCP6ClientEndpoint(self._reactor, host, port)
        return HostnameEndpoint(self._reactor, host, port)


@define
class Line:
    """The connections that were verified under one set of papers; nobody with other papers shares them."""

    agent: Agent
    pool: HTTPConnectionPool
    places: dict[bytes, DeferredSemaphore] = field(factory=dict)

    def place(self, netloc: bytes) -> DeferredSemaphore:
        """The places for calls at one server."""
        if len(self.places) > 4096:
            self.places = {name: one for name, one in self.places.items() if one.tokens < one.limit}
        return self.places.setdefault(netloc, DeferredSemaphore(AT_ONCE))


_lines: WeakKeyDictionary[Any, dict[Any, Line]] = WeakKeyDictionary()


def _version(source: PemSource | None) -> Any:
    """What tells one content of ``source`` from another; a file that is replaced is read again."""
    if source is None or isinstance(source, bytes) or (isinstance(source, str) and "-----BEGIN" in source):
        return source
    try:
        about = os.stat(source)
    except OSError as error:
        raise BadSettings(f"{source}: cannot be read: {error.strerror}") from error
    return (str(source), about.st_mtime_ns, about.st_size)


def line(reactor: Any, secure: bool, ca: PemSource | None, client_cert: Sequence[PemSource] | None) -> Line:
    """The one line for these papers; files are looked at each time, so that a new CA is taken up."""
    papers = (_version(ca), *map(_version, client_cert or ())) if secure else None
    known = _lines.setdefault(reactor, {})
    if papers not in known:
        tls = ClientTLS.make(ca, client_cert) if secure else None
        pool = HTTPConnectionPool(reactor, persistent=True)
        pool.maxPersistentPerHost = PER_HOST
        pool.cachedConnectionTimeout = IDLE  # type: ignore[assignment]  # callLater takes a float
        pool.retryAutomatically = False
        known[papers] = Line(Agent.usingEndpointFactory(reactor, _Endpoints(reactor, tls), pool=pool), pool)
    return known[papers]


async def close(reactor: Any) -> None:
    """Close the connections that are kept for later calls; the next call opens new ones."""
    for line in _lines.pop(reactor, {}).values():
        await line.pool.closeCachedConnections()
