"""Node groups, configuration files, scripts, power units, links: what their methods refuse, and what they keep."""

from twisted.trial.unittest import SynchronousTestCase

from mgmt_authority.methods import flavours
from planetlab.errors import BadArgument, Forbidden, NotAuthenticated
from tests.registry.world import Princeton, rows

FILE = {"source": "conf/ntp.conf", "dest": "/etc/ntp.conf"}


class Keeping(SynchronousTestCase):
    def setUp(self):
        self.world = Princeton()
        self.admin = self.world.admin

    def call(self, name, *args):
        return self.world.call(name, self.admin, *args)

    def code(self, name, *args, by=None):
        return self.world.refused(name, by or self.admin, *args)[0]


class ConfigurationFiles(Keeping):
    def test_a_file_without_source_or_place_is_refused(self):
        for said in ({"source": "a"}, {"dest": "/b"}, {"source": None, "dest": "/b"}, {}):
            self.assertEqual(102, self.code("AddConfFile", said))

    def test_a_command_longer_than_its_limit_in_octets_is_refused(self):
        self.assertEqual(102, self.code("AddConfFile", {**FILE, "postinstall_cmd": "é" * 513}))
        number = self.call("AddConfFile", {**FILE, "postinstall_cmd": "é" * 512})
        self.assertEqual("é" * 512, self.world.get("ConfFiles", number)["postinstall_cmd"])

    def test_who_is_no_admin_may_not(self):
        for auth in (self.world.pi, self.world.user, self.world.tech):
            self.assertEqual(103, self.code("AddConfFile", FILE, by=auth))
            self.assertEqual(103, self.code("GetConfFiles", by=auth))

    def test_unknown_fields_are_dropped_and_unknown_files_refused(self):
        number = self.call("AddConfFile", {**FILE, "colour": "red"})
        self.assertEqual(1, self.call("UpdateConfFile", number, {"node_ids": [7], "enabled": False}))
        there = self.world.get("ConfFiles", number)
        self.assertEqual(
            (False, [], "0644", "root"),
            tuple(there[k] for k in ("enabled", "node_ids", "file_permissions", "file_owner")),
        )
        self.assertEqual(102, self.code("UpdateConfFile", number + 1, {}))
        self.assertEqual(102, self.code("DeleteConfFile", number + 1))

    def test_a_link_is_there_once_and_goes_without_complaint(self):
        number = self.call("AddConfFile", FILE)
        for _ in range(2):
            self.assertEqual(1, self.call("AddConfFileToNode", number, "node1.princeton.example"))
        self.assertEqual([self.world.node_id], self.world.get("ConfFiles", number)["node_ids"])
        for _ in range(2):
            self.assertEqual(1, self.call("DeleteConfFileFromNode", number, self.world.node_id))
        self.assertEqual([], self.world.get("ConfFiles", number)["node_ids"])
        self.assertEqual(102, self.code("AddConfFileToNode", number, 99))

    def test_a_node_gets_the_nearest_file_of_a_place(self):
        self.call("UpdateNode", self.world.node_id, {"deployment": "alpha"})
        group = self.call("AddNodeGroup", "alphas", "deployment", "alpha")
        for source in ("of all", "of the group", "of the node"):
            self.call("AddConfFile", {**FILE, "source": source})
        one, two, three = (row["conf_file_id"] for row in self.call("GetConfFiles"))
        self.call("AddConfFileToNodeGroup", two, group)
        self.call("AddConfFileToNode", three, self.world.node_id)
        told = []
        for gone in (three, two, one):
            told += [
                row["source"] for row in self.world.call("GetSlivers", self.admin, self.world.node_id)["conf_files"]
            ]
            self.call("DeleteConfFile", gone)
        self.assertEqual(["of the node", "of the group", "of all"], told)


