"""Tags of slices: for the whole slice, for one node's sliver, or for the slivers on a group's nodes."""

from typing import Annotated

from planetlab.both import forms, getting, tagging
from planetlab.calls import Call
from planetlab.errors import NotFound
from planetlab.methods import NOT_NIL, Api, Role
from planetlab.records.fields import Record
from planetlab.records.nodes import INIT_SCRIPT, NODE, NODE_GROUP
from planetlab.records.slices import SLICE
from planetlab.records.tags import SLICE_TAG, TAG_TYPE
from planetlab.shapes import Either, Nil
from slice_authority.methods.slices import SliceKey, find

api = Api()

TagId = Annotated[int, forms.of(SLICE_TAG, "slice_tag_id")]
TypeKey = Annotated[int | str, forms.id_or_name(TAG_TYPE)]
Value = Annotated[str, Either((forms.of(SLICE_TAG, "value"), forms.of(INIT_SCRIPT, "name")))]
NodeKey = Annotated[int | str | None, Either((*forms.id_or_name(NODE).shapes, Nil()))]
NOWHERE = 0  # the number of no node and no group
GroupKey = Annotated[int | str | None, forms.id_or_name(NODE_GROUP), NOT_NIL]

getting.declare(
    api,
    getting.Get(
        "SliceTags",
        SLICE_TAG,
        (Role.ADMIN, Role.PI, Role.USER, Role.NODE),
        forms.wanted(SLICE_TAG, "id"),
        "slice_tag_filter",
        "List tags of slices; ``name`` is the slice, ``tagname`` the kind.",
        example=([{"tagname": "vsys"}], ["name", "value"]),
    ),
)


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.NODE)
def AddSliceTag(
    call: Call,
    slice_id_or_name: SliceKey,
    tag_type_id_or_name: TypeKey,
    value: Value,
    node_id_or_hostname: NodeKey = None,
    nodegroup_id_or_name: GroupKey = None,
) -> int:
    """Tag a slice, or its sliver on one node, or its slivers on a node group's nodes.

    Several values of one kind may stand side by side; the same one twice in one place is refused. Who may: admins; and
    for roles that the kind of tag lists, members (user) and PIs of the site (pi); nodes for their own slivers.
    """
    one = find(call, slice_id_or_name)
    kind = call.store.find(TAG_TYPE, tag_type_id_or_name)
    node_id = _number(call, NODE, node_id_or_hostname)
    group_id = _number(call, NODE_GROUP, nodegroup_id_or_name)
    named = tagging.Scope(node_id if node_id_or_hostname else None, group_id if nodegroup_id_or_name else None)
    tagging.must_write(call, SLICE, one, kind, named)  # 0 and "" name no place to be refused for
    for record, key, number in (
        (NODE, node_id_or_hostname, node_id),
        (NODE_GROUP, nodegroup_id_or_name, group_id),
    ):
        if number == NOWHERE:
            call.store.find(record, key)
    return tagging.add_to_slice(call, one, kind, value, tagging.Scope(node_id, group_id))


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.NODE)
def UpdateSliceTag(call: Call, slice_tag_id: TagId, value: Value) -> int:
    """Give a slice's tag another value; who may add it may."""
    return tagging.change(call, SLICE, slice_tag_id, value)


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE)
def DeleteSliceTag(call: Call, slice_tag_id: TagId) -> int:
    """Take a slice's tag away; who may add it may."""
    return tagging.delete(call, SLICE, slice_tag_id)


def _number(call: Call, record: Record, key: int | str | None) -> int | None:
    """The number of a scope's node or group; `NOWHERE` for one that is not there, of which only who may write hears."""
    if key is None:
        return None
    try:
        number: int = call.store.find(record, key, (record.key,))[record.key]
    except NotFound:
        return NOWHERE
    return number
