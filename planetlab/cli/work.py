"""The slivers' work in a demo whose driver only remembers slivers: one process per sliver sends real packets.

Who is on the node, and under which address, is asked of the node manager every second; each address that somebody owns
gets a process in the node's network namespace, and loses it when its owner goes. A node manager that does not answer
changes nothing: what was sending goes on.
"""

import pathlib
import sys
from collections.abc import Mapping
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from planetlab.ask import Ask
from planetlab.cli.network import STRANGER, Namespaces, Network
from planetlab.cli.processes import Program, Supervisor
from planetlab.errors import PeerError, Unavailable

EVERY = 1.0  # seconds between two questions to a node manager


def working(owners: list[Mapping[str, Any]]) -> dict[str, str]:
    """The addresses that slivers hold now, each with its sliver's name."""
    return {one["tag"]: one["slice"] for one in owners if one["kind"] == "address" and one.get("until") is None}


@define(eq=False)
class NodeWork:
    """The sending processes of one node."""

    node: str
    ask: Ask
    inside: Namespaces
    supervisor: Supervisor
    logs: pathlib.Path
    sending: dict[str, str] = field(factory=dict)

    log = Logger()

    async def round(self) -> None:
        """Let exactly those send that have a sliver."""
        try:
            answer = await self.ask.call("GetOwners", 0)
        except PeerError as error:
            self.log.debug("{node}: {error}", node=self.node, error=error)
            return
        wanted = working(answer["owners"])
        for address in self.sending.keys() - wanted.keys():
            await self._end(address)
        for address in wanted.keys() - self.sending.keys():
            self._begin(address, wanted[address])

    def look(self) -> Deferred[None]:
        """A round, for a loop."""
        return Deferred.fromCoroutine(self.round())

    def failed(self, failure: Failure) -> None:
        """Log what ended the loop."""
        self.log.failure("the traffic of {node} is not looked after any more", failure, node=self.node)

    def _name(self, address: str) -> str:
        return f"traffic {self.node} {address}"

    def _begin(self, address: str, sliver: str) -> None:
        try:
            self.inside.run("ip", "addr", "replace", f"{address}/32", "dev", "lo")
        except Unavailable as error:
            self.log.warn("{node}: no address for {sliver}: {error}", node=self.node, sliver=sliver, error=error)
            return
        # The death signal is asked for again inside: entering a user namespace takes it away.
        command = (*self.inside.enter, "setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "planetlab.cli.traffic")
        options = ("--source", address, "--to", STRANGER)
        self.supervisor.start(
            Program(self._name(address), (*command, *options), self.logs / f"{self.node}-traffic.log")
        )
        self.sending[address] = sliver

    async def _end(self, address: str) -> None:
        del self.sending[address]
        if self._name(address) in self.supervisor.children:
            await self.supervisor.stop(self._name(address))
        self.inside.run("ip", "addr", "del", f"{address}/32", "dev", "lo")


@define(eq=False)
class Work:
    """The sending processes of all nodes, and the stranger they send to."""

    nodes: list[NodeWork]
    _loops: list[LoopingCall] = field(factory=list)

    def start(self, reactor: Any) -> None:
        """Look at every node once a second from now on."""
        for node in self.nodes:
            loop = LoopingCall(node.look)
            loop.clock = reactor
            loop.start(EVERY).addErrback(node.failed)
            self._loops.append(loop)

    def stop(self) -> None:
        """Look no more; the processes themselves are ended by their supervisor."""
        for loop in self._loops:
            if loop.running:
                loop.stop()


def stranger(network: Network, logs: pathlib.Path) -> Program:
    """The program that plays the stranger."""
    command = (*network.world.enter, "setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "planetlab.cli.stranger")
    return Program("stranger", (*command, STRANGER), logs / "stranger.log")
