"""Two sites with people of every role, a peer's copies, and one of each thing that methods are about; and rows that say
who calls what and what comes of it.
"""

import sqlite3
from typing import Any

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from planetlab.both.desk import Desk
from planetlab.errors import PlanetLabError
from planetlab.registry.opening import Connection
from tests.registry.world import ADMIN, KEY, NODE_KEY, NOW, Princeton

STATIC = {
    "type": "ipv4", "method": "static", "ip": "192.0.2.17", "network": "192.0.2.0", "netmask": "255.255.255.0",
    "broadcast": "192.0.2.255", "gateway": "192.0.2.1", "dns1": "192.0.2.53", "mac": "2:0:0:0:0:11",
}  # fmt: skip
HOUR = 3600
ANYBODY = {"AuthMethod": "anonymous"}


@frozen
class Fault:
    """What a row expects: a fault of this code."""

    code: int


@frozen
class Is:
    """What a row expects: a value of this type."""

    kind: type


@frozen
class Fields:
    """What a row expects: one struct or more, each with ``all_of`` these members and ``none_of`` those."""

    all_of: str = ""
    none_of: str = ""


@frozen
class Id:
    """An argument: the number of the thing that the campus calls so."""

    name: str


@frozen
class Row:
    """``who`` calls ``method`` with ``args``; ``then`` is a further call of an admin, and what it answers."""

    who: str
    method: str
    args: tuple[Any, ...]
    expected: Any
    then: tuple[str, tuple[Any, ...], Any] | None = None


