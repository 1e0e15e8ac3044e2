"""An `Api` as a twisted.web resource: XML-RPC by POST, in the dialect of the interface that it stands for.

A call that does not parse is answered as the PLC API did, with HTTP 500 and the text ``Internal Server Error`` (what
was expected stands in the header ``X-Expected``); one that exceeds a limit gets a fault that names the limit. Errors
that are ours to tell become faults; any other becomes an incident, whose number the caller is told and under which the
log has the rest. A caller that goes away before its answer is there loses only the answer.
"""

import functools
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol
from xmlrpc.client import Fault

from attrs import frozen
from prometheus_client import Counter, Histogram
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from planetlab import introspection, reference, sending, xmlrpc
from planetlab.ask import KEY, Ask
from planetlab.calls import Call, dispatch
from planetlab.errors import BadArgument, BadArgumentCount, PeerError, PlanetLabError
from planetlab.failpoints import failpoint, is_armed
from planetlab.faults import fault
from planetlab.gate import listen as listen
from planetlab.launch import Running as Running
from planetlab.launch import run_service as run_service
from planetlab.limits import BULK as BULK
from planetlab.limits import Limits as Limits
from planetlab.limits import hardened_site as hardened_site
from planetlab.limits import peer_of
from planetlab.long_text import LongText
from planetlab.methods import Api, Method
from planetlab.redact import one_line, redacted
from planetlab.shapes import Anything, ListOf, Of, Struct

_log = Logger()
_CALLS = Counter("plfed_calls", "Calls answered, by method and fault code (0: no fault).", ["method", "code"])
_SECONDS = Histogram(
    "plfed_call_seconds", "Seconds that calls took.", ["method"], buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0)
)

_labelled = functools.cache(lambda metric, *labels: metric.labels(*labels))

GreetRequest = Callable[[Method, tuple[Any, ...], Request], Call]
"""Recognises the caller of a method, by its arguments and by its connection."""

Run = Callable[[Method, Callable[[], Any]], Any]
"""Runs one call: gives what ``thunk()`` gives, or something to await for it; a service puts its threads here."""

FORWARDED = b"x-plfed-forwarded-for"
"""Header of a call that one half of an authority passes to the other: the address of who called."""

_CALLS_OF_ONE = ListOf((Struct({"methodName": Of(str), "params": ListOf((Anything(),))}),))
_STRETCH = 1 << 16  # octets of an answer that are written before others have their turn
_UNNAMED = b"local"  # who called over a Unix socket has no address
_LOCAL = frozenset({"127.0.0.1", "::1", ""})


class Dialect(Protocol):
    """How one family of interfaces says values and errors."""

    def answer(self, value: Any) -> Any:
        """What is sent for a method's value."""

    def refuse(self, error: Exception, method: str, call: Call | None) -> Any:
        """What is sent for an error: a `Fault`, or a value. ``call`` is None when the caller was not yet known.

        An error that is not ours to tell comes as a plain `PlanetLabError` with the number of its incident.
        """


@frozen
class Plc:
    """The PLC API's dialect: values as they are, faults that say who called what."""

    def answer(self, value: Any) -> Any:
        return value

    def refuse(self, error: Exception, method: str, call: Call | None) -> Fault:
        caller = "" if call is None or call.caller is None else str(call.caller)
        return fault(error, f"{caller}: {method}")


PLC = Plc()


def inline(method: Method, thunk: Callable[[], Any]) -> Any:
    """Run a call where it is, in the reactor's thread."""
    return thunk()


