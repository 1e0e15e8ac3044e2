"""Nouns that only admins keep, and links that they make: Add, Update and Delete methods as rows of tables."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from planetlab.both import forms, writing
from planetlab.calls import Call
from planetlab.methods import Api, Argument, Method, Role
from planetlab.records.fields import Record
from planetlab.registry.store import Row, Store
from planetlab.shapes import Of, Shape, Struct

ADMIN = frozenset({Role.ADMIN})
Check = Callable[[Store, Row, int | None], None]
"""Raises `BadArgument` unless a row with these fields may stand; the number is that of the row it replaces."""


def no_more(store: Store, row: Row, but: int | None) -> None:
    """What the table of fields says is all there is to check."""


@frozen
class Keep:
    """One noun: ``Add<one>(fields)``, ``Update<one>(key, fields)``, ``Delete<one>(key)``.

    ``updates_by`` and ``deletes_by`` are the key's argument and shape; ``check`` is what no single field can tell.
    """

    one: str
    record: Record
    says: str
    fields: str
    updates_by: tuple[str, Shape]
    deletes_by: tuple[str, Shape]
    check: Check = no_more
    adds: bool = True


def declare(api: Api, *kept: Keep) -> None:
    """Take the methods of each noun up."""
    for keep in kept:
        fields = Argument(keep.fields, forms.struct(keep.record, keep.record.settable()))
        updates, deletes = Argument(*keep.updates_by), Argument(*keep.deletes_by)
        if keep.adds:
            api.add(_method(f"Add{keep.one}", (fields,), f"Add {keep.says}; unknown fields are ignored.", _add(keep)))
        told = f"Change {keep.says}; only what is named is written, unknown fields are ignored."
        api.add(_method(f"Update{keep.one}", (updates, fields), told, _update(keep)))
        api.add(_method(f"Delete{keep.one}", (deletes,), f"Delete {keep.says}, with what hangs on it.", _delete(keep)))


def number(record: Record) -> tuple[str, Shape]:
    """A key that is the record's number, under its own name."""
    return record.key, forms.of(record, record.key)


def add(store: Store, keep: Keep, said: Row, **set_by_us: Any) -> int:
    """Check and write a row of this noun."""
    given = writing.sort_out(keep.record, said, keep.record.settable(), where=keep.fields)
    row = writing.checked(store, keep.record, {**given.native, **set_by_us}, where=keep.fields)
    keep.check(store, row, None)
    made: int = store.insert(keep.record, row)
    store.note(f"{keep.record.name} {made} created", **{keep.record.name: made})
    return made


def _add(keep: Keep) -> Callable[..., int]:
    return lambda call, said: add(call.store, keep, said)


def _update(keep: Keep) -> Callable[..., int]:
    def body(call: Call, key: int | str, said: Row) -> int:
        there = call.store.find(keep.record, key)
        given = writing.sort_out(keep.record, said, keep.record.settable(), where=keep.fields)
        row = writing.checked(call.store, keep.record, given.native, there[keep.record.key], keep.fields)
        keep.check(call.store, {**there, **row}, there[keep.record.key])
        call.store.update(keep.record, there[keep.record.key], row)
        call.store.note(
            f"{keep.record.name} {there[keep.record.key]} updated", **{keep.record.name: there[keep.record.key]}
        )
        return 1

    return body


def _delete(keep: Keep) -> Callable[..., int]:
    def body(call: Call, key: int | str) -> int:
        there = call.store.find(keep.record, key, (keep.record.key,))
        writing.remove(call.store, keep.record, there[keep.record.key])
        return 1

    return body


@frozen
class End:
    """One end of a link: whose number it is, under which argument, and whether a peer's will not do."""

    record: Record
    argument: str
    shape: Shape
    ours: bool = False


@frozen
class Link:
    """``Add<one>To<other>`` and ``Delete<one>From<other>``: a row of ``table`` that comes or goes; twice is as once."""

    one: str
    other: str
    table: str
    ends: tuple[End, End]
    says: str


def link(api: Api, *links: Link) -> None:
    """Take both methods of each link up."""
    for each in links:
        arguments = tuple(Argument(end.argument, end.shape) for end in each.ends)
        there = f"Link {each.says}; linking again changes nothing."
        gone = f"Unlink {each.says}; where there is no link, nothing is done."
        api.add(_method(f"Add{each.one}To{each.other}", arguments, there, _link(each, True)))
        api.add(_method(f"Delete{each.one}From{each.other}", arguments, gone, _link(each, False)))


def _link(said: Link, there: bool) -> Callable[..., int]:
    def body(call: Call, *keys: int | str) -> int:
        columns = {}
        for end, key in zip(said.ends, keys, strict=True):
            row = call.store.find(end.record, key)
            if end.ours:
                writing.must_be_ours(end.record, row)
            columns[end.record.key] = row[end.record.key]
        change = call.store.link if there else call.store.unlink
        change(said.table, **columns)
        first, second = (f"{end.record.name} {columns[end.record.key]}" for end in said.ends)
        verb = "linked to" if there else "unlinked from"
        call.store.note(f"{first} {verb} {second}", **{end.record.name: columns[end.record.key] for end in said.ends})
        return 1

    return body


def _method(name: str, accepts: tuple[Argument, ...], doc: str, body: Callable[..., Any]) -> Method:
    return Method(name, ADMIN, accepts, Of(int), doc, body)


def whole(record: Record) -> Struct:
    """A struct of any of the record's fields, as an argument: each is checked when it is there."""
    return Struct({name: forms.of(record, name) for name in record.names()}, name=f"{record.name}.fields")
