"""One field compared with what was said: which condition that is, by the rules of the original's database.

A value behind a prefix is not checked by type: it is compared as PostgreSQL compares, which reads a text as a literal
of the field's type, and finds no sense in a text compared with a number. What has no sense is a `DatabaseError`.
"""

import re
from typing import Any

from planetlab.conditions import (
    NONE,
    AmongValues,
    Compare,
    Condition,
    HasAll,
    HasAny,
    IsList,
    IsNil,
    Like,
    Some,
)
from planetlab.errors import BadArgument, DatabaseError
from planetlab.records.fields import Field

MOST_WILDCARDS = 16  # in one pattern: each costs the registry another way to try
_EMPTY_ARRAY = "{}"  # what the original wrote for an array without elements
_INT = re.compile(r"\s*[+-]?[0-9]{1,18}\s*", re.ASCII)
_WORDS = {True: ("true", "yes", "on", "1"), False: ("false", "no", "off", "0")}


def one(said: Field, how: str, value: Any) -> Condition:
    """The field compared with one value: nil and patterns have no order, whatever ``how`` is."""
    if value is None:
        return NONE if said.links else IsNil(said.name)
    if isinstance(value, str) and is_pattern(value):
        if said.links or said.kind is not str:
            raise DatabaseError(f"{said.name} is no text, so no pattern fits it")
        return Like(said.name, pattern(value))
    if said.links:
        if isinstance(value, list) and value and how == "=":
            return IsList(said.name, _elements(said, value))
        raise DatabaseError(f"{said.name} is a list: it is compared with & or |")
    return Compare(said.name, how, worth(said, value))


def any_of(said: Field, how: str, values: list[Any]) -> Condition:
    """The field compared with each of ``values``, one of which must fit."""
    if not values:
        return NONE
    parts, plain = list[Condition](), list[Any]()
    for value in values:
        if how == "=" and not said.links and _is_plain(value):
            plain.append(worth(said, value))
        else:
            parts.append(one(said, how, value))
    if plain:
        parts.insert(0, AmongValues(said.name, tuple(plain)))
    return parts[0] if len(parts) == 1 else Some(tuple(parts))


def holds(said: Field, values: list[Any], every: bool, how: str = "=") -> Condition:
    """The list holds all, or any, of ``values``; without values it is empty. Nil and patterns are never in a list."""
    kind = HasAll if every else HasAny
    if not values:
        return kind(said.name, ()) if said.links else one(said, "=", _EMPTY_ARRAY)
    if how != "=":  # an order was stronger than & and |
        return any_of(said, how, values)
    plain = [value for value in values if _is_plain(value)]
    if plain and not said.links:
        raise DatabaseError(f"{said.name} is no list: & and | are for lists")
    parts = [one(said, "=", value) for value in values if not _is_plain(value)]
    if plain:
        parts.insert(0, kind(said.name, _elements(said, plain)))
    return parts[0] if len(parts) == 1 else Some(tuple(parts))


def _is_plain(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and is_pattern(value))


def _elements(said: Field, values: list[Any]) -> tuple[Any, ...]:
    """Values of a list: those of another type are no elements, for an array is not read as a literal."""
    for value in values:
        if type(value) is not said.kind or (isinstance(value, int) and not -(2**31) <= value < 2**31):
            raise DatabaseError(f"{said.name} holds no such values as {value!r}")
    return tuple(values)


def worth(said: Field, value: Any) -> Any:
    """``value`` as it is compared with the field."""
    if type(value) is said.kind or {type(value), said.kind} == {int, float}:
        return value
    if isinstance(value, str):
        read = {int: _int, float: _float, bool: _bool}[said.kind](value)
        if read is not None:
            return read
    raise DatabaseError(f"{said.name} cannot be compared with {value!r}")


def _int(text: str) -> int | None:
    return int(text) if _INT.fullmatch(text) else None


def _float(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _bool(text: str) -> bool | None:
    """True and false by any beginning of their words that is nobody else's."""
    said = text.strip().lower()
    found = [value for value, words in _WORDS.items() for word in words if said and word.startswith(said)]
    return found[0] if len(found) == 1 else None


def is_pattern(text: str) -> bool:
    """Whether a text stands for many: ``*`` and ``%`` are any run of characters."""
    return "*" in text or "%" in text


def pattern(text: str) -> str:
    """A pattern with one ``%`` for each run. Raises `BadArgument` for one with too many."""
    said = re.sub("[*%]+", "%", text)
    if said.count("%") > MOST_WILDCARDS:
        raise BadArgument(f"a pattern may have at most {MOST_WILDCARDS} wildcards, got {said.count('%')}")
    return said


def any_text(name: str, texts: tuple[str, ...]) -> Condition:
    """A text field is one of ``texts``, some of which may be patterns."""
    exact = tuple(text for text in texts if not is_pattern(text))
    parts: list[Condition] = [AmongValues(name, exact)] if exact else []
    parts += [Like(name, pattern(text)) for text in texts if is_pattern(text)]
    return parts[0] if len(parts) == 1 else Some(tuple(parts))
