"""The agent of 2003: gives whoever shows a certificate tickets for nodes by address; off unless settings say otherwise.

Texts and order of checks are the original's. It knows which nodes announce themselves by the registry: those that boot
and were heard of lately. Leases and slivers on nodes are the nodes' own matter, so it does not refuse for their sake.
Which tickets are outstanding is remembered while the process runs; their validity is in themselves.
"""

import html
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from twisted.web.resource import Resource
from twisted.web.server import Request

from planetlab import dslice, keys, tls
from planetlab.both.desk import Desk
from planetlab.dslice import Paper
from planetlab.dslice_ports import MOST_TEXT, Calls, Fault, Members, required_client
from planetlab.errors import BadArgument, BadSettings
from planetlab.launch import Running
from planetlab.limits import Limits, hardened_site
from planetlab.records.nodes import INTERFACE, NODE
from planetlab.registry.store import Store

MAX_LEASE = 14 * 86400  # seconds, as deployed
MOST_TICKETS = 1000  # in one call
ANY = "0.0.0.0"
HEARD = 1800.0  # seconds since a node was heard of during which it counts as announcing
PORTS = {"port": 700, "sslport": 701, "httpport": 702}
TAKES: dict[str, Members] = {
    "newtickets": {"slice": str, "ntickets": int, "leaselen": int, "ips": (list, str)},
}


def _said(doc: str, default: Any = "") -> Any:
    return field(default=default, metadata={"doc": doc})


@frozen(kw_only=True)
class AgentPorts:
    """The agent's ports and keys; each port is off while its endpoint is empty."""

    plain: str = _said("endpoint of the calls that anybody may make, tcp:700 then")
    private: str = _said("endpoint of the call by key, tcp:701 then")
    status: str = _said("endpoint of the status page, tcp:702 then")
    key: str = _said("PEM file of the RSA key that signs the agent's tickets", "dslice.key")
    clients: str = _said("PEM file: the CA that callers' certificates must come from")
    max_lease: int = _said("seconds that a ticket's lease may last at most", MAX_LEASE)

    @property
    def is_on(self) -> bool:
        """Whether any of the ports is to be served."""
        return bool(self.plain or self.private or self.status)


@define
class Agent:
    """The calls. ``announcing`` gives the addresses of nodes that are up, ``shuffle`` orders them by chance."""

    key: keys.PrivateKey
    max_lease: int
    now: Callable[[], float]
    announcing: Callable[[], Awaitable[list[str]]]
    shuffle: Callable[[list[str]], None]
    _outstanding: list[tuple[Paper, str]] = field(factory=list, init=False)

    def getconfig(self) -> dict[str, int]:
        """The ports, as they were, and how long a lease may last."""
        return {**PORTS, "maxlease": self.max_lease}

    async def getads(self) -> list[str]:
        """The addresses of the nodes that announce themselves."""
        return sorted(await self.announcing())

    def gettickets(self) -> list[str]:
        """The tickets that are given and not over."""
        return [text for _, text in self._given()]

    def getslices(self) -> list[str]:
        """The slices that they are for."""
        return sorted({paper.slice for paper, _ in self._given()})

    async def newtickets(self, principle: str, name: str, ntickets: int, leaselen: int, ips: Any) -> list[str]:
        """That many tickets for a slice, each for one node of ``ips``, or of any where that is 0.0.0.0."""
        name = name.strip()
        try:
            dslice.slice_name(name)
        except BadArgument as error:
            raise Fault(str(error)) from error
        if not 0 < ntickets <= MOST_TICKETS:
            raise Fault(f"Requested negative #tickets: {ntickets}.")
        chosen = self._chosen(ips, await self.announcing())[:ntickets]
        if len(chosen) < ntickets:
            raise Fault(f"Wanted {ntickets} tickets. {len(chosen)} available.")
        if leaselen <= 0:
            raise Fault(f"Requested negative lease length: {leaselen}")
        if leaselen > self.max_lease:
            raise Fault(f"Requested lease length {leaselen}, max is {self.max_lease}")
        begun = float(int(self.now()))
        times = {"start": begun, "end": begun + leaselen, "valid_from": begun, "valid_to": begun + leaselen}
        papers = [Paper(kind="ticket", principle=principle, ip=ip, slice=name, **times) for ip in chosen]
        given = [(paper, dslice.seal(paper, self.key).decode()) for paper in papers]
        self._outstanding = [*self._given(), *given]
        return [text for _, text in given]

    def _chosen(self, ips: Any, up: list[str]) -> list[str]:
        if ips == ANY or ips == [ANY]:
            shuffled = sorted(up)
            self.shuffle(shuffled)
            return shuffled
        listed = [ips] if isinstance(ips, str) else ips
        return [ip for ip in dict.fromkeys(listed) if ip in up]

    def _given(self) -> list[tuple[Paper, str]]:
        now = self.now()
        return [(paper, text) for paper, text in self._outstanding if paper.valid_to > now]


def announcing(store: Store, heard: float = HEARD) -> list[str]:
    """The addresses of the nodes that boot and were heard of lately."""
    nodes = {
        node["node_id"]
        for node in store.rows(NODE, fields=("node_id", "boot_state", "last_contact"))
        if node["boot_state"] == "boot" and (node["last_contact"] or 0) >= store.now - heard
    }
    interfaces = store.rows(INTERFACE, fields=("node_id", "ip", "is_primary"))
    return [str(each["ip"]) for each in interfaces if each["node_id"] in nodes and each["is_primary"] and each["ip"]]


class Status(Resource):
    """The page of the third port: which slices have tickets outstanding."""

    isLeaf = True

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self._agent = agent

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        rows = "".join(f"<li>{html.escape(name)}</li>" for name in self._agent.getslices())
        return f"<!DOCTYPE html><title>Tickets</title><h1>Tickets outstanding</h1><ul>{rows}</ul>\n".encode()


async def serve(
    running: Running[Any], said: AgentPorts, desk: Desk, certificate: Path, key: Path, shuffle: Callable[[Any], None]
) -> None:
    """Listen where ``said`` says. Raises `PlanetLabError`, one line."""
    place = running.config.absolute().parent
    try:
        signing = keys.load_private((place / said.key).read_bytes())
    except (OSError, ValueError, BadArgument) as error:
        raise BadSettings(f"{running.config}: agent.key: {place / said.key} cannot be read: {error}") from error

    async def up() -> list[str]:
        return list(await desk.look(announcing))

    agent = Agent(signing, said.max_lease, running.clock.now, up, shuffle)
    secure = required_client(certificate, key, place / said.clients) if said.private else None
    plain = {name: getattr(agent, name) for name in ("getconfig", "getads", "gettickets", "getslices")}
    pages: tuple[tuple[str, Resource, tls.ServerTLS | None], ...] = (
        (said.plain, Calls(plain, TAKES, by_key=False), None),
        (said.private, Calls({"newtickets": agent.newtickets}, TAKES, by_key=True), secure),
        (said.status, Status(agent), None),
    )
    for where, page, options in pages:
        if where:
            await running.listen(where, hardened_site(page, running.reactor, Limits(body=4 * MOST_TEXT)), options)
