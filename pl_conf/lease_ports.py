"""The three ports of 2003, off unless the owner's settings say otherwise: plain calls, calls by key, a status page.

As then: any path, one call per connection, HTTP 200 for values and faults alike, HTTP 500 with an empty body for what
is no call. A fault's number is 1 and its text ends in ``:None``. On the second port the client must show a certificate
of a CA that the owner names; who it is, is the hash of the certificate's key.
"""

import html
import os
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

from pl_conf.agents import Agent
from pl_conf.leases import MOST_TEXT, PLAIN, PORTS, PRIVATE, TAKES, Fault, Leases
from pl_conf.redeem import Redeemer
from pl_conf.settings import Dslice
from planetlab import dslice, keys, tls, xmlrpc
from planetlab.errors import BadArgument, BadSettings, PlanetLabError
from planetlab.launch import Running
from planetlab.limits import Limits, hardened_site

log = Logger()


def required_client(certificate: Path, key: Path, roots: Path) -> tls.ServerTLS:
    """A server that ends the connection of a client without a certificate of ``roots``. Raises `BadSettings`."""
    server = tls.server_options(certificate, key, client_roots=roots)
    make = server._make

    def demanding() -> SSL.Context:
        context = make()
        context.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda connection, shown, error, depth, ok: bool(ok)
        )
        context.set_verify_depth(16)
        return context

    return tls.ServerTLS(demanding)


def principle_of(request: Request) -> str:
    """Who calls, by the certificate of the connection; "" where there is none."""
    shown = getattr(request.transport, "getPeerCertificate", lambda: None)()
    if shown is None:
        return ""
    certificate: x509.Certificate = shown.to_cryptography()
    return dslice.principle(certificate.public_key())  # type: ignore[arg-type]


class Calls(Resource):
    """The calls named in ``names``; ``by_key`` says whether the caller's principle stands before the arguments."""

    isLeaf = True

    def __init__(self, leases: Leases, names: tuple[str, ...], by_key: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted states no types here
        self._calls: Mapping[str, Callable[..., Any]] = {
            name: getattr(leases, name) for name in names if name != "getconfig"
        }
        self._names, self._by_key = names, by_key

    def render_POST(self, request: Request) -> bytes | int:
        request.setHeader(b"connection", b"close")
        request.setHeader(b"content-type", b"text/xml")
        assert request.content is not None
        try:
            name, args = xmlrpc.loads_call(request.content.read(), depth=4, values=100, octets=4 * MOST_TEXT)
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
        except Exception:
            log.failure("a call of 2003 failed: {name}", name=name[:40])
            return xmlrpc.dumps_fault(WireFault(1, "InternalError:the log of this node has more"))

    def _begin(self, name: str, args: tuple[Any, ...], principle: str) -> Any:
        if name not in self._names:
            raise WrongCall(f"{name[:80]} not implemented")
        if name == "getconfig":
            return PORTS
        struct = args[0] if args else {}
        if not isinstance(struct, dict):
            raise WrongCall("expected one struct")
        values = []
        for key in TAKES[name]:
            if not isinstance(struct.get(key), str) or len(struct[key]) > MOST_TEXT:
                raise WrongCall(f"'{key}': expected a string of at most {MOST_TEXT} characters")
            values.append(struct[key])
        return self._calls[name](*([principle] if self._by_key else []), *values)


class WrongCall(PlanetLabError):
    """A call that is none of those, or lacks a member of its struct."""


class Status(Resource):
    """The page of the third port: which slices have leases and slivers here."""

    isLeaf = True

    def __init__(self, leases: Leases) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted states no types here
        self._leases = leases

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        names = sorted(lease.slice for lease in self._leases.running())
        rows = "".join(f"<li>{html.escape(name)}</li>" for name in names)
        title = html.escape(f"Leases on {self._leases.ip}")
        return f"<!DOCTYPE html><title>{title}</title><h1>{title}</h1><ul>{rows}</ul>\n".encode()


async def serve(
    running: Running[Any], said: Dslice, place: Path, redeemer: Redeemer, agents: Callable[[], tuple[Agent, ...]]
) -> None:
    """Listen where ``said`` says; ``place`` is where relative paths begin. Raises `PlanetLabError`, one line."""
    leases = Leases(said.ip, lease_key(place / said.key), redeemer, agents)
    secure = None
    if said.private:
        secure = required_client(place / said.certificate, place / said.private_key, place / said.clients)
    pages: tuple[tuple[str, Resource, tls.ServerTLS | None], ...] = (
        (said.plain, Calls(leases, PLAIN, by_key=False), None),
        (said.private, Calls(leases, PRIVATE, by_key=True), secure),
        (said.status, Status(leases), None),
    )
    for where, page, options in pages:
        if where:
            await running.listen(where, hardened_site(page, running.reactor, Limits(body=4 * MOST_TEXT)), options)


def lease_key(path: Path) -> keys.PrivateKey:
    """The key that signs leases, made at the first start. Raises `BadSettings`."""
    try:
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(keys.private_pem(keys.new_rsa()))
        return keys.load_private(path.read_bytes())
    except (OSError, ValueError, BadArgument) as error:
        raise BadSettings(f"{path}: the key that signs leases cannot be read: {error}") from error


def _send(answer: bytes, request: Request, gone: list[Failure]) -> None:
    if not gone:
        request.setHeader(b"content-length", b"%d" % len(answer))
        request.write(answer)
        request.finish()
