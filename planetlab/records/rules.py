"""The forms that single values must have; each rule gives the kept form or raises `BadArgument`."""

import ipaddress
import re

from planetlab.errors import BadArgument
from planetlab.names import Email, Hostname, LoginBase, SliceName

_MAIL = re.compile(r"[a-z0-9._%+-]+@[a-z0-9._-]+\.[a-z]+", re.ASCII)
_HEX_PAIR = re.compile(r"[0-9a-fA-F]{1,2}", re.ASCII)
_SSH_KEY = re.compile(r"ssh-(rsa|dss|ed25519)\s+[A-Za-z0-9+/=]+|ecdsa-sha2-\S+\s+[A-Za-z0-9+/=]+", re.IGNORECASE)
_BLANK = re.compile(r"\s*")

LEAST_BANDWIDTH = 500_000  # bits per second, the least that an interface may be capped to


def not_blank(value: str) -> str:
    """Text with something in it."""
    if _BLANK.fullmatch(value):
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
    """An interface's DNS name, or nothing."""
    return hostname(value) if value else value


def address(value: str) -> str:
    """An IPv4 or IPv6 address, as written."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise BadArgument(f"{value!r} is no address: expected IPv4 or IPv6 text, like 192.0.2.17") from None
    return value


def address_or_none(value: str) -> str:
    """An address, or nothing."""
    return address(value) if value else value


def mac(value: str) -> str:
    """A hardware address: six groups of hex digits, kept as two lower-case digits each."""
    groups = value.split(":") if value else []
    if value and (len(groups) < 6 or not all(_HEX_PAIR.fullmatch(group) for group in groups)):
        raise BadArgument(f"{value!r} is no MAC address: expected six hex groups, like 02:00:00:00:00:11")
    return ":".join(f"{int(group, 16):02x}" for group in groups)


def bandwidth(value: int) -> int:
    """A cap in bits per second: 0 for none, else at least half a megabit."""
    if value and value < LEAST_BANDWIDTH:
        raise BadArgument(f"expected 0 or at least {LEAST_BANDWIDTH} bits per second, got {value}")
    return value


def peer_url(value: str) -> str:
    """Another PLC's API: https, and the path ends in a slash."""
    if not (value.startswith("https://") and value.endswith("/") and len(value) > len("https:///")):
        raise BadArgument(f"{value!r} is no peer's address: expected https://host/PLCAPI/, with the slash at its end")
    return value


def is_ssh_key(material: str) -> bool:
    """Whether the text holds an SSH public key; options may stand before it."""
    return bool(_SSH_KEY.search(material))


def not_zero(value: int) -> int:
    """Any number but 0."""
    if value == 0:
        raise BadArgument("expected a port, got 0")
    return value
