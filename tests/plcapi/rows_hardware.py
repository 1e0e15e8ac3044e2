"""What nodes, their groups, links, power units and files take and refuse, by who asks: rows found by comparing."""

# ruff: noqa: E501  # one row, one line

from tests.plcapi.campus import Id, Is, Row
from tests.plcapi.rows_sa import AUTH, DB, DENIED, UNKNOWN, WRONG

NODE, FAR = "node1.princeton.example", "far1.princeton.example"
MOST = 2**31 - 1


def updated(who: str, noun: str, key: object, *said: tuple[str, object, object]) -> tuple[Row, ...]:
    """Rows of Update calls of one thing: a field, its value, and what comes of it."""
    return tuple(Row(who, f"Update{noun}", (key, {field: value}), expected) for field, value, expected in said)


IDENTIFIERS = (
    *(Row("admin", "UpdateNode", (key, {}), WRONG) for key in (0, -1, 5000, MOST, None, "", 1.0, [1], {}, "x" * 256)),
    *(Row("admin", method, (True, *more), DB) for method, *more in (
        ("UpdateNode", {}), ("DeleteNode",), ("AddNode", {"hostname": "a.b.org"}), ("UpdateInterface", {}), ("UpdatePCU", {}),
        ("AddConfFileToNode", NODE), ("GetSlivers",), ("GenerateNodeConfFile",), ("GetNodeFlavour",), ("RebootNode",),
        ("GetNodeArch",), ("SetNodeArch", "x"), ("GetInterfaceAlias",), ("AddNodeTag", "colour", "v"), ("UpdateNodeTag", "v"))),
    Row("admin", "ReportRunlevel", ({"run_level": "boot"}, True), DB),
    Row("admin", "UpdateInterface", ("192.0.2.17", {}), WRONG),
    Row("admin", "AddInterfaceTag", ("192.0.2.17", "alias", "x"), WRONG),
    Row("admin", "DeletePCUType", ("M1",), WRONG),
    Row("admin", "UpdateInitScript", ("start", {}), WRONG),
    Row("anonymous", "GetNodeGroups", ("rings",), WRONG),
    Row("node", "GetConfFiles", (1,), WRONG),
    Row("tech", "GetPCUs", (1,), WRONG),
    Row("user", "GetPCUTypes", ("none",), []),
    Row("user", "GetIlinks", (99,), []),
    Row("admin", "GetNodeTags", (99,), []),
)  # fmt: skip
"""A boolean is a number to the check of types, and none to the database."""

NODES = updated(
    "admin", "Node", NODE,
    ("model", "", 1), ("version", "é" * 32, 1), ("version", "é" * 32 + "x", WRONG), ("key", "é" * 128, 1), ("key", "é" * 128 + "x", WRONG),
    ("boot_nonce", "é" * 64, 1), ("boot_nonce", "é" * 64 + "x", WRONG), ("boot_nonce", None, WRONG), ("key", None, WRONG),
    ("boot_state", "", WRONG), ("boot_state", None, WRONG), ("node_type", "", WRONG), ("hostname", "", WRONG), ("hostname", None, WRONG),
    ("session", "", 1), ("session", 5, WRONG), ("session", "é" * 129, WRONG), ("site_id", "princeton", WRONG), ("site_id", None, WRONG),
    ("site_id", -1, DB), ("arch", None, WRONG), ("arch", "", 1), ("arch", 5, WRONG), ("peer_id", None, WRONG), ("node_id", 1, WRONG),
    ("slice_ids", [], WRONG), ("deleted", True, WRONG), ("date_created", 1, WRONG), ("interfaces", None, WRONG), ("slices", 5, WRONG),
    ("conf_files", ["x"], WRONG), ("hostname", " a.b.org", WRONG), ("hostname", "a.b.org ", WRONG), ("hostname", "a..org", WRONG),
    ("hostname", "é.org", WRONG), ("hostname", "a.o-g", WRONG), ("hostname", "a." + "b" * 63 + ".org", 1), ("hostname", "a." + "b" * 64 + ".org", WRONG),
    ("hostname", ("a" * 62 + ".") * 4 + "com", 1), ("hostname", ("a" * 62 + ".") * 4 + "info", WRONG),
)  # fmt: skip

GROUPS = (
    *updated("admin", "NodeGroup", "rings", ("groupname", "é" * 25, 1), ("groupname", "é" * 25 + "x", WRONG), ("groupname", "", 1),
             ("groupname", None, WRONG), ("value", "é" * 3000, 1), ("value", "", 1), ("value", None, WRONG), ("value", 5, WRONG),
             ("tag_type_id", 99, 1), ("node_ids", 5, 1)),
    Row("admin", "AddNodeGroup", ("", "colour", "red"), Is(int)),
    Row("admin", "AddNodeGroup", ("g", "ring", "inner"), Is(int)),
    Row("admin", "AddNodeGroup", ("g", "ring", None), WRONG),
    Row("admin", "AddNodeGroup", ("g", True, "inner"), DB),
)  # fmt: skip

