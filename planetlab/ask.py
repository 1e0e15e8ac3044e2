"""Another service's API, as a client uses it: typed errors, a time limit on everything, one pool of connections.

A peer may be slow, silent or wrong. Each try ends after ``timeout`` seconds whatever the peer does, answers are limited
in size and read as strictly as calls are, redirects are not followed, and TLS is checked by `planetlab.tls`. What did
not work is `Refused` (the peer answered with a fault), `Unreachable` (no connection, no answer, not the peer that was
called) or `PeerError` (an answer that is none). A call is tried again only if nothing was sent, or if the peer said
that it did nothing, or if the call may be repeated without harm: that is so for the methods that only read, for all
calls of ``ask.repeatable``, and for all calls of an authority that is ``keyed``: what comes again with the same
Idempotency-Key it does once.
"""

import random
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit
from xmlrpc.client import Fault

from attrs import evolve, field, frozen
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, gatherResults
from twisted.internet.error import ConnectError, ConnectingCancelledError, DNSLookupError
from twisted.internet.task import deferLater
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from planetlab import xmlrpc
from planetlab.auth import Anonymous as Anonymous
from planetlab.auth import Auth
from planetlab.auth import NodeKey as NodeKey
from planetlab.auth import Password as Password
from planetlab.auth import Session as Session
from planetlab.errors import BadArgument, BadSettings, PeerError, Refused, Unreachable
from planetlab.lines import AT_ONCE as AT_ONCE
from planetlab.lines import UNIX, Body, Collect
from planetlab.lines import close as close
from planetlab.lines import line as line_for
from planetlab.tls import CertificateRefused, PemSource

T = TypeVar("T")
V = TypeVar("V")

MOST = 64 << 20  # octets of an answer
KEY = b"idempotency-key"
"""Header that names a call: a service that is ``keyed`` does a call once, however often it comes with the same one."""
_READS = re.compile(r"Get|Resolve|Retrieve|List|system\.(list|method)|(version|AuthCheck|Slivers|Wishes)$")


class _NothingSent(Unreachable):
    """The call did not leave, so that it may be tried again."""


class _NothingDone(PeerError):
    """The peer says that it did not look at the call, so that it may be tried again after ``wait`` seconds."""

    def __init__(self, detail: str, wait: float) -> None:
        super().__init__(detail)
        self.wait = wait


def _reads(method: str) -> bool:
    return bool(_READS.match(method))


def _always(method: str) -> bool:
    return True


def _the_reactor() -> Any:
    from twisted.internet import reactor

    return reactor


