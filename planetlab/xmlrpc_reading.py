"""XML-RPC read from bytes, with limits on everything: size, depth, count, the length of a name.

Reading is by expat, whose handlers see each element as it comes: the first that is too deep, too many or no part of
XML-RPC ends the reading. (A tree parser would first build what it then refuses, and lxml keeps every element name it
ever saw until the process ends: a megabyte per hostile document.) A document type is refused, so there are no
entities to expand.

What does not parse is `Malformed`; what parses and exceeds a limit, or states a number out of range, is a
`BadArgument` that says which.
"""

import base64
import re
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import datetime
from typing import Any
from xml.parsers import expat
from xmlrpc.client import Fault

from planetlab.errors import BadArgument, PlanetLabError

DEPTH = 32  # arrays and structs inside each other
VALUES = 50_000  # in one document
OCTETS = 8 << 20  # of one document
NAME = 255  # characters of a method's name

_INTS = frozenset({"int", "i4", "i8", "i1", "i2", "biginteger"})
_DOUBLES = frozenset({"double", "float"})
_HOLDERS = frozenset({"array", "struct"})
_SCALARS = _INTS | _DOUBLES | {"string", "boolean", "nil", "base64", "dateTime.iso8601"}
_CHILDREN = {
    "": frozenset({"methodCall", "methodResponse"}),
    "methodCall": frozenset({"methodName", "params"}),
    "methodResponse": frozenset({"params", "fault"}),
    "params": frozenset({"param"}),
    "param": frozenset({"value"}),
    "fault": frozenset({"value"}),
    "value": _SCALARS | _HOLDERS,
    "array": frozenset({"data"}),
    "data": frozenset({"value"}),
    "struct": frozenset({"member"}),
    "member": frozenset({"name", "value"}),
}
_NOTHING: frozenset[str] = frozenset()
_INT = re.compile(r"\s*[+-]?[0-9]{1,30}\s*", re.ASCII)
_DOUBLE = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?\s*", re.ASCII)
_LEAST, _MOST = -(2**63), 2**63 - 1  # what the registry can hold


class Malformed(PlanetLabError):
    """These bytes are no XML-RPC document."""


class _Absent:
    """A value of which nothing was read yet; a class of its own, for nil is a value."""


_ABSENT = _Absent()


def _int(text: str) -> int:
    if not _INT.fullmatch(text):
        raise Malformed(f"expected an integer, got {text[:40]!r}")
    value = int(text)
    if not _LEAST <= value <= _MOST:
        raise BadArgument(f"expected an integer of at most 64 bit, got {text.strip()}")
    return value


def _double(text: str) -> float:
    if not _DOUBLE.fullmatch(text):
        raise Malformed(f"expected a finite double, got {text[:40]!r}")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise BadArgument(f"expected a double of at most 64 bit, got {text.strip()[:40]}")
    return value


def _boolean(text: str) -> bool:
    if text.strip() not in ("0", "1"):
        raise Malformed(f"expected boolean 0 or 1, got {text[:40]!r}")
    return text.strip() == "1"


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (Base64Error, ValueError):
        raise Malformed(f"expected base64, got {text[:40]!r}") from None


def _datetime(text: str) -> datetime:
    try:
        return datetime.strptime(text.strip(), "%Y%m%dT%H:%M:%S")
    except ValueError:
        raise Malformed(f"expected a time like 20081101T02:03:04, got {text[:40]!r}") from None


_READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(_INTS, _int),
    **dict.fromkeys(_DOUBLES, _double),
    "boolean": _boolean,
    "string": str,
    "nil": lambda text: None,
    "base64": _base64,
    "dateTime.iso8601": _datetime,
}


