"""SFA 1: nodes inside the network that has them; tags are elements; what is asked for has a ``sliver``.

The spelling has no kind of its own, and neither schema nor namespace. Whoever reads one says what it is taken for: a
request asks for the nodes that have a sliver, whatever else it lists, for clients put slivers into advertisements.
"""

import re
from collections.abc import Iterator

from lxml import etree

from planetlab.credentials import print_time
from planetlab.errors import BadArgument
from planetlab.names import Hrn
from planetlab.rspecs import elements, parts
from planetlab.rspecs.documents import Document, Interface, Kind, Node, Sliver
from planetlab.rspecs.elements import add, children, few, fit, integer, local, text, truth, urn

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_BARE = ("",)
_OF_A_NODE = frozenset(
    {"hostname", "location", "exclusive", "interface", "services", "sliver", "hardware_type", "bw_limit"}
    | {"granularity", "urn"}
)
_OF_A_SLIVER = frozenset({"initscript", "disk_image"})


def read(root: etree._Element, kind: Kind | None = None) -> Document:
    """The document as ``kind``, or as what it looks like. Raises `BadArgument`."""
    networks = list(children(root, _BARE, "network"))
    if root.tag != "RSpec" or root.get("type", "SFA") != "SFA":
        raise BadArgument(f"rspec: expected <RSpec type='SFA'>, got {local(root)[:40]} {root.get('type', '')[:40]}")
    kind = kind or _guessed(networks)
    first = networks[0] if networks else root
    found = few(node for network in networks for node in network.iter("node") if _is_a_node(node))
    if kind is Kind.REQUEST:
        found = [node for node in found if node.find("sliver") is not None]
    return Document(
        kind=kind,
        nodes=tuple(map(_read_node, found)),
        leases=tuple(parts.read_lease(one, _BARE) for one in few(root.iter("lease"))),
        links=tuple(
            parts.read_link(one, _BARE) for one in few(link for network in networks for link in network.iter("link"))
        ),
        network=_hrn(first, "name"),
        slice=_hrn(first, "slice"),
        defaults=next((_read_sliver(one) for one in children(first, _BARE, "sliver_defaults")), Sliver()),
        generated=elements.time(root, "generated"),
        generated_by=text(root, "generated_by"),
        expires=elements.time(root, "expires"),
    )


def write(document: Document) -> etree._Element:
    """The document; nodes stand in the network of their manager."""
    root = etree.Element("RSpec", type="SFA")
    _times(root, document)
    networks: dict[Hrn | None, etree._Element] = {}
    outer = _network(networks, root, document.network, document)
    if document.defaults != Sliver():
        _write_tags(add(outer, "", "sliver_defaults"), document.defaults)
    for node in document.nodes:
        own = node.component_manager.hrn if node.component_manager is not None else document.network
        _write_node(_network(networks, root, own or document.network, document), node, document.kind)
    for link in document.links:
        parts.write_link(outer, "", link)
    for lease in document.leases:
        parts.write_lease(outer, "", lease)
    return root


def _times(root: etree._Element, document: Document) -> None:
    for name in ("expires", "generated"):
        when: float | None = getattr(document, name)
        elements.give(root, **{name: None if when is None else print_time(when)})
    elements.give(root, generated_by=document.generated_by)


def _network(
    made: dict[Hrn | None, etree._Element], root: etree._Element, name: Hrn | None, document: Document
) -> etree._Element:
    if name not in made:
        made[name] = add(root, "", "network", name=name, slice=document.slice)
    return made[name]


def _is_a_node(element: etree._Element) -> bool:
    parent = element.getparent()
    return parent is not None and parent.tag != "lease"


def _guessed(networks: list[etree._Element]) -> Kind:
    if any(network.get("slice") for network in networks):
        return Kind.MANIFEST
    asked = any(network.find(f".//{name}") is not None for network in networks for name in ("sliver", "lease"))
    return Kind.REQUEST if asked else Kind.ADVERTISEMENT


def _hrn(element: etree._Element, name: str) -> Hrn | None:
    said = text(element, name)
    try:
        return Hrn.parse(said) if said else None
    except BadArgument as error:
        raise BadArgument(f"rspec: {local(element)}@{name}: {error}") from None


