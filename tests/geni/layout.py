"""The rules of the public RSpec schemas that bear on what is written here, restated as a schema of our own.

The public ones (ad.xsd, request.xsd and manifest.xsd of ProtoGENI 2 and GENI 3) are not shipped: they lie on hosts that
a build need not reach. `schema` is the restatement: root, types, which attributes must be there, that elements of other
namespaces may stand anywhere, and that no others may. `public` is the real one, from the folder that
``PLFED_RSPEC_SCHEMAS`` names (``<folder>/protogeni-2/ad.xsd``, ``<folder>/geni-3/ad.xsd``, …).
"""

import functools
import os
from pathlib import Path

from lxml import etree

from planetlab.rspecs.documents import Kind
from planetlab.rspecs.versions import Version

_FILES = {Kind.ADVERTISEMENT: "ad.xsd", Kind.REQUEST: "request.xsd", Kind.MANIFEST: "manifest.xsd"}
_FOREIGN = '<xs:any namespace="##other" processContents="lax"/>'
_NAMES = {
    Kind.ADVERTISEMENT: ("component_id", "component_manager_id"),
    Kind.REQUEST: ("client_id",),
    Kind.MANIFEST: ("client_id",),
}
_NODE = ("client_id", "component_id", "component_manager_id", "component_name", "sliver_id")


def _attribute(name: str, needed: bool = False, kind: str = "xs:string") -> str:
    use = "required" if needed else "optional"
    return f'<xs:attribute name="{name}" type="{kind}" use="{use}"/>'


def _leaf(name: str, *attributes: str, inner: str = "") -> str:
    return f"""<xs:element name="{name}"><xs:complexType>
      <xs:choice minOccurs="0" maxOccurs="unbounded">{inner}{_FOREIGN}</xs:choice>{"".join(attributes)}
    </xs:complexType></xs:element>"""


def _of_a_node(kind: Kind) -> str:
    login = _leaf(
        "login",
        _attribute("authentication", True),
        _attribute("hostname"),
        _attribute("port", kind="xs:positiveInteger"),
        _attribute("username"),
    )
    execute = _leaf("execute", _attribute("shell", True), _attribute("command", True))
    install = _leaf("install", _attribute("url", True), _attribute("install_path", True), _attribute("file_type"))
    image = _leaf("disk_image", _attribute("name", True))
    wished = kind is not Kind.ADVERTISEMENT
    parts = [
        _leaf("hardware_type", _attribute("name", True)),
        _leaf("sliver_type", _attribute("name", True), inner=image),
        _leaf("interface", _attribute("component_id", not wished), _attribute("client_id", wished)),
        _leaf("services", inner=login + execute + install),
    ]
    if kind is Kind.ADVERTISEMENT:
        parts.append(_leaf("available", _attribute("now", True, "xs:boolean")))
        parts.append(_leaf("location", _attribute("country", True), _attribute("longitude"), _attribute("latitude")))
    return "".join(parts)


def _link(kind: Kind) -> str:
    name, more = ("component_id", []) if kind is Kind.ADVERTISEMENT else ("client_id", [_attribute("component_id")])
    inner = (
        _leaf("component_manager", _attribute("name", True))
        + _leaf(
            "interface_ref", _attribute(name, True), *([] if name == "component_id" else [_attribute("component_id")])
        )
        + _leaf("link_type", _attribute("name", True))
        + _leaf("property", *(_attribute(n, n.endswith("_id")) for n in ("source_id", "dest_id", *_QUALITIES)))
    )
    others = [one for one in ("component_id", "component_name", "client_id") if one != name]
    return _leaf("link", _attribute(name, True), *map(_attribute, others), inner=inner)


_QUALITIES = ("capacity", "latency", "packet_loss")


@functools.cache
def schema(version: Version, kind: Kind) -> etree.XMLSchema:
    """The restated rules for one kind of document in one spelling."""
    attributes = [_attribute(name, name in _NAMES[kind]) for name in _NODE]
    node = _leaf("node", *attributes, _attribute("exclusive", kind="xs:boolean"), inner=_of_a_node(kind))
    times = [] if kind is Kind.REQUEST else [_attribute("expires", kind="xs:dateTime")]
    root = _leaf(
        "rspec",
        f'<xs:attribute name="type" use="required"><xs:simpleType><xs:restriction base="xs:string">'
        f'<xs:enumeration value="{kind}"/></xs:restriction></xs:simpleType></xs:attribute>',
        _attribute("generated", kind="xs:dateTime"),
        _attribute("generated_by"),
        *times,
        inner=node + _link(kind),
    )
    return etree.XMLSchema(
        etree.fromstring(
            f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{version.namespace}" '
            f'elementFormDefault="qualified">{root}</xs:schema>'
        )
    )


def public(version: Version, kind: Kind) -> etree.XMLSchema | None:
    """The public schema, if somebody has it at hand."""
    folder = os.environ.get("PLFED_RSPEC_SCHEMAS", "")
    path = Path(folder) / f"{version.type.lower()}-{version.version}" / _FILES[kind]
    return etree.XMLSchema(etree.parse(str(path))) if folder and path.exists() else None
