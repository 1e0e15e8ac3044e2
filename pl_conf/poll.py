"""Asking each trusted authority, again and again, for this node's tickets.

A poll that finds nothing new costs a few bytes. One that fails leaves the last wish in force, counts, and comes back
later each time, up to four periods; one that is answered by nonsense is a failure. When the authority refuses the
session, a new one is fetched and the call repeated once. The first poll after a start asks for everything, so a node
that lost its ledger is whole after it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from pl_conf.entries import Watermark, gone_by_word
from pl_conf.feed import Answer, Guards, read_answer, said_deleted, silence
from pl_conf.policy import Root
from pl_conf.redeem import TRANSIENT, Redeemer
from pl_conf.refusals import NotAdmitted
from planetlab.errors import DatabaseError, PlanetLabError, Refused
from planetlab.names import SliceName
from planetlab.tickets import Ticket

log = Logger()

EVERYTHING = -1  # the stamp that no answer has
UNREADABLE = (
    "malformed",
    "forged",
    "unsigned",
    "wrapped",
    "too-large",
    "chain-broken",
    "unknown-issuer",
    "legacy-algorithm",
)
SLOWEST = 4  # periods between two tries of an authority that does not answer

Fetch = Callable[[int], Awaitable[Any]]
"""Asks an authority for what is newer than a stamp, and gives its answer as it came."""


class Session:
    """Calls an authority as this node: by a session, fetched anew when it is refused."""

    def __init__(self, begin: Callable[[], Awaitable[str]], ask: Callable[[str, int], Awaitable[Any]]) -> None:
        """``begin`` gets a session by the node's key; ``ask`` calls GetNodeTickets with a session and a stamp."""
        self._begin = begin
        self._ask = ask
        self._session = ""

    async def fetch(self, since: int) -> Any:
        """One answer, by the session at hand or by a new one."""
        if self._session:
            try:
                return await self._ask(self._session, since)
            except Refused as refused:
                if refused.fault_code != NOT_AUTHENTICATED:
                    raise
        self._session = await self._begin()
        return await self._ask(self._session, since)


NOT_AUTHENTICATED = 103


