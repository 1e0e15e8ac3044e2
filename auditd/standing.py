"""Sums that many readers ask for, kept for a second; where there is much to sum a thread makes the next in time."""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

from attrs import define, field, frozen

from auditd import rates, sums
from auditd.audit import Audit
from auditd.destinations import Ranked, by_destination
from auditd.settings import Settings
from auditd.shelf import Shelf

FRESH, LONGEST = 500_000, 1_000_000  # microseconds that a sum is good, the more there is to sum the longer
SLOWLY = 5  # times as long for the rates of a whole hour, of which each second is a small part
LATE = 1_000_000  # microseconds that a sum may be shown beyond that while a thread makes the next
LATEST = 10_000_000  # that it may be shown at most while a thread is already at it, but the machine is busy
MUCH = 50_000  # records; less is summed while the reader waits
_MOST_KEPT = 200  # sums
_T = TypeVar("_T")
Rates = tuple[list[rates.Series], list[rates.Series], int]
Aside = Callable[[Callable[[], Any], Callable[[Any], None]], None]
"""Does the first in a thread, and tells the second what came of it."""


@frozen
class _Made:
    """A sum: when it was made, how long it is good (microseconds), what it is."""

    when: int
    good_for: int
    value: Any

    def good(self, steady: int, late: int = 0) -> bool:
        """Whether it may still be shown at ``steady``."""
        return self.when <= steady < self.when + self.good_for + late


@define(eq=False)
class Standing:
    """The sums of one audit; ``steady`` is now, in microseconds."""

    audit: Audit
    settings: Settings
    aside: Aside | None = None
    _kept: Shelf = field(factory=lambda: Shelf(_MOST_KEPT), init=False)
    _in_work: set[Hashable] = field(factory=set, init=False)  # sums of which a thread makes the next

    @property
    def networks(self) -> bool:
        """Whether lists tell networks instead of addresses."""
        return self.settings.disclosure != "open"

    def slices(self, steady: int) -> list[dict[str, Any]]:
        """What each sender sent in the last hour."""
        return self.sum("slices", steady, partial(self._slices, steady))

    def destinations(self, steady: int) -> tuple[Ranked, int]:
        """Where it went, and to how many."""
        return self.sum("destinations", steady, partial(self._destinations, steady))

    def rates(self, steady: int) -> Rates:
        """Rates by slice and by protocol, and when they end (microseconds of the wall clock)."""
        return self.sum("rates", steady, partial(self._rates, steady), SLOWLY)

    def warm(self, steady: int) -> None:
        """Let a thread make what every reader begins with, where there is so much that a reader would wait for it."""
        if self._little():
            return
        for name, make, times in (("slices", self._slices, 1), ("destinations", self._destinations, 1),
                                  ("rates", self._rates, SLOWLY)):  # fmt: skip
            kept: _Made | None = self._kept.seen(name)
            if kept is None or not kept.good(steady):
                self._renew(name, steady, partial(make, steady), times)

    def _slices(self, steady: int) -> list[dict[str, Any]]:
        return sums.by_slice(self.audit, self.audit.last_hour(steady))

    def _destinations(self, steady: int) -> tuple[Ranked, int]:
        return by_destination(self.audit, self.audit.last_hour(steady), self.networks)

    def _rates(self, steady: int) -> Rates:
        hour, until = self.audit.last_hour(steady), self.audit.timeline.wall(steady)
        return (*rates.both(self.audit, hour, until), until)

    def sum(self, name: Hashable, steady: int, make: Callable[[], _T], times: int = 1) -> _T:
        """A sum: the last one while it is good, or a little longer while a thread makes the next; else a new one."""
        kept: _Made | None = self._kept.seen(name)
        late = 0 if self.aside is None or self._little() else LATEST if name in self._in_work else LATE * times
        if kept is None or not kept.good(steady, late):
            value = make()
            self._keep(name, steady, times, value)
            return value
        if not kept.good(steady):
            self._renew(name, steady, make, times)
        known: _T = kept.value
        return known

    def _little(self) -> bool:
        return len(self.audit.hour) < MUCH

    def _keep(self, name: Hashable, steady: int, times: int, value: Any) -> None:
        good_for = times * min(max(FRESH, len(self.audit.hour)), LONGEST)  # a microsecond a record
        self._kept.put(name, _Made(steady, good_for, value))

    def _renew(self, name: Hashable, steady: int, make: Callable[[], Any], times: int = 1) -> None:
        """Let a thread make a sum anew, unless one is at it."""
        if self.aside is None or name in self._in_work:
            return
        self._in_work.add(name)

        def work() -> Any:
            try:
                return make()
            finally:
                self._in_work.discard(name)

        self.aside(work, partial(self._keep, name, steady, times))
