"""Sites, addresses, persons, keys, messages and tags: values at their ends, lists, parts, and what events name."""

# ruff: noqa: E501  # one row, one line

from typing import Any

from tests.plcapi.campus import Fault, Id, Is, Row
from tests.plcapi.rows_sa import (
    AUTH,
    DB,
    DENIED,
    FAR,
    GONE,
    MEMBER,
    NEW_PERSON,
    NEW_SITE,
    PI,
    SSH,
    TECH,
    UNKNOWN,
    USER,
    WRONG,
    person,
    site,
    told,
)
from tests.registry.world import KEY

TYPE = Fault(102)
NOBODY = "nobody@princeton.example"
TOP = 2**31
HOME = {"line1": "a", "city": "b", "state": "c", "postalcode": "d", "country": "e"}

PLACES = (
    Row("admin", "AddSite", (site(latitude=40.3436789123, longitude=-74.65123456789),), Is(int),
        ("GetSites", (["cornell"], ["latitude", "longitude"]), [{"latitude": 40.343678, "longitude": -74.65124}])),
    Row("admin", "AddSite", (site(latitude=None, longitude=1.0),), WRONG),
    Row("admin", "UpdateSite", ("princeton", {"latitude": 1.0}), WRONG),
    Row("admin", "UpdateSite", ("princeton", {"latitude": 1.0, "longitude": 2.0}), 1, ("UpdateSite", ("princeton", {"latitude": None}), WRONG)),
    Row("admin", "UpdateSite", ("princeton", {"latitude": 1.0, "longitude": 2.0}), 1, ("UpdateSite", ("princeton", {"latitude": 2.5}), 1)),
)  # fmt: skip
"""Where a site is: both numbers or none, of four bytes each."""

PARTS = (
    Row("member", "GetPersons", ({"-SORT": "person_id", "-LIMIT": 2}, ["email"]), []),
    Row("member", "GetPersons", ({"-SORT": "person_id", "-OFFSET": 3}, ["email"]), [{"email": MEMBER}]),
    Row("member", "GetPersons", ({"-SORT": "person_id", "-OFFSET": 4}, ["email"]), []),
    Row("pi", "GetPersons", ({"-SORT": "person_id", "-LIMIT": 3}, ["person_id"]), [{"person_id": Id("pi_id")}]),
    Row("pi", "GetPersons", ({"-SORT": "-person_id", "-LIMIT": 9}, ["person_id"]), [{"person_id": Id("disabled_id")}, {"person_id": Id("user_id")}, {"person_id": Id("tech_id")}, {"person_id": Id("member_id")}]),
    Row("member", "GetKeys", ({"key_type": "ssh", "-SORT": "-key_id", "-LIMIT": 1},), []),
    Row("member", "GetKeys", ({"key_type": "ssh", "-SORT": "key_id", "-LIMIT": 1}, ["key_id"]), [{"key_id": Id("key")}]),
    Row("user", "GetPCUs", ({"-SORT": "-pcu_id", "-LIMIT": 1},), AUTH),
    Row("tech", "GetPCUs", ({"-SORT": "-pcu_id", "-LIMIT": 1},), []),
    Row("admin", "GetPersons", ({"-SORT": "person_id", "-LIMIT": 2}, ["person_id"]), [{"person_id": 1}, {"person_id": 2}]),
)  # fmt: skip
"""``-LIMIT`` and ``-OFFSET`` count what the caller is not shown."""