@define
class Poll:
    """The polls of one root. ``failures`` counts those in a row that came to nothing."""

    root: Root
    fetch: Fetch
    redeemer: Redeemer
    guards: Guards
    most_bytes: int
    failures: int = field(default=0, init=False)
    answers: int = field(default=0, init=False)
    alarm: str = field(default="", init=False)
    last_error: str = field(default="", init=False)
    _stamp: int = field(default=EVERYTHING, init=False)
    _listed: set[SliceName] = field(factory=set, init=False)

    async def once(self) -> bool:
        """Ask once and do what follows. Raises nothing; False when it came to nothing."""
        try:
            answer = read_answer(await self.fetch(self._stamp), self.most_bytes)
            await self._take(answer)
        except (PlanetLabError, OSError) as error:
            self.failures, self.last_error = self.failures + 1, str(error)
            log.warn(
                "poll of {root} failed ({n} in a row): {text}", root=self.root.hrn, n=self.failures, text=str(error)
            )
            return False
        self.failures, self.answers, self.last_error = 0, self.answers + 1, ""
        return True

    def delay(self, period: float, jitter: float, chance: float) -> float:
        """Seconds until the next poll; ``chance`` is from 0 to 1."""
        return period * float(min(2**self.failures, SLOWEST)) + jitter * chance

    async def _take(self, answer: Answer) -> None:
        time, ledger = self.redeemer.time, self.redeemer.ledger
        if answer.now:
            time.confirm(answer.now)
            await self._bear_witness(answer.now)
        mark = ledger.watermark(self.root.name)
        went_back = answer.stamp < mark.stamp
        complete = readable = True
        if not answer.unchanged:
            self._listed, complete, readable = await self._redeem_all(answer)
        ended = await self._end_named(answer)
        if went_back:
            self._raise_alarm(
                f"{self.root.hrn} answers with stamp {answer.stamp}, after {mark.stamp}; nothing is ended by it"
            )
        elif readable and (not answer.unchanged or self._stamp != EVERYTHING):
            ended = await self._hear_silence() and ended
        self._stamp = answer.stamp if complete and ended else EVERYTHING
        ledger.heard(Watermark(authority=self.root.name, stamp=max(mark.stamp, answer.stamp), answered=time.wall()))

    async def _bear_witness(self, said: float) -> None:
        """Pass the authority's time on to the node manager, which has doubts of its own; it may be silent now."""
        try:
            await self.redeemer.manager.call("Witness", said)
        except NotAdmitted as refusal:
            log.debug("the node manager did not hear the time: {text}", text=str(refusal))

    async def _redeem_all(self, answer: Answer) -> tuple[set[SliceName], bool, bool]:
        """Take every ticket; gives the slices listed, whether none is to be asked for again, whether all were read."""
        here = {wish.digest: wish for wish in self.redeemer.ledger.wishes()}
        listed: set[SliceName] = set()
        complete = readable = True
        for sealed in answer.tickets:
            if (wish := here.get(self.redeemer.digest(sealed))) is not None:
                self.redeemer.ledger.listed(wish, self.root.name)
                listed.add(wish.slice)
                continue
            try:
                ticket = self.redeemer.believe(sealed, "poll")
                listed.add(ticket.slice)
                await self._redeem(ticket, sealed)
            except NotAdmitted as refusal:
                log.warn("ticket of {root} not taken: {text}", root=self.root.hrn, text=str(refusal))
                complete = complete and refusal.reason.word not in TRANSIENT
                readable = readable and refusal.reason.word not in UNREADABLE
        return listed, complete, readable

    async def _redeem(self, ticket: Ticket, sealed: bytes) -> None:
        if not self.root.name.governs(ticket.issuer):
            raise NotAdmitted("wrong-subtree", f"{self.root.hrn} listed a ticket that {ticket.issuer} issued")
        held = self.redeemer.ledger.wish(ticket.issuer, ticket.slice)
        if held is None and ticket.instantiation == "delegated":
            return  # its creator brings it; listing it only says that it may be here
        wish = await self.redeemer.redeem_believed(ticket, sealed, "poll", str(self.root.name))
        self.redeemer.ledger.listed(wish, self.root.name)

    async def _end_named(self, answer: Answer) -> bool:
        """End what the authority itself says is deleted; False when something could not be ended yet."""
        ledger, time = self.redeemer.ledger, self.redeemer.time
        told = answer.now or ledger.watermark(self.root.name).issued  # by its own clock, either way
        why = f"{self.root.hrn} says that it was deleted"
        named = [
            wish for wish in said_deleted(answer, self.root.name, ledger.wishes()) if wish.slice not in self._listed
        ]
        done = [await self._end(wish.rcap, why, told) for wish in named]
        for name in set(answer.deleted) - self._listed:
            if ledger.wish(self.root.name, name) is None and ledger.gone(self.root.name, name) is None:
                ledger.bar(gone_by_word(self.root.name, name, told, time.wall(), why))
        return all(done)

    async def _hear_silence(self) -> bool:
        heard = silence(self._listed, self.root.name, self.redeemer.ledger.wishes(), self.guards)
        self._raise_alarm(heard.alarm)
        if heard.absent:
            self.redeemer.ledger.set_absent(heard.absent)
        why = f"{self.root.hrn} lists it no more"
        return all([await self._end(wish.rcap, why, 0.0) for wish in heard.release])

    async def _end(self, rcap: str, why: str, told: float) -> bool:
        try:
            await self.redeemer.delete(rcap, why, barred=told)
        except (NotAdmitted, DatabaseError) as error:
            log.warn("not ended yet: {text}", text=str(error))
            return False
        return True

    def _raise_alarm(self, text: str) -> None:
        if text and text != self.alarm:
            log.error("deletion guard: {text}", text=text)
        self.alarm = text
