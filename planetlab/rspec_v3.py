"""The v3 spelling of a slice's tags: ``<resource name="nm_cpu_share"><value …>32</value></resource>``.

Two tables. `COMPATIBLE` is what PLC 4 wrote into v3 tickets, with its units (two rates stay in kbit/s there); it is
what we write, and how a ticket is read. `ORIGINAL` is what PLC 3 stored, all rates in bit/s; it is how attributes that
come from a v3 installation become tags.
"""

from collections.abc import Callable, Iterable

from attrs import frozen
from lxml import etree

from planetlab.errors import BadArgument
from planetlab.rspec import ResourceSpec, Tags, integer
from planetlab.units import bits, daily_kbyte, daily_rate, kbit

XML = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
Convert = Callable[[int], int]


def _same(number: int) -> int:
    return number


@frozen
class Spelling:
    """How one tag is spelt as a resource: its names, its type, and the units' conversion to and fro."""

    tag: str
    resource: str
    value: str
    type: str = "integer"
    there: Convert = _same
    back: Convert = _same


# PLCAPI 4.2, its ticket for v3 nodes: minimum and maximum rates stay in kbit/s, the exempt ones become bit/s.
COMPATIBLE = (
    Spelling("cpu_share", "nm_cpu_share", "cpu_share"),
    Spelling("net_share", "nm_net_share", "rate"),
    Spelling("net_min_rate", "nm_net_min_rate", "rate"),
    Spelling("net_max_rate", "nm_net_max_rate", "rate"),
    Spelling("net_max_kbyte", "nm_net_avg_rate", "rate", there=daily_rate, back=daily_kbyte),
    Spelling("net_i2_share", "nm_net_exempt_share", "rate"),
    Spelling("net_i2_min_rate", "nm_net_exempt_min_rate", "rate", there=bits, back=kbit),
    Spelling("net_i2_max_rate", "nm_net_exempt_max_rate", "rate", there=bits, back=kbit),
    Spelling("net_i2_max_kbyte", "nm_net_exempt_avg_rate", "rate", there=daily_rate, back=daily_kbyte),
    Spelling("disk_max", "nm_disk_quota", "quota"),
    Spelling("plc_agent_version", "plc_agent_version", "version", "string"),
    Spelling("plc_slice_type", "plc_slice_type", "type", "string"),
    Spelling("plc_ticket_pubkey", "plc_ticket_pubkey", "key", "string"),
    Spelling("initscript", "initscript", "initscript_id"),
)

# PLC 3 as it was migrated to 4: every rate in bit/s, guarantees in per mille.
ORIGINAL = (
    Spelling("cpu_share", "nm_cpu_share", "cpu_share"),
    Spelling(
        "cpu_pct", "nm_cpu_guaranteed_share", "cpu_share", there=lambda pct: pct * 10, back=lambda mille: mille // 10
    ),
    Spelling("enabled", "nm_enabled", "enabled"),
    Spelling("disk_max", "nm_disk_quota", "quota"),
    Spelling("net_share", "nm_net_share", "rate"),
    Spelling("net_min_rate", "nm_net_min_rate", "rate", there=bits, back=kbit),
    Spelling("net_max_rate", "nm_net_max_rate", "rate", there=bits, back=kbit),
    Spelling("net_max_kbyte", "nm_net_avg_rate", "rate", there=daily_rate, back=daily_kbyte),
    Spelling("net_i2_share", "nm_net_exempt_share", "rate"),
    Spelling("net_i2_min_rate", "nm_net_exempt_min_rate", "rate", there=bits, back=kbit),
    Spelling("net_i2_max_rate", "nm_net_exempt_max_rate", "rate", there=bits, back=kbit),
    Spelling("net_i2_max_kbyte", "nm_net_exempt_avg_rate", "rate", there=daily_rate, back=daily_kbyte),
)

_CAPPED_AT = {"net_max_kbyte": "net_thresh_kbyte", "net_i2_max_kbyte": "net_i2_thresh_kbyte"}


@frozen
class Resource:
    """One ``resource`` element and its only ``value``."""

    name: str
    value_name: str
    type: str
    text: str