class _Document:
    """What expat's handlers have read so far of one document."""

    __slots__ = (
        "_depth", "_fits", "_holders", "_names", "_open", "_seen", "_slots", "_text", "_values",
        "fault", "method", "params", "root", "take",
    )  # fmt: skip

    def __init__(self, depth: int, values: int) -> None:
        self._depth, self._values, self._seen = depth, values, 0
        self._open = [""]
        self._fits = _CHILDREN[""]  # what may begin here
        self._text: list[str] = []
        self.take = self._text.append
        self._slots: list[Any] = []  # the values that are open, innermost last
        self._holders: list[Any] = []  # the arrays and structs that are open, innermost last
        self._names: list[Any] = []  # the members that are open, by name
        self.method: str | None = None
        self.params: list[Any] | None = None
        self.fault: Any = _ABSENT
        self.root = ""

    def doctype(self, name: str, *_: object) -> None:
        raise BadArgument("a document type is not accepted here")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag not in self._fits:
            tag = tag.rpartition(":")[2]  # ex:nil and its like, with whatever prefix
            if tag not in self._fits:
                parent = self._open[-1]
                raise Malformed(f"<{tag[:40]}> does not belong {f'into <{parent}>' if parent else 'at the top'}")
        self._open.append(tag)
        self._fits = _CHILDREN.get(tag, _NOTHING)
        self._text.clear()
        if (tag in _SCALARS or tag in _HOLDERS) and self._slots[-1] is not _ABSENT:
            raise Malformed("a <value> has two contents")
        if tag in _BEGINS:
            _BEGINS[tag](self, tag)

    def end(self, tag: str) -> None:
        tag = self._open.pop()
        self._fits = _CHILDREN[self._open[-1]]
        if tag in _READ:
            self._slots[-1] = _READ[tag]("".join(self._text))
        elif tag in _ENDS:
            _ENDS[tag](self)

    def _root(self, tag: str) -> None:
        self.root = tag

    def _params(self, tag: str) -> None:
        if self.params is not None:
            raise Malformed("<params> stands twice")
        self.params = []

    def _value(self, tag: str) -> None:
        self._seen += 1
        if self._seen > self._values:
            raise BadArgument(f"at most {self._values} values are accepted in one document")
        self._slots.append(_ABSENT)

    def _array(self, tag: str) -> None:
        self._hold([])

    def _struct(self, tag: str) -> None:
        self._hold({})

    def _hold(self, holder: Any) -> None:
        if len(self._holders) >= self._depth:
            raise BadArgument(f"at most {self._depth} arrays and structs are accepted inside each other")
        self._holders.append(holder)

    def _member(self, tag: str) -> None:
        self._names.append(_ABSENT)

    def _end_value(self) -> None:
        value = self._slots.pop()
        self._give("".join(self._text) if value is _ABSENT else value)
        self._text.clear()

    def _end_holder(self) -> None:
        self._slots[-1] = self._holders.pop()

    def _end_name(self) -> None:
        if self._names[-1] is not _ABSENT:
            raise Malformed("a <member> has two names")
        self._names[-1] = "".join(self._text)

    def _end_member(self) -> None:
        if self._names.pop() not in self._holders[-1]:
            raise Malformed("a <member> has no value")

    def _end_method(self) -> None:
        if self.method is not None:
            raise Malformed("<methodName> stands twice")
        self.method = "".join(self._text).strip()
        if len(self.method) > NAME:
            raise BadArgument(f"a method's name has at most {NAME} characters, got {len(self.method)}")

    def _give(self, value: Any) -> None:
        parent = self._open[-1]
        if parent == "data":
            self._holders[-1].append(value)
        elif parent == "member":
            name = self._names[-1]
            if name is _ABSENT:
                raise Malformed("a <member> has a value before its name")
            if name in self._holders[-1]:
                raise BadArgument(f"a struct has member {name[:40]!r} twice")
            self._holders[-1][name] = value
        elif parent == "fault":
            if self.fault is not _ABSENT:
                raise Malformed("a <fault> has two values")
            self.fault = value
        elif self.params is not None:
            self.params.append(value)


_BEGINS: dict[str, Callable[[_Document, str], None]] = {
    "methodCall": _Document._root,
    "methodResponse": _Document._root,
    "params": _Document._params,
    "value": _Document._value,
    "array": _Document._array,
    "struct": _Document._struct,
    "member": _Document._member,
}
_ENDS: dict[str, Callable[[_Document], None]] = {
    "methodName": _Document._end_method,
    "value": _Document._end_value,
    "array": _Document._end_holder,
    "struct": _Document._end_holder,
    "member": _Document._end_member,
    "name": _Document._end_name,
}


def _read(body: bytes, depth: int, values: int, octets: int) -> _Document:
    if len(body) > octets:
        raise BadArgument(f"at most {octets} octets are accepted in one document, got {len(body)}")
    document = _Document(depth, values)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = document.doctype
    parser.StartElementHandler = document.start
    parser.EndElementHandler = document.end
    parser.CharacterDataHandler = document.take
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Malformed(f"expected an XML-RPC document: {error}") from None
    return document


def loads_call(
    body: bytes, *, depth: int = DEPTH, values: int = VALUES, octets: int = OCTETS
) -> tuple[str, tuple[Any, ...]]:
    """The method and the arguments of a ``methodCall``. Raises `Malformed` or `BadArgument`."""
    document = _read(body, depth, values, octets)
    if document.root != "methodCall" or document.method is None:
        raise Malformed("expected a methodCall with a methodName")
    return document.method, tuple(document.params or ())


def loads_answer(body: bytes, *, depth: int = DEPTH, values: int = 2_000_000, octets: int = 64 << 20) -> Any:
    """The value of a ``methodResponse``. Raises `Malformed`, `BadArgument`, or the `Fault` that it carries.

    Answers may be larger than calls: a thousand nodes with every field are 3.3 MB and 10^5 values.
    """
    document = _read(body, depth, values, octets)
    if document.root != "methodResponse":
        raise Malformed("expected a methodResponse")
    if document.fault is not _ABSENT:
        raise _fault(document.fault)
    if document.params is None or len(document.params) != 1:
        raise Malformed("expected a methodResponse with one value")
    return document.params[0]


def _fault(value: Any) -> Fault:
    code, text = (value.get("faultCode"), value.get("faultString")) if isinstance(value, dict) else (None, None)
    if not isinstance(code, int) or not isinstance(text, str):
        raise Malformed("expected a fault with faultCode and faultString")
    return Fault(int(code), text)
