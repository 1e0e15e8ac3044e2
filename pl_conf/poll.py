"""Asking each trusted authority, again and again, for this node's tickets.

A poll that finds nothing new costs a few bytes. One that fails leaves the last wish in force, counts, and comes back
later each time, up to four periods; one that is answered by nonsense is a failure. When the authority refuses the
session, a new one is fetched and the call repeated once.

An answer says what has changed since a stamp; one to the stamp 0 is whole. The first poll after a start asks for the
whole, so a node that lost its ledger is itself again after it; so does every so many polls, in case a change was lost,
and the poll after one that left something out or could not be finished.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from pl_conf.entries import Watermark, gone_by_word
from pl_conf.feed import Answer, Guards, read_answer, said_deleted, silence
from pl_conf.figures import GUARD, POLLS
from pl_conf.policy import Root
from pl_conf.redeem import TRANSIENT, Redeemer
from pl_conf.refusals import NotAdmitted
from planetlab.ask import each
from planetlab.errors import DatabaseError, PeerError, PlanetLabError, Refused
from planetlab.names import SliceName
from planetlab.tickets import Ticket

log = Logger()

EVERYTHING = 0  # the stamp to which an answer is whole
WHOLE_EVERY = 144  # polls, a day in production
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
AT_ONCE = 8  # tickets of one answer that are redeemed at the same time
FAILING = 3  # times in a row that are no accident
CROWDED = ("too-many", "over-share")
SLOWEST = 4  # periods between two tries of an authority that does not answer


class Source(Protocol):
    """An authority, as a poll asks it. ``lost`` counts the calls that found this node's session gone."""

    lost: int

    async def fetch(self, since: int) -> Any:
        """What GetNodeTickets answers to a stamp, as it came. Raises `PeerError`."""

    async def alive(self, names: list[str]) -> set[str]:
        """Which of these slices it still has. Raises `PeerError`."""

    async def time(self) -> float:
        """What time it is by its clock, seconds since the epoch. Raises `PeerError`."""


class Session:
    """Calls an authority as this node: by a session, fetched anew when it is refused."""

    def __init__(self, begin: Callable[[], Awaitable[str]], ask: Callable[..., Awaitable[Any]]) -> None:
        """``begin`` gets a session by the node's key; ``ask`` calls by a session, a method's name and arguments."""
        self._begin = begin
        self._ask = ask
        self._session = ""
        self._one = DeferredLock()  # two that begin a session each would end the other's
        self.lost = 0  # calls that found the session gone

    async def call(self, name: str, *args: Any) -> Any:
        """One answer, by the session at hand or by a new one; calls follow each other."""
        await self._one.acquire()
        try:
            return await self._call(name, *args)
        finally:
            self._one.release()

    async def _call(self, name: str, *args: Any) -> Any:
        if self._session:
            try:
                answer = await self._ask(self._session, name, *args)
            except Refused as refused:
                if refused.fault_code != NOT_AUTHENTICATED:
                    raise
                self.lost += 1
            else:
                return answer
        self._session = await self._begin()
        return await self._ask(self._session, name, *args)

    async def fetch(self, since: int) -> Any:
        return await self.call("GetNodeTickets", since)

    async def alive(self, names: list[str]) -> set[str]:
        rows = await self.call("GetSlices", names, ["name"])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise PeerError("its answer to GetSlices is not one: expected an array of structs")
        return {str(row.get("name")) for row in rows}

    async def time(self) -> float:
        answer = await self.call("GetSlivers")  # the one call for nodes that says the time
        said = answer.get("timestamp") if isinstance(answer, dict) else None
        if not isinstance(said, int | float) or isinstance(said, bool):
            raise PeerError("its answer to GetSlivers is not one: expected a struct with a timestamp")
        return float(said)


NOT_AUTHENTICATED = 103


