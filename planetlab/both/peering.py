"""Taking over another PLC's objects: ask it, signed; plan beside the calls; carry the plan out in one transaction.

A peer that is away, slow or wrong changes nothing here. The plan is made as a reader; writers wait only while what
differs is written, readers never. What a crash leaves is the state before or the state after.
"""

import fcntl
import os
import time
import xmlrpc.client as xmlrpclib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.logger import Logger

from planetlab import call_signing, copies, copy_plan, xmlrpc
from planetlab.ask import Ask
from planetlab.both.desk import Desk
from planetlab.copies import Answer, Here, Plan
from planetlab.errors import (
    BadArgument,
    BadSettings,
    DatabaseError,
    NotFound,
    PeerError,
    PlanetLabError,
    Refused,
    Unavailable,
)
from planetlab.failpoints import failpoint
from planetlab.filters import Compare
from planetlab.launch import Running
from planetlab.records.peers import PEER
from planetlab.registry import copies as registry_copies
from planetlab.registry.store import Row, Store

log = Logger()

TIMEOUT = 300.0  # seconds, for a peer's whole answer
MOST_ANSWER = 64 * 1024 * 1024  # octets, some ten thousand objects of each kind
TRIES = 3  # times that a plan is made anew because the registry changed under it
PHASES = ("site", "keys", "persons", "nodes", "local_nodes", "slices", "sites-persons", "persons-roles")
_NAMES = {"Site": "site", "Key": "keys", "Person": "persons", "Node": "nodes", "Slice": "slices"}


@frozen
class Signature:
    """An installation as the caller of one method of another: its name, and the call signed with its key."""

    name: str
    secret: bytes = field(repr=False)
    method: str

    def struct(self, args: tuple[Any, ...]) -> dict[str, Any]:
        """The auth struct of a call of that method."""
        signature = call_signing.sign(self.secret, self.method, args)
        return {"AuthMethod": "gpg", "name": self.name, "signature": signature}


@define
class Peering:
    """What an authority needs to ask its peers. ``desk`` is set when there is one; ``registry`` is its file."""

    name: str
    secret: bytes | None = field(repr=False)
    registry: str
    reactor: Any
    desk: Desk | None = None

    async def refresh(self, peer: Row) -> dict[str, float]:
        """Take over what the peer says of its objects; the seconds that each phase took.

        Raises `PlanetLabError` when the peer is refreshed already, or did not answer as it must.
        """
        if self.desk is None:
            raise Unavailable("this authority asks no peers")
        with self._alone(peer):
            watch = Stopwatch()
            try:
                answer = await self._told(peer)
            except PeerError as error:
                raise PlanetLabError(f"peer {peer['peername']} was not refreshed: {error}") from error
            watch.lap("transport")
            watch.seconds["peer_db"] = answer.seconds
            failpoint("refresh.answered")
            for left in reversed(range(TRIES)):
                try:
                    return await self._take_over(self.desk, peer, answer, watch)
                except DatabaseError:
                    if not left:
                        raise
                    log.info("the registry changed while {peer} was looked at; once more", peer=peer["peername"])
        raise AssertionError("unreachable")

    async def _take_over(self, desk: Desk, peer: Row, answer: Answer, watch: "Stopwatch") -> dict[str, float]:
        number, root = peer["peer_id"], peer["hrn_root"] or ""

        def look(store: Store) -> tuple[Here, Plan]:
            here = registry_copies.here(store, number, root)
            return here, copy_plan.plan(answer, here, store.now)

        here, plan = await desk.look(look)
        watch.lap("local_nodes")
        failpoint("refresh.planned")
        _tell(peer, plan)

        def do(store: Store) -> None:
            if store.row(PEER, Compare("peer_id", "=", number), ("peer_id",)) is None:
                raise NotFound(f"peer {peer['peername']} was deleted meanwhile")
            numbers = {name: {theirs: copy.number for theirs, copy in held.items()} for name, held in here.held.items()}
            registry_copies.carry_out(store, number, plan, numbers, lambda phase: watch.lap(_NAMES.get(phase, phase)))
            failpoint("refresh.before-commit")

        await desk.job_of_both(do)
        failpoint("refresh.after-commit")
        return watch.told()

    async def _told(self, peer: Row) -> Answer:
        """A peer's answer, taken apart in a thread, for it may be large."""
        asked, auth = self._ask(peer)
        body = await asked.post(xmlrpc.dumps_call("GetPeerData", (auth.struct(()),)), repeat=True)
        read: Deferred[Answer] = deferToThread(_read, body)
        return await read

    def _ask(self, peer: Row) -> tuple[Ask, Signature]:
        if self.secret is None:
            raise PlanetLabError("no OpenPGP key is configured; its operator must set pgp_secret")
        if not peer["cacert"]:
            raise PlanetLabError(
                f"peer {peer['peername']} has no cacert; say by UpdatePeer whom its server is known by"
            )
        asked = Ask(
            peer["peer_url"], ca=peer["cacert"].encode(), timeout=TIMEOUT, reactor=self.reactor, most=MOST_ANSWER
        )
        return asked, Signature(self.name, self.secret, "GetPeerData")

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


def _read(body: bytes) -> Answer:
    try:
        return copies.read(xmlrpc.loads_answer(body, octets=MOST_ANSWER))
    except xmlrpclib.Fault as fault:
        raise Refused(int(fault.faultCode), str(fault.faultString)) from None
    except (xmlrpc.Malformed, BadArgument) as error:
        raise PeerError(f"its answer is not understood: {error}") from error


@define
class Stopwatch:
    """Seconds per phase, as they pass here."""

    seconds: dict[str, float] = field(factory=dict)
    since: float = field(factory=time.monotonic)

    def lap(self, phase: str) -> None:
        """A phase has ended."""
        now = time.monotonic()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self.since
        self.since = now

    def told(self) -> dict[str, float]:
        """Every phase's seconds, in the order of the phases."""
        return {phase: self.seconds.get(phase, 0.0) for phase in ("transport", "peer_db", *PHASES)}


def of(running: Running[Any]) -> Peering:
    """The peering of a running authority. Raises `BadSettings` for a key that cannot be read."""
    stated: Any = running.settings
    try:
        secret = stated.pgp_secret.read_bytes() if stated.pgp_secret else None
    except OSError as error:
        raise BadSettings(f"{running.config}: pgp_secret: {stated.pgp_secret}: {error.strerror}") from error
    return Peering(stated.name, secret, str(stated.registry), running.reactor)


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


def periodically(peering: Peering) -> Callable[[], Any]:
    """The job that refreshes every peer; one that fails is logged, and the next one is asked."""

    async def work() -> None:
        assert peering.desk is not None
        for peer in await peering.desk.look(lambda store: store.rows(PEER)):
            try:
                await peering.refresh(peer)
            except PlanetLabError as error:
                log.warn("peer {peer} was not refreshed: {error}", peer=peer["peername"], error=str(error))

    return work
