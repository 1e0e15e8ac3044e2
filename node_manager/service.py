"""The node manager, put together: books, driver, rounds on a timer, and the interfaces by which it is asked."""

import os
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from xmlrpc.client import Fault

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool
from twisted.web.resource import Resource
from twisted.web.server import Request

from node_manager import figures
from node_manager.books import Books
from node_manager.cap_letters import Postman
from node_manager.door.accounts import Account
from node_manager.door.keeper import Keeper, whose
from node_manager.door.sshd import FORWARD, SOCKET, Sshd
from node_manager.drivers import Driver, State
from node_manager.drivers.choice import choose
from node_manager.drivers.container.driver import ContainerDriver
from node_manager.drivers.container.sockets import Hears
from node_manager.identity import Accounts, Caller
from node_manager.methods import Gate, NodeApi, local, pools, slivers, verbs
from node_manager.node import Node
from node_manager.pace import HELD, Pace, TooFast
from node_manager.raw import Open, guarded
from node_manager.records import CONTROLLER
from node_manager.sensors import Figures, Kernel, Page
from node_manager.settings import Settings
from node_manager.tickets import redeemer
from node_manager.within import Within
from planetlab import xmlrpc
from planetlab.ask import Ask
from planetlab.calls import Call
from planetlab.clock import Clock
from planetlab.errors import BadSettings
from planetlab.gate import Gate as Doorkeeper
from planetlab.gate import stop_listening
from planetlab.launch import Running
from planetlab.limits import HardenedSite, Rates, step_aside
from planetlab.long_text import LongText
from planetlab.mail import Relay
from planetlab.methods import Api, Method
from planetlab.names import SliceName
from planetlab.serve import ApiResource, GreetRequest, Limits, hardened_site, mount

T = TypeVar("T")
Listen = Callable[[str, HardenedSite], Awaitable[object]]

log = Logger()
_DOOR_EVERY = 1.0  # seconds until a new key opens, and until a new sliver can call us
LIMITS = Limits(body=2 << 20, per_peer=200)  # a ticket has at most 1 MiB, and a third more in base64
INSIDE = evolve(LIMITS, per_peer=50)  # where slivers ask


def api() -> Api:
    """All methods that a node answers."""
    whole = NodeApi()
    for part in (slivers.api, pools.api, local.api, verbs.api):
        for method in part.values():
            whole.add(method)
    return whole


class NodeDialect:
    """How the v4 node manager says values and errors: None as 1, its own codes and texts."""

    def answer(self, value: Any) -> Any:
        return 1 if value is None else value

    def refuse(self, error: Exception, method: str, call: Call | None) -> Fault:
        return slivers.refused(error, method)


class NodeResource(ApiResource):
    """The interface as it was: no introspection, and fault 1 for what is no call."""

    def __init__(
        self, methods: Api, greet: GreetRequest, uid_of: Callable[[Request], int | None], pace: Pace, reactor: Any
    ) -> None:
        super().__init__(methods, greet, NodeDialect(), limits=LIMITS)
        self._uid_of, self._pace, self._reactor = uid_of, pace, reactor

    async def _value(self, name: str, args: tuple[Any, ...], request: Request, greet: Any) -> Any:
        self.api.find(name)
        return await super()._value(name, args, request, greet)

    async def _serve(self, request: Request, body: bytes) -> list[bytes | LongText] | None:
        try:
            uid = self._uid_of(request)
            self._pace.must_wait(uid, len(body), self._reactor.seconds())
        except TooFast as refusal:
            step_aside(request)
            await deferLater(self._reactor, min(refusal.wait, HELD))
            return [xmlrpc.dumps_fault(Fault(refusal.code, str(refusal)))]
        answer = await super()._serve(request, body)
        if answer is not None:
            self._pace.charge(uid, sum(map(len, answer)))
            return answer
        why = (request.responseHeaders.getRawHeaders("x-expected") or [""])[0]
        return [xmlrpc.dumps_fault(Fault(1, f"<class 'xml.parsers.expat.ExpatError'>:{why}"))]


