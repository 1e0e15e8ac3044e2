"""What stands on an aggregate's nodes: the nodes on offer, and the slivers of a slice with their state."""

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from planetlab.calls import Call
from planetlab.errors import NotFound
from planetlab.filters import AmongValues, Compare, Every, IsNil, both
from planetlab.names import Hrn, Urn
from planetlab.records.nodes import NODE
from planetlab.records.slices import SLICE
from planetlab.records.tags import TAG_TYPE
from planetlab.registry import sliver_states, tags
from planetlab.registry.sliver_states import State
from planetlab.registry.store import Row, Store
from slice_authority.sfa import foreign, things
from slice_authority.sfa.allowing import Principal

HEARD = 1800.0  # seconds since a node was heard of during which it counts as up
FIELDS = (
    *("node_id", "hostname", "site_id", "boot_state", "node_type", "last_contact", "slice_ids"),
    "slice_ids_whitelist",
)


@frozen(kw_only=True)
class Sliver:
    """A sliver as GENI tells of it; ``node`` is the node's row."""

    slice_id: int
    node: Row
    urn: Urn
    expires: float
    allocation: str  # geni_allocated, geni_provisioned
    operational: str  # geni_pending_allocation, geni_configuring, geni_ready, geni_notready, geni_failed
    client_id: str = ""
    kind: str = ""
    error: str = ""

    @property
    def node_id(self) -> int:
        """The node's number."""
        return int(self.node["node_id"])


def offered(call: Call, available: bool = False) -> list[Row]:
    """Our nodes that take slices, by host name; with ``available`` only those that are up.

    Nodes with a whitelist are set aside for the slices on it, and are not offered.
    """
    rows = call.store.rows(NODE, both(IsNil("peer_id"), call.store.live(NODE)), FIELDS)
    free = [row for row in rows if not row["slice_ids_whitelist"]]
    return sorted((row for row in free if not available or is_up(row)), key=lambda row: str(row["hostname"]))


def is_up(node: Row) -> bool:
    """Whether slivers can be made on a node now, as far as the registry knows."""
    return bool(node["boot_state"] == "boot")


def slice_of(call: Call, hrn: Hrn) -> Row:
    """The slice of this name as it stands here. Raises `NotFound`."""
    one = foreign.local_slice(call.store, hrn)
    if one is None:
        raise NotFound(f"slice {hrn} has nothing here")
    return one


def slice_for(call: Call, principal: Principal) -> Row:
    """The slice that a caller's credential is on; another authority's gets its place here."""
    return foreign.slice_for(call, principal.credential)


def sliver_urn(store: Store, slice_id: int, node_id: int) -> Urn:
    """The name of a sliver."""
    return Urn(store.plc.hrn.path, "sliver", f"{slice_id}-{node_id}")


def node_of(call: Call, one: Row, urn: str) -> int:
    """The node of a slice's sliver by the sliver's URN. Raises `NotFound` for one that is not this slice's."""
    said = Urn.parse(urn)
    number, _, node = said.hrn.leaf.partition("-")
    mine = said.kind == "sliver" and said.authority == call.store.plc.hrn.path and number == str(one["slice_id"])
    if (
        not mine
        or not node.isdigit()
        or len(node) > 9
        or int(node) not in {each.node_id for each in slivers(call, one)}
    ):
        raise NotFound(f"{urn} is no sliver of {name_of(call, one)} here")
    return int(node)


def name_of(call: Call, one: Row) -> Hrn:
    """A slice's name in the federation."""
    found = things.name_of(call.store, SLICE, one["slice_id"])
    return found if found is not None else call.store.plc.hrn.child(*str(one["name"]).split("_", 1))


def slivers(call: Call, one: Row, node_ids: Iterable[int] | None = None) -> list[Sliver]:
    """The slivers of a slice, or those on some nodes, by host name: those that stand, and those that are held."""
    states = sliver_states.of_slice(call.store, one["slice_id"])
    standing = set(call.store.list_of(SLICE, "node_ids", one["slice_id"]))
    held = {node for node, said in states.items() if said.state == "allocated" and said.expires > call.now}
    asked = (standing | held) if node_ids is None else (standing | held) & set(node_ids)
    where = Every((AmongValues("node_id", tuple(asked)), call.store.live(NODE), IsNil("peer_id")))
    nodes = sorted(call.store.rows(NODE, where, FIELDS) if asked else [], key=lambda row: str(row["hostname"]))
    stopped = _stopped(call.store, one["slice_id"])
    return [_sliver(call, one, node, states.get(node["node_id"]), standing, stopped) for node in nodes]


def _sliver(
    call: Call, one: Row, node: Row, said: State | None, standing: set[int], stopped: set[int | None]
) -> Sliver:
    number = node["node_id"]
    is_made = number in standing
    known = said if said is not None and (is_made or said.state == "allocated") else None
    expires = float(one["expires"] if known is None else min(known.expires, one["expires"]))
    told, error = (
        _operational(call, node, known, {None, number} & stopped) if is_made else ("geni_pending_allocation", "")
    )
    return Sliver(
        slice_id=one["slice_id"],
        node=node,
        urn=sliver_urn(call.store, one["slice_id"], number),
        expires=expires,
        allocation="geni_provisioned" if is_made else "geni_allocated",
        operational=told,
        client_id=known.client_id if known else "",
        kind=known.kind if known else "",
        error=error,
    )


def _operational(call: Call, node: Row, said: State | None, stopped: Any) -> tuple[str, str]:
    if node["boot_state"] != "boot":
        return "geni_failed", f"node {node['hostname']} is in state {node['boot_state']}"
    if stopped:
        return "geni_notready", ""
    heard = float(node["last_contact"] or 0)
    if heard < call.now - HEARD or (said is not None and heard < said.since):
        return "geni_configuring", ""
    return "geni_ready", ""


def _stopped(store: Store, slice_id: int) -> set[int | None]:
    """The nodes on which a slice's slivers are stopped; None stands for all of them."""
    kind = store.row(TAG_TYPE, Compare("tagname", "=", "enabled"))
    table = tags.OF["Slice"]
    where = Every((Compare("slice_id", "=", slice_id), Compare("tagname", "=", "enabled"), IsNil("nodegroup_id")))
    rows = store.rows(table, where, ("node_id", "value")) if kind else []
    return {row["node_id"] for row in rows if row["value"] in ("0", "false", "no", "off")}


def here(call: Call) -> list[Hrn]:
    """The names of the slices that have slivers on our nodes."""
    rows = call.store.rows(SLICE, both(IsNil("peer_id"), call.store.live(SLICE)), ("slice_id", "name", "node_ids"))
    return sorted(name_of(call, row) for row in rows if row["node_ids"])
