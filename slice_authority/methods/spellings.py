"""The spellings of version 3, by names instead of numbers: each says what the method of today does."""

from collections.abc import Callable
from typing import Annotated

from planetlab.both import forms, rights
from planetlab.calls import Call
from planetlab.errors import BadArgument, NotFound
from planetlab.filters import ALL, AmongValues, Compare, Condition, both, query
from planetlab.methods import NOT_NIL, Api, Role
from planetlab.records.nodes import NODE
from planetlab.records.persons import PERSON
from planetlab.records.slices import SLICE
from planetlab.records.tags import SLICE_TAG
from planetlab.registry.store import Row, Store
from planetlab.shapes import Either, ListOf, Of
from slice_authority.methods import placement, slices
from slice_authority.methods.persons import visible

api = Api()
old = Api()

SliceName = Annotated[str, forms.of(SLICE, "name")]
SliceNames = Annotated[list[str], ListOf((forms.of(SLICE, "name"),))]
MaybeNames = Annotated[list[str] | None, ListOf((forms.of(SLICE, "name"),)), NOT_NIL]
InfoNames = Annotated[list[str] | None, ListOf((Either((forms.of(SLICE, "name"),)),)), NOT_NIL]
Hostnames = Annotated[list[str], ListOf((forms.of(NODE, "hostname"),))]
Emails = Annotated[list[str], ListOf((forms.of(PERSON, "email"),))]
Maybe = Annotated[bool | None, Of(bool, nil=True)]
Prefix = Annotated[str | None, Of(str, nil=True)]
Expires = Annotated[int, forms.of(SLICE, "expires")]
Slices = Annotated[list[Row], forms.rows(SLICE)]
Fields = slices.NewSlice
ALL_THREE = (Role.ADMIN, Role.PI, Role.USER)
TWO = (Role.ADMIN, Role.PI)


@api.method(*TWO, status="deprecated")
def SliceCreate(call: Call, name: SliceName, slice_fields: Fields = {}) -> int:  # noqa: B006  # never changed
    """Make a slice; as AddSlice."""
    return slices.make(call, {**slice_fields, "name": name})


@api.method(*TWO, status="deprecated")
def SliceDelete(call: Call, slice_name: SliceName) -> int:
    """Delete a slice; as DeleteSlice."""
    return slices.DeleteSlice(call, slice_name)


@api.method(*ALL_THREE, status="deprecated")
def SliceUpdate(
    call: Call,
    slice_name: SliceName,
    url: Annotated[str | None, forms.of(SLICE, "url")],
    description: Annotated[str | None, forms.of(SLICE, "description")],
) -> int:
    """Say what a slice is for; as UpdateSlice."""
    slices.change_named(call, slice_name, {"url": url, "description": description})
    return 1


@api.method(*ALL_THREE, status="deprecated")
def SliceRenew(call: Call, slice_name: SliceName, slice_expires: Expires) -> int:
    """Make a slice live longer; as UpdateSlice with ``expires``."""
    slices.change_named(call, slice_name, {"expires": slice_expires})
    return 1


@old.method(*ALL_THREE, status="removed")
def SliceSetInstantiationMethod(
    call: Call, slice_name: SliceName, method: Annotated[str, forms.of(SLICE, "instantiation")]
) -> int:
    """Say who makes a slice's slivers, as version 3 said it; as UpdateSlice with ``instantiation``."""
    slices.change_named(call, slice_name, {"instantiation": method})
    return 1


@api.method(*ALL_THREE, status="deprecated")
def SliceNodesAdd(call: Call, slice_name: SliceName, nodes_list: Hostnames) -> int:
    """Put a slice on nodes; as AddSliceToNodes."""
    return placement.AddSliceToNodes(call, slice_name, nodes_list)


@api.method(*ALL_THREE, status="deprecated")
def SliceNodesDel(call: Call, slice_name: SliceName, nodes_list: Hostnames) -> int:
    """Take a slice off nodes; as DeleteSliceFromNodes."""
    return placement.DeleteSliceFromNodes(call, slice_name, nodes_list)


@api.method(*ALL_THREE, status="deprecated", reads=True)
def SliceNodesList(call: Call, slice_name: SliceName) -> Hostnames:
    """List the host names of a slice's nodes that the caller may see; none for a slice that is not there."""
    one = _live(call.store, slice_name)
    return [] if one is None else _hostnames(call.store, one, rights.seen_nodes(call))


@api.method(*TWO, status="deprecated")
def SliceUserAdd(call: Call, slice_name: SliceName, user_list: Emails) -> int:
    """Make persons members of a slice."""
    return _change_members(call, slice_name, user_list, slices.AddPersonToSlice)


@api.method(*TWO, status="deprecated")
def SliceUserDel(call: Call, slice_name: SliceName, user_list: Emails) -> int:
    """Take persons out of a slice."""
    return _change_members(call, slice_name, user_list, slices.DeletePersonFromSlice)


@old.method(*TWO, status="removed")
def SliceUsersAdd(call: Call, slice_name: SliceName, user_list: Emails) -> int:
    """Make persons members of a slice, as version 3 spelt it."""
    return _change_members(call, slice_name, user_list, slices.AddPersonToSlice)