@frozen
class Ask:
    """Another service's API at ``url``: ``https://…``, ``http://…`` or ``unix:/path``.

    ``ca`` is whom TLS trusts, ``client_cert`` a pair of certificate and key, PEM or paths. ``timeout`` is of one try,
    in seconds; ``tries`` is how many. ``auth`` is put before the arguments of every call. ``keyed`` says that the
    service knows Idempotency-Key, as authorities do: calls that change something carry one, the same at every try.
    """

    url: str
    ca: PemSource | None = None
    auth: Auth | None = None
    client_cert: Sequence[PemSource] | None = None
    timeout: float = 30.0
    tries: int = 3
    reactor: Any = field(default=None, repr=False)
    may_repeat: Callable[[str], bool] = field(default=_reads, repr=False)
    most: int = MOST
    keyed: bool = False

    @property
    def repeatable(self) -> "Ask":
        """The same, for calls that may each be done twice without harm."""
        return evolve(self, may_repeat=_always)

    def as_(self, auth: Auth | None) -> "Ask":
        """The same, called by somebody else."""
        return evolve(self, auth=auth)

    async def call(self, method: str, *args: Any) -> Any:
        """What ``method`` answers. Raises `Refused`, `Unreachable` or `PeerError`, which names the service."""
        whole = args if self.auth is None else (self.auth.struct(args), *args)
        repeat = self.may_repeat(method)
        headers = {KEY: secrets.token_hex(16).encode()} if self.keyed and not repeat else {}
        answer = await self.post(xmlrpc.dumps_call(method, whole), repeat or bool(headers), headers)
        try:
            return xmlrpc.loads_answer(answer, octets=self.most)
        except Fault as fault:
            raise Refused(int(fault.faultCode), str(fault.faultString)) from None
        except (xmlrpc.Malformed, BadArgument) as error:
            raise PeerError(f"{self.shown}: its answer to {method} is not understood: {error}") from error

    async def post(self, body: bytes | None, repeat: bool = False, headers: dict[bytes, bytes] | None = None) -> bytes:
        """The octets that ``body`` is answered with (None: a GET); ``repeat`` allows to send it more than once."""
        reactor = self.reactor or _the_reactor()
        last: PeerError
        for attempt in range(max(1, self.tries)):
            try:
                return await self._try(reactor, body, headers or {})
            except CertificateRefused as error:
                raise CertificateRefused(f"{self.shown}: {error}") from error
            except PeerError as error:
                last = error
                again = isinstance(error, _NothingSent | _NothingDone) or (repeat and isinstance(error, Unreachable))
                if attempt + 1 >= self.tries or not again:
                    break
                pause = min(10.0, 0.2 * 2**attempt) * random.uniform(0.5, 1.5)
                await deferLater(reactor, max(pause, getattr(error, "wait", 0.0)))
        raise type(last).__mro__[1 if isinstance(last, _NothingSent | _NothingDone) else 0](f"{self.shown}: {last}")

    async def get(self) -> bytes:
        """The octets of the document at ``url``. Raises as `post` does; tried again whenever no answer came."""
        return await self.post(None, repeat=True)

    @property
    def shown(self) -> str:
        """The address, without a password that may stand in it."""
        return re.sub(r"//[^/@]*@", "//", self.url)

    def _uri(self) -> tuple[bytes, bool]:
        if self.url.startswith("unix:"):
            path = self.url.removeprefix("unix:").removeprefix("//")
            return b"http://%s%s/" % (path.encode().hex().encode(), UNIX.encode()), False
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadSettings(f"{self.shown}: expected https://…, http://… or unix:/path")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return f"{parts.scheme}://{host}{port}{path}".encode("ascii"), parts.scheme == "https"

    async def _try(self, reactor: Any, body: bytes | None, more: dict[bytes, bytes]) -> bytes:
        uri, secure = self._uri()
        line = line_for(reactor, secure, self.ca, self.client_cert)
        headers = Headers({b"Content-Type": [b"text/xml"], b"User-Agent": [b"plfed"]})
        if uri.startswith(b"http://") and UNIX.encode() in uri:
            headers.setRawHeaders(b"Host", [b"localhost"])
        for name, value in more.items():
            headers.setRawHeaders(name, [value])

        async def whole() -> bytes:
            if body is None:
                response = await line.agent.request(b"GET", uri, headers)
            else:
                response = await line.agent.request(b"POST", uri, headers, Body(body))
            return await self._read(response)

        place = line.place(uri.split(b"/", 3)[2])
        await place.acquire()
        try:
            return await self._limited(reactor, whole)
        finally:
            place.release()

    async def _limited(self, reactor: Any, whole: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """One try, ended when its time is over; who called us may end it sooner, by cancelling."""
        ended: list[str] = []
        work = Deferred.fromCoroutine(whole())

        def end(why: str) -> None:
            ended.append(why)
            work.cancel()

        waiting: Deferred[bytes] = Deferred(lambda _: end("cancelled"))
        work.addBoth(lambda result: None if "cancelled" in ended else waiting.callback(result))
        timer = reactor.callLater(self.timeout, end, "late")
        try:
            return await waiting
        except (PeerError, CancelledError):
            if "late" in ended:
                raise Unreachable(f"no answer within {self.timeout:g} s") from None
            raise
        except Exception as error:  # Twisted and OpenSSL have many for a peer that cannot be reached; one is told
            raise self._told(error, "late" in ended) from error
        finally:
            if timer.active():
                timer.cancel()

    async def _read(self, response: IResponse) -> bytes:
        collect = Collect(self.most if response.code == 200 else 4096)
        response.deliverBody(collect)
        body = await collect.done
        if response.code == 200:
            return body
        said = " ".join(body.decode("utf-8", "replace").split())[:200] if b"<" not in body[:100] else ""
        text = f"it answered HTTP {response.code}{f': {said}' if said else ''}"
        if response.code in (429, 503):
            after = (response.headers.getRawHeaders(b"Retry-After") or [b"1"])[0]
            raise _NothingDone(text, min(10.0, float(after)) if after.isdigit() else 1.0)
        raise PeerError(text)

    def _told(self, error: Exception, over: bool) -> PeerError:
        reasons = _reasons(error)
        for one in (error, *reasons):
            if isinstance(one, PeerError):
                return one
        if over:
            unconnected = isinstance(error, ConnectError | ConnectingCancelledError)
            return (_NothingSent if unconnected else Unreachable)(f"no answer within {self.timeout:g} s")
        if isinstance(error, DNSLookupError):
            return _NothingSent(f"its name is not known: {error}")
        if isinstance(error, ConnectError | ConnectingCancelledError):
            return _NothingSent(f"no connection: {_plain(error)}")
        if any(type(one).__module__.startswith("OpenSSL") for one in reasons):
            return Unreachable(f"TLS failed: {'; '.join(map(_plain, reasons))}")
        return Unreachable(f"it broke off without an answer: {'; '.join(map(_plain, reasons)) or _plain(error)}")


def _reasons(error: BaseException) -> list[BaseException]:
    """What twisted.web wrapped into ``error``."""
    return [one.value for one in getattr(error, "reasons", None) or () if one.value is not None]


def _plain(error: BaseException) -> str:
    """An error's own words on one line."""
    parts = error.args[0] if error.args and isinstance(error.args[0], list) else None
    said = "; ".join(str(part[-1]) for part in parts) if parts else str(error)
    return " ".join(said.split())[:200] or type(error).__name__


class Service:
    """The methods of an `Ask` as attributes: ``await Service(ask).GetNodes([1])``, ``….system.listMethods()``."""

    def __init__(self, ask: Ask, prefix: str = "") -> None:
        self._ask, self._prefix = ask, prefix

    def __getattr__(self, name: str) -> "Service":
        if name.startswith("__"):
            raise AttributeError(name)
        return Service(self._ask, f"{self._prefix}.{name}" if self._prefix else name)

    async def __call__(self, *args: Any) -> Any:
        return await self._ask.call(self._prefix, *args)


@frozen
class Outcome(Generic[T, V]):
    """What came of one item: ``value``, or the ``error`` that ended it; ``seconds`` is how long it took."""

    item: T
    value: V | None = None
    error: Exception | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it went well."""
        return self.error is None


async def each(
    items: Iterable[T],
    function: Callable[[T], Awaitable[V]],
    at_once: int = 50,
    on_done: Callable[[Outcome[T, V]], object] | None = None,
) -> list[Outcome[T, V]]:
    """Do ``function`` for each item, at most ``at_once`` at a time; the outcomes stand in the order of the items.

    Some of them failing ends nothing: each failure is that item's outcome. ``on_done`` hears of each as it ends. Let
    ``at_once`` be more than the number of peers that may be silent, for each of those holds a place for a time limit.
    """
    places = DeferredSemaphore(at_once)

    async def one(item: T) -> Outcome[T, V]:
        begun = time.monotonic()
        try:
            outcome = Outcome[T, V](item, value=await function(item), seconds=time.monotonic() - begun)
        except Exception as error:  # whatever one costs, the others are served
            outcome = Outcome(item, error=error, seconds=time.monotonic() - begun)
        if on_done is not None:
            on_done(outcome)
        return outcome

    def start(item: T) -> Deferred[Outcome[T, V]]:
        return Deferred.fromCoroutine(one(item))

    running = [places.run(start, item) for item in items]
    return list(await gatherResults(running, consumeErrors=True))
