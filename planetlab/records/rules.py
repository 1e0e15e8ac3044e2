"""The forms that single values must have; each rule gives the kept form or raises `BadArgument`."""

import ipaddress
import re
import struct
from urllib.parse import urlsplit

from planetlab.errors import BadArgument
from planetlab.names import Email, Hostname, LoginBase, SliceName

_MAIL = re.compile(r"[a-z0-9._%+-]+@[a-z0-9._-]+\.[a-z]+", re.ASCII)
_HEX_BYTE = re.compile(r"\s*\+?(?:0[xX])?0*[0-9a-fA-F]{1,2}\s*", re.ASCII)
_SSH_KEY = re.compile(r".*(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S+) +[a-z0-9+/=]+(?: .*)?\n?", re.IGNORECASE)
_OLD_PART = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*", re.ASCII)

LEAST_BANDWIDTH = 500_000  # bits per second, the least that an interface may be capped to


def not_empty(value: str) -> str:
    """Text of any letters, blanks too."""
    if not value:
        raise BadArgument("expected some text, got none")
    return value


def login_base(value: str) -> str:
    """A site's short name."""
    return str(LoginBase.parse(value))


def slice_name(value: str) -> str:
    """A slice's name, ``site_label``."""
    return str(SliceName.parse(value))


def email(value: str) -> str:
    """A person's address, in lower case, with a domain of at least two labels."""
    said = str(Email.parse(value.lower()))
    if not _MAIL.fullmatch(said):
        raise BadArgument(f"{value!r} is no e-mail address: expected name@host.domain, like pi@princeton.edu")
    return said


def hostname(value: str) -> str:
    """A node's DNS name, in lower case."""
    return str(Hostname.parse(value))


def hostname_or_none(value: str) -> str:
    """An interface's DNS name, in the case that it is written in, or nothing."""
    if value:
        hostname(value)
    return value


def address(value: str) -> str:
    """An IPv4 or IPv6 address, as written; an IPv4 one in any form that ``inet_aton`` takes."""
    if ipv4(value) is None:
        try:
            if "%" in value:  # a scope means nothing elsewhere
                raise ValueError
            ipaddress.IPv6Address(value)
        except ValueError:
            raise BadArgument(f"{value!r} is no address: expected IPv4 or IPv6 text, like 192.0.2.17") from None
    return value


def ipv4(text: str) -> int | None:
    """The number of an IPv4 address, or None for a text that is none.

    As ``inet_aton`` reads it, which the original asked: one to four parts, each decimal, octal or hexadecimal, of which
    the last fills what the others leave. What may stand after a space there is refused.

    >>> ipv4("192.0.2.17") == ipv4("192.0.529") == ipv4("0300.0.2.0x11")
    True
    """
    parts = text.split(".")
    if not all(map(_OLD_PART.fullmatch, parts)) or len(text) > 64:
        return None
    *first, last = [int(part, 8 if part[0] == "0" and part[1:2] not in ("x", "X") else 0) for part in parts]
    left = 4 - len(first)
    if left < 1 or last >> 8 * left or any(number > 255 for number in first):
        return None
    return (int.from_bytes(bytes(first), "big") << 8 * left) + last


def address_or_none(value: str) -> str:
    """An address, or nothing."""
    return address(value) if value else value


def mac(value: str) -> str:
    """A hardware address: six groups of hex digits, as Python reads them, kept as two lower-case digits each."""
    groups = value.split(":") if value else []
    if value and (len(groups) < 6 or not all(_HEX_BYTE.fullmatch(group) for group in groups)):
        raise BadArgument(f"{value!r} is no MAC address: expected six hex groups, like 02:00:00:00:00:11")
    return ":".join(f"{int(group, 16):02x}" for group in groups)


def bandwidth(value: int) -> int:
    """A cap in bits per second: 0 for none, else at least half a megabit."""
    if value and value < LEAST_BANDWIDTH:
        raise BadArgument(f"expected 0 or at least {LEAST_BANDWIDTH} bits per second, got {value}")
    return value


def peer_url(value: str) -> str:
    """Another PLC's API: https, and the path ends in a slash."""
    try:
        said = urlsplit(value)
    except ValueError:  # brackets that are no IPv6 address
        said = urlsplit("")
    if said.scheme != "https" or not said.path.endswith("/"):
        raise BadArgument(f"{value!r} is no peer's address: expected https://host/PLCAPI/, with the slash at its end")
    return value


def is_ssh_key(material: str) -> bool:
    """Whether the text is one line with an SSH public key; options may stand before it, a comment behind a blank."""
    return bool(_SSH_KEY.fullmatch(material))


def single(value: float) -> float:
    """The number of single precision next to this one, with as few digits as tell it, as PostgreSQL's ``real`` is told.

    >>> single(40.3436789123)
    40.34368
    """
    kept = struct.pack("f", value)
    (exact,) = struct.unpack("f", kept)
    texts = (f"{exact:.{digits}g}" for digits in range(1, 10))
    return next(float(text) for text in texts if struct.pack("f", float(text)) == kept)


def not_zero(value: int) -> int:
    """Any number but 0."""
    if value == 0:
        raise BadArgument("expected a port, got 0")
    return value
