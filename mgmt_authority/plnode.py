"""``plnode.txt``: what a boot medium tells its node. Pure: records in, text out.

A value that could end its line or its quotes is refused, for the file is read by shells.
"""

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from planetlab.errors import BadArgument

Pairs = list[tuple[str, str]]
STATIC = (
    ("IP_ADDRESS", "ip"),
    ("IP_GATEWAY", "gateway"),
    ("IP_NETMASK", "netmask"),
    ("IP_NETADDR", "network"),
    ("IP_BROADCASTADDR", "broadcast"),
    ("IP_DNS1", "dns1"),
)


@frozen
class About:
    """A node as its medium tells of it: interfaces as rows, ``settings`` the primary one's tags by category."""

    node: dict[str, Any]
    primary: dict[str, Any]
    interfaces: tuple[dict[str, Any], ...] = ()
    settings: tuple[dict[str, Any], ...] = ()


def primary(interfaces: Iterable[dict[str, Any]], hostname: str) -> dict[str, Any]:
    """The interface that a node boots by. Raises `BadArgument` when there is none."""
    for row in interfaces:
        if row["is_primary"]:
            return row
    raise BadArgument(f"node {hostname} has no primary interface; add one first", "node_id_or_hostname")


def text(about: About, key: str = "", renewed: str = "") -> str:
    """The file. Without ``key`` nothing that identifies the node is in it; ``renewed`` is the date of the key."""
    lines: list[str] = []
    if key:
        lines += _said([("NODE_ID", str(about.node["node_id"])), ("NODE_KEY", key)])
        lines += _said([("KEY_RENEWAL_DATE", renewed)] if renewed else [])
    lines += _said(_network(about.primary))
    host, _, domain = about.node["hostname"].partition(".")
    lines += _said([("HOST_NAME", host), ("DOMAIN_NAME", domain)])
    for category in sorted({row["category"] for row in about.settings}):
        lines.append(f"### Category : {_one_line(category)}")
        mine = [row for row in about.settings if row["category"] == category]
        lines += _said([(f"{category}_{row['tagname']}".upper(), row["value"] or "") for row in mine])
    lines += _said(_ipmi(about.interfaces))
    return "".join(f"{line}\n" for line in lines)


def _network(row: dict[str, Any]) -> Pairs:
    pairs = [("NET_DEVICE", row["mac"].lower())] if row["mac"] else []
    pairs.append(("IP_METHOD", row["method"]))
    if row["method"] == "static":
        pairs += [(name, str(row[field])) for name, field in STATIC]
        pairs.append(("IP_DNS2", row["dns2"] or ""))
    return pairs


def _ipmi(interfaces: Iterable[dict[str, Any]]) -> Pairs:
    for row in interfaces:
        if row["method"] == "ipmi":
            return [("IPMI_ADDRESS", row["ip"]), *([("IPMI_MAC", row["mac"].lower())] if row["mac"] else [])]
    return []


def _said(pairs: Pairs) -> list[str]:
    return [f'{_one_line(name)}="{_quoted(name, value)}"' for name, value in pairs]


def _quoted(name: str, value: str) -> str:
    for wrong in ('"', "$", "`", "\\"):
        if wrong in value:
            raise BadArgument(f"{name} holds {wrong}, which would break the node's configuration file")
    return _one_line(value)


def _one_line(value: str) -> str:
    if any(ord(letter) < 32 or letter == "\x7f" for letter in value):
        raise BadArgument(f"{value!r} holds a control character, which would break the node's configuration file")
    return value