class Groups(Keeping):
    def test_a_name_that_is_taken_and_a_tag_that_is_none_are_refused(self):
        self.call("AddNodeGroup", "alphas", "deployment", "alpha")
        self.assertEqual(106, self.code("AddNodeGroup", "alphas", "deployment", "beta"))
        self.assertEqual(102, self.code("AddNodeGroup", "betas", "no such tag", "beta"))
        self.assertEqual(102, self.code("AddNodeGroup", "b" * 51, "deployment", "beta"))

    def test_members_follow_the_value_of_the_tag(self):
        group = self.call("AddNodeGroup", "alphas", "deployment", "alpha")
        self.assertEqual([], self.world.get("NodeGroups", group)["node_ids"])
        self.call("UpdateNode", self.world.node_id, {"deployment": "alpha"})
        self.assertEqual([self.world.node_id], self.world.get("NodeGroups", "alphas")["node_ids"])
        self.call("UpdateNodeGroup", "alphas", {"value": "beta", "node_ids": [1]})
        self.assertEqual([], self.world.get("NodeGroups", group)["node_ids"])

    def test_anybody_may_look_and_only_admins_change(self):
        self.call("AddNodeGroup", "alphas", "deployment", "alpha")
        self.assertEqual("alphas", self.world.call("GetNodeGroups", {"AuthMethod": "anonymous"})[0]["groupname"])
        self.assertEqual(103, self.code("DeleteNodeGroup", "alphas", by=self.world.pi))

    def test_a_group_that_slice_tags_are_for_stays_and_gone_it_leaves_the_nodes_their_tags(self):
        self.call("UpdateNode", self.world.node_id, {"deployment": "alpha"})
        group = self.call("AddNodeGroup", "alphas", "deployment", "alpha")
        tag = self.call("AddSliceTag", self.world.slice_id, "vref", "f14", None, group)
        self.assertEqual(106, self.code("DeleteNodeGroup", "alphas"))
        self.call("DeleteSliceTag", tag)
        self.assertEqual(1, self.call("DeleteNodeGroup", "alphas"))
        self.assertEqual([], self.call("GetNodeGroups"))
        self.assertEqual("alpha", self.world.get("Nodes", self.world.node_id, "deployment")["deployment"])


class Scripts(Keeping):
    def test_a_script_has_a_name_of_its_own_and_a_text(self):
        self.call("AddInitScript", {"name": "start", "script": "#!/bin/sh\n"})
        for said in (
            {"name": "start", "script": "x"},
            {"name": "other"},
            {"script": "x"},
        ):
            self.assertEqual(102, self.code("AddInitScript", said))

    def test_it_is_updated_by_number_and_deleted_by_either(self):
        number = self.call("AddInitScript", {"name": "start", "script": "a"})
        self.assertEqual(102, self.code("UpdateInitScript", "start", {"script": "b"}))
        self.call("UpdateInitScript", number, {"script": "b", "name": "start"})
        self.assertEqual("b", self.world.get("InitScripts", "start")["script"])
        self.assertEqual(1, self.call("DeleteInitScript", "start"))
        self.assertEqual([], self.call("GetInitScripts"))


