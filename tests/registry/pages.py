"""The reference's pages: one per method, from its declaration, with one call that was really made.

``python -m tests.registry.pages`` writes docs/reference/api; a test compares. Each example is made on a small PLC in
memory as its administrator, or as a node where only nodes call. What differs from run to run is shown as its type.
"""

import pprint
import sqlite3
import sys
from pathlib import Path
from typing import Any

from planetlab import keys, openpgp
from planetlab.methods import Method
from planetlab.names import Hrn
from slice_authority.issuing import Sealer
from tests.registry.world import ADMIN, KEY, NOW, Princeton, whole

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "api"
NODE = "node1.princeton.example"
USER = "user@princeton.example"
SITE, SLICE = "princeton", "princeton_codeen"
STATIC = {
    "type": "ipv4", "method": "static", "ip": "192.0.2.17", "network": "192.0.2.0", "netmask": "255.255.255.0",
    "broadcast": "192.0.2.255", "gateway": "192.0.2.1", "dns1": "192.0.2.53",
}  # fmt: skip
ADDRESS = {"line1": "35 Olden Street", "city": "Princeton", "state": "NJ", "postalcode": "08544", "country": "USA"}
PEER = {"peername": "EPFL", "peer_url": "https://plc.epfl.example/PLCAPI/", "shortname": "EPFL", "hrn_root": "epfl"}
SOON = int(NOW) + 3600

NOT_RUN = {
    "RefreshPeer": "it asks another PLC",
    "RebootNodeWithPCU": "it asks a power unit",
    "RebootNode": "it sends packets to the node",
    "AdmRebootNode": "it sends packets to the node",
}
"""Methods without an executed example, and why."""

BY_NAME: dict[str, Any] = {
    "slice_id_or_name": SLICE, "slice_name": SLICE, "person_id_or_email": USER, "node_id_or_hostname": NODE,
    "node_id_or_name": NODE, "node_id": 1, "value": "x", "site_id_or_login_base": SITE, "site_id": 2, "conf_file_id": 1,
    "tag_type_id_or_name": "vsys", "tag_type_id_or_tagname": "vsys", "role_id_or_name": "tech", "address_id": 1,
    "address_type_id_or_name": "Shipping", "pcu_id": 1, "node_id_or_hostname_list": [NODE],
    "nodegroup_id_or_name": "beta",
    "node_group_id_or_name": "beta", "interface_id": 1, "key_id": 1, "message_id": "noconfig", "person_id": 4,
    "initscript_id_or_name": "start", "initscript_id": 1, "ilink_id": 1, "interface_tag_id": 1, "node_tag_id": 2,
    "lease_ids": [1], "protocol_type_id": 1, "pcu_type_id": 1, "pcu_type_id_or_model": "IPMI", "person_tag_id": 1,
    "site_tag_id": 1, "slice_tag_id": 2, "peer_id_or_peername": "EPFL", "peer_id_or_name": "EPFL", "subject": "Hello",
    "body": "The testbed is down on Sunday.", "nodes_list": [NODE], "user_list": [USER], "groupname": "alpha",
    "port": 2,
    "role_id": 60, "remote_object_id": 7, "object_type": "site", "object_id": 2, "shortname": "EPFL", "email": USER,
    "include_pis": 1, "include_techs": 0, "include_support": 0, "person_filter": [USER], "src_if_id": 1, "dst_if_id": 2,
    "node_id_or_hostname_s": [3], "t_from": SOON, "t_until": SOON + 7200, "url": "https://codeen.example/",
    "description": "a network of proxies", "slice_expires": int(NOW) + 40 * 86_400, "since": 0, "id_or_name": None,
    "report_fields": {"run_level": "boot"}, "input_fields": {"duration": 3600}, "nodegroup_fields": {"value": "gamma"},
    "key_type": "ssh", "key_value": KEY, "is_primary": 0, "method": "delegated", "search_vals": {}, "key_ids": [1],
    "nodenetwork_id": 1, "enabled": True, "hostname": "new.princeton.example", "boot_state": "boot", "type": "ipv4",
    "action": "node-preview", "filename": "", "first_name": "Ann", "last_name": "Other", "abbreviated_name": "CU",
    "login_base": "cornell", "node_fields": {"model": "Dell R640"},
    "site_fields": {"url": "https://www.princeton.edu/"},
    "person_fields": {"title": "Dr"}, "slice_fields": {"url": "https://codeen.example/"},
    "peer_fields": {"hrn_root": "epfl"},
    "interface_fields": {"dns2": "192.0.2.54"}, "key_fields": {"key_type": "ssh", "key": KEY + "2"},
    "pcu_fields": {"notes": "in the cellar"}, "conf_file_fields": {"enabled": False},
    "initscript_fields": {"enabled": False},
    "tag_type_fields": {"description": "virtual system calls"}, "address_type_fields": {"description": "for parcels"},
    "pcu_type_fields": {"name": "a unit"}, "protocol_type_fields": {"port": 624, "protocol": "ipmi2"},
    "message_fields": {"enabled": False}, "address_fields": ADDRESS, "name": "new",
}  # fmt: skip