ENDS = (
    Row("admin", "AddSite", (site(max_slices=TOP),), DB),
    Row("admin", "AddSite", (site(max_slices=TOP - 1),), Is(int)),
    Row("admin", "AddSite", (site(max_slices=-TOP),), Is(int)),
    Row("admin", "AddSite", (site(max_slices=-TOP - 1),), DB),
    Row("admin", "AddSite", (site(max_slices=None),), TYPE),
    Row("admin", "AddSite", (site(enabled=None),), TYPE),
    Row("admin", "AddSite", (site(hrn="x", disabled_registration="y"),), Is(int), ("GetSiteHrn", ("cornell",), "plc.cornell")),
    Row("admin", "AddSite", (site(login_base="é"),), WRONG),
    Row("admin", "AddSite", (site(login_base="."),), Is(int)),
    Row("admin", "AddSite", (site(login_base="c\n"),), WRONG),
    Row("admin", "AddSite", ([],), TYPE),
    Row("admin", "AddSite", (None,), TYPE),
    Row("admin", "AddSite", (), Fault(101)),
    Row("admin", "AddSite", (NEW_SITE, NEW_SITE), Fault(101)),
    Row("admin", "UpdateSite", (True, {"url": "x"}), DB),
    Row("admin", "UpdateSite", (TOP, {"url": "x"}), UNKNOWN),
    Row("admin", "UpdateSite", ("", {"url": "x"}), UNKNOWN),
    Row("admin", "UpdateSite", ("princeton", {"site_id": 99, "date_created": 1, "peer_id": 3, "hrn": "x"}), 1, ("GetSiteHrn", (Id("site"),), "plc.princeton")),
    Row("pi", "UpdateSite", ("princeton", {"max_slices": "x"}), TYPE),
    Row("pi", "UpdateSite", ("princeton", {"login_base": "mit"}), 1),
    Row("pi2", "UpdateSite", ("princeton", {"max_slices": 1}), DENIED),
    Row("admin", "GetSites", (True,), DB),
    Row("admin", "GetSites", ([True],), DB),
    Row("admin", "GetSites", (TOP,), []),
    Row("admin", "GetSites", ([1.5],), TYPE),
    Row("admin", "GetSites", ("PRINCETON",), []),
    Row("admin", "GetSites", ("princeton", ["login_base", "login_base"]), [{"login_base": "princeton"}]),
    Row("admin", "AddPerson", (person(email="a" * 247 + "@b.cdef"),), Is(int)),
    Row("admin", "AddPerson", (person(email="a" * 248 + "@b.cdef"),), TYPE),
    Row("admin", "AddPerson", (person(email=" a@b.cd"),), WRONG),
    Row("admin", "AddPerson", (person(password=""),), Is(int)),
    Row("admin", "AddPerson", (person(hrn=None),), TYPE),
    Row("admin", "AddPerson", (person(showconf="é" * 3000),), Is(int), ("GetPersonShowconf", ("new@princeton.example",), "é" * 3000)),
    Row("admin", "AddPerson", (person(sites=[]),), WRONG),
    Row("admin", "AddPerson", (person(peer_id=None),), WRONG),
    Row("admin", "UpdatePerson", (MEMBER, {"password": None}), TYPE),
    Row("admin", "UpdatePerson", (MEMBER, {"enabled": 1}), TYPE),
    Row("admin", "UpdatePerson", (MEMBER, {"email": FAR}), 1),
    Row("admin", "UpdatePerson", (MEMBER, {"email": "n@x.example", "hrn": "z"}), 1, ("GetPersonHrn", (Id("member_id"),), "z")),
    Row("admin", "UpdatePerson", (NOBODY, {"email": "n@x.example"}), 1, ("GetPersonHrn", (Id("nobody_id"),), None)),
    Row("admin", "UpdatePerson", (MEMBER, {"showconf": "z"}), 1, ("GetPersons", ({"showconf": "z"}, ["email"]), [{"email": MEMBER}])),
    Row("admin", "AddRoleToPerson", (True, MEMBER), DB),
    Row("admin", "AddRoleToPerson", (TOP, MEMBER), UNKNOWN),
    Row("admin", "AddRole", (TOP, "x"), DB),
    Row("admin", "AddRole", (True, "x"), DB),
    Row("admin", "AddRole", (-5, "x"), 1),
    Row("admin", "AddRole", (60, "é" * 50), 1),
    Row("admin", "AddRole", (60, "é" * 50 + "x"), TYPE),
    Row("pi", "AddRoleToPerson", ("node", MEMBER), 1),
    Row("pi", "AddRoleToPerson", ("admin", PI), WRONG),
    Row("pi", "DeleteRoleFromPerson", ("admin", MEMBER), DENIED),
    Row("pi", "DeleteRoleFromPerson", ("user", NOBODY), DENIED),
    Row("member", "SetPersonPrimarySite", (PI, "nowhere"), DENIED),
    Row("admin", "SetPersonPrimarySite", (MEMBER, "mit"), WRONG),
    Row("admin", "SetPersonPrimarySite", (FAR, "far"), WRONG),
    Row("member", "AddPersonKey", (PI, {}), DENIED),
    Row("member", "AddPersonKey", (MEMBER, {}), WRONG),
    Row("member", "AddPersonKey", (MEMBER, {**SSH, "key": "x SSH-RSA AAAA é comment"}), Is(int)),
    Row("member", "UpdateKey", (Id("key"), {"person_id": 3, "peer_id": 1}), 1, ("GetKeys", ([Id("key")], ["person_id", "peer_id"]), [{"person_id": Id("member_id"), "peer_id": None}])),
    Row("admin", "BlacklistKey", (Id("key"),), 1, ("UpdateKey", (Id("key"), {}), UNKNOWN)),
    Row("admin", "BlacklistKey", (Id("far_key"),), 1, ("GetKeys", (None, ["key_id"]), [{"key_id": Id("key")}])),
    Row("admin", "AddKeyType", ("  ",), 1),
    Row("admin", "AddKeyType", ("é" * 10,), 1),
    Row("admin", "AddKeyType", ("é" * 10 + "x",), TYPE),
    Row("admin", "UpdateAddress", (Id("address"), {"line2": None, "line3": "", "city": ""}), 1),
    Row("admin", "UpdateAddress", (Id("address"), {"postalcode": "é" * 32}), 1),
    Row("admin", "UpdateAddress", (Id("address"), {"postalcode": "é" * 32 + "x"}), TYPE),
    Row("admin", "UpdateAddress", (True, {}), DB),
    Row("admin", "AddSiteAddress", ("princeton", {**HOME, "line1": None}), TYPE),
    Row("pi2", "AddSiteAddress", ("princeton", {}), DENIED),
    Row("admin", "AddAddressType", ({"name": "x", "description": None},), TYPE),
    Row("admin", "AddAddressType", ({"name": " "},), Is(int)),
    Row("admin", "AddMessage", ({"message_id": "a"},), 1, ("GetMessages", (["a"],), [{"message_id": "a", "subject": None, "template": None, "enabled": True}])),
    Row("admin", "AddMessage", ({"message_id": ""},), 1),
    Row("admin", "AddMessage", ({},), WRONG),
    Row("admin", "UpdateMessage", ("hello", {"subject": "x", "template": None, "message_id": "z"}), 1, ("GetMessages", (["hello"], ["subject", "template"]), [{"subject": "Hi", "template": None}])),
    Row("admin", "NotifyPersons", (None, "s", "b"), TYPE),
    Row("admin", "NotifyPersons", ([], "s", "b"), UNKNOWN),
    Row("node", "NotifyPersons", ([MEMBER], "", ""), 1),
    Row("member", "GetSession", (True,), Is(str)),
    Row("node", "GetSession", (-60,), Is(str)),
    Row("admin", "AddSession", (FAR,), Is(str)),
    Row("admin", "AddSession", (GONE,), Is(str)),
    Row("admin", "GetSessions", (5,), TYPE),
)  # fmt: skip
"""The least and the most of each kind of value, and what is none."""

