"""What an interface says of itself: ``system.listMethods``, ``methodHelp``, ``methodSignature`` and ``multicall``."""

import textwrap
from collections.abc import Iterator

from planetlab.methods import Api, Method
from planetlab.shapes import Either, ListOf, Parsed, Shape, Struct

NAMES = ("system.listMethods", "system.methodHelp", "system.methodSignature", "system.multicall")
_COLUMN = 32  # where types begin

_OWN_HELP = {
    "system.listMethods": ("", "array", "The names of all methods of this interface."),
    "system.methodHelp": ("method", "string", "What a method does, who may call it, what it takes and returns."),
    "system.methodSignature": (
        "method",
        "array",
        "The types of a method, result first, one row per number of optional arguments and per alternative.",
    ),
    "system.multicall": (
        "calls",
        "array",
        "The answers to several calls, each a struct {methodName, params}: [value], or {faultCode, faultString}.",
    ),
}
_OWN_SIGNATURES = {
    "system.listMethods": [["array"]],
    "system.methodHelp": [["string", "string"]],
    "system.methodSignature": [["array", "string"]],
    "system.multicall": [["array", "array"]],
}


def list_methods(api: Api) -> list[str]:
    """The names, sorted, those of the system's own among them."""
    return sorted([*api, *NAMES])


def method_signature(api: Api, name: str) -> list[list[str]]:
    """The types of a method. Raises `NoSuchMethod`."""
    return _OWN_SIGNATURES[name] if name in _OWN_SIGNATURES else api.find(name).signatures()


def method_help(api: Api, name: str) -> str:
    """A page on a method. Raises `NoSuchMethod`."""
    if name in _OWN_HELP:
        takes, gives, said = _OWN_HELP[name]
        lines = [f"{name}({takes}) -> {gives}", "", "Description:", "", f" {said}", "", "Allowed Roles:", "", " any"]
        return "\n".join(
            [*lines, "", "Parameters:", "", *([f" {takes}"] if takes else []), "", "Returns:", "", f" {gives}", ""]
        )
    return "\n".join(_page(api.find(name)))


def _page(method: Method) -> Iterator[str]:
    names = ", ".join(argument.name for argument in method.wire_arguments)
    yield f"{method.name}({names}) -> {method.returns.wire}"
    yield from ("", "Description:", "")
    yield from (f" {line.strip()}" for line in method.doc.splitlines())
    yield from ("", "Allowed Roles:", "", f" {', '.join(sorted(method.roles)) or 'any'}")
    yield from ("", "Parameters:", "")
    for argument in method.wire_arguments:
        yield from _tree(argument.name, argument.shape, 1)
    yield from ("Returns:", "")
    yield from _tree("", method.returns, 1)


def _tree(name: str, shape: Shape, indent: int) -> Iterator[str]:
    """A value's name and type, its text below the type, and what it is made of, four columns further in."""
    offset = _COLUMN if name else indent
    yield " " * indent + (name.ljust(offset - indent) if name else "") + shape.wire
    said = getattr(shape, "doc", "")
    if said:
        yield from textwrap.wrap(said, 70, initial_indent=" " * offset, subsequent_indent=" " * offset)
    yield ""
    for inner_name, inner in _parts(name, shape):
        yield from _tree(inner_name, inner, indent + 4)


def _parts(name: str, shape: Shape) -> Iterator[tuple[str, Shape]]:
    if isinstance(shape, Parsed):
        yield from _parts(name, shape.shape)
    elif isinstance(shape, Struct):
        yield from sorted(shape.members.items())
    elif isinstance(shape, Either):
        yield from ((name, one) for one in shape.shapes)
    elif isinstance(shape, ListOf):
        yield from (("", one) for one in shape.items)
