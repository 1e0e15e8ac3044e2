"""Calls that are wrong in two ways: the fault is that of what the original looked at first."""

from twisted.trial.unittest import SynchronousTestCase

from tests.plcapi.campus import Campus, Fault, Id, OnCampus, Row
from tests.plcapi.rows_sa import DB, DENIED, FAR, MEMBER, WRONG, site
from tests.registry.world import ADMIN

TOP = 2**31
NOT_KEPT = (True, TOP, -TOP - 1)  # a boolean passes as an int, and so does what four bytes do not hold

DATABASE_LAST = tuple(
    row
    for number in NOT_KEPT
    for row in (
        Row("admin", "AddSite", (site(max_slices=number),), DB),
        Row("admin", "AddSite", (site(max_slices=number, login_base="mit"),), WRONG),
        Row("admin", "AddSite", ({"max_slices": number, **site(login_base="Bad")},), WRONG),
        Row("admin", "UpdateSite", ("mit", {"ext_consortium_id": number, "name": ""}), WRONG),
        Row("admin", "AddSlice", ({"max_nodes": number, "name": "princeton_new"},), DB),
        Row("admin", "AddSlice", ({"max_nodes": number, "name": "princeton_codeen"},), WRONG),
        Row("admin", "UpdateSlice", (Id("slice"), {"max_nodes": number, "instantiation": "x"}), WRONG),
    )
)
"""What the database would not keep is 106, once nothing else is wrong."""

ROLES = (
    Row("admin", "AddRole", (TOP, "new"), DB),
    Row("admin", "AddRole", (TOP, ""), WRONG),
    Row("admin", "AddRole", (TOP, "pi"), WRONG),
    Row("admin", "AddRole", (True, "new"), DB),
    Row("admin", "AddRole", (True, ""), DB),
)
"""A role's number is looked up before its name is read, which fails of a boolean at once."""

SLICES = tuple(
    row
    for name in ("princeton_", "princeton_né", "princeton_a-b", "princeton", "Princeton_a", "_a", "")
    for row in (
        Row("pi2", "AddSlice", ({"name": name},), WRONG),
        Row("pi", "AddSlice", ({"name": name},), WRONG),
        Row("pi2", "SliceCreate", (name,), WRONG),
        Row("tech", "AddSlice", ({"name": name},), Fault(103)),
    )
) + (Row("pi2", "AddSlice", ({"name": "princeton_a"},), DENIED),)
"""A slice's name is read before it is asked whose the site is."""

LISTS = (
    Row("admin", "UpdateSite", ("princeton", {"persons": [FAR], "max_slices": TOP}), WRONG),
    Row("pi", "UpdateSite", ("princeton", {"persons": [], "name": ""}), Fault(103)),
    Row(
        "admin",
        "UpdateSite",
        ("princeton", {"persons": [], "name": ""}),
        WRONG,
        ("GetSites", (["princeton"], ["name"]), [{"name": "Princeton"}]),
    ),
    Row("member", "UpdatePerson", (MEMBER, {"sites": ["mit"], "email": "bad"}), Fault(103)),
    Row("pi", "UpdatePerson", (MEMBER, {"slices": [Id("mit_slice")], "email": "bad"}), DENIED),
    Row(
        "admin",
        "UpdatePerson",
        (MEMBER, {"sites": ["mit"], "email": "bad"}),
        WRONG,
        ("GetPersons", ([MEMBER], ["site_ids"]), [{"site_ids": [Id("site")]}]),
    ),
)
"""Lists are changed before fields; what is refused leaves neither changed."""


class WrongTwice(OnCampus):
    def test_what_the_rules_refuse_is_told_before_what_the_database_does(self) -> None:
        self.holds(DATABASE_LAST)

    def test_the_number_of_a_role_comes_before_its_name(self) -> None:
        self.holds(ROLES)

    def test_the_form_of_a_slices_name_comes_before_whose_the_site_is(self) -> None:
        self.holds(SLICES)

    def test_lists_come_before_fields(self) -> None:
        self.holds(LISTS)


class UsesOfAnAddress(SynchronousTestCase):
    def test_its_types_stand_in_the_order_of_their_numbers(self) -> None:
        campus = Campus()
        address, kinds = campus.ids["address"], campus.call("GetAddressTypes", ADMIN)
        for kind in kinds[::-1]:
            campus.call("AddAddressTypeToAddress", ADMIN, kind["name"], address)
        told = campus.call("GetAddresses", ADMIN, [address], ["address_type_ids", "address_types"])[0]
        pairs = list(zip(told["address_type_ids"], told["address_types"], strict=True))
        self.assertEqual([(kind["address_type_id"], kind["name"]) for kind in kinds], pairs)
