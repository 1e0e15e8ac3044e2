"""Power units of sites, and which node hangs on which of their ports."""

from typing import Annotated, Any

from planetlab.both import forms, getting, rights, writing
from planetlab.both.callers import NodeCaller, PersonCaller
from planetlab.both.methods.sites import SiteKey
from planetlab.calls import Call
from planetlab.errors import BadArgument, Conflict
from planetlab.filters import ALL, AmongValues, Condition
from planetlab.methods import Api, Role
from planetlab.records.nodes import NODE, PCU
from planetlab.records.sites import SITE
from planetlab.registry.store import Row
from planetlab.shapes import ListOf

api = Api()

PcuId = Annotated[int, forms.of(PCU, "pcu_id")]
NodeKey = Annotated[int | str, forms.id_or_name(NODE)]
STAFF = (Role.ADMIN, Role.PI, Role.TECH)
_FIELDS = PCU.settable("site_id")
_NOT_WRITTEN = {
    "last_updated": forms.of(PCU, "last_updated"),
    "node_ids": ListOf((forms.ID,)),
    "ports": ListOf((forms.ID,)),
}
"""What UpdatePCU accepts beside, because GetPCUs gives it."""


def seen(call: Call) -> Condition:
    """Staff and nodes see the power units of their own sites."""
    if call.is_admin:
        return ALL
    if isinstance(call.caller, NodeCaller):
        return AmongValues("site_id", (call.caller.site_id,))
    return AmongValues("site_id", call.caller.site_ids if isinstance(call.caller, PersonCaller) else ())


getting.declare(
    api,
    getting.Get(
        "PCUs",
        PCU,
        (*STAFF, Role.NODE),
        forms.wanted(PCU, "id"),
        "pcu_filter",
        "List power units with their passwords: admins all, others those of their own sites.",
        narrow=seen,
    ),
)


@api.method(*STAFF)
def AddPCU(call: Call, site_id_or_login_base: SiteKey, pcu_fields: Annotated[Row, forms.struct(PCU, _FIELDS)]) -> int:
    """Add a power unit to a site; PIs and techs add to their own. Unknown fields are ignored."""
    site = call.store.find(SITE, site_id_or_login_base, ("site_id", "peer_id"))
    rights.must_be_at_site(call, site["site_id"], "add power units")
    writing.must_be_ours(SITE, site)
    given = writing.sort_out(PCU, pcu_fields, _FIELDS, where="pcu_fields")
    return writing.add(call.store, PCU, given.native, "pcu_fields", site_id=site["site_id"])


@api.method(*STAFF)
def UpdatePCU(
    call: Call,
    pcu_id: PcuId,
    pcu_fields: Annotated[Row, forms.struct(PCU, _FIELDS, **_NOT_WRITTEN)],
) -> int:
    """Change a power unit; PIs and techs those of their sites. What nodes are on it is changed elsewhere."""
    _own(call, pcu_id, "update power units")
    given = writing.sort_out(PCU, pcu_fields, _FIELDS, where="pcu_fields")
    writing.update(call.store, PCU, pcu_id, given.native, "pcu_fields")
    return 1


@api.method(*STAFF)
def DeletePCU(call: Call, pcu_id: PcuId) -> int:
    """Delete a power unit; PIs and techs those of their sites."""
    _own(call, pcu_id, "delete power units")
    writing.remove(call.store, PCU, pcu_id)
    return 1


@api.method(*STAFF)
def AddNodeToPCU(call: Call, node_id_or_hostname: NodeKey, pcu_id: PcuId, port: int) -> int:
    """Say which port of a power unit a node hangs on: a free one, of a unit at the node's site."""
    node, unit = _pair(call, node_id_or_hostname, pcu_id)
    if node["node_id"] in unit["node_ids"]:
        raise Conflict(f"node {node['hostname']} is on this power unit already", "node_id_or_hostname")
    if node["site_id"] != unit["site_id"]:
        raise BadArgument(f"node {node['hostname']} and the power unit are at different sites", "node_id_or_hostname")
    if port in unit["ports"]:
        raise Conflict(f"port {port} is taken by another node", "port")
    writing.must_be_kept(port, "port")
    call.store.link("pcu_node", pcu_id=pcu_id, node_id=node["node_id"], port=int(port))
    call.store.note(f"Node {node['node_id']} on port {port} of PCU {pcu_id}", Node=node["node_id"], PCU=pcu_id)
    return 1


@api.method(*STAFF)
def DeleteNodeFromPCU(call: Call, node_id_or_hostname: NodeKey, pcu_id: PcuId) -> int:
    """Take a node off a power unit; where it is not, nothing is done."""
    node, _ = _pair(call, node_id_or_hostname, pcu_id)
    call.store.unlink("pcu_node", pcu_id=pcu_id, node_id=node["node_id"])
    call.store.note(f"Node {node['node_id']} off PCU {pcu_id}", Node=node["node_id"], PCU=pcu_id)
    return 1


def _own(call: Call, pcu_id: int, what: str) -> Row:
    unit: dict[str, Any] = call.store.find(PCU, pcu_id)
    rights.must_be_at_site(call, unit["site_id"], what)
    return unit


def _pair(call: Call, node_key: int | str, pcu_id: int) -> tuple[Row, Row]:
    node = call.store.find(NODE, node_key)
    writing.must_be_ours(NODE, node)
    return node, _own(call, pcu_id, "change power units")
