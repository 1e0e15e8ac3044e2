"""Interfaces of nodes."""

from typing import Annotated, Any

from mgmt_authority import interfaces
from planetlab.both import forms, getting, rights, writing
from planetlab.calls import Call
from planetlab.methods import Api, Role
from planetlab.records.nodes import INTERFACE, NODE
from planetlab.registry.store import Row

api = Api()

InterfaceId = Annotated[int, forms.of(INTERFACE, "interface_id")]
NodeKey = Annotated[int | str, forms.id_or_name(NODE)]
InterfaceFields = Annotated[Row, forms.struct(INTERFACE, interfaces.OFFERED, tags=True)]
STAFF = (Role.ADMIN, Role.PI, Role.TECH)

getting.declare(
    api,
    getting.Get(
        "Interfaces",
        INTERFACE,
        (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE, Role.ANONYMOUS),
        forms.wanted(INTERFACE, scalars="int string"),
        "interface_filter",
        "List interfaces, by number, by address, or by a filter.",
    ),
)


@api.method(*STAFF)
def AddInterface(call: Call, node_id_or_hostname: NodeKey, interface_fields: InterfaceFields) -> int:
    """Add an interface to a node; the first one is its primary one. PIs and techs do so at their sites."""
    given = interfaces.read(interface_fields)
    node = call.store.find(NODE, node_id_or_hostname, ("node_id", "hostname", "site_id", "peer_id"))
    rights.must_be_at_site(call, node["site_id"], "add interfaces")
    writing.must_be_ours(NODE, node)
    return interfaces.make(call, node, given)


@api.method(*STAFF)
def UpdateInterface(call: Call, interface_id: InterfaceId, interface_fields: InterfaceFields) -> int:
    """Change an interface. PIs and techs do so at their sites."""
    given = interfaces.read(interface_fields)
    interfaces.change(call, _own(call, interface_id, "update interfaces"), given)
    return 1


@api.method(*STAFF)
def DeleteInterface(call: Call, interface_id: InterfaceId) -> int:
    """Delete an interface with its tags and links. PIs and techs do so at their sites."""
    writing.remove(call.store, INTERFACE, _own(call, interface_id, "delete interfaces")["interface_id"])
    return 1


def _own(call: Call, interface_id: int, what: str) -> Row:
    interface: Row = call.store.find(INTERFACE, interface_id)
    node: dict[str, Any] = call.store.find(NODE, interface["node_id"], ("node_id", "site_id", "peer_id"))
    rights.must_be_at_site(call, node["site_id"], what)
    writing.must_be_ours(NODE, node)
    return interface
