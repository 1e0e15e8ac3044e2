"""The aggregate manager API, versions 2 and 1, as their clients call them."""

import base64
import zlib
from typing import Any
from xmlrpc.client import Fault

from twisted.trial.unittest import SynchronousTestCase

from planetlab.privileges import Privilege
from planetlab.rspecs import codec
from planetlab.rspecs.documents import Kind
from planetlab.rspecs.versions import GENI3, PG2, SFA1
from tests.geni.test_aggregate_3 import NODE1, NODE2, request
from tests.geni.world import CODEEN, PLC, USER, GeniWorld
from tests.registry.world import ADMIN, NOW, days
from tests.sfa.world import below, identity, root, showing

BADARGS, FORBIDDEN, BADVERSION, SEARCHFAILED, ALREADYEXISTS = 1, 3, 4, 12, 17
USERS = [{"urn": USER, "keys": ["ssh-rsa AAAA user"]}]


class World(SynchronousTestCase):
    interface = "am2"

    def setUp(self) -> None:
        self.world = GeniWorld()
        self.world.node("node2")
        self.world.call("DeleteSliceFromNodes", ADMIN, self.world.slice_id, [NODE1])
        said = {"url": "https://codeen.example/", "description": "a network of proxies"}
        self.world.call("UpdateSlice", ADMIN, "princeton_codeen", said)
        self.mine = self.world.text("user")

    def am(self, name: str, *args: Any) -> Any:
        return self.world.value("user", self.interface, name, *args)

    def refused(self, code: int, name: str, *args: Any) -> None:
        self.assertEqual(code, self.world.code("user", self.interface, name, *args), f"{name}{args[0]}{args[2:]}"[:300])


