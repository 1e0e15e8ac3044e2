"""What a value on the wire may be: shapes that check it, print their type and name what is wrong.

A method states its arguments and result by annotations; `shape` turns an annotation into a `Shape`. Checking follows
the PLC API: a boolean passes as int, an int never as double, alternatives are tried in order and the last one's error
is reported, a struct's undescribed members are let through unless it is closed, limits on strings count UTF-8 bytes.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin

from attrs import field, frozen

from planetlab.errors import BadArgument, PlanetLabError


class Shape(Protocol):
    """One form a value may have."""

    @property
    def wire(self) -> str:
        """The XML-RPC type as ``system.methodSignature`` names it."""

    def text(self) -> str:
        """The type expression, as in ``([int] | string | filter)``."""

    def read(self, value: Any, where: str) -> Any:
        """``value`` as the method's body wants it. Raises `BadArgument` that names ``where`` it stood."""


class Foreign(PlanetLabError):
    """A value of a kind that no method has a use for; the PLC API had no number of its own for it."""


def _wrong(where: str, expected: str, value: Any) -> BadArgument:
    if isinstance(value, bytes | datetime):  # a foreign object to the PLC API, which answers fault 111
        kind = "base64" if isinstance(value, bytes) else "dateTime.iso8601"
        raise Foreign(f"{where}: expected {expected}, got {kind}, which this interface has no use for")
    return BadArgument(f"expected {expected}, got {kind_word(value)}", where)


def kind_word(value: Any) -> str:
    """What XML-RPC calls the type of ``value``."""
    words = {bool: "boolean", str: "string", float: "double", NoneType: "nil", list: "array", dict: "struct"}
    return words.get(type(value), type(value).__name__)


_SCALARS = {str: "string", int: "int", bool: "boolean", float: "double"}


@frozen
class Of:
    """A scalar: str, int, bool or float, with inclusive limits; ``nil`` says whether None is accepted.

    ``field`` names the record's field that the type is taken from, like ``Node.hostname``.
    """

    kind: type
    field: str = ""
    min: float | None = None
    max: float | None = None
    nil: bool = False
    doc: str = ""

    @property
    def wire(self) -> str:
        return _SCALARS[self.kind]

    def text(self) -> str:
        bounds = [f"{word}={limit}" for word, limit in (("min", self.min), ("max", self.max)) if limit is not None]
        of = f"<{self.field}>" if self.field else ""
        return self.wire + of + (f"({','.join(bounds)})" if bounds else "") + ("?" if self.nil else "")

    def read(self, value: Any, where: str) -> Any:
        if value is None and self.nil:
            return None
        fits = type(value) is self.kind or (self.kind is int and type(value) is bool)
        if not fits:
            raise _wrong(where, self.wire, value)
        size = len(value.encode()) if isinstance(value, str) else value
        unit = " bytes" if isinstance(value, str) else ""
        if self.min is not None and size < self.min:
            raise BadArgument(f"expected at least {self.min}{unit}, got {size}", where)
        if self.max is not None and size > self.max:
            raise BadArgument(f"expected at most {self.max}{unit}, got {size}", where)
        return value


@frozen
class Nil:
    """Only None."""

    wire: str = field(default="nil", init=False)

    def text(self) -> str:
        return "nil"

    def read(self, value: Any, where: str) -> None:
        if value is not None:
            raise _wrong(where, "nil", value)


@frozen
class Anything:
    """Any value at all; for results whose form the caller decides."""

    wire: str = field(default="struct", init=False)

    def text(self) -> str:
        return "any"

    def read(self, value: Any, where: str) -> Any:
        return value


@frozen
class Bytes:
    """Octets: XML-RPC base64, or the same as plain text."""

    wire: str = field(default="base64", init=False)

    def text(self) -> str:
        return "base64"

    def read(self, value: Any, where: str) -> bytes:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, bytes):
            return value
        raise _wrong(where, "base64 or string", value)


@frozen
class ListOf:
    """An array; its element shapes are positional and the last one repeats."""

    items: tuple[Shape, ...]
    nil: bool = False

    @property
    def wire(self) -> str:
        return "array"

    def text(self) -> str:
        return f"[{', '.join(item.text() for item in self.items)}]" + ("?" if self.nil else "")

    def read(self, value: Any, where: str) -> Any:
        if value is None and self.nil:
            return None
        if type(value) is not list:
            raise _wrong(where, "array", value)
        last = len(self.items) - 1
        return [self.items[min(i, last)].read(item, f"{where}[]") for i, item in enumerate(value)]


@frozen
class Either:
    """Alternatives, tried in order."""

    shapes: tuple[Shape, ...]

    @property
    def wire(self) -> str:
        return self.shapes[0].wire

    def text(self) -> str:
        return f"({' | '.join(shape.text() for shape in self.shapes)})"

    def read(self, value: Any, where: str) -> Any:
        error = None
        for shape in self.shapes:
            try:
                return shape.read(value, where)
            except BadArgument as wrong:
                error = wrong
        raise error if error is not None else _wrong(where, self.text(), value)


@frozen
class Struct:
    """A struct by member; ``required`` members must be there, others are left to the method unless ``closed``.

    ``name`` stands for the members in type expressions (``struct<Node.fields>``) when given.
    """

    members: Mapping[str, Shape]
    required: frozenset[str] = frozenset()
    closed: bool = False
    name: str = ""

    @property
    def wire(self) -> str:
        return "struct"

    def text(self) -> str:
        if self.name:
            return f"struct<{self.name}>"
        return "struct{" + ", ".join(f"{key}: {self.members[key].text()}" for key in sorted(self.members)) + "}"

    def read(self, value: Any, where: str) -> Any:
        if type(value) is not dict:
            raise _wrong(where, "struct", value)
        if missing := sorted(self.required - value.keys()):
            raise BadArgument(f"{', '.join(missing)} not specified", where)
        if self.closed and (unknown := sorted(map(str, value.keys() - self.members.keys()))):
            raise BadArgument(f"unknown field {', '.join(unknown)}; known are {', '.join(sorted(self.members))}", where)
        return {
            key: self.members[key].read(item, f"{where}[{key!r}]") if key in self.members else item
            for key, item in value.items()
        }


@frozen
class Parsed:
    """A scalar that becomes a word on the way in: ``parse`` raises `BadArgument` for text that is none."""

    shape: Shape
    parse: Callable[[Any], Any]

    @property
    def wire(self) -> str:
        return self.shape.wire

    def text(self) -> str:
        return self.shape.text()

    def read(self, value: Any, where: str) -> Any:
        plain = self.shape.read(value, where)
        try:
            return self.parse(plain)
        except BadArgument as wrong:
            raise BadArgument(wrong.detail, where) from wrong


def shape(hint: Any) -> Shape:
    """The shape that an annotation states. Raises `TypeError` for one that states none."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return next((said for said in args[1:] if hasattr(said, "read")), None) or shape(args[0])
    if hint in _SCALARS:
        return Of(hint)
    if hint in (None, NoneType):
        return Nil()
    if hint is Any:
        return Anything()
    if hint is bytes:
        return Bytes()
    if origin is list:
        return ListOf((shape(args[0]),))
    if origin in (Union, UnionType):
        return Either(
            tuple(map(shape, sorted(args, key=lambda arg: arg is not NoneType)))
        )  # the last one's error is told
    if origin is dict or hint is dict:
        return Struct({})
    if parse := getattr(hint, "parse", None):
        return Parsed(Of(str), parse)
    raise TypeError(f"{hint!r} states no shape")
