"""What slivers use, looked at now and then: for the sensors, and for the daily caps that follow from it."""

from collections.abc import Callable, Iterable

from attrs import evolve
from twisted.logger import Logger

from node_manager.books import Books
from node_manager.cap_letters import Capped
from node_manager.caps import Caps, Meter, caps
from node_manager.drivers import Driver
from node_manager.records import Record
from node_manager.round import InThread
from node_manager.usage import History
from planetlab.names import SliceName
from planetlab.rspec import UNLIMITED


class Watch:
    """The use of one node's slivers."""

    log = Logger()

    def __init__(self, books: Books, driver: Driver, in_thread: InThread, default: Callable[[], Record | None]) -> None:
        """``default`` gives the record whose tags act on the whole node."""
        self.history = History()
        self.caps: dict[SliceName, Caps] = {}  # those who are slowed down
        self.told: Callable[[Capped, float], None] = lambda capped, now: None  # is told of each, once in its day
        self._books = books
        self._driver = driver
        self._in_thread = in_thread
        self._default = default

    def begin(self, now: float) -> None:
        """Slow down again who was before this program started."""
        told = {name: self._caps(name, meter, now) for name, meter in self._books.meters.items()}
        self.caps = {name: each for name, each in told.items() if each != Caps()}

    async def sample(self, running: Iterable[SliceName], ticks: float) -> None:
        """Look at the counters of all slivers that run."""
        names = list(running)
        self.history.see(await self._in_thread(lambda: self._driver.sample(names)), ticks)

    def count(self, now: float) -> list[SliceName]:
        """Count what was sent; gives the slivers that are slowed down otherwise than before."""
        old = self._books.meters
        seen = {name: usage.stats for name in self.history.names() if (usage := self.history.of(name))}
        meters = {name: old.get(name, Meter(since=now)).see(stats, now) for name, stats in seen.items()}
        now_caps = {name: self._caps(name, meter, now) for name, meter in meters.items()}
        slow = {name: told for name, told in now_caps.items() if told != Caps()}
        for name, told in slow.items():
            if not meters[name].is_told:
                self.log.warn("{name} sent its day's amount and is slowed down {how}", name=str(name), how=str(told))
                record = self._books.entries[name].record
                capped = Capped(
                    name=name, authority=record.authority, caps=told, meter=meters[name], rspec=record.rspec
                )
                self.told(capped, now)
                meters[name] = evolve(meters[name], is_told=True)
        self._books.put_meters({name: meter for name, meter in meters.items() if meter != old.get(name)})
        changed = [name for name in slow.keys() | self.caps.keys() if slow.get(name) != self.caps.get(name)]
        self.caps = slow
        return sorted(changed)

    def _caps(self, name: SliceName, meter: Meter, now: float) -> Caps:
        default, entry = self._default(), self._books.entries.get(name)
        if entry is None or (default is not None and default.rspec.net_max_rate == UNLIMITED):
            return Caps()
        return caps(meter, entry.record.rspec, now)