@define
class Poll:
    """The polls of one root. ``failures`` counts those in a row that came to nothing."""

    root: Root
    source: Source
    redeemer: Redeemer
    guards: Guards
    most_bytes: int
    failures: int = field(default=0, init=False)
    answers: int = field(default=0, init=False)
    alarm: str = field(default="", init=False)
    last_error: str = field(default="", init=False)
    is_crowded: bool = field(default=False, init=False)  # whether a ticket waits for room that the owner may make
    _lost: int = field(default=0, init=False)  # what the source counted at the last poll
    _lost_polls: int = field(default=0, init=False)  # polls in a row before each of which the session was lost
    _stamp: int = field(default=EVERYTHING, init=False)
    _listed: set[SliceName] = field(factory=set, init=False)
    _since_whole: int = field(default=0, init=False)

    async def once(self) -> bool:
        """Ask once and do what follows. Raises nothing; False when it came to nothing."""
        try:
            answer = read_answer(await self.source.fetch(self._stamp), self.most_bytes)
            await self._take(answer)
            if self.redeemer.time.in_doubt:
                await self._hear_time(await self.source.time())
        except (PlanetLabError, OSError) as error:
            self.failures, self.last_error = self.failures + 1, str(error)
            POLLS.labels(self.root.hrn, "failed").inc()
            log.warn(
                "poll of {root} failed ({n} in a row): {text}", root=self.root.hrn, n=self.failures, text=str(error)
            )
            return False
        self.failures, self.answers, self.last_error = 0, self.answers + 1, ""
        self._lost_polls = self._lost_polls + 1 if self.source.lost > self._lost else 0
        self._lost = self.source.lost
        POLLS.labels(self.root.hrn, "answered").inc()
        return True

    def again(self) -> None:
        """Ask for the whole next time: what was refused may be admitted now."""
        self._stamp = EVERYTHING

    @property
    def is_cloned(self) -> bool:
        """Whether somebody else seems to be this node: again and again its session is gone before the next poll."""
        return self._lost_polls >= FAILING

    @property
    def trouble(self) -> str:
        """What an operator should look at; empty when all is well."""
        if self.failures >= FAILING:
            return f"the poll of {self.root.hrn} fails: {self.last_error}"
        if self.is_cloned:
            return f"somebody else begins sessions at {self.root.hrn} as this node: is it cloned?"
        return self.alarm and f"deletion guard: {self.alarm}"

    def delay(self, period: float, jitter: float, chance: float) -> float:
        """Seconds until the next poll; ``chance`` is from 0 to 1."""
        return period * float(min(2**self.failures, SLOWEST)) + jitter * chance

    async def _take(self, answer: Answer) -> None:
        time, ledger, whole = self.redeemer.time, self.redeemer.ledger, self._stamp == EVERYTHING
        if answer.now:
            await self._hear_time(answer.now)
        mark = ledger.watermark(self.root.name)
        settled = True
        if not answer.unchanged:
            listed, settled, readable = await self._redeem_all(answer)
            self._listed = listed if whole else (self._listed - set(answer.deleted)) | listed
            settled = await self._end_named(answer) and settled
            if answer.stamp < mark.stamp:
                went = f"{self.root.hrn} answers with stamp {answer.stamp}, after {mark.stamp}"
                self._raise_alarm(f"{went}; nothing is ended by what it leaves out")
            elif whole and readable:
                settled = await self._hear_silence() and settled
        self._since_whole = 1 if whole else self._since_whole + 1
        self._stamp = answer.stamp if settled and self._since_whole < WHOLE_EVERY else EVERYTHING
        ledger.heard(Watermark(authority=self.root.name, stamp=max(mark.stamp, answer.stamp), answered=time.wall()))

    async def _hear_time(self, said: float) -> None:
        """Take the authority's time as a witness, and pass it on to the node manager, which has doubts of its own."""
        self.redeemer.time.confirm(said)
        try:
            await self.redeemer.manager.call("Witness", said)
        except NotAdmitted as refusal:
            log.debug("the node manager did not hear the time: {text}", text=str(refusal))

    async def _redeem_all(self, answer: Answer) -> tuple[set[SliceName], bool, bool]:
        """Take every ticket; gives the slices listed, whether none has to come again, whether all were read."""
        here = {wish.digest: wish for wish in self.redeemer.ledger.wishes()}
        known = [here[digest] for sealed in answer.tickets if (digest := self.redeemer.digest(sealed)) in here]
        for wish in known:
            self.redeemer.ledger.listed(wish, self.root.name)
        listed = {wish.slice for wish in known}
        refused: set[str] = set()

        async def one(sealed: bytes) -> None:
            try:
                self.redeemer.rules.testify(sealed)
                ticket = self.redeemer.believe(sealed, "poll")
                listed.add(ticket.slice)
                await self._redeem(ticket, sealed)
            except NotAdmitted as refusal:
                log.warn("ticket of {root} not taken: {text}", root=self.root.hrn, text=str(refusal))
                refused.add(refusal.reason.word)

        new = [sealed for sealed in answer.tickets if self.redeemer.digest(sealed) not in here]
        outcomes = await each(new, one, at_once=AT_ONCE)
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        self.is_crowded = not refused.isdisjoint(CROWDED)
        return listed, refused.isdisjoint(TRANSIENT), refused.isdisjoint(UNREADABLE)

    async def _redeem(self, ticket: Ticket, sealed: bytes) -> None:
        if not self.root.name.governs(ticket.issuer):
            raise NotAdmitted("wrong-subtree", f"{self.root.hrn} listed a ticket that {ticket.issuer} issued")
        held = self.redeemer.ledger.wish(ticket.issuer, ticket.slice)
        if held is None and ticket.instantiation == "delegated":
            return  # its creator brings it; listing it only says that it may be here
        wish = await self.redeemer.redeem_believed(ticket, sealed, "poll", str(self.root.name))
        self.redeemer.ledger.listed(wish, self.root.name)

    async def _end_named(self, answer: Answer) -> bool:
        """End what the authority says has left this node; False when something could not be ended yet.

        A delegated slice leaves its list by being delegated; its sliver goes only when the authority has the slice no
        more. Nor are tickets of a slice barred that it still has.
        """
        ledger, root = self.redeemer.ledger, self.root.name
        names = set(answer.deleted) - self._listed
        wishes = [wish for wish in said_deleted(answer, root, ledger.wishes()) if wish.slice in names]
        unknown = names - {wish.slice for wish in wishes if not wish.delegated}
        unknown = {name for name in unknown if ledger.gone(root, name) is None or ledger.wish(root, name)}
        alive = await self.source.alive(sorted(map(str, unknown))) if unknown else set()
        told = answer.now or ledger.watermark(root).issued  # by its own clock, either way
        why = f"{self.root.hrn} says that it was deleted"
        ending = [wish for wish in wishes if not wish.delegated or str(wish.slice) not in alive]
        done = [await self._end(wish.rcap, why, told) for wish in ending]
        dead = [name for name in unknown if str(name) not in alive and ledger.wish(root, name) is None]
        ledger.bar([gone_by_word(root, name, told, self.redeemer.time.wall(), why) for name in sorted(dead)])
        return all(done)

    async def _hear_silence(self) -> bool:
        """Count what a whole answer left out, and end what was left out often enough; False asks for another whole."""
        heard = silence(self._listed, self.root.name, self.redeemer.ledger.wishes(), self.guards)
        self._raise_alarm(heard.alarm)
        if heard.absent:
            self.redeemer.ledger.set_absent(heard.absent)
        why = f"{self.root.hrn} lists it no more"
        done = [await self._end(wish.rcap, why, 0.0) for wish in heard.release]
        return all(done) and len(done) == len(heard.absent)

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
        GUARD.labels(self.root.hrn).set(bool(text))
