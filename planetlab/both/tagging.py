"""Who may write which tag, and setting one: the same rules for tag methods, accessors and tags given as fields."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from planetlab.both import rights
from planetlab.both.callers import NodeCaller, PersonCaller
from planetlab.calls import Call
from planetlab.errors import BadArgument, Conflict
from planetlab.filters import Compare
from planetlab.methods import Role
from planetlab.records.fields import Record
from planetlab.records.nodes import INIT_SCRIPT, NODE
from planetlab.records.slices import SLICE
from planetlab.records.tags import TAG_TYPE
from planetlab.registry import tags
from planetlab.registry.store import Row, Store


@frozen
class Scope:
    """Where a slice tag counts: the whole slice, one node's sliver, or the slivers on a group's nodes."""

    node_id: int | None = None
    nodegroup_id: int | None = None


def must_write(call: Call, record: Record, thing: Row, kind: Row, scope: Scope = Scope()) -> None:  # frozen
    """Raise `Forbidden` unless the caller may write tags of this kind on ``thing``."""
    if call.is_admin:
        return
    if record.name == "Person":
        own = isinstance(call.caller, PersonCaller) and call.caller.person_id == thing["person_id"]
        call.must(own, "only one's own tags may be written")
        return
    allowed = set(kind["roles"]) & {role.value for role in call.roles}
    call.must(bool(allowed), f"tag {kind['tagname']} is written by {', '.join(kind['roles']) or 'admins only'}")
    if record.name == "Slice":
        _must_write_on_slice(call, thing, allowed, scope)
    else:
        _must_be_near(call, record, thing)


def _must_be_near(call: Call, record: Record, thing: Row) -> None:
    site_id, node_id = thing.get("site_id"), thing.get("node_id")
    if record.name == "Interface":
        site_id = call.store.find(NODE, thing["node_id"], ("site_id",))["site_id"]
    if isinstance(call.caller, NodeCaller):
        call.must(record.name == "Node" and node_id == call.caller.node_id, "a node writes only its own tags")
    else:
        call.must(
            site_id is not None and rights.at_site(call, site_id), f"not at the site of this {record.name.lower()}"
        )


def _must_write_on_slice(call: Call, one: Row, allowed: set[str], scope: Scope) -> None:
    call.must(scope.nodegroup_id is None, "only admins write tags for a node group")
    if isinstance(call.caller, NodeCaller):
        call.must(scope.node_id == call.caller.node_id, "a node writes only tags of its own slivers")
        call.must(call.caller.node_id in one["node_ids"], f"slice {one['name']} is not on this node")
        return
    on_it = scope.node_id is None or scope.node_id in one["node_ids"]
    call.must(on_it, f"slice {one['name']} is not on node {scope.node_id}")
    assert isinstance(call.caller, PersonCaller)
    member = Role.USER.value in allowed and call.caller.person_id in one["person_ids"]
    pi = Role.PI.value in allowed and rights.at_site(call, one["site_id"])
    call.must(member or pi, f"neither in slice {one['name']} nor a PI of its site")


def put_exposed(call: Call, record: Record, thing: Row, said: Mapping[str, Any], checked: bool) -> None:
    """Set the tags that came as fields of a struct; on a new object (not ``checked``) whoever makes it may."""
    for name, value in said.items():
        kind = call.store.find(TAG_TYPE, name)
        if checked:
            there = tags.first(call.store, record, thing[record.key], name) or {}
            must_write(call, record, thing, kind, _scope(record, there))
        if record.name == "Slice":
            must_fit(call.store, kind, value)
        tags.put(call.store, record, thing[record.key], name, value, kind, told=False)


def add(call: Call, record: Record, thing: Row, kind: Row, value: str) -> int:
    """Add the one tag of its kind to an object; a second one is refused."""
    if tags.first(call.store, record, thing[record.key], kind["tagname"]) is not None:
        raise Conflict(f"{record.name} {thing[record.key]} has a tag {kind['tagname']} already; update that one")
    must_write(call, record, thing, kind)
    table = tags.OF[record.name]
    values = {record.key: thing[record.key], "tag_type_id": kind["tag_type_id"], "value": value}
    number: int = call.store.insert(table, values)
    call.store.note(f"{table.name} {number} created", **{table.name: number, record.name: thing[record.key]})
    return number


def add_to_slice(call: Call, one: Row, kind: Row, value: str, scope: Scope) -> int:
    """Add a tag to a slice in a scope; the same value twice in one scope is refused, another value is not."""
    table = tags.OF["Slice"]
    must_write(call, SLICE, one, kind, scope)
    must_fit(call.store, kind, value)
    if scope.node_id is not None and scope.node_id not in one["node_ids"] and not is_system(call.store, one):
        raise BadArgument(f"slice {one['name']} is not on node {scope.node_id}", "node_id_or_hostname")
    there = tags.alike(call.store, one["slice_id"], kind["tag_type_id"], value)
    if any(_meet(scope, tag) for tag in there):
        said = f"{kind['tagname']}={value!r} is already assigned to slice {one['name']}"
        raise Conflict(f"Slice attribute already exists: {said}")  # old clients search for these words
    number: int = call.store.insert(
        table,
        {
            "slice_id": one["slice_id"],
            "tag_type_id": kind["tag_type_id"],
            "value": value,
            "node_id": scope.node_id,
            "nodegroup_id": scope.nodegroup_id,
        },
    )
    call.store.note(f"SliceTag {number} created", SliceTag=number, Slice=one["slice_id"])
    return number


def _meet(scope: Scope, tag: Row) -> bool:
    """Whether a tag of the same kind and value stands in the way of one in ``scope``; of the whole slice each does."""
    whole = scope == Scope()
    on_node = scope.node_id is not None and scope.node_id == tag["node_id"]
    return whole or on_node or (scope.nodegroup_id is not None and scope.nodegroup_id == tag["nodegroup_id"])


def must_fit(store: Store, kind: Row, value: str) -> None:
    """The value of tag ``initscript`` names an enabled script."""
    if kind["tagname"] == "initscript":
        script = store.row(INIT_SCRIPT, Compare("name", "=", value), ("enabled",))
        if script is None or not script["enabled"]:
            raise BadArgument(f"no enabled init script is called {value!r}", "value")


def is_system(store: Store, one: Row) -> bool:
    """Whether a slice is on every node."""
    return tags.value(store, SLICE, one["slice_id"], "system") == "1"


def change(call: Call, record: Record, tag_id: int, value: str) -> int:
    """Give a tag another value."""
    tag, thing, kind, scope = _found(call, record, tag_id)
    must_write(call, record, thing, kind, scope)
    if record.name == "Slice":
        must_fit(call.store, kind, value)
    table = tags.OF[record.name]
    call.store.update(table, tag_id, {"value": value})
    call.store.note(f"{table.name} {tag_id} updated", **{table.name: tag_id, record.name: tag[record.key]})
    return 1


def delete(call: Call, record: Record, tag_id: int) -> int:
    """Take a tag away."""
    tag, thing, kind, scope = _found(call, record, tag_id)
    must_write(call, record, thing, kind, scope)
    table = tags.OF[record.name]
    call.store.remove(table, tag_id)
    call.store.note(f"{table.name} {tag_id} deleted", **{table.name: tag_id, record.name: tag[record.key]})
    return 1


def _found(call: Call, record: Record, tag_id: int) -> tuple[Row, Row, Row, Scope]:
    tag = call.store.find(tags.OF[record.name], tag_id)
    thing = call.store.find(record, tag[record.key])
    kind = call.store.find(TAG_TYPE, tag["tag_type_id"])
    return tag, thing, kind, _scope(record, tag)


def _scope(record: Record, tag: Row) -> Scope:
    return Scope(tag.get("node_id"), tag.get("nodegroup_id")) if record.name == "Slice" else Scope()
