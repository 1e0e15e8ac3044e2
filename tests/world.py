"""A federation in memory: real resources, real HTTP through memory transports, and one clock that everybody reads.

Nothing here stands in for a service: authorities answer through their own API resources over a registry in memory,
nodes are pl_conf and node manager as they are run, put together without processes, threads, ports or waiting.
"""

import atexit
import functools
import itertools
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar
from xmlrpc.client import Binary

from attrs import define, field
from twisted.internet import error
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorTime, IReactorUNIX
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump
from zope.interface import implementer

from mgmt_authority.service import api as ma_api
from node_manager.books import Books
from node_manager.drivers.memory import MemoryDriver
from node_manager.service import NodeManager
from node_manager.settings import Settings as NodeSettings
from pl_conf.service import PlConf
from pl_conf.settings import Settings as PlConfSettings
from planetlab import gids
from planetlab.ask import Ask, Password
from planetlab.auth import Auth
from planetlab.both import founding
from planetlab.both.desk import Desk
from planetlab.both.greeting import Greeter
from planetlab.cli import papers, toml
from planetlab.clock import SetClock
from planetlab.methods import unite
from planetlab.names import Hostname, Hrn
from planetlab.registry.plc import Plc
from planetlab.serve import ApiResource, address_of, hardened_site
from slice_authority.issuing import Sealer, carried
from slice_authority.service import api as sa_api

T = TypeVar("T")
ROUNDS = 2000  # of passing octets on and moving the clock, before a journey counts as stuck
STEP = 0.05  # seconds by which the clock moves when no octet is under way
PLC, JAPAN, EPFL = Hrn(("plc",)), Hrn(("plc", "japan")), Hrn(("epfl",))


class Wire(FakeTransport):
    """One end of a connection in memory; its handle is a real socket, from which the caller's user is read."""

    def getHandle(self) -> socket.socket:
        if not hasattr(self, "pair"):
            self.pair = socket.socketpair()
        return self.pair[0]

    def connectionLost(self, reason: Any) -> None:
        for end in self.__dict__.pop("pair", ()):
            end.close()


@define
class _Port:
    path: str
    listening: dict[str, Any]

    def stopListening(self) -> None:
        self.listening.pop(self.path, None)

    def getHost(self) -> Any:
        return self


