"""One call of each method, by whom it is typically made; what it names is there, see `tests.manual.ground`."""

from typing import Any

from attrs import evolve, frozen

from planetlab.records.accessors import ACCESSORS
from planetlab.records.words import WORDS
from tests.manual.ground import HALF_HOUR, PLACE
from tests.registry.world import KEY, NOW

NODE, SITE, SLICE, USER = "node1.princeton.example", "princeton", "princeton_codeen", "user@princeton.example"
NODE2 = "node2.princeton.example"
DAY = 86_400


@frozen
class Example:
    """A call: who makes it, with what after the auth struct. ``timed`` says that its doubles are measured times.

    ``before`` are calls that the same caller makes first, each a method and what follows the auth struct.
    """

    who: str
    args: tuple[Any, ...]
    timed: bool = False
    before: tuple[tuple[str, tuple[Any, ...]], ...] = ()


def all_examples(made: dict[str, Any]) -> dict[str, Example]:
    """The examples by method; ``made`` has the numbers of things."""
    found: dict[str, Example] = {}
    for part in (
        _words(),
        _accessors(made),
        _site(made),
        _person(made),
        _slice(made),
        _node(made),
        _kept(made),
        _rest(made),
    ):
        twice = found.keys() & part.keys()
        assert not twice, twice
        found |= part
    return found


def by(who: str, *args: Any, timed: bool = False) -> Example:
    """An example, as short as it can be said."""
    return Example(who, args, timed)


def after(name: str, *args: Any, then: Example) -> Example:
    """The example ``then``, with a call before it."""
    return evolve(then, before=((name, args),))


def _words() -> dict[str, Example]:
    new = {
        "BootState": ("retired", "safeboot"), "KeyType": ("age", "gpg"), "NetworkMethod": ("slaac", "proxy"),
        "NetworkType": ("ipv6", "ipv6"), "NodeType": ("virtual", "virtual"),
        "SliceInstantiation": ("by-hand", "not-instantiated"),
    }  # fmt: skip
    rows: dict[str, Example] = {}
    for noun, (added, removed) in new.items():
        rows[f"Get{noun}s"] = by("tech" if noun != "SliceInstantiation" else "user")
        rows[f"Add{noun}"] = by("admin", added)
        rows[f"Delete{noun}"] = by("admin", removed)
    for noun in ("NodeType", "NetworkType"):  # what nodes and interfaces use stays
        rows[f"Delete{noun}"] = after(f"Add{noun}", new[noun][0], then=rows[f"Delete{noun}"])
    assert len(new) == len(WORDS), [one.record.name for one in WORDS]
    return rows


def _accessors(made: dict[str, Any]) -> dict[str, Example]:
    things = {"Interface": made["interface"], "Node": NODE, "Person": USER, "Site": SITE, "Slice": SLICE}
    values = {
        "Arch": "x86_64", "Fcdistro": "f14", "Pldistro": "planetlab", "Vref": "f14", "Ifname": "eth1",
        "Essid": "campus", "Initscript": "princeton_start", "Hrn": "plc.princeton.other", "Deployment": "beta",
        "Serial": "ttyS1",
    }  # fmt: skip
    rows = {}
    for row in ACCESSORS:
        thing = things[row.noun]
        name, value = f"{row.noun}{row.suffix}", values.get(row.suffix, "1")
        writer = next(who for who in ("pi", "tech", "user", "admin") if who in row.writers)
        caller = "user" if row.noun == "Person" else writer
        rows[f"Set{name}"] = by(caller, thing, value)
        rows[f"Get{name}"] = after(f"Set{name}", thing, value, then=by(caller, thing))
    return rows


