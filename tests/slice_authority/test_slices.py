"""Slices: their names, rooms and times, who may change them, and where they stand."""

from twisted.trial.unittest import SynchronousTestCase

from planetlab.errors import BadArgument
from slice_authority import rules
from tests.registry.world import ADMIN, NOW, Princeton, days

WHY = {"description": "a network of proxies", "url": "https://codeen.example/"}


class Making(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def test_bad_names_are_refused_with_102(self) -> None:
        for name in ("codeen", "Princeton_codeen", "princeton_", "_codeen", "princeton_co deen", "nowhere_x", "x" * 70):
            self.assertEqual(102, self.world.refused("AddSlice", ADMIN, {"name": name})[0], name)

    def test_without_a_name_it_is_a_fault_not_a_crash(self) -> None:
        self.assertEqual(102, self.world.refused("AddSlice", ADMIN, {})[0])

    def test_a_pi_makes_slices_at_an_own_site_only(self) -> None:
        self.world.site("cornell")
        self.assertEqual(108, self.world.refused("AddSlice", self.world.pi, {"name": "cornell_x"})[0])
        self.assertEqual(103, self.world.refused("AddSlice", self.world.user, {"name": "princeton_x"})[0])

    def test_a_site_without_room_or_that_is_disabled_makes_none(self) -> None:
        self.world.call("UpdateSite", ADMIN, "princeton", {"max_slices": 1})
        self.assertEqual(102, self.world.refused("AddSlice", ADMIN, {"name": "princeton_more"})[0])
        self.world.call("UpdateSite", ADMIN, "princeton", {"max_slices": 5, "enabled": False})
        self.assertEqual(102, self.world.refused("AddSlice", ADMIN, {"name": "princeton_more"})[0])

    def test_unknown_and_unsettable_fields_are_refused(self) -> None:
        for name in ("colour", "slice_id", "expires", "node_ids"):
            self.assertEqual(102, self.world.refused("AddSlice", ADMIN, {"name": "princeton_x", name: 1})[0], name)

    def test_it_lives_two_weeks_and_its_maker_is_no_member(self) -> None:
        one = self.world.get("Slices", "princeton_codeen")
        self.assertEqual((int(NOW + days(14)), 100, "plc-instantiated"),
                         (one["expires"], one["max_nodes"], one["instantiation"]))  # fmt: skip
        self.assertNotIn(one["creator_person_id"], one["person_ids"])

    def test_two_slices_whose_labels_begin_alike_have_different_hrns(self) -> None:
        self.world.call("AddSlice", ADMIN, {"name": "princeton_codeen_beta"})
        hrns = [row["hrn"] for row in self.world.call("GetSlices", ADMIN, None, ["hrn"])]
        self.assertEqual(["plc.princeton.codeen", "plc.princeton.codeen_beta"], hrns)

    def test_adding_a_slice_tidies_nothing(self) -> None:
        self.world.clock.advance(days(15))
        before = self.world.store(lambda store: store.ask("SELECT slice_id, is_deleted FROM slices"))
        self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        after = self.world.store(lambda store: store.ask("SELECT slice_id, is_deleted FROM slices WHERE slice_id = 1"))
        self.assertEqual(before, after)

    def test_every_change_leaves_an_event_and_no_secret_in_it(self) -> None:
        last = self.world.call("GetEvents", ADMIN, {"call_name": "AddSlice"})[-1]
        self.assertEqual(([self.world.slice_id], "password"), (last["object_ids"][:1], last["auth_type"]))
        self.assertNotIn("own", last["call"])
        self.assertIn("Removed by API", last["call"])


class Times(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def renew(self, auth: dict[str, str], ahead: float, **more: str) -> object:
        return self.world.call("UpdateSlice", auth, "princeton_codeen", {"expires": int(NOW + days(ahead)), **more})

    def test_a_renewal_needs_a_reason_and_a_page(self) -> None:
        self.assertRaises(BadArgument, self.renew, ADMIN, 20)
        self.assertRaises(BadArgument, self.renew, ADMIN, 20, description="why", url=" ")
        self.assertEqual(1, self.renew(self.world.user, 20, **WHY))

    def test_only_admins_go_beyond_eight_weeks(self) -> None:
        self.assertRaises(BadArgument, self.renew, self.world.pi, 57, **WHY)
        self.assertEqual(1, self.renew(self.world.pi, 56, **WHY))
        self.assertEqual(1, self.renew(ADMIN, 500, **WHY))

    def test_the_past_is_refused_and_shortening_is_free(self) -> None:
        self.assertRaises(BadArgument, self.renew, ADMIN, -1, **WHY)
        self.assertEqual(1, self.renew(self.world.user, 1))

    def test_a_suspended_site_renews_nothing(self) -> None:
        self.world.call("UpdateSite", ADMIN, "princeton", {"max_slices": 0})
        self.assertRaises(BadArgument, self.renew, ADMIN, 20, **WHY)

    def test_expiry_is_judged_by_the_time_of_the_call_not_of_the_start(self) -> None:
        self.world.clock.advance(days(14) + 1)
        self.assertEqual([], self.world.call("GetSlices", ADMIN))
        self.assertEqual(102, self.world.refused("DeleteSlice", ADMIN, "princeton_codeen")[0])
        self.assertEqual(["princeton_codeen"], [r["name"] for r in self.world.call("ResolveSlices", ADMIN)])

    def test_the_name_of_an_expired_slice_is_free(self) -> None:
        self.world.clock.advance(days(15))
        self.assertEqual(2, self.world.call("AddSlice", ADMIN, {"name": "princeton_codeen"}))
        self.assertEqual(2, self.world.get("Slices", "princeton_codeen")["slice_id"])

    def test_a_rule_says_how_much_was_too_much(self) -> None:
        one = {"expires": 10, "description": "x", "url": "y"}
        error = self.assertRaises(BadArgument, rules.renewal, one, {"expires": 100}, 1, 20.0, 50.0)
        self.assertIn("beyond", str(error))
        self.assertIsNone(rules.renewal(one, {"expires": 70}, 1, 20.0, 50.0))


class Rights(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()
        self.world.site("cornell")
        self.stranger = self.world.person("stranger", "pi", "user", site="cornell")

    def test_strangers_change_nothing(self) -> None:
        for name, *args in (
            ("UpdateSlice", "princeton_codeen", WHY),
            ("DeleteSlice", "princeton_codeen"),
            ("AddSliceToNodes", "princeton_codeen", [1]),
            ("DeleteSliceFromNodes", "princeton_codeen", [1]),
            ("AddPersonToSlice", "stranger@princeton.example", "princeton_codeen"),
            ("GetSliceTicket", "princeton_codeen"),
        ):
            self.assertEqual(108, self.world.refused(name, self.stranger, *args)[0], name)

    def test_a_member_changes_the_slice_and_not_its_members(self) -> None:
        self.assertEqual(1, self.world.call("UpdateSlice", self.world.user, "princeton_codeen", WHY))
        said = ("stranger@princeton.example", "princeton_codeen")
        self.assertEqual(103, self.world.refused("AddPersonToSlice", self.world.user, *said)[0])
        people = {"persons": ["stranger@princeton.example"]}
        self.assertEqual(103, self.world.refused("UpdateSlice", self.world.user, "princeton_codeen", people)[0])

    def test_one_refused_node_and_nothing_is_changed(self) -> None:
        second = self.world.node("node2", "cornell")
        other = self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        self.world.call("AddSliceToNodesWhitelist", ADMIN, other, [second])
        self.world.call("DeleteSliceFromNodes", ADMIN, "princeton_codeen", [1])
        self.assertEqual(102, self.world.refused("AddSliceToNodes", self.world.pi, "princeton_codeen", [1, second])[0])
        self.assertEqual([], self.world.get("Slices", "princeton_codeen")["node_ids"])

    def test_names_that_match_no_node_are_ignored_and_patterns_are_names(self) -> None:
        self.world.node("node2")
        self.assertEqual(1, self.world.call("AddSliceToNodes", ADMIN, "princeton_codeen", ["nowhere", "node2*", 77]))
        self.assertEqual([1, 2], self.world.get("Slices", "princeton_codeen")["node_ids"])

    def test_a_wildcard_never_names_the_slice_to_delete(self) -> None:
        self.assertEqual(102, self.world.refused("DeleteSlice", ADMIN, "princeton_*")[0])

    def test_a_deleted_slice_is_gone_everywhere_and_its_name_is_free(self) -> None:
        self.world.call("DeleteSlice", self.world.user, "princeton_codeen")
        self.assertEqual([], self.world.get("Nodes", 1)["slice_ids"])
        self.assertEqual([], self.world.call("GetSliceTags", ADMIN))
        self.assertEqual(2, self.world.call("AddSlice", ADMIN, {"name": "princeton_codeen"}))

    def test_only_what_is_named_is_written(self) -> None:
        self.world.call("UpdateNode", ADMIN, 1, {"model": "one"})
        self.world.by_node(1, "ReportRunlevel", {"run_level": "boot"})
        self.world.call("UpdateNode", ADMIN, 1, {"version": "two"})
        node = self.world.get("Nodes", 1)
        self.assertEqual(("one", "two", "boot"), (node["model"], node["version"], node["run_level"]))


class OldSpellings(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def test_a_second_delete_says_does_not_exist_as_old_clients_search(self) -> None:
        self.world.call("SliceDelete", self.world.pi, "princeton_codeen")
        self.assertIn("does not exist", self.world.refused("SliceDelete", self.world.pi, "princeton_codeen")[1])

    def test_adding_what_is_there_is_no_error(self) -> None:
        self.assertEqual(1, self.world.call("SliceNodesAdd", self.world.pi, "princeton_codeen",
                                            ["node1.princeton.example"]))  # fmt: skip

    def test_the_story_of_a_version_3_client(self) -> None:
        pi, name = self.world.pi, "princeton_old"
        self.assertEqual(2, self.world.call("SliceCreate", pi, name))
        self.assertEqual(1, self.world.call("SliceUpdate", pi, name, "https://old.example/", "old"))
        self.assertEqual(1, self.world.call("SliceRenew", pi, name, int(NOW + days(55))))
        self.assertEqual(1, self.world.call("SliceSetInstantiationMethod", pi, name, "delegated"))
        self.assertEqual(1, self.world.call("SliceUsersAdd", pi, name, ["user@princeton.example"]))
        self.assertEqual(1, self.world.call("SliceNodesAdd", pi, name, ["node1.princeton.example"]))
        self.assertEqual(["user@princeton.example"], self.world.call("SliceUsersList", pi, name))
        self.assertEqual(["node1.princeton.example"], self.world.call("SliceNodesList", pi, name))
        told = self.world.call("SliceInfo", pi, [], False, False)
        self.assertEqual([("princeton_codeen"), name], [one["name"] for one in told])
        self.assertEqual(int(NOW + days(55)), told[1]["expires"])
        full = self.world.call("SliceInfo", pi, [name])[0]
        self.assertEqual((["user@princeton.example"], ["node1.princeton.example"]), (full["users"], full["nodes"]))
        self.assertEqual(1, self.world.call("SliceUsersDel", pi, name, ["user@princeton.example"]))
        self.assertEqual(1, self.world.call("SliceNodesDel", pi, name, ["node1.princeton.example"]))
        self.assertEqual([], self.world.call("SliceNodesList", pi, "princeton_nope"))
