"""The small language for asking: a struct of conditions becomes a tree, without a word of SQL.

``{"name": "princeton_*", "]max_nodes": 10, "&node_ids": [3, 4], "-SORT": "-created", "-LIMIT": 5}``: see the glossary
of prefixes below. The registry turns a tree into a statement with bound values.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from planetlab.errors import BadArgument, DatabaseError
from planetlab.records.fields import Field, Record

PREFIXES = {
    "~": "not",
    "<": "less",
    ">": "greater",
    "[": "less or equal",
    "]": "greater or equal",
    "&": "all of",
    "|": "any of",
}
_ORDERS = "<>[]"  # of several the one furthest right here counts, as in the original
MOST_WILDCARDS = 16  # in one pattern: each costs the registry another way to try
MOST_VALUES = 100_000  # in one array
_FAR = 2**63  # no registry has so many rows


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


Condition = Compare | IsNil | Like | AmongValues | HasAll | HasAny | Not | Every | Some
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
        else:
            named.add(part.field)
    return named


def both(one: Condition, other: Condition) -> Condition:
    """One and the other."""
    return other if one == ALL else one if other == ALL else Every((one, other))


def among(name: str, values: Iterable[Any]) -> Condition:
    """The field is one of ``values``."""
    return AmongValues(name, tuple(values))


def by_keys(record: Record, said: Iterable[Any], names_as: str = "", wildcards: bool = True) -> Condition:
    """The rows named by a mixed list of numbers and names; each kind is matched for itself."""
    said = list(said)
    if any(type(value) is bool for value in said):
        raise DatabaseError("a boolean is no identifier")
    numbers = tuple(value for value in said if isinstance(value, int))
    texts = tuple(value for value in said if isinstance(value, str))
    named = names_as or record.name_key or record.key
    parts: list[Condition] = []
    if numbers:
        parts.append(AmongValues(record.key, numbers))
    if texts:
        parts.append(_any_text(named, texts) if wildcards else AmongValues(named, texts))
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

    Without conditions all rows fit; with ``-OR`` one must fit, so that none does.
    """
    conditions: list[Condition] = []
    sort: tuple[tuple[str, bool], ...] = ()
    bounds = {"-OFFSET": 0, "-LIMIT": None}
    either = "-OR" in said
    for key, value in said.items():
        if key in ("-AND", "-OR"):
            continue
        if key == "-SORT":
            sort = tuple(_direction(record, each, where) for each in (value if isinstance(value, list) else [value]))
        elif key in bounds:
            bounds[key] = _bound(key, value, where)
        elif key.startswith("-"):
            raise BadArgument(f"unknown key {key}; known are -SORT -OFFSET -LIMIT -AND -OR", where)
        else:
            conditions.append(_condition(record, key, value, where))
    whole: Condition = Some(tuple(conditions)) if either else Every(tuple(conditions))
    return Query(whole if len(conditions) != 1 else conditions[0], sort, bounds["-OFFSET"] or 0, bounds["-LIMIT"])


def _bound(key: str, value: Any, where: str) -> int:
    if not isinstance(value, int | float) or not -_FAR < value < _FAR:
        raise BadArgument(f"expected a number of rows, got {value!r}", f"{where}[{key!r}]")
    if int(value) < 0:
        raise DatabaseError(f"{key} must not be negative, got {value}")
    return int(value)  # a double is cut off, as the original's did


def _direction(record: Record, said: Any, where: str) -> tuple[str, bool]:
    name = said[said[:1] in ("+", "-") :] if isinstance(said, str) else ""
    if not _known(record, name) or (record.has(name) and record.field(name).links):
        raise BadArgument(f"cannot sort {record.name} by {said!r}", f"{where}['-SORT']")
    return name, said.startswith("-")


def _known(record: Record, name: str) -> bool:
    return name in record.tags or (record.has(name) and not record.field(name).never)


def _condition(record: Record, key: str, value: Any, where: str) -> Condition:
    name = key.lstrip("".join(PREFIXES))
    prefixes = key[: len(key) - len(name)]
    path = f"{where}[{key!r}]"
    if not _known(record, name):
        raise BadArgument(f"{record.name} has no field {name!r}", path)
    said = record.field(name) if record.has(name) else Field(name, str, nil=True)
    if said.links and not prefixes and not isinstance(value, list):
        raise BadArgument(f"expected array, got {_word(type(value))}", path)
    _check(said, value, path, bare=not prefixes)
    compare = max((prefix for prefix in prefixes if prefix in _ORDERS), key=_ORDERS.find, default="")
    if said.links or set("&|") & set(prefixes):
        whole = _listed(said, prefixes, value)
    elif compare:
        whole = _compared(name, compare, value)
    else:
        whole = _equals(name, value)
    return Not(whole) if "~" in prefixes else whole


