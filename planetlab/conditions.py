"""What is asked of a record's rows, as a tree of conditions without a word of SQL.

`planetlab.filters` makes such trees of what callers say; the registry makes statements of them.
"""

from collections.abc import Iterable
from typing import Any

from attrs import frozen


@frozen
class Compare:
    """``field`` compared with one value; ``how`` is one of ``= < > <= >=``."""

    field: str
    how: str
    value: Any


@frozen
class IsNil:
    """``field`` has no value."""

    field: str


@frozen
class Like:
    """``field`` matches a pattern in which ``%`` stands for any run of characters; upper and lower case are one."""

    field: str
    pattern: str


@frozen
class AmongValues:
    """``field`` is one of ``values``."""

    field: str
    values: tuple[Any, ...]


@frozen
class HasAll:
    """The list ``field`` holds every one of ``values``; when there are none, it is empty."""

    field: str
    values: tuple[Any, ...]


@frozen
class HasAny:
    """The list ``field`` holds one of ``values``; when there are none, it is empty."""

    field: str
    values: tuple[Any, ...]


@frozen
class IsList:
    """The list ``field`` is just ``values``, in their order."""

    field: str
    values: tuple[Any, ...]


@frozen
class Senseless:
    """What no registry can compare: whoever asks it gets a `DatabaseError` that says ``why``."""

    why: str


@frozen
class Not:
    """The opposite of ``what``."""

    what: "Condition"


@frozen
class Every:
    """All of ``parts``; true when there are none."""

    parts: tuple["Condition", ...] = ()


@frozen
class Some:
    """One of ``parts``; false when there are none."""

    parts: tuple["Condition", ...] = ()


Condition = Compare | IsNil | Like | AmongValues | HasAll | HasAny | IsList | Senseless | Not | Every | Some
ALL, NONE = Every(), Some()


@frozen
class Query:
    """Which rows, in which order, and which part of them. ``sort`` holds (field, descending)."""

    where: Condition = ALL
    sort: tuple[tuple[str, bool], ...] = ()
    offset: int = 0
    limit: int | None = None

    def also(self, more: Condition) -> "Query":
        """This query, narrowed."""
        return Query(both(self.where, more), self.sort, self.offset, self.limit)


def fields_of(asked: Query) -> set[str]:
    """The fields that a query compares or sorts by."""
    named = {name for name, _ in asked.sort}
    waiting: list[Condition] = [asked.where]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Every | Some):
            waiting.extend(part.parts)
        elif isinstance(part, Not):
            waiting.append(part.what)
        elif not isinstance(part, Senseless):
            named.add(part.field)
    return named


def both(one: Condition, other: Condition) -> Condition:
    """One and the other."""
    return other if one == ALL else one if other == ALL else Every((one, other))


def among(name: str, values: Iterable[Any]) -> Condition:
    """The field is one of ``values``."""
    return AmongValues(name, tuple(values))
