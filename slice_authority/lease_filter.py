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
_END, _FAR = 2**53, 2**31  # seconds and days beyond which nothing lies
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
        if not isinstance(said, int):
            raise BadArgument(f"expected a number of days, got {said!r}", path)
        return name, opposite, min(max(said, -_FAR), _FAR)
    return name, opposite, _times(said, path)


def _times(said: Any, path: str) -> tuple[int, ...]:
    pair = said if isinstance(said, list) else [said]
    if len(pair) not in (1, 2) or not all(isinstance(each, int | str) for each in pair):
        raise BadArgument("expected a time, as int or text, or an array of two", path)
    times = tuple(min(max(lease_times.moment(each, path), -_END), _END) for each in pair)
    if isinstance(said, list) and len(times) == 2 and times[0] > times[1]:
        raise BadArgument("the second time lies before the first", path)
    return times


def _touches(start: int, end: int) -> Condition:
    """Both ends count, as in the original: who ends at a time is still told of it."""
    return both(Compare("t_until", ">=", min(start, end)), Compare("t_from", "<=", max(start, end)))


def _alive(said: tuple[int, ...], now: float) -> Condition:
    return _touches(said[0], said[-1])


def _clip(said: tuple[int, ...], now: float) -> Condition:
    return Compare("t_until", ">=", said[0]) if len(said) == 1 else _touches(*said)


def _day(days: int, now: float) -> Condition:
    local = time.localtime(now)
    midnight = int(now) - (local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec)
    return Compare("t_until", ">=", midnight) if days == 0 else _touches(midnight, midnight + days * DAY)


_SAYS: dict[str, Callable[[Any, float], Condition]] = {"alive": _alive, "clip": _clip, "day": _day}