class ApiResource(Resource):
    """Answers ``POST`` with the methods of ``api``; any other HTTP method gets a short page.

    A method that is not in ``api`` is passed, as it came, to ``elsewhere``, which has the other half of it.
    """

    isLeaf = True

    def __init__(
        self,
        api: Api,
        greet: GreetRequest,
        dialect: Dialect = PLC,
        run: Run = inline,
        elsewhere: Ask | None = None,
        limits: Limits | None = None,
    ) -> None:
        super().__init__()
        self.api, self.greet, self.dialect, self.run = api, greet, dialect, run
        self.elsewhere, self.limits = elsewhere, limits or BULK

    def render(self, request: Request) -> bytes | int:
        request.setHeader(b"Server", b"plfed")
        if request.method != b"POST":
            request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
            return self._reference() if (request.postpath or [b""])[-1] == b"reference" else _PAGE
        ensureDeferred(self._respond(request))
        return NOT_DONE_YET

    @functools.cache  # noqa: B019  # a resource lives as long as its process
    def _reference(self) -> bytes:
        return reference.html("Reference of this interface", self.api).encode()

    async def _respond(self, request: Request) -> None:
        try:
            assert request.content is not None
            body = request.content.read()
            failpoint("request.read")
            answer = await self._serve(request, body)
            if request.channel is not None:  # else the caller went away meanwhile
                await self._send(answer, request)
        except Exception:  # a defect costs its own connection, not the service
            _log.failure("an answer could not be sent")
            if request.channel is not None:
                request.loseConnection()

    async def _send(self, answer: list[xmlrpc.Piece] | None, request: Request) -> None:
        """Write the answer; a long one in stretches, between which others have their turn."""
        if answer is None:
            request.setResponseCode(500)
            request.setHeader(b"Content-Type", b"text/html")
            answer = [_NOT_UNDERSTOOD]
        else:
            request.setHeader(b"Content-Type", b"text/xml; charset=utf-8")
        request.setHeader(b"Content-Length", b"%d" % sum(map(len, answer)))
        if is_armed("answer.half"):
            whole = b"".join(map(xmlrpc.octets_of, answer))
            answer = [whole[: len(whole) // 2], whole[len(whole) // 2 :]]
        assert request.site is not None, "only a site renders"
        stretch = 0
        for place, piece in enumerate(answer):
            if place:
                failpoint("answer.half")
            if isinstance(piece, LongText):
                await sending.send(request, piece, request.site.reactor, self.limits.answer)
                piece.close()
            elif stretch >= _STRETCH:
                stretch = 0
                await deferLater(request.site.reactor, 0.0)
            if request.channel is None:
                return
            if isinstance(piece, bytes):
                request.write(piece)
                stretch += len(piece)
        transport = request.channel.transport
        request.finish()
        sending.flush(transport)
        failpoint("answer.sent")

    async def _serve(self, request: Request, body: bytes) -> list[xmlrpc.Piece] | None:
        try:
            name, args = xmlrpc.loads_call(
                body, depth=self.limits.depth, values=self.limits.values, octets=self.limits.body
            )
        except xmlrpc.Malformed as error:
            _log.info("no call from {peer}: {error}", peer=peer_of(request), error=one_line(str(error), 200))
            request.setHeader(b"X-Expected", one_line(str(error), 200).encode("ascii", "replace"))
            return None
        except BadArgument as error:
            return _written(fault(error))
        failpoint("request.parsed")
        if self._is_elsewhere(name, request):
            return [await self._forward(name, body, request)]
        answer = await self._answer(name, args, request)
        try:
            return _written(answer)
        except Exception as error:  # a value that XML-RPC cannot say: ours, not the caller's
            return _written(self.dialect.refuse(_incident(error, name), name, None))

    def _is_elsewhere(self, name: str, request: Request) -> bool:
        return (
            self.elsewhere is not None
            and name not in self.api
            and name not in introspection.NAMES
            and request.getHeader(FORWARDED) is None
        )

    async def _forward(self, name: str, body: bytes, request: Request) -> bytes:
        """The other half's answer, octet by octet."""
        assert self.elsewhere is not None
        try:
            headers, key = {FORWARDED: address_of(request).encode() or _UNNAMED}, request.getHeader(KEY)
            if key is not None:
                headers[KEY] = key
            return await self.elsewhere.post(body, repeat=key is not None, headers=headers)
        except PeerError as error:
            _log.warn("{method} could not be passed on: {error}", method=one_line(name, 80), error=one_line(str(error)))
            return b"".join(map(xmlrpc.octets_of, _written(self.dialect.refuse(error, name, None))))

    async def _answer(self, name: str, args: tuple[Any, ...], request: Request, inner: bool = False) -> Any:
        """What is said to one call: a value or a `Fault`, in our dialect; ``inner`` to a multicall is as PLCAPI's."""
        begun, calls = time.monotonic(), list[Call]()

        def greeted(method: Method, given: tuple[Any, ...]) -> Call:
            calls.append(self.greet(method, given, request))
            return calls[-1]  # a call that is run again from its start is greeted again

        code = 0
        try:
            answer = self.dialect.answer(await self._value(name, args, request, greeted))
        except Exception as error:  # a refusal, or a defect, which is told by its incident
            told = error if isinstance(error, PlanetLabError | Fault) else _incident(error, name)
            if isinstance(told, Fault):
                answer = told
            elif inner and told is not error:
                answer = Fault(1, f"{type(error).__name__}:{told}")
            else:
                answer = self.dialect.refuse(told, name, calls[-1] if calls else None)
            code = answer.faultCode if isinstance(answer, Fault) else getattr(told, "code", 1)
        known = name if name in self.api or name in introspection.NAMES else "unknown"
        seconds = time.monotonic() - begun
        _labelled(_CALLS, known, str(code)).inc()
        _labelled(_SECONDS, known).observe(seconds)
        caller = str(calls[-1].caller or "nobody") if calls else "nobody"
        _log.info(
            "{method} for {caller} at {peer}: {code} in {ms} ms",
            method=one_line(name, 80), caller=one_line(caller, 80), peer=address_of(request) or "socket",
            code=code, ms=round(seconds * 1000, 1), args=_Shown(args[1:]),
        )  # fmt: skip
        return answer

    async def _value(
        self, name: str, args: tuple[Any, ...], request: Request, greet: Callable[[Method, tuple[Any, ...]], Call]
    ) -> Any:
        if name in introspection.NAMES and name not in self.api:
            return await self._system(name, args, request)
        method = self.api.find(name)
        value = self.run(method, lambda: dispatch(self.api, name, args, greet))
        while isinstance(value, Awaitable):
            value = await value
        return value

    async def _system(self, name: str, args: tuple[Any, ...], request: Request) -> Any:
        expected = 0 if name == "system.listMethods" else 1
        if len(args) != expected:
            raise BadArgumentCount(f"Expected {expected} arguments, got {len(args)}")
        if name == "system.listMethods":
            return await self._list_methods(request)
        if name == "system.multicall":
            return await self._multicall(args[0], request)
        about = args[0]
        if not isinstance(about, str):
            raise BadArgument("expected string", "method")
        if self._is_elsewhere(about, request):
            assert self.elsewhere is not None
            return await self._passed(name, args, request)
        show = introspection.method_help if name == "system.methodHelp" else introspection.method_signature
        return show(self.api, about)

    async def _list_methods(self, request: Request) -> list[str]:
        own = introspection.list_methods(self.api)
        if self.elsewhere is None or request.getHeader(FORWARDED) is not None:
            return own
        try:
            return sorted({*own, *map(str, await self._passed("system.listMethods", (), request))})
        except (Fault, PeerError, TypeError) as error:
            _log.warn("the other half does not list its methods: {error}", error=one_line(str(error)))
            return own

    async def _passed(self, name: str, args: tuple[Any, ...], request: Request) -> Any:
        """The other half's value; its faults are ours."""
        return xmlrpc.loads_answer(await self._forward(name, xmlrpc.dumps_call(name, args), request))

    async def _multicall(self, calls: Any, request: Request) -> list[Any]:
        _CALLS_OF_ONE.read(calls, "calls")
        if len(calls) > self.limits.inner:
            raise BadArgument(f"expected at most {self.limits.inner} calls, got {len(calls)}", "calls")
        answers, key = [], request.getHeader(KEY)
        for place, call in enumerate(calls):
            if key is not None:  # two equal calls in it are two
                request.requestHeaders.setRawHeaders(KEY, [b"%s.%d" % (key, place)])
            answer = await self._inner(call, request)
            failed = isinstance(answer, Fault)
            answers.append({"faultCode": answer.faultCode, "faultString": answer.faultString} if failed else [answer])
        return answers

    async def _inner(self, call: Any, request: Request) -> Any:
        """One call of a multicall; it authenticates and commits for itself."""
        try:
            name, args = call["methodName"], call["params"]
        except KeyError as error:
            return Fault(1, f"{type(error).__name__}:{error}")
        if name == "system.multicall":
            return Fault(-507, "Recursive system.multicall is not allowed")
        if self._is_elsewhere(name, request):
            try:
                return await self._passed(name, tuple(args), request)
            except Fault as theirs:
                return theirs
        answer = await self._answer(name, tuple(args), request, inner=True)
        try:
            _written(answer)
        except Exception as error:  # a value that XML-RPC cannot say: the other calls are answered
            return Fault(1, f"{type(error).__name__}:{_incident(error, name)}")
        return answer


def address_of(request: Request) -> str:
    """Who called, across a call that the other half of our authority passed on; empty for a Unix socket.

    The header that says so is believed from this machine only.
    """
    direct = peer_of(request)
    said = request.getHeader(FORWARDED)
    if said is None or direct not in _LOCAL:
        return direct
    return "" if said == _UNNAMED else one_line(said.decode("ascii", "replace"), 64)


@frozen(repr=False)
class _Shown:
    """Arguments for the log, made harmless only when somebody looks."""

    args: tuple[Any, ...]

    def __repr__(self) -> str:
        return repr(redacted(self.args))

    __str__ = __repr__


def _incident(error: Exception, name: str) -> PlanetLabError:
    """What is told of an error that is nobody's business but ours; the log has the rest under the same number."""
    number = secrets.token_hex(4)
    _log.failure("incident {incident} in {method}", Failure(error), incident=number, method=one_line(name, 80))
    told = PlanetLabError(f"incident {number}")
    told.__cause__ = error
    return told


def _written(answer: Any) -> list[xmlrpc.Piece]:
    return [xmlrpc.dumps_fault(answer)] if isinstance(answer, Fault) else xmlrpc.answer_pieces(answer)


class _Root(Resource):
    """The top of a tree, where a slash that stands twice is as one: nodes call ``//PLCAPI//``, as their file has it."""

    def getChildWithDefault(self, path: bytes, request: Request) -> Resource:
        if not path and any(request.postpath or ()):
            return self
        found: Resource = super().getChildWithDefault(path, request)
        return found


def mount(paths: Mapping[str, Resource]) -> Resource:
    """A tree with a resource at each path: ``{"PLCAPI": …, "": …}``; the empty path is ``/`` itself."""
    root = _Root()
    for path, resource in paths.items():
        root.putChild(path.strip("/").encode(), resource)
    return root


_PAGE = b"""<!DOCTYPE html>
<html><head><title>XML-RPC interface</title></head>
<body><p>This is an XML-RPC interface: send calls by POST; <code>system.listMethods</code> names its methods, and
<code>reference</code> below this address says what they do.</p></body>
</html>
"""
_NOT_UNDERSTOOD = b"Internal Server Error"