@define
class NodeManager:
    """One running node manager."""

    settings: Settings
    clock: Clock
    ticks: Callable[[], float]  # counts seconds, never jumps
    reactor: Any
    driver: Driver
    books: Books
    node: Node = field(init=False)
    _threads: ThreadPool = field(init=False)
    _running: set[Deferred[None]] = field(factory=set, init=False)
    _sockets: Any = field(default=None, init=False)
    _within: Within | None = field(default=None, init=False)
    _folders: list[int] = field(factory=list, init=False)
    _door: Keeper | None = field(default=None, init=False)
    _timers: list[LoopingCall] = field(factory=list, init=False)
    _waiting: list[IDelayedCall] = field(factory=list, init=False)  # timers that begin later
    _postman: Postman = field(init=False)
    _gate: Gate = field(init=False)
    _pace: Pace = field(init=False)

    def __attrs_post_init__(self) -> None:
        kernel = Kernel()
        settings = self.settings
        if not settings.cores or not settings.memory:
            memory = int(kernel.meminfo()["MemTotal"] * (1 - settings.reserve))
            settings = evolve(settings, cores=settings.cores or kernel.cores(), memory=settings.memory or memory)
        self._threads = ThreadPool(1, settings.at_once + 2, "slivers")
        service = Ask(settings.pl_conf, timeout=2 * settings.answer_within, reactor=self.reactor).repeatable
        self.node = Node(
            settings,
            self.books,
            self.driver,
            self.clock,
            self.ticks,
            self.reactor,
            self._in_thread,
            redeemer(service, public=not settings.pl_conf.startswith("unix:")),
        )
        self.node.methods = api()
        self._gate = Gate(self.node, Accounts(lambda: self.node.rounds.found, self.node.accounts))
        rates = Rates(settings.calls_per_second, settings.burst)
        self._pace = Pace(rates, self._gate.is_trusted, self._gate.name)
        self._postman = self._postman_for(settings)
        self.node.watch.told = self._postman.tell

    def _postman_for(self, settings: Settings) -> Postman:
        host, _, port = settings.mail_relay.rpartition(":")
        if settings.mail_relay and not (host and port.isdigit()):
            raise BadSettings(f"mail_relay: expected host:port, got {settings.mail_relay!r}")
        sender = settings.mail_from or f"support@{settings.hostname}"
        relay = Relay(host, int(port), sender, self.reactor) if settings.mail_relay else None
        return Postman(relay, settings.hostname, settings.slice_mail, settings.monitor_mail)

    def _in_thread(self, blocking: Callable[[], T], /) -> Deferred[T]:
        return deferToThreadPool(self.reactor, self._threads, blocking)

    async def serve(self, listen: Listen) -> None:
        """Look, answer at the places of the settings, and begin with rounds. Raises what ``listen`` raises."""
        for verb in self.settings.verbs:
            verb.must_be_usable()
        self._threads.start()
        if isinstance(self.driver, ContainerDriver):
            self.node.wishes.most_disk = self.driver.most_disk()
        await self.node.rounds.look()
        for where, page in self._pages():
            if where:
                await listen(where, hardened_site(page, self.reactor, LIMITS))
        if isinstance(self.driver, ContainerDriver):
            await self._answer_inside(self.driver, listen)
        if self.settings.ssh:
            await self._open_door(listen)
        self._every(self.settings.round_every, self._round)
        # Both go over all slivers; between two rounds neither waits for the other.
        self._every(self.settings.sample_every, self._sample, first=self.settings.round_every / 2)

    def _pages(self) -> list[tuple[str, Resource]]:
        """Where to answer, and with what."""
        resource = self._resource()
        found, nodes = (lambda: self.node.rounds.found), (lambda: self.books.fact("nodes") or "")
        sensed = Figures(Kernel(), self.node.watch.history, found, nodes)
        stats = Page(lambda _: sensed.slicestat())
        interface = mount({"": resource, "RPC2": resource})
        return [
            (self.settings.socket, interface),
            (self.settings.tcp, interface),
            (self.settings.sensors, Page(sensed.answer, self.reactor)),
            (self.settings.slicestat, mount({"": stats, "slicestat": stats})),
        ]

    def _resource(self, caller: Callable[[], Caller] | None = None) -> NodeResource:
        """The interface, for whoever the kernel says calls, or for one caller."""
        gate = self._gate
        if caller is None:
            return NodeResource(api(), gate.greet, gate.uid_of, self._pace, self.reactor)

        def greet(method: Method, args: tuple[Any, ...], _: Request) -> Call:
            return gate.admit(method, args, caller())

        return NodeResource(api(), greet, lambda _: caller().uid, self._pace, self.reactor)

    async def _answer_in(self, path: Path, listen: Listen) -> int:
        """Answer at a socket in this folder, to whom the kernel says that it is; gives the folder's descriptor."""
        folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._folders.append(folder)  # its path may be too long for a socket's; this one never is
        where = f"unix:/proc/self/fd/{folder}/{SOCKET}:mode=666"
        await listen(where, self._site(self._resource(), INSIDE))
        return folder

    async def _answer_inside(self, driver: ContainerDriver, listen: Listen) -> None:
        """Answer where programs in slivers look for us: a socket in /tmp, and 127.0.0.1:812."""
        folder = await self._answer_in(Path(self.settings.work, "api"), listen)
        with suppress(FileNotFoundError):  # of a node manager that was killed
            os.unlink("raw.sock", dir_fd=folder)
        self._sockets = self.reactor.listenUNIX(
            f"/proc/self/fd/{folder}/raw.sock", guarded(self._raw(driver), self.reactor), mode=0o666
        )
        if not self.settings.within:
            return

        def site(name: SliceName) -> Doorkeeper:
            caller = Caller(self.node.rounds.found[name].uid, str(name))
            return Doorkeeper(self._site(self._resource(lambda: caller), INSIDE), INSIDE)

        self._within = Within(
            listen=lambda name: driver.listen(name, "127.0.0.1", self.settings.within),
            site=site,
            found=lambda: self.node.rounds.found,
            reactor=self.reactor,
            in_thread=self._in_thread,
        )
        self._every(_DOOR_EVERY, self._within.refresh)

    def _raw(self, driver: ContainerDriver) -> Open:
        def opened(uid: int, hears: Hears, number: int) -> Deferred[socket.socket]:
            name = whose(uid, self.node.rounds.found)
            return self._in_thread(lambda: driver.safe_raw(name, hears, number))

        return opened

    def _site(self, resource: Resource, limits: Limits) -> HardenedSite:
        return hardened_site(mount({"": resource, "RPC2": resource}), self.reactor, limits)

    async def _open_door(self, listen: Listen) -> None:
        """Let slices' users in by ssh, and controllers to their calls; what is only remembered nobody enters."""
        address, _, port = self.settings.ssh.rpartition(":")
        if not address or not port.isdigit():
            raise BadSettings(f"ssh: expected address:port, like 0.0.0.0:22, got {self.settings.ssh!r}")
        driver = self.driver if isinstance(self.driver, ContainerDriver) else None
        if driver is None:
            log.info("ssh {where}: for controllers only, since slivers are only remembered", where=self.settings.ssh)
        folder = Path(self.settings.work, "door")
        self._door = Keeper(
            folder=folder,
            sshd=Sshd(folder, address.strip("[]"), int(port)),
            driver=driver,
            found=lambda: self.node.rounds.found if driver else {},
            why=self._why_still,
            others=self._controllers,
            reactor=self.reactor,
            in_thread=self._in_thread,
        )
        await self._answer_in(folder, listen)  # a controller's shell may not be able to reach the other one
        self._door.open()
        self._every(_DOOR_EVERY, self._refresh_door)

    async def _refresh_door(self) -> None:
        if self._door:
            self._door.refresh()

    def _why_still(self, name: SliceName) -> str:
        entry = self.books.entries.get(name)
        return self.node.why_not(entry) if entry else "it has no record here"

    def _controllers(self) -> list[Account]:
        uids = self.node.accounts()
        return [
            Account(name=name, uid=uids[name], gid=uids[name], keys=entry.record.keys, command=FORWARD)
            for entry in self.books.entries.values()
            if entry.record.instantiation == CONTROLLER and (name := str(entry.record.name)) in uids
        ]

    def _every(self, seconds: float, work: Callable[[], Any], first: float = 0.0) -> None:
        """Do ``work`` in ``first`` seconds, and from then on again and again."""

        def once() -> Deferred[Any]:
            done = Deferred.fromCoroutine(self._guarded(work))
            self._running.add(done)
            return done.addBoth(lambda _: self._running.discard(done))

        timer = LoopingCall(once)
        timer.clock = self.reactor
        self._timers.append(timer)
        if first:
            self._waiting.append(self.reactor.callLater(first, timer.start, seconds))
        else:
            timer.start(seconds)

    async def _sample(self) -> None:
        """Look at what slivers use, and write to those who were slowed down."""
        await self.node.sample()
        await self._postman.deliver(self.node.now())

    async def _round(self) -> None:
        """A round, and its figures for the operator."""
        report = await self.node.round()
        figures.ROUND_SECONDS.set(report.seconds)
        states = Counter(found.state for found in self.node.rounds.found.values())
        for state in State:
            figures.SLIVERS.labels(state).set(states[state])
        if isinstance(driver := self.driver, ContainerDriver):
            for why, packets in (await self._in_thread(driver.dropped)).items():
                figures.DROPPED.labels(why).set(packets)
        figures.STRAYS.set(len(self.node.strays_kept))
        figures.UNDONE.set(sum(not entry.done and entry.record.is_sliver for entry in self.books.entries.values()))
        figures.DOUBT.set(self.node.steady.skew if self.node.steady.is_doubtful else 0.0)

    async def _guarded(self, work: Callable[[], Any]) -> None:
        try:
            await work()
        except Exception:  # a timer must live; what failed is counted, and comes again
            figures.ROUNDS_CUT.inc()
            log.failure("this round was cut short")

    def why_not(self) -> str:
        """Why this node manager is of no use at the moment; empty when it is."""
        return "the node's clock is in doubt" if self.node.steady.is_doubtful else ""

    async def stop(self) -> None:
        """Begin nothing new and let go of everything; the slivers run on."""
        for call in self._waiting:
            if call.active():
                call.cancel()
        for timer in self._timers:
            if timer.running:
                timer.stop()
        self.node.stop()
        await gatherResults(list(self._running))
        if self._door:
            await self._door.close()
        if self._sockets:
            await stop_listening(self._sockets)
        if self._within:
            await self._within.close()
        for folder in self._folders:
            os.close(folder)
        self.node.stop()
        await self.node.owners.rest()
        self._threads.stop()
        self.driver.close()
        self.books.close()


async def serve(running: Running[Settings]) -> NodeManager:
    """Set the node manager up. Raises `BadSettings` for what the settings ask and this machine cannot do."""
    settings = running.settings
    driver, note = choose(settings, running.clock.now)
    log.info("{note}", note=note)
    running.at_end(driver.close)
    books = Books.at(settings.books)
    manager = NodeManager(settings, running.clock, time.monotonic, running.reactor, driver, books)
    running.ends[-1] = manager.stop
    running.why_not = manager.why_not
    await running.operator(settings.operator)
    await manager.serve(running.listen)
    return manager