class PowerUnits(Keeping):
    def setUp(self):
        super().setUp()
        self.unit = self.call("AddPCU", "princeton", {"ip": "192.0.2.9", "password": "secret"})

    def test_an_address_is_needed_and_must_be_one(self):
        self.assertEqual(102, self.code("AddPCU", "princeton", {"hostname": "pcu1"}))
        self.assertEqual(102, self.code("AddPCU", "princeton", {"ip": "pcu1.princeton.example"}))
        self.assertEqual(102, self.code("AddPCU", "nowhere", {"ip": "192.0.2.9"}))

    def test_staff_reaches_the_units_of_its_own_site_only(self):
        self.world.site("cornell")
        there = self.call("AddPCU", "cornell", {"ip": "192.0.2.10"})
        for auth in (self.world.pi, self.world.tech):
            self.assertEqual([self.unit], [row["pcu_id"] for row in self.world.call("GetPCUs", auth)])
            self.assertEqual(108, self.code("UpdatePCU", there, {"notes": "ours"}, by=auth))
            self.assertEqual(108, self.code("DeletePCU", there, by=auth))
            self.assertEqual(108, self.code("AddNodeToPCU", self.world.node_id, there, 1, by=auth))
            self.assertEqual(108, self.code("AddPCU", "cornell", {"ip": "192.0.2.11"}, by=auth))
        self.assertEqual(103, self.code("GetPCUs", by=self.world.user))
        told = self.world.by_node(self.world.node_id, "GetPCUs")
        self.assertEqual(["secret"], [row["password"] for row in told])

    def test_a_port_takes_one_node_and_a_unit_each_node_once(self):
        other = self.world.node("node2")
        self.call("AddNodeToPCU", self.world.node_id, self.unit, 3)
        self.assertEqual(102, self.code("AddNodeToPCU", other, self.unit, 3))
        self.assertEqual(102, self.code("AddNodeToPCU", self.world.node_id, self.unit, 4))
        self.world.site("cornell")
        self.assertEqual(102, self.code("AddNodeToPCU", self.world.node("away", "cornell"), self.unit, 5))
        self.assertEqual(102, self.code("AddNodeToPCU", other, self.unit + 1, 5))
        there = self.world.get("PCUs", self.unit)
        self.assertEqual(([self.world.node_id], [3]), (there["node_ids"], there["ports"]))

    def test_taking_off_a_node_that_is_not_there_is_no_error(self):
        for _ in range(2):
            self.assertEqual(1, self.call("DeleteNodeFromPCU", self.world.node_id, self.unit))

    def test_what_is_on_it_is_not_changed_by_an_update(self):
        self.call("AddNodeToPCU", self.world.node_id, self.unit, 3)
        self.call("UpdatePCU", self.unit, {"node_ids": [], "ports": [], "last_updated": 5, "model": "IPMI"})
        there = self.world.get("PCUs", self.unit)
        self.assertEqual((["IPMI"], [3]), ([there["model"]], there["ports"]))

    def test_models_tell_their_ports_as_structs_and_each_port_once(self):
        kind = self.call("AddPCUType", {"model": "Maker9", "name": "Maker 9"})
        port = self.call("AddPCUProtocolType", "Maker9", {"port": 80, "protocol": "http"})
        self.assertEqual(102, self.code("AddPCUProtocolType", kind, {"port": 80, "protocol": "ssh"}))
        self.assertEqual(102, self.code("AddPCUProtocolType", kind, {"protocol": "ssh"}))
        self.assertEqual(102, self.code("AddPCUType", {"model": "Maker9"}))
        second = self.call("AddPCUProtocolType", kind, {"port": 22, "protocol": "ssh", "supported": False})
        self.assertEqual(102, self.code("UpdatePCUProtocolType", second, {"port": 80}))
        expected = [
            {"pcu_protocol_type_id": port, "port": 80, "protocol": "http", "supported": True},
            {"pcu_protocol_type_id": second, "port": 22, "protocol": "ssh", "supported": False},
        ]
        told = self.world.get("PCUTypes", "Maker9")["pcu_protocol_types"]
        self.assertEqual(expected, sorted(told, key=lambda each: each["pcu_protocol_type_id"]))
        self.assertEqual(1, self.call("DeletePCUType", kind))
        self.assertEqual([], self.call("GetPCUProtocolTypes", [port, second]))


class Links(Keeping):
    def setUp(self):
        super().setUp()
        ends = {"type": "ipv4", "method": "dhcp"}
        self.here = self.call("AddInterface", self.world.node_id, {**ends, "ip": "192.0.2.17"})
        self.world.site("cornell")
        self.there = self.call("AddInterface", self.world.node("away", "cornell"), {**ends, "ip": "192.0.2.18"})
        self.call("AddTagType", {"tagname": "speed", "category": "link/config"})
        self.call("AddRoleToTagType", "tech", "speed")

    def test_the_same_type_on_the_same_pair_is_refused(self):
        self.call("AddIlink", self.here, self.there, "speed", "fast")
        self.assertEqual(102, self.code("AddIlink", self.here, self.there, "speed", "slow"))
        self.assertEqual(102, self.code("AddIlink", self.here, 99, "speed", "slow"))
        self.assertIsInstance(self.call("AddIlink", self.there, self.here, "speed", "slow"), int)

    def test_who_holds_the_types_role_at_one_end_may(self):
        number = self.world.call("AddIlink", self.world.tech, self.here, self.there, "speed", "fast")
        self.assertEqual(108, self.code("UpdateIlink", number, "slow", by=self.world.pi))
        self.assertEqual(1, self.world.call("UpdateIlink", self.world.tech, number, "slow"))
        far = self.call("AddInterface", "away.princeton.example", {"type": "ipv4", "method": "dhcp"})
        self.assertEqual(108, self.code("AddIlink", self.there, far, "speed", "fast", by=self.world.tech))
        self.assertEqual(103, self.code("DeleteIlink", number, by=self.world.tech))
        self.assertEqual(1, self.call("DeleteIlink", number))