def _site(made: dict[str, Any]) -> dict[str, Example]:
    new = {"name": "Cornell University", "abbreviated_name": "Cornell", "login_base": "cornell", "max_slices": 10}
    shown = ["tagname", "value"]
    return {
        "GetSites": by("pi", {"login_base": "p*"}, ["site_id", "login_base", "name", "max_slices"]),
        "AddSite": by("admin", new),
        "UpdateSite": by("pi", SITE, {"url": "https://www.princeton.example/", "latitude": 40.3, "longitude": -74.7}),
        "DeleteSite": by("admin", "geneva"),
        "AddSiteAddress": by("pi", SITE, {**PLACE, "line1": "87 Prospect Avenue"}),
        "GetAddresses": by("pi", [made["address"]]),
        "UpdateAddress": by("pi", made["address"], {"line2": "Room 312"}),
        "DeleteAddress": by("pi", made["address"]),
        "GetAddressTypes": by("pi", ["Shipping", "Billing"], ["address_type_id", "name"]),
        "AddAddressType": by("admin", {"name": "Visiting", "description": "Where the machines are seen"}),
        "UpdateAddressType": by("admin", "Shipping", {"description": "Where parcels go"}),
        "DeleteAddressType": by("admin", "Personal"),
        "AddAddressTypeToAddress": by("pi", "Billing", made["address"]),
        "DeleteAddressTypeFromAddress": by("pi", "Shipping", made["address"]),
        "GetSiteTags": by("pi", {"site_id": 2, "tagname": "colour"}, ["site_tag_id", *shown]),
        "AddSiteTag": by("admin", made["geneva"], "colour", "red"),
        "UpdateSiteTag": by("pi", made["site tag"], "black"),
        "DeleteSiteTag": by("pi", made["site tag"]),
        "GetTagTypes": by("pi", ["vref", "colour"], ["tag_type_id", "tagname", "category", "roles"]),
        "AddTagType": by("admin", {"tagname": "fare", "category": "node/general", "description": "Of the bus there."}),
        "UpdateTagType": by("admin", "colour", {"description": "Of a site's pages"}),
        "DeleteTagType": by("admin", "colour"),
        "AddRoleToTagType": by("admin", "user", "colour"),
        "DeleteRoleFromTagType": by("admin", "pi", "colour"),
    }


def _person(made: dict[str, Any]) -> dict[str, Example]:
    new = {"email": "ada@princeton.example", "first_name": "Ada", "last_name": "Byron", "password": "a long one"}
    return {
        "GetPersons": by("user", [USER], ["person_id", "email", "roles", "site_ids", "slice_ids"]),
        "AddPerson": by("pi", new),
        "UpdatePerson": by("user", USER, {"phone": "+1 609 555 0100"}),
        "DeletePerson": by("admin", "tech@princeton.example"),
        "AddPersonToSite": by("admin", USER, "geneva"),
        "DeletePersonFromSite": by("admin", USER, SITE),
        "SetPersonPrimarySite": by("user", USER, SITE),
        "GetRoles": by("pi"),
        "AddRole": by("admin", 70, "auditor"),
        "DeleteRole": by("admin", "tech"),
        "AddRoleToPerson": by("pi", "tech", USER),
        "DeleteRoleFromPerson": by("pi", "user", USER),
        "GetPersonTags": by("user", {"person_id": 4, "tagname": "columnconf"}, ["person_tag_id", "tagname", "value"]),
        "AddPersonTag": by("admin", 4, "badge", "room 312"),
        "UpdatePersonTag": by("user", made["person tag"], "narrow"),
        "DeletePersonTag": by("user", made["person tag"]),
        "GetKeys": by("user", {"key_type": "ssh"}, ["key_id", "person_id", "key_type", "key"]),
        "AddPersonKey": by("user", USER, {"key_type": "ssh", "key": KEY.replace("pi@", "laptop@")}),
        "UpdateKey": by("user", 1, {"key": KEY.replace("pi@", "desk@")}),
        "DeleteKey": by("user", 1),
        "BlacklistKey": by("admin", 1),
        "VerifyPerson": by("admin", "new@princeton.example"),
        "ResetPassword": by("admin", USER),
        "AuthCheck": by("user"),
        "GetSession": by("user", 7200),
        "AddSession": by("admin", USER),
        "GetSessions": by("admin", {"person_id": 3}),
        "DeleteSession": by("a session"),
    }


