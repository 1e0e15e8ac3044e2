"""Accessors: a Get and a Set method per row of the table."""

from collections.abc import Callable
from typing import Any

from planetlab.both import forms, tagging
from planetlab.calls import Call
from planetlab.errors import NotFound
from planetlab.methods import Api, Argument, Method, Role
from planetlab.records.accessors import ACCESSORS, Accessor
from planetlab.records.catalogue import RECORDS
from planetlab.registry import tags
from planetlab.shapes import Either, Nil, Of

_READERS = frozenset({Role.ADMIN, Role.PI, Role.TECH, Role.USER, Role.NODE})


def api_of(half: str) -> Api:
    """The accessors that ``half`` (SA, MA or BOTH) answers."""
    api = Api()
    for row in ACCESSORS:
        if row.half == half:
            api.add(_getter(row))
            api.add(_setter(row))
    return api


def _getter(row: Accessor) -> Method:
    return Method(
        name=f"Get{row.noun}{row.suffix}",
        roles=_READERS,
        accepts=(Argument("id_or_name", forms.id_or_name(RECORDS[row.noun])),),
        returns=Either((Of(str), Nil())),
        doc=f"Give the value of tag {row.tag} of a {row.noun.lower()}; nil when it has none, or is not there.",
        body=_get(row),
        reads=True,
    )


def _setter(row: Accessor) -> Method:
    return Method(
        name=f"Set{row.noun}{row.suffix}",
        roles=frozenset(Role(name) for name in row.writers),
        accepts=(Argument("id_or_name", forms.id_or_name(RECORDS[row.noun])), Argument("value", Of(str))),
        returns=Nil(),
        doc=f"Set tag {row.tag} of a {row.noun.lower()}, whose rules on who may write tags hold; gives the new value.",
        body=_set(row),
    )


def _get(row: Accessor) -> Callable[[Call, int | str], str | None]:
    def body(call: Call, id_or_name: int | str) -> str | None:
        record = RECORDS[row.noun]
        try:
            thing = call.store.find(record, id_or_name, (record.key,))
        except NotFound:
            return tags.left(call.store, record, id_or_name, row.tag)
        return tags.value(call.store, record, thing[record.key], row.tag)

    return body


def _set(row: Accessor) -> Callable[[Call, int | str, str], str]:
    def body(call: Call, id_or_name: int | str, value: str) -> str:
        record = RECORDS[row.noun]
        thing: dict[str, Any] = call.store.find(record, id_or_name)
        kind = tags.kind(call.store, row.tag, row.category, row.writers)
        tagging.must_write(call, record, thing, kind)
        tags.put(call.store, record, thing[record.key], row.tag, value, kind)
        return value

    return body
