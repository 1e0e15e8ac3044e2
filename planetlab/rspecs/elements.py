"""RSpec documents as XML: read under limits, by elements and attributes that say what was expected of them.

Comments and instructions are dropped before anything is read, so that they split no text. A document type, which
could define entities, is refused. What arrived as text is text already: an encoding in its first line counts no more.
"""

import math
import re
from collections.abc import Iterable, Iterator

from lxml import etree

from planetlab import xml_scan
from planetlab.credentials import parse_time
from planetlab.errors import BadArgument
from planetlab.names import Hrn, Urn
from planetlab.rpc_values import UNFIT

Element = etree._Element  # what a document's elements are, for modules that need no more of lxml than the word

MOST_BYTES = 8 << 20
MOST_NODES = 20_000  # nodes, links or leases of one document
LONGEST = 16_384  # characters of one attribute or text
_DECLARATION = re.compile(r"\s*<\?xml\s[^>]{0,200}\?>")
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,18}(\.[0-9]{0,18})?([eE][+-]?[0-9]{1,3})?\s*", re.ASCII)
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def parse(data: bytes | str, most: int = MOST_BYTES) -> etree._Element:
    """The root element of a document off the wire. Raises `BadArgument`, which says what was expected."""
    if isinstance(data, str):
        data = _DECLARATION.sub("", data, count=1).encode("utf-8", "replace")
    if len(data) > most:
        raise BadArgument(f"rspec: at most {most} octets are read, got {len(data)}")
    try:
        xml_scan.scan(data)
    except BadArgument as error:
        raise BadArgument(f"rspec: {error}") from None
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadArgument(f"rspec: expected an XML document, got {data[:40]!r}: {error!s:.120}") from None


def printed(root: etree._Element) -> str:
    """The document as text; its first line names no encoding, for readers that decode it as text refuse one."""
    etree.indent(root)
    return '<?xml version="1.0"?>\n' + etree.tostring(root, encoding="unicode") + "\n"


def local(element: etree._Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def space(element: etree._Element) -> str:
    """An element's namespace; empty for none."""
    return str(element.tag).rpartition("}")[0].removeprefix("{")


def children(parent: etree._Element, namespaces: Iterable[str], *names: str) -> Iterator[etree._Element]:
    """The children of these names in one of ``namespaces``."""
    for child in parent:
        if space(child) in namespaces and local(child) in names:
            yield child


def add(parent: etree._Element, namespace: str, called: str, /, **attributes: object) -> etree._Element:
    """A new child; attributes that are None or empty are left out."""
    child = etree.SubElement(parent, f"{{{namespace}}}{called}" if namespace else called)
    give(child, **attributes)
    return child


def give(element: etree._Element, /, **attributes: object) -> None:
    """Set attributes, those that are None or empty left out; what XML cannot carry becomes ``?``."""
    for name, value in attributes.items():
        if value is not None and value != "":
            element.set(name, fit(value))


def fit(value: object) -> str:
    """``value`` as XML can carry it."""
    return UNFIT.sub("?", _spelt(value) if isinstance(value, bool | float) else str(value))


def _spelt(value: bool | float) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:.12g}"


def text(element: etree._Element, name: str = "") -> str:
    """An attribute, or without a name the element's own text; empty if it is not there."""
    said = (element.get(name) if name else element.text) or ""
    if len(said) > LONGEST:
        raise BadArgument(f"{_where(element, name)}: at most {LONGEST} characters are read, got {len(said)}")
    return said.strip()


def needed(element: etree._Element, name: str) -> str:
    """An attribute that has to be there."""
    said = text(element, name)
    if not said:
        raise BadArgument(f"{_where(element, name)}: expected it to be there")
    return said


def urn(element: etree._Element, name: str, kind: str = "") -> Urn | None:
    """An attribute that is a URN, or a dotted name of something of ``kind``; None if it is not there."""
    said = text(element, name)
    if not said:
        return None
    try:
        return Urn.of(Hrn.parse(said), kind) if kind and not said.lower().startswith("urn:") else Urn.parse(said)
    except BadArgument as error:
        raise BadArgument(f"{_where(element, name)}: {error}") from None


def integer(element: etree._Element, name: str = "", least: int = 0) -> int | None:
    """An attribute or text that is a whole number; None if it is not there."""
    said = text(element, name)
    if said and (not _INTEGER.fullmatch(said) or int(said) < least):
        raise BadArgument(f"{_where(element, name)}: expected a whole number, at least {least}, got {said!r:.40}")
    return int(said) if said else None


def number(element: etree._Element, name: str, most: float = math.inf) -> float | None:
    """An attribute that is a decimal number between ``-most`` and ``most``; None if it is not there."""
    said = text(element, name)
    if said and (not _NUMBER.fullmatch(said) or abs(float(said)) > most):
        bound = "" if most == math.inf else f" of at most {most:g} either way"
        raise BadArgument(f"{_where(element, name)}: expected a number{bound}, got {said!r:.40}")
    return float(said) if said else None


def truth(element: etree._Element, name: str = "") -> bool | None:
    """An attribute or text that is ``true`` or ``false``, in any case; None if it is not there."""
    said = text(element, name)
    if said and said.lower() not in _TRUTHS:
        raise BadArgument(f"{_where(element, name)}: expected true or false, got {said!r:.40}")
    return _TRUTHS[said.lower()] if said else None


def time(element: etree._Element, name: str) -> float | None:
    """An attribute that is a time with its zone, or seconds since the epoch; None if it is not there."""
    said = text(element, name)
    if _INTEGER.fullmatch(said):
        return float(said)
    try:
        return parse_time(said) if said else None
    except BadArgument as error:
        raise BadArgument(f"{_where(element, name)}: {error}") from None


def few(found: Iterable[etree._Element], most: int = MOST_NODES) -> list[etree._Element]:
    """Elements, as many as are read."""
    listed = list(found)
    if len(listed) > most:
        raise BadArgument(f"rspec: at most {most} elements {local(listed[0])} are read, got {len(listed)}")
    return listed


def _where(element: etree._Element, name: str) -> str:
    return f"rspec: {local(element)}{'@' + name if name else ''}"
