"""XML that was signed, or shall be: read under limits, in one spelling per content, and put into canonical form."""

import base64
import re

from lxml import etree

from planetlab import xml_scan
from planetlab.errors import BadArgument
from planetlab.refusals import BadSignature

MOST_BYTES = 1 << 20
MOST_TAGS = 100_000
MOST_DEPTH = 32

INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"

PROLOGS = tuple(
    f"<?xml version={quote}1.0{quote}{encoding}?>\n".encode()
    for quote in "\"'"
    for encoding in ("", f" encoding={quote}utf-8{quote}", f" encoding={quote}UTF-8{quote}")
)
_INDENT = re.compile(r"(?:\n *)?")
_XML = "{http://www.w3.org/XML/1998/namespace}"


def without_encoding(data: bytes) -> bytes:
    """A document whose first line names no encoding: readers that have it as text already refuse one.

    What is signed begins after that line.
    """
    found = next((prolog for prolog in PROLOGS if data.startswith(prolog)), b"")
    return PROLOGS[0] + data.removeprefix(found)


def parse(data: bytes) -> etree._Element:
    """Parse XML off the wire: no DTD, no comment, no instruction, limits. Raises `BadSignature` ``malformed``."""
    if len(data) > MOST_BYTES or data.count(b"<") > MOST_TAGS:
        raise BadSignature("too-large", f"{len(data)} bytes; at most {MOST_BYTES} and {MOST_TAGS} tags are read")
    try:
        xml_scan.scan(data)
    except BadArgument as error:
        raise BadSignature("malformed", str(error)) from None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadSignature("malformed", f"expected an XML document, got {data[:40]!r}: {error!s:.120}") from None
    info = root.getroottree().docinfo
    if info.internalDTD is not None or info.doctype:
        raise BadSignature("malformed", "a document type declaration is not accepted")
    if any(not isinstance(element.tag, str) for element in root.iter()):
        raise BadSignature("malformed", "comments, processing instructions and entities are not accepted")
    if int(root.xpath(f"count(//*[count(ancestor::*) >= {MOST_DEPTH}])")):  # type: ignore[arg-type]  # count() gives a float
        raise BadSignature("malformed", f"elements nest deeper than {MOST_DEPTH}")
    return root


def canonical(element: etree._Element, method: str = INCLUSIVE) -> bytes:
    """The canonical form of an element in its document.

    lxml cuts an element out of its document before it writes inclusive C14N, which loses the ancestors' ``xml:``
    attributes and adds empty namespace declarations; serialising it and parsing it alone does not.
    """
    if method == EXCLUSIVE or element.getparent() is None:
        return etree.tostring(element, method="c14n", exclusive=method == EXCLUSIVE, with_comments=False)
    apex = etree.fromstring(etree.tostring(element, with_tail=False))
    for ancestor in element.iterancestors():
        for name, value in ancestor.attrib.items():
            if str(name).startswith(_XML) and name not in apex.attrib:
                apex.set(name, value)
    return etree.tostring(apex, method="c14n", exclusive=False, with_comments=False)


def must_be_plain(data: bytes, root: etree._Element) -> None:
    """Refuse every spelling but libxml2's: after this, equal content means equal bytes."""
    prolog = next((prolog for prolog in PROLOGS if data.startswith(prolog)), b"")
    body = data[len(prolog) :].removesuffix(b"\n")
    plain = etree.tostring(root, encoding="utf-8")
    if body == plain:
        return
    ascii_only = plain.decode().encode("ascii", "xmlcharrefreplace")
    hexadecimal = "".join(c if c.isascii() else f"&#x{ord(c):X};" for c in plain.decode()).encode()
    if body not in (ascii_only, hexadecimal):
        raise BadSignature("malformed", "the document is not laid out as xmlsec1 and libxml2 write it")


def must_be_indents(*spaces: str | None) -> None:
    """Refuse text between unsigned elements that is more than one line end and spaces."""
    if not all(_INDENT.fullmatch(space or "") for space in spaces):
        raise BadSignature("malformed", "between the parts of a Signature only a line end and spaces may stand")


def wrapped(data: bytes, width: int = 64) -> str:
    """Base64 in lines of ``width``."""
    text = base64.b64encode(data).decode()
    return "\n".join(text[start : start + width] for start in range(0, len(text), width))


def unwrapped(text: str, name: str) -> bytes:
    """Decode base64 that has one spelling: lines of equal width, no stray bits behind the last byte."""
    lines = text.split("\n")
    lines = lines[1:] if len(lines) > 1 and not lines[0] else lines
    lines = lines[:-1] if len(lines) > 1 and not lines[-1] else lines
    joined = "".join(lines)
    try:
        data = base64.b64decode(joined, validate=True)
    except ValueError:
        data = b""
    width = len(lines[0])
    even = all(len(line) == width for line in lines[:-1]) and 0 < len(lines[-1]) <= width
    if not data or not even or base64.b64encode(data).decode() != joined:
        raise BadSignature("malformed", f"{name}: expected base64 in lines of equal width, got {text!r:.40}")
    return data


def only(element: etree._Element, path: str) -> str:
    """The text of the one element at ``path``. Raises `BadArgument` where there is none, or more, or no plain text."""
    found = element.findall(path)
    if len(found) != 1 or len(found[0]):
        raise BadArgument(f"{path}: expected one text, got {len(found)} elements")
    return (found[0].text or "").strip()
