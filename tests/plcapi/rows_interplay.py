"""What calls say to each other: which check comes first, what names in lists mean, and what is left of what is gone."""

from typing import Any

from tests.plcapi.campus import Fault, Id, Is, Row
from tests.plcapi.rows_sa import AUTH, DB, DENIED, UNKNOWN, WRONG, told
from tests.registry.world import KEY, NOW

CODEEN, MIT = "princeton_codeen", "mit_cfs"
MEMBER, PI, USER = "user@princeton.example", "pi@princeton.example", "other@princeton.example"
WEEK = 7 * 86_400
READY = {"url": "http://x", "description": "why"}
CHOICE = "initscript"


def ready(then: Row) -> tuple[Row, ...]:
    """A renewal of a slice that says what it is for."""
    return (Row("member", "UpdateSlice", (CODEEN, READY), 1, (then.method, then.args, then.expected)),)


FIELDS_FIRST = (
    Row("user", "UpdateSlice", (CODEEN, {"colour": 1}), WRONG),
    Row("user", "UpdateSlice", (CODEEN, {"url": "http://x"}), DENIED),
    Row("user", "UpdatePerson", (PI, {"colour": 1}), WRONG),
    Row("user", "UpdatePerson", (PI, {"person_id": 1}), WRONG),
    Row("user", "UpdatePerson", (PI, {"title": "x"}), DENIED),
)
"""Fields that nobody may set are refused before it is looked who asks about what."""

NAMES = (
    Row("pi", "UpdateSlice", (CODEEN, {"persons": ["none@x.example", MEMBER]}), 1,
        told("Slices", CODEEN, "person_ids", [Id("member_id")])),
    Row("pi", "UpdateSlice", (CODEEN, {"persons": ["other@*", MEMBER]}), 1,
        told("Slices", CODEEN, "person_ids", [Id("member_id"), Id("user_id")])),
    Row("pi", "UpdateSlice", (CODEEN, {"persons": [4711]}), UNKNOWN),
    Row("pi", "UpdateSlice", (CODEEN, {"persons": [True]}), DB),
    Row("member", "UpdateSlice", (CODEEN, {"persons": ["none@x.example", Id("member_id")]}), 1),
    Row("member", "UpdateSlice", (CODEEN, {"persons": ["none@x.example"]}), AUTH),
    Row("pi", "UpdatePerson", (MEMBER, {"slices": ["princeton_none"]}), 1,
        told("Persons", MEMBER, "slice_ids", [])),
    Row("admin", "UpdatePerson", (MEMBER, {"sites": ["nowhere", "mit"]}), 1,
        told("Persons", MEMBER, "site_ids", [Id("mit")])),
    Row("admin", "UpdatePerson", (MEMBER, {"sites": [4711]}), UNKNOWN),
    Row("admin", "UpdatePerson", (MEMBER, {"roles": ["tech", "emperor"]}), 1,
        told("Persons", MEMBER, "roles", ["tech"])),
    Row("admin", "UpdatePerson", (MEMBER, {"roles": [4711]}), UNKNOWN),
    Row("member", "UpdatePerson", (MEMBER, {"keys": [Id("key"), 4711]}), 1, told("Persons", MEMBER, "key_ids", [1])),
    Row("member", "UpdatePerson", (MEMBER, {"keys": [Id("key"), Id("far_key")]}), 1,
        told("Persons", MEMBER, "key_ids", [1])),
    Row("member", "UpdatePerson", (MEMBER, {"keys": [{"key_id": Id("far_key"), "key": KEY}]}), WRONG),
    Row("admin", "UpdateSite", ("mit", {"addresses": [Id("address"), 4711]}), 1,
        told("Sites", "mit", "address_ids", [])),
    Row("pi2", "UpdateSite", ("mit", {"addresses": [{"address_id": Id("address"), "city": "Q"}]}), DENIED),
    Row("admin", "UpdateSite", ("mit", {"addresses": [{"address_id": Id("address"), "city": "Q"}]}), 1,
        told("Addresses", Id("address"), "city", "Q")),
)  # fmt: skip
"""In full lists a name that nothing is called means nothing, and a pattern many; a number must be something's."""

