"""ProtoGENI 2 and GENI 3: one layout in two namespaces, with PlanetLab's own bits in the extension's.

The public schemas let elements of other namespaces stand anywhere; what they have no word for goes there: tags,
initscripts, leases, a node's site. Leases outside of it are read too, for the SFA's servers write them so.
"""

from typing import Any

from lxml import etree

from planetlab.credentials import print_time
from planetlab.errors import BadArgument
from planetlab.rspec import Tags
from planetlab.rspecs import elements, parts
from planetlab.rspecs.documents import Document, Interface, Kind, Link, Node, Sliver
from planetlab.rspecs.elements import add, children, few, give, integer, local, needed, text, truth, urn
from planetlab.rspecs.versions import PLANETLAB, Version

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_PLANETLABS = (PLANETLAB, "http://www.planet-lab.org/resources/ext/planetlab/1")  # the second is of its published XSD


def read(root: etree._Element, version: Version) -> Document:
    """The document. Raises `BadArgument`, also where an attribute is missing that the public schemas require."""
    spaces = (version.namespace, "")
    if local(root) != "rspec":
        raise BadArgument(f"rspec: expected a root element rspec, got {local(root)[:40]}")
    try:
        kind = Kind(text(root, "type"))
    except ValueError:
        raise BadArgument(
            f"rspec: rspec@type: expected one of {', '.join(Kind)}, got {root.get('type')!r:.40}"
        ) from None
    leases = (one for one in children(root, (*spaces, *_PLANETLABS), "lease"))
    return Document(
        kind=kind,
        nodes=tuple(_read_node(one, spaces, kind) for one in few(children(root, spaces, "node"))),
        leases=tuple(parts.read_lease(one, (*spaces, *_PLANETLABS)) for one in few(leases)),
        links=tuple(_read_link(one, spaces, kind) for one in few(children(root, spaces, "link"))),
        defaults=next((_bits(one, Sliver()) for one in children(root, _PLANETLABS, "sliver_defaults")), Sliver()),
        generated=elements.time(root, "generated"),
        generated_by=text(root, "generated_by"),
        expires=elements.time(root, "expires"),
    )


def write(document: Document, version: Version) -> etree._Element:
    """The document, as the public schema for its kind wants it."""
    space, kind = version.namespace, document.kind
    root = etree.Element(f"{{{space}}}rspec", nsmap=_names(space))
    root.set(f"{{{_XSI}}}schemaLocation", f"{space} {version.schema(kind)} {PLANETLAB} {PLANETLAB}/planetlab.xsd")
    times = {name: getattr(document, name) for name in ("generated", "expires")}
    said = {name: None if when is None else print_time(when) for name, when in times.items()}
    give(root, type=str(kind), generated=said["generated"], generated_by=document.generated_by)
    if kind is not Kind.REQUEST:  # the schemas know it of the others only
        give(root, expires=said["expires"])
    for node in document.nodes:
        _write_node(root, space, node, kind)
    for link in document.links:
        parts.write_link(root, space, link)
    for lease in document.leases:
        parts.write_lease(root, PLANETLAB, lease)
    if document.defaults != Sliver():
        _write_bits(add(root, PLANETLAB, "sliver_defaults"), document.defaults)
    return root


def _names(space: str) -> dict[Any, str]:  # lxml's stubs know no None, the default namespace's prefix
    return {None: space, "planetlab": PLANETLAB, "xsi": _XSI}


def _read_node(element: etree._Element, spaces: tuple[str, ...], kind: Kind) -> Node:
    is_offer = kind is Kind.ADVERTISEMENT
    needed(element, "component_id" if is_offer else "client_id")
    more = next(children(element, _PLANETLABS, "node"), element)
    available = next(children(element, spaces, "available"), None)
    component = urn(element, "component_id")
    return Node(
        component_id=component,
        client_id=text(element, "client_id"),
        component_name=text(element, "component_name") or (component.hrn.leaf if component is not None else ""),
        component_manager=urn(element, "component_manager_id", "authority"),
        site=urn(more, "site_id", "authority"),
        sliver_id=urn(element, "sliver_id"),
        exclusive=bool(truth(element, "exclusive")),
        available=None if available is None or not needed(available, "now") else truth(available, "now"),
        bw_limit=integer(more, "bw_limit"),
        granularity=integer(more, "granularity", 1),
        hardware=tuple(needed(one, "name") for one in children(element, spaces, "hardware_type")),
        location=parts.read_location(element, spaces, strictly=True),
        interfaces=tuple(_read_interface(one, is_offer) for one in children(element, spaces, "interface")),
        slivers=tuple(_read_sliver(one, spaces) for one in children(element, spaces, "sliver_type")),
        tags=_attributes(element),
        **parts.read_services(element, spaces, strictly=True),
    )


