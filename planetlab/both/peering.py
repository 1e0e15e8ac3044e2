"""Taking over another PLC's objects: ask it, signed; plan beside the calls; carry the plan out in one transaction.

A peer that is away, slow or wrong changes nothing here. The plan is made as a reader; writers wait only while what
differs is written, readers never. What a crash leaves is the state before or the state after; a large peer is written
in pieces the first time, and nobody sees it before the last.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from prometheus_client import Counter, Gauge
from twisted.internet.defer import DeferredSemaphore
from twisted.logger import Logger

from planetlab import copy_plan
from planetlab.both import arrival, introducing
from planetlab.both.allowance import Spending
from planetlab.both.arrival import Arrival
from planetlab.both.asking import Asking, Told
from planetlab.both.desk import Desk
from planetlab.both.hearing import ALARMING, Hearing
from planetlab.both.phases import Stopwatch
from planetlab.copies import Here, Plan
from planetlab.errors import (
    BadSettings,
    DatabaseError,
    NotFound,
    PeerError,
    PlanetLabError,
    Unavailable,
)
from planetlab.failpoints import failpoint
from planetlab.filters import Compare
from planetlab.following import Known
from planetlab.launch import Running
from planetlab.records.peers import PEER
from planetlab.refusals import BadPaper
from planetlab.registry import arriving, peer_papers
from planetlab.registry import copies as registry_copies
from planetlab.registry.peer_papers import Paper
from planetlab.registry.store import Row, Store

log = Logger()
_HEARD = Gauge("plfed_peer_heard", "When a peer last answered as it must, seconds since the epoch.", ["peer"])
_REFRESHES = Counter("plfed_peer_refreshes", "Refreshes of peers, by how they ended.", ["peer", "outcome"])

TRIES = 3  # times that a plan is made anew because the registry changed under it


@define
class Peering:
    """What an authority needs to ask its peers. ``desk`` is set when there is one; ``registry`` is its file.

    ``federation`` is what the authority says of itself, if it does. ``secret_file`` is where the key comes from, which
    may be replaced while this runs. ``spending`` is what each peer has cost lately, and what it may.
    """

    name: str
    secret: bytes | None = field(repr=False)
    registry: str
    reactor: Any
    desk: Desk | None = None
    federation: Any = None
    spending: Spending = field(factory=Spending)
    secret_file: Path | None = None
    _turn: DeferredSemaphore = field(factory=lambda: DeferredSemaphore(1), init=False)

    async def refresh(self, peer: Row) -> dict[str, float]:
        """Take over what the peer says of itself and of its objects; the seconds that each phase took.

        Raises `PlanetLabError` when the peer is refreshed already, is suspended, or did not answer as it must.
        """
        desk = self.at_work()
        with self._alone(peer):
            watch, heard = Stopwatch(), None
            await arrival.clear(desk, peer["peer_id"])
            try:
                heard = await self._listen(desk, peer)
                told = await self._tells(peer, heard, watch)
                _HEARD.labels(peer["peername"]).set(await desk.look(lambda store: store.now))
                if told is None:
                    await desk.job(lambda store: _learn(store, peer, heard))
                else:
                    failpoint("refresh.answered")
                    await self._in_turn(desk, peer, heard, told, watch)
            except (PeerError, BadPaper) as error:
                _REFRESHES.labels(peer["peername"], "failed").inc()
                await self._failed(desk, peer, heard, error)
                raise PlanetLabError(f"peer {peer['peername']} was not refreshed: {error}") from error
            _REFRESHES.labels(peer["peername"], "answered").inc()
            return watch.told()

    async def _in_turn(self, desk: Desk, peer: Row, heard: "Heard | None", told: "Told", watch: "Stopwatch") -> None:
        """Take over one peer after the other: who writes shares the processor with nobody who plans to."""
        await self._turn.acquire()
        try:
            for left in reversed(range(TRIES)):
                try:
                    await self._take_over(desk, peer, heard, told, watch)
                    return
                except DatabaseError:
                    if not left:
                        raise
                    log.info("the registry changed while {peer} was looked at; once more", peer=peer["peername"])
                finally:
                    await arrival.clear(desk, peer["peer_id"])
        finally:
            self._turn.release()

    async def differences(self, peer: Row) -> dict[str, Any]:
        """What a refresh would change now, by noun: a dry run, nothing is written."""
        desk = self.at_work()
        try:
            heard = await self._listen(desk, peer)
            told = await self._tells(peer, heard, Stopwatch(), anew=True)
        except (PeerError, BadPaper) as error:
            raise PlanetLabError(f"peer {peer['peername']} cannot be compared: {error}") from error
        if told is None:
            raise PlanetLabError(f"peer {peer['peername']} shows no objects")
        number, root, answer = peer["peer_id"], peer["hrn_root"] or "", told.answer

        def look(store: Store) -> dict[str, Any]:
            here = registry_copies.here(store, number, root, answer)
            return copy_plan.plan(answer, here, store.now).summary(here)

        found: dict[str, Any] = await desk.look(look)
        return found

    def at_work(self) -> Desk:
        """The desk. Raises `Unavailable` where there is none."""
        if self.desk is None:
            raise Unavailable("this authority asks no peers")
        return self.desk

    async def _listen(self, desk: Desk, peer: Row) -> "Heard | None":
        """What the peer says of itself now; None for one that is known by the PLC API only."""
        paper, now = await desk.look(lambda store: (peer_papers.of(store, peer["peer_id"]), store.now))
        return None if paper is None else Heard(paper, await Hearing(self.reactor).statement(paper, now), now)

    async def _tells(self, peer: Row, heard: "Heard | None", watch: "Stopwatch", anew: bool = False) -> "Told | None":
        """What the peer tells of its objects; None when that is what was taken over before."""
        said, stamp = None, ""
        if heard is not None:
            said, stamp = heard.known.statement, "" if anew else heard.paper.stamp
            peer = {**peer, **heard.changes(peer)}
            if heard.paper.state == peer_papers.SUSPENDED:
                raise PeerError("it is suspended; resume it first")
            if heard.known.is_frozen(heard.now):
                raise PeerError("its statement is over and it shows no newer one; what was taken over stays")
        ask = Asking(self.name, self.secret, self.reactor, self.secret_file, self.spending.allowance)
        told = await ask.told(peer, said, stamp, 0.0 if heard is None else heard.now)
        watch.lap("transport")
        if told is not None:
            watch.seconds["peer_db"] = told.answer.seconds
            self.spending.take_objects(told.answer.rows)
        return told

    async def _failed(self, desk: Desk, peer: Row, heard: "Heard | None", error: PlanetLabError) -> None:
        """Write down what was wrong; what is alarming is said once, and stands until a person resumes the peer."""
        number, text = peer["peer_id"], str(error)
        alarm = text if isinstance(error, BadPaper) and error.reason in ALARMING else ""

        def note(store: Store) -> bool:
            _learn(store, peer, heard)
            return peer_papers.failed(store, number, text, alarm)

        if await desk.job(note):
            log.error("{peer}: {text}; what it said before stays in force", peer=peer["peername"], text=text)

    async def _take_over(self, desk: Desk, peer: Row, heard: "Heard | None", told: "Told", watch: "Stopwatch") -> None:
        number, root, answer = peer["peer_id"], peer["hrn_root"] or "", told.answer

        def look(store: Store) -> tuple[Here, Plan, float]:
            here = registry_copies.here(store, number, root, answer)
            return here, copy_plan.plan(answer, here, store.now), store.now

        here, plan, now = await desk.look(look)
        self.spending.change(number, plan.size, now)
        watch.lap("local_nodes")
        failpoint("refresh.planned")
        _tell(peer, plan)
        numbers = {name: {theirs: copy.number for theirs, copy in held.items()} for name, held in here.held.items()}
        comes = Arrival(desk, number, numbers, lambda store: _must_count(store, peer), watch.lap_of, self.reactor)
        unseen = arrival.is_needed(plan, here)
        if unseen:
            await comes.write(plan)

        def do(store: Store) -> None:
            comes.still(store)
            _learn(store, peer, heard)
            if unseen:
                arriving.end(store, number)
            else:
                registry_copies.carry_out(store, number, plan, numbers, comes.lap)
            registry_copies.taken_over(store, number, plan.doubted)
            if told.tickets is not None:
                peer_papers.keep_tickets(store, number, told.tickets)
            peer_papers.taken_over(store, number, "" if plan.doubted else told.stamp)
            failpoint("refresh.before-commit")

        await desk.job_of_both(do)
        failpoint("refresh.after-commit")

    @contextmanager
    def _alone(self, peer: Row) -> Iterator[None]:
        """One refresh of a peer at a time, in all processes that share the registry; a claim ends with its process."""
        claim = os.open(f"{self.registry}.peer-{peer['peer_id']}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise PlanetLabError(f"peer {peer['peername']} is being refreshed already; wait for that to end") from None
        finally:
            os.close(claim)


@frozen
class Heard:
    """What a peer says of itself, after what was kept of it; ``now`` is when it was asked."""

    paper: Paper
    known: Known
    now: float

    def changes(self, peer: Row) -> Row:
        """The fields of the peer that are others now: where it is, and whom it is known by."""
        wanted = introducing.fields(self.known.statement)
        wanted.pop("peername")  # how it is called here stays
        return {name: value for name, value in wanted.items() if value and peer.get(name) != value}


def _learn(store: Store, peer: Row, heard: Heard | None) -> None:
    """Write down that a peer was heard, and what it says of itself; one that was removed meanwhile stays away."""
    if heard is not None and peer_papers.of(store, heard.paper.peer_id) is not None:
        peer_papers.heard(store, heard.paper.peer_id, heard.known.sealed)
        store.update(PEER, heard.paper.peer_id, heard.changes(peer))


def _must_count(store: Store, peer: Row) -> None:
    if store.row(PEER, Compare("peer_id", "=", peer["peer_id"]), ("peer_id",)) is None:
        raise NotFound(f"peer {peer['peername']} was deleted meanwhile")
    paper = peer_papers.of(store, peer["peer_id"])
    if paper is not None and paper.state == peer_papers.SUSPENDED:
        raise PlanetLabError(f"peer {peer['peername']} was suspended meanwhile")


def of(running: Running[Any]) -> Peering:
    """The peering of a running authority. Raises `BadSettings` for a key that cannot be read."""
    stated: Any = running.settings
    try:
        secret = stated.pgp_secret.read_bytes() if stated.pgp_secret else None
    except OSError as error:
        raise BadSettings(f"{running.config}: pgp_secret: {stated.pgp_secret}: {error.strerror}") from error
    where = str(stated.registry)
    return Peering(
        stated.name, secret, where, running.reactor, spending=stated.spending(), secret_file=stated.pgp_secret
    )


def _tell(peer: Row, plan: Plan) -> None:
    for noun, number, why in plan.skipped[:100]:
        log.warn("{peer}: {noun} {number} is skipped: {why}", peer=peer["peername"], noun=noun, number=number, why=why)
    if len(plan.skipped) > 100:
        log.warn("{peer}: {count} more are skipped", peer=peer["peername"], count=len(plan.skipped) - 100)
    if plan.doubted:
        log.error(
            "{peer} would take away {count} of its objects, more than half; they are kept until it says so again",
            peer=peer["peername"],
            count=plan.doubted,
        )
