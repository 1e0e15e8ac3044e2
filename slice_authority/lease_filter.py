"""The filter of leases: the fields of a lease, and three conditions on its time that no field can say."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from planetlab import filters
from planetlab.errors import BadArgument
from planetlab.filters import Compare, Condition, Not, Query, both
from planetlab.records.slices import LEASE
from slice_authority import lease_times

DAY = 86_400  # seconds
EXTRAS = ("alive", "clip", "day")


@frozen
class Asked:
    """What was asked of leases: fields by ``query``, and times, whose meaning hangs on the time of the call."""

    query: Query
    times: tuple[tuple[str, bool, Any], ...] = ()

    def at(self, now: float) -> Query:
        """The whole as a query at a time."""
        whole = self.query
        for name, opposite, said in self.times:
            condition = _SAYS[name](said, now)
            whole = whole.also(Not(condition) if opposite else condition)
        return whole


@frozen
class LeaseFilter:
    """The shape of a filter over leases: read, it is `Asked`.

    ``alive`` and ``clip`` take a time or a pair of times; ``day`` a number of days; ``~`` before each is its opposite.
    """

    wire: str = field(default="struct", init=False)

    def text(self) -> str:
        return "leasefilter"

    def read(self, value: Any, where: str) -> Asked:
        if type(value) is not dict:
            raise BadArgument(f"expected struct, got {type(value).__name__}", where)
        times = tuple(_extra(key, said, where) for key, said in value.items() if key.lstrip("~") in EXTRAS)
        names = {name for name, _, _ in times}
        if {"day", "clip"} <= names:
            raise BadArgument("day and clip exclude each other", where)
        rest: Mapping[str, Any] = {key: said for key, said in value.items() if key.lstrip("~") not in EXTRAS}
        return Asked(filters.parse(LEASE, rest, where), times)


def _extra(key: str, said: Any, where: str) -> tuple[str, bool, Any]:
    name, path = key.lstrip("~"), f"{where}[{key!r}]"
    opposite = (len(key) - len(name)) % 2 == 1
    if name == "day":
        if type(said) is not int or not 0 <= said <= 10_000:
            raise BadArgument(f"expected a number of days from 0 to 10000, got {said!r}", path)
        return name, opposite, said
    return name, opposite, _times(said, path)


def _times(said: Any, path: str) -> tuple[int, ...]:
    pair = said if isinstance(said, list) else [said]
    if len(pair) not in (1, 2) or any(type(each) not in (int, str) for each in pair):
        raise BadArgument("expected a time, as int or text, or an array of two", path)
    times = tuple(lease_times.read(each, path) for each in pair)
    if isinstance(said, list) and len(times) == 2 and times[0] > times[1]:
        raise BadArgument("the second time lies before the first", path)
    return times


def _touches(start: int, end: int) -> Condition:
    return both(Compare("t_until", ">", start), Compare("t_from", "<", end))


def _alive(said: tuple[int, ...], now: float) -> Condition:
    if len(said) == 1:
        return both(Compare("t_from", "<=", said[0]), Compare("t_until", ">", said[0]))
    return _touches(*said)


def _clip(said: tuple[int, ...], now: float) -> Condition:
    return Compare("t_until", ">=", said[0]) if len(said) == 1 else _touches(*said)


def _day(days: int, now: float) -> Condition:
    if days == 0:
        local = time.localtime(now)
        midnight = int(time.mktime((local.tm_year, local.tm_mon, local.tm_mday, 0, 0, 0, 0, 0, -1)))
        return Compare("t_until", ">=", midnight)
    return _touches(int(now), int(now) + days * DAY)


_SAYS: dict[str, Callable[[Any, float], Condition]] = {"alive": _alive, "clip": _clip, "day": _day}
