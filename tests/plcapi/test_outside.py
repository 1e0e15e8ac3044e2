"""What a comparison with the original, call by call from outside, was found to hang on; each test says one fact."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.plcapi import rows_lists
from tests.plcapi.campus import Campus, Fault, Id, Is, Row
from tests.plcapi.rows_sa import WRONG
from tests.registry.world import ADMIN, NOW, whole

NODE = "node1.princeton.example"
STATIC = {
    "type": "ipv4", "method": "static", "ip": "192.0.2.18", "network": "192.0.2.0", "netmask": "255.255.255.0",
    "broadcast": "192.0.2.255",
}  # fmt: skip


class Outside(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()

    def holds(self, *rows: Row) -> None:
        self.assertEqual([], [told for row in rows if (told := self.campus.wrong(row))])

    def test_a_struct_in_a_list_that_holds_a_number_changes_what_it_names(self) -> None:
        self.holds(*rows_lists.STRUCTS)

    def test_a_list_is_changed_by_whom_the_method_for_one_of_it_lets(self) -> None:
        self.holds(*rows_lists.RIGHTS)

    def test_by_session_a_method_that_is_not_for_the_role_is_108_inside_of_another_too(self) -> None:
        session = {"AuthMethod": "session", "session": self.campus.call("GetSession", self.campus.user)}
        said: tuple[str, Any] = ("princeton_codeen", {"persons": []})
        self.assertEqual(108, self.campus.refused("UpdateSlice", session, *said)[0])

    def test_unknown_fields_of_a_new_tag_type_are_ignored_and_of_a_known_one_refused(self) -> None:
        self.holds(
            Row("admin", "AddTagType", ({"tagname": "size", "colour": 1, "role_ids": [30]},), self.next("TagTypes")),
            Row("admin", "UpdateTagType", ("colour", {"colour": 1}), WRONG),
            Row("admin", "UpdateTagType", ("colour", {"role_ids": [30]}), WRONG),
        )

    def next(self, plural: str) -> int:
        key = {"TagTypes": "tag_type_id", "Interfaces": "interface_id"}[plural]
        numbers: list[int] = [row[key] for row in self.campus.call(f"Get{plural}", ADMIN)]
        return max(numbers) + 1

    def test_methods_that_name_kinds_of_authentication_tell_each_as_an_alternative(self) -> None:
        for name, rows in (("BootUpdateNode", 2), ("ReportRunlevel", 3 + 6), ("BootGetNodeDetails", 1)):
            self.assertEqual(rows, len(whole.find(name).signatures()), name)

    def test_a_run_level_is_reported_by_any_kind_of_authentication(self) -> None:
        self.holds(
            Row("admin", "ReportRunlevel", ({"run_level": "boot"}, NODE), 1),
            Row("node", "ReportRunlevel", ({"run_level": "boot"},), 1),
            Row("pi", "ReportRunlevel", ({"run_level": "boot"}, NODE), Fault(103)),
            Row("anonymous", "ReportRunlevel", ({"run_level": "boot"}, NODE), Fault(103)),
        )

    def test_what_the_registry_refuses_is_told_in_the_callers_words(self) -> None:
        for method, args, told in (
            (
                "AddTagType",
                ({"tagname": "colour"},),
                "tagname is taken already: of tag types, no two may",
            ),
            ("AddNodeGroup", ("rings", "ring", "x"), "groupname is taken already: of nodegroups, no two may have"),
            ("AddMessage", ({"message_id": "hello"},), "message_id is taken already"),
            ("DeleteTagType", ("ring",), "it is in use: something else refers to it"),
            ("DeleteBootState", ("boot",), "it is in use: something else refers to it"),
        ):
            code, text = self.campus.refused(method, ADMIN, *args)
            self.assertEqual((106, True), (code, told in text), text)

    def test_an_address_is_one_by_the_letters_it_is_made_of(self) -> None:
        rest = {"first_name": "a", "last_name": "b"}
        for email in ("x@y..org", "-@-y.org", "x%y+z@a_b.org", "X@1.2.ORG", ".@.a.b"):
            number = self.campus.call("AddPerson", ADMIN, {**rest, "email": email})
            self.assertEqual(1, self.campus.call("AddPersonToSite", ADMIN, number, "princeton"), email)
            told = self.campus.call("GetPersons", ADMIN, [number], ["email"])
            self.assertEqual([{"email": email.lower()}], told)
        for email in ("x@.org", "x@y", "x@y.1", "x@y.org.", "@y.org", "x y@z.org", "x@@y.org", "é@y.org", "x@y.org\n"):
            self.assertEqual(102, self.campus.refused("AddPerson", ADMIN, {**rest, "email": email})[0], email)

    def test_an_init_script_may_have_an_empty_name_but_only_one_of_them(self) -> None:
        said = {"name": "", "script": "#!/bin/sh"}
        self.assertIsInstance(self.campus.call("AddInitScript", ADMIN, said), int)
        self.assertEqual(102, self.campus.refused("AddInitScript", ADMIN, said)[0])

    def test_a_tap_interface_has_no_mac(self) -> None:
        tap = {"type": "ipv4", "method": "tap", "ip": "192.0.2.3", "gateway": "192.0.2.1"}
        self.holds(
            Row("tech", "AddInterface", (NODE, {**tap, "mac": "2:0:0:0:0:1"}), WRONG),
            Row("tech", "AddInterface", (NODE, tap), self.next("Interfaces")),
        )

    def test_any_broadcast_address_on_the_network_will_do(self) -> None:
        number = self.next("Interfaces")
        self.holds(
            Row("tech", "AddInterface", (NODE, {**STATIC, "broadcast": "192.0.2.250"}), number),
            Row("tech", "AddInterface", (NODE, {**STATIC, "network": "192.0.2.7"}), number),
            Row("tech", "AddInterface", (NODE, {**STATIC, "broadcast": "192.0.3.255"}), WRONG),
            Row("tech", "AddInterface", (NODE, {**STATIC, "netmask": "none"}), WRONG),
            Row("tech", "AddInterface", (NODE, {**STATIC, "netmask": "255.0.255.0"}), number),
        )

    def test_only_the_first_interface_of_a_node_becomes_primary_by_itself(self) -> None:
        first = self.campus.ids["interface"]
        self.assertEqual(1, self.campus.call("UpdateInterface", ADMIN, first, {"is_primary": False}))
        dhcp = {"type": "ipv4", "method": "dhcp"}
        second = self.campus.call("AddInterface", ADMIN, NODE, dhcp)
        rows = self.campus.call("GetInterfaces", ADMIN, [first, second], ["is_primary"])
        self.assertEqual([{"is_primary": False}] * 2, rows)
        third = self.campus.call("AddInterface", ADMIN, NODE, {**dhcp, "is_primary": True})
        self.assertEqual([True], [row["is_primary"] for row in self.campus.call("GetInterfaces", ADMIN, [third])])

    def test_a_request_for_a_password_may_be_made_with_a_time_that_is_over(self) -> None:
        email = self.campus.user["Username"]
        for _ in range(2):  # the first is over, so that another can be made
            self.assertEqual(1, self.campus.call("ResetPassword", ADMIN, email, None, int(NOW) - 1))
        self.assertEqual(108, self.campus.refused("ResetPassword", ADMIN, email, "any key")[0])

    def test_slices_are_told_without_persons_and_nodes_when_neither_is_wanted(self) -> None:
        for method, lists in (("SliceInfo", set()), ("SliceExtendedInfo", {"attributes"})):
            told = self.campus.call(method, self.campus.user, ["princeton_codeen"], False, False)[0]
            self.assertEqual(lists, told.keys() & {"users", "nodes", "person_ids", "node_ids", "attributes"}, method)

    def test_extended_info_tells_persons_by_number_and_address(self) -> None:
        told = self.campus.call("SliceExtendedInfo", self.campus.user, ["princeton_codeen"])[0]
        expected = {"person_id": self.campus.ids["member_id"], "email": self.campus.user["Username"]}
        self.assertEqual([expected], told["users"])
        self.assertEqual([{"node_id": self.campus.node_id, "hostname": NODE}], told["nodes"])

    def test_an_init_script_chosen_as_a_field_or_a_tag_must_be_there_but_not_one_set_by_its_accessor(self) -> None:
        self.holds(
            Row("member", "SetSliceInitscript", ("princeton_codeen", "none"), "none"),
            Row("member", "UpdateSlice", ("princeton_codeen", {"initscript": "none"}), WRONG),
            Row("member", "UpdateSlice", ("princeton_codeen", {"initscript": "off"}), WRONG),
            Row("member", "UpdateSlice", ("princeton_codeen", {"initscript": "start"}), 1),
            Row("pi", "AddSlice", ({"name": "princeton_new", "initscript": "none"},), WRONG),
            Row("pi", "AddSlice", ({"name": "princeton_new", "initscript": "start"},), Is(int)),
            Row("member", "AddSliceTag", ("princeton_codeen", "initscript", "none"), WRONG),
            Row("member", "AddSliceTag", ("princeton_codeen", "initscript", "off"), WRONG),
        )

    def test_two_persons_of_a_site_whose_addresses_begin_alike_have_different_hrns(self) -> None:
        names = []
        for email in ("jo.doe@one.example", "jo+doe@two.example"):
            said = {"email": email, "first_name": "Jo", "last_name": "Doe"}
            number = self.campus.call("AddPerson", ADMIN, said)
            self.campus.call("AddPersonToSite", ADMIN, number, "princeton")
            names.append(self.campus.call("GetPersonHrn", ADMIN, number))
        self.assertEqual(["plc.princeton.jo_doe", "plc.princeton.jo_doe_2"], names)

    def test_what_shows_who_a_node_is_stands_in_no_event(self) -> None:
        auth = self.campus.signed(self.campus.node_id, {"boot_state": "install"})
        self.campus.call("BootUpdateNode", auth, {"boot_state": "install"})
        told = self.campus.call("GetEvents", ADMIN, {"call_name": "BootUpdateNode"}, ["call", "auth_type"])
        self.assertEqual("hmac", told[-1]["auth_type"])
        self.assertNotIn(auth["value"], told[-1]["call"])
        self.assertIn("'boot_state': 'install'", told[-1]["call"])

    def test_attributes_of_a_slice_are_named_by_their_type_not_by_the_slice(self) -> None:
        told = self.campus.call("SliceExtendedInfo", self.campus.user, ["princeton_codeen"])[0]
        self.assertIn({"name": "colour", "value": "red"}, told["attributes"])

    def test_a_pi_changes_the_addresses_of_the_own_site(self) -> None:
        address = Id("address")
        self.holds(
            Row("pi", "UpdateAddress", (address, {"city": "Q"}), 1),
            Row("pi", "AddAddressTypeToAddress", ("Billing", address), 1),
            Row("pi", "DeleteAddressTypeFromAddress", ("Billing", address), 1),
            Row("pi", "DeleteAddress", (address,), 1),
            Row("pi2", "UpdateAddress", (address, {"city": "Q"}), Fault(108)),
        )

    def test_keys_are_told_without_their_numbers(self) -> None:
        self.holds(Row("member", "GetKeys", (None, ["key_type"]), [{"key_type": "ssh"}]))

    def test_a_site_tag_that_may_not_be_written_is_108(self) -> None:
        self.holds(Row("pi", "AddSiteTag", (Id("mit"), "colour", "x"), Fault(108)))

    def test_members_without_a_key_are_told_with_none(self) -> None:
        self.campus.call("AddPersonToSlice", ADMIN, self.campus.ids["tech_id"], "princeton_codeen")
        told = self.campus.call("RetrieveSlicePersonKeys", {"AuthMethod": "anonymous"}, "princeton_codeen")
        self.assertEqual(1, len(told["user@princeton.example"]))
        self.assertEqual([], told.get("tech@princeton.example", []))

    def test_events_are_found_by_the_kind_of_authentication(self) -> None:
        told = self.campus.call("GetEvents", ADMIN, {"auth_type": "password", "-LIMIT": 2}, ["auth_type"])
        self.assertEqual([{"auth_type": "password"}] * 2, told)