def _read_node(element: etree._Element) -> Node:
    hostname = element.find("hostname")
    name = text(element, "component_name") or (text(hostname) if hostname is not None else "")
    state = text(element, "boot_state")
    inner = {tag: element.find(tag) for tag in ("exclusive", "bw_limit", "granularity")}
    return Node(
        component_id=urn(element, "component_id"),
        client_id=text(element, "client_id"),
        component_name=name,
        component_manager=urn(element, "component_manager_id", "authority"),
        site=urn(element, "site_id", "authority"),
        sliver_id=urn(element, "sliver_id"),
        exclusive=inner["exclusive"] is not None and bool(truth(inner["exclusive"])),
        available=state == "boot" if state else None,
        bw_limit=integer(inner["bw_limit"]) if inner["bw_limit"] is not None else None,
        granularity=integer(inner["granularity"], "grain", 1) if inner["granularity"] is not None else None,
        hardware=tuple(text(one, "name") for one in children(element, _BARE, "hardware_type")),
        location=parts.read_location(element, _BARE),
        interfaces=tuple(map(_interface, children(element, _BARE, "interface"))),
        slivers=tuple(map(_read_sliver, children(element, _BARE, "sliver"))),
        tags=tuple(_tags(element, _OF_A_NODE)),
        **parts.read_services(element, _BARE),
    )


def _interface(element: etree._Element) -> Interface:
    there = urn(element, "component_id")
    return Interface(component_id=there, client_id=text(element, "client_id"), ipv4=text(element, "ipv4"))


def _read_sliver(element: etree._Element) -> Sliver:
    images = (text(one, "name") or text(one) for one in children(element, _BARE, "disk_image"))
    return Sliver(
        type=text(element, "type") or Sliver().type,
        name=text(element, "name"),
        tags=tuple(_tags(element, _OF_A_SLIVER)),
        initscripts=tuple(text(one) for one in children(element, _BARE, "initscript")),
        images=tuple(images),
    )


def _tags(element: etree._Element, known: frozenset[str]) -> Iterator[tuple[str, str]]:
    for child in element:
        if child.tag == "attribute":
            yield elements.needed(child, "name"), text(child, "value")
        elif local(child) not in known and not len(child):
            yield local(child), text(child)


def _write_node(parent: etree._Element, node: Node, kind: Kind) -> None:
    state = None if node.available is None else "boot" if node.available else "disabled"
    element = add(
        parent,
        "",
        "node",
        client_id=node.client_id,
        component_manager_id=node.component_manager,
        component_id=node.component_id,
        component_name=node.component_name,
        boot_state=state,
        site_id=node.site,
        sliver_id=node.sliver_id,
    )
    if node.hostname:
        add(element, "", "hostname").text = fit(node.hostname)
    for name in node.hardware:
        add(element, "", "hardware_type", name=name)
    parts.write_location(element, "", node.location)
    if node.bw_limit is not None:
        add(element, "", "bw_limit", units="kbps").text = fit(node.bw_limit)
    add(element, "", "exclusive").text = "TRUE" if node.exclusive else "FALSE"
    if node.granularity is not None:
        add(element, "", "granularity", grain=node.granularity)
    for one in node.interfaces:
        add(element, "", "interface", component_id=one.component_id, client_id=one.client_id, ipv4=one.ipv4)
    parts.write_services(element, "", node)
    _write_pairs(element, node.tags, _OF_A_NODE)
    for sliver in _told(node, kind):
        kinds = sliver.type if sliver.type != Sliver().type else None
        _write_tags(add(element, "", "sliver", name=sliver.name, type=kinds), sliver)


def _told(node: Node, kind: Kind) -> tuple[Sliver, ...]:
    """The slivers that a document says: none in an advertisement, whose readers take a node with one for theirs."""
    if kind is Kind.ADVERTISEMENT:
        return tuple(sliver for sliver in node.slivers if sliver != Sliver())
    return node.slivers or ((Sliver(),) if kind is Kind.REQUEST else ())


def _write_tags(element: etree._Element, sliver: Sliver) -> None:
    for name in sliver.initscripts:
        add(element, "", "initscript").text = fit(name)
    for image in sliver.images:
        add(element, "", "disk_image", name=image)
    _write_pairs(element, sliver.tags, _OF_A_SLIVER)


def _write_pairs(element: etree._Element, tags: tuple[tuple[str, str], ...], known: frozenset[str]) -> None:
    for name, value in tags:
        if _NAME.fullmatch(name) and name != "attribute" and name not in known:
            add(element, "", name).text = fit(value)
        else:  # a name that cannot be an element's, or is another's here
            add(element, "", "attribute", name=name, value=value)
