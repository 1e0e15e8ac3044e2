"""XML-RPC's values as text, laid out as Python's own library lays them out, and several times as fast.

Control characters that XML cannot carry become ``?``, a carriage return is written so that it survives, and an integer
beyond 32 bit is an `OverflowError`, as the PLC API has it.
"""

import base64
import functools
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from xmlrpc.client import Binary, DateTime

# What XML 1.0 cannot carry.
UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# The same of ASCII, and the carriage return, which a reader's line-end rule would change.
_UNFIT_ASCII = bytes([*range(9), 11, 12, 13, *range(14, 32)])


def escaped(text: str) -> str:
    """A text as it stands between tags; what XML cannot carry is a question mark."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if not text.isprintable() and not _is_ascii_text(text):
        text = UNFIT.sub("?", text).replace("\r", "&#13;")
    return text


def _is_ascii_text(text: str) -> bool:
    """Whether a text, perhaps of many lines, holds nothing that XML cannot carry; quick for what is long."""
    return text.isascii() and len(text.encode().translate(None, _UNFIT_ASCII)) == len(text)


_BETWEEN_INTS = "</int></value>\n<value><int>"


def write_value(value: Any, write: Callable[[str], object]) -> None:
    """Tell ``write`` the text of one value, piece by piece. Raises `OverflowError` or `TypeError` as `written`."""
    kind = type(value)
    if kind is str:
        write(f"<value><string>{escaped(value)}</string></value>\n")
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
            write(f"{head}<value><string>{escaped(member)}</string></value>\n</member>\n")
        elif kind is int and -(2**31) <= member < 2**31:
            write(f"{head}<value><int>{member}</int></value>\n</member>\n")
        elif member is None:
            write(f"{head}<value><nil/></value></member>\n")
        else:
            write(head)
            write_value(member, write)
            write("</member>\n")
    write("</struct></value>\n")


def _write_array(value: Any, write: Callable[[str], object]) -> None:
    """Write an array; one of numbers, such as every list of ids, in one step."""
    write("<value><array><data>\n")
    if set(map(type, value)) == {int} and min(value) >= -(2**31) and max(value) < 2**31:
        write(f"<value><int>{_BETWEEN_INTS.join(map(str, value))}</int></value>\n")
    else:
        for item in value:
            write_value(item, write)
    write("</data></array></value>\n")


@functools.lru_cache(maxsize=4096)
def before_member(name: Any) -> str:
    """What stands before a struct's member of this name."""
    if not isinstance(name, str):
        raise TypeError(f"a struct's member is named by text, not by {type(name).__name__}")
    return f"<member>\n<name>{escaped(name)}</name>\n"


@runtime_checkable
class Ready(Protocol):
    """A value whose text is there already."""

    def xmlrpc_text(self) -> str:
        """The text."""


def written(value: Any) -> str:
    """The text of one value. Raises `OverflowError` or `TypeError` for what XML-RPC cannot say."""
    out: list[str] = []
    write_value(value, out.append)
    return "".join(out)


def _write_rarer(value: Any, write: Callable[[str], object]) -> None:
    if isinstance(value, bytes | Binary):
        octets = value if isinstance(value, bytes) else bytes(value.data)
        write(f"<value><base64>\n{base64.encodebytes(octets).decode('ascii')}</base64></value>\n")
    elif isinstance(value, datetime):
        write(f"<value><dateTime.iso8601>{value.year:04d}{value:%m%dT%H:%M:%S}</dateTime.iso8601></value>\n")
    elif isinstance(value, DateTime):
        write(f"<value><dateTime.iso8601>{escaped(str(value))}</dateTime.iso8601></value>\n")
    else:  # an enumeration or another subclass goes out as what it is one of
        plain = next((kind for kind in (str, int, float, dict, list, tuple) if isinstance(value, kind)), None)
        if plain is None and isinstance(value, Ready):
            write(value.xmlrpc_text())
            return
        if plain is None:
            raise TypeError(f"cannot write {type(value).__name__} as XML-RPC")
        write_value(plain.__str__(value) if plain is str else plain(value), write)
