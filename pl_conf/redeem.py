"""The one path from a ticket to a sliver, whichever way the ticket came; and the way back.

Verify, admit by the owner's rules, write the intent, ask the node manager, write the end, answer the rcap. Every step
may be cut off: what was begun is finished or undone at the next start, and a retry gives the same rcap. Operations on
one slice follow each other; those on different slices do not wait.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from pl_conf.admission import Standing, admit, asked, is_redelivery, told, why_still
from pl_conf.entries import Amounts, Intent, Receipt, Wish, added, amounts_of, digest_of, gone_of
from pl_conf.figures import TICKETS
from pl_conf.ledger import Ledger
from pl_conf.node import NodeManager
from pl_conf.policy import Policy
from pl_conf.refusals import NotAdmitted
from pl_conf.steady import SteadyTime
from planetlab.errors import DatabaseError
from planetlab.failpoints import failpoint
from planetlab.limits import Rates
from planetlab.names import Hrn, SliceName
from planetlab.tickets import Ticket, Verdict

log = Logger()

BROUGHT = ("push", "node")  # the sources of tickets that somebody carries: to our port, or to the node's interface
TRANSIENT = ("node-silent", "disk", "paused", "cloned", "too-fast", "clock", "internal")
"""Refusals that time alone may mend: the same ticket may be taken later."""
NOTES_RATE, NOTES_BURST = 5.0, 500  # receipts of refusals, per second and at once


class Rules(Protocol):
    """The owner's word as it stands now."""

    @property
    def policy(self) -> Policy:
        """Whom, what and how much."""

    @property
    def node(self) -> Hrn:
        """This node's name, for tickets that name whom they are for."""

    @property
    def cut(self) -> Mapping[str, str]:
        """Digests of tickets in force that count no more, and why."""

    def testify(self, sealed: bytes) -> None:
        """Let a ticket fresh from its authority confirm a clock that is in doubt."""

    def believe(self, sealed: bytes) -> Ticket:
        """The ticket, if its signature, its times and its audience hold for this node now. Raises `NotAdmitted`."""