LISTS = (
    Row("admin", "UpdateSite", ("princeton", {"persons": None}), TYPE),
    Row("admin", "UpdateSite", ("princeton", {"persons": [Id("far_person")]}), WRONG),
    Row("admin", "UpdateSite", ("princeton", {"persons": [Id("pi_id"), Id("pi_id"), PI]}), 1, told("Sites", "princeton", "person_ids", [Id("pi_id")])),
    Row("admin", "UpdateSite", ("princeton", {"addresses": []}), 1, ("GetAddresses", (), [])),
    Row("admin", "UpdateSite", ("princeton", {"addresses": [Id("address"), {**HOME, "city": "Z"}]}), 1, ("GetAddresses", (None, ["city"]), [{"city": "P"}, {"city": "Z"}])),
    Row("admin", "UpdateSite", ("princeton", {"addresses": [{"city": "Z"}]}), WRONG),
    Row("pi", "UpdateSite", ("princeton", {"enabled": False}), 1, ("AddSlice", ({"name": "princeton_x"},), WRONG)),
    Row("admin", "UpdatePerson", (MEMBER, {"roles": ["user", "user", 30]}), 1, told("Persons", MEMBER, "roles", ["user"])),
    Row("admin", "UpdatePerson", (MEMBER, {"slices": [Id("far_slice")]}), 1, told("Persons", MEMBER, "slice_ids", [Id("far_slice")])),
    Row("admin", "UpdatePerson", (MEMBER, {"slices": [99]}), UNKNOWN),
    Row("member", "UpdatePerson", (MEMBER, {"keys": [{"key_type": "x", "key": KEY}]}), WRONG),
    Row("member", "UpdatePerson", (MEMBER, {"keys": ["x"]}), TYPE),
    Row("admin", "DeleteSite", ("princeton",), 1, ("GetPersons", ([NOBODY], ["email"]), [{"email": NOBODY}])),
    Row("admin", "DeleteRole", ("pi",), 1, ("GetTagTypes", ("colour", ["roles"]), [{"roles": ["user", "tech", "node"]}])),
)  # fmt: skip
"""Full lists of what belongs to a site or a person."""

