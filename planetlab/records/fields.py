"""What a record and its fields are: the one table from which shapes, filters, checks and statements follow."""

from collections.abc import Callable
from typing import Any

from attrs import evolve, frozen

Rule = Callable[[Any], Any]
"""Gives a value in the form that is kept, or raises `BadArgument` with what was expected."""


@frozen
class Links:
    """Where a list field's values stand: the rows of ``source`` whose ``own`` column is the record's key."""

    source: str
    own: str
    other: str
    order: str = ""


@frozen
class Field:
    """One field: ``kind`` is str, int, bool or float; limits are inclusive, those of text in UTF-8 bytes.

    ``derived`` fields stand in the record's view but cannot be written; a field with ``links`` is a list of ``kind``.
    ``wire`` is the type expression's name of the field when it differs from ``Record.field``. ``refers`` is the word
    list that a value must be in; ``rule`` brings a value into the kept form. ``unique`` holds among live rows, and with
    ``per_origin`` among ours only: a peer may know the same person. ``only_admin`` fields are left out of
    what others see; ``never`` ones out of every answer. A filter may ask for an ``or_text`` one by text, too, which is
    compared as the database reads it. A list field that is ``as_one`` is declared as one value, as the original has
    two of them: a filter without a prefix takes it so.
    """

    name: str
    kind: type
    min: float | None = None
    max: int | None = None
    nil: bool = False
    required: bool = False
    derived: bool = False
    readonly: bool = False
    links: Links | None = None
    rule: Rule | None = None
    refers: str = ""
    unique: bool = False
    per_origin: bool = False
    only_admin: bool = False
    never: bool = False
    or_text: bool = False
    as_one: bool = False
    default: Any = None

    @property
    def stored(self) -> bool:
        """Whether the record's table has a column for it."""
        return not self.derived and self.links is None

    @property
    def settable(self) -> bool:
        """Whether Add and Update may be offered it at all."""
        return self.stored and not self.readonly


def text(name: str, max: int | None = None, **more: Any) -> Field:  # noqa: A002  # the word of the catalogue
    """A text field of at most ``max`` bytes."""
    return Field(name, str, max=max, **more)


def number(name: str, **more: Any) -> Field:
    """An int field of 32 bits."""
    return Field(name, int, **more)


def flag(name: str, **more: Any) -> Field:
    """A boolean field."""
    return Field(name, bool, **more)


def real(name: str, **more: Any) -> Field:
    """A double field."""
    return Field(name, float, **more)


def moment(name: str, **more: Any) -> Field:
    """A time that only the registry writes: seconds since 1970, UTC, as an int."""
    return Field(name, int, readonly=True, **more)


def ids(name: str, source: str, own: str, other: str, order: str = "", **more: Any) -> Field:
    """A list of numbers taken from ``source``."""
    return Field(name, int, links=Links(source, own, other, order), **more)


def words(name: str, source: str, own: str, other: str, order: str = "", **more: Any) -> Field:
    """A list of texts taken from ``source``."""
    return Field(name, str, links=Links(source, own, other, order), **more)


@frozen
class Record:
    """One noun: its table, the view it is read from, its keys, its fields and the tags that show as fields.

    ``tag_table`` holds its tags; ``soft`` names the flag that marks a deleted row which is kept. ``foreign`` is the
    field with the peer's number for it, when peers' objects are kept beside ours. A ``strict`` record refuses unknown
    fields where a lenient one drops them. ``until`` is the field with the time after which a row is no longer seen.
    """

    name: str
    table: str
    key: str
    fields: tuple[Field, ...]
    view: str = ""
    name_key: str = ""
    tags: tuple[str, ...] = ()
    tag_table: str = ""
    soft: str = ""
    foreign: str = ""
    until: str = ""
    strict: bool = False

    @property
    def source(self) -> str:
        """What it is read from."""
        return self.view or self.table

    def field(self, name: str) -> Field:
        """The field of this name. Raises `KeyError`."""
        return self._by_name()[name]

    def has(self, name: str) -> bool:
        """Whether there is a field of this name."""
        return name in self._by_name()

    def names(self) -> tuple[str, ...]:
        """All fields that an answer may hold, in order."""
        return tuple(said.name for said in self.fields if not said.never)

    def settable(self, but: str = "") -> tuple[str, ...]:
        """The fields that Add and Update offer, without those named in ``but``."""
        return tuple(said.name for said in self.fields if said.settable and said.name not in (self.key, *but.split()))

    def __attrs_post_init__(self) -> None:
        _INDEX[self.name] = {said.name: said for said in self.fields}

    def _by_name(self) -> dict[str, Field]:
        return _INDEX[self.name]


_INDEX: dict[str, dict[str, Field]] = {}


def changed(said: Field, **more: Any) -> Field:
    """``said`` with other properties."""
    return evolve(said, **more)
