"""How a service's program starts, runs and ends.

``--config FILE`` is read first; what is wrong with it, with a port or with a missing tool is said in one line on
stderr, and the program ends with 2 (settings, command line) or 1 (the rest). SIGTERM and SIGINT end it in good order
within `STOP` seconds: ports are closed, calls in work are answered, then what the service asked for is done. SIGHUP
makes it read its certificates again.
"""

import argparse
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from attrs import define, field
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from planetlab import gate, health, logs, settings
from planetlab.clock import Clock, WallClock
from planetlab.errors import BadSettings, PlanetLabError
from planetlab.limits import HardenedSite, hardened_site
from planetlab.tls import ServerTLS

S = TypeVar("S")
_log = Logger()

STOP = 5.0  # seconds from SIGTERM to the end
_DRAIN = 3.0  # of those, for calls in work
_FILES = 65_536  # descriptors that a service asks for
_HARD = 4.7  # after these, the process ends whatever it is doing


@define
class Running(Generic[S]):
    """A service while it runs: its settings, reactor and clock, and what has to be ended when it stops."""

    settings: S
    reactor: Any
    clock: Clock
    config: Path
    ports: list[IListeningPort] = field(factory=list)
    sites: list[HardenedSite] = field(factory=list)
    certificates: list[ServerTLS] = field(factory=list)
    ends: list[Callable[[], Any]] = field(factory=list)
    reloads: list[Callable[[], object]] = field(factory=list)
    why_not: Callable[[], str] = field(default=lambda: "")
    stage: str = "starting"

    async def listen(self, where: str, site: HardenedSite, tls: ServerTLS | None = None) -> str:
        """Serve ``site`` at an endpoint string; the address at which it answers. Raises `PlanetLabError`, one line."""
        try:
            port = await gate.listen(self.reactor, where, site, tls)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            raise PlanetLabError(f"cannot listen at {where}: {reason}") from error
        except (ValueError, TypeError, OSError) as error:
            raise BadSettings(f"cannot listen at {where}: expected an endpoint like tcp:443: {error}") from error
        self.ports.append(port)
        self.sites.append(site)
        if tls is not None:
            self.certificates.append(tls)
        address = gate.address_text(port.getHost())
        _log.info("listening at {address}{tls}", address=address, tls=" with TLS" if tls else "")
        return address

    async def operator(self, where: str) -> None:
        """Serve health and metrics at an endpoint string; none if it is empty."""
        if where:
            await self.listen(where, hardened_site(health.operator_resource(self.unready), self.reactor))

    def unready(self) -> str:
        """Why this service is of no use now, as ``/readyz`` tells; empty when it is."""
        return self.stage or self.why_not()

    def at_end(self, end: Callable[[], Any]) -> None:
        """Do ``end``, which may be awaited, after the last call was answered; the last that was said is done first."""
        self.ends.append(end)

    def reload(self) -> None:
        """Read again what may have changed on disk; what cannot be read stays as it was."""
        for again in (*(one.reload for one in self.certificates), *self.reloads):
            try:
                again()
            except PlanetLabError as error:
                _log.error("not reloaded: {error}", error=error)
        _log.info("reloaded")

    async def end(self) -> None:
        """Stop in good order."""
        self.stage = "ending"
        for port in self.ports:
            try:
                await gate.stop_listening(port)
            except OSError as error:  # what it listened at is gone already, with its folder
                _log.error("while ending: {error}", error=error)
        drained = gatherResults([site.drain() for site in self.sites], consumeErrors=True)
        try:
            await drained.addTimeout(_DRAIN, self.reactor)
        except Exception:  # whatever keeps them from draining, they end now
            for site in self.sites:
                site.abort()
        for last in reversed(self.ends):
            try:
                value = last()
                if isinstance(value, Awaitable):
                    await value
            except Exception:  # what fails while ending must not keep the rest from ending
                _log.failure("while ending")
        _log.info("ended")


Main = Callable[[Running[S]], Awaitable[None]]


def run_service(main: Main[S], settings_class: type[S], name: str, argv: list[str] | None = None) -> None:
    """Run a service until it is told to stop, and exit; ``main`` sets it up and returns when it serves."""
    options = _options(name, settings_class, argv)
    logs.begin(as_json=options.log_json, level=options.log_level)
    try:
        stated = settings.read(settings_class, options.config)
    except BadSettings as error:
        _leave(name, error, 2)
    if options.check:
        sys.stdout.write(settings.dumps(stated))
        return
    from twisted.internet import reactor

    _take_descriptors()
    # A shell starts what goes to the background with SIGINT ignored, and Twisted leaves an ignored one alone.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    running = Running(stated, reactor, WallClock(), Path(options.config))
    failed: list[BaseException] = []
    reactor.callWhenRunning(_start, running, main, failed)
    reactor.addSystemEventTrigger("before", "shutdown", lambda: ensureDeferred(_stop(running)))
    reactor.run()
    if failed:
        _leave(name, failed[0], 2 if isinstance(failed[0], BadSettings) else 1)


def _options(name: str, settings_class: type[Any], argv: list[str] | None) -> argparse.Namespace:
    described = (settings_class.__doc__ or "").strip().partition("\n")[0]
    parser = argparse.ArgumentParser(prog=name, description=described)
    parser.add_argument("--config", metavar="FILE", help="the settings, TOML")
    parser.add_argument("--log-json", action="store_true", help="log JSON lines to stderr")
    parser.add_argument("--log-level", choices=("debug", "info", "warn", "error"), default="info")
    parser.add_argument("--check", action="store_true", help="read the settings, print what is in force, and end")
    parser.add_argument("--sample", action="store_true", help="print a settings file with every key, and end")
    options = parser.parse_args(argv)
    if options.sample:
        sys.stdout.write(settings.sample(settings_class))
        sys.exit(0)
    if options.config is None:
        parser.error("expected --config FILE (--sample prints one)")
    return options


def _leave(name: str, error: BaseException, code: int) -> None:
    text = " ".join(str(error).split()) or type(error).__name__
    sys.stderr.write(f"{name}: {text}\n")
    sys.stderr.flush()
    sys.exit(code)


def _take_descriptors() -> None:
    """As many open files as we may have: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _start(running: Running[S], main: Main[S], failed: list[BaseException]) -> None:
    lag = health.watch_lag(running.reactor)
    running.at_end(lag.stop)
    signal.signal(signal.SIGHUP, lambda number, frame: running.reactor.callFromThread(running.reload))

    async def serve() -> None:
        await main(running)
        running.stage = ""
        _notify("READY=1")
        _log.info("ready")

    def give_up(failure: Failure) -> None:
        if not isinstance(failure.value, PlanetLabError | OSError):
            _log.failure("could not start", failure)
        failed.append(failure.value or RuntimeError("could not start"))
        running.reactor.stop()

    ensureDeferred(serve()).addErrback(give_up)


async def _stop(running: Running[S]) -> None:
    """End, and see to it that the end comes: a thread that hangs must not keep the process."""
    _notify("STOPPING=1")
    hard = threading.Timer(_HARD, os._exit, (1,))
    hard.daemon = True
    hard.start()
    await running.end()


def _notify(state: str) -> None:
    """Tell systemd, where it asks to be told."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if where:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            try:
                told.sendto(state.encode(), "\0" + where[1:] if where.startswith("@") else where)
            except OSError as error:
                _log.warn("{where} does not listen: {error}", where=where, error=error)
