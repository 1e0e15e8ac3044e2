"""Look, decide, do: slivers brought to what is wanted of them, one by one or all in a round.

One sliver's failure is noted at its entry and the round goes on. Verbs on one sliver never overlap: each has a lock,
so a slow making of one holds up no other and no caller. A kill at any point leaves either an entry that is not done,
which the next round completes, or one that is releasing, which the next round ends.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from attrs import field, frozen
from twisted.internet.defer import Deferred, DeferredLock, DeferredSemaphore, gatherResults
from twisted.logger import Logger

from node_manager.converge import Admit, Create, Destroy, Limit, Script, Start, Step, Stop, Wish, steps, steps_of
from node_manager.drivers import Driver, Found
from planetlab.errors import Unavailable
from planetlab.failpoints import failpoint
from planetlab.names import SliceName

T = TypeVar("T")


class InThread(Protocol):
    """Runs what may block off the reactor."""

    def __call__(self, blocking: Callable[[], T], /) -> Deferred[T]: ...


@frozen(kw_only=True)
class Report:
    """What one round did."""

    found: int  # slivers there at the look
    changed: tuple[SliceName, ...] = ()
    failed: Mapping[SliceName, str] = field(factory=dict)
    seconds: float = 0.0


def do(driver: Driver, step: Step) -> tuple[str, ...]:
    """Carry out one step; gives the names of rspec keys that cannot be enforced."""
    match step:
        case Destroy(name):
            driver.destroy(name)
        case Stop(name):
            driver.stop(name)
        case Create(sliver):
            unbound = driver.create(sliver)
            failpoint("round.created")
            return unbound
        case Limit(sliver):
            return driver.set_limits(sliver.slice, sliver.rspec)
        case Admit(sliver):
            driver.attach_keys(sliver.slice, sliver.keys)
        case Script(sliver):
            driver.set_initscript(sliver.slice, sliver.initscript)
        case Start(name):
            driver.start(name)
            failpoint("round.started")
    return ()


class Rounds:
    """The slivers of one node as last seen, and the way to change them."""

    log = Logger()

    def __init__(self, driver: Driver, in_thread: InThread, at_once: int = 4) -> None:
        """``at_once``: how many slivers are worked on at the same time."""
        self.driver = driver
        self.found: dict[SliceName, Found] = {}
        self._in_thread = in_thread
        self._locks: dict[SliceName, DeferredLock] = {}
        self._room = DeferredSemaphore(at_once)
        self.busy: set[SliceName] = set()  # slivers a verb is running on
        self.is_ending = False  # begin nothing new
        self._touched: set[SliceName] = set()  # slivers that changed since the last look began

    async def look(self) -> dict[SliceName, Found]:
        """See what there is. What is changed meanwhile stays as it was seen by who changes it."""
        self._touched = set(self.busy)
        seen = await self._in_thread(self.driver.look)
        touched = {name: self.found[name] for name in self._touched if name in self.found}
        self.found = {name: found for name, found in seen.items() if name not in self._touched} | touched
        return self.found

    async def alone(self, name: SliceName, work: Callable[[], Awaitable[T]]) -> T:
        """Do ``work`` while nobody else works on this sliver."""
        lock = self._locks.setdefault(name, DeferredLock())
        await lock.acquire()
        try:
            await self._room.acquire()
            self.busy.add(name)
            self._touched.add(name)
            try:
                if self.is_ending:
                    raise Unavailable("the node manager is ending; ask again when it is back")
                return await work()
            finally:
                self.busy.discard(name)
                self._room.release()
        finally:
            lock.release()
            if not lock.locked and not lock.waiting:
                self._locks.pop(name, None)

    async def bring(self, wish: Wish) -> tuple[str, ...]:
        """Bring one sliver, whose lock is held, to what is wished; gives the rspec keys that cannot be enforced."""
        name = wish.sliver.slice
        todo = steps_of(wish, self.found.get(name))
        if not todo:
            return self.found[name].unbound
        unbound: set[str] = set()

        def work() -> Found | None:
            for step in todo:
                unbound.update(do(self.driver, step))
            return self.driver.look_at(name)

        await self._changing(name, work)
        return tuple(sorted(unbound))

    async def halt(self) -> None:
        """End the processes of all slivers now, whatever is being done to them; rounds tidy up after it."""
        await self._in_thread(self.driver.halt)
        await self.look()

    async def console(self, name: SliceName) -> str:
        """The last words on a sliver's console."""
        return await self._in_thread(lambda: self.driver.console(name))

    async def end(self, name: SliceName) -> None:
        """Leave nothing of one sliver, whose lock is held."""

        def work() -> Found | None:
            self.driver.destroy(name)
            return self.driver.look_at(name)

        await self._changing(name, work)

    async def _changing(self, name: SliceName, work: Callable[[], Found | None]) -> None:
        try:
            now = await self._in_thread(work)
        except Exception:  # passed on below; but first, what there is now is looked at
            now = await self._in_thread(lambda: self.driver.look_at(name))
            self._note(name, now)
            raise
        self._note(name, now)

    def _note(self, name: SliceName, now: Found | None) -> None:
        if now is None:
            self.found.pop(name, None)
        else:
            self.found[name] = now

    async def each(self, names: list[SliceName], work: Callable[[SliceName], Awaitable[Any]]) -> dict[SliceName, str]:
        """``work`` for every name, a few at a time; gives the failures, which stop nobody else."""
        failed: dict[SliceName, str] = {}

        async def one(name: SliceName) -> None:
            if self.is_ending:
                return
            try:
                await work(name)
            except Exception as error:  # one sliver's failure is its own: the others' turn comes
                failed[name] = str(error) or type(error).__name__
                self.log.warn("{name}: {why}", name=str(name), why=failed[name])

        await gatherResults([Deferred.fromCoroutine(one(name)) for name in names], consumeErrors=True)
        return failed

    def due(self, asked: Mapping[SliceName, Wish], gone: frozenset[SliceName]) -> list[SliceName]:
        """The slivers of which something has to be done, in the order in which to begin."""
        order: dict[SliceName, None] = {}
        for step in steps(asked, self.found, gone):
            order.setdefault(_whose(step))
        return list(order)


def _whose(step: Step) -> SliceName:
    match step:
        case Destroy(name) | Stop(name) | Start(name):
            return name
        case Create(sliver) | Limit(sliver) | Admit(sliver) | Script(sliver):
            return sliver.slice