@old.method(*TWO, status="removed")
def SliceUsersDel(call: Call, slice_name: SliceName, user_list: Emails) -> int:
    """Take persons out of a slice, as version 3 spelt it."""
    return _change_members(call, slice_name, user_list, slices.DeletePersonFromSlice)


@api.method(*ALL_THREE, status="deprecated", reads=True)
def SliceUsersList(call: Call, slice_name: SliceName) -> Emails:
    """List the addresses of a slice's members that the caller may see; none for a slice that is not there."""
    one = _live(call.store, slice_name)
    if one is None:
        return []
    seen = both(AmongValues("person_id", tuple(one["person_ids"])), visible(call))
    return [row["email"] for row in call.store.rows(PERSON, seen, ("email",))]


@api.method(*ALL_THREE, status="deprecated", reads=True)
def SliceInfo(
    call: Call, slice_name_list: InfoNames = None, return_users: Maybe = None, return_nodes: Maybe = None
) -> Slices:
    """Tell all about slices, with addresses and host names in place of numbers, or without them if so said.

    Only the caller's own and a PI's sites' slices are told; when there is none of the names at all, it is refused.
    """
    found = _own_slices(call, slice_name_list)
    for one in found:
        people, nodes = one.pop("person_ids"), one.pop("node_ids")
        if return_users in (None, True):
            one["users"] = _emails(call.store, people)
        if return_nodes in (None, True):
            one["nodes"] = _hostnames(call.store, {"node_ids": nodes})
    return found


@api.method(*ALL_THREE, status="deprecated", reads=True)
def SliceExtendedInfo(
    call: Call, slice_name_list: MaybeNames = None, return_users: Maybe = None, return_nodes: Maybe = None
) -> Slices:
    """Tell all about slices, with structs of persons, nodes and attributes in place of numbers."""
    found = _own_slices(call, slice_name_list)
    for one in found:
        people = AmongValues("person_id", tuple(one.pop("person_ids")))
        nodes = AmongValues("node_id", tuple(one.pop("node_ids")))
        if return_users in (None, True):
            one["users"] = call.store.rows(PERSON, people, ("person_id", "email"))
        if return_nodes in (None, True):
            one["nodes"] = call.store.rows(NODE, nodes, ("node_id", "hostname"))
        tags = AmongValues("slice_tag_id", tuple(one.pop("slice_tag_ids")))
        rows = call.store.rows(SLICE_TAG, tags, ("tagname", "value"))
        one["attributes"] = [{"name": row["tagname"], "value": row["value"]} for row in rows]
    return found


@api.method(*ALL_THREE, status="deprecated", reads=True)
def SliceListNames(call: Call, prefix: Prefix = None) -> SliceNames:
    """List the names of slices, of those that begin with ``prefix`` if one is given, in whatever case."""
    wanted = query(SLICE, [f"{prefix}*"] if prefix else None)
    found = call.store.rows(SLICE, wanted.also(call.store.live(SLICE)), ("name",))
    if not found:
        raise NotFound("No such slice")
    return [row["name"] for row in found]


@api.method(*ALL_THREE, status="deprecated", reads=True)
def SliceListUserSlices(call: Call, email: Annotated[str, forms.of(PERSON, "email")]) -> SliceNames:
    """List the names of a person's slices; none for a person the caller may not see."""
    person = call.store.row(PERSON, both(Compare("email", "=", email), visible(call)), ("slice_ids",))
    if person is None:
        return []
    his = both(AmongValues("slice_id", tuple(person["slice_ids"])), call.store.live(SLICE))
    return [row["name"] for row in call.store.rows(SLICE, his, ("name",))]


def _change_members(call: Call, name: str, emails: list[str], change: Callable[[Call, str, str], int]) -> int:
    for email in emails:
        if call.store.row(PERSON, Compare("email", "=", email), ("person_id",)) is None:
            raise BadArgument(f"user {email!r} does not exist", "user_list")  # old clients search for these words
        change(call, email, name)
    return 1


def _live(store: Store, name: str) -> Row | None:
    return store.row(SLICE, both(Compare("name", "=", name), store.live(SLICE)))


def _hostnames(store: Store, one: Row, seen: Condition = ALL) -> list[str]:
    rows = store.rows(NODE, both(AmongValues("node_id", tuple(one["node_ids"])), seen), ("hostname",))
    return [row["hostname"] for row in rows]


def _emails(store: Store, people: list[int]) -> list[str]:
    return [row["email"] for row in store.rows(PERSON, AmongValues("person_id", tuple(people)), ("email",))]


def _own_slices(call: Call, names: list[str] | None) -> list[Row]:
    wanted = both(AmongValues("name", tuple(names)) if names else ALL, call.store.live(SLICE))
    found: list[Row] = call.store.rows(SLICE, both(rights.near_slices(call), wanted))
    if not found and call.store.row(SLICE, wanted, ("slice_id",)) is None:
        raise NotFound("No such slice")
    return found
