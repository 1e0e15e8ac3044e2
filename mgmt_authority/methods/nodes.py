"""Nodes: machines of a site, what they shall do at their next boot, and whom they take."""

from collections.abc import Callable
from typing import Annotated, Any

from mgmt_authority import interfaces
from mgmt_authority.methods.interfaces import UpdateInterface
from planetlab.both import forms, getting, hrns, rights, tagging, writing
from planetlab.both.methods.sites import SiteKey
from planetlab.calls import Call
from planetlab.filters import Compare, Condition, HasAny, Not, Some, both, by_keys, query
from planetlab.methods import Api, Role
from planetlab.records.nodes import CONF_FILE, INTERFACE, NODE
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry.store import Row, Store
from planetlab.shapes import ListOf

api = Api()

NodeKey = Annotated[int | str, forms.id_or_name(NODE)]
NodeKeys = Annotated[list[Any], ListOf((forms.id_or_name(NODE),))]
SliceKey = Annotated[int | str, forms.id_or_name(SLICE)]
_NEW = ["boot_state", "hostname", "model", "node_type", "version"]
_ADMINS_ONLY = ["boot_nonce", "key", "session", "site_id"]
_CHANGES = [*_NEW, *_ADMINS_ONLY]
_RELATED = ("conf_files", "interfaces", "slices", "slices_whitelist")
NewNode = Annotated[Row, forms.struct(NODE, _NEW, tags=True)]
NodeChanges = Annotated[
    Row,
    forms.struct(
        NODE,
        _CHANGES,
        tags=True,
        conf_files=ListOf((forms.ID,)),
        interfaces=forms.ids_or_filters(INTERFACE),
        slices=forms.IDS_OR_NAMES,
        slices_whitelist=forms.IDS_OR_NAMES,
    ),
]


def whitelisted(call: Call) -> Condition:
    """Nodes that have a whitelist; who is no admin sees those that list an own slice."""
    has_one = Not(HasAny("slice_ids_whitelist", ()))
    if call.is_admin:
        return has_one
    mine = rights.own_slices(call)
    return HasAny("slice_ids_whitelist", mine) if mine else both(has_one, Some())


_ANYBODY = (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE, Role.ANONYMOUS)
getting.declare(
    api,
    getting.Get(
        "Nodes",
        NODE,
        _ANYBODY,
        forms.wanted(NODE, scalars="string int"),
        "node_filter",
        "List nodes: all, those named by number or host name, or those that fit a filter. Keys are for admins only.",
        narrow=rights.seen_nodes,
        example=([{"boot_state": "boot"}], ["node_id", "hostname"]),
    ),
)


@api.method(*_ANYBODY, reads=True)
def GetWhitelist(
    call: Call,
    node_filter: Annotated[Any, forms.wanted(NODE)] = None,
    return_fields: Annotated[Any, forms.RETURN_FIELDS] = None,
) -> Annotated[list[Row], forms.rows(NODE)]:
    """List the nodes that take only slices on their whitelist."""
    return getting.answered(call, NODE, query(NODE, node_filter), return_fields, whitelisted(call))


@api.method(Role.ADMIN, Role.PI, Role.TECH)
def AddNode(call: Call, site_id_or_login_base: SiteKey, node_fields: NewNode) -> int:
    """Add a node to a site; PIs and techs add to their own. It will install itself at its first boot."""
    given = writing.sort_out(NODE, node_fields, _NEW, where="node_fields")
    site = call.store.find(SITE, site_id_or_login_base)
    rights.must_be_at_site(call, site["site_id"], "add nodes")
    writing.must_be_ours(SITE, site)
    row = writing.checked(call.store, NODE, {**given.native, "site_id": site["site_id"]}, where="node_fields")
    number: int = call.store.insert(NODE, row)
    call.store.note(f"Node {number}={row['hostname']} created", Site=site["site_id"], Node=number)
    hrns.name_node(call.store, number, row["hostname"], site["login_base"])
    given.tags.pop("hrn", None)  # the name that is made of the host name wins
    tagging.put_exposed(call, NODE, {"node_id": number}, given.tags, checked=False)
    return number


@api.method(Role.ADMIN, Role.PI, Role.TECH)
def UpdateNode(call: Call, node_id_or_hostname: NodeKey, node_fields: NodeChanges) -> int:
    """Change a node; PIs and techs those of their sites. Only what is named is written.

    ``key``, ``session``, ``boot_nonce`` and ``site_id`` are the admins', and dropped from others' structs. The lists
    ``interfaces``, ``conf_files``, ``slices`` and ``slices_whitelist`` are full lists.
    """
    given = writing.sort_out(NODE, node_fields, _CHANGES, _RELATED, "node_fields")
    node = ours(call.store, node_id_or_hostname)
    rights.must_be_at_site(call, node["site_id"], "update nodes")
    native = {k: v for k, v in given.native.items() if k != "session" and (call.is_admin or k not in _ADMINS_ONLY)}
    if (site := call.store.row(SITE, Compare("site_id", "=", native.get("site_id")))) is not None:
        writing.must_be_ours(SITE, site)  # one that is not there is for the registry to refuse (106)
    for name, said in given.related.items():  # first: who may not change these is told so before the fields are read
        _RELATE[name](call, node, said)
    writing.update(call.store, NODE, node["node_id"], native, "node_fields")
    if {"hostname", "site_id"} & native.keys():
        now = call.store.find(NODE, node["node_id"], ("hostname", "site_id"))
        site = call.store.find(SITE, now["site_id"], ("login_base",))
        hrns.name_node(call.store, node["node_id"], now["hostname"], site["login_base"])
    if "hostname" in native:
        given.tags.pop("hrn", None)
    tagging.put_exposed(call, NODE, node, given.tags, checked=True)
    return 1