def _slice(made: dict[str, Any]) -> dict[str, Example]:
    about = {"url": "http://www.princeton.example/dns", "description": "A cooperative name service"}
    soon, free = int(NOW) + 40 * DAY, made["free from"]
    return {
        "GetSlices": by("user", [SLICE], ["slice_id", "name", "expires", "node_ids", "person_ids"]),
        "AddSlice": by("pi", {"name": "princeton_codns", **about}),
        "UpdateSlice": by("user", SLICE, {"expires": soon}),
        "DeleteSlice": by("pi", SLICE),
        "AddPersonToSlice": by("pi", "tech@princeton.example", SLICE),
        "DeletePersonFromSlice": by("pi", USER, SLICE),
        "AddSliceToNodes": by("user", SLICE, [NODE2]),
        "DeleteSliceFromNodes": by("user", SLICE, [NODE]),
        "GetSliceTags": by("user", {"name": SLICE, "tagname": "vref"}, ["slice_tag_id", "tagname", "value", "node_id"]),
        "AddSliceTag": by("admin", SLICE, "cpu_share", "5", NODE),
        "UpdateSliceTag": by("admin", made["slice tag"], "f18"),
        "DeleteSliceTag": by("admin", made["slice tag"]),
        "GetSliceKeys": by("user", [SLICE], ["name", "email", "key"]),
        "GetSliceFamily": by("user", SLICE),
        "GetSliceTicket": by("user", SLICE),
        "SliceGetTicket": by("pi", "princeton_elab"),
        "SliceTicketGet": by("pi", "princeton_elab"),
        "ResolveSlices": by("nobody", {"name": "princeton_*"}),
        "RetrieveSlicePersonKeys": by("nobody", SLICE),
        "RetrieveSliceSliverKeys": after("AddSliceTag", SLICE, "ssh_key", KEY, NODE, then=by("admin", SLICE)),
        "GetLeaseGranularity": by("nobody"),
        "GetLeases": by("nobody", {"name": SLICE}, ["lease_id", "hostname", "name", "t_from", "t_until", "duration"]),
        "AddLeases": by("user", [NODE2], SLICE, free, free + HALF_HOUR),
        "UpdateLeases": by("user", [made["lease"]], {"duration": 2 * HALF_HOUR}),
        "DeleteLeases": by("user", [made["lease"]]),
        "SliceCreate": by("pi", "princeton_codns", about),
        "SliceDelete": by("pi", SLICE),
        "SliceUpdate": by("user", SLICE, about["url"], about["description"]),
        "SliceRenew": by("user", SLICE, soon),
        "SliceNodesAdd": by("user", SLICE, [NODE2]),
        "SliceNodesDel": by("user", SLICE, [NODE]),
        "SliceNodesList": by("user", SLICE),
        "SliceUserAdd": by("pi", SLICE, ["tech@princeton.example"]),
        "SliceUserDel": by("pi", SLICE, [USER]),
        "SliceUsersList": by("user", SLICE),
        "SliceInfo": by("user", [SLICE]),
        "SliceExtendedInfo": by("user", [SLICE]),
        "SliceListNames": by("pi", "princeton"),
        "SliceListUserSlices": by("user", USER),
    }


def _node(made: dict[str, Any]) -> dict[str, Example]:
    interface = made["interface"]
    dhcp = {"type": "ipv4", "method": "dhcp", "mac": "02:00:00:00:00:12"}
    return {
        "GetNodes": by(
            "user", {"hostname": "*.princeton.example", "-SORT": "hostname"}, ["node_id", "hostname", "boot_state"]
        ),
        "AddNode": by("tech", SITE, {"hostname": "node3.princeton.example", "model": "HP DL360"}),
        "UpdateNode": by("tech", NODE, {"boot_state": "reinstall"}),
        "DeleteNode": by("pi", NODE),
        "GetNodeTags": by("user", {"node_id": 1, "tagname": "serial"}, ["node_tag_id", "tagname", "value"]),
        "AddNodeTag": by("tech", NODE, "kvariant", "rt"),
        "UpdateNodeTag": by("tech", made["node tag"], "ttyS1"),
        "DeleteNodeTag": by("tech", made["node tag"]),
        "GetNodeFlavour": by("node", NODE),
        "GetInterfaces": by("user", {"node_id": 1}, ["interface_id", "ip", "mac", "is_primary"]),
        "AddInterface": by("tech", NODE, dhcp),
        "UpdateInterface": by("tech", interface, {"bwlimit": 10_000_000}),
        "DeleteInterface": by("tech", interface),
        "GetInterfaceTags": by("user", {"interface_id": interface}, ["interface_tag_id", "tagname", "value"]),
        "AddInterfaceTag": by("tech", interface, "driver", "e1000e"),
        "UpdateInterfaceTag": by("tech", made["interface tag"], "eth1"),
        "DeleteInterfaceTag": by("tech", made["interface tag"]),
        "GetIlinks": by("user", [made["ilink"]]),
        "AddIlink": by("tech", made["second interface"], interface, "latency", "13"),
        "UpdateIlink": by("tech", made["ilink"], "11"),
        "DeleteIlink": by("admin", made["ilink"]),
        "GetNodeGroups": by("user", ["alpha"]),
        "AddNodeGroup": by("admin", "sixtyfour", "arch", "x86_64"),
        "UpdateNodeGroup": by("admin", "alpha", {"groupname": "alphas"}),
        "DeleteNodeGroup": by("admin", "alpha"),
        "GetWhitelist": by("user", [NODE2], ["node_id", "hostname", "slice_ids_whitelist"]),
        "AddSliceToNodesWhitelist": by("admin", SLICE, [NODE]),
        "DeleteSliceFromNodesWhitelist": by("admin", SLICE, [NODE2]),
        "BootCheckAuthentication": by("node"),
        "BootGetNodeDetails": by("node"),
        "BootUpdateNode": by("node", {"boot_state": "boot", "ssh_rsa_key": "ssh-rsa AAAAB3NzaC1yc2E= node1"}),
        "BootNotifyOwners": by("node", "installfinished", 1, 1, 0),
        "ReportRunlevel": by("node", {"run_level": "boot"}),
        "GetSlivers": by("node"),
        "GenerateNodeConfFile": by("tech", NODE, False),
        "GetBootMedium": by("tech", NODE, "node-preview", ""),
        "RebootNode": by("tech", NODE2),
        "RebootNodeWithPCU": by("tech", NODE, True),
    }


