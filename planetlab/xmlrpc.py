"""XML-RPC as bytes: calls and answers, read with limits and written as Python's own library lays them out.

On output control characters that XML cannot carry become ``?``, a carriage return is written so that it survives, and
an integer beyond 32 bit is an `OverflowError`, as the PLC API has it. Reading is `planetlab.xmlrpc_reading`'s, whose
functions are this module's too: who speaks XML-RPC imports one.
"""

import base64
import functools
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from xmlrpc.client import Binary, DateTime, Fault

from planetlab.long_text import LongText
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

# What XML 1.0 cannot carry, and what a reader's line-end rule would change.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_UNFIT_ASCII = bytes([*range(9), 11, 12, 13, *range(14, 32)])


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if not text.isprintable() and not _is_ascii_text(text):
        text = _UNFIT.sub("?", text).replace("\r", "&#13;")
    return text


def _is_ascii_text(text: str) -> bool:
    """Whether a text, perhaps of many lines, holds nothing that XML cannot carry; quick for what is long."""
    return text.isascii() and len(text.encode().translate(None, _UNFIT_ASCII)) == len(text)


_BETWEEN_INTS = "</int></value>\n<value><int>"


def _write(value: Any, write: Callable[[str], object]) -> None:
    kind = type(value)
    if kind is str:
        write(f"<value><string>{_escaped(value)}</string></value>\n")
    elif kind is int:
        if not -(2**31) <= value < 2**31:
            raise OverflowError(f"int exceeds XML-RPC limits: {value}")
        write(f"<value><int>{value}</int></value>\n")
    elif kind is dict:
        _write_struct(value, write)
    elif kind is list or kind is tuple:
        _write_array(value, write)
    elif value is None:
        write("<value><nil/></value>")
    elif kind is bool:
        write(f"<value><boolean>{value:d}</boolean></value>\n")
    elif kind is float:
        if value - value != 0.0:  # infinite, or no number
            raise OverflowError(f"XML-RPC has no word for the double {value}")
        write(f"<value><double>{value!r}</double></value>\n")
    else:
        _write_rarer(value, write)


def _write_struct(value: dict[Any, Any], write: Callable[[str], object]) -> None:
    """Write a struct; what members mostly are is written in one step, for listings are made of thousands of them."""
    write("<value><struct>\n")
    for name, member in value.items():
        head, kind = before_member(name), type(member)
        if kind is str:
            write(f"{head}<value><string>{_escaped(member)}</string></value>\n</member>\n")
        elif kind is int and -(2**31) <= member < 2**31:
            write(f"{head}<value><int>{member}</int></value>\n</member>\n")
        elif member is None:
            write(f"{head}<value><nil/></value></member>\n")
        else:
            write(head)
            _write(member, write)
            write("</member>\n")
    write("</struct></value>\n")


def _write_array(value: Any, write: Callable[[str], object]) -> None:
    """Write an array; one of numbers, such as every list of ids, in one step."""
    write("<value><array><data>\n")
    if set(map(type, value)) == {int} and min(value) >= -(2**31) and max(value) < 2**31:
        write(f"<value><int>{_BETWEEN_INTS.join(map(str, value))}</int></value>\n")
    else:
        for item in value:
            _write(item, write)
    write("</data></array></value>\n")


@functools.lru_cache(maxsize=4096)
def before_member(name: Any) -> str:
    """What stands before a struct's member of this name."""
    if not isinstance(name, str):
        raise TypeError(f"a struct's member is named by text, not by {type(name).__name__}")
    return f"<member>\n<name>{_escaped(name)}</name>\n"


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


def octets_of(piece: Piece) -> bytes:
    """A piece's octets, wherever it lies."""
    return piece if isinstance(piece, bytes) else piece.octets()


def written(value: Any) -> str:
    """The text of one value. Raises `OverflowError` or `TypeError` for what XML-RPC cannot say."""
    out: list[str] = []
    _write(value, out.append)
    return "".join(out)


def _write_rarer(value: Any, write: Callable[[str], object]) -> None:
    if type(value) is Written:
        write(b"".join(map(octets_of, value.pieces)).decode())
    elif isinstance(value, bytes | Binary):
        octets = value if isinstance(value, bytes) else bytes(value.data)
        write(f"<value><base64>\n{base64.encodebytes(octets).decode('ascii')}</base64></value>\n")
    elif isinstance(value, datetime):
        write(f"<value><dateTime.iso8601>{value.year:04d}{value:%m%dT%H:%M:%S}</dateTime.iso8601></value>\n")
    elif isinstance(value, DateTime):
        write(f"<value><dateTime.iso8601>{_escaped(str(value))}</dateTime.iso8601></value>\n")
    else:  # an enumeration or another subclass goes out as what it is one of
        plain = next((kind for kind in (str, int, float, dict, list, tuple) if isinstance(value, kind)), None)
        if plain is None:
            raise TypeError(f"cannot write {type(value).__name__} as XML-RPC")
        _write(plain.__str__(value) if plain is str else plain(value), write)


def _document(head: str, values: Iterable[Any], tail: str) -> bytes:
    out = [head]
    for value in values:
        out.append("<param>\n")
        _write(value, out.append)
        out.append("</param>\n")
    out.append(tail)
    return "".join(out).encode()


def dumps_call(method: str, args: Iterable[Any]) -> bytes:
    """A ``methodCall``. Raises `OverflowError` or `TypeError` for what XML-RPC cannot say."""
    head = f"<?xml version='1.0'?>\n<methodCall>\n<methodName>{_escaped(method)}</methodName>\n<params>\n"
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
    _write({"faultCode": fault.faultCode, "faultString": fault.faultString}, out.append)
    out.append("</fault>\n</methodResponse>\n")
    return "".join(out).encode()
