"""RSpec documents about our nodes: what is on offer, what a slice was given, and what a request asks of us."""

from typing import Any

from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.filters import AmongValues, Compare, Every
from planetlab.names import Hostname, Hrn, Urn
from planetlab.records.nodes import INTERFACE
from planetlab.records.sites import SITE
from planetlab.registry import slivers as told
from planetlab.registry.store import Row
from planetlab.rspecs import codec
from planetlab.rspecs.documents import SLIVER_TYPE, Document, Interface, Kind, Location, Login, Node
from planetlab.rspecs.documents import Sliver as SliverType
from slice_authority.sfa import aggregate, reserving
from slice_authority.sfa.aggregate import Sliver, Wanted

_HARDWARE = ("plab-pc", "pc")


def advertisement(call: Call, available: bool = False) -> Document:
    """The nodes on offer; with ``available`` only those that are up."""
    nodes = aggregate.offered(call, available)
    told_of = _Around(call, nodes)
    offered = tuple(told_of.node(each, None) for each in nodes)
    return Document(
        kind=Kind.ADVERTISEMENT,
        nodes=offered,
        leases=reserving.told(call, told_of.leased(nodes)),
        network=call.store.plc.hrn,
        generated=call.now,
        expires=call.now + 3600.0,
    )


def manifest(call: Call, one: Row, slivers: list[Sliver] | None = None) -> Document:
    """What a slice has here, or some slivers of it."""
    found = aggregate.slivers(call, one) if slivers is None else slivers
    told_of = _Around(call, [each.node for each in found])
    name = aggregate.name_of(call, one)
    return Document(
        kind=Kind.MANIFEST,
        nodes=tuple(told_of.node(each.node, each, str(one["name"]), one["slice_id"]) for each in found),
        leases=reserving.told(call, told_of.leased([each.node for each in found]), one["slice_id"]),
        network=call.store.plc.hrn,
        slice=name,
        generated=call.now,
        expires=min((each.expires for each in found), default=float(one["expires"])),
    )


def nothing(call: Call, hrn: Hrn) -> Document:
    """The manifest of a slice that has nothing here."""
    return Document(kind=Kind.MANIFEST, network=call.store.plc.hrn, slice=hrn, generated=call.now)


def wanted(call: Call, text: Any) -> list[Wanted]:
    """What a request asks of this aggregate: its own nodes, and nodes of no manager. Raises `BadArgument`."""
    if not isinstance(text, str | bytes):
        raise BadArgument(f"expected an RSpec document as text, got {type(text).__name__}", "rspec")
    document = codec.read(text, Kind.REQUEST).of(call.store.plc.hrn)
    names = [node.hostname for node in document.nodes if node.component_id is not None or node.component_name]
    nodes = aggregate.nodes_by_name(call, names)
    return [_wanted(node, nodes, document.defaults) for node in document.nodes]


def _wanted(node: Node, nodes: dict[str, Row], defaults: SliverType) -> Wanted:
    slivers = node.slivers or (SliverType(),)
    if len(slivers) > 1:
        raise BadArgument(f"expected one sliver on {node.hostname or node.client_id}, got {len(slivers)}", "rspec")
    sliver = slivers[0]
    if sliver.type != SLIVER_TYPE:
        raise BadArgument(f"slivers here are of type {SLIVER_TYPE}, got {sliver.type[:40]!r}", "rspec")
    scripts = tuple(("initscript", name) for name in sliver.initscripts or defaults.initscripts)
    named = {name for name, _ in sliver.tags}
    spread = tuple((name, value) for name, value in defaults.tags if name not in named)
    row = nodes.get(node.hostname.lower()) if node.hostname else None
    return Wanted(
        node_id=row["node_id"] if row else None,
        client_id=node.client_id,
        kind=sliver.type,
        attributes=(*sliver.tags, *spread, *scripts),
    )


class _Around:
    """Sites, names and interfaces of some nodes, read at once."""

    def __init__(self, call: Call, nodes: list[Row]) -> None:
        store = call.store
        self._call = call
        numbers = tuple(row["node_id"] for row in nodes)
        sites = tuple({row["site_id"] for row in nodes})
        fields = ("site_id", "login_base", "latitude", "longitude")
        rows = store.rows(SITE, AmongValues("site_id", sites), fields) if sites else []
        self._sites: dict[int, Row] = {row["site_id"]: row for row in rows}
        primary = Every((AmongValues("node_id", numbers), Compare("is_primary", "=", 1)))
        found = store.rows(INTERFACE, primary, ("node_id", "ip")) if numbers else []
        self._addresses = {row["node_id"]: row["ip"] for row in found}

    def names(self, nodes: list[Row]) -> dict[int, Urn]:
        """The nodes' names by number."""
        root = self._call.store.plc.hrn
        hosts = {row["node_id"]: (Hostname.parse(str(row["hostname"])), self._sites[row["site_id"]]) for row in nodes}
        return {
            number: Urn.of(host.hrn(root.child(site["login_base"])), "node") for number, (host, site) in hosts.items()
        }

    def leased(self, nodes: list[Row]) -> dict[int, Urn]:
        """As `names`, of those that are leased."""
        return self.names([row for row in nodes if row["node_type"] == reserving.RESERVABLE])

    def node(self, row: Row, sliver: Sliver | None, login: str = "", slice_id: int = 0) -> Node:
        """A node as documents tell of it, with a sliver on it or without."""
        call, host = self._call, str(row["hostname"])
        site = self._sites[row["site_id"]]
        above = call.store.plc.hrn.child(site["login_base"])
        component = self.names([row])[row["node_id"]]
        place = Location(latitude=site["latitude"], longitude=site["longitude"])
        address = self._addresses.get(row["node_id"]) or ""
        # In a URN two slashes are spelt as a colon, so this is the host:eth0 of the field.
        interface = Interface(component_id=Urn(above.path, "interface", f"{host}//eth0"), ipv4=address)
        common: dict[str, Any] = {
            "component_id": component,
            "component_name": host,
            "available": aggregate.is_up(row),
            "component_manager": Urn(call.store.plc.hrn.path, "authority", "cm"),
            "site": Urn.of(above, "authority"),
            "exclusive": row["node_type"] == reserving.RESERVABLE,
            "granularity": call.store.plc.lease_granularity if row["node_type"] == reserving.RESERVABLE else None,
            "hardware": _HARDWARE,
            "location": place if place.latitude is not None else None,
            "interfaces": (interface,) if address else (),
        }
        if sliver is None:
            return Node(**common, slivers=(SliverType(),))
        tags = told.attributes_of(call.store, [slice_id], sliver.node_id, [])[slice_id]
        pairs = tuple((tag["tagname"], tag["value"] or "") for tag in tags if tag["tagname"] not in _NOT_SAID)
        return Node(
            **common,
            client_id=sliver.client_id or host,
            sliver_id=sliver.urn,
            slivers=(SliverType(name=login, tags=pairs),),
            logins=(Login(hostname=host, username=login),),
        )


_NOT_SAID = frozenset({"hrn", "sfa_created", "sfa_shutdown", "initscript_code", "hmac"})
