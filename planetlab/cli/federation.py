"""A federation on this machine: folders, ports, processes, records, started in the order in which one needs another."""

import json
import os
import pathlib
import shlex
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue

from planetlab.ask import Ask, Password
from planetlab.cli import facts as told
from planetlab.cli import mailbox, network, papers, place, populate, ports, setup, work
from planetlab.cli.authority import AuthorityPlace
from planetlab.cli.layout import MAIL, Layout
from planetlab.cli.node import NodePlace
from planetlab.cli.plan import PASSWORD, PLC, PORTS_EACH, AuthorityPlan, Plan
from planetlab.cli.processes import Program, Supervisor
from planetlab.cli.say import Voice, pasted
from planetlab.cli.target import DEFAULT_DIR
from planetlab.errors import PeerError, Unavailable
from planetlab.names import Hrn

UP_WITHIN = 60.0  # seconds that everything may take until it answers
LOOK_EVERY = 0.1  # seconds
TRIES = 3  # starts of the authorities, when ports are taken away under our hands


@frozen
class Wishes:
    """What the command line asks of a demo."""

    path: pathlib.Path
    base_port: int
    driver: str
    facts: pathlib.Path | None = None

    @property
    def facts_file(self) -> pathlib.Path:
        """Where the facts are written."""
        return self.facts or self.path / "facts.json"