class Campus(Princeton):
    """Princeton beside MIT, and a peer of whom a site, a person, a node and a slice are known."""

    def __init__(self, **plc: Any) -> None:
        super().__init__(**plc)
        self.mit_id = self.site("mit")
        self.ids = {"site": self.site_id, "mit": self.mit_id, "node": self.node_id, "slice": self.slice_id}
        self.who: dict[str, Any] = {"admin": ADMIN, "pi": self.pi, "member": self.user, "tech": self.tech}
        self.who |= {
            "user": self.person("other", "user", site=self.site_id),
            "pi2": self.person("pi2", "pi", site=self.mit_id),
            "tech2": self.person("tech2", "tech", site=self.mit_id),
            "user2": self.person("user2", "user", site=self.mit_id),
            "disabled": self.person("gone", "user", site=self.site_id),
            "nobody": self.person("nobody"),
            "anonymous": ANYBODY,
        }
        for name, auth in self.who.items():
            if "Username" in auth:
                row = self.call("GetPersons", ADMIN, [auth["Username"]], ["person_id"])
                self.ids[f"{name}_id"] = row[0]["person_id"]
        self.call("UpdatePerson", ADMIN, "gone@princeton.example", {"enabled": False})
        self._things()
        self._foreigners()
        self.kept = sqlite3.connect(":memory:")
        connection(self.desk).backup(self.kept)

    def _things(self) -> None:
        ids, add = self.ids, self.call
        ids["node2"] = self.node("mit1", "mit")
        ids["mit_slice"] = add("AddSlice", ADMIN, {"name": "mit_cfs"})
        ids["interface"] = add("AddInterface", ADMIN, ids["node"], STATIC)
        ids["interface2"] = add("AddInterface", ADMIN, ids["node2"], {"type": "ipv4", "method": "dhcp"})
        ids["key"] = add("AddPersonKey", self.user, ids["member_id"], {"key_type": "ssh", "key": KEY})
        ids["tag_type"] = add("AddTagType", ADMIN, {"tagname": "colour", "category": "node/test"})
        add("AddRoleToTagType", ADMIN, "tech", "colour")
        add("AddRoleToTagType", ADMIN, "pi", "colour")
        add("AddRoleToTagType", ADMIN, "user", "colour")
        add("AddRoleToTagType", ADMIN, "node", "colour")
        ids["group_type"] = add("AddTagType", ADMIN, {"tagname": "ring"})
        ids["group"] = add("AddNodeGroup", ADMIN, "rings", "ring", "inner")
        ids["conf_file"] = add("AddConfFile", ADMIN, {"source": "a", "dest": "/etc/a"})
        ids["script"] = add("AddInitScript", ADMIN, {"name": "start", "script": "#!/bin/sh"})
        add("AddInitScript", ADMIN, {"name": "off", "script": "#!/bin/sh", "enabled": False})
        ids["pcu"] = add("AddPCU", ADMIN, "princeton", {"ip": "192.0.2.99", "password": "secret"})
        ids["pcu2"] = add("AddPCU", ADMIN, "mit", {"ip": "192.0.2.98"})
        ids["pcu_type"] = add("AddPCUType", ADMIN, {"model": "M1", "name": "Model one"})
        ids["protocol"] = add("AddPCUProtocolType", ADMIN, "M1", {"port": 22, "protocol": "ssh"})
        fields = {"line1": "1 Way", "city": "P", "state": "NJ", "postalcode": "1", "country": "US"}
        ids["address"] = add("AddSiteAddress", ADMIN, "princeton", fields)
        ids["node_tag"] = add("AddNodeTag", ADMIN, ids["node"], "colour", "red")
        ids["site_tag"] = add("AddSiteTag", ADMIN, ids["site"], "colour", "red")
        ids["person_tag"] = add("AddPersonTag", ADMIN, ids["member_id"], "colour", "red")
        ids["interface_tag"] = add("AddInterfaceTag", ADMIN, ids["interface"], "colour", "red")
        ids["slice_tag"] = add("AddSliceTag", ADMIN, ids["slice"], "colour", "red")
        ids["sliver_tag"] = add("AddSliceTag", ADMIN, ids["slice"], "colour", "blue", ids["node"])
        ids["ilink"] = add("AddIlink", ADMIN, ids["interface"], ids["interface2"], "colour", "x")
        ids["reservable"] = self.node("lease1")
        add("UpdateNode", ADMIN, ids["reservable"], {"node_type": "reservable"})
        start = int(NOW) // HOUR * HOUR + 10 * HOUR
        leased = add("AddLeases", ADMIN, ids["reservable"], "princeton_codeen", start, start + HOUR)
        ids["lease"] = leased["new_ids"][0]
        add("AddMessage", ADMIN, {"message_id": "hello", "subject": "Hi", "template": "Hello"})

    def _foreigners(self) -> None:
        ids, add = self.ids, self.call
        said = {"peername": "Example Europe", "peer_url": "https://eu.example.org/PLCAPI/", "shortname": "PLE"}
        ids["peer"] = add("AddPeer", ADMIN, {**said, "key": "k", "cacert": "c"})
        ids["far_site"] = self.site("far")
        self.person("far", "user", site=ids["far_site"])
        ids["far_person"] = add("GetPersons", ADMIN, ["far@princeton.example"], ["person_id"])[0]["person_id"]
        ids["far_node"] = self.node("far1", "far")
        ids["far_slice"] = add("AddSlice", ADMIN, {"name": "far_away"})
        ids["far_key"] = add("AddPersonKey", ADMIN, ids["far_person"], {"key_type": "ssh", "key": KEY + "2"})
        for noun in ("site", "person", "node", "slice", "key"):
            thing = ids[f"far_{noun}"]
            add("BindObjectToPeer", ADMIN, noun, thing, "ple", 7)

    def fresh(self) -> None:
        """Everything as it was at the start."""
        there = connection(self.desk)
        self.kept.backup(there)
        there.lists.clear()

    def value(self, said: Any) -> Any:
        """``said`` with numbers in the place of names of things."""
        if isinstance(said, Id):
            return self.ids[said.name]
        if isinstance(said, list | tuple):
            return [self.value(each) for each in said]
        if isinstance(said, dict):
            return {key: self.value(each) for key, each in said.items()}
        return said

    def auth(self, who: str, *args: Any) -> dict[str, Any]:
        """The auth struct that ``who`` calls with."""
        if who in ("node", "node2"):
            return self.signed(self.ids[who], *args, key=NODE_KEY)
        found: dict[str, Any] = self.who[who]
        return found

    def told(self, who: str, method: str, *args: Any) -> tuple[int, Any]:
        """What ``who`` is answered: 0 and a value, or a fault's code and nothing."""
        try:
            return 0, self.call(method, self.auth(who, *args), *args)
        except PlanetLabError as error:
            return error.code, None

    def code(self, who: str, method: str, *args: Any) -> int:
        """The code of the fault that ``who`` is answered; 0 for none."""
        return self.told(who, method, *args)[0]

    def answer(self, row: Row) -> Any:
        """What comes of a row: a value, or the fault."""
        code, value = self.told(row.who, row.method, *self.value(row.args))
        return Fault(code) if code else value

    def wrong(self, row: Row) -> str:
        """What of a row is not as it says; nothing when all is."""
        self.fresh()
        got = self.answer(row)
        if told := differs(self.value(row.expected), got):
            return f"{row.who}: {row.method}{row.args}: {told}"
        if row.then is None:
            return ""
        method, args, expected = row.then
        after = self.answer(Row("admin", method, args, None))
        told = differs(self.value(expected), after)
        return f"{row.who}: {row.method}{row.args}, then {method}{args}: {told}" if told else ""


def connection(desk: Desk) -> Connection:
    """The one connection to a registry that is in memory."""
    shared = desk._shared
    assert shared is not None
    return shared


def differs(expected: Any, got: Any) -> str:
    """How ``got`` is not what was expected."""
    said = f"expected {expected!r}, got {got!r:.300}"
    if isinstance(expected, Is):
        return "" if type(got) is expected.kind else said
    if isinstance(expected, Fields):
        structs = got if isinstance(got, list) else [got]
        good = bool(structs) and all(
            isinstance(each, dict)
            and set(expected.all_of.split()) <= each.keys()
            and not set(expected.none_of.split()) & each.keys()
            for each in structs
        )
        return "" if good else said
    return "" if type(expected) is type(got) and expected == got else said


class OnCampus(SynchronousTestCase):
    """Tests whose claims are rows, all on a campus of their own."""

    def setUp(self) -> None:
        self.campus = Campus()

    def holds(self, said: tuple[Row, ...]) -> None:
        self.assertEqual([], [told for row in said if (told := self.campus.wrong(row))])
