"""One node: its books, its slivers, and the rules by which the ones become the others.

Everything that changes a sliver goes the same way: decide, write the intent down, act, write down that it is done.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from node_manager import limits, loans, pools, standing
from node_manager.books import Books
from node_manager.controllers import Controllers
from node_manager.converge import strays
from node_manager.drivers import Driver, State
from node_manager.giving import Giving
from node_manager.owners import OwnersLog
from node_manager.patience import in_time
from node_manager.pools import Pool
from node_manager.records import CONTROLLER, DELEGATED, Entry, Record
from node_manager.reservations import Reservations
from node_manager.round import InThread, Report, Rounds
from node_manager.settings import Settings
from node_manager.steady import Steady
from node_manager.tickets import Redeem
from node_manager.verbs import Runner
from node_manager.watch import Watch
from node_manager.wishes import Wishes
from planetlab.clock import Clock
from planetlab.errors import Conflict, Forbidden, NotFound, Unavailable
from planetlab.failpoints import failpoint
from planetlab.methods import Method
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec
from planetlab.units import NEVER

T = TypeVar("T")


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
        redeem: Redeem,
    ) -> None:
        """``ticks`` counts seconds and never jumps; ``redeem`` hands a signed ticket to the creation service."""
        self.settings = settings
        self.books = books
        self.rounds = Rounds(driver, in_thread, settings.at_once)
        self.redeem = redeem
        self.runner = Runner(reactor)
        self.methods: Mapping[str, Method] = {}  # those it is served by, for Help
        self.controllers = Controllers(settings, books)
        self._clock = clock
        self._ticks = ticks
        self._reactor = reactor
        last = books.fact("believed")
        self.steady = Steady(clock.now(), ticks(), float(last) if last else None)
        self._unasked: dict[SliceName, float] = {}  # slivers without a record, and since when (ticks)
        self.strays_kept: dict[SliceName, str] = {}
        self._lease_timer: IDelayedCall | None = None
        self.giving = Giving(settings, books)
        self.watch = Watch(books, driver, in_thread, self._default)
        self.watch.begin(self.now())
        self.wishes = Wishes(settings, books, self.giving, self.watch)
        self.owners = OwnersLog(
            books, driver, self.now, reactor, in_thread, lag=settings.owners_lag, kept=settings.owners_kept
        )

    def _default(self) -> Record | None:
        """The record whose tags act on the whole node."""
        entry = self.books.entries.get(SliceName(self.settings.slice_prefix, "default"))
        return entry.record if entry and self.settings.is_own(entry.record) else None

    def now(self) -> float:
        """Believed time, seconds since the epoch."""
        return self.steady.see(self._clock.now(), self._ticks())

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
        pool = self.giving.for_record(record, old, now)
        base = old or Entry(record=record, rcap=pool.rcap)
        entry = evolve(base, record=record, created=created, done=False, reason="", since=now)
        self.books.put(entry, pools=[pool])
        if record.instantiation == CONTROLLER:
            self.controllers.allot(record.name)
        failpoint("sliver.journalled")
        return entry

    def accounts(self) -> dict[str, int]:
        """Accounts that are no slivers, with their user ids: those of the settings, and controllers'."""
        return self.controllers.accounts()

    async def instantiate(self, record: Record, create: bool = True) -> str:
        """Make or renew a sliver; gives its rcap once users can log in. Raises what `take` and the driver raise."""
        old = self.books.entries.get(record.name)
        if old and old.releasing:
            await self.end(record.name)
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
                unbound = await self.rounds.bring(self.wishes.wish(entry, began))
            except Exception as error:  # whatever it is, the entry says why the sliver is not as it should be
                self._close(name, done=False, reason=str(error) or type(error).__name__)
                raise
            finally:
                self.owners.changed(began)
            cuts = limits.bounded(entry.record.rspec, self.settings.ceilings)[1]
            told = [str(cut) for cut in cuts] + [f"{key} cannot be enforced by this kernel" for key in unbound]
            self._close(name, done=self.books.entries.get(name) is entry, reason="; ".join(told))
            failpoint("sliver.done")

        await self.rounds.alone(name, work)

    def _close(self, name: SliceName, done: bool, reason: str) -> None:
        entry = self.books.entries.get(name)
        if entry and (entry.done, entry.reason) != (done, reason):
            self.books.put(evolve(entry, done=done, reason=reason, since=self.now()), synced=False)

    async def release(self, rcap: str) -> None:
        """Give back what an rcap stands for: a sliver with all it has, or a pool. Unknown: nothing to do."""
        if entry := self.books.holding(rcap):
            self.books.put(evolve(entry, releasing=True, done=False, since=self.now()))
            failpoint("release.journalled")
            await self.end(entry.record.name)
        elif (pool := self.books.pools.get(rcap)) and pool.parent and not pool.ceiling:
            below = [self.books.pools[each] for each in self.books.below(rcap)]
            self.books.drop(rcap)
            await self.bound_changed(pool, *below)

    async def bind(self, pool: Pool, name: SliceName) -> None:
        """Give a pool to a sliver, made for it when there is none and the pool includes that right."""
        now = self.now()
        bound = pools.bind(pool, name, now)
        entry = self.books.entries.get(name)
        if entry is None:
            if not pool.share.amounts.get("slivers"):
                raise Forbidden(
                    f"{name} has no sliver here, and the pool does not include the right to make one (slivers)"
                )
            record = Record(
                name=name,
                authority=pool.authority or Hrn(("owner",)),
                instantiation=DELEGATED,
                rspec=limits.spread(ResourceSpec(net_min_rate=0, net_i2_min_rate=0), [pool.share], []),
                expires=pool.share.span.end,
                timestamp=now,
            )
            self.books.put(Entry(record=record, rcap=pool.rcap, since=now), pools=[bound])
        else:
            self.books.put(pools=[bound])
        await self.make(name)

    async def bound_changed(self, pool: Pool, *others: Pool) -> None:
        """Pools have changed: the slivers that have them, or what the first was split off, get what is now theirs."""
        parent = self.books.pools.get(pool.parent)
        names = {each.bound for each in (pool, parent, *others) if each and each.bound}
        await self.rounds.each(sorted(name for name in names if name in self.books.entries), self.make)

    async def destroy_stray(self, name: SliceName) -> None:
        """Destroy a sliver that has no record."""
        if name in self.books.entries:
            raise Forbidden(f"{name} has a record; it is released by its rcap")
        await self.end(name)

    async def end(self, name: SliceName) -> None:
        """Destroy a sliver; strike its entry when it is releasing."""

        async def work() -> None:
            began = self.now()
            try:
                await self.rounds.end(name)
            except Exception as error:  # whatever it is, the entry says why the sliver is not as it should be
                self._close(name, done=False, reason=str(error) or type(error).__name__)
                raise
            finally:
                self.owners.changed(began)
            failpoint("round.destroyed")
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

    async def change(self, name: SliceName, **fields: Any) -> None:
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

    async def pause(self, paused: bool) -> None:
        """Stop every sliver at once, or let those run again that should; holds over restarts.

        Raises `DatabaseError` where that cannot be written down; a pause is in force then, but until a restart only.
        """
        try:
            self.wishes.pause(paused)
        finally:
            if paused:
                await self.rounds.halt()
        await self.round()

    async def reserve(self, reservations: Reservations) -> None:
        """Go by these leases from now on; holds over restarts."""
        self.wishes.reserve(reservations)
        await self.round()

    def _at_next_lease(self, now: float) -> None:
        """Have a round when the next lease begins or ends."""
        if self._lease_timer is not None and self._lease_timer.active():
            self._lease_timer.cancel()
        self._lease_timer = None
        change = self.wishes.reservations.next_change(now)
        if change is not None:
            self._lease_timer = self._reactor.callLater(
                min(change - now, 3600.0), lambda: Deferred.fromCoroutine(self.round()).addErrback(self._round_failed)
            )

    def _round_failed(self, failure: Failure) -> None:
        self.log.failure("this round was cut short", failure)

    def stop(self) -> None:
        """Begin nothing more."""
        self.rounds.is_ending = True
        self.owners.stop()
        if self._lease_timer is not None and self._lease_timer.active():
            self._lease_timer.cancel()

    # rounds

    async def round(self) -> Report:
        """Look, decide, do, for every sliver."""
        began = self._ticks()
        now = self.now()
        self.books.set_fact("believed", str(now), synced=False)
        found = await self.rounds.look()
        self._expire(now)
        entries = self.books.entries
        grants = self.wishes.grants()
        asked = {
            name: self.wishes.wish(entry, now, grants)
            for name, entry in entries.items()
            if entry.record.is_sliver and entry.created and not entry.releasing
        }
        ending = {name for name, entry in entries.items() if entry.releasing}
        unmade = {name for name, entry in entries.items() if not entry.created and name in found}
        gone = frozenset(unmade) | self._stray(entries.keys() | self.rounds.busy)
        todo = [*sorted(ending), *(name for name in self.rounds.due(asked, gone) if name not in ending)]
        todo += sorted(name for name in asked if not entries[name].done and name not in todo)
        failed = await self.rounds.each(todo, lambda name: self.make(name) if name in asked else self.end(name))
        await self.owners.see()
        self._at_next_lease(now)
        return Report(found=len(found), changed=tuple(todo), failed=failed, seconds=self._ticks() - began)

    async def sample(self) -> None:
        """Look at what slivers use, and slow down those that sent their day's amount."""
        running = [name for name, found in self.rounds.found.items() if found.state is State.RUNNING]
        await self.watch.sample(running, self._ticks())
        changed = [name for name in self.watch.count(self.now()) if name in self.books.entries]
        await self.rounds.each(changed, self.make)

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
        self.giving.end_over(now)

    def _stray(self, known: Iterable[SliceName]) -> frozenset[SliceName]:
        """The slivers without a record that are to go now; the others are reported."""
        ticks = self._ticks()
        names = self.rounds.found.keys() - set(known)
        self._unasked = {name: self._unasked.get(name, ticks) for name in names}
        told = strays(self._unasked, len(self.rounds.found), ticks, self.settings.stray_grace, self.settings.stray_part)
        self.strays_kept = dict(told.kept)
        return told.destroy

    # answers

    async def in_time(self, work: Awaitable[T], what: str) -> T:
        """The result of ``work`` if it comes within the time callers wait; the work itself goes on.

        Raises `Unavailable` else, which says to ask again.
        """
        return await in_time(self._reactor, self.settings.answer_within, work, what)

    def state(self, entry: Entry) -> str:
        """One word for where a sliver is."""
        return standing.word(entry, self.rounds.found.get(entry.record.name), self.now())

    def why_not(self, entry: Entry) -> str:
        """Why nobody can be in a sliver now, and who can change that: one sentence; empty when it runs."""
        still = self.wishes.why_still(entry, self.now())
        return standing.why_not(entry, self.rounds.found.get(entry.record.name), still)