UNITS = (
    *updated("tech", "PCU", Id("pcu"), ("ip", "", WRONG), ("ip", None, WRONG), ("hostname", "not a host!", 1), ("hostname", None, WRONG),
             ("protocol", "é" * 8, 1), ("protocol", "é" * 8 + "x", WRONG), ("model", "é" * 16 + "x", WRONG), ("node_ids", [1], 1),
             ("node_ids", 5, WRONG), ("node_ids", ["x"], WRONG), ("ports", ["1"], WRONG), ("last_updated", "x", WRONG),
             ("site_id", Id("mit"), 1), ("pcu_id", 99, 1)),
    *updated("admin", "PCUProtocolType", Id("protocol"), ("port", MOST + 1, DB), ("port", -1, 1), ("port", 0, WRONG), ("port", None, WRONG),
             ("supported", None, WRONG), ("pcu_type_id", 99, DB), ("pcu_protocol_type_id", 99, 1)),
    Row("tech", "AddPCU", ("princeton", {"ip": "192.0.2.4", "site_id": Id("mit"), "node_ids": 5}), Is(int)),
    Row("tech2", "AddPCU", ("princeton", {}), DENIED),
    Row("admin", "AddPCUProtocolType", ("M1", {"port": 80, "protocol": "h", "pcu_type_id": 99}), Is(int)),
)  # fmt: skip
"""What GetPCUs gives may be given back, and is not written."""

LINKS = (
    Row("admin", "AddIlink", (Id("interface"), Id("interface"), "colour", "x"), Is(int)),
    Row("admin", "AddIlink", (Id("interface"), Id("interface2"), "ring", ""), Is(int)),
    Row("admin", "AddIlink", (Id("interface"), Id("interface2"), "ring", None), WRONG),
    Row("admin", "AddIlink", ("192.0.2.17", Id("interface2"), "ring", "x"), WRONG),
    Row("admin", "AddIlink", (True, Id("interface2"), "colour", "x"), DB),
    *(Row(who, "AddIlink", (Id("interface2"), Id("interface"), "colour", "x"), Is(int)) for who in ("pi", "tech", "user", "pi2", "tech2", "user2")),
    Row("tech", "AddIlink", (Id("interface2"), Id("interface"), "ring", "x"), DENIED),
    Row("node", "AddIlink", (Id("interface2"), Id("interface"), "colour", "x"), AUTH),
)  # fmt: skip
"""Somebody at the site of either end will do."""

TAGS = (
    *(
        Row(who, method, args, expected)
        for who, expected in (("pi", 1), ("tech", 1), ("user", 1), ("pi2", DENIED), ("tech2", DENIED), ("user2", DENIED), ("node", AUTH), ("nobody", AUTH))
        for method, args in (("UpdateNodeTag", (Id("node_tag"), "v")), ("DeleteNodeTag", (Id("node_tag"),)),
                             ("UpdateInterfaceTag", (Id("interface_tag"), "v")), ("DeleteInterfaceTag", (Id("interface_tag"),)))
    ),
    Row("admin", "AddNodeTag", (FAR, "colour", "v"), Is(int)),
    Row("admin", "SetNodeArch", (FAR, "x"), "x"),
    Row("admin", "AddNodeTag", (Id("reservable"), "colour", ""), Is(int)),
    Row("admin", "AddNodeTag", (Id("reservable"), True, "v"), DB),
    Row("admin", "AddInterfaceTag", (99, "alias", "x"), UNKNOWN),
)  # fmt: skip

BOOTING = (
    *(
        Row("node", "BootUpdateNode", ({field: value},), expected)
        for field, value, expected in (
            ("ssh_rsa_key", "é" * 512, 1), ("ssh_rsa_key", "é" * 512 + "x", WRONG), ("ssh_rsa_key", None, WRONG), ("ssh_host_key", "é" * 513, WRONG),
            ("boot_state", None, WRONG), ("boot_state", "", WRONG), ("primary_network", None, WRONG), ("primary_network", {}, WRONG),
            ("verified", True, 1), ("run_level", "zzz", 1), ("model", 5, 1),
        )
    ),
    *(
        Row("node", "BootUpdateNode", ({"primary_network": {"interface_id": Id("interface"), field: value}},), expected)
        for field, value, expected in (
            ("mac", "x", WRONG), ("mac", 5, WRONG), ("method", "dhcp", 1), ("method", "x", WRONG), ("gateway", None, WRONG),
            ("network", "198.51.100.0", WRONG), ("hostname", 5, 1), ("bwlimit", "x", 1), ("interface_id", "1", WRONG),
        )
    ),
    *(Row("node", "ReportRunlevel", ({"run_level": said},), 1) for said in ("boot", "safeboot", "failboot", "reinstall")),
    *(Row("node", "ReportRunlevel", ({"run_level": said},), WRONG) for said in (None, 5, "x" * 21)),
    Row("node", "ReportRunlevel", ({"run_level": "boot"}, None), WRONG),
    Row("node", "ReportRunlevel", ({"run_level": "boot"}, Id("node2")), 1, ("GetNodes", ([Id("node2")], ["run_level"]), [{"run_level": None}])),
    Row("admin", "ReportRunlevel", ({"run_level": "boot"}, FAR), 1),
    Row("anonymous", "ReportRunlevel", ({"run_level": "boot"}, 1), AUTH),
    Row("anonymous", "BootUpdateNode", ({},), WRONG),
    Row("node", "BootNotifyOwners", ("", -1, -1, -1), 1),
    Row("node", "BootNotifyOwners", ("installfinished", None, 1, 1), WRONG),
    Row("tech", "GenerateNodeConfFile", (NODE, None), WRONG),
    Row("tech", "GenerateNodeConfFile", (NODE, 1), WRONG),
    Row("tech", "GetBootMedium", (NODE, "node-preview", None), WRONG),
    Row("tech", "GetBootMedium", (NODE, "node-preview", "", None), WRONG),
    Row("tech", "GetBootMedium", (NODE, "node-preview", "", []), Is(str)),
    Row("tech", "GetBootMedium", (Id("reservable"), "node-floppy", ""), WRONG),
    Row("node", "GetSlivers", (None,), WRONG),
    Row("node", "GetSlivers", (99,), UNKNOWN),
    Row("node", "GetSlivers", (Id("node2"),), DENIED),
)  # fmt: skip

