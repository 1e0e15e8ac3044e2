"""Listings as XML-RPC text, column by column: what thousands of rows have in common is worked out once for them all.

A listing is written in pieces of some dozen rows, so that whoever writes one never keeps other threads waiting for
long, and whoever sends it need not put it together first.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from planetlab import xmlrpc

ROWS = 32  # of one piece
BETWEEN_INTS = "</int></value>\n<value><int>"
_INT, _TEXT, _FLAG, _READY = (
    "<value><int>%d</int></value>\n",
    "<value><string>%s</string></value>\n",
    "<value><boolean>%d</boolean></value>\n",
    "%s",
)

Column = tuple[Any, ...]
Written = tuple[str, Column | list[Any] | None]
"""A column as it is written: the form of one value, and what is filled in; None when there is nothing to fill in."""
Write = Callable[[Column], Written]


def listing(members: Sequence[tuple[str, Write]], rows: Sequence[Column]) -> Iterator[bytes]:
    """``rows`` as an array of structs with ``members``, in pieces. Raises as `xmlrpc.dumps_answer` does."""
    yield b"<value><array><data>\n"
    for start in range(0, len(rows), ROWS):
        yield _structs(members, rows[start : start + ROWS])
    yield b"</data></array></value>\n"


def _structs(members: Sequence[tuple[str, Write]], rows: Sequence[Column]) -> bytes:
    form, filled = ["<value><struct>\n"], []
    for (name, write), column in zip(members, zip(*rows, strict=True), strict=True):
        one, values = write(column)
        form.append(f"{xmlrpc.before_member(name).replace('%', '%%')}{one}</member>\n")
        if values is not None:
            filled.append(values)
    form.append("</struct></value>\n")
    text = "".join(form)
    if not filled:
        return (text % () * len(rows)).encode()
    return "".join(map(text.__mod__, zip(*filled, strict=True))).encode()


def plain(column: Column) -> Written:
    """Numbers, texts and nils as the registry gives them."""
    kinds = set(map(type, column))
    if kinds == {str}:
        together = "".join(column)
        if together.isprintable() and not any(sign in together for sign in "&<>"):
            return _TEXT, column
    elif kinds == {int}:
        if min(column) >= -(2**31) and max(column) < 2**31:
            return _INT, column
    elif kinds == {type(None)}:
        return "<value><nil/></value>", None
    return _READY, [xmlrpc.written(value) for value in column]


def flags(column: Column) -> Written:
    """Booleans, which the registry keeps as 0 and 1."""
    if None in column:
        return _READY, [xmlrpc.written(None if value is None else bool(value)) for value in column]
    return _FLAG, list(map(bool, column))


def ready(text_of: Callable[[Any], str]) -> Write:
    """What is text already, by the rows' keys."""
    return lambda keys: (_READY, list(map(text_of, keys)))


def array_of_ints(joined: str) -> str:
    """An array of the numbers that stand in ``joined`` with `BETWEEN_INTS` between them; empty when that is empty."""
    inside = f"<value><int>{joined}</int></value>\n" if joined else ""
    return f"<value><array><data>\n{inside}</data></array></value>\n"


@functools.lru_cache(maxsize=4096)
def array_of(values: tuple[Any, ...]) -> str:
    """An array of these values; which roles people have, for instance, is one of few."""
    return xmlrpc.written(list(values))