@define
class Redeemer:
    """Makes wishes of tickets, and ends them; `pl_conf.agreeing` keeps the node manager in agreement with them.

    ``changed`` is told the name and the keys of every slice whose keys changed (None: the slice is gone), and
    ``is_cloned`` says whether another machine seems to be this node: then nothing new is made, what is here stays.
    """

    ledger: Ledger
    manager: NodeManager
    rules: Rules
    time: SteadyTime
    changed: Callable[[SliceName, tuple[str, ...] | None], None] = lambda name, keys: None
    is_cloned: Callable[[], bool] = lambda: False
    _coming: dict[tuple[Hrn, SliceName], Amounts] = field(factory=dict, init=False)  # admitted, not yet in the ledger
    _notes: Rates = field(factory=lambda: Rates(NOTES_RATE, NOTES_BURST), init=False)
    _locks: dict[SliceName, tuple[DeferredLock, int]] = field(factory=dict, init=False)

    async def redeem(self, sealed: bytes, source: str, feed: str = "") -> Wish:
        """Bring the sliver of this ticket into being, or renew it. Raises `NotAdmitted`; then nothing has changed."""
        return await self.redeem_believed(self.believe(sealed, source), sealed, source, feed)

    def believe(self, sealed: bytes, source: str) -> Ticket:
        """The ticket in these bytes. Raises `NotAdmitted`, of which there is a receipt."""
        failpoint("redeem.received")
        try:
            ticket = self.rules.believe(sealed)
        except NotAdmitted as refusal:
            self._note_refusal(refusal, None, sealed, source)
            raise
        failpoint("redeem.verified")
        return ticket

    async def redeem_believed(self, ticket: Ticket, sealed: bytes, source: str, feed: str = "") -> Wish:
        """`redeem`, of bytes from which ``ticket`` was already read."""
        try:
            async with self.alone(ticket.slice):
                try:
                    return await self._under_lock(ticket, sealed, source, feed)
                finally:
                    self._coming.pop((ticket.issuer, ticket.slice), None)
        except DatabaseError as error:
            raise NotAdmitted("disk", f"{error}; nothing was promised, ask again when there is room") from error
        except NotAdmitted as refusal:
            self._note_refusal(refusal, ticket, sealed, source)
            raise

    @staticmethod
    def digest(sealed: bytes) -> str:
        """By what the ledger knows a ticket."""
        return digest_of(sealed)

    async def _under_lock(self, ticket: Ticket, sealed: bytes, source: str, feed: str) -> Wish:
        now = self.time.wall()
        standing = self.standing(ticket)
        if standing.held is not None and is_redelivery(sealed, standing):
            return standing.held
        if standing.held is None and self.is_cloned():
            raise NotAdmitted("cloned")
        root, verdict = admit(ticket, standing, self.rules.policy, self.rules.node, now)
        if standing.held is not None and verdict is Verdict.AGAIN:
            return standing.held
        if source in BROUGHT and ticket.instantiation != "delegated":
            raise NotAdmitted(
                "not-delegated",
                f"Only PLC can create non delegated slivers: {ticket.slice} is {ticket.instantiation}, and the nodes "
                "that it is on fetch its tickets by themselves",
            )
        failpoint("redeem.admitted")
        record = asked(ticket)
        bound, notes = told(record, self.rules.policy, now)
        self._coming[ticket.issuer, ticket.slice] = amounts_of(bound)
        number = self.ledger.begin(
            Intent(
                number=0,
                verb="redeem",
                authority=ticket.issuer,
                slice=ticket.slice,
                sealed=sealed,
                source=source,
                feed=feed,
                rcap="",
                why=f"under {root.hrn}",
                at=now,
            )  # fmt: skip
        )
        failpoint("redeem.recorded")
        handle = await self._instantiate(number, bound, standing.held)
        failpoint("redeem.instantiated")
        held = standing.held
        wish = Wish(
            authority=ticket.issuer, slice=ticket.slice, serial=ticket.serial, issued=ticket.timestamp,
            expires=ticket.expires, digest=digest_of(sealed), sealed=sealed, instantiation=ticket.instantiation,
            source=source, feed=feed or (held.feed if held else ""), rcap=held.rcap if held else handle, handle=handle,
            asked=record, told=bound, since=held.since if held else now, renewed=now,
        )  # fmt: skip
        deed = "renewed" if held else "created"
        self.ledger.redeemed(number, wish, deed, "; ".join(notes))
        TICKETS.labels(source, deed).inc()
        self.changed(wish.slice, wish.keys)
        failpoint("redeem.answered")
        return wish

    async def _instantiate(self, number: int, bound: Mapping[str, Any], held: Wish | None) -> str:
        try:
            return await self.manager.instantiate(bound)
        except NotAdmitted as refusal:
            if refusal.reason.word == "node-refused":  # silence may hide that it was done; the journal keeps that
                await self._take_back(number, bound, held)
            raise

    async def _take_back(self, number: int, bound: Mapping[str, Any], held: Wish | None) -> None:
        """Leave the node manager as it was before what it refused, since it may have kept a part of it."""
        try:
            await (self.undo(bound["authority"], bound["name"]) if held is None else self.tell(held))
        except NotAdmitted as refusal:
            log.warn("{slice} is not taken back yet: {text}", slice=bound["name"], text=str(refusal))
        else:
            self.ledger.abandoned(number)

    async def tell(self, wish: Wish) -> None:
        """Have the node manager go by what it was told of this wish, once more."""
        await self.manager.instantiate(wish.told)

    def standing(self, ticket: Ticket) -> Standing:
        """What the ledger knows that bears on this ticket."""
        named = self.ledger.named(ticket.slice)
        held = self.ledger.wish(ticket.issuer, ticket.slice)
        return Standing(
            held=held,
            other=named if held is None else None,
            gone=self.ledger.gone(ticket.issuer, ticket.slice),
            totals=self._totals_without(held, (ticket.issuer, ticket.slice)),
        )

    def _totals_without(self, held: Wish | None, key: tuple[Hrn, SliceName]) -> dict[Hrn, Amounts]:
        """What each authority has or is about to have here, but for one slice."""
        totals = self.ledger.totals()
        if held is not None:
            totals[held.authority] = added(totals[held.authority], amounts_of(held.told), -1)
        for other, amounts in self._coming.items():
            if other != key and self.ledger.wish(*other) is None:
                totals[other[0]] = added(totals.get(other[0], {}), amounts)
        return totals

    async def delete(self, rcap: str, why: str, deed: str = "deleted", barred: float = 0.0) -> None:
        """End the sliver that this rcap holds. One that was deleted lately is deleted. Raises `NotAdmitted`.

        Tickets issued up to its own time of issue stay out from then on, or up to ``barred`` where that is later.
        """
        wish = self.ledger.held_by(rcap)
        if wish is None:
            if self.ledger.gone_rcap(rcap) is None:
                raise NotAdmitted("unknown-rcap", "no sliver here is held by this rcap, nor was one lately")
            return
        await self.release(wish, why, deed, barred)

    async def release(self, wish: Wish, why: str, deed: str = "deleted", barred: float = 0.0) -> None:
        """End this wish's sliver and remember it, so that its tickets do not bring it back."""
        try:
            async with self.alone(wish.slice):
                now = self.time.wall()
                current = self.ledger.wish(wish.authority, wish.slice)
                if current is None or current.rcap != wish.rcap:
                    return
                intent = Intent(
                    number=0, verb="release", authority=wish.authority, slice=wish.slice, sealed=current.sealed,
                    source=current.source, feed=current.feed, rcap=current.handle, why=why, at=now,
                )  # fmt: skip
                number = self.ledger.begin(intent)
                failpoint("delete.journalled")
                await self.manager.release(current.handle)
                failpoint("delete.released")
                self.ledger.released(number, current, gone_of(current, now, why, barred), deed)
                self.changed(current.slice, None)
                failpoint("delete.recorded")
        except DatabaseError as error:
            raise NotAdmitted("disk", f"{error}; ask again when there is room") from error

    async def state(self, rcap: str) -> dict[str, str]:
        """Whether the sliver that this rcap holds runs, and if not, why and who can change that."""
        wish = self.ledger.held_by(rcap)
        if wish is None:
            raise NotAdmitted("unknown-rcap", "no sliver here is held by this rcap")
        told_state = await self.manager.call("GetState", str(wish.slice))
        why = why_still(wish.asked, self.rules.policy, self.time.wall(), self.rules.cut.get(wish.digest, ""))
        return {"slice": str(wish.slice), "state": str(told_state["state"]), "why": why or str(told_state["why"])}

    async def undo(self, authority: str, name: str) -> None:
        """Take back what the node manager may have made of a redemption that came to nothing."""
        for sliver in await self.manager.slivers():
            if (sliver.authority, sliver.name) == (authority, name):
                await self.manager.release(sliver.rcap)

    def _note_refusal(self, refusal: NotAdmitted, ticket: Ticket | None, sealed: bytes, source: str) -> None:
        TICKETS.labels(source, refusal.reason.word).inc()
        if self._notes.wait("", self.time.elapsed()):
            return  # a flood of rubbish is counted, not kept
        issuer, name = (str(ticket.issuer), str(ticket.slice)) if ticket else ("", "")
        receipt = Receipt(
            at=self.time.wall(), authority=issuer, slice=name, source=source, deed="refused",
            reason=refusal.code, text=str(refusal), digest=digest_of(sealed),
        )  # fmt: skip
        try:
            self.ledger.note(receipt)
        except DatabaseError as error:
            log.warn("a refusal has no receipt: {text}", text=str(error))

    @asynccontextmanager
    async def alone(self, name: SliceName) -> AsyncIterator[None]:
        """Wait until nobody else works on this slice."""
        lock, waiting = self._locks.get(name, (DeferredLock(), 0))
        self._locks[name] = (lock, waiting + 1)
        await lock.acquire()
        try:
            yield
        finally:
            lock.release()
            lock, waiting = self._locks.pop(name)
            if waiting > 1:
                self._locks[name] = (lock, waiting - 1)
