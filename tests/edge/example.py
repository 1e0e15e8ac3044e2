"""A small interface, served for real on loopback, for the claims of this folder."""

import os
import socket
import ssl
import xmlrpc.client
from collections.abc import Awaitable
from typing import Any

from twisted.internet import defer, reactor, threads
from twisted.trial.unittest import TestCase

from planetlab import ask, tls
from planetlab.calls import Call
from planetlab.errors import Forbidden
from planetlab.methods import Api, Role
from planetlab.names import Hrn
from planetlab.serve import ApiResource, Limits, hardened_site, listen, mount

NOW = 1_700_000_000.0
api = Api(auth=None)


@api.method(*Role, reads=True)
def GetSum(call: Call, a: int, b: int) -> int:
    """The sum of two numbers.

    It may be asked for again.
    """
    return a + b


@api.method(Role.ADMIN)
async def AddLater(call: Call, text: str) -> str:
    """Answers when the reactor has turned once."""
    await defer.Deferred.fromCoroutine(_turn())
    return text


async def _turn() -> None:
    done: defer.Deferred[None] = defer.Deferred()
    reactor.callLater(0, done.callback, None)
    await done


@api.method(*Role)
def Break(call: Call) -> int:
    """Fails in a way that is nobody's business."""
    raise KeyError("a secret of ours")


@api.method(*Role)
def Refuse(call: Call) -> int:
    """Says no."""
    raise Forbidden("not yours")


@api.method(*Role)
def GetBig(call: Call) -> int:
    """A number that XML-RPC cannot say."""
    return 2**31


def greet(method: Any, args: Any, request: Any) -> Call:
    """Anybody is person 5."""
    return Call("person_id 5", frozenset(Role), None, NOW, method.name)


CA = tls.make_ca(Hrn.parse("plc"), NOW, life=30 * 365 * tls.DAY)
SERVER = tls.issue(CA, ["localhost", "127.0.0.1"], NOW, life=29 * 365 * tls.DAY)


class Served(TestCase):
    """Serves `api` at ``self.url`` while a test runs."""

    limits = Limits()
    secure = False
    where = "tcp:0:interface=127.0.0.1"
    timeout = 90  # seconds, on a machine that is busy

    def resource(self) -> Any:
        return ApiResource(api, greet)

    async def setUp(self) -> Any:
        self.site = hardened_site(mount({"PLCAPI": self.resource()}), reactor, self.limits)
        creator = tls.server_options(SERVER.certificate_pem, SERVER.key_pem) if self.secure else None
        self.port = await defer.ensureDeferred(listen(reactor, self.where, self.site, creator))
        host = self.port.getHost()
        if hasattr(host, "port"):
            self.address = ("127.0.0.1", host.port)
            self.url = f"http{'s' * self.secure}://127.0.0.1:{host.port}/PLCAPI/"

    async def tearDown(self) -> Any:
        await defer.ensureDeferred(ask.close(reactor))
        await self.port.stopListening()
        done = self.site.drain()
        self.site.abort()
        await done

    def ask(self, **how: Any) -> ask.Ask:
        return ask.Ask(self.url, ca=CA.certificate_pem if self.secure else None, reactor=reactor, **how)

    def proxy(self) -> xmlrpc.client.ServerProxy:
        """Python's own client."""
        context = ssl.create_default_context(cadata=CA.certificate_pem.decode()) if self.secure else None
        proxy = xmlrpc.client.ServerProxy(self.url, allow_none=True, context=context)
        self.addCleanup(proxy("close"))
        return proxy

    async def failing(self, work: Awaitable[Any], *kinds: type[Exception]) -> Any:
        """The error of one of ``kinds`` that ``work`` ends with."""
        try:
            value = await work
        except kinds as error:
            return error
        raise self.failureException(f"no {kinds}, but {value!r}")

    def elsewhere(self, function: Any, *args: Any) -> Any:
        """Run a blocking client in a thread."""
        return threads.deferToThread(function, *args)

    def send(self, *parts: bytes) -> bytes:
        """Send octets as they are and read until the server ends or answers; for a thread."""
        with socket.create_connection(self.address, timeout=60) as client:
            answer = b""
            try:
                for part in parts:
                    client.sendall(part)
                while more := client.recv(65536):
                    answer += more
            except OSError:
                pass
            return answer


def post(body: bytes, *headers: str, path: str = "/PLCAPI/") -> bytes:
    """A whole request."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def environment(**more: str) -> dict[str, str]:
    """Of a program under test: this one's, without what tests of others may have set."""
    return {**{key: value for key, value in os.environ.items() if not key.startswith("PLFED_")}, **more}
