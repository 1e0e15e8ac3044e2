"""The small language for asking: a struct of conditions becomes a tree, without a word of SQL.

``{"name": "princeton_*", "]max_nodes": 10, "&node_ids": [3, 4], "-SORT": "-created", "-LIMIT": 5}``: see the glossary
of prefixes below. The registry turns a tree into a statement with bound values.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from planetlab import comparing
from planetlab.conditions import (
    ALL,
    NONE,
    AmongValues,
    Compare,
    Condition,
    Every,
    HasAll,
    HasAny,
    IsNil,
    Like,
    Not,
    Query,
    Senseless,
    Some,
    among,
    both,
    fields_of,
)
from planetlab.errors import BadArgument, DatabaseError
from planetlab.records.fields import Field, Record
from planetlab.shapes import ListOf, Of, Shape, kind_word

__all__ = [
    "ALL",
    "NONE",
    "AmongValues",
    "Compare",
    "Condition",
    "Every",
    "Filter",
    "HasAll",
    "HasAny",
    "IsNil",
    "Like",
    "Not",
    "Query",
    "Some",
    "among",
    "both",
    "by_keys",
    "fields_of",
    "parse",
    "query",
]

PREFIXES = {
    "~": "not",
    "<": "less",
    ">": "greater",
    "[": "less or equal",
    "]": "greater or equal",
    "&": "all of",
    "|": "any of",
}
_HOW = {"": "=", "<": "<", ">": ">", "[": "<=", "]": ">="}
_ORDERS = "<>[]"  # of several the one furthest right here counts, as in the original
MOST_VALUES = 100_000  # in one array
_FAR = 2**63  # no registry has so many rows


def by_keys(record: Record, said: Iterable[Any], names_as: str = "", wildcards: bool = True) -> Condition:
    """The rows named by a mixed list of numbers and names; each kind is matched for itself."""
    said = list(said)
    if any(type(value) is bool for value in said):
        return Senseless("a boolean is no identifier")
    numbers = tuple(value for value in said if isinstance(value, int))
    texts = tuple(value for value in said if isinstance(value, str))
    named = names_as or record.name_key or record.key
    parts: list[Condition] = []
    if numbers:
        parts.append(AmongValues(record.key, numbers))
    if texts:
        parts.append(comparing.any_text(named, texts) if wildcards else AmongValues(named, texts))
    return Some(tuple(parts)) if len(parts) != 1 else parts[0]


def query(record: Record, said: Any, names_as: str = "") -> Query:
    """What a Get method's filter asks for: None, a key, a list of keys, or an already read `Query`."""
    if said is None:
        return Query()
    if isinstance(said, Query):
        return said
    return Query(by_keys(record, said if isinstance(said, list) else [said], names_as))


def parse(record: Record, said: Mapping[str, Any], where: str = "filter") -> Query:
    """Read a struct of conditions. Raises `BadArgument` for a field, key or value that ``record`` does not have.

    Without conditions all rows fit; with ``-OR`` one must fit, so that none does. What cannot be compared is refused
    only when the registry is asked.
    """
    conditions: list[Condition] = []
    sort: tuple[tuple[str, bool], ...] = ()
    bounds: dict[str, int | None] = {"OFFSET": 0, "LIMIT": None}
    either = "-OR" in said
    for key, value in said.items():
        if key in ("-AND", "-OR"):
            continue
        name = key.lstrip("-" + "".join(PREFIXES))
        prefixes, path = key[: len(key) - len(name)], f"{where}[{key!r}]"
        if "-" not in prefixes:
            conditions.append(_condition(record, name, prefixes, value, path))
        elif name == "SORT":
            sort = tuple(_direction(record, each, path) for each in (value if isinstance(value, list) else [value]))
        elif name in bounds:
            bounds[name] = _bound(value, path)
        else:
            raise BadArgument(f"unknown key {key}; known are -SORT -OFFSET -LIMIT -AND -OR", where)
    whole: Condition = Some(tuple(conditions)) if either else Every(tuple(conditions))
    asked = Query(whole if len(conditions) != 1 else conditions[0], sort, bounds["OFFSET"] or 0, bounds["LIMIT"])
    negative = [name for name, bound in bounds.items() if bound is not None and bound < 0]
    return asked.also(Senseless(f"-{negative[0]} must not be negative")) if negative else asked


def _bound(value: Any, path: str) -> int:
    if not isinstance(value, int | float) or not -_FAR < value < _FAR:
        raise BadArgument(f"expected a number of rows, got {value!r}", path)
    return int(value)  # a double is cut off, as the original's did


def _direction(record: Record, said: Any, path: str) -> tuple[str, bool]:
    name = said[said[:1] in ("+", "-") :] if isinstance(said, str) else ""
    if not _known(record, name):
        raise BadArgument(f"cannot sort {record.name} by {said!r}", path)
    return name, said.startswith("-")


def _known(record: Record, name: str) -> bool:
    return name in record.tags or (record.has(name) and not record.field(name).never)


def _condition(record: Record, name: str, prefixes: str, value: Any, path: str) -> Condition:
    if not _known(record, name):
        raise BadArgument(f"{record.name} has no field {name!r}", path)
    said = record.field(name) if record.has(name) else Field(name, str, nil=True)
    if isinstance(value, list) and len(value) > MOST_VALUES:
        raise BadArgument(f"expected at most {MOST_VALUES} values, got {len(value)}", path)
    if not prefixes and record.has(name) and not said.or_text:
        _must_fit(said, value, path)
    order = max((prefix for prefix in prefixes if prefix in _ORDERS), key=_ORDERS.find, default="")
    try:
        whole = _compared(said, prefixes, _HOW[order], value)
    except DatabaseError as none:
        whole = Senseless(none.detail)
    return Not(whole) if "~" in prefixes else whole


def _compared(said: Field, prefixes: str, how: str, value: Any) -> Condition:
    if set("&|") & set(prefixes):
        return comparing.holds(said, value if isinstance(value, list) else [value], "&" in prefixes, how)
    if isinstance(value, list):
        return comparing.any_of(said, how, value)
    return comparing.one(said, how, value)


def _must_fit(said: Field, value: Any, path: str) -> None:
    """Refuse what is neither of the field's type nor an array of it."""
    plain: Shape = Of(said.kind, min=said.min, max=said.max, nil=said.nil)
    if not said.links or said.as_one:
        (ListOf((plain,)) if isinstance(value, list) else plain).read(value, path)
        return
    lists = isinstance(value, list) and any(isinstance(each, list) for each in value)
    (ListOf((ListOf((plain,)),)) if lists else ListOf((plain,))).read(value, path)


@frozen
class Filter:
    """The shape of a filter over ``record``: read, it is a `Query`; nil asks for everything."""

    record: Record
    wire: str = field(default="struct", init=False)

    def text(self) -> str:
        return "filter"

    def read(self, value: Any, where: str) -> Query:
        if value is None:
            return Query()
        if type(value) is not dict:
            raise BadArgument(f"expected struct, got {kind_word(value)}", where)
        return parse(self.record, value, where)
