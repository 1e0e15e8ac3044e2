"""Groups of nodes: a group's members are the nodes whose tag of its type has exactly its value."""

from typing import Annotated

from planetlab.both import forms, getting, writing
from planetlab.calls import Call
from planetlab.errors import DatabaseError
from planetlab.filters import Compare
from planetlab.methods import Api, Role
from planetlab.records.nodes import NODE_GROUP
from planetlab.records.tags import NODE_TAG, SLICE_TAG, TAG_TYPE
from planetlab.registry.store import Row

api = Api()

GroupKey = Annotated[int | str, forms.id_or_name(NODE_GROUP)]
_CHANGES = ("groupname", "value")

getting.declare(
    api,
    getting.Get(
        "NodeGroups",
        NODE_GROUP,
        (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE, Role.ANONYMOUS),
        forms.wanted(NODE_GROUP),
        "nodegroup_filter",
        "List groups of nodes with the tag that makes each, and their members.",
        example=([{"tagname": "arch"}], ["groupname", "value", "node_ids"]),
    ),
)


@api.method(Role.ADMIN, example=("alphas", "deployment", "alpha"))
def AddNodeGroup(
    call: Call,
    groupname: Annotated[str, forms.of(NODE_GROUP, "groupname")],
    tag_type_id_or_tagname: Annotated[int | str, forms.id_or_name(TAG_TYPE)],
    value: Annotated[str, forms.of(NODE_TAG, "value")],
) -> int:
    """Make a group of the nodes whose tag of this type has exactly this value. A name that is taken gives fault 106."""
    kind = call.store.find(TAG_TYPE, tag_type_id_or_tagname, ("tag_type_id",))
    fields = {"groupname": groupname, "tag_type_id": kind["tag_type_id"], "value": value}
    return writing.add(call.store, NODE_GROUP, fields, "groupname")


@api.method(Role.ADMIN)
def UpdateNodeGroup(
    call: Call,
    nodegroup_id_or_name: GroupKey,
    nodegroup_fields: Annotated[Row, forms.struct(NODE_GROUP, _CHANGES)],
) -> int:
    """Rename a group, or change the value that makes its members; other fields are ignored."""
    group = call.store.find(NODE_GROUP, nodegroup_id_or_name, ("nodegroup_id",))
    given = writing.sort_out(NODE_GROUP, nodegroup_fields, _CHANGES, where="nodegroup_fields")
    writing.update(call.store, NODE_GROUP, group["nodegroup_id"], given.native, "nodegroup_fields")
    return 1


@api.method(Role.ADMIN)
def DeleteNodeGroup(call: Call, node_group_id_or_name: GroupKey) -> int:
    """Delete a group and its links to configuration files; the nodes keep their tags.

    Refused (106) while a slice has tags for the group.
    """
    group = call.store.find(NODE_GROUP, node_group_id_or_name, ("nodegroup_id",))
    tag = call.store.row(SLICE_TAG, Compare("nodegroup_id", "=", group["nodegroup_id"]), ("slice_tag_id",))
    if tag is not None:
        raise DatabaseError(f"it is in use: slice tag {tag['slice_tag_id']} refers to it")
    writing.remove(call.store, NODE_GROUP, group["nodegroup_id"])
    return 1
