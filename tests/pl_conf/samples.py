"""Values that several tests of pl_conf use."""

from typing import Any

from pl_conf.entries import Wish, digest_of
from pl_conf.policy import Policy, Root
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec
from planetlab.ticket import Ticket, User

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86400.0
PLC, JAPAN, EPFL = Hrn(("plc",)), Hrn(("plc", "japan")), Hrn(("epfl",))
NODE = Hrn(("plc", "princeton", "node1.plc.example"))
CODEEN, SURVEY = SliceName("princeton", "codeen"), SliceName("lausanne", "survey")
KEY = "ssh-rsa AAAAB3NzaC1yc2E= llp@princeton.edu"


def ticket(**said: Any) -> Ticket:
    """A ticket of plc for princeton_codeen, good for eight weeks, but for what is ``said``."""
    values: dict[str, Any] = {
        "issuer": PLC,
        "slice": CODEEN,
        "slice_id": 17,
        "serial": "plc-1",
        "expires": NOW + 56 * DAY,
        "timestamp": NOW - 60,
        "instantiation": "delegated",
        "users": (User(7, "llp@princeton.edu", (KEY,)),),
        "rspec": ResourceSpec(),
    }
    return Ticket(**{**values, **said})


def wish(**said: Any) -> Wish:
    """A wish of plc's princeton_codeen, but for what is ``said``."""
    record: dict[str, Any] = {"keys": [KEY], "rspec": {"enabled": 1, "cpu_pct": 0, "net_min_rate": 1}}
    values: dict[str, Any] = {
        "authority": PLC,
        "slice": CODEEN,
        "serial": "plc-1",
        "issued": NOW - 60,
        "expires": NOW + 56 * DAY,
        "digest": digest_of(b"sealed"),
        "sealed": b"sealed",
        "instantiation": "plc-instantiated",
        "source": "poll",
        "feed": "plc",
        "rcap": "1" * 32,
        "handle": "1" * 32,
        "asked": record,
        "told": record,
        "since": NOW,
        "renewed": NOW,
    }
    return Wish(**{**values, **said})


def policy(**said: Any) -> Policy:
    """An owner who trusts plc with everything and epfl with a small share, but for what is ``said``."""
    roots = (Root(hrn="plc", ticket_key="plc.pem"), Root(hrn="epfl", ticket_key="epfl.pem", share=0.1, max_slivers=2))
    return Policy(**{"root": roots, **said})
