"""Sites, persons and what is told of calls about them, as the original answers where one would not expect it."""

from typing import Any

from planetlab.records.rules import single
from tests.plcapi import rows_people as rows
from tests.plcapi.campus import OnCampus
from tests.registry.world import ADMIN, KEY, NODE_KEY


class People(OnCampus):
    def events(self, method: str, *args: Any) -> list[dict[str, Any]]:
        """What a call of an admin leaves."""
        self.campus.fresh()
        self.campus.call(method, ADMIN, *self.campus.value(args))
        last: list[dict[str, Any]] = self.campus.call("GetEvents", ADMIN, {"call_name": method, "-SORT": "-event_id"})
        return last

    def test_places_are_kept_with_the_digits_of_a_number_of_four_bytes(self) -> None:
        for said, told in ((40.3436789123, 40.343678), (-74.65123456789, -74.65124), (0.1, 0.1), (90.0, 90.0)):
            self.assertEqual(told, single(said))
            self.assertEqual(told, single(told))
        self.holds(rows.PLACES)

    def test_a_part_of_a_listing_is_taken_before_what_the_caller_may_not_see_is_left_out(self) -> None:
        self.holds(rows.PARTS)

    def test_numbers_lengths_and_kinds_of_values_at_their_ends(self) -> None:
        self.holds(rows.ENDS)

    def test_lists_of_sites_and_persons(self) -> None:
        self.holds(rows.LISTS)

    def test_who_may_write_which_tag_of_sites_and_persons(self) -> None:
        self.holds(rows.TAGS)

    def test_an_event_names_what_a_call_is_about_and_not_the_tags_it_came_with(self) -> None:
        for method, args, told in rows.EVENTS:
            event = self.events(method, *args)[0]
            expected = self.campus.value(told)
            objects = zip(event["object_types"], event["object_ids"], strict=True)
            self.assertEqual(sorted(expected), sorted(map(list, objects)), method)

    def test_a_call_that_changes_nothing_leaves_an_event_too(self) -> None:
        for method, args in rows.IDLE:
            self.campus.fresh()
            before = len(self.campus.call("GetEvents", ADMIN, {"call_name": method}))
            self.assertEqual(before + 1, len(self.events(method, *args)), method)

    def test_a_call_is_printed_with_its_structs_in_order_and_without_secrets(self) -> None:
        auth = "{'AuthMethod': 'password', 'AuthString': 'Removed by API', 'Username': 'root@plc.example'}"
        for method, args, told in (
            ("AddPersonKey", [4, {"key_type": "ssh", "key": KEY}], f"4, {{'key': '{KEY}', 'key_type': 'ssh'}}"),
            ("UpdateNode", [1, {"key": NODE_KEY, "boot_state": "boot"}],
             "1, {'boot_state': 'boot', 'key': 'Removed by API'}"),
            ("UpdateNodeGroup", ["rings", {"value": "x"}], "'rings', {'value': 'x'}"),
            ("UpdatePerson", [4, {"title": "Dr", "password": "p"}], "4, {'password': 'Removed by API', 'title': 'Dr'}"),
        ):  # fmt: skip
            self.assertEqual(f"{method}[{auth}, {told}]", self.events(method, *args)[0]["call"])

    def test_a_session_ends_with_its_account_and_does_not_come_back(self) -> None:
        session = {"AuthMethod": "session", "session": self.campus.call("GetSession", self.campus.user)}
        for enabled in (False, True):
            self.campus.call("UpdatePerson", ADMIN, self.campus.ids["member_id"], {"enabled": enabled})
        self.assertEqual(103, self.campus.refused("AuthCheck", session)[0])

    def test_a_session_that_is_to_last_for_ever_can_still_be_listed(self) -> None:
        key = self.campus.call("GetSession", self.campus.user, 2**31 - 1)
        self.assertEqual(1, self.campus.call("AuthCheck", {"AuthMethod": "session", "session": key}))
        told = self.campus.call("GetSessions", ADMIN, [key])
        self.assertEqual([2**31 - 1], [session["expires"] for session in told])

    def test_a_kind_of_keys_goes_when_only_blacklisted_keys_are_of_it(self) -> None:
        self.assertEqual(106, self.campus.refused("DeleteKeyType", ADMIN, "ssh")[0])
        for key in ("key", "far_key"):
            self.campus.call("BlacklistKey", ADMIN, self.campus.ids[key])
        self.assertEqual(1, self.campus.call("DeleteKeyType", ADMIN, "ssh"))

    def test_a_person_who_holds_the_role_of_nodes_is_none_and_sees_what_persons_do(self) -> None:
        fake, node = self.campus.person("fake", "node"), self.campus.node_id
        self.assertEqual([{"email": fake["Username"]}], self.campus.call("GetPersons", fake, None, ["email"]))
        session = {"AuthMethod": "session", "session": self.campus.call("GetSession", fake)}
        for method, args, code in (
            ("GetSlivers", [node], 108),
            ("GetSlivers", [], 102),
            ("ReportRunlevel", [{"run_level": "boot"}, node], 108),
            ("ReportRunlevel", [{"run_level": "boot"}], 108),
            ("BootUpdateNode", [{}], 102),
            ("BootNotifyOwners", ["hello", 0, 0, 0], 102),
            ("GetNodeTickets", [0], 102),
            ("GetPeerTickets", ["ple", 0], 102),
            ("ReportRedeemed", [[]], 102),
        ):
            self.assertEqual(code, self.campus.refused(method, session, *args)[0], method)

    def test_a_node_ends_its_session(self) -> None:
        session = {"AuthMethod": "session", "session": self.campus.call("GetSession", self.campus.auth("node"))}
        self.assertEqual(1, self.campus.call("DeleteSession", session))
        self.assertEqual(103, self.campus.refused("AuthCheck", session)[0])

    def test_names_in_the_federation_can_be_taken_apart_again(self) -> None:
        site = self.campus.site("a.b")
        number = self.campus.call("AddPerson", ADMIN, {"email": "x%y.z@x.example", "first_name": "X", "last_name": "Y"})
        self.campus.call("AddPersonToSite", ADMIN, number, site)
        self.assertEqual("plc.a\\.b", self.campus.call("GetSiteHrn", ADMIN, site))
        self.assertEqual("plc.a\\.b.x_y_z", self.campus.call("GetPersonHrn", ADMIN, number))

    def test_a_registry_in_memory_tells_lists_as_they_are_after_each_call(self) -> None:
        def told() -> list[int]:
            sites = {row["login_base"]: row for row in self.campus.call("GetSites", ADMIN)}
            numbers: list[int] = sites["mit"]["person_ids"]
            return numbers

        before, new = told(), self.campus.ids["nobody_id"]
        self.campus.call("AddPersonToSite", ADMIN, new, "mit")
        self.assertEqual(sorted([*before, new]), told())
