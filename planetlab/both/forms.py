"""The shapes of arguments and results, taken from the tables of fields."""

from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from planetlab.filters import Filter
from planetlab.records.fields import Record
from planetlab.shapes import Either, ListOf, Of, Shape, Struct


def of(record: Record, name: str, nil: bool | None = None) -> Shape:
    """The shape of one field; an exposed tag is a text without limit."""
    if name in record.tags and not record.has(name):
        return Of(str, field=f"{record.name}.{name}")
    said = record.field(name)
    if said.links:
        return ListOf((Of(said.kind),))
    nils = said.nil if nil is None else nil
    return Of(said.kind, field=f"{record.name}.{name}", min=said.min, max=said.max, nil=nils)


def id_or_name(record: Record, name: str = "") -> Either:
    """A number or a name of one of these."""
    return Either((of(record, record.key), of(record, name or record.name_key)))


def named(record: Record) -> Shape:
    """The struct of all fields, as a result."""
    return Struct({}, name=f"{record.name}.fields")


def rows(record: Record) -> ListOf:
    """A list of structs of all fields."""
    return ListOf((named(record),))


def struct(record: Record, names: str | Iterable[str], tags: bool = False, **related: Shape) -> Struct:
    """A struct of some fields, of the exposed tags if asked, and of lists of related objects."""
    listed = names.split() if isinstance(names, str) else list(names)
    members: dict[str, Shape] = {name: of(record, name) for name in listed}
    if tags:
        members |= {name: of(record, name) for name in record.tags}
    return Struct(members | related)


def answer(**members: Shape) -> Struct:
    """A struct that a method returns."""
    return Struct(members)


ID = Of(int)
TEXT = Of(str)
IDS_OR_NAMES = ListOf((Either((ID, TEXT)),))
RETURN_FIELDS = ListOf((TEXT,))


def wanted(record: Record, keys: str = "mixed", scalars: str = "", name: str = "") -> Either:
    """What selects rows: a list of ``keys`` (``mixed`` ids and names, ``id``, ``(id)``), scalars, or a filter."""
    element: Shape = id_or_name(record, name) if keys == "mixed" else of(record, record.key)
    if keys == "(id)":
        element = Either((element,))
    more = {
        "string": TEXT,
        "int": ID,
        "key": of(record, record.key),
        "name": id_or_name(record, name) if name or record.name_key else ID,
    }
    return Either((ListOf((element,)), *(more[each] for each in scalars.split()), Filter(record)))


@frozen
class Plain:
    """A struct or array whose inside a method does not declare."""

    wire: str = field(default="struct")

    def text(self) -> str:
        return self.wire

    def read(self, value: Any, where: str) -> Any:
        return (Struct({}) if self.wire == "struct" else ListOf((_ANY,))).read(value, where)


@frozen
class _Any:
    wire: str = field(default="struct", init=False)

    def text(self) -> str:
        return "any"

    def read(self, value: Any, where: str) -> Any:
        return value


_ANY = _Any()
STRUCT, ARRAY = Plain("struct"), Plain("array")


def ids_or_filters(record: Record) -> ListOf:
    """A full list of related rows: the number of one that is there, or a struct of a new one's fields."""
    return ListOf((Either((ID, _NewRow(record))),))


@frozen
class _NewRow:
    """A struct of fields; the type expression calls it a filter."""

    record: Record
    wire: str = field(default="struct", init=False)

    def text(self) -> str:
        return "filter"

    def read(self, value: Any, where: str) -> Any:
        if value is None:  # no filter, as the original's declaration had it; it means no row
            return None
        return struct(self.record, self.record.settable()).read(value, where)