BY_METHOD: dict[str, tuple[Any, ...]] = {
    "AddSite": ({"name": "Cornell", "abbreviated_name": "CU", "login_base": "cornell"},),
    "AddPerson": ({"email": "ann@princeton.example", "first_name": "Ann", "last_name": "Other"},),
    "AddSlice": ({"name": "princeton_coral", "url": "https://coral.example/"},),
    "SliceCreate": ("princeton_coral",),
    "AddNode": (SITE, {"hostname": "node4.princeton.example"}),
    "AddInterface": (NODE, {"type": "ipv4", "method": "dhcp"}),
    "AddNodeNetwork": (NODE, {"type": "ipv4", "method": "dhcp"}),
    "AdmAddNodeNetwork": (1, "dhcp", "ipv4"),
    "AddPeer": ({**PEER, "peername": "Tokyo", "shortname": "JP"},),
    "AddConfFile": ({"source": "conf/ntp.conf", "dest": "/etc/ntp.conf"},),
    "AddInitScript": ({"name": "stop", "script": "#!/bin/sh\n"},),
    "AddTagType": ({"tagname": "colour", "category": "node/look"},),
    "AddSliceAttributeType": ({"name": "colour"},),
    "AddNodeNetworkSettingType": ({"name": "colour"},),
    "AddAddressType": ({"name": "Parcels"},),
    "AddMessage": ({"message_id": "hello", "subject": "Hello", "template": "Hello %(hostname)s"},),
    "AddPCU": (SITE, {"ip": "192.0.2.219", "model": "IPMI"}),
    "AdmAddSitePowerControlUnit": (SITE, {"ip": "192.0.2.219"}),
    "AddPCUType": ({"model": "Hand", "name": "somebody walks there"},),
    "AddPCUProtocolType": ("IPMI", {"port": 624, "protocol": "ipmi2"}),
    "AddNodeToPCU": ("node2.princeton.example", 1, 2),
    "AdmAssociateNodeToPowerControlUnitPort": (1, 2, "node2.princeton.example"),
    "AdmDisassociatePowerControlUnitPort": (1, 1),
    "AddNodeTag": (NODE, "arch", "x86_64"),
    "AddInterfaceTag": (1, "channel", "6"),
    "AddNodeNetworkSetting": (1, "channel", "6"),
    "AddSiteTag": (2, "sfa_created", "True"),
    "AddPersonTag": (4, "showconf", "all"),
    "AddSliceTag": (SLICE, "vsys", "fd_tuntap"),
    "AddSliceAttribute": (SLICE, "vsys", "fd_tuntap"),
    "AddNodeGroup": ("alpha", "deployment", "alpha"),
    "AddIlink": (1, 2, "channel", "6"),
    "AddRole": (60, "guest"),
    "AddRoleToTagType": ("pi", "deployment"),
    "AddPersonKey": (USER, {"key_type": "ssh", "key": KEY + "2"}),
    "UpdatePCUType": (1, {"name": "a unit"}),
    "UpdateConfFile": (1, {"enabled": False}),
    "DeleteBootState": ("upgrade",), "DeleteNodeType": ("spare",), "DeleteNetworkMethod": ("tap",),
    "DeleteNetworkType": ("ipv6",), "DeleteKeyType": ("gpg",), "DeleteSliceInstantiation": ("not-instantiated",),
    "DeleteAddressType": ("Billing",), "DeleteAddressTypeFromAddress": ("Shipping", 1), "DeleteRole": ("node",),
    "AddAddressTypeToAddress": ("Billing", 1), "UpdateAddressType": ("Billing", {"description": "for bills"}),
    "DeleteTagType": ("drl",), "DeleteSliceAttributeType": ("drl",), "DeleteNodeNetworkSettingType": ("drl",),
    "DeletePCUType": (2,), "BootUpdateNode": ({"boot_state": "boot", "ssh_rsa_key": "ssh-rsa AAAA node1"},),
    "BootNotifyOwners": ("installfinished", 1, 1, 0), "UpdateLeases": ([1], {"duration": 3600}),
    "VerifyPerson": ("new@princeton.example",), "SliceGetTicket": ("princeton_old",),
    "SliceTicketGet": ("princeton_old",),
    "SetPersonPrimarySite": (USER, SITE), "AdmSetPersonPrimarySite": (USER, SITE),
    "AdmGrantRoleToPerson": (USER, "tech"), "AdmRevokeRoleFromPerson": (USER, "tech"),
    "AdmAddSite": ("Cornell", "CU", "cornell"), "AdmAddPerson": ("Ann", "Other", {"email": "ann@princeton.example"}),
    "AdmAddNode": (SITE, "node4.princeton.example", "boot"), "AdmIsPersonInRole": ("pi@princeton.example", "pi"),
    "AdmUpdateNodeGroup": ("beta", "gamma"), "GetEvents": ({"call_name": "AddSlice"}, ["event_id", "message"]),
    "GetEventObjects": ({"object_type": "Slice"}, ["event_id", "object_id"]), "GetSlivers": (NODE,),
    "ReportRunlevel": ({"run_level": "boot"}, NODE), "UnBindObjectFromPeer": ("site", 3, "EPFL"),
    "BindObjectToPeer": ("site", 2, "EPFL", 7), "SliceInfo": ([SLICE],), "UpdateIlink": (1, "x"),
    "GetTagTypes": (["vsys"],), "GetPCUTypes": (["IPMI"],), "GetPCUProtocolTypes": ([15],),
    "GetMessages": (["noconfig"],),
    "GetSliceAttributeTypes": (["vsys"],), "GetNodeNetworkSettingTypes": (["vsys"],), "SliceListNames": ("princeton",),
    "GetNodeTickets": (0,), "RetrieveSlicePersonKeys": (SLICE,),
}  # fmt: skip
_THINGS = {"Interface": 1, "Node": NODE, "Person": USER, "Site": SITE, "Slice": SLICE}


