"""What strangers are told, at each of the three levels that an operator may choose. Pure.

open: every address that was sent to, as PlanetLab's pages of 2003 had it. networks: an address to whoever names it,
lists by /24 and /48 only. closed: what reached a reader's own address, which the connection proves; all else to those
who show the readers' token.
"""

from base64 import b64decode
from hmac import compare_digest
from ipaddress import ip_address, ip_network

from auditd.asking import read_network
from auditd.question import Network
from planetlab.errors import Forbidden
from planetlab.prefixes import WIDEST

LEVELS = ("networks", "open", "closed")
OF_NOBODY = frozenset({"", "index", "health", "complain", "pause", "case"})  # pages that tell of no other's traffic


class Closed(Forbidden):
    """Only readers with the token are told this."""


def wide(network: Network) -> bool:
    """Whether so many lie in it that to name it is to name nobody."""
    return network.prefixlen < WIDEST[network.version]


def shows(authorization: str, token: str) -> bool:
    """Whether a request's ``Authorization`` shows the token: as a bearer, or as the password of any user."""
    kind, _, shown = authorization.strip().partition(" ")
    if kind.lower() == "basic":
        try:
            shown = b64decode(shown.strip(), validate=True).decode().partition(":")[2]
        except ValueError:
            shown = ""
    return bool(token) and compare_digest(shown.strip().encode(), token.encode())


def admit(path: str, viewer: str) -> None:
    """Let a stranger at ``viewer`` read a page of a closed node, or raise `Closed`."""
    first, _, rest = path.removeprefix("/").partition("/")
    own = ip_network(viewer) if viewer else None
    if first in OF_NOBODY or (first == "to" and (not rest or read_network(rest, "address") == own)):
        return
    told = f"what was sent to {own}, your own address, stands at /to/{viewer}" if own else "you have no address"
    raise Closed(f"expected the token of this page's readers (any user, the token as password); {told}")


def veiled(address: str) -> str:
    """The /24 or /48 that an address lies in."""
    return str(ip_network(f"{address}/{WIDEST[ip_address(address).version]}", strict=False))


def of_case(level: str, about: Network, network: Network) -> str:
    """What a stranger at ``network`` sees of a case's flows: "whole", "veiled" or "nothing"."""
    own = about.version == network.version and about.subnet_of(network)  # type: ignore[arg-type]  # versions are equal
    if level == "closed" and not own:
        return "nothing"
    return "veiled" if level != "open" and wide(about) else "whole"
