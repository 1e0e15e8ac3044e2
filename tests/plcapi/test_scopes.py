"""Tags of slices and of their slivers, and the order in which a call about a slice is looked at; rows stand beside."""

from typing import Any

from tests.plcapi import rows_scopes as rows
from tests.plcapi.campus import OnCampus
from tests.registry.world import ADMIN

CODEEN = "princeton_codeen"


class Scopes(OnCampus):
    def events(self, method: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.campus.call("GetEvents", ADMIN, {"call_name": method})
        return told

    def test_a_value_that_a_sliver_has_is_not_given_to_the_whole_slice(self) -> None:
        self.holds(rows.SCOPES)

    def test_a_place_that_nothing_can_be_called_is_missing_for_all_who_may_write_the_tag(self) -> None:
        self.holds(rows.NOWHERE)

    def test_who_may_change_the_lists_is_asked_before_the_fields_are(self) -> None:
        self.holds(rows.FIRST)

    def test_a_tag_given_as_a_field_is_written_by_whom_its_kind_allows_on_a_new_slice_too(self) -> None:
        self.campus.call("DeleteRoleFromTagType", ADMIN, "pi", "vref")
        pi = self.campus.who["pi"]
        self.assertEqual(108, self.campus.refused("AddSlice", pi, {"name": "princeton_new", "vref": "f14"})[0])
        self.assertEqual([], self.campus.call("GetSlices", ADMIN, ["princeton_new"]))
        self.campus.call("AddSlice", pi, {"name": "princeton_new", "arch": "x86"})
        self.assertEqual("x86", self.campus.call("GetSliceArch", ADMIN, "princeton_new"))

    def test_a_tag_whose_kind_is_gone_is_no_field_until_its_accessor_makes_the_kind_again(self) -> None:
        self.campus.call("DeleteTagType", ADMIN, "vref")
        for method, *args in (("AddSlice", {"name": "mit_new", "vref": "f8"}), ("UpdateSlice", CODEEN, {"vref": "f8"})):
            self.assertEqual(102, self.campus.refused(method, ADMIN, *args)[0])
        self.assertEqual("f8", self.campus.call("SetSliceVref", ADMIN, CODEEN, "f8"))
        self.assertEqual(1, self.campus.call("UpdateSlice", self.campus.who["member"], CODEEN, {"vref": "f14"}))

    def test_a_field_changes_the_first_tag_of_its_kind_under_the_rule_of_that_tags_scope(self) -> None:
        member, number = self.campus.who["member"], self.campus.ids["node2"]
        self.campus.call("AddSliceToNodes", ADMIN, CODEEN, [number])
        tag = self.campus.call("AddSliceTag", ADMIN, CODEEN, "vref", "f8", number)
        self.assertEqual(1, self.campus.call("UpdateSlice", member, CODEEN, {"vref": "f14"}))
        told = self.campus.call("GetSliceTags", ADMIN, {"tagname": "vref"}, ["slice_tag_id", "value", "node_id"])
        self.assertEqual([{"slice_tag_id": tag, "value": "f14", "node_id": number}], told)
        self.campus.call("DeleteSliceFromNodes", ADMIN, CODEEN, [number])
        self.assertEqual(108, self.campus.refused("UpdateSlice", member, CODEEN, {"vref": "f8"})[0])

    def test_a_node_that_is_hidden_from_somebody_is_no_node_of_a_slice_to_him(self) -> None:
        self.campus.call("AddSliceToNodesWhitelist", ADMIN, CODEEN, [self.campus.ids["node"]])
        told = {
            who: self.campus.call("SliceNodesList", self.campus.who[who], CODEEN) for who in ("member", "pi", "user2")
        }
        host = ["node1.princeton.example"]
        self.assertEqual({"member": host, "pi": host, "user2": []}, told)

    def test_what_was_so_already_leaves_an_event_too(self) -> None:
        node, person = self.campus.ids["node"], self.campus.ids["member_id"]
        for _ in range(2):
            self.campus.call("AddSliceToNodes", ADMIN, CODEEN, [node])
            self.campus.call("AddPersonToSlice", ADMIN, person, CODEEN)
        before = len(self.events("AddSliceToNodes")), len(self.events("AddPersonToSlice"))
        self.campus.call("AddSliceToNodes", ADMIN, CODEEN, [node])
        self.campus.call("AddPersonToSlice", ADMIN, person, CODEEN)
        after = self.events("AddSliceToNodes"), self.events("AddPersonToSlice")
        self.assertEqual([1, 1], [len(told) - count for told, count in zip(after, before, strict=True)])
        self.assertEqual({"Node", "Slice"}, set(after[0][-1]["object_types"]))
        self.assertEqual({"Person", "Slice"}, set(after[1][-1]["object_types"]))
