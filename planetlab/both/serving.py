"""How an authority serves: its half at its own path, the whole PLC API beside it, and jobs by the clock."""

import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Request

from planetlab.ask import KEY, Ask
from planetlab.both.desk import Desk
from planetlab.both.greeting import Greeter, Maintenance
from planetlab.both.settings import Common
from planetlab.calls import Call
from planetlab.errors import BadSettings
from planetlab.launch import Running
from planetlab.limits import BULK, hardened_site
from planetlab.methods import Api, Method, unite
from planetlab.registry.opening import hold, prepare
from planetlab.registry.plc import Plc
from planetlab.serve import ApiResource, address_of, mount
from planetlab.tls import server_options

log = Logger()

SWITCH = 0.00005  # seconds a thread computes on while others wait; a small call beside a listing waits often
TIDY_EVERY = 60.0  # seconds


def open_desk(running: Running[Any], half: str, plc: Plc) -> Desk:
    """The registry as this process works on it, until the process ends. Raises `BadSettings`."""
    stated: Common = running.settings
    if not stated.registry.exists():
        raise BadSettings(f"{running.config}: registry: {stated.registry} is not there; `plfed init` makes one")
    try:
        hold(str(stated.registry), half)
        prepare(str(stated.registry))
    except OSError as error:
        raise BadSettings(f"{running.config}: registry: {stated.registry}: {error.strerror}") from error
    maintenance = Maintenance()
    if stated.maintenance_password:
        maintenance = Maintenance(stated.maintenance_user, stated.maintenance_password, stated.maintenance_from)
    desk = Desk(str(stated.registry), half, plc, Greeter(maintenance), running.clock, running.reactor)
    desk.start()
    running.at_end(desk.stop)
    sys.setswitchinterval(SWITCH)
    return desk


async def serve(
    running: Running[Any],
    desk: Desk,
    path: str,
    own: Api,
    old: Api,
    more: Mapping[str, Resource] | None = None,
    whole_kind: Callable[..., ApiResource] = ApiResource,
) -> None:
    """Serve ``own`` at ``path``, and the whole API with its ``old`` spellings at PLCAPI, until told to stop.

    ``more`` are pages beside them, by path; ``whole_kind`` is what serves the whole API.
    """
    stated: Common = running.settings

    def greet(method: Method, args: tuple[Any, ...], request: Request) -> Call:
        key = (request.getHeader(KEY) or b"").decode("ascii", "replace")
        return desk.greet(method, args, address_of(request), key)

    def tree() -> Resource:
        half = ApiResource(own, greet, run=desk.run_written, limits=BULK)
        whole = whole_kind(
            unite(own, old), greet, run=desk.run_written, elsewhere=sibling(stated, running), limits=BULK
        )
        return mount({path: half, "PLCAPI": whole, **(more or {})})

    for where in stated.listen:
        site = hardened_site(tree(), running.reactor, BULK)
        await running.listen(where, site, server_options(stated.certificate, stated.key))
    for where in stated.plain:
        _must_be_loopback(where)
        await running.listen(where, hardened_site(tree(), running.reactor, BULK))
    await running.operator(stated.operator)


def every(running: Running[Any], seconds: float, work: Callable[[], Any], name: str) -> None:
    """Do ``work`` again and again; one time that fails is logged, and the next one comes."""

    def once() -> "Deferred[Any]":
        return ensureDeferred(_survive(work, name))

    loop = LoopingCall(once)
    loop.clock = running.reactor
    loop.start(seconds, now=False)
    running.at_end(loop.stop)


async def _survive(work: Callable[[], Any], name: str) -> None:
    try:
        await work()
    except Exception:  # the loop must live; the next round tries again
        log.failure("{name} failed; it will be tried again", name=name)


def sibling(stated: Common, running: Running[Any]) -> Ask | None:
    """The other half of this PLC, called by the whole API's name so that it knows the old spellings too."""
    if not stated.sibling:
        return None
    said = urlsplit(stated.sibling)
    if said.scheme not in ("http", "https") or not said.netloc:
        raise BadSettings(
            f"{running.config}: sibling: expected an address like https://host/MA/, got {stated.sibling!r}"
        )
    return Ask(f"{said.scheme}://{said.netloc}/PLCAPI/", ca=str(stated.ca), reactor=running.reactor, timeout=90.0)


def _must_be_loopback(where: str) -> None:
    if where.startswith("unix:") or "interface=127." in where or "interface=localhost" in where:
        return
    raise BadSettings(
        f"plain: {where} is not on loopback, and passwords would travel in clear; say interface=127.0.0.1"
    )