class Example(Princeton):
    """A PLC with one of everything."""

    def __init__(self) -> None:
        sealer = Sealer(Hrn.parse("plc"), keys.new_rsa(), openpgp.new_key("plc <tickets@plc.example>"))
        super().__init__(seal=sealer, release={"build": "1.0", "tags": "", "rpms": ""})
        self.node("node2")
        self.node("node3", node_type="reservable")
        self.call("AddInterface", ADMIN, 1, STATIC)
        self.call("AddInterface", ADMIN, 2, {**STATIC, "ip": "192.0.2.18"})
        for name, *args in (
            ("AddPersonKey", USER, {"key_type": "ssh", "key": KEY}),
            ("AddSiteAddress", SITE, ADDRESS), ("AddAddressTypeToAddress", "Shipping", 1), ("AddPeer", PEER),
            ("AddConfFile", {"source": "conf/hosts", "dest": "/etc/hosts"}), ("AddConfFileToNode", 1, 1),
            ("AddInitScript", {"name": "start", "script": "#!/bin/sh\n"}), ("AddPCU", SITE, {"ip": "192.0.2.218"}),
            ("AddNodeToPCU", NODE, 1, 1), ("AddNodeGroup", "beta", "deployment", "beta"),
            ("AddInterfaceTag", 1, "alias", "eth0"), ("AddNodeTag", 1, "deployment", "beta"),
            ("AddSliceTag", SLICE, "cpu_pct", "25"), ("AddIlink", 1, 2, "freq", "6"), ("AddNetworkType", "ipv6"),
            ("AddKeyType", "gpg"), ("AddNodeType",
            "spare"), ("AddSliceToNodes", SLICE, [3]), ("AddLeases", [3], SLICE, SOON + 90_000, SOON + 99_000),
            ("AddSlice", {"name": "princeton_old", "instantiation": "delegated"}),
            ("AddPerson", {"email": "new@princeton.example", "first_name": "New", "last_name": "Comer"}),
            ("UpdateSlice", SLICE, {"description": "proxies", "url": "https://codeen.example/"}),
            ("AddSite", {"name": "EPFL", "abbreviated_name": "EPFL", "login_base": "epfl"}),
            ("BindObjectToPeer", "site", 3, "EPFL", 1),
        ):  # fmt: skip
            self.call(name, ADMIN, *args)
        self._connection = self.desk._connection("writes")
        self._kept = sqlite3.connect(":memory:")
        self._connection.backup(self._kept)

    def again(self) -> None:
        """Everything as it was."""
        self._kept.backup(self._connection)