class Flavours(Keeping):
    def test_what_tags_do_not_say_comes_from_the_settings_and_stays(self):
        self.call("UpdateNode", self.world.node_id, {"extensions": "a b", "fcdistro": "f8"})
        told = self.call("GetNodeFlavour", "node1.princeton.example")
        self.assertEqual("planetlab-f8-x86_64", told["nodefamily"])
        self.assertEqual(["a-f8-x86_64", "b-f8-x86_64"], told["extensions"])
        self.assertIs(False, told["plain"])
        kept = self.world.get("Nodes", self.world.node_id, "arch", "pldistro", "virt")
        self.assertEqual({"arch": "x86_64", "pldistro": "planetlab", "virt": None}, kept)

    def test_how_slivers_are_made_follows_from_the_nodes_system_unless_its_tag_says(self):
        for said, told in (({"fcdistro": "f12"}, "vs"), ({"fcdistro": "f14"}, "lxc"), ({"virt": "xen"}, "xen")):
            self.call("UpdateNode", self.world.node_id, said)
            self.assertEqual(told, self.call("GetNodeFlavour", self.world.node_id)["virt"])
        for stated, told in (
            ("lxc", "lxc"),
            ("f8 , f9:vs; default: qemu", "qemu"),
            ("f8:vs", ""),
            ("f14:a;f14:b", "b"),
        ):
            self.assertEqual(told, flavours.made_by(stated, "f14"))

    def test_slices_tell_their_family_by_their_tags(self):
        self.assertEqual("planetlab-f14-x86_64", self.call("GetSliceFamily", "princeton_codeen"))
        self.call("UpdateSlice", self.world.slice_id, {"vref": "onelab", "arch": "i386"})
        self.assertEqual("onelab-f14-i386", self.call("GetSliceFamily", self.world.slice_id))
        self.assertEqual(102, self.code("GetSliceFamily", "princeton_nothing"))
        self.assertEqual(103, self.code("GetSliceFamily", self.world.slice_id, by=self.world.pi))


class Events(Keeping):
    def test_what_was_done_is_told_to_admins_without_a_secret(self):
        for auth in (self.world.pi, self.world.tech):
            self.assertRaises(NotAuthenticated, self.world.call, "GetEvents", auth)
        told = self.call("GetEvents", {"call_name": "AddPerson", "-SORT": "event_id"})
        self.assertTrue(told)
        for event in told:
            self.assertNotIn("own", event["call"])
            self.assertIn("Removed by API", event["call"])
        touched = self.call("GetEventObjects", {"object_type": "Slice", "object_id": self.world.slice_id})
        self.assertIn("AddSlice", [row["call_name"] for row in touched])

    def test_a_session_leaves_no_key_in_the_events(self):
        key = self.call("AddSession", "user@princeton.example")
        self.world.call(
            "UpdateNode",
            {"AuthMethod": "session", "session": self.call("GetSession")},
            self.world.node_id,
            {"model": "x"},
        )
        printed = "".join(event["call"] + (event["message"] or "") for event in self.call("GetEvents"))
        self.assertNotIn(key, printed)
        self.assertRaises(BadArgument, self.call, "GetEvents", {"secret": 1})

    def test_a_refused_call_leaves_none(self):
        before = self.world.store(lambda store: rows(store, "events"))
        self.assertRaises(
            Forbidden, self.world.call, "AddNode", self.world.pi, self.world.site("far"), {"hostname": "a.b.org"}
        )
        self.assertEqual(before + 1, self.world.store(lambda store: rows(store, "events")))
