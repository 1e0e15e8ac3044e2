"""Questions of release 4.2 and before about nodes, groups and power units that no method of today answers alone."""

from typing import Annotated, Any

from mgmt_authority.methods import interfaces, pcus
from planetlab.both import forms, rights, tagging
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.filters import ALL, AmongValues, Compare, Condition, HasAny, Query, both, by_keys
from planetlab.methods import NOT_NIL, Api, Role
from planetlab.records.nodes import CONF_FILE, INTERFACE, NODE, NODE_GROUP, PCU
from planetlab.records.sites import SITE
from planetlab.registry import tags
from planetlab.registry.store import Row
from planetlab.shapes import Either, ListOf, Of, Struct

api = Api()

PERSONS = (Role.ADMIN, Role.PI, Role.USER, Role.TECH)
STAFF = (Role.ADMIN, Role.PI, Role.TECH)
NodeKey = Annotated[int | str, forms.id_or_name(NODE)]
GroupKey = Annotated[int | str, forms.id_or_name(NODE_GROUP)]
SiteKey = Annotated[int | str, forms.id_or_name(SITE)]
PcuId = Annotated[int, forms.of(PCU, "pcu_id")]
Numbers = Annotated[list[int], ListOf((forms.ID,))]
Found = Annotated[dict[str, Any], forms.STRUCT]
BACK = {"interface_id": "nodenetwork_id", "interface_tag_ids": "nodenetwork_setting_ids"}


def _search(**fields: Any) -> Struct:
    return Struct(fields)


@api.method(Role.ADMIN, status="removed")
def AddNodeToNodeGroup(call: Call, node_id_or_hostname: NodeKey, nodegroup_id_or_name: GroupKey) -> int:
    """Put a node into a group, by the tag and value that the group is made by."""
    node, group = _both(call, node_id_or_hostname, nodegroup_id_or_name)
    tags.put(call.store, NODE, node["node_id"], group["tagname"], group["value"])
    return 1


@api.method(Role.ADMIN, status="removed")
def AdmAddNodeToNodeGroup(call: Call, node_id_or_hostname: NodeKey, nodegroup_id_or_name: GroupKey) -> int:
    """Put a node into a group, by the tag and value that the group is made by."""
    return AddNodeToNodeGroup(call, node_id_or_hostname, nodegroup_id_or_name)


@api.method(Role.ADMIN, status="removed")
def DeleteNodeFromNodeGroup(call: Call, node_id_or_hostname: NodeKey, nodegroup_id_or_name: GroupKey) -> int:
    """Take a node out of a group, with the tag that the group is made by."""
    node, group = _both(call, node_id_or_hostname, nodegroup_id_or_name)
    tag = tags.first(call.store, NODE, node["node_id"], group["tagname"])
    if tag is not None and tag["value"] == group["value"]:
        tagging.delete(call, NODE, tag["node_tag_id"])
    return 1


@api.method(Role.ADMIN, status="removed")
def AdmRemoveNodeFromNodeGroup(call: Call, node_id_or_hostname: NodeKey, nodegroup_id_or_name: GroupKey) -> int:
    """Take a node out of a group, with the tag that the group is made by."""
    return DeleteNodeFromNodeGroup(call, node_id_or_hostname, nodegroup_id_or_name)


@api.method(*PERSONS, status="removed", reads=True)
def AdmGetNodeGroupNodes(call: Call, nodegroup_id_or_name: GroupKey) -> Numbers:
    """List the numbers of a group's nodes."""
    return call.store.find(NODE_GROUP, nodegroup_id_or_name)["node_ids"]


@api.method(*PERSONS, status="removed", reads=True)
def AdmGetAllNodeNetworks(call: Call, node_id_or_hostname: NodeKey) -> Annotated[list[Row], forms.rows(INTERFACE)]:
    """List a node's interfaces by the names their fields had."""
    node = call.store.find(NODE, node_id_or_hostname, ("node_id",))
    rows = call.store.rows(INTERFACE, Compare("node_id", "=", node["node_id"]))
    return [{BACK.get(name, name): value for name, value in row.items()} for row in rows]


@api.method(*STAFF, status="removed")
def AdmDeleteNodeNetwork(
    call: Call, node_id_or_hostname: NodeKey, nodenetwork_id: Annotated[int, forms.of(INTERFACE, "interface_id")]
) -> int:
    """Delete an interface of a node."""
    node = call.store.find(NODE, node_id_or_hostname, ("interface_ids",))
    if nodenetwork_id not in node["interface_ids"]:
        raise BadArgument(f"the node has no interface {nodenetwork_id}", "nodenetwork_id")
    return interfaces.DeleteInterface(call, nodenetwork_id)


@api.method(*STAFF, status="removed")
def AdmDisassociatePowerControlUnitPort(call: Call, pcu_id: PcuId, port: int) -> int:
    """Take the node off a port of a power unit."""
    pcu = call.store.find(PCU, pcu_id)
    if port not in pcu["ports"]:
        raise BadArgument(f"no node is on port {port}", "port")
    return pcus.DeleteNodeFromPCU(call, pcu["node_ids"][pcu["ports"].index(port)], pcu_id)


@api.method(*STAFF, status="removed", reads=True)
def AdmGetPowerControlUnitNodes(call: Call, pcu_id: PcuId) -> Annotated[list[Row], ListOf((forms.STRUCT,))]:
    """List the nodes of a power unit with their ports."""
    pcu = call.store.find(PCU, pcu_id)
    rights.must_be_at_site(call, pcu["site_id"], "see power units")
    pairs = zip(pcu["node_ids"], pcu["ports"], strict=True)
    return [{"node_id": node, "port_number": port} for node, port in pairs]