def arguments(method: Method) -> tuple[Any, ...]:
    """What the example sends after the auth struct."""
    if method.name in BY_METHOD:
        return BY_METHOD[method.name]
    if method.accepts and method.accepts[0].name == "id_or_name":
        noun = next(noun for noun in _THINGS if method.name[3:].startswith(noun))
        thing = _THINGS[noun]
        if method.name == "SetSliceInitscript":
            return (thing, "start")
        return (thing,) if method.name.startswith("Get") else (thing, "x")
    return tuple(BY_NAME[argument.name] for argument in method.accepts if not argument.optional)


def run(world: Example, method: Method) -> Any:
    """What the method answers to its example."""
    args = arguments(method)
    by_node = "admin" not in {role.value for role in method.roles}
    if method.auth == ("session",):
        auth: dict[str, Any] = {"AuthMethod": "session", "session": world.call("GetSession", ADMIN)}
    else:
        auth = world.signed(1, *args) if by_node else ADMIN
    try:
        return world.call(method.name, auth, *args)
    finally:
        world.again()


def page(method: Method, one: Example, other: Example) -> str:
    """A method's page. Two worlds are asked, to know what is the same each time."""
    arguments_ = [f"[{argument.name}]" if argument.optional else argument.name for argument in method.wire_arguments]
    lines = [f"# {method.name}", "", f"    {method.name}({', '.join(arguments_)})", "", method.doc, ""]
    if method.status != "current":
        lines += [f"This name is {method.status}.", ""]
    lines.append(f"Roles: {', '.join(sorted(role.value for role in method.roles)) or 'any'}.")
    if method.reads:
        lines[-1] += " Changes nothing."
    lines += ["", *(f"* `{argument.name}`: `{argument.shape.text()}`" for argument in method.wire_arguments)]
    lines += [f"* returns `{method.returns.text()}`", "", "## Example", ""]
    if method.name in NOT_RUN:
        return "\n".join([*lines, f"Not run here: {NOT_RUN[method.name]}.", ""])
    args = ", ".join(["auth", *(repr(argument) for argument in arguments(method))])
    answer, again = run(one, method), run(other, method)
    shown = pprint.pformat(answer, width=110, sort_dicts=False) if answer == again else f"{method.returns.text()}"
    return "\n".join([*lines, "```python", f">>> {method.name}({args})", _short(shown), "```", ""])


def _short(shown: str) -> str:
    rows = shown.splitlines()
    return "\n".join(rows if len(rows) <= 60 else [*rows[:60], "..."])


def pages() -> dict[str, str]:
    """Every method's page, by name."""
    one, other = Example(), Example()
    return {name: page(whole[name], one, other) for name in sorted(whole)}


def index(names: list[str]) -> str:
    """The list of pages."""
    lines = ["# The PLC API, method by method", "", f"{len(names)} methods, printed from their declarations.", ""]
    return "\n".join([*lines, *(f"* [{name}]({name}.md)" for name in names), ""])


if __name__ == "__main__":
    PAGES.mkdir(parents=True, exist_ok=True)
    written = pages()
    for name_, text in written.items():
        (PAGES / f"{name_}.md").write_text(text)
    (PAGES / "index.md").write_text(index(list(written)))
    for stale in PAGES.glob("*.md"):
        if stale.stem not in written and stale.stem != "index":
            stale.unlink()
    sys.stderr.write(f"{len(written)} pages in {PAGES}\n")
