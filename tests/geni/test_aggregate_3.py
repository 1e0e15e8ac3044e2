"""The aggregate manager API, version 3, and what its acceptance suite and clients ask for beyond its words."""

import base64
import zlib
from typing import Any

from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from planetlab.credentials import print_time
from planetlab.rspecs import codec
from planetlab.rspecs.documents import Document, Kind, Node, Sliver
from planetlab.rspecs.versions import GENI3, PLANETLAB, VERSIONS, Version
from tests.geni import layout
from tests.geni.documents import CM
from tests.geni.world import CODEEN, PLC, USER, GeniWorld
from tests.registry.world import ADMIN, NOW, days

BADARGS, FORBIDDEN, BADVERSION, SEARCHFAILED, UNSUPPORTED, ALREADYEXISTS = 1, 3, 4, 12, 13, 17
WANT = {"geni_rspec_version": {"type": "GENI", "version": "3"}}
NODE1, NODE2 = "node1.princeton.example", "node2.princeton.example"


def request(*hosts: str, version: Version = GENI3, **node: Any) -> str:
    nodes = tuple(
        Node(client_id=f"c{number}", component_name=host, slivers=(Sliver(),), component_manager=CM, **node)
        for number, host in enumerate(hosts)
    )
    return codec.write(Document(kind=Kind.REQUEST, nodes=nodes), version)


