"""Who may do what to whose: one row per method that names an object, with who may, besides admins, where it is near."""

# ruff: noqa: E501  # one row, one line

from typing import Any

from attrs import frozen

from tests.plcapi.campus import Id
from tests.registry.world import KEY, NOW

THING = "the thing"
"""Stands in a row's arguments for the object that is own, other or foreign."""

OBJECTS = {
    "site": ("site", "mit", "far_site"),
    "node": ("node", "node2", "far_node"),
    "interface": ("interface", "interface2", None),
    "slice": ("slice", "mit_slice", "far_slice"),
    "person": ("user_id", "user2_id", "far_person"),
    "key": ("user_key", "user2_key", "far_key"),
    "pcu": ("pcu", "pcu2", None),
    "address": ("address", "address2", None),
    "node_tag": ("node_tag", "node_tag2", None),
    "interface_tag": ("interface_tag", "interface_tag2", None),
    "site_tag": ("site_tag", "site_tag2", None),
    "person_tag": ("user_tag", "user2_tag", None),
    "slice_tag": ("slice_tag", "slice_tag2", None),
    "sliver_tag": ("sliver_tag", "sliver_tag2", None),
    "lease": ("lease", "lease2", None),
    "slice_name": ("princeton_codeen", "mit_cfs", "far_away"),
}
"""By noun: what Princeton has, what MIT has, and a peer's."""

CALLERS = ("admin", "pi", "tech", "member", "user", "pi2", "tech2", "user2", "node", "node2", "nobody", "anonymous")
ROLE = {
    **dict.fromkeys(("pi", "pi2"), "pi"), **dict.fromkeys(("tech", "tech2"), "tech"), "admin": "admin",
    **dict.fromkeys(("member", "user", "user2"), "user"), **dict.fromkeys(("node", "node2"), "node"),
    "nobody": "", "anonymous": "anonymous",
}  # fmt: skip
ALL = frozenset(CALLERS)


@frozen
class Cell:
    """A method on a noun: who may where it is Princeton's or MIT's; ``foreign`` says that a peer's will do.

    Who does not hold a role of the method is refused whatever stands here.
    """

    method: str
    noun: str
    args: tuple[Any, ...]
    own: frozenset[str]
    other: frozenset[str]
    foreign: bool = False


def _near(own: str, other: str) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(own.split()), frozenset(other.split())


AT_SITE = _near("pi tech member user", "pi2 tech2 user2")
IN_SLICE = _near("pi member", "pi2")
PI_ONLY = _near("pi", "pi2")
MAY_UPDATE = _near("pi user", "pi2 user2")
ONESELF = _near("user", "user2")
NOBODY = _near("", "")
EVERYBODY = (ALL, ALL)
START = int(NOW) // 3600 * 3600 + 20 * 3600


def _rows(
    near: tuple[frozenset[str], frozenset[str]], noun: str, *rows: tuple[Any, ...], foreign: bool = False
) -> list[Cell]:
    return [Cell(method, noun, tuple(args), *near, foreign) for method, *args in rows]


