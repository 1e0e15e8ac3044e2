"""How calls of 2003 travel: any path, one call per connection, one struct per call, HTTP 200 for values and faults.

What is no call gets HTTP 500 with an empty body. A fault's number is 1; the text of a refusal ends in ``:None``, as the
originals' language printed a value that was not there, and clients search in it. Who calls by key is the hash of the
key in the certificate that the connection showed.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault as WireFault

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from planetlab import dslice, tls, xmlrpc
from planetlab.errors import BadArgument, PlanetLabError

log = Logger()

MOST_TEXT = 65_536  # characters of one member
DEEPEST = 16  # certificates from a client's to its root, as then
Members = Mapping[str, type | tuple[type, ...]]


class Fault(PlanetLabError):
    """A refusal in the original's words; on the wire its number is 1 and ``:None`` follows the text."""

    code = 1


class WrongCall(PlanetLabError):
    """A call that is none of those served here, or lacks a member of its struct."""


def required_client(certificate: Path, key: Path, roots: Path) -> tls.ServerTLS:
    """A server that ends the connection of a client without a certificate of ``roots``. Raises `BadSettings`."""
    make = tls.server_options(certificate, key, client_roots=roots)._make

    def demanding() -> SSL.Context:
        context = make()
        context.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda connection, shown, error, depth, ok: bool(ok)
        )
        context.set_verify_depth(DEEPEST)
        return context

    return tls.ServerTLS(demanding)


def principle_of(request: Request) -> str:
    """Who calls, by the certificate of the connection; "" where there is none."""
    shown = getattr(request.transport, "getPeerCertificate", lambda: None)()
    if shown is None:
        return ""
    certificate: x509.Certificate = shown.to_cryptography()
    return dslice.principle(certificate.public_key())  # type: ignore[arg-type]  # any kind has a fingerprint


class Calls(Resource):
    """Serves ``calls`` by name; ``takes`` says which members each one's struct must have, others are ignored.

    ``by_key`` says whether the caller's principle stands before the arguments.
    """

    isLeaf = True

    def __init__(self, calls: Mapping[str, Callable[..., Any]], takes: Mapping[str, Members], by_key: bool) -> None:
        super().__init__()
        self._calls, self._takes, self._by_key = calls, takes, by_key

    def render_POST(self, request: Request) -> bytes | int:
        request.setHeader(b"connection", b"close")
        request.setHeader(b"content-type", b"text/xml")
        assert request.content is not None
        try:
            name, args = xmlrpc.loads_call(request.content.read(), depth=4, values=20_000, octets=4 * MOST_TEXT)
        except (xmlrpc.Malformed, BadArgument):
            request.setResponseCode(500)
            return b""
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        Deferred.fromCoroutine(self._answer(name, args, principle_of(request))).addCallback(_send, request, gone)
        return NOT_DONE_YET

    async def _answer(self, name: str, args: tuple[Any, ...], principle: str) -> bytes:
        try:
            value = self._begin(name, args, principle)
            return xmlrpc.dumps_answer(await value if hasattr(value, "__await__") else value)
        except Fault as fault:
            return xmlrpc.dumps_fault(WireFault(1, f"{fault}:None"))
        except PlanetLabError as error:
            return xmlrpc.dumps_fault(WireFault(1, f"{type(error).__name__}:{error}"))
        except Exception:  # a mistake of ours must not end the connection without an answer
            log.failure("a call of 2003 failed: {name}", name=name[:40])
            return xmlrpc.dumps_fault(WireFault(1, "InternalError:the log has more"))

    def _begin(self, name: str, args: tuple[Any, ...], principle: str) -> Any:
        if name not in self._calls:
            raise WrongCall(f"{name[:80]} not implemented")
        struct = args[0] if args else {}
        if not isinstance(struct, dict):
            raise WrongCall("expected one struct")
        values = [_member(struct, key, kind) for key, kind in self._takes.get(name, {}).items()]
        return self._calls[name](*([principle] if self._by_key else []), *values)


def _member(struct: dict[str, Any], key: str, kind: type | tuple[type, ...]) -> Any:
    value = struct.get(key)
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if type(value) not in kinds or (isinstance(value, str) and len(value) > MOST_TEXT):
        wanted = " or ".join(each.__name__ for each in kinds)
        raise WrongCall(f"'{key}': expected {wanted}, text of at most {MOST_TEXT} characters")
    return value


def _send(answer: bytes, request: Request, gone: list[Failure]) -> None:
    if not gone:
        request.setHeader(b"content-length", b"%d" % len(answer))
        request.write(answer)
        request.finish()
