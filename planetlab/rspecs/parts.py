"""The parts of a node, and links and leases, that are spelt alike in all RSpec formats, each in its own namespace.

``spaces`` are the namespaces in which an element is looked for, ``space`` the one in which it is written.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from lxml import etree

from planetlab.errors import BadArgument
from planetlab.rspecs import elements
from planetlab.rspecs.documents import Execute, Install, Interface, Lease, Link, Location, Login, Node, Property
from planetlab.rspecs.elements import add, children, integer, needed, number, text, urn

_NO_COUNTRY = "unknown"  # the schemas want a country; this is what the SFA's servers said where they knew none


def read_location(node: etree._Element, spaces: Sequence[str], strictly: bool = False) -> Location | None:
    """Where a node stands; None where that is not said. ``strictly`` wants what the public schemas require."""
    for element in children(node, spaces, "location"):
        if strictly and element.get("country") != "":  # the schemas want it to be there, and take it empty
            needed(element, "country")
        country = text(element, "country")
        return Location(
            country="" if country == _NO_COUNTRY else country,
            latitude=number(element, "latitude", 90.0),
            longitude=number(element, "longitude", 180.0),
        )
    return None


def write_location(node: etree._Element, space: str, location: Location | None) -> None:
    """Where a node stands, if that is known."""
    if location is not None:
        country = location.country or _NO_COUNTRY
        add(node, space, "location", country=country, longitude=location.longitude, latitude=location.latitude)


def read_services(node: etree._Element, spaces: Sequence[str], strictly: bool = False) -> dict[str, Any]:
    """What a node's ``services`` say, as fields of a `Node`. ``strictly`` wants what the public schemas require."""
    said = needed if strictly else text
    return {
        "logins": tuple(_login(one, said(one, "authentication")) for one in _inside(node, spaces, "login")),
        "executes": tuple(
            Execute(command=needed(one, "command"), shell=said(one, "shell") or "sh")
            for one in _inside(node, spaces, "execute")
        ),
        "installs": tuple(
            Install(url=needed(one, "url"), install_path=needed(one, "install_path"), file_type=text(one, "file_type"))
            for one in _inside(node, spaces, "install")
        ),
    }


def write_services(element: etree._Element, space: str, node: Node) -> None:
    """A node's ``services``, if it has any."""
    if not (node.logins or node.executes or node.installs):
        return
    holder = add(element, space, "services")
    for install in node.installs:
        path, kind = install.install_path, install.file_type
        add(holder, space, "install", url=install.url, install_path=path, file_type=kind)
    for execute in node.executes:
        add(holder, space, "execute", shell=execute.shell, command=execute.command)
    for login in node.logins:
        how = {"authentication": login.authentication, "hostname": login.hostname}
        add(holder, space, "login", **how, port=login.port, username=login.username)


def _inside(node: etree._Element, spaces: Sequence[str], name: str) -> Iterator[etree._Element]:
    for holder in children(node, spaces, "services"):
        yield from children(holder, spaces, name)


def _login(element: etree._Element, authentication: str) -> Login:
    port = integer(element, "port")
    if port is not None and not 0 < port < 65_536:
        raise BadArgument(f"rspec: login@port: expected 1 to 65535, got {port}")
    return Login(
        hostname=text(element, "hostname"),
        port=22 if port is None else port,
        username=text(element, "username"),
        authentication=authentication or "ssh-keys",
    )


def read_link(element: etree._Element, spaces: Sequence[str]) -> Link:
    """A link; its ends may be URNs or the asker's own names."""
    return Link(
        component_id=urn(element, "component_id"),
        client_id=text(element, "client_id"),
        component_name=text(element, "component_name"),
        managers=tuple(needed(one, "name") for one in children(element, spaces, "component_manager")),
        types=tuple(needed(one, "name") for one in children(element, spaces, "link_type")),
        ends=tuple(
            Interface(component_id=urn(one, "component_id"), client_id=text(one, "client_id"))
            for one in children(element, spaces, "interface_ref")
        ),
        properties=tuple(map(_property, children(element, spaces, "property"))),
    )


def write_link(parent: etree._Element, space: str, link: Link) -> None:
    """A link."""
    names = {"client_id": link.client_id, "component_id": link.component_id, "component_name": link.component_name}
    element = add(parent, space, "link", **names)
    for manager in link.managers:
        add(element, space, "component_manager", name=manager)
    for end in link.ends:
        add(element, space, "interface_ref", client_id=end.client_id, component_id=end.component_id)
    for one in link.properties:
        ends = {"source_id": one.source, "dest_id": one.destination}
        told = {"capacity": one.capacity, "latency": one.latency, "packet_loss": one.packet_loss}
        add(element, space, "property", **ends, **told)
    for kind in link.types:
        add(element, space, "link_type", name=kind)


def _property(element: etree._Element) -> Property:
    return Property(
        source=needed(element, "source_id"),
        destination=needed(element, "dest_id"),
        capacity=number(element, "capacity"),
        latency=number(element, "latency"),
        packet_loss=number(element, "packet_loss", 1.0),
    )


def read_lease(element: etree._Element, spaces: Sequence[str]) -> Lease:
    """Nodes for one slice alone. ``duration`` counts steps of the aggregate's granularity, as the SFA has it."""
    nodes = [urn(one, "component_id") for one in children(element, spaces, "node")]
    slice_, start = urn(element, "slice_id", "slice"), elements.time(element, "start_time")
    steps = integer(element, "duration", 1)
    if slice_ is None or start is None or steps is None or not nodes or None in nodes:
        raise BadArgument(
            "rspec: lease: expected slice_id, start_time and duration, and in it nodes with their component_id"
        )
    return Lease(slice=slice_, start=start, steps=steps, nodes=tuple(one for one in nodes if one is not None))


def write_lease(parent: etree._Element, space: str, lease: Lease) -> None:
    """Nodes for one slice alone."""
    element = add(parent, space, "lease", slice_id=lease.slice, start_time=int(lease.start), duration=lease.steps)
    for node in lease.nodes:
        add(element, space, "node", component_id=node)
