"""Tickets brought to nodes, many at once, each with its own outcome."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xmlrpc.client import Binary

from attrs import evolve, frozen

from planetlab.ask import Ask, each
from planetlab.errors import PeerError

AT_ONCE = 50


@frozen
class NodeOutcome:
    """What came of one node: an rcap, or a reason. ``still``: why the sliver does not run now; "" when it does."""

    node: str
    rcap: str = ""
    code: int = 0
    reason: str = ""
    seconds: float = 0.0
    still: str = ""

    @property
    def ok(self) -> bool:
        """Whether the node gave a sliver."""
        return not self.reason

    @property
    def line(self) -> str:
        """The outcome for people."""
        stands = f", but the sliver stands still: {self.still}" if self.still else ""
        said = f"ok, rcap {self.rcap}{stands}" if self.ok else f"refused ({self.code}): {self.reason}"
        return f"{self.node:<24} {self.seconds:6.2f} s  {said}"


def answer(value: Any) -> tuple[int, Any]:
    """A node's ``[code, value]``, taken apart. Raises `PeerError` for anything else."""
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[0], int)):
        raise PeerError(f"expected [code, value], got {value!r:.100}")
    return value[0], value[1]


async def create(url: str, sealed: bytes, asking: Callable[[str], Ask]) -> tuple[int, Any]:
    """Bring one ticket to the node at ``url``."""
    return answer(await asking(url).call("create_sliver", Binary(sealed)))


async def delete(url: str, rcap: str, asking: Callable[[str], Ask]) -> tuple[int, Any]:
    """Give back what a ticket brought."""
    return answer(await asking(url).call("delete_sliver", rcap))


async def still(url: str, rcap: str, asking: Callable[[str], Ask]) -> str:
    """Why the sliver of an rcap does not run, if the node says so; nodes of old cannot be asked."""
    try:
        code, value = answer(await asking(url).call("GetState", rcap))
    except PeerError:
        return ""
    return str(value.get("why", "")) if code == 0 and isinstance(value, dict) else ""


async def redeem(
    nodes: Mapping[str, str],
    sealed: bytes,
    asking: Callable[[str], Ask],
    on_done: Callable[[NodeOutcome], None] = lambda outcome: None,
) -> Sequence[NodeOutcome]:
    """Bring a ticket to each of ``nodes`` (address by name), at most `AT_ONCE` at a time."""

    async def one(name: str) -> tuple[int, Any]:
        return await create(nodes[name], sealed, asking)

    found = await each(sorted(nodes), one, at_once=AT_ONCE, on_done=lambda outcome: on_done(_told(outcome)))
    return [_told(outcome) for outcome in found]


async def looked_at(
    outcomes: Sequence[NodeOutcome], nodes: Mapping[str, str], asking: Callable[[str], Ask]
) -> Sequence[NodeOutcome]:
    """The outcomes, each that gave an rcap with what its node says of the sliver now."""

    async def one(outcome: NodeOutcome) -> NodeOutcome:
        why = await still(nodes[outcome.node], outcome.rcap, asking) if outcome.ok else ""
        return evolve(outcome, still=why)

    found = await each(outcomes, one, at_once=AT_ONCE)
    return [told.item if told.value is None else told.value for told in found]


def _told(outcome: Any) -> NodeOutcome:
    if outcome.error is not None:
        code = getattr(outcome.error, "fault_code", -1)
        return NodeOutcome(outcome.item, code=code, reason=str(outcome.error), seconds=outcome.seconds)
    code, value = outcome.value
    if code:
        return NodeOutcome(outcome.item, code=code, reason=str(value), seconds=outcome.seconds)
    rcap = value[0] if isinstance(value, list) and value else value
    return NodeOutcome(outcome.item, rcap=str(rcap), seconds=outcome.seconds)
