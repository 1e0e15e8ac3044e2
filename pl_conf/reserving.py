"""Leases, from the node's own authority to the node manager, which goes by them.

Whether a node can be reserved is a matter of the node, at the half of its authority that knows nodes; who has it when,
of the half that knows slices. What a lease means here is the owner's word: as the authority says (nobody runs outside
leases), that all share the node outside of leases, or that none is heard. Nobody but the authority above this node is
asked. While it is silent the last that was told stays in force, and the node manager ends and begins it by the clock.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from pl_conf.node import NodeManager
from pl_conf.policy import AS_TOLD, IDLE, NONE
from planetlab.errors import PeerError

log = Logger()

AHEAD = 2 * 86400  # seconds: leases that touch this time from now are told
LOOK_EVERY = 600.0  # seconds between two looks whether the node can be reserved at all
RESERVABLE = "reservable"  # the type of such a node, at its authority
MEMBERS = ("name", "t_from", "t_until")
MOST = 1000  # leases that are told at once, the next ones first

Ask = Callable[..., Awaitable[Any]]


@define
class Reserving:
    """What was told, and when to ask again. ``word`` gives the owner's word."""

    node_id: int
    manager: Callable[[], NodeManager]
    word: Callable[[], str]
    _told: tuple[str, list[Any]] | None = field(default=None, init=False)
    _reservable: bool = field(default=False, init=False)
    _looked: float | None = field(default=None, init=False)  # by the counter

    async def once(self, call: Ask, now: float, ticks: float) -> None:
        """Ask, and tell the node manager what is new. Raises `PeerError`, or `NotAdmitted` from the node manager.

        ``now`` is believed time, ``ticks`` a counter that never jumps; both in seconds.
        """
        word = self.word()
        if word != NONE and (self._looked is None or ticks - self._looked >= LOOK_EVERY):
            self._reservable = _one(await call("GetNodes", [self.node_id], ["node_type"]), "node_type") == RESERVABLE
            self._looked = ticks
        if word == NONE or not self._reservable:
            await self._tell(NONE, [])
            return
        asked = {"node_id": self.node_id, "clip": [int(now), int(now) + AHEAD]}
        leases = _leases(await call("GetLeases", asked, list(MEMBERS)))
        await self._tell(IDLE if word == AS_TOLD else word, leases)

    async def _tell(self, policy: str, leases: list[dict[str, Any]]) -> None:
        if self._told != (policy, leases):
            await self.manager().call("Reserve", policy, leases)
            if self._told is not None or leases:
                log.info("reservations: {policy}, {n} leases", policy=policy, n=len(leases))
            self._told = (policy, leases)


def _one(rows: Any, key: str) -> str:
    if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], dict):
        raise PeerError(f"its answer is not one: expected an array of one struct with {key}")
    return str(rows[0].get(key))


def _leases(rows: Any) -> list[dict[str, Any]]:
    """The leases in an answer, the first to come first. Raises `PeerError`."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PeerError("its answer to GetLeases is not one: expected an array of structs")
    try:
        read = [{"name": str(row["name"]), **{key: int(row[key]) for key in MEMBERS[1:]}} for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise PeerError(f"its answer to GetLeases is not one: {error!r}") from error
    return sorted(read, key=lambda lease: (lease["t_from"], lease["name"]))[:MOST]
