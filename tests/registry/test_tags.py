"""Who may write which tag, by tag methods, by accessors, and as fields of their objects."""

from twisted.trial.unittest import SynchronousTestCase

from tests.registry.world import ADMIN, Princeton


class Tags(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()
        self.world.site("cornell")
        self.stranger = self.world.person("stranger", "pi", "user", "tech", site="cornell")

    def test_one_tag_of_a_kind_on_an_object(self) -> None:
        number = self.world.call("AddNodeTag", self.world.pi, 1, "arch", "i386")
        self.assertEqual(102, self.world.refused("AddNodeTag", self.world.pi, 1, "arch", "x86_64")[0])
        self.world.call("UpdateNodeTag", self.world.pi, number, "x86_64")
        self.assertEqual("x86_64", self.world.call("GetNodeArch", self.world.user, "node1.princeton.example"))
        self.world.call("DeleteNodeTag", self.world.pi, number)
        self.assertIsNone(self.world.call("GetNodeArch", self.world.user, 1))
        self.assertIsNone(self.world.call("GetNodeArch", self.world.user, 99))

    def test_strangers_and_roles_the_kind_does_not_list_are_108(self) -> None:
        self.assertEqual(108, self.world.refused("AddNodeTag", self.stranger, 1, "arch", "i386")[0])
        self.assertEqual(108, self.world.refused("AddNodeTag", self.world.pi, 1, "deployment", "beta")[0])
        self.assertEqual(108, self.world.refused("SetSiteHrn", self.stranger, "princeton", "x")[0])
        self.assertEqual(108, self.world.refused("AddSiteTag", self.stranger, 2, "sfa_created", "x")[0])

    def test_ones_own_person_tags_whatever_the_kind_says_and_nobody_elses(self) -> None:
        self.assertEqual("x", self.world.call("SetPersonShowconf", self.world.user, "user@princeton.example", "x"))
        self.assertEqual(108, self.world.refused("SetPersonShowconf", self.world.pi, "user@princeton.example", "y")[0])
        kinds = [(row["tagname"], row["value"]) for row in self.world.call("GetPersonTags", self.world.user)]
        self.assertIn(("showconf", "x"), kinds)

    def test_slice_tags_by_members_and_pis_for_roles_that_the_kind_lists(self) -> None:
        self.assertEqual(1, int(bool(self.world.call("AddSliceTag", self.world.user, 1, "vsys", "a"))))
        self.assertEqual(108, self.world.refused("AddSliceTag", self.world.user, 1, "rawdisk", "a")[0])
        self.assertEqual(1, int(bool(self.world.call("AddSliceTag", self.world.pi, 1, "rawdisk", "a"))))
        self.assertEqual(108, self.world.refused("AddSliceTag", self.stranger, 1, "vsys", "b")[0])
        self.assertEqual(108, self.world.refused("AddSliceTag", self.world.pi, 1, "system", "1")[0])

    def test_the_same_value_twice_in_one_scope_is_refused_another_is_not(self) -> None:
        self.world.call("AddSliceTag", ADMIN, 1, "vsys", "a")
        self.assertIn("already assigned", self.world.refused("AddSliceTag", ADMIN, 1, "vsys", "a")[1])
        self.world.call("AddSliceTag", ADMIN, 1, "vsys", "b")
        self.world.call("AddSliceTag", ADMIN, 1, "vsys", "a", 1)

    def test_a_sliver_tag_needs_the_slice_on_the_node_and_a_group_tag_an_admin(self) -> None:
        second = self.world.node("node2")
        self.assertEqual(102, self.world.refused("AddSliceTag", ADMIN, 1, "vsys", "a", second)[0])
        self.world.call("AddNodeGroup", ADMIN, "beta", "deployment", "beta")
        self.assertEqual(108, self.world.refused("AddSliceTag", self.world.pi, 1, "vsys", "a", None, "beta")[0])

    def test_a_node_writes_its_own_slivers_tags_only(self) -> None:
        said = ("princeton_codeen", "hmac", "secret", self.world.node_id)
        self.assertIsInstance(self.world.by_node(self.world.node_id, "AddSliceTag", *said), int)
        second = self.world.node("node2")
        self.assertEqual(108, self.world.refused("AddSliceTag", self.world.signed(second, *said), *said)[0])

    def test_the_init_script_named_by_a_tag_must_exist(self) -> None:
        self.assertEqual(102, self.world.refused("AddSliceTag", self.world.pi, 1, "initscript", "start")[0])
        self.world.call("AddInitScript", ADMIN, {"name": "start", "script": "#!/bin/sh\n"})
        self.assertIsInstance(self.world.call("AddSliceTag", self.world.pi, 1, "initscript", "start"), int)

    def test_exposed_tags_are_fields(self) -> None:
        self.world.call("UpdateSlice", self.world.pi, 1, {"vref": "debian"})
        self.assertEqual("debian", self.world.call("GetSliceVref", self.world.user, "princeton_codeen"))
        rows = self.world.call("GetSlices", ADMIN, {"vref": "deb*"}, ["name", "vref"])
        self.assertEqual([{"name": "princeton_codeen", "vref": "debian"}], rows)
        self.assertEqual(108, self.world.refused("UpdateNode", self.world.pi, 1, {"deployment": "beta"})[0])

    def test_a_tag_change_leaves_an_event(self) -> None:
        number = self.world.call("AddSliceTag", ADMIN, 1, "vsys", "a")
        told = self.world.call("GetEventObjects", ADMIN, {"object_type": "SliceTag", "object_id": number})
        self.assertEqual(["AddSliceTag"], [row["call_name"] for row in told])

    def test_deleting_a_kind_deletes_its_tags_unless_a_group_is_made_by_it(self) -> None:
        self.world.call("AddNodeTag", ADMIN, 1, "deployment", "beta")
        self.world.call("AddNodeGroup", ADMIN, "beta", "deployment", "beta")
        self.assertEqual([1], self.world.call("GetNodeGroups", ADMIN, ["beta"])[0]["node_ids"])
        self.assertEqual(106, self.world.refused("DeleteTagType", ADMIN, "deployment")[0])
        self.world.call("DeleteNodeGroup", ADMIN, "beta")
        self.world.call("DeleteTagType", ADMIN, "deployment")
        self.assertIsNone(self.world.call("GetNodeDeployment", ADMIN, 1))

    def test_roles_of_a_kind_are_added_and_taken(self) -> None:
        self.world.call("AddRoleToTagType", ADMIN, "pi", "deployment")
        self.assertEqual(1, self.world.call("UpdateNode", self.world.pi, 1, {"deployment": "beta"}))
        self.world.call("DeleteRoleFromTagType", ADMIN, "pi", "deployment")
        self.assertEqual(108, self.world.refused("UpdateNode", self.world.pi, 1, {"deployment": "x"})[0])
