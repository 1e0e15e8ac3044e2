"""Facts of the original about nodes and what belongs to them, each found by comparing call by call from outside."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.records import rules
from tests.plcapi.campus import STATIC, Campus, Fault, Id, Row
from tests.plcapi.campus import Fields as Holding
from tests.registry.world import ADMIN, KEY, NOW

NODE = "node1.princeton.example"
DHCP = {"type": "ipv4", "method": "dhcp"}
WRONG, DENIED, DATABASE = Fault(102), Fault(108), Fault(106)
MOST = 2**31 - 1


class Outside(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()

    def holds(self, *rows: Row) -> None:
        self.assertEqual([], [told for row in rows if (told := self.campus.wrong(row))])

    def call(self, name: str, *args: Any) -> Any:
        return self.campus.call(name, ADMIN, *self.campus.value(args))

    def after(self, method: str, *args: Any) -> Any:
        """The events that a method has left."""
        return self.call("GetEvents", {"call_name": method}, *args)


class Fields(Outside):
    def test_a_key_that_cannot_be_set_is_told_before_whose_the_thing_is(self) -> None:
        self.holds(
            Row("pi2", "AddNode", ("princeton", {"hostname": "a.b.org", "colour": "red"}), WRONG),
            Row("pi2", "AddNode", ("princeton", {"hostname": "a.b.org"}), DENIED),
            Row("pi2", "AddNode", ("princeton", {}), DENIED),
            Row("pi2", "UpdateNode", (NODE, {"verified": True}), WRONG),
            Row("pi2", "UpdateNode", (NODE, {"hostname": "none"}), DENIED),
            Row("tech2", "AddInterface", (NODE, {**DHCP, "interface_id": 9}), WRONG),
            Row("tech2", "AddInterface", (NODE, {"mac": "zz"}), DENIED),
            Row("tech2", "UpdateInterface", (Id("interface"), {"node_id": 9}), WRONG),
            Row("tech2", "UpdateInterface", (Id("interface"), {"mac": "zz"}), DENIED),
            Row("tech2", "AddPCU", ("princeton", {"colour": "red"}), DENIED),
        )

    def test_a_node_is_moved_to_a_site_that_is_there_or_the_database_refuses(self) -> None:
        self.holds(
            Row("admin", "UpdateNode", (NODE, {"site_id": MOST}), DATABASE),
            Row("admin", "UpdateNode", (NODE, {"site_id": MOST + 1}), DATABASE),
            Row("admin", "UpdateNode", (NODE, {"site_id": True}), DATABASE),
            Row("admin", "UpdateNode", (NODE, {"site_id": Id("far_site")}), WRONG),
            Row("tech", "UpdateNode", (NODE, {"site_id": MOST}), 1),
            Row("admin", "UpdateNode", (NODE, {"site_id": Id("mit")}), 1,
                ("GetNodes", ([NODE], ["site_id"]), [{"site_id": Id("mit")}])),
        )  # fmt: skip

    def test_a_node_that_is_moved_is_named_by_its_new_site(self) -> None:
        self.assertEqual(1, self.call("UpdateNode", NODE, {"site_id": Id("mit")}))
        self.assertEqual("plc.mit.node1\\.princeton\\.example", self.call("GetNodeHrn", NODE))

    def test_a_host_name_in_another_case_names_no_node(self) -> None:
        other = "Node1.princeton.example"
        self.holds(
            Row("admin", "GetNodes", ([other],), []),
            Row("admin", "UpdateNode", (other, {}), WRONG),
            Row("admin", "DeleteNode", (other,), WRONG),
            Row("admin", "RebootNode", (other,), WRONG),
            Row("admin", "AddNodeToPCU", (other, Id("pcu"), 1), WRONG),
            Row("admin", "AddNode", ("princeton", {"hostname": other}), WRONG),
        )

    def test_an_interface_keeps_the_case_of_its_host_name(self) -> None:
        for name in ("Pl1.CS.Princeton.EDU", "", None):
            self.assertEqual(1, self.call("UpdateInterface", Id("interface"), {"hostname": name}))
            row = self.call("GetInterfaces", [Id("interface")], ["hostname"])
            self.assertEqual([{"hostname": name}], row)

    def test_the_fields_rule_is_asked_before_the_database(self) -> None:
        self.holds(
            Row("admin", "UpdateInterface", (Id("interface"), {"bwlimit": True}), WRONG),
            Row("admin", "UpdateInterface", (Id("interface"), {"bwlimit": False}), DATABASE),
            Row("admin", "UpdateInterface", (Id("interface"), {"bwlimit": MOST + 1}), DATABASE),
            Row("admin", "AddPCUProtocolType", ("M1", {"port": False, "protocol": "x"}), WRONG),
            Row("admin", "AddPCUProtocolType", ("M1", {"port": True, "protocol": "x"}), DATABASE),
        )

    def test_a_port_that_no_int_column_holds_is_refused_by_the_database(self) -> None:
        for port, expected in ((MOST, 1), (-1, 1), (0, 1), (MOST + 1, DATABASE), (-MOST - 2, DATABASE)):
            self.holds(Row("tech", "AddNodeToPCU", (NODE, Id("pcu"), port), expected))

    def test_lists_are_asked_whether_they_may_be_changed_before_the_fields_are_read(self) -> None:
        refused = Fault(103)
        self.holds(
            Row("tech", "UpdateNode", (NODE, {"hostname": "bad", "conf_files": [Id("conf_file")]}), refused),
            Row("tech", "UpdateNode", (NODE, {"slices": [], "boot_state": "dream"}), refused),
            Row("tech", "UpdateNode", (NODE, {"conf_files": [], "boot_state": "dream"}), WRONG),
        )

    def test_a_group_of_hex_digits_is_read_as_python_reads_it(self) -> None:
        kept = "02:0a:ff:00:01:1f"
        for text, told in (("0x2:A:0000ff:0:+1: 1F ", kept), ("2:a:ff:0:1:1f:7", f"{kept}:07"), ("", "")):
            self.holds(Row("tech", "UpdateInterface", (Id("interface"), {"mac": text}), 1,
                           ("GetInterfaces", ([Id("interface")], ["mac"]), [{"mac": told}])))  # fmt: skip
        for text in ("100:2:3:4:5:6", "-1:2:3:4:5:6", "1-2-3-4-5-6", "1:2:3:4:5:", "1:2:3:4:5:٣", ":::::"):
            self.holds(Row("tech", "UpdateInterface", (Id("interface"), {"mac": text}), WRONG))


class Words(Outside):
    def test_a_word_may_be_a_blank(self) -> None:
        for noun in ("BootState", "NodeType", "NetworkMethod", "NetworkType", "KeyType", "SliceInstantiation"):
            self.holds(Row("admin", f"Add{noun}", (" ",), 1, (f"Delete{noun}", (" ",), 1)))
        self.holds(
            Row("admin", "UpdatePCUType", (Id("pcu_type"), {"model": " "}), 1),
            Row("admin", "UpdatePCUType", (Id("pcu_type"), {"model": ""}), WRONG),
            Row("admin", "UpdatePCUProtocolType", (Id("protocol"), {"protocol": " "}), 1),
            Row("admin", "UpdatePCUProtocolType", (Id("protocol"), {"protocol": ""}), WRONG),
        )

    def test_a_word_that_something_uses_stays_unless_it_is_used_by_what_is_deleted(self) -> None:
        self.holds(
            Row("admin", "DeleteBootState", ("boot",), DATABASE),
            Row("admin", "DeleteNodeType", ("reservable",), DATABASE),
            Row("admin", "DeleteSliceInstantiation", ("plc-instantiated",), DATABASE),
            Row("admin", "DeleteNetworkMethod", ("static",), DATABASE),
            Row("admin", "DeleteNetworkType", ("ipv4",), DATABASE),
            Row("admin", "DeleteNode", (Id("reservable"),), 1, ("DeleteNodeType", ("reservable",), 1)),
            Row("admin", "DeleteIlink", (Id("ilink"),), 1, ("DeleteNetworkMethod", ("dhcp",), 1)),
        )
        self.call("UpdateSlice", Id("mit_slice"), {"instantiation": "delegated"})
        self.assertEqual(106, self.campus.refused("DeleteSliceInstantiation", ADMIN, "delegated")[0])
        self.call("DeleteSlice", Id("mit_slice"))
        self.assertEqual(1, self.call("DeleteSliceInstantiation", "delegated"))
        self.assertEqual([], self.call("GetInterfaces", {"method": "dhcp"}))


class Addresses(Outside):
    def test_ipv4_addresses_are_those_that_inet_aton_takes(self) -> None:
        for text, number in (
            ("192.0.2.17", 0xC0000211), ("192.0.529", 0xC0000211), ("10.1", 0x0A000001), ("1", 1), ("0", 0),
            ("0xC0.0.0x2.021", 0xC0000211), ("4294967295", 2**32 - 1), ("00.0.0.0377", 255), ("1.2.65535", 0x0102FFFF),
        ):  # fmt: skip
            self.assertEqual(number, rules.ipv4(text), text)
        for text in (
            *(
                "",
                ".",
                "1.",
                ".1",
                "1..2",
                "1.2.3.4.5",
                "256.1.1.1",
                "1.2.3.256",
                "1.2.65536",
                "4294967296",
                "08",
                "0x",
            ),
            *("1.2.3.4 x", " 1", "1 ", "-1", "+1", "1_0", "1e3", "a.b", "٣.1", "1.2.3.4\n", "0" * 999, "::1"),
        ):
            self.assertIsNone(rules.ipv4(text), text)

    def test_an_address_is_told_as_it_was_written(self) -> None:
        for ip in ("10.1", "0300.0.2.1", "2001:DB8::0:1", "::ffff:192.0.2.1", "192.0.2.1"):
            number = self.call("AddInterface", NODE, {**DHCP, "ip": ip})
            self.assertEqual([{"ip": ip}], self.call("GetInterfaces", [number], ["ip"]))
            self.assertEqual([number], [row["interface_id"] for row in self.call("GetInterfaces", ip)])
            self.assertEqual(1, self.call("DeleteInterface", number))
            self.assertEqual(1, self.call("UpdatePCU", Id("pcu"), {"ip": ip}))
            self.assertEqual([{"ip": ip}], self.call("GetPCUs", [Id("pcu")], ["ip"]))

    def test_what_is_no_address_is_refused(self) -> None:
        for ip in ("nowhere", "192.0.2.256", "1.2.3.4.5", "fe80::1%eth0", ":::", "192.0.2.17 or so", "192.0.2.0/24"):
            self.holds(
                Row("tech", "AddInterface", (NODE, {**DHCP, "ip": ip}), WRONG),
                Row("tech", "UpdateInterface", (Id("interface"), {"dns2": ip}), WRONG),
                Row("tech", "UpdatePCU", (Id("pcu"), {"ip": ip}), WRONG),
            )

    def test_a_mask_counts_bit_by_bit(self) -> None:
        number = self.call("AddInterface", NODE, DHCP) + 1
        self.call("DeleteInterface", number - 1)
        static = {**STATIC, "is_primary": False}
        self.holds(
            Row("tech", "AddInterface", (NODE, {**static, "netmask": "255.0.255.0"}), number - 1),
            Row("tech", "AddInterface", (NODE, {**static, "ip": "192.7.2.1", "netmask": "255.0.255.0"}), number - 1),
            Row("tech", "AddInterface", (NODE, {**static, "ip": "192.0.3.1", "netmask": "255.0.255.0"}), WRONG),
            Row("tech", "AddInterface", (NODE, {**static, "ip": "192.0.530"}), number - 1),
            Row("tech", "AddInterface", (NODE, {**static, "gateway": "2001:db8::1"}), WRONG),
        )

    def test_a_peers_address_is_https_in_any_case_and_its_path_ends_in_a_slash(self) -> None:
        number = self.campus.ids["peer"] + 1
        for url in (
            "https://p/",
            "HTTPS://P/PLCAPI/",
            "https://[2001:db8::1]:443/a/",
            "https://p/a/?b",
            "https://é/x/",
        ):
            self.holds(Row("admin", "AddPeer", ({"peername": "p", "peer_url": url},), number))
        for url in ("https://p", "http://p/", "p/", "", "https://p/a", "https://p?/", "https://p/a#/", "https://[p/"):
            self.holds(Row("admin", "AddPeer", ({"peername": "p", "peer_url": url},), WRONG))


class Related(Outside):
    def test_names_that_are_none_are_passed_over_and_numbers_that_are_none_refused(self) -> None:
        for field in ("slices", "slices_whitelist"):
            self.holds(
                Row("admin", "UpdateNode", (NODE, {field: ["princeton_none", Id("mit_slice")]}), 1,
                    ("GetNodes", ([NODE], ["slice_ids" if field == "slices" else "slice_ids_whitelist"]),
                     [{"slice_ids" if field == "slices" else "slice_ids_whitelist": [Id("mit_slice")]}])),
                Row("admin", "UpdateNode", (NODE, {field: [99]}), WRONG),
                Row("admin", "UpdateNode", (NODE, {field: [Id("far_slice")]}), WRONG),
                Row("admin", "UpdateNode", (NODE, {field: [1.5]}), WRONG),
            )  # fmt: skip
        self.holds(Row("admin", "UpdateNode", (NODE, {"conf_files": [99]}), WRONG))

    def test_a_group_is_kept_while_a_slice_has_tags_for_it(self) -> None:
        self.call("AddSliceTag", Id("slice"), "colour", "green", None, "rings")
        self.assertEqual(106, self.campus.refused("DeleteNodeGroup", ADMIN, "rings")[0])
        self.call("DeleteSlice", Id("slice"))
        self.assertEqual(1, self.call("DeleteNodeGroup", "rings"))

    def test_a_type_of_tags_is_kept_while_a_link_is_of_it(self) -> None:
        self.call("AddTagType", {"tagname": "cable"})
        link = self.call("AddIlink", Id("interface2"), Id("interface"), "cable", "red")
        self.assertEqual(106, self.campus.refused("DeleteTagType", ADMIN, "cable")[0])
        self.call("DeleteIlink", link)
        self.assertEqual(1, self.call("DeleteTagType", "cable"))

    def test_what_is_bound_to_one_peer_is_not_bound_to_another(self) -> None:
        self.call("AddPeer", {"peername": "Other", "peer_url": "https://other.example.org/", "shortname": "OTH"})
        ids = self.campus.ids
        near, far = ids["node"], ids["far_node"]
        for number, shortname, theirs in ((far, "oth", 8), (near, "ple", 7), (near, "ple", MOST + 1)):
            code, _ = self.campus.refused("BindObjectToPeer", ADMIN, "node", number, shortname, theirs)
            self.assertEqual(106, code)
        self.assertEqual(1, self.call("BindObjectToPeer", "NODE", Id("far_node"), "ple", 9))
        self.assertEqual([{"peer_node_id": 7}], self.call("GetNodes", [Id("far_node")], ["peer_node_id"]))


class Booting(Outside):
    def by_node(self, name: str, *args: Any) -> Any:
        return self.campus.by_node(self.campus.node_id, name, *args)

    def test_what_changes_nothing_is_no_event(self) -> None:
        said = {"boot_state": "boot", "ssh_rsa_key": "ssh-rsa AAAA node1"}
        self.assertEqual(1, self.by_node("BootUpdateNode", said))
        (event,) = self.after("BootUpdateNode")
        told = (event["node_id"], event["message"], event["object_ids"], event["object_types"])
        self.assertEqual((self.campus.node_id, "Boot updated: ssh_rsa_key", [self.campus.node_id], ["Node"]), told)
        self.assertEqual(1, self.by_node("BootUpdateNode", {}))
        self.assertEqual(1, self.by_node("BootUpdateNode", said))
        self.assertEqual(1, len(self.after("BootUpdateNode")))
        there = {"interface_id": self.campus.ids["interface"]}
        for dns2, events in (("192.0.2.9", 2), ("192.0.2.9", 2), (None, 3)):
            self.assertEqual(1, self.by_node("BootUpdateNode", {**said, "primary_network": {**there, "dns2": dns2}}))
            self.assertEqual(events, len(self.after("BootUpdateNode")))

    def test_an_empty_host_key_is_kept_and_means_that_the_node_has_booted(self) -> None:
        for said in ({"ssh_rsa_key": ""}, {"ssh_host_key": "ssh-rsa AAAA new"}, {"ssh_host_key": ""}):
            self.campus.clock.advance(60)
            self.assertEqual(1, self.by_node("BootUpdateNode", said))
            row = self.call("GetNodes", [NODE], ["ssh_rsa_key", "last_boot"])[0]
            key = next(iter(said.values()))
            self.assertEqual({"ssh_rsa_key": key, "last_boot": int(self.campus.clock.now())}, row)

    def test_the_new_name_of_the_host_key_wins_over_the_old_one(self) -> None:
        self.by_node("BootUpdateNode", {"ssh_host_key": "old", "ssh_rsa_key": "new"})
        expected = [{"ssh_rsa_key": "new", "last_boot": None}]
        self.assertEqual(expected, self.call("GetNodes", [NODE], ["ssh_rsa_key", "last_boot"]))

    def test_a_report_without_a_run_level_shows_that_the_node_is_there(self) -> None:
        self.assertEqual(1, self.by_node("ReportRunlevel", {"run_level": "safeboot"}))
        self.campus.clock.advance(60)
        self.assertEqual(1, self.by_node("ReportRunlevel", {"weather": "fine"}))
        row = self.call("GetNodes", [NODE], ["run_level", "last_contact"])[0]
        self.assertEqual({"run_level": "safeboot", "last_contact": int(NOW) + 60}, row)
        self.holds(
            Row("admin", "ReportRunlevel", ({}, NODE), 1),
            Row("admin", "ReportRunlevel", ({},), WRONG),
            Row("admin", "ReportRunlevel", ({"run_level": ""}, NODE), DATABASE),
        )

    def test_a_medium_of_no_node_needs_no_interface(self) -> None:
        self.call("DeleteInterface", Id("interface2"))
        asked = (ADMIN, self.campus.ids["node2"])
        self.assertEqual(102, self.campus.refused("GetBootMedium", *asked, "node-preview", "")[0])
        code, text = self.campus.refused("GetBootMedium", *asked, "generic-usb", "")
        self.assertEqual((111, True), (code, "no boot CD material is configured" in text), text)

    def test_what_no_medium_is_is_told_before_whose_the_node_is(self) -> None:
        self.holds(
            Row("tech2", "GetBootMedium", (NODE, "node-dream", ""), WRONG),
            Row("tech2", "GetBootMedium", (NODE, "node-preview", "", ["partition"]), WRONG),
            Row("tech2", "GetBootMedium", (NODE, "node-preview", ""), DENIED),
            Row("tech2", "GetBootMedium", (NODE, "generic-iso", ""), DENIED),
        )

    def test_of_a_peers_node_strangers_are_told_first_that_they_are_strangers(self) -> None:
        far = "far1.princeton.example"
        for who, code in (("tech", DENIED), ("admin", WRONG)):
            self.holds(
                Row(who, "AddInterface", (far, DHCP), code),
                Row(who, "RebootNode", (far,), code),
                Row(who, "RebootNodeWithPCU", (far,), code),
            )
        for method, *args in (("UpdateNode", {}), ("DeleteNode",), ("GenerateNodeConfFile",)):
            self.holds(Row("tech", method, (far, *args), WRONG))

    def test_an_auth_struct_that_names_no_kind_is_refused_where_only_one_kind_will_do(self) -> None:
        for method in ("BootGetNodeDetails", "AuthCheck"):
            signed = self.campus.signed(self.campus.node_id)
            del signed["AuthMethod"]
            self.assertEqual(102, self.campus.refused(method, signed)[0])
        session = self.by_node("GetSession")
        self.assertEqual(102, self.campus.refused("DeleteSession", {"session": session})[0])
        self.assertEqual(1, self.campus.call("AuthCheck", {"AuthMethod": "session", "session": session}))

    def test_of_two_groups_the_one_that_was_told_first_counts(self) -> None:
        self.call("AddNodeGroup", "reds", "colour", "red")
        self.call("AddNodeTag", self.campus.node_id, "ring", "inner")
        ids = self.campus.ids
        self.assertLess(ids["group"], self.call("GetNodeGroups", ["reds"])[0]["nodegroup_id"])
        for value, group in (("one", "reds"), ("two", "rings"), ("three", "reds")):
            self.call("AddSliceTag", Id("slice"), "vref", value, None, group)
        self.call("AddSliceTag", Id("slice"), "vref", "everywhere")
        (sliver,) = (one for one in self.by_node("GetSlivers")["slivers"] if one["slice_id"] == ids["slice"])
        told = [tag["value"] for tag in sliver["attributes"] if tag["tagname"] == "vref"]
        self.assertEqual(["one", "three"], told)

    def test_the_event_of_a_new_node_names_its_site_too(self) -> None:
        number = self.call("AddNode", "princeton", {"hostname": "New.princeton.example", "arch": "x86"})
        (event,) = self.after("AddNode", ["message", "object_ids", "object_types"])[-1:]
        self.assertEqual(f"Node {number}=new.princeton.example created", event["message"])
        told = dict(zip(event["object_types"], event["object_ids"], strict=True))
        self.assertEqual((self.campus.ids["site"], number), (told["Site"], told["Node"]))

    def test_an_empty_tag_of_a_nodes_flavour_is_filled_in(self) -> None:
        self.call("SetNodeArch", NODE, "")
        self.holds(Row("user", "GetNodeFlavour", (NODE,), Holding("arch"), ("GetNodeArch", (NODE,), "x86_64")))

    def test_what_is_gone_says_what_its_tags_still_say(self) -> None:
        self.holds(
            Row("admin", "DeleteSite", (Id("mit"),), 1, ("GetSiteHrn", (Id("mit"),), "plc.mit")),
            Row(
                "admin",
                "DeletePerson",
                (Id("member_id"),),
                1,
                ("GetPersonHrn", (Id("member_id"),), "plc.princeton.user"),
            ),
            Row("admin", "DeleteNode", (NODE,), 1, ("GetNodeHrn", (NODE,), None)),
            Row("admin", "DeleteSite", (Id("mit"),), 1, ("SetSiteHrn", (Id("mit"), "x"), WRONG)),
        )

    def test_who_is_root_by_two_ways_is_told_twice(self) -> None:
        self.call("AddTagType", {"tagname": "isrootonsite"})
        for who in ("pi", "member"):
            self.call("AddPersonTag", Id(f"{who}_id"), "isrootonsite", "true")
        self.call("AddRoleToPerson", "admin", Id("pi_id"))
        self.call("AddPersonKey", Id("pi_id"), {"key_type": "ssh", "key": KEY})
        told = {each["name"]: each["keys"] for each in self.by_node("GetSlivers")["accounts"]}
        self.assertEqual({"root": [KEY, KEY], "site_admin": [KEY]}, told)