CASE = (
    Row("member", "UpdatePerson", (MEMBER.upper(), {"title": "x"}), UNKNOWN),
    Row("pi", "AddPersonToSlice", (USER.upper(), CODEEN), UNKNOWN),
    Row("pi", "SliceUserAdd", (CODEEN, [USER.upper()]), UNKNOWN),
    Row("member", "SliceListUserSlices", (MEMBER.upper(),), []),
    Row("admin", "AddSession", (MEMBER.upper(),), UNKNOWN),
    Row("admin", "AddRoleToPerson", ("tech", MEMBER.upper()), UNKNOWN),
)
"""An address names an account only as it is kept, in lower case; one logs in with any."""

RENEWING = (
    *ready(Row("admin", "UpdateSlice", (CODEEN, {"expires": int(NOW) + 4 * WEEK, "url": "", "description": ""}), 1)),
    *ready(Row("admin", "UpdateSlice", (CODEEN, {"expires": int(NOW) + 4 * WEEK, "url": None}), 1)),
    Row("member", "UpdateSlice", (CODEEN, {"expires": int(NOW) + 4 * WEEK, "url": "x", "description": " "}), WRONG),
    Row("pi", "UpdateSlice", (CODEEN, {"max_nodes": 3}), 1, told("Slices", CODEEN, "max_nodes", 3)),
)
"""A renewal asks for a description and a page as they were or as they are to be."""

MEMBERS = (
    Row("pi", "SliceUserAdd", ("princeton_none", []), 1),
    Row("pi2", "SliceUserAdd", (CODEEN, []), 1),
    Row("pi2", "SliceUserAdd", (CODEEN, [MEMBER]), DENIED),
    Row("pi", "SliceUserAdd", ("princeton_none", [MEMBER]), UNKNOWN),
    Row(
        "admin", "SliceUserAdd", ("far_away", [MEMBER]), 1, told("Slices", "far_away", "person_ids", [Id("member_id")])
    ),
    Row("admin", "AddPersonToSlice", (Id("far_person"), "far_away"), WRONG),
    Row("pi", "AddPersonToSlice", (Id("far_person"), "far_away"), WRONG),
    Row("pi", "DeletePersonFromSlice", (Id("far_person"), "far_away"), WRONG),
    Row("admin", "DeletePersonFromSlice", (Id("far_person"), CODEEN), 1),
    Row("user", "SliceInfo", ([CODEEN],), []),
    Row("user", "SliceExtendedInfo", ([CODEEN],), []),
    Row("user", "SliceInfo", ([CODEEN, "princeton_none"],), []),
    Row("user", "SliceInfo", (["princeton_none"],), UNKNOWN),
)
"""Members are added one by one by AddPersonToSlice, so that of none nothing is asked; slices are found, then hidden."""

SLIVERS = (
    Row("user", "AddSliceTag", (CODEEN, CHOICE, "none"), DENIED),
    Row("member", "AddSliceTag", (CODEEN, CHOICE, "none"), WRONG),
    Row("member", "AddSliceTag", (CODEEN, "colour", "x", "mit1.princeton.example"), DENIED),
    Row("member", "AddSliceTag", (CODEEN, "colour", "x", "none.princeton.example"), DENIED),
    Row("member", "AddSliceTag", (CODEEN, "colour", "x", 4711), DENIED),
    Row("member", "AddSliceTag", (CODEEN, "colour", "x", None, "rings"), DENIED),
    Row("member", "AddSliceTag", (CODEEN, "colour", "x", None, "none"), DENIED),
    Row("admin", "AddSliceTag", (CODEEN, "colour", "x", "mit1.princeton.example"), WRONG),
    Row("admin", "AddSliceTag", (CODEEN, "colour", "x", "none.princeton.example"), UNKNOWN),
    Row("admin", "AddSliceTag", (CODEEN, "colour", "x", None, "none"), UNKNOWN),
    Row("node", "AddSliceTag", (CODEEN, "colour", "x", "mit1.princeton.example"), DENIED),
    Row("pi", "DeleteSliceFromNodes", (CODEEN, [Id("node")]), 1, ("UpdateSliceTag", (Id("sliver_tag"), "y"), 1)),
    Row("pi", "DeleteSliceFromNodes", (CODEEN, [Id("node")]), 1, told("SliceTags", Id("sliver_tag"), "value", "blue")),
    Row("pi", "UpdateNode", (Id("node"), {"slices": []}), 1, told("SliceTags", Id("sliver_tag"), "value", "blue")),
)
"""Who may not write a tag is told so before its value and place are looked at; a sliver's tags outlive its place."""