STRANGERS = (
    *(Row(who, method, ("far", said), expected) for who, expected in (("tech", DENIED), ("pi2", DENIED), ("user", AUTH), ("admin", WRONG))
      for method, said in (("AddNode", {"hostname": "a.b.org"}), ("AddPCU", {"ip": "192.0.2.4"}))),
)  # fmt: skip
"""Who is a stranger at a peer's site is told that first."""

PATTERNS = (
    Row("admin", "AddInitScript", ({"name": "st*", "script": "s"},), WRONG),
    Row("admin", "AddInitScript", ({"name": "s_a%", "script": "s"},), WRONG),
    Row("admin", "AddInitScript", ({"name": "100 %", "script": "s"},), Is(int)),
    Row("admin", "AddInitScript", ({"name": "s_art", "script": "s"},), Is(int)),
    *updated("admin", "InitScript", Id("script"), ("name", "START*", 1), ("name", "*", WRONG)),
    Row("admin", "AddPCUType", ({"model": "m*"},), WRONG),
    Row("admin", "AddPCUType", ({"model": "none*"},), Is(int)),
    Row("admin", "AddAddressType", ({"name": "Bill%"},), WRONG),
    Row("admin", "AddPeer", ({"peername": "Example*", "peer_url": "https://x/"},), WRONG),
    Row("admin", "UpdatePeer", (Id("peer"), {"peername": "Example*"}), 1),
    Row("admin", "AddPerson", ({"email": "us%r@princeton.example", "first_name": "N", "last_name": "P"},), WRONG),
    Row("admin", "AddPerson", ({"email": "fa%@princeton.example", "first_name": "N", "last_name": "P"},), Is(int)),
    Row("admin", "AddBootState", ("b*",), 1),
)  # fmt: skip
"""Whether a name is taken was asked by a filter, in which a name may be a pattern; a word was asked as it is."""

LINE_ENDS = (
    Row("admin", "AddNode", ("princeton", {"hostname": "a.b.org\n"}), WRONG),
    Row("admin", "UpdateNode", (NODE, {"hostname": "a.b.org\n"}), WRONG),
    Row("admin", "UpdateInterface", (Id("interface"), {"hostname": "a.b.org\n"}), WRONG),
    Row("admin", "AddSlice", ({"name": "princeton_new\n"},), WRONG),
)
"""A name that ends in a line feed would end the line of every file that it is written to."""

SIZES = (
    *updated("tech", "Interface", Id("interface"), ("bwlimit", MOST, 1), ("bwlimit", MOST + 1, DB)),
    Row("tech", "UpdateInterface", (Id("interface"), {"bwlimit": MOST + 1, "gateway": "198.51.100.1"}), WRONG),
    Row("tech", "UpdateInterface", (Id("interface2"), {"bwlimit": MOST + 1}), DENIED),
    Row("tech", "AddInterface", (NODE, {"type": "ipv4", "method": "tap", "bwlimit": MOST + 1}), WRONG),
    Row("tech", "AddInterface", (NODE, {"method": "dhcp", "bwlimit": MOST + 1}), WRONG),
    Row(
        "tech",
        "AddInterface",
        (NODE, {"type": "ipv4", "method": "dhcp", "bwlimit": MOST + 1, "is_primary": True}),
        WRONG,
    ),
    Row("tech", "AddInterface", (NODE, {"type": "ipv4", "method": "dhcp", "bwlimit": MOST + 1, "ip": "x"}), WRONG),
    Row("tech", "AddInterface", (NODE, {"type": "ipv4", "method": "dhcp", "bwlimit": MOST + 1}), DB),
)
"""Every rule of an interface came before what the database's columns hold."""