def _kept(made: dict[str, Any]) -> dict[str, Example]:
    file, bare, pcu = made["conf file"], made["bare conf file"], made["pcu"]
    return {
        "GetConfFiles": by("admin", [file], ["conf_file_id", "source", "dest", "node_ids", "nodegroup_ids"]),
        "AddConfFile": by(
            "admin", {"source": "PlanetLabConf/sudoers", "dest": "/etc/sudoers", "file_permissions": "0440"}
        ),
        "UpdateConfFile": by("admin", file, {"postinstall_cmd": "systemctl restart ntpd"}),
        "DeleteConfFile": by("admin", bare),
        "AddConfFileToNode": by("admin", bare, NODE),
        "DeleteConfFileFromNode": by("admin", file, NODE),
        "AddConfFileToNodeGroup": by("admin", bare, "alpha"),
        "DeleteConfFileFromNodeGroup": by("admin", file, "alpha"),
        "GetInitScripts": by("user", ["princeton_start"]),
        "AddInitScript": by("admin", {"name": "princeton_hello", "enabled": True, "script": "#!/bin/sh\necho hello\n"}),
        "UpdateInitScript": by("admin", made["script"], {"enabled": False}),
        "DeleteInitScript": by("admin", "princeton_start"),
        "GetPCUs": by("tech", [pcu], ["pcu_id", "hostname", "model", "node_ids", "ports"]),
        "AddPCU": by("tech", SITE, {"hostname": "power2.princeton.example", "ip": "192.0.2.10", "model": "IPAL"}),
        "UpdatePCU": by("tech", pcu, {"notes": "Behind the door"}),
        "DeletePCU": by("tech", pcu),
        "AddNodeToPCU": by("tech", NODE2, pcu, 2),
        "DeleteNodeFromPCU": by("tech", NODE, pcu),
        "GetPCUTypes": by("tech", {"model": "HPiLO"}),
        "AddPCUType": by("admin", {"model": "RPC-28", "name": "Remote power controller"}),
        "UpdatePCUType": by("admin", 1, {"name": "HP Integrated Lights-Out"}),
        "DeletePCUType": by("admin", 2),
        "GetPCUProtocolTypes": by("tech", [1]),
        "AddPCUProtocolType": by("admin", "HPiLO", {"port": 8443, "protocol": "https", "supported": True}),
        "UpdatePCUProtocolType": by("admin", 1, {"supported": False}),
        "DeletePCUProtocolType": by("admin", 1),
    }


def _rest(made: dict[str, Any]) -> dict[str, Example]:
    epfl = "PlanetLab EPFL"
    return {
        "GetPlcRelease": by("nobody"),
        "GetMessages": by("admin", ["Verify account"]),
        "AddMessage": by("admin", {"message_id": "Moved", "subject": "Node moved", "template": "%(hostname)s moved"}),
        "UpdateMessage": by("admin", "Verify account", {"enabled": False}),
        "DeleteMessage": by("admin", "Verify account"),
        "GetEvents": by("admin", {"call_name": "AddSlice"}, ["event_id", "person_id", "call_name", "message", "time"]),
        "GetEventObjects": by("admin", {"object_type": "Slice"}, ["event_id", "object_id", "object_type"]),
        "NotifyPersons": by("admin", [USER], "Princeton moves", "Its nodes will be away on Sunday."),
        "NotifySupport": by("admin", "A question", "Who has the key of the machine room?"),
        "GetPeers": by("admin", [epfl], ["peer_id", "peername", "shortname", "peer_url", "hrn_root", "site_ids"]),
        "AddPeer": by(
            "admin", {"peername": "PlanetLab Japan", "peer_url": "https://jp.example/PLCAPI/", "shortname": "PLJ"}
        ),
        "UpdatePeer": by("admin", epfl, {"peer_url": "https://plc.epfl.example/PLCAPI/"}),
        "DeletePeer": by("admin", epfl),
        "DeleteAllPeerEntries": by("admin", epfl),
        "GetPeerName": by("admin"),
        "GetPeerData": by("admin", timed=True),
        "RefreshPeer": by("admin", "PlanetLab epfl", timed=True),
        "BindObjectToPeer": by("admin", "Site", made["geneva"], "EPFL", 18),
        "UnBindObjectFromPeer": by("admin", "Site", made["lausanne"], "EPFL"),
    }
