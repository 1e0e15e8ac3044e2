"""What nodes and what belongs to them take and refuse; rows stand beside."""

from tests.plcapi import rows_hardware as rows
from tests.plcapi.campus import OnCampus
from tests.registry.world import ADMIN


class Hardware(OnCampus):
    def test_what_names_a_thing_is_of_the_right_kind_and_a_boolean_is_the_databases_to_refuse(self) -> None:
        self.holds(rows.IDENTIFIERS)

    def test_each_field_of_a_node_ends_where_it_ended(self) -> None:
        self.holds(rows.NODES)

    def test_groups_may_be_called_anything_up_to_fifty_bytes(self) -> None:
        self.holds(rows.GROUPS)

    def test_what_is_told_of_a_power_unit_may_be_given_back_and_is_not_written(self) -> None:
        self.holds(rows.UNITS)

    def test_links_are_made_from_either_end(self) -> None:
        self.holds(rows.LINKS)

    def test_tags_are_written_near_their_thing_and_on_peers_nodes_by_admins(self) -> None:
        self.holds(rows.TAGS)

    def test_what_a_booting_node_says_is_checked_and_what_it_does_not_say_is_let_be(self) -> None:
        self.holds(rows.BOOTING)

    def test_who_may_not_add_at_a_peers_site_is_told_so_first(self) -> None:
        self.holds(rows.STRANGERS)

    def test_a_name_that_as_a_pattern_means_another_is_taken(self) -> None:
        self.holds(rows.PATTERNS)

    def test_what_does_not_fit_together_is_told_before_what_is_too_large_to_be_kept(self) -> None:
        self.holds(rows.SIZES)

    def test_no_name_ends_in_a_line_feed(self) -> None:
        self.holds(rows.LINE_ENDS)

    def test_words_are_told_in_the_order_that_they_were_added_in(self) -> None:
        at_first = ["boot", "safeboot", "reinstall", "disabled", "failboot", "install", "upgrade"]
        self.assertEqual(at_first, self.campus.call("GetBootStates", ADMIN))
        for word in ("zoom", "aim"):
            self.campus.call("AddBootState", ADMIN, word)
        self.campus.call("DeleteBootState", ADMIN, "safeboot")
        self.campus.call("AddBootState", ADMIN, "safeboot")
        expected = ["boot", *at_first[2:], "zoom", "aim", "safeboot"]
        self.assertEqual(expected, self.campus.call("GetBootStates", ADMIN))
        self.assertEqual(["static", "dhcp"], self.campus.call("GetNetworkMethods", ADMIN)[:2])

    def test_protocols_of_a_model_are_told_in_the_order_of_their_numbers(self) -> None:
        for port in range(100, 110):  # numbers of one digit and of two, which as texts would be in another order
            self.campus.call("AddPCUProtocolType", ADMIN, "BayTechCtrlC", {"port": port, "protocol": "x"})
        (told,) = self.campus.call("GetPCUTypes", ADMIN, ["BayTechCtrlC"])
        numbers = [said["pcu_protocol_type_id"] for said in told["pcu_protocol_types"]]
        self.assertEqual(told["pcu_protocol_type_ids"], numbers)
        self.assertEqual(sorted(numbers), numbers)

    def test_a_nodes_session_opens_what_is_for_nodes_until_it_is_deleted(self) -> None:
        key = self.campus.by_node(self.campus.node_id, "GetSession")
        auth = {"AuthMethod": "session", "session": key}
        for method, args, expected in (
            ("AuthCheck", (), 1), ("GetSession", (), key), ("BootUpdateNode", ({},), 1), ("ReportRunlevel", ({},), 1),
            ("BootNotifyOwners", ("none", 0, 0, 0), 1), ("SetNodeArch", (rows.NODE, "x"), "x"),
            ("GetConfFiles", ([],), []),
        ):  # fmt: skip
            self.assertEqual(expected, self.campus.call(method, auth, *args), method)
        for method, args, code in (
            ("BootGetNodeDetails", (), 102), ("AddNode", ("princeton", {}), 108),
            ("SetNodeCramfs", (rows.NODE, "x"), 108),
            ("SetNodeArch", (self.campus.ids["node2"], "x"), 108),
        ):  # fmt: skip
            self.assertEqual(code, self.campus.refused(method, auth, *args)[0], method)
        self.assertEqual(1, self.campus.call("DeleteSession", auth))
        self.assertEqual(103, self.campus.refused("AuthCheck", auth)[0])

    def test_a_boolean_is_no_nodes_number(self) -> None:
        self.assertEqual(1, self.campus.node_id)
        self.assertEqual(106, self.campus.refused("AuthCheck", {**self.campus.signed(1), "node_id": True})[0])

    def test_a_new_session_of_a_node_ends_the_one_before(self) -> None:
        first = self.campus.by_node(self.campus.node_id, "GetSession")
        second = self.campus.by_node(self.campus.node_id, "BootGetNodeDetails")["session"]
        self.assertEqual(103, self.campus.refused("AuthCheck", {"AuthMethod": "session", "session": first})[0])
        self.assertEqual(1, self.campus.call("AuthCheck", {"AuthMethod": "session", "session": second}))

    def test_a_nodes_flavour_is_told_to_users_of_other_sites_and_to_other_nodes(self) -> None:
        for who in ("user2", "node2"):
            self.campus.fresh()
            told = self.campus.call("GetNodeFlavour", self.campus.auth(who, rows.NODE), rows.NODE)
            self.assertEqual("planetlab-f14-x86_64", told["nodefamily"])
            self.assertEqual("x86_64", self.campus.call("GetNodeArch", self.campus.who["admin"], rows.NODE))

    def test_a_slices_family_is_told_by_the_first_tag_of_each_kind_whatever_its_scope(self) -> None:
        call, codeen, node = self.campus.call, self.campus.ids["slice"], self.campus.ids["node"]
        call("UpdateSlice", ADMIN, codeen, {"instantiation": "delegated"})
        for name, value, *scope, family in (
            ("vref", "sliver", node, "sliver-f14-x86_64"), ("vref", "whole", "sliver-f14-x86_64"),
            ("arch", "", "sliver-f14-x86_64"), ("arch", "i386", "sliver-f14-x86_64"),
            ("fcdistro", "f8", node, "sliver-f8-x86_64"),
        ):  # fmt: skip
            call("AddSliceTag", ADMIN, codeen, name, value, *scope)
            self.assertEqual(family, call("GetSliceFamily", ADMIN, codeen))
            for each in (node, self.campus.ids["node2"]):  # on the other one as a delegated slice
                told = {one["name"]: one["GetSliceFamily"] for one in call("GetSlivers", ADMIN, each)["slivers"]}
                self.assertEqual(family, told["princeton_codeen"])

    def test_a_lease_that_ends_or_begins_a_day_ahead_just_now_is_told_to_its_node(self) -> None:
        (lease,) = self.campus.call("GetLeases", ADMIN, [self.campus.ids["lease"]])
        for now, count in (
            (lease["t_from"] - 86_401, 0),
            (lease["t_from"] - 86_400, 1),
            (lease["t_until"], 1),
            (lease["t_until"] + 1, 0),
        ):
            self.campus.clock.at = float(now)
            self.assertEqual(count, len(self.campus.call("GetSlivers", ADMIN, self.campus.ids["reservable"])["leases"]))