@api.method(Role.ADMIN, Role.PI, Role.TECH)
def DeleteNode(call: Call, node_id_or_hostname: NodeKey) -> int:
    """Delete a node with its interfaces, slivers, tags and leases; its host name is free again."""
    node = ours(call.store, node_id_or_hostname)
    rights.must_be_at_site(call, node["site_id"], "delete nodes")
    writing.remove(call.store, NODE, node["node_id"])
    return 1


@api.method(Role.ADMIN)
def AddSliceToNodesWhitelist(
    call: Call,
    slice_id_or_name: SliceKey,
    node_id_or_hostname_list: NodeKeys,
) -> int:
    """Let nodes take this slice, and no slice that is not on their list."""
    one, nodes = _listed(call.store, slice_id_or_name, node_id_or_hostname_list)
    return _whitelist(call, call.store.link, one["slice_id"], nodes, "whitelisted")


@api.method(Role.ADMIN)
def DeleteSliceFromNodesWhitelist(
    call: Call,
    slice_id_or_name: SliceKey,
    node_id_or_hostname_list: NodeKeys,
) -> int:
    """Take a slice off nodes' whitelists; a node whose list is empty takes every slice."""
    one, nodes = _listed(call.store, slice_id_or_name, node_id_or_hostname_list)
    return _whitelist(call, call.store.unlink, one["slice_id"], nodes, "no longer whitelisted")


def _whitelist(call: Call, change: Callable[..., object], slice_id: int, nodes: list[Row], said: str) -> int:
    """Link or unlink the slice on each node's list, and note it."""
    for node in nodes:
        change("node_slice_whitelist", node_id=node["node_id"], slice_id=slice_id)
    call.store.note(f"Slice {slice_id} {said}", Slice=slice_id, Node=[node["node_id"] for node in nodes])
    return 1


def ours(store: Store, key: int | str) -> Row:
    """A node of this PLC."""
    node = store.find(NODE, key)
    writing.must_be_ours(NODE, node)
    return node


def _listed(store: Store, slice_key: int | str, node_keys: list[Any]) -> tuple[Row, list[Row]]:
    one = store.find(SLICE, slice_key)
    writing.must_be_ours(SLICE, one)
    nodes = store.rows(NODE, by_keys(NODE, node_keys), ("node_id", "peer_id"))
    for node in nodes:
        writing.must_be_ours(NODE, node)
    return one, nodes


def _set_interfaces(call: Call, node: Row, said: list[Any]) -> None:
    kept, new, changed = writing.by_number(INTERFACE, said)
    for number in sorted(set(node["interface_ids"]) - kept):
        writing.remove(call.store, INTERFACE, number)
    for item in new:
        interfaces.make(call, node, interfaces.read(item))
    for number, item in changed.items():
        UpdateInterface(call, number, item)


def _set_links(
    call: Call, node: Row, record: Any, field: str, table: str, said: list[Any], needs: tuple[Any, ...]
) -> None:
    """Make a list of links the wanted one; ``needs`` is the method that adds one by itself, and its roles."""
    new, gone = writing.relinked(call, record, node[field], said, *needs)
    for number in new:
        writing.must_be_ours(record, call.store.find(record, number))
        call.store.link(table, **{record.key: number, "node_id": node["node_id"]})
    for number in gone:
        call.store.unlink(table, **{record.key: number, "node_id": node["node_id"]})
    call.store.note(**{record.name: [*new, *gone], "Node": node["node_id"]})


def _set_conf_files(call: Call, node: Row, said: list[Any]) -> None:
    _set_links(call, node, CONF_FILE, "conf_file_ids", "conf_file_node", said, ("AddConfFileToNode", Role.ADMIN))


def _set_whitelist(call: Call, node: Row, said: list[Any]) -> None:
    needs = ("AddSliceToNodesWhitelist", Role.ADMIN)
    _set_links(call, node, SLICE, "slice_ids_whitelist", "node_slice_whitelist", said, needs)


def _set_slices(call: Call, node: Row, said: list[Any]) -> None:
    needs = ("AddSliceToNodes", Role.ADMIN, Role.PI, Role.USER)
    new, gone = writing.relinked(call, SLICE, node["slice_ids"], said, *needs)
    for number in (*new, *gone):
        one = call.store.find(SLICE, number)
        writing.must_be_ours(SLICE, one)
        rights.must_change_slice(call, one)
        rights.must_fit_whitelist(call, one, node, number in new)
    _set_links(call, node, SLICE, "slice_ids", "slice_node", said, needs)


_RELATE = {
    "interfaces": _set_interfaces,
    "conf_files": _set_conf_files,
    "slices": _set_slices,
    "slices_whitelist": _set_whitelist,
}