def _read_link(element: etree._Element, spaces: tuple[str, ...], kind: Kind) -> Link:
    name = "component_id" if kind is Kind.ADVERTISEMENT else "client_id"
    for one in (element, *children(element, spaces, "interface_ref")):
        needed(one, name)
    return parts.read_link(element, spaces)


def _read_interface(element: etree._Element, is_offered: bool) -> Interface:
    needed(element, "component_id" if is_offered else "client_id")
    more = next(children(element, _PLANETLABS, "interface"), None)
    address = "" if more is None else text(more, "ipv4")
    if not address:
        address = next((text(one, "address") for one in element if local(one) == "ip"), "")
    return Interface(component_id=urn(element, "component_id"), client_id=text(element, "client_id"), ipv4=address)


def _read_sliver(element: etree._Element, spaces: tuple[str, ...]) -> Sliver:
    name = next((text(one, "name") for one in children(element, _PLANETLABS, "sliver")), "")
    images = tuple(text(one, "url") or needed(one, "name") for one in children(element, spaces, "disk_image"))
    return _bits(element, Sliver(type=needed(element, "name"), name=name, images=images))


def _bits(element: etree._Element, sliver: Sliver) -> Sliver:
    """``sliver`` with the tags and initscripts that stand in the extension's namespace."""
    return Sliver(
        type=sliver.type,
        name=sliver.name,
        images=sliver.images,
        tags=_attributes(element),
        initscripts=tuple(needed(one, "name") for one in children(element, _PLANETLABS, "initscript")),
    )


def _attributes(element: etree._Element) -> Tags:
    return tuple((needed(one, "name"), text(one, "value")) for one in children(element, _PLANETLABS, "attribute"))


def _write_node(root: etree._Element, space: str, node: Node, kind: Kind) -> None:
    is_offer = kind is Kind.ADVERTISEMENT
    asker = node.client_id if is_offer else node.client_id or node.hostname or f"node{len(root)}"
    names = {"client_id": asker, "component_manager_id": node.component_manager}  # the schemas want a client_id
    element = add(root, space, "node", **names, component_id=node.component_id)
    # Beside a component_id, which has the name too, the schemas speak of it in advertisements only.
    give(element, component_name=node.component_name if is_offer or node.component_id is None else "")
    give(element, sliver_id=node.sliver_id, exclusive=node.exclusive)
    for name in node.hardware:
        add(element, space, "hardware_type", name=name)
    for sliver in node.slivers:
        _write_sliver(element, space, sliver)
    if is_offer and node.available is not None:
        add(element, space, "available", now=node.available)
    if is_offer:
        parts.write_location(element, space, node.location)
    for number, one in enumerate(node.interfaces):
        client_id = one.client_id if is_offer else one.client_id or f"{asker}:if{number}"
        inner = add(element, space, "interface", component_id=one.component_id, client_id=client_id)
        if one.ipv4:
            add(inner, PLANETLAB, "interface", ipv4=one.ipv4)
    parts.write_services(element, space, node)
    if node.site is not None or node.bw_limit is not None or node.granularity is not None:
        limits = {"bw_limit": node.bw_limit, "granularity": node.granularity}
        add(element, PLANETLAB, "node", site_id=node.site, **limits)
    for name, value in node.tags:
        add(element, PLANETLAB, "attribute", name=name, value=value)


def _write_sliver(node: etree._Element, space: str, sliver: Sliver) -> None:
    element = add(node, space, "sliver_type", name=sliver.type)
    for image in sliver.images:
        add(element, space, "disk_image", name=image)
    if sliver.name:
        add(element, PLANETLAB, "sliver", name=sliver.name)
    _write_bits(element, sliver)


def _write_bits(element: etree._Element, sliver: Sliver) -> None:
    for script in sliver.initscripts:
        add(element, PLANETLAB, "initscript", name=script)
    for name, value in sliver.tags:
        add(element, PLANETLAB, "attribute", name=name, value=value)