@define(eq=False)
class Federation:
    """A running demo."""

    plan: Plan
    wishes: Wishes
    reactor: Any
    voice: Voice
    supervisor: Supervisor = field(init=False)
    ports: dict[str, dict[str, int]] = field(factory=dict)
    authorities: dict[Hrn, AuthorityPlace] = field(factory=dict)
    nodes: dict[str, NodePlace] = field(factory=dict)
    facts: dict[str, Any] = field(factory=dict)
    wires: network.Network | None = None
    ending: bool = False
    was_killed: bool = False  # whether the last demo here ended without taking everything away
    _remembered: list[tuple[str, int]] = field(factory=list)
    _work: work.Work | None = None
    _held: list[socket.socket] = field(factory=list)  # our ports, so that no outgoing connection takes one

    def __attrs_post_init__(self) -> None:
        self.supervisor = Supervisor(self.reactor, self.voice.note)
        self.reactor.addSystemEventTrigger("before", "shutdown", self._told_to_end)

    def _told_to_end(self) -> None:
        self.ending = True

    @property
    def layout(self) -> Layout:
        """Where everything is, as far as ports are chosen."""
        return Layout(self.plan, self.wishes.path, self.ports)

    @property
    def logs(self) -> pathlib.Path:
        """Where the services' logs are."""
        return self.wishes.path / "log"

    async def start(self) -> None:
        """Bring everything up; when this returns, everything has answered and the facts are written."""
        place.folder(self.wishes.path, place.PASSAGE)
        self.wishes.facts_file.unlink(missing_ok=True)
        self.was_killed = bool(place.remembered(self.wishes.path))
        place.end_leftovers(self.wishes.path)
        self.voice.note(f"starting authorities: {', '.join(str(each.hrn) for each in self.plan.authorities)}")
        await self._start_authorities()
        await gatherResults([Deferred.fromCoroutine(self._populate(each)) for each in self.plan.authorities])
        self.voice.note(f"starting nodes: {', '.join(str(each.hostname) for each in self.plan.nodes)}")
        self._make_network()
        await self._make_nodes()
        self._run(program for each in self.nodes.values() for program in each.programs(self.logs))
        self._start_work()
        self.voice.note("waiting until every page answers")
        await self._until_nodes_are_up()
        self._tell()

    async def _start_authorities(self) -> None:
        """Run them; where somebody else took a port between our look and our listening, look again."""
        for tries_left in reversed(range(TRIES)):
            self._choose_ports()
            self._make_authorities()
            self._run([mailbox.program(self.ports[MAIL], place.folder(self.logs))])
            self._run(program for each in self.authorities.values() for program in each.programs(self.logs))
            try:
                for each in self.authorities.values():
                    await self._answers(self.admin(each.hrn), "AuthCheck", each.hrn)
                return
            except Unavailable as error:
                if "in use" not in str(error) or not tries_left:
                    raise
                await self.supervisor.stop_all()

    def _choose_ports(self) -> None:
        """The ports of last time where they are free, else the next free ones."""
        file = self.wishes.path / "ports.json"
        last: dict[str, dict[str, int]] = json.loads(file.read_text()) if file.exists() else {}
        owners: list[tuple[str, tuple[str, ...]]]
        owners = [(str(each.hrn), told.PLACES_OF_AUTHORITY) for each in self.plan.authorities]
        owners += [(str(each.hostname), told.PLACES_OF_NODE) for each in self.plan.nodes]
        owners.append((MAIL, mailbox.PLACES))
        taken: set[int] = set()
        while self._held:
            self._held.pop().close()
        for index, (owner, places) in enumerate(owners):
            self.ports[owner] = {}
            for offset, name in enumerate(places):
                wanted = last.get(owner, {}).get(name, self.wishes.base_port + PORTS_EACH * index + offset)
                port = self.ports[owner][name] = ports.next_free(wanted, taken)
                taken.add(port)
                self._held.append(ports.hold(port))
        place.write(file, json.dumps(self.ports, indent=1))

    def _make_authorities(self) -> None:
        self.authorities = self.layout.authorities()
        for each in self.plan.authorities:
            there = self.authorities[each.hrn]
            made = there.write()
            if each.parent is not None and not made.gid.exists():
                chain = papers.certify(self.authorities[each.parent].path, made.request.read_bytes())
                papers.install(made, each.hrn, chain)
            there.write_settings()
            place.write(there.path / setup.DEMO, "Its persons have a password that everybody knows.\n")
            there.found(each.email("admin"), PASSWORD)

    def _run(self, programs: Iterable[Program]) -> None:
        for program in programs:
            self.supervisor.start(program)
        self._remember()

    def _remember(self) -> None:
        """Write down who runs, if that is others than before."""
        children = self.supervisor.children.items()
        running = [
            ("plfed demo", os.getpid()),
            *((name, child.pid) for name, child in children if child.pid is not None),
        ]
        if running != self._remembered:
            place.remember(self.wishes.path, running)
            self._remembered = running

    def admin(self, hrn: Hrn) -> Ask:
        """The authority's PLC API, called as its administrator."""
        there, who = self.authorities[hrn], self.plan.authority(hrn).email("admin")
        url, ca = there.url("sa", "PLCAPI"), str(there.path / "ca.pem")
        return Ask(url, ca=ca, auth=Password(who, PASSWORD), reactor=self.reactor, keyed=True)

    async def _populate(self, each: AuthorityPlan) -> None:
        await populate.authority(self.admin(each.hrn), each, self.authorities[each.hrn].path)

    def _make_network(self) -> None:
        hosts = [str(each.hostname) for each in self.plan.nodes]
        try:
            self.wires = network.make(hosts, [each.sliver_net for each in self.plan.nodes])
        except Unavailable as error:
            self.voice.note(f"no network namespaces here ({error}): the audit reads a recording, and says simulated")

    async def _make_nodes(self) -> None:
        for each in self.plan.nodes:
            owner = self.plan.authority(each.authority)
            known = await populate.node(
                self.admin(each.authority), each, str(owner.login_base), network.uplink_address(each.number)
            )
            self.nodes[str(each.hostname)] = self.layout.node(each, known, self.wishes.driver, self.wires)
            self.nodes[str(each.hostname)].write()
        for owner in self.plan.authorities:
            hosts = [str(each.hostname) for each in self.plan.nodes_of(owner.hrn)]
            await populate.put_on(self.admin(owner.hrn), owner, hosts)
        for greet in (populate.meet, populate.copy):  # a peer copies nothing before it is known itself
            for owner in self.plan.authorities:
                for other in owner.peers:
                    await greet(self.admin(owner.hrn), self.admin(other))
        await self._settle_drivers()

    async def _settle_drivers(self) -> None:
        """Ask a node manager which driver it would use; why it is not the better one is said in one line."""
        if self.wishes.driver == "container":
            await self._image(next(iter(self.nodes.values())).images)
        for host, each in self.nodes.items():
            said = json.loads(await self._tool("driver", each))
            self.nodes[host] = evolve(each, driver=said["driver"])
            self.nodes[host].write()
            if self.was_killed and said["driver"] == "container":
                await self._swept(self.nodes[host])
        if self.wishes.driver == "auto":
            self.voice.note(said["note"])

    async def _image(self, folder: str) -> None:
        """Real slivers were asked for by name: make what they are made of, when that was not done yet."""
        if not os.path.exists(os.path.join(folder, "default")):
            self.voice.note("building the reference image of slivers, once; it takes about half a minute")
            await self._run_module("node_manager.images", "build", "--dir", folder)

    async def _tool(self, what: str, there: NodePlace) -> str:
        """What the node manager's tool answers about one node. Raises `Unavailable` with its last line."""
        return await self._run_module("node_manager.tool", what, "--config", str(there.path / "node_manager.toml"))

    async def _run_module(self, module: str, *arguments: str) -> str:
        """What a program of ours prints. Raises `Unavailable` with the last line that it says when it fails."""
        command = ("-m", module, *arguments)
        out, err, code = await getProcessOutputAndValue(
            sys.executable, command, env=dict(os.environ), reactor=self.reactor
        )
        if code:
            lines = err.decode(errors="replace").strip().splitlines()
            raise Unavailable(lines[-1] if lines else f"{module} {arguments[0]} ended with code {code}")
        return str(out.decode())

    def _start_work(self) -> None:
        if self.wires is None:
            return
        self.supervisor.start(work.stranger(self.wires, self.logs))
        remembered = [each for each in self.nodes.values() if each.driver == "memory"]
        self._work = work.Work(
            [
                work.NodeWork(
                    str(each.hostname),
                    Ask(f"unix:{each.socket}", reactor=self.reactor, tries=1, timeout=5.0),
                    self.wires.nodes[str(each.hostname)],
                    self.supervisor,
                    self.logs,
                )
                for each in remembered
            ]
        )
        self._work.start(self.reactor)

    async def _until_nodes_are_up(self) -> None:
        for each in self.nodes.values():
            url = f"http://127.0.0.1:{each.ports['pl_conf']}/"
            await self._answers(Ask(url, reactor=self.reactor, tries=1), "version", each.hostname)
            for name in told.PAGES_OF_NODE:
                await self._until(partial(self._connected, each.ports[name]), each.hostname)

    async def _connected(self, port: int) -> None:
        where = TCP4ClientEndpoint(self.reactor, told.HOST, port, timeout=5)
        connection: Any = await where.connect(Factory.forProtocol(Protocol))
        connection.transport.abortConnection()

    async def _answers(self, ask: Ask, method: str, who: object) -> None:
        await self._until(lambda: ask.call(method), who)

    async def _until(self, attempt: Callable[[], Awaitable[Any]], who: object) -> None:
        deadline = time.monotonic() + UP_WITHIN
        while True:
            try:
                await attempt()
                return
            except (PeerError, ConnectError) as error:
                ends = [
                    child.last_end for child in self.supervisor.children.values() if child.starts > 2 or child.given_up
                ]
                if ends or time.monotonic() > deadline:
                    raise Unavailable(f"{who} does not answer: {ends[0] if ends else error}") from error
            if self.ending:
                raise CancelledError
            await deferLater(self.reactor, LOOK_EVERY)

    def _tell(self) -> None:
        """Write the facts, whole, once everything answers."""
        authorities = {
            str(each.hrn): told.authority(each, self.ports[str(each.hrn)], self.authorities[each.hrn].path)
            for each in self.plan.authorities
        }
        nodes = {
            host: told.node(one, self.ports[host], each.socket, each.node_id, each.key, each.driver)
            for one in self.plan.nodes
            for host, each in [(str(one.hostname), self.nodes[str(one.hostname)])]
        }
        slices = told.slices(self.plan)
        self.facts = {
            "ready": True,
            "authorities": authorities,
            "nodes": nodes,
            "slices": slices,
            "archive": told.archive(self.ports[str(PLC)]),
            "mail": told.mail(self.ports[MAIL]),
            "dir": str(self.wishes.path),
        }
        self._remember()
        place.write(self.wishes.facts_file, json.dumps(self.facts, indent=1))

    def banner(self) -> list[str]:
        """What is printed when everything answers; each command can be pasted in the folder of this one."""
        page = next(iter(self.facts["nodes"].values()))["audit"].rstrip("/")
        usual = pathlib.Path(DEFAULT_DIR).absolute() / told.FACTS
        where = [] if self.wishes.facts_file == usual else ["--facts", self.wishes.facts_file]
        ticket = pasted("ticket", "get", "princeton_scriptroute", *where)
        return [
            *told.lines(self.facts),
            f"Facts for programs: {self.wishes.facts_file}",
            "Try next, in another terminal",
            f"  {pasted('slice', 'list', *where)}",
            f"  {ticket} | {pasted('ticket', 'redeem', '--all', *where)}",
            f"  {page}/to/{network.STRANGER}   as someone who got packets",
            *self._way_in(),
            f"  {pasted('doctor', *where)}",
            "Ctrl-C ends it all; the same command resumes it.",
        ]

    def _way_in(self) -> list[str]:
        """How a slice's user signs in to its sliver, where there is one to sign in to."""
        host, node = next(iter(self.facts["nodes"].items()))
        if node["driver"] != "container" or "ssh" not in node:
            return []
        address, _, port = node["ssh"].partition(":")
        owner = self.facts["authorities"][node["authority"]]
        key = shlex.quote(owner["identities"]["user"]["key"])
        return [f"  ssh -p {port} -i {key} princeton_codeen@{address}   in a sliver on {host}"]

    async def until_told_to_end(self) -> None:
        """Wait for the signal, keeping the record of processes true meanwhile."""
        while not self.ending:
            with suppress(CancelledError):
                await deferLater(self.reactor, LOOK_EVERY)
            self._remember()

    async def end(self) -> None:
        """Take everything away, the last first."""
        if self._work is not None:
            self._work.stop()
        waves = [lambda name: name.startswith(("traffic", "web", "auditd")), lambda name: name.startswith("pl_conf")]
        await self.supervisor.stop_all(waves)
        for each in self.nodes.values():
            if each.driver == "container":
                await self._swept(each)
        if self.wires is not None:
            self.wires.close()
        (self.wishes.path / "processes.json").unlink(missing_ok=True)
        self.wishes.facts_file.unlink(missing_ok=True)

    async def _swept(self, there: NodePlace) -> None:
        """Real slivers go with the demo; the ledger keeps the wishes, and the next run makes them anew."""
        try:
            await self._tool("sweep", there)
        except Unavailable as error:
            self.voice.note(f"slivers of {there.hostname} could not be removed: {error}")
