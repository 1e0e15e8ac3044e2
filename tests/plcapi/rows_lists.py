"""Related lists in structs: numbers and names stay or come, structs with a number change what it names, and who may."""

from typing import Any

from tests.plcapi.campus import Fault, Id, Row
from tests.plcapi.rows_sa import AUTH, DENIED, WRONG
from tests.registry.world import KEY

NODE = "node1.princeton.example"
CODEEN = "princeton_codeen"
OTHER_KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 new"
ADDRESS = {"line1": "1 Way", "city": "P", "state": "NJ", "postalcode": "1", "country": "US"}


def site(who: str, said: Any, expected: Any, *fields: str, then: Any = None) -> Row:
    """Somebody's UpdateSite of Princeton, and what its addresses are then."""
    looked = ("GetAddresses", ([Id("address")], list(fields)), then) if fields else None
    return Row(who, "UpdateSite", ("princeton", said), expected, looked)


def keys(who: str, said: Any, expected: Any, then: Any = None) -> Row:
    """Somebody's change of the keys of the member, and what they are then."""
    looked = ("GetKeys", ({"person_id": Id("member_id")}, ["key_id", "key"]), then) if then is not None else None
    return Row(who, "UpdatePerson", (Id("member_id"), {"keys": said}), expected, looked)


STRUCTS = (
    site("pi", {"addresses": [{"address_id": Id("address"), "city": "Q"}]}, 1, "city", "line1",
         then=[{"city": "Q", "line1": "1 Way"}]),
    site("pi", {"addresses": [{"address_id": Id("address"), "city": 5}]}, WRONG),
    site("pi", {"addresses": [{"address_id": 99, "city": "Q"}]}, WRONG),
    site("pi", {"addresses": [{"address_id": "1", "city": "Q"}]}, WRONG),
    site("pi", {"addresses": [{"city": "Q"}]}, WRONG),
    site("pi", {"addresses": [{**ADDRESS, "colour": "red"}]}, 1, "city", then=[]),
    keys("member", [{"key_id": Id("key"), "key": OTHER_KEY}], 1, [{"key_id": Id("key"), "key": OTHER_KEY}]),
    keys("member", [{"key_id": Id("key"), "key": "none"}], WRONG),
    keys("member", [Id("key")], 1, [{"key_id": Id("key"), "key": KEY}]),
    keys("member", [{"key_id": 99, "key": OTHER_KEY}], WRONG),
    keys("admin", [], 1, []),
    Row("tech", "UpdateNode", (NODE, {"interfaces": [{"interface_id": Id("interface"), "mac": "2:0:0:0:0:12"}]}), 1,
        ("GetInterfaces", ([Id("interface")], ["mac", "ip"]), [{"mac": "02:00:00:00:00:12", "ip": "192.0.2.17"}])),
    Row("tech", "UpdateNode", (NODE, {"interfaces": [{"interface_id": Id("interface2"), "mac": "x"}]}), DENIED),
    Row("tech", "UpdateNode", (NODE, {"interfaces": [{"interface_id": 99, "mac": "2:0:0:0:0:12"}]}), WRONG),
    Row("tech", "UpdateNode", (NODE, {"interfaces": [{"interface_id": "1", "mac": "2:0:0:0:0:12"}]}), WRONG),
    Row("tech", "UpdateNode", (NODE, {"interfaces": [{"interface_id": Id("interface2"), "colour": "red"}]}), WRONG),
    Row("tech", "UpdateNode", (NODE, {"interfaces": [Id("interface"), Id("interface2"), 99]}), 1,
        ("GetInterfaces", (None, ["interface_id"]), [{"interface_id": 1}, {"interface_id": 2}])),
)  # fmt: skip

REFUSED = Fault(108)
RIGHTS = (
    keys("pi", [{"key_type": "ssh", "key": OTHER_KEY}], DENIED),
    keys("pi", [], DENIED),
    keys("pi", [Id("key")], 1),
    Row("member", "UpdateSlice", (CODEEN, {"persons": []}), AUTH),
    Row("member", "UpdateSlice", (CODEEN, {"persons": [Id("member_id")]}), 1),
    Row("pi", "UpdateSlice", (CODEEN, {"persons": []}), 1),
    Row("pi", "UpdatePerson", (Id("member_id"), {"sites": [Id("mit")]}), AUTH),
    Row("pi", "UpdatePerson", (Id("member_id"), {"sites": [Id("site")]}), 1),
    Row("pi", "UpdatePerson", (Id("member_id"), {"slices": [Id("mit_slice")]}), REFUSED),
    Row("member", "UpdatePerson", (Id("member_id"), {"slices": []}), AUTH),
    Row("member", "UpdatePerson", (Id("member_id"), {"roles": ["pi"]}), AUTH),
    Row("pi", "UpdatePerson", (Id("member_id"), {"roles": ["user", "pi"]}), WRONG),
    Row("pi", "UpdatePerson", (Id("member_id"), {"roles": ["user", "tech"]}), 1),
    Row("pi", "UpdateSite", ("princeton", {"persons": []}), AUTH),
    Row("tech", "UpdateNode", (NODE, {"slices": []}), AUTH),
    Row("tech", "UpdateNode", (NODE, {"slices": [Id("slice")]}), 1),
    Row("pi", "UpdateNode", (NODE, {"slices": [Id("slice"), Id("mit_slice")]}), REFUSED),
    Row("pi", "UpdateNode", (NODE, {"slices": []}), 1),
    Row("admin", "UpdateNode", (NODE, {"slices": [Id("far_slice")]}), WRONG),
    Row("pi", "UpdateNode", (NODE, {"slices_whitelist": [Id("slice")]}), AUTH),
    Row("tech", "UpdateNode", (NODE, {"conf_files": [Id("conf_file")]}), AUTH),
    Row("tech", "UpdateNode", (NODE, {"conf_files": []}), 1),
)