@api.method(*STAFF, status="removed", reads=True)
def AdmGetSitePowerControlUnits(call: Call, site_id_or_login_base: SiteKey) -> Annotated[list[Row], forms.rows(PCU)]:
    """List a site's power units."""
    site = call.store.find(SITE, site_id_or_login_base, ("site_id",))
    rights.must_be_at_site(call, site["site_id"], "see power units")
    return call.store.rows(PCU, Compare("site_id", "=", site["site_id"]))


@api.method(*PERSONS, status="removed", reads=True)
def AdmGetSiteNodes(
    call: Call, site_id_or_name_list: Annotated[list[Any] | None, ListOf((Either((Of(int), Of(str))),)), NOT_NIL] = None
) -> Found:
    """Give the numbers of sites' nodes by the sites' numbers, as texts."""
    wanted = ALL if site_id_or_name_list is None else by_keys(SITE, site_id_or_name_list)
    rows = call.store.rows(SITE, Query(wanted), ("site_id", "node_ids"))
    return {str(row["site_id"]): row["node_ids"] for row in rows}


@api.method(*PERSONS, status="removed", reads=True)
def AdmQueryConfFile(call: Call, search_vals: Annotated[Row, _search(node_id=Of(int))]) -> Numbers:
    """List the numbers of the configuration files linked to a node."""
    wanted = HasAny("node_ids", (search_vals["node_id"],)) if "node_id" in search_vals else ALL
    return [row["conf_file_id"] for row in call.store.rows(CONF_FILE, wanted, ("conf_file_id",))]


_NODE = _search(node_hostname=Of(str), nodenetwork_ip=Of(str), nodenetwork_mac=Of(str), nodenetwork_id=Of(int))


@api.method(*PERSONS, status="removed", reads=True)
def AdmQueryNode(call: Call, search_vals: Annotated[Row, _NODE]) -> Numbers:
    """List the numbers of the nodes with this host name, or this interface's address, hardware address or number."""
    return [row["node_id"] for row in call.store.rows(NODE, _nodes(call, search_vals), ("node_id",))]


@api.method(*PERSONS, status="removed", reads=True)
def AdmQueryPowerControlUnit(
    call: Call,
    search_vals: Annotated[
        Row,
        _search(pcu_hostname=Of(str), pcu_ip=Of(str), node_hostname=Of(str), node_id=Of(int)),
    ],
) -> Numbers:
    """List the numbers of the power units with this host name or address, or that this node hangs on."""
    parts: Condition = ALL
    for name, said in (("hostname", "pcu_hostname"), ("ip", "pcu_ip")):
        if said in search_vals:
            parts = both(parts, Compare(name, "=", search_vals[said]))
    if {"node_hostname", "node_id"} & search_vals.keys():
        nodes = call.store.rows(NODE, _nodes(call, search_vals), ("node_id",))
        parts = both(parts, HasAny("node_ids", tuple(row["node_id"] for row in nodes) or (-1,)))
    seen = ALL if call.is_admin else AmongValues("site_id", call.caller.site_ids)
    return [row["pcu_id"] for row in call.store.rows(PCU, both(parts, seen), ("pcu_id",))]


@api.method(*PERSONS, status="removed", reads=True)
def AdmQuerySite(
    call: Call,
    search_vals: Annotated[
        Row,
        _search(site_name=Of(str), site_abbreviatedname=Of(str), site_loginbase=Of(str), node_hostname=Of(str),
                node_id=Of(int), nodenetwork_ip=Of(str), nodenetwork_mac=Of(str)),
    ],
) -> Numbers:  # fmt: skip
    """List the numbers of the sites with these names, or that have such a node."""
    parts: Condition = ALL
    names = (("name", "site_name"), ("abbreviated_name", "site_abbreviatedname"), ("login_base", "site_loginbase"))
    for name, said in names:
        if said in search_vals:
            parts = both(parts, Compare(name, "=", search_vals[said]))
    if {"node_hostname", "node_id", "nodenetwork_ip", "nodenetwork_mac"} & search_vals.keys():
        nodes = call.store.rows(NODE, _nodes(call, search_vals), ("site_id",))
        parts = both(parts, AmongValues("site_id", tuple({row["site_id"] for row in nodes})))
    return [row["site_id"] for row in call.store.rows(SITE, parts, ("site_id",))]


def _nodes(call: Call, said: Row) -> Condition:
    parts: Condition = ALL
    if "node_hostname" in said:
        parts = both(parts, Compare("hostname", "=", said["node_hostname"].lower()))
    if "node_id" in said:
        parts = both(parts, Compare("node_id", "=", said["node_id"]))
    for field, name in (("nodenetwork_ip", "ip"), ("nodenetwork_mac", "mac"), ("nodenetwork_id", "interface_id")):
        if field in said:
            found = call.store.rows(INTERFACE, Compare(name, "=", said[field]), ("node_id",))
            parts = both(parts, AmongValues("node_id", tuple(row["node_id"] for row in found)))
    return parts


def _both(call: Call, node_key: int | str, group_key: int | str) -> tuple[Row, Row]:
    return call.store.find(NODE, node_key), call.store.find(NODE_GROUP, group_key)
