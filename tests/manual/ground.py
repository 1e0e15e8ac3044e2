"""The registry that every example begins with: Princeton as it is, and one of everything that a method may name."""

import functools
import sqlite3
from typing import Any

from attrs import define, field
from twisted.internet import reactor

from mgmt_authority.power import Power
from planetlab import keys, openpgp
from planetlab.names import Hrn
from slice_authority.issuing import Sealer
from tests.registry.world import ADMIN, HERE, KEY, NOW, Princeton

HALF_HOUR = 1800
ADDRESS = {
    "type": "ipv4", "method": "static", "ip": "192.0.2.17", "network": "192.0.2.0", "netmask": "255.255.255.0",
    "broadcast": "192.0.2.255", "gateway": "192.0.2.1", "dns1": "192.0.2.53", "mac": "02:00:00:00:00:11",
    "is_primary": True, "hostname": "node1.princeton.example",
}  # fmt: skip
PLACE = {"line1": "35 Olden Street", "city": "Princeton", "state": "NJ", "postalcode": "08540", "country": "USA"}
POWER = {
    "hostname": "power.princeton.example", "ip": "192.0.2.9", "model": "HPiLO", "protocol": "https",
    "username": "operator", "password": "its own",
}  # fmt: skip
EPFL = {"peername": "PlanetLab EPFL", "peer_url": "https://epfl.example/PLCAPI/", "shortname": "EPFL"}
RELEASE = {"build": "plfed", "tags": "", "rpms": ""}


@define
class Ground:
    """A world with one of everything, and the numbers that its things got, by name."""

    world: Princeton
    made: dict[str, Any] = field(factory=dict)
    kept: sqlite3.Connection = field(factory=lambda: sqlite3.connect(":memory:"))

    def reset(self) -> None:
        """Make the registry again what it was when it was kept."""
        assert self.world.desk._shared is not None
        self.kept.backup(self.world.desk._shared)

    def auth(self, who: str, args: tuple[Any, ...]) -> dict[str, Any]:
        """The auth struct of this caller for a call with these arguments."""
        if who == "node":
            return self.world.signed(self.world.node_id, *args)
        if who == "nobody":
            return {"AuthMethod": "anonymous"}
        if who == "a session":
            return {"AuthMethod": "session", "session": self.made["session"]}
        found: dict[str, Any] = {
            "admin": ADMIN, "pi": self.world.pi, "user": self.world.user, "tech": self.world.tech,
        }[who]  # fmt: skip
        return found

    def close(self) -> None:
        """Forget it."""
        self.kept.close()


@functools.cache
def peers_key() -> str:
    """A peer's public key, armoured."""
    return openpgp.public(openpgp.new_key("EPFL <root@epfl.example>")).decode()


def ground() -> Ground:
    """A new one, with secrets of its own."""
    seal = Sealer(Hrn.parse("plc"), keys.new_rsa(), openpgp.new_key("plc tickets <tickets@plc.example>"))
    there = Ground(Princeton(seal=seal, power=Power(reactor), release=RELEASE))
    _people(there)
    _nodes(there)
    _slices(there)
    there.made["session"] = there.world.call("GetSession", there.world.pi, address=HERE)
    there.world.call("AddKeyType", ADMIN, "gpg")
    assert there.world.desk._shared is not None
    there.world.desk._shared.backup(there.kept)
    return there


def _people(there: Ground) -> None:
    world, made = there.world, there.made
    call = functools.partial(_call, world)
    call("AddPersonKey", "user@princeton.example", {"key_type": "ssh", "key": KEY})
    made["new person"] = call("AddPerson", {"email": "new@princeton.example", "first_name": "N", "last_name": "P"})
    made["address"] = call("AddSiteAddress", "princeton", PLACE)
    call("AddAddressTypeToAddress", "Shipping", made["address"])
    call("AddTagType", {"tagname": "colour", "category": "site/general", "description": "Of its pages."})
    call("AddTagType", {"tagname": "badge", "category": "person/general", "description": "What it opens."})
    call("AddRoleToTagType", "pi", "colour")
    made["site tag"] = call("AddSiteTag", world.site_id, "colour", "orange")
    made["person tag"] = call("AddPersonTag", 4, "columnconf", "wide")
    made["lausanne"] = world.site("lausanne")
    made["geneva"] = world.site("geneva")
    call("AddPeer", {**EPFL, "key": peers_key(), "cacert": "", "hrn_root": "epfl"})
    call("BindObjectToPeer", "Site", made["lausanne"], "EPFL", 17)


def _nodes(there: Ground) -> None:
    world, made = there.world, there.made
    call = functools.partial(_call, world)
    call("UpdateNode", world.node_id, {"model": "HP DL360", "deployment": "alpha"})
    made["interface"] = call("AddInterface", world.node_id, ADDRESS)
    made["reservable"] = call(
        "AddNode", "princeton", {"hostname": "node2.princeton.example", "node_type": "reservable"}
    )
    made["second interface"] = call(
        "AddInterface", made["reservable"], {"type": "ipv4", "method": "dhcp", "is_primary": True, "ip": "127.0.0.1"}
    )
    call("UpdateNode", made["reservable"], {"key": "another node's key"})
    world.call("GetSession", world.signed(made["reservable"], key="another node's key"))
    made["node tag"] = call("AddNodeTag", world.node_id, "serial", "ttyS0")
    made["interface tag"] = call("AddInterfaceTag", made["interface"], "ifname", "eth0")
    call("AddNodeGroup", "alpha", "deployment", "alpha")
    call("AddTagType", {"tagname": "latency", "category": "link/measured", "description": "Milliseconds."})
    call("AddRoleToTagType", "tech", "latency")
    made["ilink"] = call("AddIlink", made["interface"], made["second interface"], "latency", "12")
    made["pcu"] = call("AddPCU", "princeton", POWER)
    call("AddNodeToPCU", world.node_id, made["pcu"], 1)
    made["conf file"] = call("AddConfFile", {"source": "PlanetLabConf/ntp.conf", "dest": "/etc/ntp.conf"})
    made["bare conf file"] = call("AddConfFile", {"source": "PlanetLabConf/hosts", "dest": "/etc/hosts"})
    call("AddConfFileToNode", made["conf file"], world.node_id)
    call("AddConfFileToNodeGroup", made["conf file"], "alpha")
    made["script"] = call("AddInitScript", {"name": "princeton_start", "enabled": True, "script": "#!/bin/sh\n"})


def _slices(there: Ground) -> None:
    world, made = there.world, there.made
    call = functools.partial(_call, world)
    said = {"url": "http://codeen.princeton.example/", "description": "A network that distributes content"}
    call("UpdateSlice", "princeton_codeen", said)
    call("AddSlice", {"name": "princeton_elab", "instantiation": "delegated", **said})
    made["slice tag"] = call("AddSliceTag", "princeton_codeen", "vref", "f14")
    call("AddSliceToNodesWhitelist", "princeton_codeen", [made["reservable"]])
    begin = int(NOW) // HALF_HOUR * HALF_HOUR + 4 * HALF_HOUR
    made["free from"] = begin + 4 * HALF_HOUR
    answer = call("AddLeases", made["reservable"], "princeton_codeen", begin, begin + HALF_HOUR)
    (made["lease"],) = answer["new_ids"]


def _call(world: Princeton, name: str, *args: Any) -> Any:
    return world.call(name, ADMIN, *args)
