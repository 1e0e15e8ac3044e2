"""Questions about names that another registry keeps: passed on to it, by the longest of the known names that governs.

They are passed on in this authority's name, so that what is private of persons is not told by that way. A question that
comes from an authority goes down only, to a registry below our own name: each step is deeper than the one before, and
no question goes in a circle.
"""

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from planetlab.ask import Outcome, each
from planetlab.both.afterwards import Afterwards
from planetlab.calls import Call
from planetlab.errors import NotFound, PeerError, PlanetLabError
from planetlab.names import Hrn
from planetlab.redact import one_line
from planetlab.registry.store import Row
from slice_authority.sfa import allowing, credential_owner, things
from slice_authority.sfa.identity import Identity
from slice_authority.sfa.places import Neighbour

log = Logger()

AT_ONCE = 10  # registries that are asked at the same time
PATIENCE = 10.0  # seconds that one may take
MOST_RECORDS = 10_000  # of one answer


def keeper(call: Call, hrn: Hrn) -> Neighbour | None:
    """The registry that is asked for this name; None for a name that is ours to answer for."""
    places = call.store.plc.sfa_places
    own: Hrn = call.store.plc.hrn
    down_only = credential_owner.named(call.caller.shown) is not None
    known = [one for one in places.registries if one.hrn.governs(hrn) and (not down_only or own.governs(one.hrn))]
    best = max(known, key=lambda one: len(one.hrn.path), default=None)
    if best is None or (own.governs(hrn) and len(own.path) >= len(best.hrn.path)):
        return None
    return None if any(thing.is_ours for thing in things.any_kind(call.store, hrn)) else best


@frozen
class Part:
    """What one registry is asked: a method, and the arguments around the credential."""

    keeper: Neighbour
    method: str
    names: tuple[str, ...]
    options: dict[str, Any]


def sorted_out(call: Call, names: Sequence[Any]) -> tuple[list[Any], dict[Neighbour, list[str]]]:
    """Of some names those that are ours to answer for, and those of others by who keeps them."""
    ours: list[Any] = []
    theirs: dict[Neighbour, list[str]] = {}
    for name in names:
        hrn, _ = things.xrn(name, "", "xrns")
        found = keeper(call, hrn)
        if found is None:
            ours.append(name)
        else:
            theirs.setdefault(found, []).append(str(name))
    return ours, theirs


def afterwards(call: Call, found: list[Row], parts: Sequence[Part]) -> Any:
    """``found``, with what the other registries tell once the transaction is over."""
    me, now = allowing.identity(call.store), call.now

    async def work() -> list[Row]:
        outcomes = await each(parts, lambda part: _ask(me, now, part), AT_ONCE)
        return _together(found, outcomes)

    return Afterwards(work)


async def _ask(me: Identity, now: float, part: Part) -> list[Row]:
    ask = me.ask(part.keeper.url, part.keeper.ca, PATIENCE)
    said: Any = part.names[0] if part.method == "List" else list(part.names)
    more = (part.options,) if part.options else ()
    answer = await ask.call(part.method, said, [me.on_itself(now)], *more)
    if not isinstance(answer, list) or len(answer) > MOST_RECORDS:
        raise PeerError(f"{part.keeper.hrn} answered with no records")
    return [_checked(row, part.keeper.hrn) for row in answer]


def _checked(row: Any, keeper_of: Hrn) -> Row:
    """A record of another registry, marked as such. Raises `PeerError` for one that is not its to tell."""
    name = row.get("hrn") if isinstance(row, dict) else None
    if not isinstance(name, str) or not keeper_of.governs(Hrn.parse(name)):
        raise PeerError(f"{keeper_of} told of {name!r:.80}, which it does not govern")
    return {**row, "peer_authority": str(keeper_of)}


def _together(found: list[Row], outcomes: Sequence[Outcome[Part, list[Row]]]) -> list[Row]:
    for one in outcomes:
        if one.error is not None:
            why = str(one.error) if isinstance(one.error, PlanetLabError) else type(one.error).__name__
            log.warn("{keeper} was asked in vain: {why}", keeper=str(one.item.keeper.hrn), why=one_line(why, 300))
    whole = found + [row for one in outcomes for row in one.value or []]
    failed = next((one.error for one in outcomes if one.error is not None), None)
    if not whole and failed is not None:
        raise failed
    if not whole:
        raise NotFound("Record not found")
    return whole
