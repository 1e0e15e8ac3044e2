"""Making a node boot from afar."""

from typing import Annotated

from mgmt_authority import power
from mgmt_authority.power import Power, Unit
from planetlab.both import forms, rights
from planetlab.both.afterwards import afterwards
from planetlab.calls import Call
from planetlab.errors import BadArgument, Unavailable
from planetlab.filters import AmongValues, Compare, both
from planetlab.methods import Api, Role
from planetlab.records.nodes import INTERFACE, NODE, PCU
from planetlab.registry.store import Row
from planetlab.shapes import Of

api = Api()

NodeKey = Annotated[int | str, forms.id_or_name(NODE)]
STAFF = (Role.ADMIN, Role.PI, Role.TECH)


@api.method(*STAFF)
def RebootNode(call: Call, node_id_or_hostname: NodeKey) -> int:
    """Send the packet that a node reboots by, signed with its session; 1 whatever becomes of it.

    The node must have a session (102). The packet goes to its primary address, or where its name leads to.
    """
    node = call.store.find(NODE, node_id_or_hostname)
    rights.must_be_at_site(call, node["site_id"], "reboot nodes")
    if not node["session"]:
        raise BadArgument(f"node {node['hostname']} has no session; it must boot once by hand", "node_id_or_hostname")
    primary = both(Compare("node_id", "=", node["node_id"]), Compare("is_primary", "=", 1))
    interface = call.store.row(INTERFACE, primary, ("ip",))
    call.store.note(f"RebootNode called for node {node['node_id']}", Node=node["node_id"])
    host = (interface and interface["ip"]) or node["hostname"]
    sender, payload = _power(call), node["session"].encode()
    return afterwards(lambda: sender.wake(host, payload))


@api.method(*STAFF)
def RebootNodeWithPCU(
    call: Call,
    node_id_or_hostname: NodeKey,
    testrun: Annotated[bool | None, Of(bool, nil=True)] = None,
) -> Annotated[int | str, Of(int)]:
    """Switch a node off and on by its first power unit; with ``testrun`` only look whether that could be done.

    1, or a text that says what the unit did wrong. Without a unit: 102; with one that has no control here: 109.
    """
    node = call.store.find(NODE, node_id_or_hostname)
    rights.must_be_at_site(call, node["site_id"], "reboot nodes")
    units = call.store.rows(PCU, AmongValues("pcu_id", tuple(node["pcu_ids"][:1])))
    if not units:
        raise BadArgument(f"node {node['hostname']} hangs on no power unit", "node_id_or_hostname")
    unit = _unit(units[0], node["ports"][0])
    sender = _power(call)
    if not testrun:
        call.store.update(NODE, node["node_id"], {"last_pcu_reboot": int(call.now)})
    call.store.note(
        f"RebootNodeWithPCU called for node {node['node_id']}", Node=node["node_id"], PCU=units[0]["pcu_id"]
    )
    return afterwards(lambda: sender.cycle(unit, bool(testrun)))


def _unit(row: Row, port: int) -> Unit:
    model = power.must_be_known(row["model"])
    host = row["hostname"] or row["ip"]
    return Unit(model, host, row["protocol"] or "", row["username"] or "", row["password"] or "", port)


def _power(call: Call) -> Power:
    found = call.store.plc.power
    if not isinstance(found, Power):
        raise Unavailable("this authority sends nothing to nodes")
    return found
