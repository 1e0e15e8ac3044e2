"""Clients of release 4 and before: the names they call, with the fields they know."""

from twisted.trial.unittest import SynchronousTestCase

from tests.registry.world import ADMIN, KEY, Princeton


class OldNames(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def test_values_that_came_one_by_one(self) -> None:
        number = self.world.call("AdmAddSite", ADMIN, "Cornell", "CU", "cornell", {"max_slices": 3})
        self.assertEqual(("cornell", 3), tuple(self.world.get("Sites", number, "login_base", "max_slices").values()))
        node = self.world.call("AdmAddNode", ADMIN, number, "n1.cornell.example", "boot")
        self.assertEqual([node], self.world.call("AdmQueryNode", ADMIN, {"node_hostname": "n1.cornell.example"}))
        person = self.world.call("AdmAddPerson", ADMIN, "Ann", "Other", {"email": "ann@cornell.example"})
        self.assertEqual(1, self.world.call("AdmSetPersonEnabled", ADMIN, person, True))
        self.assertTrue(self.world.get("Persons", person)["enabled"])

    def test_arguments_in_the_other_order(self) -> None:
        self.assertEqual(1, self.world.call("AdmGrantRoleToPerson", ADMIN, "user@princeton.example", "tech"))
        told = self.world.call("AdmGetPersonRoles", ADMIN, "user@princeton.example")
        self.assertEqual({"30": "user", "40": "tech"}, told)
        self.assertEqual(1, self.world.call("AdmIsPersonInRole", ADMIN, "pi@princeton.example", "pi"))
        self.assertEqual(0, self.world.call("AdmIsPersonInRole", ADMIN, "pi@princeton.example", "tech"))

    def test_fields_by_the_names_they_had(self) -> None:
        number = self.world.call("AddNodeNetwork", ADMIN, 1, {"type": "ipv4", "method": "dhcp", "mac": "2:0:0:0:0:11"})
        rows = self.world.call("GetNodeNetworks", ADMIN, {"nodenetwork_id": number}, ["nodenetwork_id", "mac"])
        self.assertEqual([{"nodenetwork_id": number, "mac": "02:00:00:00:00:11"}], rows)
        tag = self.world.call("AddSliceAttribute", ADMIN, "princeton_codeen", "vsys", "x")
        rows = self.world.call("GetSliceAttributes", ADMIN, {"name": "vsys"}, ["slice_attribute_id", "name", "value"])
        self.assertEqual([{"slice_attribute_id": tag, "name": "vsys", "value": "x"}], rows)

    def test_names_that_lived_between_two_releases(self) -> None:
        user = "user@princeton.example"
        key = self.world.call("AddKey", self.world.user, user, "ssh", KEY)
        self.assertEqual([key], self.world.get("Persons", user)["key_ids"])
        self.assertEqual({user: [KEY]}, self.world.call("RetrieveSliceSshKeys", self.world.user, "princeton_codeen"))
        self.world.call("AddRoleToPerson", ADMIN, "tech", user)
        self.assertEqual(1, self.world.call("RemoveRoleFromPerson", ADMIN, user, "tech"))
        self.assertEqual(1, self.world.call("RemovePersonFromSite", ADMIN, user, "princeton"))
        told = self.world.get("Persons", user)
        self.assertEqual((["user"], []), (told["roles"], told["site_ids"]))

    def test_kinds_of_tags_by_each_of_the_names_they_had(self) -> None:
        for name, key, word in (
            ("NodeNetworkSettingType", "nodenetwork_setting_type_id", "name"),
            ("SliceAttributeType", "attribute_type_id", "name"),
            ("InterfaceSettingType", "interface_setting_type_id", "name"),
            ("NodeTagType", "node_tag_type_id", "tagname"),
            ("LinkType", "link_type_id", "name"),
            ("IlinkType", "ilink_type_id", "name"),
        ):
            number = self.world.call(f"Add{name}", ADMIN, {word: f"a {name}"})
            self.world.call(f"Update{name}", ADMIN, number, {"description": "d"})
            rows = self.world.call(f"Get{name}s", ADMIN, {key: number})
            self.assertEqual([(number, f"a {name}", "d")], [(row[key], row[word], row["description"]) for row in rows])
            self.world.call(f"Delete{name}", ADMIN, f"a {name}")
        number = self.world.call("AddAttribute", ADMIN, "colour", {"description": "d"})
        rows = self.world.call("GetAttributes", ADMIN, ["colour"])
        self.assertEqual([(number, "colour")], [(row["attribute_id"], row["name"]) for row in rows])

    def test_an_order_by_the_names_that_fields_had(self) -> None:
        dhcp = {"type": "ipv4", "method": "dhcp"}
        numbers = [self.world.call("AddInterface", ADMIN, 1, dhcp) for _ in range(2)]
        for order, expected in (("-nodenetwork_id", numbers[::-1]), (["+method", "nodenetwork_id"], numbers)):
            rows = self.world.call("GetNodeNetworks", ADMIN, {"-SORT": order, "node_id": 1}, ["nodenetwork_id"])
            self.assertEqual([{"nodenetwork_id": number} for number in expected], rows)
        self.assertEqual(102, self.world.refused("GetNodeNetworks", ADMIN, {"-SORT": 5})[0])

    def test_a_member_of_a_node_group_by_its_tag(self) -> None:
        group = self.world.call("AddNodeGroup", ADMIN, "beta", "deployment", "beta")
        self.world.call("AddNodeToNodeGroup", ADMIN, 1, "beta")
        self.assertEqual([1], self.world.call("AdmGetNodeGroupNodes", ADMIN, group))
        self.world.call("DeleteNodeFromNodeGroup", ADMIN, 1, "beta")
        self.assertEqual([], self.world.call("AdmGetNodeGroupNodes", ADMIN, group))

    def test_keys_one_by_one_and_all(self) -> None:
        user = "user@princeton.example"
        first = self.world.call("AdmAddPersonKey", self.world.user, user, "ssh", KEY, 0)
        self.assertEqual([first], [row["key_id"] for row in self.world.call("AdmGetPersonKeys", self.world.user, user)])
        self.world.call("AdmDeleteAllPersonKeys", self.world.user, user)
        self.assertEqual([], self.world.call("AdmGetPersonKeys", self.world.user, user))

    def test_who_works_where(self) -> None:
        self.assertEqual(1, len(self.world.call("AdmGetSitePIs", ADMIN, "princeton")))
        self.assertEqual(3, len(self.world.call("AdmGetSitePersons", self.world.pi, "princeton")))
        self.assertEqual([2], self.world.call("AdmQuerySite", ADMIN, {"node_hostname": "node1.princeton.example"}))
        self.assertEqual({"2": [1]}, self.world.call("AdmGetSiteNodes", ADMIN, ["princeton"]))
        self.assertEqual({"10", "20", "30", "40", "50"}, set(self.world.call("AdmGetAllRoles", ADMIN)))

    def test_what_today_refuses_is_refused_under_the_old_name(self) -> None:
        self.assertEqual(103, self.world.refused("AdmDeleteSite", self.world.pi, "princeton")[0])
        self.assertEqual(102, self.world.refused("AdmAddSite", ADMIN, "Cornell", "CU", "Not A Login Base")[0])
        self.assertEqual(101, self.world.refused("AdmAddSite", ADMIN, "Cornell")[0])
