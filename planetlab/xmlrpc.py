"""XML-RPC as bytes: calls and answers, read with limits and written as Python's own library lays them out.

Values are written by `planetlab.rpc_values` and read by `planetlab.xmlrpc_reading`, whose functions are this module's
too: who speaks XML-RPC imports one.
"""

from collections.abc import Iterable
from typing import Any
from xmlrpc.client import Fault

from planetlab.long_text import LongText
from planetlab.rpc_values import before_member, escaped, write_value, written
from planetlab.xmlrpc_reading import DEPTH, NAME, OCTETS, VALUES, Malformed, loads_answer, loads_call

__all__ = [
    "DEPTH",
    "NAME",
    "OCTETS",
    "VALUES",
    "Malformed",
    "Written",
    "answer_pieces",
    "before_member",
    "dumps_answer",
    "dumps_call",
    "dumps_fault",
    "loads_answer",
    "loads_call",
    "written",
]

Piece = bytes | LongText


class Written:
    """A value that is text already, in pieces: whoever made it wrote it too, in a thread where that delays nobody."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self.pieces = list(pieces)

    @classmethod
    def of(cls, value: Any) -> "Written":
        """``value`` in one piece. Raises as `dumps_answer` does."""
        return cls([written(value).encode()])

    def xmlrpc_text(self) -> str:
        """Its text, as `planetlab.rpc_values` asks for it."""
        return b"".join(map(octets_of, self.pieces)).decode()


def octets_of(piece: Piece) -> bytes:
    """A piece's octets, wherever it lies."""
    return piece if isinstance(piece, bytes) else piece.octets()


def _document(head: str, values: Iterable[Any], tail: str) -> bytes:
    out = [head]
    for value in values:
        out.append("<param>\n")
        write_value(value, out.append)
        out.append("</param>\n")
    out.append(tail)
    return "".join(out).encode()


def dumps_call(method: str, args: Iterable[Any]) -> bytes:
    """A ``methodCall``. Raises `OverflowError` or `TypeError` for what XML-RPC cannot say."""
    head = f"<?xml version='1.0'?>\n<methodCall>\n<methodName>{escaped(method)}</methodName>\n<params>\n"
    return _document(head, args, "</params>\n</methodCall>\n")


_ANSWER = "<?xml version='1.0'?>\n<methodResponse>\n<params>\n", "</params>\n</methodResponse>\n"


def dumps_answer(value: Any) -> bytes:
    """A ``methodResponse`` with ``value``. Raises `OverflowError` or `TypeError` for what XML-RPC cannot say."""
    return _document(_ANSWER[0], (value,), _ANSWER[1])


def answer_pieces(value: Any) -> list[Piece]:
    """As `dumps_answer`, in pieces; what is `Written` already is not copied."""
    if type(value) is not Written:
        return [dumps_answer(value)]
    return [f"{_ANSWER[0]}<param>\n".encode(), *value.pieces, f"</param>\n{_ANSWER[1]}".encode()]


def dumps_fault(fault: Fault) -> bytes:
    """A ``methodResponse`` with a fault."""
    out = ["<?xml version='1.0'?>\n<methodResponse>\n<fault>\n"]
    write_value({"faultCode": fault.faultCode, "faultString": fault.faultString}, out.append)
    out.append("</fault>\n</methodResponse>\n")
    return "".join(out).encode()
