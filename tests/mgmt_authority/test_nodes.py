"""Nodes and interfaces, what a node says while it boots, and what it is told."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mgmt_authority import boot
from tests.registry.world import ADMIN, KEY, NOW, Princeton

STATIC = {
    "type": "ipv4",
    "method": "static",
    "ip": "192.0.2.17",
    "network": "192.0.2.0",
    "netmask": "255.255.255.0",
    "broadcast": "192.0.2.255",
    "gateway": "192.0.2.1",
    "dns1": "192.0.2.53",
}


class Nodes(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def test_bad_host_names_and_taken_ones_are_102(self) -> None:
        for name in ("node", "no_de.example.org", "-n.example.org", "n.example.o", "NODE1.princeton.example", "n..org"):
            self.assertEqual(102, self.world.refused("AddNode", ADMIN, "princeton", {"hostname": name})[0], name)

    def test_techs_and_pis_work_at_their_sites(self) -> None:
        self.world.site("cornell")
        self.assertIsInstance(self.world.call("AddNode", self.world.tech, "princeton", {"hostname": "a.b.org"}), int)
        self.assertEqual(108, self.world.refused("AddNode", self.world.tech, "cornell", {"hostname": "c.b.org"})[0])
        self.assertEqual(103, self.world.refused("AddNode", self.world.user, "princeton", {"hostname": "d.b.org"})[0])

    def test_the_secrets_of_nodes_are_the_admins(self) -> None:
        for auth in (self.world.pi, self.world.tech, self.world.user, {"AuthMethod": "anonymous"}):
            row = self.world.call("GetNodes", auth)[0]
            self.assertEqual(set(), {"key", "session", "boot_nonce"} & row.keys())
        self.assertEqual({"node_id": 1}, self.world.call("GetNodes", self.world.pi, None, ["node_id", "key"])[0])
        self.world.call("UpdateNode", self.world.pi, 1, {"key": "mine now"})
        self.assertNotEqual("mine now", self.world.get("Nodes", 1)["key"])

    def test_what_a_node_alone_says_cannot_be_set(self) -> None:
        for name, value in (("run_level", "boot"), ("verified", True), ("last_contact", 3), ("colour", "x")):
            self.assertEqual(102, self.world.refused("UpdateNode", ADMIN, 1, {name: value})[0], name)
        self.assertEqual(102, self.world.refused("UpdateNode", ADMIN, 1, {"boot_state": "dance"})[0])

    def test_a_whitelisted_node_is_hidden_from_others(self) -> None:
        self.world.site("cornell")
        stranger = self.world.person("stranger", "user", site="cornell")
        other = self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        self.world.call("AddSliceToNodesWhitelist", ADMIN, other, [1])
        self.assertEqual([], self.world.call("GetNodes", stranger))
        self.assertEqual(1, len(self.world.call("GetNodes", self.world.pi)))
        self.world.call("AddPersonToSlice", ADMIN, "stranger@princeton.example", other)
        self.assertEqual(1, len(self.world.call("GetNodes", stranger)))
        self.assertEqual(1, len(self.world.call("GetWhitelist", stranger)))

    def test_a_deleted_node_leaves_no_trace_but_its_number(self) -> None:
        self.world.call("AddInterface", ADMIN, 1, STATIC)
        self.world.call("DeleteNode", self.world.tech, 1)
        self.assertEqual(([], []), (self.world.call("GetNodes", ADMIN), self.world.call("GetInterfaces", ADMIN)))
        self.assertEqual([], self.world.get("Slices", 1)["node_ids"])
        self.assertEqual(2, self.world.call("AddNode", ADMIN, 2, {"hostname": "node1.princeton.example"}))

    def test_a_site_takes_its_nodes_slices_and_people_with_it(self) -> None:
        self.world.call("AddPersonToSite", ADMIN, "tech@princeton.example", "pl")
        self.world.call("DeleteSite", ADMIN, "princeton")
        self.assertEqual(([], []), (self.world.call("GetNodes", ADMIN), self.world.call("GetSlices", ADMIN)))
        left = [row["email"] for row in self.world.call("GetPersons", ADMIN, None, ["email"])]
        self.assertIn("tech@princeton.example", left)
        self.assertNotIn("pi@princeton.example", left)


class Interfaces(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def test_the_first_is_primary_and_there_is_no_second(self) -> None:
        first = self.world.call("AddInterface", self.world.tech, 1, {**STATIC, "is_primary": False})
        self.assertTrue(self.world.get("Interfaces", first)["is_primary"])
        self.assertEqual(102, self.world.refused("AddInterface", ADMIN, 1, {**STATIC, "is_primary": True})[0])

    def test_what_cannot_work_is_102_not_a_crash(self) -> None:
        for name, value in (
            ("network", "198.51.100.0"), ("broadcast", "198.51.100.255"), ("gateway", "198.51.100.1"),
            ("ip", "nowhere"), ("method", "magic"), ("type", "ipx"), ("bwlimit", 5), ("mac", "zz"), ("dns1", ""),
            ("netmask", "1.2.3.4"),
        ):  # fmt: skip
            self.assertEqual(102, self.world.refused("AddInterface", ADMIN, 1, {**STATIC, name: value})[0], name)

    def test_no_value_is_taken_from_an_earlier_call(self) -> None:
        self.world.call("AddInterface", ADMIN, 1, STATIC)
        second = self.world.node("node2")
        without = {name: value for name, value in STATIC.items() if name != "gateway"}
        code, text = self.world.refused("AddInterface", ADMIN, second, without)
        self.assertEqual((102, True), (code, "needs gateway" in text))

    def test_a_hardware_address_is_kept_in_one_form(self) -> None:
        number = self.world.call("AddInterface", ADMIN, 1, {**STATIC, "mac": "2:0:0:0:0:AB"})
        self.assertEqual("02:00:00:00:00:ab", self.world.get("Interfaces", number)["mac"])

    def test_a_change_must_leave_it_working(self) -> None:
        number = self.world.call("AddInterface", ADMIN, 1, STATIC)
        self.assertEqual(102, self.world.refused("UpdateInterface", ADMIN, number, {"gateway": "198.51.100.1"})[0])
        self.assertEqual(1, self.world.call("UpdateInterface", self.world.tech, number, {"ip": "192.0.2.18"}))


class Booting(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()

    def test_having_just_booted_sets_the_times(self) -> None:
        self.world.by_node(1, "BootUpdateNode", {})
        self.world.clock.advance(100)
        self.world.by_node(1, "ReportRunlevel", {"run_level": "boot"})
        self.world.clock.advance(50)
        self.world.by_node(1, "BootUpdateNode", {})
        row = self.world.get("Nodes", 1)
        self.assertEqual((int(NOW) + 150, 100, 50),
                         (row["last_boot"], row["last_time_spent_online"], row["last_time_spent_offline"]))  # fmt: skip

    def test_a_reboot_by_power_is_confirmed_within_twenty_minutes(self) -> None:
        node: dict[str, Any] = {"last_boot": None, "last_contact": None, "last_pcu_reboot": 1000}
        self.assertEqual(1300, boot.booted(node, 1300)["last_pcu_confirmation"])
        self.assertNotIn("last_pcu_confirmation", boot.booted(node, 1000 + 1200))

    def test_results_are_recorded_and_unknown_keys_ignored(self) -> None:
        said = {"boot_state": "boot", "ssh_rsa_key": "ssh-rsa AAAA node1", "weather": "fine"}
        self.world.by_node(1, "BootUpdateNode", said)
        row = self.world.get("Nodes", 1)
        self.assertEqual(
            ("boot", "ssh-rsa AAAA node1", None), (row["boot_state"], row["ssh_rsa_key"], row["last_boot"])
        )

    def test_a_node_changes_its_primary_interface_but_not_its_address(self) -> None:
        number = self.world.call("AddInterface", ADMIN, 1, STATIC)
        said = {"primary_network": {"interface_id": number, "dns1": "192.0.2.99", "ip": "192.0.2.66"}}
        self.world.by_node(1, "BootUpdateNode", said)
        row = self.world.get("Interfaces", number)
        self.assertEqual(("192.0.2.99", "192.0.2.17"), (row["dns1"], row["ip"]))
        wrong = {"primary_network": {"interface_id": 77}}
        self.assertEqual(102, self.world.refused("BootUpdateNode", self.world.signed(1, wrong), wrong)[0])

    def test_nils_are_empty_texts_to_a_booting_node(self) -> None:
        self.assertNotIn("networks", self.world.by_node(1, "BootGetNodeDetails"))
        self.world.call("AddInterface", ADMIN, 1, STATIC)
        told = self.world.by_node(1, "BootGetNodeDetails")
        self.assertEqual(("", ""), (told["model"], told["networks"][0]["mac"]))
        self.assertEqual(told["session"], self.world.get("Nodes", 1)["session"])

    def test_an_unknown_run_level_is_106(self) -> None:
        said = {"run_level": "walk"}
        self.assertEqual(106, self.world.refused("ReportRunlevel", self.world.signed(1, said), said)[0])
        self.assertEqual(1, self.world.call("ReportRunlevel", ADMIN, {"run_level": "boot"}, 1))


class Slivers(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()
        self.world.call("AddPersonKey", self.world.user, "user@princeton.example", {"key_type": "ssh", "key": KEY})

    def told(self, node_id: int = 1) -> dict[str, Any]:
        told: dict[str, Any] = self.world.by_node(node_id, "GetSlivers")
        return told

    def test_a_node_is_told_of_no_other_nodes_slivers(self) -> None:
        second = self.world.node("node2")
        auth = self.world.signed(second, "node1.princeton.example")
        self.assertEqual(108, self.world.refused("GetSlivers", auth, "node1.princeton.example")[0])
        self.assertEqual([], self.told(second)["slivers"])

    def test_it_is_the_whole_struct(self) -> None:
        told = self.told()
        named = (
            "accounts conf_files groups hostname hrn initscripts interfaces lease_granularity leases node_id "
            "reservation_policy slivers timestamp xmpp"
        )
        self.assertEqual(named.split(), sorted(told))
        self.assertEqual([{"key_type": "ssh", "key": KEY}], told["slivers"][0]["keys"])
        self.assertEqual(["site_admin", "root"], [account["name"] for account in told["accounts"]])

    def test_it_counts_as_contact_whoever_asks(self) -> None:
        self.world.call("GetSlivers", ADMIN, 1)
        self.assertEqual(int(NOW), self.world.get("Nodes", 1)["last_contact"])

    def test_delegated_controller_and_system_slices_are_told_to_every_node(self) -> None:
        second = self.world.node("node2")
        for name, said in (("a", {"instantiation": "delegated"}), ("b", {"instantiation": "nm-controller"}), ("c", {})):
            self.world.call("AddSlice", ADMIN, {"name": f"princeton_{name}", **said})
        self.world.call("AddSliceTag", ADMIN, "princeton_c", "system", "1")
        self.assertEqual(
            ["princeton_a", "princeton_b", "princeton_c"], [s["name"] for s in self.told(second)["slivers"]]
        )

    def test_a_nearer_tag_hides_a_wider_one(self) -> None:
        self.world.call("AddNodeTag", ADMIN, 1, "deployment", "beta")
        self.world.call("AddNodeGroup", ADMIN, "beta", "deployment", "beta")
        for value, where in (("whole", ()), ("group", (None, "beta")), ("sliver", (1,))):
            self.world.call("AddSliceTag", ADMIN, 1, "vsys", value, *where)
            self.world.call("AddSliceTag", ADMIN, 1, "codemux" if value != "sliver" else "drl", value, *where)
        said = {(tag["tagname"], tag["value"]) for tag in self.told()["slivers"][0]["attributes"]}
        self.assertEqual(
            {("vsys", "sliver"), ("codemux", "group"), ("drl", "sliver"), ("hrn", "plc.princeton.codeen")}, said
        )

    def test_expired_slices_and_disabled_members_are_not_told(self) -> None:
        self.world.call("UpdatePerson", ADMIN, "user@princeton.example", {"enabled": False})
        self.assertEqual([], self.told()["slivers"][0]["keys"])
        self.world.clock.advance(15 * 86_400)
        self.assertEqual([], self.told()["slivers"])

    def test_a_polls_answer_is_the_same_twice(self) -> None:
        self.assertEqual(self.told(), self.told())
