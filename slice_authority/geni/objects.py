"""What the Federation API's objects are made of: rows of fields, and how they are matched, filtered and described.

A service declares each kind of object once, as a `Kind`; ``lookup``, ``create``, ``update`` and ``get_version`` follow.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import frozen

from planetlab.calls import Call
from planetlab.credentials import parse_time, print_time
from planetlab.errors import BadArgument, Unavailable
from slice_authority.sfa.times import when

Object = dict[str, Any]
MOST_VALUES = 10_000  # in one match


@frozen
class Field:
    """One field. ``create`` is ``required``, ``allowed`` or empty; ``type`` is a word of the API's."""

    name: str
    type: str
    create: str = ""
    update: bool = False
    match: bool = True


def lasting(noun: str) -> tuple[Field, ...]:
    """The fields that slices and projects have alike, under their own first word."""
    return (
        Field(f"{noun}_URN", "URN"),
        Field(f"{noun}_UID", "UID"),
        Field(f"{noun}_NAME", "STRING", "required"),
        Field(f"{noun}_DESCRIPTION", "STRING", "allowed", update=True),
        Field(f"{noun}_EXPIRATION", "DATETIME", "allowed", update=True),
        Field(f"{noun}_EXPIRED", "BOOLEAN"),
        Field(f"{noun}_CREATION", "DATETIME"),
    )


@frozen(kw_only=True)
class Kind:
    """One kind of object, named by its field ``key``.

    ``find`` gives the objects that the caller may see, each with the fields that it may see, at least those that fit
    the match that it is given (it may give more). What a service does not do is None.
    """

    type: str
    key: str
    fields: tuple[Field, ...]
    find: Callable[[Call, Mapping[str, list[Any]]], Iterable[Object]]
    create: Callable[[Call, Object], Object] | None = None
    update: Callable[[Call, str, Object], None] | None = None
    delete: Callable[[Call, str], None] | None = None

    def field(self, name: Any, where: str) -> Field:
        """The field of this name. Raises `BadArgument`."""
        for one in self.fields:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.fields)
        raise BadArgument(f"{self.type} has no field {name!r:.60}; known are {known}", where)


def lookup(call: Call, kind: Kind, options: Any) -> dict[str, Object]:
    """The objects that fit ``options['match']``, by their key, with the fields in ``options['filter']``."""
    asked = options if isinstance(options, dict) else {}
    if "match" not in asked:
        raise BadArgument("Missing Option: match")
    match = _match(kind, asked["match"])
    names = _filter(kind, asked.get("filter"))
    found = (one for one in kind.find(call, match) if _fits(kind, one, match))
    return {str(one[kind.key]): _narrowed(one, names) for one in found}


def _match(kind: Kind, said: Any) -> dict[str, list[Any]]:
    if not isinstance(said, dict):
        raise BadArgument(f"expected a struct of fields, got {type(said).__name__}", "options['match']")
    match = {}
    for name, value in said.items():
        kind.field(name, "options['match']")
        values = value if isinstance(value, list) else [value]
        if len(values) > MOST_VALUES:
            raise BadArgument(
                f"expected at most {MOST_VALUES} values, got {len(values)}", f"options['match'][{name!r}]"
            )
        match[name] = [each.strip() if isinstance(each, str) else each for each in values]
    return match


def _filter(kind: Kind, said: Any) -> list[str] | None:
    if said is None or said == []:
        return None
    if not isinstance(said, list):
        raise BadArgument(f"expected an array of field names, got {type(said).__name__}", "options['filter']")
    return [kind.field(name, "options['filter']").name for name in said]


def _fits(kind: Kind, one: Object, match: Mapping[str, list[Any]]) -> bool:
    """A field that the caller may not see fits nothing."""
    return all(name in one and _is_among(kind.field(name, ""), one[name], values) for name, values in match.items())


def _is_among(said: Field, value: Any, wanted: list[Any]) -> bool:
    if said.type == "BOOLEAN":
        return any(value is _truth(each) for each in wanted)
    if said.type == "URN":  # slices are compared without case, names of persons as they are written
        return str(value).lower() in {str(each).lower() for each in wanted}
    if said.type == "DATETIME" and value:
        return value in wanted or any(parse_time(value) == _time(each) for each in wanted)
    return str(value) in {str(each) for each in wanted}


def _truth(said: Any) -> Any:
    return {"true": True, "false": False}.get(said.lower(), said) if isinstance(said, str) else bool(said)


def _time(said: Any) -> float | None:
    try:
        return when(said)
    except BadArgument:
        return None


def _narrowed(one: Object, names: list[str] | None) -> Object:
    return one if names is None else {name: one[name] for name in names if name in one}


def given(kind: Kind, options: Any, how: str) -> Object:
    """The fields of a ``create`` or ``update`` call, each known and allowed there. Raises `BadArgument`."""
    said = options.get("fields") if isinstance(options, dict) else None
    if not isinstance(said, dict):
        raise BadArgument("Missing Option: fields")
    for name in said:
        one = kind.field(name, "options['fields']")
        if not (one.create if how == "create" else one.update):
            raise BadArgument(f"{name} cannot be set by {how}", "options['fields']")
    missing = [one.name for one in kind.fields if one.create == "required" and said.get(one.name) in (None, "")]
    if how == "create" and missing:
        raise BadArgument(f"Required fields not present: {', '.join(missing)}")
    return said


def served(kinds: Mapping[str, Kind], type_: Any) -> Kind:
    """The kind that a call names, in any case. Raises `BadArgument`."""
    kind = kinds.get(type_.upper()) if isinstance(type_, str) else None
    if kind is None:
        raise BadArgument(f"unknown object type {type_!r:.40}; this service has {', '.join(kinds)}", "type")
    return kind


def must(kind: Kind, how: str) -> Callable[..., Any]:
    """What a kind does on ``create``, ``update`` or ``delete``. Raises `Unavailable` where it does nothing."""
    does: Callable[..., Any] | None = getattr(kind, how)
    if does is None:
        raise Unavailable(f"{kind.type} objects have no {how} here")
    return does


def time(seconds: float | None) -> str:
    """A time as it is told; empty where there is none."""
    return "" if seconds is None else print_time(seconds)
