"""What a stranger may cost: sizes, times, counts and rates of everything that comes off the wire.

twisted.web has no limits of its own on bodies, on the time of a whole request, or on connections. `hardened_site` makes
a site that has them. A peer that is slow is cut off when its time is over, however diligently it drips; one that sends
too much is told so before it was read; how many connections one may open is `planetlab.gate`'s.
"""

import re
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from planetlab.failpoints import failpoint

_log = Logger()
_SWEEP = 0.25  # seconds between two looks at who is late
_LINGER = 2.0  # seconds that a refused sender may go on before it is cut off
_UNREAD = 64 << 20  # octets that a refused sender may go on with


@frozen(kw_only=True)
class Limits:
    """What one server accepts. Sizes in octets, times in seconds, rates per second; a rate of 0 is no limit."""

    body: int = 1 << 20
    depth: int = 32
    values: int = 50_000
    inner: int = 100  # calls inside one system.multicall
    header: float = 5.0  # from the first octet, or from the connection's making, TLS included, to the last header
    content: float = 15.0  # from the last header to the body's end, and a second more per 64 KiB declared
    idle: float = 60.0  # between two requests of one connection
    answer: float = 300.0  # that a peer may take to read our answer
    per_peer: int = 20
    total: int = 1000
    in_work: int = 500
    rate: float = 0.0  # requests of one peer
    burst: int = 50  # requests that one peer may send at once before the rate counts


BULK = Limits(body=8 << 20)
"""For the interfaces over which whole registries travel."""


@define
class Bucket:
    """A peer's allowance: it fills at a rate, up to a burst, and each request takes one, or what it costs."""

    left: float
    at: float

    def take(self, now: float, rate: float, burst: int, cost: float = 1.0) -> float:
        """0.0 if one more may come, else the seconds after which it may."""
        self.left = min(float(burst), self.left + max(0.0, now - self.at) * rate)
        self.at = now
        if self.left < 1.0:
            return (1.0 - self.left) / rate
        self.left -= cost
        return 0.0


@define
class Rates:
    """The allowances of the peers seen lately; one that is full again is forgotten."""

    rate: float
    burst: int
    buckets: dict[str, Bucket] = field(factory=dict)

    def wait(self, peer: str, now: float, cost: float = 1.0) -> float:
        """Seconds that ``peer`` has to wait before its next request; 0.0 if it need not."""
        if self.rate <= 0.0:
            return 0.0
        if len(self.buckets) > 10_000:
            full = self.burst / self.rate
            self.buckets = {name: one for name, one in self.buckets.items() if now - one.at < full}
        return self.buckets.setdefault(peer, Bucket(self.burst, now)).take(now, self.rate, self.burst, cost)

    def charge(self, peer: str, cost: float) -> None:
        """Take from what ``peer`` has left, below nothing too: what its request cost is known behind it only."""
        if (bucket := self.buckets.get(peer)) is not None:
            bucket.left -= cost


_ABSOLUTE = re.compile(rb"\Ahttps?://[^/]*", re.IGNORECASE)  # how a request is named through a proxy


class _Request(Request):
    """A request that counts its octets, and that does not start where there is no room for it."""

    channel: "_Channel"
    _octets = 0
    _counted = False

    def gotLength(self, length: int | None) -> None:
        if length is not None and length > self.channel.site.limits.body:
            self.channel.refuse(http.REQUEST_ENTITY_TOO_LARGE, self.channel.site.too_large)
            length = 0
        super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:
        self._octets += len(data)
        if self._octets > self.channel.site.limits.body:
            self.channel.refuse(http.REQUEST_ENTITY_TOO_LARGE, self.channel.site.too_large)
        else:
            super().handleContentChunk(data)

    def process(self) -> None:
        channel, site = self.channel, self.channel.site
        if channel.refused:
            return
        self.path = _ABSOLUTE.sub(b"", self.path) or b"/"
        if site.draining:
            channel.persistent = False
        wait = site.rates.wait(peer_of(self), site.reactor.seconds())
        if wait or site.in_work >= site.limits.in_work:
            code = (429, b"Too Many Requests") if wait else (503, b"Service Unavailable")
            self.setResponseCode(*code)
            self.setHeader(b"Retry-After", b"%d" % max(1, round(wait + 0.5)))
            self.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
            self.write(b"Too many requests; ask again later.\n")
            self.finish()
            return
        site.in_work += 1
        self._counted = True
        super().process()

    def write(self, data: bytes) -> None:
        if not self.startedWriting and self.channel.site.draining:
            self.channel.persistent = False
        if not self.startedWriting and not self.channel.persistent:
            self.setHeader(b"Connection", b"close")
        super().write(data)

    def step_aside(self) -> None:
        """It waits without being worked on: it takes nobody's place, and its connection may be ended for others."""
        self._leave()
        self.channel.resting = True

    def _cleanup(self) -> None:
        self._leave()
        super()._cleanup()

    def connectionLost(self, reason: Failure) -> None:
        self._leave()
        super().connectionLost(reason)

    def _leave(self) -> None:
        if self._counted:
            self._counted = False
            self.channel.site.in_work -= 1


def step_aside(request: Any) -> None:
    """Let a request wait without taking anybody's place, where the server has places."""
    if isinstance(request, _Request):
        request.step_aside()