@implementer(IReactorTime, IReactorUNIX)
class MemoryReactor(Clock):
    """Time that is set, and Unix sockets that are only names."""

    def __init__(self) -> None:
        super().__init__()
        self.listening: dict[str, Any] = {}
        self.pumps: list[IOPump] = []

    def listenUNIX(
        self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> _Port:
        self.listening[address] = factory
        factory.doStart()
        return _Port(address, self.listening)

    def connectUNIX(self, address: str, factory: Any, timeout: float = 30, checkPID: bool = False) -> None:
        factory.doStart()
        if address not in self.listening:
            factory.clientConnectionFailed(None, Failure(error.ConnectionRefusedError(f"nobody at {address}")))
            return
        client, server = factory.buildProtocol(None), self.listening[address].buildProtocol(None)
        near, far = Wire(client, False), Wire(server, True)
        self.pumps.append(IOPump(client, server, near, far, False))
        server.makeConnection(far)
        client.makeConnection(near)

    def settle(self) -> bool:
        """Pass on what is under way; whether there was anything."""
        moved = [pump for pump in list(self.pumps) if pump.pump()]
        return bool(moved)


@functools.cache
def made_once() -> Path:
    """A folder with the papers of all authorities: making keys takes longer than a journey."""
    folder = Path(tempfile.mkdtemp(prefix="plfed-papers-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for hrn in (PLC, JAPAN, EPFL):
        made = papers.make(folder / str(hrn), hrn, ("127.0.0.1",))
        if not made.gid.exists():
            above = folder / str(hrn.authority)
            papers.install(made, hrn, papers.certify(above, made.request.read_bytes()))
    return folder


class Authority:
    """One PLC: both halves over one registry in memory."""

    def __init__(self, hrn: Hrn, world: "World") -> None:
        self.hrn, self.world, self.url = hrn, world, f"unix:/{hrn}"
        self.papers = papers.Papers(world.folder / str(hrn))
        plc = Plc(hrn=hrn, name=str(hrn), slice_prefix=hrn.leaf, seal=self._sealer())
        self.desk = Desk(":memory:", "both", plc, Greeter(), world.clock)
        self.desk.job_now(lambda store: founding.fill(store, self.email, "secret"))
        resource = ApiResource(unite(sa_api, _missing(ma_api)), self._greet, run=self.desk.run_now)
        world.reactor.listenUNIX(f"/{hrn}", hardened_site(resource, world.reactor))

    @property
    def email(self) -> str:
        """The administrator."""
        return f"admin@{self.hrn}.example"

    def _sealer(self) -> Sealer:
        folder = self.papers.folder
        chain = gids.read_chain((folder / "ticket.pem").read_bytes())
        return Sealer.load(self.hrn, folder / "ticket.key", folder / "pgp.sec", carried(chain), False)

    def _greet(self, method: Any, args: Any, request: Any) -> Any:
        return self.desk.greet(method, args, address_of(request))

    def ask(self, auth: Auth | None = None) -> Ask:
        """Its whole API, called as the administrator or as somebody else."""
        return Ask(self.url, auth=auth or Password(self.email, "secret"), reactor=self.world.reactor)

    def call(self, method: str, *args: Any) -> Any:
        """What the administrator is answered."""
        return self.world.run(self.ask().call(method, *args))

    def slice(self, name: str, instantiation: str = "delegated", *nodes: str) -> str:
        """A new slice, on ``nodes``; its name."""
        fields = {"name": name, "url": "http://x.example/", "description": "A journey.", "instantiation": instantiation}
        if not self.call("GetSites", {"login_base": name.split("_")[0]}, ["site_id"]):
            about = {"name": name, "abbreviated_name": name, "login_base": name.split("_")[0], "max_slices": 10}
            self.call("AddSite", {**about, "url": "http://x.example/", "latitude": 0.0, "longitude": 0.0})
            self.call("UpdateSite", about["login_base"], {"max_slices": 10})
        self.call("AddSlice", fields)
        if nodes:
            self.call("AddSliceToNodes", name, list(nodes))
        return name

    def ticket(self, name: str) -> bytes:
        """The sealed v3 ticket of a slice."""
        return str(self.call("SliceGetTicket", name)).encode()


def _missing(api: Any) -> Any:
    """The methods that the slice half does not have."""
    kept = type(api)()
    for name, method in api.items():
        if name not in sa_api:
            kept.add(method)
    return kept


@define
class Running:
    """What a service needs of its program: a place to listen, and ends to be done."""

    reactor: MemoryReactor
    settings: Any = None
    why_not: Callable[[], str] = field(default=lambda: "")
    reloads: list[Any] = field(factory=list)
    ends: list[Any] = field(factory=list)

    async def listen(self, where: str, site: Any, tls: Any = None) -> str:
        self.reactor.listenUNIX(where.removeprefix("unix:").split(":")[0], site)
        return where

    async def operator(self, where: str) -> None:
        """Nobody looks at health here."""

    def at_end(self, end: Any) -> None:
        self.ends.append(end)


class WorldNode:
    """One node: a node manager with the driver that remembers, and pl_conf before it."""

    def __init__(
        self, host: str, world: "World", owner: Authority, roots: dict[Authority, float], clock: Any = None
    ) -> None:
        """``clock`` is the node's own, where it is not everybody's."""
        self.host, self.world, self.folder = Hostname.parse(host), world, world.folder / host
        self.clock = clock or world.clock
        self.folder.mkdir()
        self.hrn = self.host.hrn(owner.hrn.child(owner.hrn.leaf))
        number = owner.call("AddNode", owner.hrn.leaf, {"hostname": host, "boot_state": "boot"})
        owner.call("UpdateNode", number, {"key": "node-key"})
        (self.folder / "node.key").write_text("node-key")
        (self.folder / "node.key").chmod(0o600)
        self.trust(roots, owner)
        self.running = Running(world.reactor)
        self.manager = AtOnce(
            NodeSettings(
                socket=f"unix:/{host}/nm", tcp="", sensors="", slicestat="", pl_conf=f"unix:/{host}/pl_conf",
                pl_conf_uid=os.getuid(), cores=4, memory=1 << 20, hostname=host,
            ),
            self.clock, world.reactor.seconds, world.reactor, MemoryDriver(now=self.clock.now), Books(),
        )  # fmt: skip
        self.manager._threads = _NoThreads()  # type: ignore[assignment]  # at once, in this thread
        world.run(self.manager.serve(self.running.listen))
        self.settings = PlConfSettings(
            hrn=str(self.hrn), hostname=host, node_id=number, node_key="node.key", policy="owner.toml",
            ledger="ledger.db", deletions="deletions.log", listen=(f"unix:/{host}/public",), listen_keys=(),
            socket=f"unix:/{host}/pl_conf", listen_operator="", node_manager=f"unix:/{host}/nm", period=5.0, jitter=0.0,
        )  # fmt: skip
        self.start()

    def trust(self, roots: dict[Authority, float], polled: Authority) -> None:
        """Write the owner's policy."""
        said = [
            {"hrn": str(one.hrn), "gid": str(one.papers.gid), "ticket_key": str(one.papers.folder / "ticket.pub.pem"),
             "pgp": str(one.papers.folder / "pgp.pub"), "share": share, "poll": one.url if one is polled else ""}
            for one, share in roots.items()
        ]  # fmt: skip
        (self.folder / "owner.toml").write_text(toml.dumps({"root": said}))

    def start(self) -> None:
        """Run pl_conf on its files."""
        world = self.world
        self.pl_conf = PlConf(self.settings, self.folder, world.reactor, self.clock, world.reactor.seconds, lambda: 0.5)
        world.run(self.pl_conf.start(self.running))  # type: ignore[arg-type]  # listens in memory

    def stop(self) -> None:
        """End pl_conf, as a reboot does."""
        self.pl_conf.close()

    def redeem(self, sealed: bytes) -> tuple[int, Any]:
        """What pl_conf answers to a ticket that somebody brings."""
        ask = Ask(f"unix:/{self.host}/public", reactor=self.world.reactor, tries=1)
        code, value = self.world.run(ask.call("create_sliver", Binary(sealed)))
        return code, value

    def delete(self, rcap: str) -> tuple[int, Any]:
        """What it answers to an rcap that is given back."""
        ask = Ask(f"unix:/{self.host}/public", reactor=self.world.reactor, tries=1)
        code, value = self.world.run(ask.call("delete_sliver", rcap))
        return code, value

    @property
    def slivers(self) -> list[str]:
        """What the driver has."""
        return sorted(map(str, self.manager.driver.look()))


class AtOnce(NodeManager):
    """A node manager that does here and now what its threads do elsewhere."""

    def _in_thread(self, blocking: Callable[[], T], /) -> Deferred[T]:
        return execute(blocking)


class _NoThreads:
    """The node manager's threads, none of which are needed."""

    def start(self) -> None:
        """Nothing."""

    stop = start


class World:
    """plc, plc.japan below it, epfl beside them, and nodes."""

    def __init__(self, now: float) -> None:
        self.clock, self.reactor = SetClock(now), MemoryReactor()
        self.folder = Path(tempfile.mkdtemp(prefix="plfed-world-"))
        shutil.copytree(made_once(), self.folder, dirs_exist_ok=True)
        self.plc = Authority(PLC, self)
        self.japan = Authority(JAPAN, self)
        self.epfl = Authority(EPFL, self)
        self.nodes: list[WorldNode] = []

    def node(self, host: str = "node1.plc.example", epfl: float = 0.1, clock: Any = None) -> WorldNode:
        """A node of plc whose owner trusts epfl with a small share."""
        made = WorldNode(host, self, self.plc, {self.plc: 1.0 - epfl, self.epfl: epfl}, clock)
        self.nodes.append(made)
        return made

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of ``work``; octets are passed on, and the clock moves, until something does."""
        done: list[Any] = []
        waiting = Deferred.fromCoroutine(work)
        waiting.addBoth(done.append)
        for _ in itertools.takewhile(lambda _: not done, range(ROUNDS)):
            if not self.reactor.settle():
                self.pass_(STEP)
        if not done:
            raise AssertionError("a journey came to nothing: everybody waits for somebody else")
        if hasattr(done[0], "raiseException"):
            done[0].raiseException()
        return done[0]  # type: ignore[no-any-return]  # what the coroutine returns

    def pass_(self, seconds: float) -> None:
        """Let time go by for everybody."""
        self.clock.advance(seconds)
        self.reactor.advance(seconds)

    def wait(self, seconds: float) -> None:
        """Let time go by while octets are passed on."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            if not self.reactor.settle():
                self.pass_(STEP)
