"""Tickets of an authority that never heard of this node: passed on, sealed, by the authority that the node belongs to.

The two authorities are peers, and this one keeps what the other has sealed for its nodes. Nothing has to be trusted of
who passes it on: the signature is the issuer's, and is checked as if it had come from there.
"""

from collections.abc import Callable
from typing import Any

from attrs import define

from pl_conf.poll import Session
from planetlab.errors import Unreachable


@define
class Relayed:
    """The source of a root's polls that asks another: ``own`` gives this node's session at its own authority.

    Copies of a peer's slices are slices to the nodes of whoever keeps them, and it has a clock of its own.
    """

    hrn: str
    own: Callable[[], Session | None]
    lost: int = 0  # the poll of its own authority tells of sessions that are gone

    @property
    def session(self) -> Session:
        """The session. Raises `Unreachable` while this node polls no authority of its own."""
        found = self.own()
        if found is None:
            raise Unreachable(f"tickets of {self.hrn} come through this node's own authority, and it polls none")
        return found

    async def fetch(self, since: int) -> Any:
        """The tickets that changed after a stamp, as GetNodeTickets tells those of its own."""
        return await self.session.call("GetPeerTickets", self.hrn, since)

    async def alive(self, names: list[str]) -> set[str]:
        """Which of these slices are still known."""
        return await self.session.alive(names)

    async def time(self) -> float:
        """What time it is by the clock of who passes it on."""
        return await self.session.time()
