"""What is done of itself with the slivers that are here: begun things settled, ends met, new rules told, losses mended.

Nothing here makes a wish: that is `pl_conf.redeem`, whose locks and journal all of this uses.
"""

from attrs import evolve
from twisted.logger import Logger

from pl_conf.admission import told
from pl_conf.entries import Intent, Receipt, Wish
from pl_conf.node import Sliver
from pl_conf.redeem import TRANSIENT, Redeemer
from pl_conf.refusals import NotAdmitted
from planetlab.ask import each
from planetlab.errors import DatabaseError

log = Logger()

AT_ONCE = 8  # slivers that the node manager is told of at the same time


async def recover(redeemer: Redeemer) -> None:
    """Finish or undo what an earlier run began. Raises nothing: what cannot be settled yet stays in the journal."""
    for intent in redeemer.ledger.begun():
        try:
            await _settle(redeemer, intent)
        except NotAdmitted as refusal:
            log.warn("{verb} of {slice} waits: {text}", verb=intent.verb, slice=intent.slice, text=str(refusal))
    for wish in redeemer.ledger.wishes():
        gone = redeemer.ledger.gone(wish.authority, wish.slice)
        if gone is not None and gone.bars(wish.issued, wish.expires):
            log.warn("{slice} was deleted after this copy of the ledger was made; ending it", slice=wish.slice)
            await _try_release(redeemer, wish, gone.why)


async def _settle(redeemer: Redeemer, intent: Intent) -> None:
    wish = redeemer.ledger.wish(intent.authority, intent.slice)
    if intent.verb == "release":
        if wish is not None:
            await redeemer.release(wish, intent.why)
        redeemer.ledger.abandoned(intent.number)
        return
    try:
        await redeemer.redeem(intent.sealed, intent.source, intent.feed)
    except NotAdmitted as refusal:
        if refusal.reason.word in TRANSIENT:
            raise
        await (redeemer.undo(str(intent.authority), str(intent.slice)) if wish is None else redeemer.tell(wish))
    redeemer.ledger.abandoned(intent.number)


async def _try_release(redeemer: Redeemer, wish: Wish, why: str, deed: str = "deleted") -> bool:
    try:
        await redeemer.release(wish, why, deed)
    except NotAdmitted as refusal:
        log.warn("{slice} is not ended yet: {text}", slice=wish.slice, text=str(refusal))
        return False
    return True


async def expire(redeemer: Redeemer) -> int:
    """End every sliver whose time is over by the steady clock; gives how many."""
    now = redeemer.time.now()
    due = [wish for wish in redeemer.ledger.wishes() if wish.expires <= now]
    ended = [
        await _try_release(redeemer, wish, f"its ticket expired {now - wish.expires:.0f} s ago", "expired")
        for wish in due
    ]
    return sum(ended)


async def rebind(redeemer: Redeemer) -> int:
    """Tell the node manager every record that the owner's rules make different now; gives how many."""

    async def one(wish: Wish) -> bool:
        async with redeemer.alone(wish.slice):
            return await _rebind_one(redeemer, wish)

    outcomes = await each(redeemer.ledger.wishes(), one, at_once=AT_ONCE)
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return sum(bool(outcome.value) for outcome in outcomes)


async def _rebind_one(redeemer: Redeemer, seen: Wish) -> bool:
    wish = redeemer.ledger.wish(seen.authority, seen.slice)
    if wish is None:
        return False
    rules, now = redeemer.rules, redeemer.time.wall()
    bound, notes = told(wish.asked, rules.policy, now, rules.cut.get(wish.digest, ""))
    if bound == wish.told:
        return False
    try:
        handle = await redeemer.manager.instantiate(bound)
        redeemer.ledger.rebound(evolve(wish, told=bound, handle=handle))
    except (NotAdmitted, DatabaseError) as error:
        log.warn("{slice} keeps its old limits: {text}", slice=wish.slice, text=str(error))
        return False
    redeemer.changed(wish.slice, tuple(bound["keys"]))
    deed = "resumed" if bound["rspec"]["enabled"] and not wish.told["rspec"]["enabled"] else "policy"
    deed = "paused" if wish.told["rspec"]["enabled"] and not bound["rspec"]["enabled"] else deed
    redeemer.ledger.note(
        Receipt(
            at=redeemer.time.wall(),
            authority=str(wish.authority),
            slice=str(wish.slice),
            source="owner",
            deed=deed,
            text="; ".join(notes),
            digest=wish.digest,
        )  # fmt: skip
    )
    return True


async def rekey(redeemer: Redeemer, wish: Wish, keys: tuple[str, ...]) -> None:
    """Replace the keys that let one into a sliver whose ticket does not say them. Raises `NotAdmitted`."""
    async with redeemer.alone(wish.slice):
        current = redeemer.ledger.wish(wish.authority, wish.slice)
        if current is None:
            raise NotAdmitted("unknown-slice", f"no sliver of {wish.slice} is here")
        redeemer.ledger.rebound(evolve(current, asked={**current.asked, "keys": list(keys)}))
        await _rebind_one(redeemer, current)


async def agree(redeemer: Redeemer) -> list[Sliver]:
    """Tell the node manager what it has lost; gives the slivers it has from here that no wish stands behind."""
    there = {(sliver.authority, sliver.name): sliver for sliver in await redeemer.manager.slivers()}
    wishes = {(str(wish.authority), str(wish.slice)): wish for wish in redeemer.ledger.wishes()}
    for key, wish in wishes.items():
        found = there.get(key)
        if found is None or found.rcap != wish.handle:
            async with redeemer.alone(wish.slice):
                current = redeemer.ledger.wish(wish.authority, wish.slice)
                if current is None or current.rcap != wish.rcap:
                    continue  # it was deleted while we waited, and stays so
                handle = await redeemer.manager.instantiate(current.told)
                if handle != current.handle:
                    redeemer.ledger.rebound(evolve(current, handle=handle))
    begun = {(str(intent.authority), str(intent.slice)) for intent in redeemer.ledger.begun()}
    ours = {key: sliver for key, sliver in there.items() if sliver.authority and not sliver.made_by}
    return [sliver for key, sliver in ours.items() if key not in wishes and key not in begun]