class _Channel(http.HTTPChannel):
    """One connection, with the time at which its peer is late."""

    site: "HardenedSite"
    maxHeaders = 100
    due: float | None = None
    refused = False
    resting = False
    _unread = 0
    _idle = False
    _answered = 0.0

    def connectionMade(self) -> None:
        super().connectionMade()
        self.site.channels[self] = None
        self._wait(self.site.limits.header)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.due = None
        self.site.left(self)
        super().connectionLost(reason)

    def _wait(self, seconds: float) -> None:
        self.due = self.site.reactor.seconds() + seconds

    def dataReceived(self, data: bytes) -> None:
        if self.refused:
            self._unread += len(data)
            if self._unread > _UNREAD:
                self.abort()
            return
        if self._idle:
            self._idle = False
            self._wait(self.site.limits.header)
        try:
            super().dataReceived(data)
        except ValueError:  # a length of more digits than int() takes
            self._respondToBadRequestAndDisconnect()

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(http.BAD_REQUEST, "expected a request of HTTP/1.1\n")

    def allHeadersReceived(self) -> None:
        self._wait(self.site.limits.content + (self.length or 0) / 65536)
        failpoint("request.begun")
        super().allHeadersReceived()

    def _send100Continue(self) -> None:
        if not self.refused:
            super()._send100Continue()

    def allContentReceived(self) -> None:
        self.due = None
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        if self.site.draining:
            self.persistent = False
        self._idle, self.resting = True, False
        self._answered = self.site.reactor.seconds()
        self._wait(self.site.limits.idle)
        super().requestDone(request)

    def refuse(self, code: int, why: str) -> None:
        """Answer now, read no more, and give the peer a moment to see the answer before the connection ends."""
        if self.refused or self.transport is None:
            return
        self.refused = True
        self.lineReceived = self.rawDataReceived = lambda *_: None  # type: ignore[method-assign]  # deaf from now on
        body = why.encode()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (code, http.RESPONSES[code], len(body), body)
        )
        _log.info("refused {peer}: {code} {why}", peer=_host(self.transport.getPeer()), code=code, why=why.strip())
        self.persistent = False
        self._wait(_LINGER)
        half = getattr(self.transport, "loseWriteConnection", None)
        if half is not None:
            half()

    def late(self, now: float) -> None:
        """The peer's time is over, unless it is still reading a long answer."""
        if self._waitingForTransport and not self.refused and now < self._answered + self.site.limits.answer:
            self.due = now + 1.0
        else:
            self.due = None
            self.abort()

    @property
    def is_busy(self) -> bool:
        """Whether a call is in work, or an answer on its way."""
        return bool(self.requests and self._handlingRequest) or self._waitingForTransport

    def abort(self) -> None:
        """End the connection now."""
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]  # TCP, TLS and Unix have it

    def drain(self) -> None:
        """End as soon as no request is in work."""
        if not self._handlingRequest and not self.requests:
            self.loseConnection()

    def setTimeout(self, period: float | None) -> float | None:
        """Twisted's own idle clock stays off: `due` is ours."""
        return None


class HardenedSite(Site):
    """A site that keeps `Limits`, knows its connections, and can end in good order."""

    requestFactory = _Request
    noisy = False

    def __init__(self, resource: IResource, clock: IReactorTime, limits: Limits) -> None:
        super().__init__(resource, _Request, reactor=clock, parsePOSTFormSubmission=False)
        self.limits = limits
        self.rates = Rates(limits.rate, limits.burst)
        self.channels: dict[_Channel, None] = {}
        self.in_work = 0
        self.draining = False
        self.too_large = f"expected at most {limits.body} octets\n"
        self._empty: list[Deferred[None]] = []
        self._sweep = LoopingCall(self._look)
        self._sweep.clock = clock
        self.protocol = lambda: http._GenericHTTPChannelProtocol(_Channel())  # type: ignore[method-assign]  # as Twisted makes it

    def startFactory(self) -> None:
        if not self._sweep.running:
            self._sweep.start(_SWEEP, now=False)

    def stopFactory(self) -> None:
        if self._sweep.running and not self.channels:
            self._sweep.stop()

    def _look(self) -> None:
        now = self.reactor.seconds()
        for channel in [one for one in self.channels if one.due is not None and one.due <= now]:
            channel.late(now)

    def left(self, channel: _Channel) -> None:
        """A connection has ended."""
        self.channels.pop(channel, None)
        if not self.channels and self.draining:
            self._ended()

    def _ended(self) -> None:
        if self._sweep.running:
            self._sweep.stop()
        waiting, self._empty = self._empty, []
        for one in waiting:
            one.callback(None)

    def drain(self) -> Deferred[None]:
        """Finish what is in work and take nothing new; fires when the last connection has ended."""
        self.draining = True
        for channel in list(self.channels):
            channel.drain()
        if not self.channels:
            self._ended()
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._empty.append(done)
        return done

    def abort(self) -> None:
        """End every connection now."""
        for channel in list(self.channels):
            channel.abort()

    def log(self, request: http.Request) -> None:
        """Nothing: calls are logged by what answers them, with what an access log does not know."""

    def acceptableProtocols(self) -> list[bytes]:
        """HTTP/1.1 only: the limits are those of its channel."""
        return [b"http/1.1"]


def peer_of(request: Any) -> str:
    """The address that a request came from; empty for a Unix socket."""
    return _host(request.getClientAddress())


def _host(address: IAddress) -> str:
    return str(getattr(address, "host", ""))


def hardened_site(resource: IResource, clock: IReactorTime, limits: Limits | None = None) -> HardenedSite:
    """A site around ``resource`` that keeps ``limits`` by ``clock`` (the reactor)."""
    return HardenedSite(resource, clock, limits or Limits())