LISTS = (
    Row("pi", "AddSlice", ({"name": "princeton_new", "hrn": "elsewhere.new"},), Is(int),
        ("GetSliceHrn", ("princeton_new",), "plc.princeton.new")),
    Row("pi", "UpdateSlice", (CODEEN, {"hrn": "elsewhere.new"}), 1, ("GetSliceHrn", (CODEEN,), "elsewhere.new")),
    Row("admin", "AddAddressTypeToAddress", ("Billing", Id("address")), 1,
        ("AddAddressTypeToAddress", ("Billing", Id("address")), DB)),
    Row("admin", "DeleteAddressTypeFromAddress", ("Billing", Id("address")), 1),
    Row("admin", "AddSite", ({"name": " ", "abbreviated_name": " ", "login_base": "blank"},), Is(int)),
    Row("admin", "AddSite", ({"name": "", "abbreviated_name": "x", "login_base": "blank"},), WRONG),
    Row("admin", "AddRole", (70, " "), 1, ("GetPersons", (["none"],), [])),
    Row("admin", "AddRole", (70, ""), WRONG),
)  # fmt: skip
"""A name must only not be empty; what an address is for is said once."""

GONE = (
    Row("admin", "DeleteSite", ("mit",), 1,
        ("GetSiteTags", ({"site_id": Id("mit")}, ["tagname", "value", "login_base"]),
         [{"tagname": "hrn", "value": "plc.mit", "login_base": "mit"}])),
    Row("admin", "DeletePerson", (MEMBER,), 1,
        ("GetPersonTags", ([Id("person_tag")], ["tagname", "value", "email"]),
         [{"tagname": "colour", "value": "red", "email": MEMBER}])),
    Row("admin", "DeletePerson", (MEMBER,), 1, ("UpdatePersonTag", (Id("person_tag"), "x"), UNKNOWN)),
    Row("admin", "DeletePerson", (MEMBER,), 1, ("GetPersons", ({"person_id": Id("member_id")},), [])),
    Row("admin", "DeleteNode", (Id("node"),), 1, ("GetNodeTags", ({"node_id": Id("node")},), [])),
)  # fmt: skip
"""Of what is deleted the tags of sites and persons are still told, and can no longer be changed."""

KEYS: tuple[tuple[str, Any], ...] = (
    ("ssh-rsa AAAAB3 a comment", Is(int)),
    ('no-pty,command="x y" ssh-rsa AAAAB3', Is(int)),
    ("SSH-DSS   AAAAB3==", Is(int)),
    ("ssh-rsa AAAAB3!", WRONG),
    ("ssh-rsa\tAAAAB3", WRONG),
    ("ssh-rsa AAAAB3\tx", WRONG),
    ("ssh-rsa AAAAB3\nssh-rsa BBBB", WRONG),
    ("x\nssh-rsa AAAAB3", WRONG),
    ("ssh-rsa", WRONG),
)
"""What is a key: one line, blanks between its parts, nothing but base64 in the second."""

SESSIONS = (
    Row("member", "GetSession", (0,), WRONG),
    Row("member", "GetSession", (-1,), WRONG),
    Row("member", "GetSession", (1,), Is(str)),
    Row("member", "GetSession", (None,), Is(str)),
    Row("admin", "VerifyPerson", (Id("disabled_id"), "wrong"), Fault(108), ("VerifyPerson", (Id("disabled_id"),), 1)),
    Row("admin", "VerifyPerson", (Id("disabled_id"),), 1, ("VerifyPerson", (Id("disabled_id"),), Fault(108))),
)
"""A session lasts a while; a key that nobody asked for is wrong, and asks for none."""

MUTE = (
    Row("admin", "UpdatePerson", (MEMBER, {"enabled": False}), 1,
        ("GetSliceKeys", ([CODEEN], ["email", "key"]), [{"email": MEMBER, "key": KEY}])),
    Row("admin", "UpdatePerson", (MEMBER, {"enabled": False}), 1,
        ("RetrieveSlicePersonKeys", (CODEEN,), {MEMBER: [KEY]})),
    Row("admin", "UpdatePerson", (MEMBER, {"enabled": False}), 1,
        ("RetrieveSlicePersonKeys", (CODEEN, {"enabled": True}), {})),
)  # fmt: skip
"""Keys of accounts that are disabled are listed; only slivers do without them."""
