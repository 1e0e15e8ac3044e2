"""What an interface must say, by its type and method, and making one."""

from collections.abc import Mapping
from typing import Any

from planetlab.both import tagging, writing
from planetlab.both.writing import Given
from planetlab.calls import Call
from planetlab.errors import BadArgument, Conflict
from planetlab.filters import Compare, Every
from planetlab.records.nodes import INTERFACE, NODE
from planetlab.records.rules import ipv4
from planetlab.registry.store import Row, Store

FIELDS = INTERFACE.settable("node_id")
OFFERED = (*FIELDS, "interface_tag_ids", "last_updated")  # the last two are accepted and not written

NEEDS = {
    ("static", "ipv4"): ("ip", "network", "broadcast", "netmask"),
    ("static", "ipv6"): ("ip", "gateway"),
    ("proxy", ""): ("ip",),
    ("tap", ""): ("ip", "gateway"),
    ("ipmi", ""): ("ip",),
}
"""What must be given, by method and type; type "" is any."""
NO_MAC = ("proxy", "tap")


def fits(fields: Mapping[str, Any]) -> None:
    """Raise `BadArgument` unless an interface with these fields can work. Pure; only this call's values count."""
    method, kind = fields.get("method", ""), fields.get("type", "")
    needed = [*NEEDS.get((method, kind), NEEDS.get((method, ""), ()))]
    if (method, kind) == ("static", "ipv4") and fields.get("is_primary"):
        needed += ["gateway", "dns1"]
    missing = [name for name in needed if not fields.get(name)]
    if missing:
        raise BadArgument(f"a {method} {kind} interface needs {', '.join(missing)}", "interface_fields")
    if method in NO_MAC and fields.get("mac"):
        raise BadArgument(f"a {method} interface has no MAC address", "interface_fields['mac']")
    if (method, kind) == ("static", "ipv4"):
        _is_consistent(fields)


def _is_consistent(fields: Mapping[str, Any]) -> None:
    """Each address given is on the network, as far as the netmask reaches; as the original, no more is asked."""
    network, netmask = fields["network"], fields["netmask"]
    mask, there = _number(netmask, "netmask"), _number(network, "network")
    for name in ("ip", "broadcast", "gateway"):
        if fields.get(name) and (_number(fields[name], name) ^ there) & mask:
            raise BadArgument(f"{fields[name]} is not on {network} by {netmask}", f"interface_fields[{name!r}]")


def _number(text: str, name: str) -> int:
    number = ipv4(text)
    if number is None:
        raise BadArgument(f"expected an IPv4 address, got {text!r}", f"interface_fields[{name!r}]")
    return number


def read(said: Row) -> Given:
    """The fields of an interface sorted out; what is none is refused, before it is asked whose interface it is."""
    return writing.sort_out(INTERFACE, said, OFFERED, where="interface_fields")


def make(call: Call, node: Row, given: Given) -> int:
    """Add an interface to a node; the first one becomes the primary one, and there is only one of those."""
    store: Store = call.store
    values = {name: value for name, value in given.native.items() if name in FIELDS}
    if not store.list_of(NODE, "interface_ids", node["node_id"]):
        values["is_primary"] = True
    elif values.get("is_primary") and store.row(INTERFACE, _primary(node["node_id"]), ("interface_id",)) is not None:
        raise Conflict(f"node {node['hostname']} has a primary interface already", "interface_fields['is_primary']")
    fits(values)  # first, for what an int column holds was the last to be asked
    row = writing.checked(store, INTERFACE, {**values, "node_id": node["node_id"]}, where="interface_fields")
    number: int = store.insert(INTERFACE, row)
    store.note(f"Interface {number} added to node {node['node_id']}", Interface=number, Node=node["node_id"])
    tagging.put_exposed(call, INTERFACE, {"interface_id": number}, given.tags, checked=False)
    return number


def change(call: Call, there: Row, given: Given) -> None:
    """Change an interface; only what is named is written, and the whole must work."""
    store: Store = call.store
    values = {name: value for name, value in given.native.items() if name in FIELDS}
    becomes = values.get("is_primary") and not there["is_primary"]
    if becomes and store.row(INTERFACE, _primary(there["node_id"]), ("interface_id",)) is not None:
        raise Conflict("the node has a primary interface already", "interface_fields['is_primary']")
    fits({**there, **values})
    row = writing.checked(store, INTERFACE, values, there["interface_id"], "interface_fields")
    store.update(INTERFACE, there["interface_id"], row)
    store.touch(INTERFACE, there["interface_id"])
    store.note(f"Interface {there['interface_id']} updated", Interface=there["interface_id"])
    tagging.put_exposed(call, INTERFACE, there, given.tags, checked=True)


def _primary(node_id: int) -> Every:
    return Every((Compare("node_id", "=", node_id), Compare("is_primary", "=", 1)))
