"""Small answers about slices, for programs that know a name and need a number, or the keys behind it."""

from typing import Annotated, Any

from planetlab.both import forms, rights
from planetlab.both.getting import must_see
from planetlab.calls import Call
from planetlab.filters import ALL, AmongValues, Compare, Condition, Filter, Query, both, query
from planetlab.methods import Api, Role
from planetlab.records.nodes import NODE
from planetlab.records.persons import KEY, PERSON
from planetlab.records.slices import SLICE
from planetlab.records.tags import SLICE_TAG
from planetlab.registry.store import Row
from planetlab.shapes import ListOf, Struct
from slice_authority.methods.slices import SliceKey, find

api = Api()

_PERSONS = (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.ANONYMOUS)
Resolved = Annotated[
    list[Row], ListOf((Struct({name: forms.of(SLICE, name) for name in ("slice_id", "name", "expires")}),))
]
_KEY_FIELDS = ("slice_id", "name", "person_id", "email", "key")
SliceKeys = Annotated[
    list[Row],
    ListOf(
        (
            Struct(
                {
                    "slice_id": forms.of(SLICE, "slice_id"),
                    "name": forms.of(SLICE, "name"),
                    "person_id": forms.of(PERSON, "person_id"),
                    "email": forms.of(PERSON, "email"),
                    "key": forms.of(KEY, "key"),
                }
            ),
        )
    ),
]
Found = Annotated[dict[str, Any], forms.STRUCT]


@api.method(*_PERSONS, reads=True, example=(["princeton_codeen"],))
def ResolveSlices(
    call: Call, slice_filter: Annotated[Any, forms.wanted(SLICE, scalars="string int")] = None
) -> Resolved:
    """Give number, name and expiry of slices, those whose time is over included."""
    return call.store.rows(SLICE, query(SLICE, slice_filter), ("slice_id", "name", "expires"))


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.NODE, reads=True)
def GetSliceKeys(
    call: Call,
    slice_filter: Annotated[Any, forms.wanted(SLICE)] = None,
    return_fields: Annotated[Any, forms.RETURN_FIELDS] = None,
) -> SliceKeys:
    """List the keys of slices' members, one row per slice, member and key; accounts that are disabled are told too.

    Persons who are no admins: of their own slices, and as PI of their sites'. Without ``return_fields``, or with an
    empty list, all five fields are told; names of others are ignored.
    """
    wanted = [name for name in return_fields or _KEY_FIELDS if name in _KEY_FIELDS]
    asked = query(SLICE, slice_filter).also(both(rights.near_slices(call), call.store.live(SLICE)))
    found = []
    for one in call.store.rows(SLICE, asked, ("slice_id", "name", "person_ids")):
        people = {row["person_id"]: row["email"] for row in _people(call, one["person_ids"], ALL)}
        for key in call.store.rows(KEY, AmongValues("person_id", tuple(people)), ("person_id", "key")):
            whole = {**one, **key, "email": people[key["person_id"]]}
            found.append({name: whole[name] for name in wanted})
    return found


@api.method(*_PERSONS, reads=True)
def RetrieveSlicePersonKeys(
    call: Call, slice_id_or_name: SliceKey, person_filter: Annotated[Any, Filter(PERSON)] = None
) -> Found:
    """Give the keys of a slice's members by address, of those that fit a filter."""
    one = find(call, slice_id_or_name)
    asked = person_filter if isinstance(person_filter, Query) else Query()
    must_see(call, PERSON, asked)
    found: dict[str, list[str]] = {}
    people = {row["person_id"]: row["email"] for row in _people(call, one["person_ids"], asked.where)}
    for key in call.store.rows(KEY, AmongValues("person_id", tuple(people)), ("person_id", "key")):
        found.setdefault(people[key["person_id"]], []).append(key["key"])
    return found


@api.method(*_PERSONS, reads=True)
def RetrieveSliceSliverKeys(
    call: Call, slice_id_or_name: SliceKey, node_filter: Annotated[Any, Filter(NODE)] = None
) -> Found:
    """Give the keys that a slice's slivers made for themselves, by host name, of nodes that fit a filter."""
    one = find(call, slice_id_or_name)
    asked = node_filter if isinstance(node_filter, Query) else Query()
    must_see(call, NODE, asked)
    nodes = call.store.rows(NODE, asked.also(AmongValues("node_id", tuple(one["node_ids"]))), ("node_id", "hostname"))
    names = {row["node_id"]: row["hostname"] for row in nodes}
    said = both(Compare("slice_id", "=", one["slice_id"]), Compare("tagname", "=", "ssh_key"))
    tags = call.store.rows(SLICE_TAG, said, ("node_id", "value"))
    return {names[tag["node_id"]]: tag["value"] for tag in tags if tag["node_id"] in names}


def _people(call: Call, numbers: list[int], more: Condition) -> list[Row]:
    return call.store.rows(PERSON, both(AmongValues("person_id", tuple(numbers)), more), ("person_id", "email"))