def _listed(said: Field, prefixes: str, value: Any) -> Condition:
    if said.links and value == [] and not set("&|") & set(prefixes):
        return NONE
    if not said.links or not set("&|") & set(prefixes):
        raise DatabaseError(f"{said.name} cannot be compared so: & and | are for lists, and lists need one of them")
    values = tuple(value) if isinstance(value, list) else (value,)
    return HasAll(said.name, values) if "&" in prefixes else HasAny(said.name, values)


def _compared(name: str, prefix: str, value: Any) -> Condition:
    how = {"<": "<", ">": ">", "[": "<=", "]": ">="}[prefix]
    if isinstance(value, list):
        return Some(tuple(_ordered(name, how, each) for each in value))
    return _ordered(name, how, value)


def _ordered(name: str, how: str, value: Any) -> Condition:
    """A pattern or nil is matched as it is without a prefix: neither has an order."""
    plain = _equal(name, value)
    return Compare(name, how, value) if isinstance(plain, Compare) else plain


def _equals(name: str, value: Any) -> Condition:
    if not isinstance(value, list):
        return _equal(name, value)
    texts = tuple(each for each in value if isinstance(each, str))
    plain = tuple(each for each in value if each is not None and not isinstance(each, str))
    parts: list[Condition] = []
    if texts:
        parts.append(_any_text(name, texts))
    if plain:
        parts.append(AmongValues(name, plain))
    if any(each is None for each in value):
        parts.append(IsNil(name))
    return parts[0] if len(parts) == 1 else Some(tuple(parts))


def _equal(name: str, value: Any) -> Condition:
    if value is None:
        return IsNil(name)
    if isinstance(value, str) and _is_pattern(value):
        return Like(name, _pattern(value))
    return Compare(name, "=", value)


def _any_text(name: str, texts: tuple[str, ...]) -> Condition:
    patterns = [Like(name, _pattern(text)) for text in texts if _is_pattern(text)]
    exact = tuple(text for text in texts if not _is_pattern(text))
    parts: list[Condition] = list(patterns)
    if exact:
        parts.append(AmongValues(name, exact))
    return parts[0] if len(parts) == 1 else Some(tuple(parts))


def _is_pattern(text: str) -> bool:
    return "*" in text or "%" in text


def _pattern(text: str) -> str:
    pattern = text.replace("*", "%")
    while "%%" in pattern:
        pattern = pattern.replace("%%", "%")
    if pattern.count("%") > MOST_WILDCARDS:
        raise BadArgument(f"a pattern may have at most {MOST_WILDCARDS} wildcards, got {pattern.count('%')}")
    return pattern


def _word(kind: type) -> str:
    """What the API calls a Python type."""
    words = {str: "string", bool: "boolean", float: "double", list: "array", dict: "struct", type(None): "nil"}
    return words.get(kind, kind.__name__)


def _check(said: Field, value: Any, path: str, bare: bool) -> None:
    values = value if isinstance(value, list) else [value]
    if len(values) > MOST_VALUES:
        raise BadArgument(f"expected at most {MOST_VALUES} values, got {len(values)}", path)
    for each in values:
        if each is None and (said.nil or not bare):
            continue
        if said.kind is int and type(each) is bool:
            raise DatabaseError(f"{path}: a number is not compared with a boolean")
        if not bare and {type(each), said.kind} == {int, float}:  # compared as numbers; without prefix it is a type
            continue
        if type(each) is not said.kind:
            raise BadArgument(f"expected {_word(said.kind)} or an array of it, got {_word(type(each))}", path)
        if bare and said.max is not None and isinstance(each, str) and len(each.encode()) > said.max:
            raise BadArgument(f"expected at most {said.max} bytes, got {len(each.encode())}", path)


@frozen
class Filter:
    """The shape of a filter over ``record``: read, it is a `Query`."""

    record: Record
    wire: str = field(default="struct", init=False)

    def text(self) -> str:
        return "filter"

    def read(self, value: Any, where: str) -> Query:
        if type(value) is not dict:
            raise BadArgument(f"expected struct, got {_word(type(value))}", where)
        return parse(self.record, value, where)
