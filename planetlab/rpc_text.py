"""An XML-RPC answer as text to be signed: written as PLC writes it, read without a second meaning.

No XML declaration, ASCII with references, ``<nil/>``. Reading refuses what two readers could take differently: a
member that comes twice, text between elements, unknown types, a DTD.
"""

import base64
import re
from typing import Any

from lxml import etree

from planetlab import rpc_values, xml_text
from planetlab.errors import BadArgument

_BEFORE, _AFTER = "<methodResponse>\n<params>\n<param>\n", "</param>\n</params>\n</methodResponse>\n"
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_DOUBLE = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?(e[+-]?[0-9]{1,3})?", re.ASCII | re.IGNORECASE)


def print_answer(value: Any) -> bytes:
    """``value`` as a methodResponse. Raises `BadArgument` for what XML-RPC cannot carry."""
    try:
        text = _BEFORE + rpc_values.written(value) + _AFTER
    except (TypeError, OverflowError) as error:
        raise BadArgument(f"cannot be written as XML-RPC: {error}") from None
    texts: list[str] = []
    _gather(value, texts)
    if rpc_values.UNFIT.search(" ".join(texts)):
        raise BadArgument("a control character cannot be written as XML-RPC")
    return shortened(text).encode("ascii", "xmlcharrefreplace")


def _gather(value: Any, texts: list[str]) -> None:
    """Put all texts of a value into ``texts``, names of members too."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        texts += value
        for member in value.values():
            _gather(member, texts)
    elif isinstance(value, list | tuple):
        for item in value:
            _gather(item, texts)


def shortened(text: str) -> str:
    """XML-RPC as `xmlrpc.client` writes it, with its empty elements as lxml, and so PLC, writes them."""
    return text.replace("<string></string>", "<string/>").replace("<name></name>", "<name/>")


def parse_answer(data: bytes) -> Any:
    """The value of a methodResponse. Raises `BadArgument` or `BadSignature` for anything else, a fault included."""
    element = xml_text.parse(data)
    for name in ("methodResponse", "params", "param"):
        _must(element.tag == name and not element.attrib, element, name)
        element = _only(element)
    return _value(element)


def _value(element: etree._Element) -> Any:
    _must(element.tag == "value" and not element.attrib, element, "value")
    if not len(element):
        return element.text or ""
    inner = _only(element)
    if inner.tag == "struct":
        return _struct(inner)
    if inner.tag == "array":
        data = _only(inner)
        _must(data.tag == "data", data, "data")
        return [_value(child) for child in _children(data)]
    _must(not len(inner), inner, "a scalar")
    return _scalar(str(inner.tag), inner.text or "")


def _scalar(kind: str, text: str) -> Any:
    if kind == "string":
        return text
    if kind in ("int", "i4", "i8") and _NUMBER.fullmatch(text):
        return int(text)
    if kind == "double" and _DOUBLE.fullmatch(text):
        return float(text)
    if kind == "boolean" and text in ("0", "1"):
        return text == "1"
    if kind == "nil" and not text:
        return None
    if kind == "base64":
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except ValueError:
            pass
    raise BadArgument(f"expected an XML-RPC value, got {kind:.20} {text!r:.40}")


def _struct(element: etree._Element) -> dict[str, Any]:
    struct: dict[str, Any] = {}
    for member in _children(element):
        parts = _children(member)
        _must(member.tag == "member" and len(parts) == 2 and parts[0].tag == "name", member, "member")
        name = parts[0].text or ""
        if name in struct:
            raise BadArgument(f"the member {name!r:.40} comes twice")
        struct[name] = _value(parts[1])
    return struct


def _only(element: etree._Element) -> etree._Element:
    children = _children(element)
    _must(len(children) == 1, element, "one element inside")
    return children[0]


def _children(element: etree._Element) -> list[etree._Element]:
    children = list(element)
    spaces = [element.text, *(child.tail for child in children)]
    _must(not any((space or "").strip() for space in spaces), element, "no text between elements")
    return children


def _must(ok: bool, element: etree._Element, expected: str) -> None:
    if not ok:
        raise BadArgument(f"not an XML-RPC answer: {element.tag!s:.40}: expected {expected}")