class World(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = GeniWorld()
        self.world.node("node2")
        self.world.call("DeleteSliceFromNodes", ADMIN, self.world.slice_id, [NODE1])
        self.mine = self.world.credential("user")

    def am(self, name: str, *args: Any, who: str = "user") -> Any:
        return self.world.value(who, "am3", name, *args)

    def refused(self, code: int, name: str, *args: Any, who: str = "user") -> None:
        self.assertEqual(code, self.world.code(who, "am3", name, *args), f"{name}{args[0]}{args[2:]}"[:300])

    def allocated(self, *hosts: str) -> list[str]:
        said = self.am("Allocate", CODEEN, self.mine, request(*(hosts or (NODE1, NODE2))), {})
        return [one["geni_sliver_urn"] for one in said["geni_slivers"]]

    def provisioned(self, *hosts: str) -> list[str]:
        urns = self.allocated(*hosts)
        self.am("Provision", [CODEEN], self.mine, WANT)
        return urns

    def nodes(self) -> set[int]:
        return set(self.world.get("Slices", "princeton_codeen")["node_ids"])


class TheVersion(World):
    def test_it_has_every_member_that_clients_look_for(self) -> None:
        said = self.world.said("user", "am3", "GetVersion")
        self.assertEqual((3, 0, ""), (said["geni_api"], said["code"]["geni_code"], said["output"]))
        value = said["value"]
        self.assertEqual((3, 3), (value["geni_api"], value["sfa"]))
        self.assertEqual({"2": "https://plc.example:12346/am/2.0", "3": "https://plc.example:12346/am/3.0"},
                         value["geni_api_versions"])  # fmt: skip
        spoken = [(one["type"], one["version"]) for one in value["geni_ad_rspec_versions"]]
        self.assertEqual([("GENI", "3"), ("ProtoGENI", "2"), ("SFA", "1")], spoken)
        for one in value["geni_request_rspec_versions"] + value["geni_ad_rspec_versions"]:
            self.assertEqual({"type", "version", "schema", "namespace", "extensions"}, set(one))
        self.assertIn({"geni_type": "geni_sfa", "geni_version": "3"}, value["geni_credential_types"])

    def test_geni_single_allocation_is_there_and_0_or_1(self) -> None:
        self.assertIn(self.am("GetVersion", {})["geni_single_allocation"], (0, 1))

    def test_it_needs_no_certificate_and_no_options(self) -> None:
        for args in ((), ({},), (None,)):
            self.assertEqual(3, self.world.value(None, "am3", "GetVersion", *args)["geni_api"])


class Listing(World):
    def test_an_advertisement_comes_in_the_spelling_that_is_asked_for(self) -> None:
        for version in VERSIONS:
            text = self.am("ListResources", self.mine, {"geni_rspec_version": version.described(Kind.ADVERTISEMENT)})
            self.assertEqual(version, codec.version_of(text))
            hosts = {node.hostname for node in codec.read(text, Kind.ADVERTISEMENT).nodes}
            self.assertEqual({NODE1, NODE2}, hosts)

    def test_it_keeps_the_rules_of_the_schema(self) -> None:
        document = etree.fromstring(self.am("ListResources", self.mine, WANT))
        schema = layout.schema(GENI3, Kind.ADVERTISEMENT)
        self.assertTrue(schema.validate(document), str(schema.error_log))

    def test_an_interface_is_named_as_in_the_field(self) -> None:
        where = {"ip": "192.0.2.11", "type": "ipv4", "method": "static", "is_primary": True}
        where |= {"netmask": "255.255.255.0", "network": "192.0.2.0", "broadcast": "192.0.2.255"}
        where |= {"gateway": "192.0.2.1", "dns1": "192.0.2.1"}
        self.world.call("AddInterface", ADMIN, NODE1, where)
        text = self.am("ListResources", self.mine, WANT)
        self.assertIn(f'"{PLC}:princeton+interface+{NODE1}:eth0"', text)
        self.assertIn('ipv4="192.0.2.11"', text)
        self.assertTrue(layout.schema(GENI3, Kind.ADVERTISEMENT).validate(etree.fromstring(text)))

    def test_type_and_version_are_compared_in_any_case(self) -> None:
        self.am("ListResources", self.mine, {"geni_rspec_version": {"type": "geni", "version": "3"}})

    def test_no_spelling_or_an_unknown_one_is_a_bad_version(self) -> None:
        self.refused(BADVERSION, "ListResources", self.mine, {})
        self.refused(BADVERSION, "ListResources", self.mine, {"geni_rspec_version": {"type": "ORCA", "version": "1"}})
        self.refused(BADVERSION, "ListResources", self.mine, {"geni_rspec_version": {}})

    def test_compressed_it_is_zlib_in_base64(self) -> None:
        plain = self.am("ListResources", self.mine, WANT)
        packed = self.am("ListResources", self.mine, {**WANT, "geni_compressed": True})
        self.assertEqual(plain, zlib.decompress(base64.b64decode(packed)).decode())

    def test_geni_available_leaves_out_nodes_that_are_not_up(self) -> None:
        self.world.call("UpdateNode", ADMIN, NODE2, {"boot_state": "disabled"})
        text = self.am("ListResources", self.mine, {**WANT, "geni_available": True})
        self.assertEqual([NODE1], [node.hostname for node in codec.read(text).nodes])
        every = codec.read(self.am("ListResources", self.mine, {**WANT, "geni_available": False})).nodes
        self.assertEqual({NODE1: True, NODE2: False}, {node.hostname: node.available for node in every})

    def test_a_switch_is_a_boolean_or_says_so(self) -> None:
        self.world.call("UpdateNode", ADMIN, NODE2, {"boot_state": "disabled"})
        for switch, count in ((True, 1), (1, 1), ("true", 1), (False, 2), (0, 2), ("False", 2), (None, 2), ("", 2)):
            text = self.am("ListResources", self.mine, {**WANT, "geni_available": switch})
            self.assertEqual(count, len(codec.read(text).nodes), repr(switch))
        for switch in ("perhaps", 2, [True], {}, 0.5):
            for name in ("geni_available", "geni_compressed"):
                self.refused(BADARGS, "ListResources", self.mine, {**WANT, name: switch})

    def test_a_users_own_credential_is_enough(self) -> None:
        self.am("ListResources", self.world.credential("user", USER), WANT)


class CredentialsHandedIn(World):
    def list(self, credentials: Any) -> Any:
        return self.world.said("user", "am3", "ListResources", credentials, WANT)["code"]["geni_code"]

    def test_an_unknown_credential_type_alone_fails(self) -> None:
        for kind in ("geni_unknown", "", "geni_sfa2"):
            self.assertNotEqual(0, self.list([{**self.mine[0], "geni_type": kind}]), kind)

    def test_malformed_xml_alone_fails(self) -> None:
        for text in ("<signed-credential>", "", "no xml", self.mine[0]["geni_value"][:-20]):
            self.assertNotEqual(0, self.list([{**self.mine[0], "geni_value": text}]), text[:30])

    def test_a_good_one_beside_an_unknown_or_a_bad_one_is_enough(self) -> None:
        unknown, bad = {**self.mine[0], "geni_type": "geni_unknown"}, {**self.mine[0], "geni_value": "<x"}
        self.assertEqual(0, self.list([unknown, bad, *self.mine]))

    def test_values_in_base64_as_python_3_clients_send_them_are_read(self) -> None:
        self.assertEqual(0, self.list([{**self.mine[0], "geni_value": self.mine[0]["geni_value"].encode()}]))

    def test_a_version_as_a_number_or_none_is_read(self) -> None:
        for version in (3, "3", 2, None):
            self.assertEqual(0, self.list([{**self.mine[0], "geni_version": version}]), version)

    def test_none_at_all_fails(self) -> None:
        for nothing in ([], None, {}, "", [None]):
            self.assertNotEqual(0, self.list(nothing), repr(nothing))

    def test_anothers_credential_fails(self) -> None:
        self.refused(FORBIDDEN, "Allocate", CODEEN, self.world.credential("user"), request(NODE1), {}, who="tech")

    def test_a_credential_for_another_slice_fails(self) -> None:
        self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        self.refused(FORBIDDEN, "Allocate", f"{PLC}:princeton+slice+other", self.mine, request(NODE1), {})

    def test_a_request_naming_slivers_of_two_slices_does_not_pass_with_a_credential_for_one(self) -> None:
        mine = self.provisioned(NODE1)
        self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        self.world.call("AddSliceToNodes", ADMIN, "princeton_other", [NODE1])
        other = self.world.get("Slices", "princeton_other")["slice_id"]
        theirs = f"{PLC}+sliver+{other}-{self.world.node_id}"
        for urns in ([*mine, theirs], [theirs, *mine]):
            self.refused(BADARGS, "Delete", urns, self.mine, {})
        self.refused(SEARCHFAILED, "Delete", [theirs], self.mine, {})

    def test_whose_sliver_is_there_and_whose_not_is_told_to_nobody_else(self) -> None:
        self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        self.world.call("AddSliceToNodes", ADMIN, "princeton_other", [NODE1])
        other = self.world.get("Slices", "princeton_other")["slice_id"]
        there, not_there = (f"{PLC}+sliver+{number}-{self.world.node_id}" for number in (other, other + 7))
        for credentials in (self.mine, [], self.world.credential("pi")):
            answers = [self.world.said("user", "am3", "Status", [urn], credentials, {}) for urn in (there, not_there)]
            said = [
                (one["code"], one["output"].replace(urn, ""))
                for one, urn in zip(answers, (there, not_there), strict=True)
            ]
            self.assertEqual(said[0], said[1])
            self.assertNotEqual(0, said[0][0]["geni_code"])

    def test_who_shows_no_certificate_is_refused(self) -> None:
        self.assertEqual(FORBIDDEN, self.world.code(None, "am3", "ListResources", self.mine, WANT))

    def test_who_left_the_slice_may_do_nothing_with_an_old_credential(self) -> None:
        self.world.call("DeletePersonFromSlice", ADMIN, "user@princeton.example", "princeton_codeen")
        self.refused(FORBIDDEN, "Allocate", CODEEN, self.mine, request(NODE1), {})


class Limits(World):
    def test_at_most_twenty_credentials_are_looked_at(self) -> None:
        self.refused(BADARGS, "ListResources", self.mine * 21, WANT)
        self.am("ListResources", self.mine * 20, WANT)

    def test_at_most_two_thousand_slivers_are_asked_about(self) -> None:
        self.refused(BADARGS, "Status", [f"{PLC}+sliver+1-{number}" for number in range(2001)], self.mine, {})

    def test_a_request_has_at_most_a_mebibyte_and_two_thousand_nodes(self) -> None:
        self.refused(BADARGS, "Allocate", CODEEN, self.mine, request(NODE1) + "<!--" + "x" * (1 << 20) + "-->", {})
        wishes = "".join(f'<node client_id="c{number}"/>' for number in range(2001))
        text = f'<rspec xmlns="{GENI3.namespace}" type="request">{wishes}</rspec>'
        self.refused(BADARGS, "Allocate", CODEEN, self.mine, text, {})

    def test_more_wishes_than_nodes_are_refused_and_nothing_is_held(self) -> None:
        wishes = "".join(f'<node client_id="c{number}"/>' for number in range(5))
        text = f'<rspec xmlns="{GENI3.namespace}" type="request">{wishes}</rspec>'
        self.refused(BADARGS, "Allocate", CODEEN, self.mine, text, {})
        self.refused(SEARCHFAILED, "Status", [CODEEN], self.mine, {})


class Allocating(World):
    def test_slivers_are_held_ten_minutes_and_not_made(self) -> None:
        said = self.am("Allocate", CODEEN, self.mine, request(NODE1, NODE2), {})
        self.assertEqual(["geni_allocated"] * 2, [one["geni_allocation_status"] for one in said["geni_slivers"]])
        self.assertEqual(print_time(NOW + 600), said["geni_slivers"][0]["geni_expires"])
        manifest = codec.read(said["geni_rspec"], Kind.MANIFEST)
        self.assertEqual([("c0", NODE1), ("c1", NODE2)], [(node.client_id, node.hostname) for node in manifest.nodes])
        self.assertEqual([str(node.sliver_id) for node in manifest.nodes],
                         [one["geni_sliver_urn"] for one in said["geni_slivers"]])  # fmt: skip
        self.assertEqual(set(), self.nodes())

    def test_an_end_that_is_sooner_is_kept_and_one_later_is_cut(self) -> None:
        for said, expected in ((NOW + 60, NOW + 60), (NOW + days(2), NOW + 600)):
            value = self.am("Allocate", CODEEN, self.mine, request(NODE1), {"geni_end_time": print_time(said)})
            self.assertEqual(print_time(expected), value["geni_slivers"][0]["geni_expires"])
            self.am("Delete", [CODEEN], self.mine, {})

    def test_what_is_held_and_not_provisioned_is_gone_after_ten_minutes(self) -> None:
        self.allocated()
        self.world.clock.advance(601)
        self.refused(SEARCHFAILED, "Status", [CODEEN], self.mine, {})
        self.refused(SEARCHFAILED, "Provision", [CODEEN], self.mine, WANT)

    def test_the_manifest_is_spelt_as_the_request(self) -> None:
        for version in VERSIONS:
            said = self.am("Allocate", CODEEN, self.mine, request(NODE1, version=version), {})
            self.assertEqual(version, codec.version_of(said["geni_rspec"]))
            self.am("Delete", [CODEEN], self.mine, {})

    def test_a_wish_for_any_node_gets_one(self) -> None:
        text = f'<rspec xmlns="{GENI3.namespace}" type="request"><node client_id="any"/></rspec>'
        said = self.am("Allocate", CODEEN, self.mine, text, {})
        [node] = codec.read(said["geni_rspec"]).nodes
        self.assertIn(node.hostname, (NODE1, NODE2))
        self.assertEqual("any", node.client_id)

    def test_a_node_where_the_slice_is_already_is_refused(self) -> None:
        self.allocated(NODE1)
        self.refused(ALREADYEXISTS, "Allocate", CODEEN, self.mine, request(NODE1), {})

    def test_bad_requests_are_bad_arguments(self) -> None:
        good = request(NODE1)
        for text in (
            "", "no xml", "<rspec/>", good[:-20], good.replace('type="request"', 'type="manifest"'), 7, None,
            good.replace("plab-vserver", "raw-pc"), request(), request(NODE1, NODE1),
        ):  # fmt: skip
            self.refused(BADARGS, "Allocate", CODEEN, self.mine, text, {})
        self.refused(SEARCHFAILED, "Allocate", CODEEN, self.mine, request("nowhere.example"), {})
        self.assertEqual(set(), self.nodes())

    def test_nodes_of_another_manager_are_not_ours_to_give(self) -> None:
        own, theirs = (f'client_id="c1" component_manager_id="urn:publicid:IDN+{name}+' for name in ("plc", "epfl"))
        text = request(NODE1, "elsewhere.example").replace(own, theirs)
        self.assertEqual(1, len(self.am("Allocate", CODEEN, self.mine, text, {})["geni_slivers"]))


class Provisioning(World):
    def test_the_whole_life_of_a_sliver(self) -> None:
        urns = self.allocated()
        said = self.am("Provision", [CODEEN], self.mine, {**WANT, "geni_users": [{"urn": USER, "keys": ["ssh-rsa A"]}]})
        self.assertEqual(["geni_provisioned"] * 2, [one["geni_allocation_status"] for one in said["geni_slivers"]])
        self.assertEqual(print_time(NOW + days(14)), said["geni_slivers"][0]["geni_expires"])
        login = codec.read(said["geni_rspec"], Kind.MANIFEST).nodes[0].logins[0]
        self.assertEqual(("princeton_codeen", NODE1), (login.username, login.hostname))
        self.assertEqual(2, len(self.nodes()))
        status = self.am("Status", [CODEEN], self.mine, {})
        self.assertEqual(
            (CODEEN, urns), (status["geni_urn"], [one["geni_sliver_urn"] for one in status["geni_slivers"]])
        )
        self.assertEqual({"geni_configuring"}, {one["geni_operational_status"] for one in status["geni_slivers"]})
        gone = self.am("Delete", urns[:1], self.mine, {})
        self.assertEqual([(urns[0], "geni_unallocated")],
                         [(one["geni_sliver_urn"], one["geni_allocation_status"]) for one in gone])  # fmt: skip
        self.am("Delete", [CODEEN], self.mine, {})
        self.assertEqual(set(), self.nodes())
        self.refused(SEARCHFAILED, "Status", [CODEEN], self.mine, {})
        self.refused(SEARCHFAILED, "Delete", [CODEEN], self.mine, {})

    def test_its_events_say_who_called(self) -> None:
        self.provisioned(NODE1)
        for name in ("Allocate", "Provision"):
            event = self.world.call("GetEvents", ADMIN, {"call_name": name})[-1]
            self.assertIn("called by plc.princeton.user", event["message"])

    def test_one_of_two_may_be_provisioned(self) -> None:
        urns = self.allocated()
        self.am("Provision", urns[:1], self.mine, WANT)
        states = [one["geni_allocation_status"] for one in self.am("Status", urns, self.mine, {})["geni_slivers"]]
        self.assertEqual(["geni_provisioned", "geni_allocated"], states)

    def test_attributes_of_the_request_become_tags_of_the_sliver(self) -> None:
        inner = f'<a:attribute xmlns:a="{PLANETLAB}" name="vsys" value="vif_up"/>'
        sliver = '<sliver_type name="plab-vserver"'
        text = request(NODE1).replace(f"{sliver}/>", f"{sliver}>{inner}</sliver_type>")
        self.am("Allocate", CODEEN, self.world.credential("pi"), text, {}, who="pi")
        said = self.am("Provision", [CODEEN], self.world.credential("pi"), WANT, who="pi")
        self.assertIn(("vsys", "vif_up"), codec.read(said["geni_rspec"]).nodes[0].slivers[0].tags)

    def test_nothing_is_provisioned_that_was_not_allocated(self) -> None:
        self.refused(SEARCHFAILED, "Provision", [CODEEN], self.mine, WANT)
        self.refused(SEARCHFAILED, "Provision", [f"{PLC}+sliver+1-1"], self.mine, WANT)

    def test_it_needs_a_spelling(self) -> None:
        self.allocated()
        self.refused(BADVERSION, "Provision", [CODEEN], self.mine, {})

    def test_describe_gives_a_manifest_and_the_states(self) -> None:
        self.provisioned()
        said = self.am("Describe", [CODEEN], self.mine, {**WANT, "geni_compressed": True})
        document = codec.read(zlib.decompress(base64.b64decode(said["geni_rspec"])), Kind.MANIFEST)
        self.assertEqual((CODEEN, 2, 2), (said["geni_urn"], len(said["geni_slivers"]), len(document.nodes)))
        schema = layout.schema(GENI3, Kind.MANIFEST)
        self.assertTrue(schema.validate(etree.fromstring(codec.write(document, GENI3))), str(schema.error_log))

    def test_bad_urns_are_refused(self) -> None:
        self.provisioned(NODE1)
        for urns in ([], None, 7, [7], "", [CODEEN, CODEEN], [USER], ["a..b"]):
            self.refused(BADARGS, "Status", urns, self.mine, {})
        for urn in (f"{PLC}+sliver+999-1", "urn:publicid:IDN+epfl+sliver+1-1", f"{PLC}+sliver+x"):
            self.refused(SEARCHFAILED, "Status", [urn], self.mine, {})


class BestEffort(World):
    """A node's owner sets the node aside for others between allocation and provisioning."""

    def setUp(self) -> None:
        super().setUp()
        self.world.site("cornell")
        self.world.node("node3", "cornell")
        self.urns = self.allocated(NODE1, "node3.princeton.example")
        self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        self.world.call("AddSliceToNodesWhitelist", ADMIN, "princeton_other", ["node3.princeton.example"])

    def states(self) -> list[str]:
        return [one["geni_allocation_status"] for one in self.am("Status", [CODEEN], self.mine, {})["geni_slivers"]]

    def test_without_it_one_refusal_is_everybodys_and_nothing_is_changed(self) -> None:
        self.refused(BADARGS, "Provision", [CODEEN], self.mine, WANT)
        self.assertEqual((["geni_allocated"] * 2, set()), (self.states(), self.nodes()))

    def test_with_it_what_can_be_done_is_done_and_the_rest_says_why_not(self) -> None:
        said = self.am("Provision", [CODEEN], self.mine, {**WANT, "geni_best_effort": True})
        first, second = said["geni_slivers"]
        self.assertEqual(("geni_provisioned", ""), (first["geni_allocation_status"], first["geni_error"]))
        self.assertEqual("geni_allocated", second["geni_allocation_status"])
        self.assertIn("whitelist", second["geni_error"])
        self.assertEqual([NODE1], [node.hostname for node in codec.read(said["geni_rspec"]).nodes])
        self.assertEqual(["geni_provisioned", "geni_allocated"], self.states())

    def test_with_it_the_call_fails_if_nothing_can_be_done(self) -> None:
        self.refused(BADARGS, "Provision", self.urns[1:], self.mine, {**WANT, "geni_best_effort": True})

    def test_the_other_calls_take_it_as_well(self) -> None:
        best = {"geni_best_effort": True}
        self.am("Provision", [CODEEN], self.mine, {**WANT, **best})
        stopped = self.am("PerformOperationalAction", [CODEEN], self.mine, "geni_stop", best)
        self.assertEqual(["", True], [stopped[0]["geni_error"], "provisioned" in stopped[1]["geni_error"]])
        self.assertEqual(2, len(self.am("Renew", [CODEEN], self.mine, "2020-09-20T00:00:00Z", best)))
        gone = self.am("Delete", [CODEEN], self.mine, best)
        self.assertEqual(["geni_unallocated"] * 2, [one["geni_allocation_status"] for one in gone])


class Operating(World):
    def act(self, action: Any) -> Any:
        return self.am("PerformOperationalAction", [CODEEN], self.mine, action, {})

    def test_an_unknown_or_empty_action_is_answered_by_the_struct_with_code_13_and_no_fault(self) -> None:
        self.provisioned()
        for action in ("", "geni_dance", None, 7, "GENI_START"):
            self.refused(UNSUPPORTED, "PerformOperationalAction", [CODEEN], self.mine, action, {})

    def test_a_sliver_is_stopped_and_started(self) -> None:
        self.provisioned()
        self.assertEqual({"geni_notready"}, {one["geni_operational_status"] for one in self.act("geni_stop")})
        self.assertNotIn("geni_notready", {one["geni_operational_status"] for one in self.act("geni_start")})
        self.assertEqual(2, len(self.act("geni_restart")))

    def test_what_is_only_held_cannot_be_started(self) -> None:
        self.allocated()
        self.refused(BADARGS, "PerformOperationalAction", [CODEEN], self.mine, "geni_start", {})

    def test_an_unknown_method_is_answered_by_the_struct_too(self) -> None:
        self.refused(UNSUPPORTED, "CreateSliver", CODEEN, self.mine, request(NODE1), [], {})


class Renewing(World):
    def renew(self, until: str, urns: Any = None, **options: Any) -> list[str]:
        found = self.am("Renew", urns or [CODEEN], self.mine, until, options)
        return [one["geni_expires"] for one in found]

    def setUp(self) -> None:
        super().setUp()
        said = {"url": "https://codeen.example/", "description": "a network of proxies"}
        self.world.call("UpdateSlice", ADMIN, "princeton_codeen", said)
        self.urns = self.provisioned()

    def test_dates_come_with_and_without_a_zone(self) -> None:
        for until, expected in (
            ("2020-09-14T00:00:00Z", "2020-09-14T00:00:00Z"),
            ("2020-09-15T00:00:00", "2020-09-15T00:00:00Z"),
            ("2020-09-16T02:00:00+02:00", "2020-09-16T00:00:00Z"),
            ("2020-09-17 00:00:00", "2020-09-17T00:00:00Z"),
            ("2020-09-18", "2020-09-18T00:00:00Z"),
            ("1600473600", "2020-09-19T00:00:00Z"),
        ):
            self.assertEqual([expected] * 2, self.renew(until))

    def test_one_sliver_alone_may_end_sooner(self) -> None:
        self.renew("2020-09-14T00:00:00Z", self.urns[:1])
        status = self.am("Status", [CODEEN], self.mine, {})["geni_slivers"]
        self.assertEqual(["2020-09-14T00:00:00Z", print_time(NOW + days(14))], [one["geni_expires"] for one in status])

    def test_past_and_far_times_and_nonsense_are_refused(self) -> None:
        for until in ("2019-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "soon", "", 7, None):
            self.refused(BADARGS, "Renew", [CODEEN], self.mine, until, {})

    def test_geni_extend_alap_takes_the_latest_that_is_allowed(self) -> None:
        self.assertEqual([print_time(NOW + days(56))] * 2, self.renew("2030-01-01T00:00:00Z", geni_extend_alap=True))


class ShuttingDown(World):
    def test_a_slice_that_was_shut_down_gets_nothing_more(self) -> None:
        self.provisioned(NODE1)
        self.assertIs(True, self.am("Shutdown", CODEEN, self.mine, {}))
        self.refused(FORBIDDEN, "Allocate", CODEEN, self.mine, request(NODE2), {})
        self.refused(FORBIDDEN, "PerformOperationalAction", [CODEEN], self.mine, "geni_start", {})
        self.assertEqual(1, len(self.am("Status", [CODEEN], self.mine, {})["geni_slivers"]))