class Version2(World):
    def test_get_version_survives_missing_options_and_repeats_geni_api_beside_the_code(self) -> None:
        for args in ((), ({},), (None,)):
            said = self.world.said(None, "am2", "GetVersion", *args)
            self.assertEqual((2, 2, 0), (said["geni_api"], said["value"]["geni_api"], said["code"]["geni_code"]))

    def test_an_advertisement_is_in_GENI_3_unless_another_spelling_is_named(self) -> None:
        self.assertEqual(GENI3, codec.version_of(self.am("ListResources", self.mine, {})))
        for said, expected in (({"type": "ProtoGENI", "version": "2"}, PG2), ({"type": "sfa", "version": "1"}, SFA1)):
            text = self.am("ListResources", self.mine, {"geni_rspec_version": said, "geni_compressed": True})
            self.assertEqual(expected, codec.version_of(zlib.decompress(base64.b64decode(text))))
        self.refused(BADVERSION, "ListResources", self.mine, {"geni_rspec_version": {"type": "x", "version": "1"}})

    def test_the_life_of_a_sliver(self) -> None:
        manifest = codec.read(self.am("CreateSliver", CODEEN, self.mine, request(NODE1, NODE2), USERS, {}))
        self.assertEqual((Kind.MANIFEST, [NODE1, NODE2]), (manifest.kind, [node.hostname for node in manifest.nodes]))
        status = self.am("SliverStatus", CODEEN, self.mine, {})
        self.assertEqual((CODEEN, "configuring", 2),
                         (status["geni_urn"], status["geni_status"], len(status["geni_resources"])))  # fmt: skip
        self.assertEqual({"geni_urn", "geni_status", "geni_error"}, {"geni_urn", "geni_status", "geni_error"} & set(
            status["geni_resources"][0]))  # fmt: skip
        text = self.am("ListResources", self.mine, {"geni_slice_urn": CODEEN})
        self.assertEqual(2, len(codec.read(text, Kind.MANIFEST).nodes))
        self.assertIs(True, self.am("RenewSliver", CODEEN, self.mine, "2020-09-20T00:00:00", {}))
        self.assertIs(True, self.am("DeleteSliver", CODEEN, self.mine, {}))
        self.refused(SEARCHFAILED, "SliverStatus", CODEEN, self.mine, {})
        self.refused(SEARCHFAILED, "DeleteSliver", CODEEN, self.mine, {})
        self.refused(SEARCHFAILED, "RenewSliver", CODEEN, self.mine, "2020-09-20T00:00:00Z", {})

    def test_a_node_that_reports_makes_the_sliver_ready(self) -> None:
        self.am("CreateSliver", CODEEN, self.mine, request(NODE1), USERS, {})
        self.world.clock.advance(60)
        self.world.by_node(self.world.node_id, "GetSlivers")
        self.world.store(lambda s: s.change("UPDATE nodes SET last_contact = ?", [int(NOW + 60)]))
        self.assertEqual("ready", self.am("SliverStatus", CODEEN, self.mine, {})["geni_status"])

    def test_a_second_creation_is_refused(self) -> None:
        self.am("CreateSliver", CODEEN, self.mine, request(NODE1), USERS, {})
        self.refused(ALREADYEXISTS, "CreateSliver", CODEEN, self.mine, request(NODE2), USERS, {})

    def test_a_slice_with_nothing_here_has_an_empty_manifest(self) -> None:
        text = self.am("ListResources", self.mine, {"geni_slice_urn": CODEEN})
        self.assertEqual((), codec.read(text, Kind.MANIFEST).nodes)

    def test_credentials_in_structs_and_in_base64_are_read_too(self) -> None:
        self.am("ListResources", self.world.credential("user"), {})
        self.am("ListResources", [self.mine[0].encode()], {})

    def test_bad_credentials_are_refused(self) -> None:
        for credentials in ([], ["<x/>"], ["nonsense"], None, self.world.text("user", USER)):
            said = self.world.said("user", "am2", "CreateSliver", CODEEN, credentials, request(NODE1), USERS, {})
            self.assertNotEqual(0, said["code"]["geni_code"])
        self.assertEqual([], self.world.get("Slices", "princeton_codeen")["node_ids"])

    def test_bad_users_are_refused_and_nothing_is_made(self) -> None:
        for users in ("x", [7], [{"keys": []}], [{"urn": USER, "keys": "x"}], [{"urn": USER, "keys": [7]}]):
            self.refused(BADARGS, "CreateSliver", CODEEN, self.mine, request(NODE1), users, {})
        self.assertEqual([], self.world.get("Slices", "princeton_codeen")["node_ids"])

    def test_shutting_down_stops_the_slice(self) -> None:
        self.am("CreateSliver", CODEEN, self.mine, request(NODE1), USERS, {})
        self.assertIs(True, self.am("Shutdown", CODEEN, self.mine, {}))
        self.refused(FORBIDDEN, "RenewSliver", CODEEN, self.mine, "2020-09-20T00:00:00Z", {})

    def test_another_authoritys_slice_is_given_slivers_by_its_credential_alone(self) -> None:

        urn = "urn:publicid:IDN+epfl:lab+slice+probe"
        chawla = below("epfl.lab.chawla", "user", "chawla", (root("epfl"),), "epfl")
        probe = below("epfl.lab.probe", "slice", "probe", (root("epfl"),), "epfl")
        rights = [Privilege(name, True) for name in ("refresh", "embed", "bind", "control", "info")]
        text = identity("epfl").sign(chawla, probe, rights, NOW + days(3), "1").decode()
        users = [{"urn": "urn:publicid:IDN+epfl:lab+user+chawla", "keys": ["ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA x"]}]
        args = (urn, [text], request(NODE1), users, {})
        manifest = self.world.value(showing(chawla), "am2", "CreateSliver", *args)
        self.assertEqual([NODE1], [node.hostname for node in codec.read(manifest).nodes])
        self.assertEqual(urn, self.world.value(showing(chawla), "am2", "SliverStatus", urn, [text], {})["geni_urn"])
        for kind in ("SLICE", "PROJECT"):  # which stay their authority's to tell of
            found = self.world.value("admin", "sa", "lookup", kind, [], {"match": {}})
            self.assertNotIn("epfl", str(found))
        self.assertIs(True, self.world.value(showing(chawla), "am2", "DeleteSliver", urn, [text], {}))


class Version1(World):
    """As ProtoGENI's scripts ``am/*.py`` call it: no options, results that are not wrapped, faults."""

    interface = "am1"

    def test_the_version_is_bare(self) -> None:
        said = self.am("GetVersion")
        self.assertEqual(1, said["geni_api"])
        self.assertIn("GENI", [one["type"] for one in said["ad_rspec_versions"]])

    def test_the_life_of_a_sliver_without_options(self) -> None:
        text = self.am("ListResources", self.mine, {"geni_compressed": True, "geni_available": True})
        self.assertEqual(Kind.ADVERTISEMENT, codec.read(zlib.decompress(base64.b64decode(text))).kind)
        self.assertEqual(
            Kind.MANIFEST, codec.read(self.am("CreateSliver", CODEEN, self.mine, request(NODE1), USERS)).kind
        )
        self.assertEqual("configuring", self.am("SliverStatus", CODEEN, self.mine)["geni_status"])
        self.assertIs(True, self.am("RenewSliver", CODEEN, self.mine, "2020-09-20T00:00:00Z"))
        self.assertIs(True, self.am("DeleteSliver", CODEEN, self.mine))

    def test_errors_are_faults_that_name_the_method(self) -> None:
        said = self.world.said("user", "am1", "SliverStatus", f"{PLC}:princeton+slice+none", self.mine)
        assert isinstance(said, Fault)
        self.assertIn("SliverStatus", said.faultString)
