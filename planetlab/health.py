"""What an operator's port answers: ``/healthz``, ``/readyz``, ``/metrics``.

``/healthz`` says that the process lives, ``/readyz`` whether it is of use: 503 with the reason while it starts, ends,
or lacks something. ``/metrics`` is Prometheus text. The port is for the operator: on loopback, or a Unix socket.
"""

from collections.abc import Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import Request

_LAG = Gauge("plfed_reactor_lag_seconds", "How much later than planned the reactor came to its work, last second.")
_EVERY = 1.0  # seconds

Ready = Callable[[], str]
"""Why the service is of no use at this moment; empty when it is."""


class _Says(Resource):
    isLeaf = True

    def __init__(self, why_not: Ready) -> None:
        super().__init__()
        self._why_not = why_not

    def render_GET(self, request: Request) -> bytes:
        why = self._why_not()
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        request.setHeader(b"Cache-Control", b"no-store")
        if why:
            request.setResponseCode(503)
        return f"{why or 'ok'}\n".encode()


class _Metrics(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"Content-Type", CONTENT_TYPE_LATEST.encode())
        return generate_latest()


def operator_resource(why_not: Ready) -> Resource:
    """The tree of an operator's port."""
    root = Resource()
    root.putChild(b"healthz", _Says(lambda: ""))
    root.putChild(b"readyz", _Says(why_not))
    root.putChild(b"metrics", _Metrics())
    return root


def watch_lag(reactor: Any) -> LoopingCall:
    """Measure how late the reactor is, the one figure that shows blocking code; the caller stops what it returns."""
    clock = IReactorTime(reactor)
    planned = [clock.seconds() + _EVERY]

    def look() -> None:
        now = clock.seconds()
        _LAG.set(max(0.0, now - planned[0]))
        planned[0] = now + _EVERY

    loop = LoopingCall(look)
    loop.clock = clock
    loop.start(_EVERY, now=False)
    return loop
