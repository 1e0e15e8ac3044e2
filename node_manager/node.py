"""One node: its books, its slivers, and the rules by which the ones become the others.

Everything that changes a sliver goes the same way: decide, write the intent down, act, write down that it is done.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from node_manager import limits, loans, pools
from node_manager.books import Books
from node_manager.converge import Wish, strays
from node_manager.drivers import Driver, Sliver, State
from node_manager.pools import Pool, Share, Span
from node_manager.records import DELEGATED, Entry, Record
from node_manager.round import InThread, Report, Rounds
from node_manager.settings import Settings
from node_manager.steady import Steady
from planetlab.clock import Clock
from planetlab.errors import BadArgument, Conflict, Forbidden, NotFound, Unavailable
from planetlab.failpoints import failpoint
from planetlab.names import Hrn, SliceName
from planetlab.rspec import LOANABLE
from planetlab.units import NEVER

T = TypeVar("T")


def new_rcap() -> str:
    """128 random bits, which whoever holds them may use."""
    return secrets.token_hex(16)


class Node:
    """What the methods of the node manager act on."""

    log = Logger()

    def __init__(
        self,
        settings: Settings,
        books: Books,
        driver: Driver,
        clock: Clock,
        ticks: Callable[[], float],
        reactor: IReactorTime,
        in_thread: InThread,
    ) -> None:
        """``ticks`` counts seconds and never jumps."""
        self.settings = settings
        self.books = books
        self.rounds = Rounds(driver, in_thread, settings.at_once)
        self._clock = clock
        self._ticks = ticks
        self._reactor = reactor
        self._in_thread = in_thread
        last = books.fact("believed")
        self.steady = Steady(clock.now(), ticks(), float(last) if last else None)
        self._unasked: dict[SliceName, float] = {}  # slivers without a record, and since when (ticks)
        self.strays_kept: dict[SliceName, str] = {}
        self._owners_began: float | None = None  # when the oldest change began that the log has not seen
        self.make_root_pools()

    def now(self) -> float:
        """Believed time, seconds since the epoch."""
        return self.steady.see(self._clock.now(), self._ticks())

    # pools

    def make_root_pools(self) -> None:
        """Bring the root pools to what the owner's settings say; parts already given stay given."""
        capacity = self.settings.capacity()
        whole = (None, 1.0, (), self.settings.max_slivers)
        wanted = [(Hrn.parse(r.authority), r.share, r.prefixes, r.max_slivers) for r in self.settings.authorities]
        roots = {pool.authority: pool for pool in self.books.parts("") if pool.holder == "pl_conf"}
        kept = []
        for authority, share, prefixes, most in wanted or [whole]:
            part = pools.fitted(share, capacity)
            part = evolve(part, amounts={**part.amounts, "slivers": most}, ports=capacity.ports)
            old = roots.pop(authority, None)
            kept.append(
                Pool(
                    rcap=old.rcap if old else new_rcap(),
                    share=part,
                    holder="pl_conf",
                    authority=authority,
                    prefixes=tuple(prefixes),
                )
            )
        ended = [evolve(pool, share=Share(span=Span(0.0, 1.0))) for pool in roots.values()]
        self.books.put(pools=kept + ended)
        for pool in ended:
            if not self.books.parts(pool.rcap):
                self.books.drop(pool.rcap)

    def root_for(self, authority: Hrn, name: SliceName) -> Pool:
        """The root pool out of which ``authority`` may make a sliver of ``name``. Raises `Forbidden`."""
        roots = [pool for pool in self.books.parts("") if pool.holder == "pl_conf" and pool.share.amounts]
        fitting = [pool for pool in roots if pool.authority is None or pool.authority.governs(authority)]
        if not fitting:
            raise Forbidden(f"this node has no pool for {authority}; its owner grants one under [[authorities]]")
        pool = max(fitting, key=lambda pool: len(pool.authority.path) if pool.authority else 0)
        if not pool.allows(name):
            raise Forbidden(f"{authority} may make slivers named {' or '.join(pool.prefixes)}… here, not {name}")
        return pool

    def ports_free(self) -> frozenset[int]:
        """Ports the owner lets be reserved and nobody holds."""
        return self.settings.capacity().ports

    # the way of a record

    def take(self, record: Record, create: bool) -> Entry:
        """Decide on a record and write the intent down; what is asked twice is the same entry.

        An older record than the one there changes nothing. Raises `Conflict` when another authority has the name,
        `Forbidden` or `pools.NoRoom` with the reason when it cannot be.
        """
        self.steady.witness(record.timestamp)
        now = self.now()
        old = self.books.entries.get(record.name)
        if old and old.record.authority != record.authority:
            raise Conflict(
                f"{record.name} is a slice of {old.record.authority} on this node, not of {record.authority}"
            )
        if old and old.releasing:
            raise Unavailable(f"{record.name} is being removed; ask again when it is gone")
        if old and record.timestamp < old.record.timestamp:
            record = old.record
        if record.expires <= now:
            raise Forbidden(
                f"{record.name} expired {now - record.expires:.0f} s ago by this node's clock; renew the slice"
            )
        created = create or (old is not None and old.created) or (old is None and record.name in self.rounds.found)
        if old and (record, created) == (old.record, old.created):
            return old
        pool = self._pool_of(record, old, now)
        base = old or Entry(record=record, rcap=pool.rcap)
        entry = evolve(base, record=record, created=created, done=False, reason="", since=now)
        self.books.put(entry, pools=[pool])
        failpoint("redeem.intent")
        return entry

    def _pool_of(self, record: Record, old: Entry | None, now: float) -> Pool:
        mine = self.books.pools.get(old.rcap) if old else None
        parent = self.books.pools.get(mine.parent) if mine else None
        if parent is None or not parent.share.amounts:
            parent = self.root_for(record.authority, record.name)
        rcap = old.rcap if old else new_rcap()
        if not record.is_sliver:
            return Pool(rcap=rcap, share=Share(), holder=str(record.name), parent=parent.rcap, bound=record.name)
        span = Span(parent.share.span.start, min(record.expires, parent.share.span.end))
        others = [part for part in self.books.parts(parent.rcap) if part.rcap != rcap]
        part = pools.split(parent, others, limits.promised(record.rspec, span), rcap, str(record.name), now)
        return pools.bind(part, record.name, now)

    async def instantiate(self, record: Record, create: bool = True) -> str:
        """Make or renew a sliver; gives its rcap once it can be logged into. Raises what `take` and the driver raise."""
        entry = self.take(record, create)
        if entry.record.is_sliver and entry.created:
            await self.make(record.name)
        return entry.rcap

    async def make(self, name: SliceName) -> None:
        """Bring one sliver to what its entry says, and write down how that went."""

        async def work() -> None:
            entry = self.entry(name)
            if entry.releasing or not entry.created:
                return
            began = self.now()
            try:
                unbound = await self.rounds.bring(self.wish(entry, began))
            except Exception as error:
                self._close(name, done=False, reason=str(error) or type(error).__name__)
                raise
            finally:
                self._owners_change(began)
            cuts = limits.bounded(entry.record.rspec, self.settings.ceilings)[1]
            told = [str(cut) for cut in cuts] + [f"{key} cannot be enforced by this kernel" for key in unbound]
            self._close(name, done=self.books.entries.get(name) is entry, reason="; ".join(told))
            failpoint("redeem.done")

        await self.rounds.alone(name, work)

    def _close(self, name: SliceName, done: bool, reason: str) -> None:
        entry = self.books.entries.get(name)
        if entry and (entry.done, entry.reason) != (done, reason):
            self.books.put(evolve(entry, done=done, reason=reason, since=self.now()))

    async def release(self, rcap: str) -> None:
        """Give back what an rcap stands for: a sliver with all it has, or a pool. Unknown: nothing to do."""
        if entry := self.books.holding(rcap):
            self.books.put(evolve(entry, releasing=True, done=False, since=self.now()))
            failpoint("delete.intent")
            await self.end(entry.record.name)
        elif (pool := self.books.pools.get(rcap)) and pool.parent:
            bound = pool.bound
            self.books.drop(rcap)
            if bound and bound in self.books.entries:
                await self.make(bound)

    async def end(self, name: SliceName) -> None:
        """Destroy a sliver; strike its entry when it is releasing."""

        async def work() -> None:
            began = self.now()
            try:
                await self.rounds.end(name)
            except Exception as error:
                self._close(name, done=False, reason=str(error) or type(error).__name__)
                raise
            finally:
                self._owners_change(began)
            failpoint("delete.destroyed")
            entry = self.books.entries.get(name)
            if entry and entry.releasing:
                self.books.strike(name)
            elif entry:
                self._close(name, done=True, reason="")

        await self.rounds.alone(name, work)

    # what users do

    def entry(self, name: SliceName) -> Entry:
        """The entry of a slice. Raises `NotFound`."""
        try:
            return self.books.entries[name]
        except KeyError:
            raise NotFound(f"{name} has no record on this node") from None

    async def change(self, name: SliceName, **fields: object) -> None:
        """Write a change of an entry down and bring the sliver to it, if there is to be one."""
        entry = evolve(self.entry(name), **fields)
        self.books.put(evolve(entry, done=False, since=self.now()))
        await (self.make(name) if entry.created else self.end(name))

    async def recreate(self, name: SliceName) -> None:
        """Replace a sliver by a pristine one, started."""
        self.books.put(evolve(self.entry(name), created=True, done=False, stopped_until=0.0, since=self.now()))
        await self.end(name)
        await self.make(name)

    def stop_lasts_until(self, entry: Entry) -> float:
        """How long a user's Stop holds: one poll where the authority wants it to run, else until Start."""
        lasting = entry.record.instantiation == DELEGATED
        return float(NEVER) if lasting else self.now() + self.settings.stop_lasts

    async def lend(self, name: SliceName, made: tuple[loans.Loan, ...]) -> None:
        """Replace the loans that a sliver makes, and bind what changes by it."""
        touched = {loan.recipient for loan in (*self.entry(name).loans, *made)} | {name}
        self.books.put(evolve(self.entry(name), loans=made))
        there = [each for each in sorted(touched) if each in self.books.entries and self.books.entries[each].created]
        await self.rounds.each(there, self.make)

    # wishes

    def grants(self) -> dict[SliceName, dict[str, int]]:
        """By sliver what it has of the loanable resources, loans counted. Empty when nobody lends."""
        lenders = sorted(name for name, entry in self.books.entries.items() if entry.loans)
        if not lenders:
            return {}
        given = {
            name: {key: getattr(entry.record.rspec, key) for key in LOANABLE}
            for name, entry in self.books.entries.items()
            if entry.record.is_sliver
        }
        made = [(name, loan) for name in lenders for loan in self.books.entries[name].loans]
        return loans.effective(given, made)[0]

    def sliver(self, entry: Entry, now: float, grants: dict[SliceName, dict[str, int]]) -> Sliver:
        """What a sliver shall be, with loans and bound pools and under the owner's ceilings."""
        record = entry.record
        rspec = limits.with_amounts(record.rspec, grants.get(record.name, {}))
        rspec = limits.with_bound(rspec, self._bound(entry, now))
        rspec, _ = limits.bounded(rspec, self.settings.ceilings)
        return Sliver(
            slice=record.name,
            authority=record.authority,
            rspec=rspec,
            slice_id=record.slice_id,
            keys=record.keys if rspec.is_enabled else (),
            initscript=record.initscript,
            vref=record.vref,
        )

    def _bound(self, entry: Entry, now: float) -> Iterable[Share]:
        for pool in self.books.bound_to(entry.record.name):
            if pool.rcap != entry.rcap and pool.share.span.start <= now < pool.share.span.end:
                yield pool.share

    def wish(self, entry: Entry, now: float, grants: dict[SliceName, dict[str, int]] | None = None) -> Wish:
        """What is wanted of a sliver now."""
        sliver = self.sliver(entry, now, self.grants() if grants is None else grants)
        idle = now >= entry.record.expires or now < entry.stopped_until or self.is_paused
        return Wish(sliver, runs=sliver.rspec.is_enabled and not idle)

    @property
    def is_paused(self) -> bool:
        """Whether the owner has paused everything."""
        return self.books.fact("paused") == "1"

    async def pause(self, paused: bool) -> None:
        """Stop every sliver at once, or let those run again that should; holds over restarts."""
        self.books.set_fact("paused", "1" if paused else "")
        await self.round()

    # rounds

    async def round(self) -> Report:
        """Look, decide, do, for every sliver."""
        began = self._ticks()
        now = self.now()
        self.books.set_fact("believed", str(now))
        found = await self.rounds.look()
        self._expire(now)
        entries = self.books.entries
        grants = self.grants()
        asked = {
            name: self.wish(entry, now, grants)
            for name, entry in entries.items()
            if entry.record.is_sliver and entry.created and not entry.releasing
        }
        ending = {name for name, entry in entries.items() if entry.releasing}
        unmade = {name for name, entry in entries.items() if not entry.created and name in found}
        gone = frozenset(unmade) | self._stray(entries.keys() | self.rounds.busy)
        todo = [*sorted(ending), *(name for name in self.rounds.due(asked, gone) if name not in ending)]
        todo += sorted(name for name in asked if not entries[name].done and name not in todo)
        failed = await self.rounds.each(todo, lambda name: self.make(name) if name in asked else self.end(name))
        await self.see_owners()
        return Report(found=len(found), changed=tuple(todo), failed=failed, seconds=self._ticks() - began)

    def _expire(self, now: float) -> None:
        """Slivers whose time is over stop; after a while they go, and a pool's time over gives it back."""
        kept = self.settings.expired_kept
        over = [
            evolve(entry, releasing=True, done=False, since=now)
            for entry in self.books.entries.values()
            if now >= entry.record.expires + kept and not entry.releasing
        ]
        if over:
            self.books.put(*over)
        own = {entry.rcap for entry in self.books.entries.values()}
        for pool in pools.over(self.books.pools.values(), now):
            if pool.parent and pool.rcap not in own:
                self.books.drop(pool.rcap)

    def _stray(self, known: Iterable[SliceName]) -> frozenset[SliceName]:
        """The slivers without a record that are to go now; the others are reported."""
        ticks = self._ticks()
        names = self.rounds.found.keys() - set(known)
        self._unasked = {name: self._unasked.get(name, ticks) for name in names}
        told = strays(self._unasked, len(self.rounds.found), ticks, self.settings.stray_grace, self.settings.stray_part)
        self.strays_kept = dict(told.kept)
        return told.destroy

    # owners of packets

    def _owners_change(self, began: float) -> None:
        if self._owners_began is None:
            self._owners_began = began
            self._reactor.callLater(self.settings.owners_lag, self._owners_due)

    def _owners_due(self) -> None:
        if self._owners_began is not None:
            Deferred.fromCoroutine(self.see_owners()).addErrback(
                lambda failure: self.log.failure("owners of packets could not be noted", failure)
            )

    async def see_owners(self) -> None:
        """Bring the log of who owns which packets up to date."""
        began, self._owners_began = self._owners_began, None
        owners = await self._in_thread(self.rounds.driver.owners)
        now = self.now()
        self.books.see(owners, now if began is None else began, now, self.settings.owners_kept)

    @property
    def owners_are_stale(self) -> bool:
        """Whether something changed that the log of owners has not seen."""
        return self._owners_began is not None

    # answers

    async def in_time(self, work: Awaitable[T], what: str) -> T:
        """The result of ``work`` if it comes within the time callers wait; the work itself goes on.

        Raises `Unavailable` else, which says to ask again.
        """
        answer: Deferred[T] = Deferred()
        limit = self._reactor.callLater(
            self.settings.answer_within,
            lambda: answer.errback(
                Unavailable(f"{what} is not done after {self.settings.answer_within:.0f} s; ask again")
            ),
        )

        def done(result: T) -> None:
            if limit.active():
                limit.cancel()
                answer.callback(result)

        def failed(failure: object) -> None:
            if limit.active():
                limit.cancel()
                answer.errback(failure)  # type: ignore[arg-type]

        Deferred.fromCoroutine(_awaited(work)).addCallbacks(done, failed)
        return await answer

    def state(self, entry: Entry) -> str:
        """One word for where a sliver is."""
        found = self.rounds.found.get(entry.record.name)
        if entry.releasing:
            return "releasing"
        if not entry.record.is_sliver:
            return "account"
        if not entry.created:
            return "recorded"
        if self.now() >= entry.record.expires:
            return "expired"
        if found is None:
            return "making" if not entry.reason else "failed"
        return str(State.STOPPED if found.state is State.STOPPED else found.state)

    def rcap_of(self, rcap: str) -> Pool:
        """The pool that an rcap stands for. Raises `NotFound`."""
        if not isinstance(rcap, str) or rcap not in self.books.pools:
            raise NotFound("no such rcap on this node, or what it stood for has ended")
        return self.books.pools[rcap]

    def sliver_named(self, name: object) -> SliceName:
        """A slice's name off the wire. Raises `BadArgument`."""
        if not isinstance(name, str):
            raise BadArgument(f"expected a slice's name, got {type(name).__name__}", "slice_name")
        return SliceName.parse(name)


async def _awaited(work: Awaitable[T]) -> T:
    return await work
