"""Which nodes a slice is on."""

from typing import Annotated, Any

from planetlab.both import forms, rights, writing
from planetlab.calls import Call
from planetlab.failpoints import failpoint
from planetlab.filters import by_keys
from planetlab.methods import Api, Role
from planetlab.records.nodes import NODE
from planetlab.records.slices import SLICE
from planetlab.registry.store import Row
from planetlab.shapes import ListOf

api = Api()

SliceKey = Annotated[int | str, forms.id_or_name(SLICE)]
NodeKeys = Annotated[list[Any], ListOf((forms.id_or_name(NODE),))]
_NODE = ("node_id", "hostname", "site_id", "slice_ids_whitelist")


@api.method(Role.ADMIN, Role.PI, Role.USER)
def AddSliceToNodes(call: Call, slice_id_or_name: SliceKey, node_id_or_hostname_list: NodeKeys) -> int:
    """Put a slice on nodes, our own and peers'; names that match no node are ignored.

    A node with a whitelist takes only slices on it, or those put there by somebody of the node's site. One refusal and
    nothing is changed.
    """
    one = _own(call, slice_id_or_name)
    add_nodes(call, one, call.store.rows(NODE, by_keys(NODE, node_id_or_hostname_list), _NODE))
    return 1


@api.method(Role.ADMIN, Role.PI, Role.USER)
def DeleteSliceFromNodes(call: Call, slice_id_or_name: SliceKey, node_id_or_hostname_list: NodeKeys) -> int:
    """Take a slice off nodes; where it is not, nothing is done."""
    one = _own(call, slice_id_or_name)
    remove_nodes(call, one, call.store.rows(NODE, by_keys(NODE, node_id_or_hostname_list), ("node_id",)))
    return 1


def add_nodes(call: Call, one: Row, nodes: list[Row]) -> None:
    """Put a slice on these nodes."""
    there, new = set(call.store.list_of(SLICE, "node_ids", one["slice_id"])), []
    for node in nodes:
        rights.must_fit_whitelist(call, one, node)
        if node["node_id"] not in there:
            there.add(node["node_id"])
            new.append(node["node_id"])
    call.store.link_all("slice_node", "slice_id", one["slice_id"], "node_id", new)
    failpoint("create.node-rows")
    _note(call, f"Slice {one['slice_id']} added to nodes", one, nodes)


def remove_nodes(call: Call, one: Row, nodes: list[Row]) -> None:
    """Take a slice off these nodes. The tags of its slivers there stay, for when it comes back."""
    for node in nodes:
        call.store.unlink("slice_node", slice_id=one["slice_id"], node_id=node["node_id"])
    _note(call, f"Slice {one['slice_id']} deleted from nodes", one, nodes)


def set_nodes(call: Call, one: Row, said: list[Any]) -> None:
    """Make the slice stand on exactly these nodes."""
    nodes = {node["node_id"]: node for node in call.store.rows(NODE, by_keys(NODE, said), _NODE)}
    new, gone = writing.relink(one["node_ids"], nodes)
    if new:
        add_nodes(call, one, [nodes[number] for number in new])
    if gone:
        remove_nodes(call, one, [{"node_id": number} for number in gone])


def _note(call: Call, told: str, one: Row, nodes: list[Row]) -> None:
    """Say which nodes a call was about, also where it changed nothing."""
    numbers = [node["node_id"] for node in nodes]
    call.store.note(f"{told} {numbers[:50]}", Slice=one["slice_id"], Node=numbers)


def _own(call: Call, key: int | str) -> Row:
    one: Row = call.store.find(SLICE, key, rights.WHOSE)
    writing.must_be_ours(SLICE, one)
    rights.must_change_slice(call, one)
    return one