MATRIX = (
    # what stands at a site
    *_rows(PI_ONLY, "site", ("UpdateSite", THING, {"url": "http://x"}), ("AddSiteAddress", THING, {"line1": "1", "city": "c", "state": "s", "postalcode": "1", "country": "c"})),
    *_rows(AT_SITE, "site", ("AddNode", THING, {"hostname": "new.example.org"}), ("AddPCU", THING, {"ip": "192.0.2.77"}), ("AddSiteTag", THING, "shade", "x")),
    *_rows(NOBODY, "site", ("DeleteSite", THING), ("AddPersonToSite", "nobody@princeton.example", THING), ("DeletePersonFromSite", "nobody@princeton.example", THING)),
    *_rows(AT_SITE, "node", ("UpdateNode", THING, {"model": "x"}), ("DeleteNode", THING), ("AddInterface", THING, {"type": "ipv4", "method": "dhcp"}), ("GenerateNodeConfFile", THING), ("GetBootMedium", THING, "node-preview", "")),
    *_rows(AT_SITE, "node", ("AddNodeTag", THING, "shade", "x")),
    *_rows(NOBODY, "node", ("AddConfFileToNode", Id("conf_file"), THING), ("AddSliceToNodesWhitelist", "princeton_codeen", [THING])),
    *_rows(_near("node", "node2"), "node", ("GetSlivers", THING)),
    *_rows(EVERYBODY, "node", ("GetNodeFlavour", THING), foreign=True),
    *_rows(AT_SITE, "interface", ("UpdateInterface", THING, {"bwlimit": 500_000}), ("DeleteInterface", THING), ("AddInterfaceTag", THING, "shade", "x")),
    *_rows(AT_SITE, "pcu", ("UpdatePCU", THING, {"notes": "x"}), ("DeletePCU", THING)),
    *_rows(PI_ONLY, "address", ("UpdateAddress", THING, {"line2": "x"}), ("DeleteAddress", THING), ("AddAddressTypeToAddress", "Billing", THING), ("DeleteAddressTypeFromAddress", "Billing", THING)),
    # tags
    *_rows(AT_SITE, "node_tag", ("UpdateNodeTag", THING, "y"), ("DeleteNodeTag", THING)),
    *_rows(AT_SITE, "interface_tag", ("UpdateInterfaceTag", THING, "y"), ("DeleteInterfaceTag", THING)),
    *_rows(AT_SITE, "site_tag", ("UpdateSiteTag", THING, "y"), ("DeleteSiteTag", THING)),
    *_rows(ONESELF, "person_tag", ("UpdatePersonTag", THING, "y"), ("DeletePersonTag", THING)),
    *_rows(IN_SLICE, "slice_tag", ("UpdateSliceTag", THING, "y"), ("DeleteSliceTag", THING)),
    *_rows(_near("pi member node", "pi2 node2"), "sliver_tag", ("UpdateSliceTag", THING, "y"), ("DeleteSliceTag", THING)),
    # persons and keys
    *_rows(MAY_UPDATE, "person", ("UpdatePerson", THING, {"title": "Dr"}), ("DeletePerson", THING)),
    *_rows(ONESELF, "person", ("AddPersonKey", THING, {"key_type": "ssh", "key": KEY + "9"}), ("AddPersonTag", THING, "shade", "x")),
    *_rows(PI_ONLY, "person", ("AddRoleToPerson", "tech", THING), ("DeleteRoleFromPerson", "user", THING)),
    *_rows(NOBODY, "person", ("AddSession", THING)),
    *_rows(PI_ONLY, "slice", ("AddPersonToSlice", "user@princeton.example", THING), ("DeletePersonFromSlice", "user@princeton.example", THING), foreign=True),
    *_rows(ONESELF, "key", ("UpdateKey", THING, {"key": KEY + "8"}), ("DeleteKey", THING)),
    *_rows(NOBODY, "key", ("BlacklistKey", THING)),
    # slices
    *_rows(IN_SLICE, "slice", ("UpdateSlice", THING, {"url": "http://x"}), ("DeleteSlice", THING), ("AddSliceToNodes", THING, [Id("node")]), ("DeleteSliceFromNodes", THING, [Id("node")]), ("AddSliceTag", THING, "shade", "x")),
    *_rows(IN_SLICE, "slice", ("AddLeases", Id("reservable"), THING, START, START + 3600)),
    *_rows(IN_SLICE, "lease", ("DeleteLeases", [THING]), ("UpdateLeases", [THING], {"duration": 7200})),
    *_rows(EVERYBODY, "slice", ("GetSliceFamily", THING), ("RetrieveSlicePersonKeys", THING), ("RetrieveSliceSliverKeys", THING), foreign=True),
    *_rows(IN_SLICE, "slice_name", ("SliceDelete", THING), ("SliceUpdate", THING, "http://x", "d"), ("SliceNodesAdd", THING, ["node1.princeton.example"]), ("SliceNodesDel", THING, ["node1.princeton.example"])),
    *_rows(PI_ONLY, "slice_name", ("SliceUserAdd", THING, ["user@princeton.example"]), ("SliceUserDel", THING, ["user@princeton.example"]), foreign=True),
)  # fmt: skip

MORE = {
    "address2": ("AddSiteAddress", "mit", {"line1": "1", "city": "c", "state": "s", "postalcode": "1", "country": "c"}),
    "node_tag2": ("AddNodeTag", Id("node2"), "colour", "red"),
    "interface_tag2": ("AddInterfaceTag", Id("interface2"), "colour", "red"),
    "site_tag2": ("AddSiteTag", Id("mit"), "colour", "red"),
    "user_tag": ("AddPersonTag", Id("user_id"), "colour", "red"),
    "user2_tag": ("AddPersonTag", Id("user2_id"), "colour", "red"),
    "user_key": ("AddPersonKey", Id("user_id"), {"key_type": "ssh", "key": KEY + "5"}),
    "user2_key": ("AddPersonKey", Id("user2_id"), {"key_type": "ssh", "key": KEY + "6"}),
    "slice_tag2": ("AddSliceTag", Id("mit_slice"), "colour", "red"),
    "sliver_tag2": ("AddSliceTag", Id("mit_slice"), "colour", "blue", Id("node2")),
}
"""What the campus lacks for this: calls of an admin, and how what each makes is called."""