TAGS = (
    Row("admin", "AddTagType", ({"tagname": ""},), Is(int)),
    Row("admin", "AddTagType", ({},), WRONG),
    Row("admin", "AddTagType", ({"tagname": "x", "category": None},), TYPE),
    Row("admin", "UpdateTagType", ("colour", {"tagname": "ring"}), DB),
    Row("admin", "AddSiteTag", ("princeton", "colour", "x"), TYPE),
    Row("admin", "AddSiteTag", (Id("far_site"), "colour", ""), Is(int)),
    Row("admin", "AddSiteTag", (True, "colour", "x"), DB),
    Row("tech", "DeleteSiteTag", (Id("site_tag"),), AUTH),
    Row("tech", "GetSiteTags", (), AUTH),
    Row("user", "GetSiteTags", (Id("site_tag"), ["value"]), [{"value": "red"}]),
    Row("user", "GetPersonTags", ([Id("person_tag")],), []),
    Row("tech", "GetPersonTags", ([Id("person_tag")],), []),
    Row("pi", "GetPersonTags", ([Id("person_tag")], ["value"]), [{"value": "red"}]),
    Row("pi2", "GetPersonTags", ([Id("person_tag")],), []),
    Row("admin", "GetSiteHrn", ("none",), None),
    Row("admin", "GetSiteHrn", (True,), DB),
    Row("anonymous", "GetSiteHrn", ("princeton",), AUTH),
    Row("admin", "SetSiteHrn", ("none", "x"), UNKNOWN),
    Row("admin", "SetSiteHrn", ("princeton", None), TYPE),
    Row("admin", "SetSiteHrn", ("princeton", ""), ""),
    Row("user2", "SetSiteHrn", ("princeton", "x"), DENIED),
    Row("user", "SetSiteHrn", ("princeton", "x"), "x"),
    Row("user", "SetSiteDisabledRegistration", ("princeton", "x"), AUTH),
    Row("user", "SetPersonHrn", (USER, "x"), "x"),
    Row("user", "SetPersonHrn", (FAR, "x"), DENIED),
    Row("admin", "SetPersonHrn", (FAR, "x"), "x"),
    Row("user", "GetPersonHrn", (MEMBER,), "plc.princeton.user"),
    Row("node", "SetPersonShowconf", (MEMBER, "x"), DENIED),
    Row("pi", "UpdatePerson", (MEMBER, {"showconf": "z"}), DENIED),
    Row("member", "UpdatePerson", (MEMBER, {"showconf": "z"}), 1),
)  # fmt: skip
"""Who writes and reads tags of sites and of persons."""

_M = Id("member_id")
EVENTS: tuple[tuple[str, tuple[Any, ...], list[list[Any]]], ...] = (
    ("AddSite", (NEW_SITE,), [["Site", 5]]),
    ("AddPerson", ({**NEW_PERSON, "hrn": "x"},), [["Person", 13]]),
    ("AddSlice", ({"name": "princeton_new"},), [["Slice", 4]]),
    ("UpdatePerson", (_M, {"title": "x", "showconf": "y"}), [["Person", _M]]),
    ("AddRoleToPerson", ("tech", _M), [["Person", _M], ["Role", 40]]),
    ("DeleteRoleFromPerson", ("user", _M), [["Person", _M], ["Role", 30]]),
    ("AddPersonToSite", (_M, "mit"), [["Person", _M], ["Site", Id("mit")]]),
    ("DeletePersonFromSite", (_M, "princeton"), [["Person", _M], ["Site", Id("site")]]),
    ("AddPersonKey", (_M, SSH), [["Key", 3], ["Person", _M]]),
    ("DeleteKey", (Id("key"),), [["Key", Id("key")]]),
    ("AddSiteAddress", ("mit", HOME), [["Address", 2], ["Site", Id("mit")]]),
    ("NotifyPersons", ([MEMBER, TECH], "s", "b"), [["Person", _M], ["Person", Id("tech_id")]]),
)
"""By call, the objects that its event names."""

IDLE: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("AddRoleToPerson", ("user", MEMBER)),
    ("DeleteRoleFromPerson", ("tech", MEMBER)),
    ("AddPersonToSite", (MEMBER, "princeton")),
    ("DeletePersonFromSite", (MEMBER, "mit")),
    ("UpdatePerson", (MEMBER, {})),
    ("UpdateSite", ("princeton", {})),
)
"""Calls that leave everything as it is."""
