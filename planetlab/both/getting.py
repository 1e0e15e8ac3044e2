"""Every Get method that lists rows is a row here: what selects, what is hidden from whom."""

from collections.abc import Callable, Iterable
from typing import Any

from attrs import frozen

from planetlab import filters
from planetlab.both import forms
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.filters import ALL, AmongValues, Condition, Query, both
from planetlab.methods import Api, Argument, Method, Role
from planetlab.records.fields import Record
from planetlab.registry.store import Row
from planetlab.shapes import Shape

Narrow = Callable[[Call], Condition]


def everything(call: Call) -> Condition:
    """Whoever may call sees every row."""
    return ALL


@frozen
class Get:
    """One listing: ``Get<plural>(auth, filter, return_fields)``; of what is found ``narrow`` says what is seen."""

    plural: str
    record: Record
    roles: tuple[Role, ...]
    accepts: Shape
    argument: str
    says: str
    narrow: Narrow = everything
    names_as: str = ""
    returns: Shape | None = None
    fields: bool = True
    example: tuple[Any, ...] = ()


def declare(api: Api, *gets: Get) -> None:
    """Take each listing up as a method."""
    for get in gets:
        api.add(_method(get))


def _method(get: Get) -> Method:
    def body(call: Call, said: Any = None, return_fields: list[str] | None = None) -> list[Row]:
        query = filters.query(get.record, said, get.names_as).also(call.store.live(get.record))
        return answered(call, get.record, query, return_fields, get.narrow(call))

    accepts = [Argument(get.argument, get.accepts, optional=True)]
    if get.fields:
        accepts.append(Argument("return_fields", forms.RETURN_FIELDS, optional=True))
    return Method(
        name=f"Get{get.plural}",
        roles=frozenset(get.roles),
        accepts=tuple(accepts),
        returns=get.returns or forms.rows(get.record),
        doc=get.says,
        body=body,
        reads=True,
        example=get.example,
    )


def answered(
    call: Call, record: Record, query: Query, return_fields: Iterable[str] | None = None, narrow: Condition = ALL
) -> list[Row]:
    """As `listed`; where the answer is only to be sent, it is text already."""
    if not call.store.for_wire:
        return listed(call, record, query, return_fields, narrow)
    must_see(call, record, query)
    wanted = shown(record, return_fields, call.is_admin)
    return call.store.written(record, _seen(call, record, query, narrow), wanted)


def listed(
    call: Call, record: Record, query: Query, return_fields: Iterable[str] | None = None, narrow: Condition = ALL
) -> list[Row]:
    """The rows that are asked for and may be seen, each with the fields that are asked for and may be seen."""
    must_see(call, record, query)
    wanted = shown(record, return_fields, call.is_admin)
    return call.store.rows(record, _seen(call, record, query, narrow), wanted)


def _seen(call: Call, record: Record, query: Query, narrow: Condition) -> Query:
    """What the caller sees of the rows that ``query`` asks for; ``-LIMIT`` and ``-OFFSET`` count hidden ones too."""
    if narrow == ALL or (query.limit is None and not query.offset):
        return query.also(narrow)
    part = call.store.rows(record, query, (record.key,))
    return Query(both(AmongValues(record.key, tuple(row[record.key] for row in part)), narrow), query.sort)


def must_see(call: Call, record: Record, query: Query) -> None:
    """Refuse to compare what the caller does not see: whether a guess fits would tell it."""
    hidden = sorted(
        name for name in filters.fields_of(query) if record.has(name) and not _visible(record, name, call.is_admin)
    )
    if hidden:
        raise BadArgument(f"{record.name} has no field {', '.join(hidden)} for you", "filter")


def shown(record: Record, return_fields: Iterable[str] | None, is_admin: bool) -> tuple[str, ...]:
    """The fields of an answer. Raises `BadArgument` naming all that ``record`` does not have."""
    if return_fields is None:
        asked = record.names()
    else:
        asked = tuple(dict.fromkeys(return_fields))
        unknown = [name for name in asked if not record.has(name) and name not in record.tags]
        if unknown:
            raise BadArgument(f"{record.name} has no field {', '.join(unknown)}", "return_fields")
    return tuple(name for name in asked if _visible(record, name, is_admin))


def _visible(record: Record, name: str, is_admin: bool) -> bool:
    if not record.has(name):
        return True
    said = record.field(name)
    return not said.never and (is_admin or not said.only_admin)
