"""Tags of sites, persons, nodes and interfaces: four methods each, from a table. Slices' tags are elsewhere."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from planetlab.both import forms, getting, tagging
from planetlab.both.getting import Narrow
from planetlab.calls import Call
from planetlab.methods import Api, Argument, Method, Role
from planetlab.records.fields import Record
from planetlab.records.nodes import INTERFACE, NODE
from planetlab.records.persons import PERSON
from planetlab.records.sites import SITE
from planetlab.records.tags import INTERFACE_TAG, NODE_TAG, PERSON_TAG, SITE_TAG, TAG_TYPE
from planetlab.shapes import Of, Shape

_WRITERS = (Role.ADMIN, Role.PI, Role.TECH, Role.USER)


@frozen
class Tagged:
    """One noun with tags: who reads and deletes them, and how Add names the thing."""

    record: Record
    tags: Record
    argument: str
    names_it: Shape
    readers: tuple[Role, ...]
    removers: tuple[Role, ...]


_ALL = (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE)
_NO_TECHS = (Role.ADMIN, Role.PI, Role.USER)
SITES = Tagged(
    SITE, SITE_TAG, "site_id", forms.of(SITE, "site_id"), (Role.ADMIN, Role.PI, Role.USER, Role.NODE), _NO_TECHS
)
PERSONS = Tagged(
    PERSON,
    PERSON_TAG,
    "person_id",
    forms.of(PERSON, "person_id"),
    (Role.ADMIN, Role.PI, Role.USER, Role.TECH),
    _NO_TECHS,
)
NODES = Tagged(NODE, NODE_TAG, "node_id", forms.id_or_name(NODE), _ALL, _WRITERS)
INTERFACES = Tagged(INTERFACE, INTERFACE_TAG, "interface_id", forms.of(INTERFACE, "interface_id"), _ALL, _WRITERS)


def writing(kind: Tagged) -> Api:
    """The methods that change tags of one noun."""
    api = Api()
    for method in (_add(kind), _update(kind), _delete(kind)):
        api.add(method)
    return api


def reading(kind: Tagged, narrow: Narrow = getting.everything) -> Api:
    """The method that lists tags of one noun; ``narrow`` says which of them a caller sees."""
    api = Api()
    noun = kind.record.name.lower()
    getting.declare(
        api,
        getting.Get(
            f"{kind.tags.name}s",
            kind.tags,
            kind.readers,
            forms.wanted(kind.tags, "id", "int"),
            f"{noun}_tag_filter",
            f"List tags of {noun}s, by number or by a filter.",
            narrow=narrow,
        ),
    )
    return api


def _add(kind: Tagged) -> Method:
    def body(call: Call, key: int | str, tag_type: int | str, value: str) -> int:
        thing: dict[str, Any] = call.store.find(kind.record, key)
        return tagging.add(call, kind.record, thing, call.store.find(TAG_TYPE, tag_type), value)

    return Method(
        name=f"Add{kind.tags.name}",
        roles=frozenset(_WRITERS),
        accepts=(
            Argument(kind.argument, kind.names_it),
            Argument("tag_type_id_or_name", forms.id_or_name(TAG_TYPE)),
            Argument("value", forms.of(kind.tags, "value")),
        ),
        returns=Of(int),
        doc=f"Tag a {kind.record.name.lower()}: one tag of each kind, by admins and whom the kind of tag allows.",
        body=body,
    )


def _update(kind: Tagged) -> Method:
    return Method(
        name=f"Update{kind.tags.name}",
        roles=frozenset(_WRITERS),
        accepts=(_number(kind), Argument("value", forms.of(kind.tags, "value"))),
        returns=Of(int),
        doc=f"Give a tag of a {kind.record.name.lower()} another value; who may add it may.",
        body=_changing(kind.record),
    )


def _delete(kind: Tagged) -> Method:
    def body(call: Call, tag_id: int) -> int:
        return tagging.delete(call, kind.record, tag_id)

    return Method(
        name=f"Delete{kind.tags.name}",
        roles=frozenset(kind.removers),
        accepts=(_number(kind),),
        returns=Of(int),
        doc=f"Take a tag from a {kind.record.name.lower()}; who may add it may.",
        body=body,
    )


def _changing(record: Record) -> Callable[[Call, int, str], int]:
    return lambda call, tag_id, value: tagging.change(call, record, tag_id, value)


def _number(kind: Tagged) -> Argument:
    return Argument(kind.tags.key, forms.of(kind.tags, kind.tags.key))