def resource(tag: str, value: str, table: tuple[Spelling, ...] = COMPATIBLE) -> Resource:
    """The resource that says this tag; a tag without a row keeps its name, and its type is string."""
    spelling = next((row for row in table if row.tag == tag), None)
    if spelling is None:
        return Resource(tag, tag, "string", value)
    if spelling.type == "integer" and (whole := integer(value)) is not None:
        return Resource(spelling.resource, spelling.value, "integer", str(spelling.there(whole)))
    return Resource(spelling.resource, spelling.value, "string", value)


def tags_of(resources: Iterable[Resource], table: tuple[Spelling, ...] = COMPATIBLE) -> Tags:
    """The tags that v3 resources say, in v4 names and units.

    An average rate also sets the threshold at four fifths of the daily amount, and ``plc_slice_state`` suspended
    is ``enabled`` 0, as PLC converted them.
    """
    tags: list[tuple[str, str]] = []
    rows = {row.resource: row for row in table}
    for one in resources:
        spelling = rows.get(one.name)
        whole = integer(one.text)
        if spelling is None or spelling.type != "integer" or whole is None:
            tags.append((spelling.tag if spelling else one.name, one.text))
        else:
            amount = spelling.back(whole)
            tags.append((spelling.tag, str(amount)))
            if capped := _CAPPED_AT.get(spelling.tag):
                tags.append((capped, str(amount * 4 // 5)))
        if one.name == "plc_slice_state" and one.text.strip() == "suspended":
            tags.append(("enabled", "0"))
    return tuple(tags)


def to_element(tags: Iterable[tuple[str, str]]) -> etree._Element:
    """The ``rspec`` element of a v3 ticket: one resource per tag, in the tags' order. Not indented."""
    rspec = etree.Element("rspec")
    for name, value in tags:
        said = resource(name, value)
        outer = etree.SubElement(rspec, "resource", name=said.name)
        inner = etree.SubElement(outer, "value", name=said.value_name, type=said.type)
        inner.text = said.text or None
    return rspec


def from_element(rspec: etree._Element) -> tuple[Resource, ...]:
    """Read an ``rspec`` element. Raises `BadArgument` for anything but resources with one value each."""
    resources = []
    for outer in rspec:
        inner = outer[0] if outer.tag == "resource" and len(outer) == 1 else None
        if inner is None or inner.tag != "value" or len(inner) or set(outer.attrib) != {"name"}:
            raise BadArgument(f"rspec: expected resource elements with a name and one value, got {outer.tag!s:.60}")
        kind = inner.get("type")
        if set(inner.attrib) != {"name", "type"} or kind not in ("integer", "string"):
            raise BadArgument(
                f"rspec: {outer.get('name')!r:.60}: expected a value with name and type integer or string"
            )
        text = inner.text or ""
        if kind == "integer" and integer(text) is None:
            raise BadArgument(f"rspec: {outer.get('name')!r:.60}: expected an integer, got {text!r:.60}")
        resources.append(Resource(str(outer.get("name")), str(inner.get("name")), str(kind), text))
    return tuple(resources)


def print_rspec(spec: ResourceSpec) -> bytes:
    """A spec's XML form, indented by two, with the names and units of v3."""
    element = to_element(spec.as_tags())
    etree.indent(element)
    return etree.tostring(element, encoding="utf-8") + b"\n"


def parse_rspec(data: bytes) -> ResourceSpec:
    """Read a spec's XML form. Raises `BadArgument`.

    What v3 says more coarsely (a daily amount as an average rate) comes back as coarse as it was said.
    """
    try:
        root = etree.fromstring(data, XML)
    except etree.XMLSyntaxError as error:
        raise BadArgument(f"rspec: expected XML, got {data[:40]!r}: {error.msg}") from None
    if root.getroottree().docinfo.internalDTD is not None or root.tag != "rspec":
        raise BadArgument(f"rspec: expected a root element rspec and no DTD, got {root.tag!s:.60}")
    return ResourceSpec.from_tags(tags_of(from_element(root)))
