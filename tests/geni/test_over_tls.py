"""The calls that client programs of the field make, in their order, over TLS with certificates that openssl made."""

import base64
import ssl
import xmlrpc.client
import zlib
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from planetlab.credentials import print_time
from planetlab.rspecs import codec
from planetlab.rspecs.documents import Document, Kind, Node, Sliver
from planetlab.rspecs.versions import GENI3
from tests.geni.served import Client, Served
from tests.geni.world import PLC, PROJECT
from tests.registry.world import NOW, days

ALICE, BOB = f"{PLC}:princeton+user+alice", f"{PLC}:princeton+user+bob"
WANT = {"geni_rspec_version": {"type": "GENI", "version": "3"}}
PACKED = {**WANT, "geni_compressed": True, "geni_available": True}


def ok(answer: Any) -> Any:
    """The value of an answer that is a struct with code 0."""
    code = answer["code"]["geni_code"] if isinstance(answer["code"], dict) else answer["code"]
    assert code == 0, answer
    return answer["value"]


def request_from(advertisement: str) -> str:
    """What a tool makes of an advertisement: the first node of it is wanted."""
    [node, *_] = codec.read(advertisement, Kind.ADVERTISEMENT).nodes
    wanted = Node(client_id="first", component_id=node.component_id, component_manager=node.component_manager,
                  component_name=node.component_name, slivers=(Sliver(),))  # fmt: skip
    return codec.write(Document(kind=Kind.REQUEST, nodes=(wanted,)), GENI3)


class Sequences(Served):
    async def test_omni_with_the_framework_chapi_and_version_3(self) -> None:
        await self.elsewhere(self.chapi, self.clients["alice"])

    def chapi(self, alice: Client) -> None:
        ma, sa = alice.at(self.registry + "MA"), alice.at(self.registry + "SA")
        self.assertIn("MEMBER", ok(ma.get_version())["SERVICES"])
        self.assertEqual(self.registry + "SA", ok(sa.get_version())["API_VERSIONS"]["2"])
        self.assertEqual([ALICE], list(ok(ma.lookup("MEMBER", [], {"match": {"MEMBER_USERNAME": "alice"}}))))
        user = ok(ma.get_credentials(ALICE, [], {}))
        self.assertIn(PROJECT, ok(sa.lookup("PROJECT", user, {"match": {"PROJECT_NAME": "princeton"}})))
        fields = {"SLICE_NAME": "omni1", "SLICE_PROJECT_URN": PROJECT}
        urn = ok(sa.create("SLICE", user, {"fields": fields}))["SLICE_URN"]
        later = {"fields": {"SLICE_EXPIRATION": print_time(NOW + days(20))}}
        sa_says = sa.update("SLICE", urn, user, later)
        self.assertEqual(0, sa_says["code"], sa_says)
        member = {"members_to_add": [{"SLICE_MEMBER": BOB, "SLICE_ROLE": "MEMBER"}]}
        ok(sa.modify_membership("SLICE", urn, user, member))
        self.assertEqual({ALICE, BOB}, {one["SLICE_MEMBER"] for one in ok(sa.lookup_members("SLICE", urn, user, {}))})
        self.assertEqual(1, len(ok(ma.lookup("KEY", user, {"match": {"KEY_MEMBER": BOB}}))))
        self.assertEqual([urn], [one["SLICE_URN"] for one in ok(sa.lookup_for_member("SLICE", ALICE, user, {}))])
        self.slivers_3(alice, urn, ok(sa.get_credentials(urn, user, {})), user)
        info = {"SLIVER_INFO_URN": f"{PLC}+sliver+9-9", "SLIVER_INFO_SLICE_URN": urn, "SLIVER_INFO_CREATOR_URN": ALICE,
                "SLIVER_INFO_AGGREGATE_URN": f"{PLC}+authority+am"}  # fmt: skip
        ok(sa.create("SLIVER_INFO", user, {"fields": info}))
        ok(sa.delete("SLIVER_INFO", f"{PLC}+sliver+9-9", user, {}))

    def slivers_3(self, who: Client, urn: str, credentials: Any, user: Any) -> None:
        version = who.at(self.aggregate).GetVersion({})
        self.assertEqual(0, version["code"]["geni_code"])
        am = who.at(version["value"]["geni_api_versions"]["3"])
        self.assertEqual(3, ok(am.GetVersion())["geni_api"])
        packed = ok(am.ListResources(user, PACKED))
        request = request_from(zlib.decompress(base64.b64decode(packed)).decode())
        held = ok(am.Allocate(urn, credentials, request, {}))
        self.assertEqual(["geni_allocated"], [one["geni_allocation_status"] for one in held["geni_slivers"]])
        users = [{"urn": ALICE, "keys": ["ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA a"]}]
        made = ok(am.Provision([urn], credentials, {**WANT, "geni_users": users}))
        [sliver] = [one["geni_sliver_urn"] for one in made["geni_slivers"]]
        ok(am.PerformOperationalAction([urn], credentials, "geni_start", {}))
        self.assertEqual(13, am.PerformOperationalAction([urn], credentials, "", {})["code"]["geni_code"])
        self.assertEqual(sliver, ok(am.Status([urn], credentials, {}))["geni_slivers"][0]["geni_sliver_urn"])
        ok(am.Renew([sliver], credentials, print_time(NOW + days(10)), {"geni_best_effort": True}))
        self.assertEqual(Kind.MANIFEST, codec.read(ok(am.Describe([urn], credentials, WANT))["geni_rspec"]).kind)
        self.assertEqual("geni_unallocated", ok(am.Delete([urn], credentials, {}))[0]["geni_allocation_status"])

    async def test_omni_with_the_framework_gcf_and_version_2(self) -> None:
        await self.elsewhere(self.gcf, self.clients["alice"])

    def gcf(self, alice: Client) -> None:
        ch = alice.at(self.registry)
        self.assertIn("gcf-ch_api", alice.at(self.registry + "CH").GetVersion())
        user = ch.CreateUserCredential(alice.pem)
        urn = f"{PLC}:princeton+slice+gcf1"
        credential = ch.CreateSlice(urn)
        aggregates = dict(ch.ListAggregates())
        self.assertEqual([self.aggregate], list(aggregates.values()))
        am = alice.at(self.aggregate).GetVersion()["value"]["geni_api_versions"]["2"]
        am = alice.at(am)
        request = request_from(ok(am.ListResources([user], WANT)))
        users = [{"urn": ALICE, "keys": []}]
        self.assertEqual(Kind.MANIFEST, codec.read(ok(am.CreateSliver(urn, [credential], request, users, {}))).kind)
        self.assertEqual(urn, ok(am.SliverStatus(urn, [credential], {}))["geni_urn"])
        self.assertIs(True, ch.RenewSlice(urn, print_time(NOW + days(20))))
        credential = ch.CreateSlice(urn)
        self.assertIs(True, ok(am.RenewSliver(urn, [credential], print_time(NOW + days(18)), {})))
        self.assertEqual([urn], ch.ListMySlices(ALICE))
        self.assertIs(True, ok(am.DeleteSliver(urn, [credential], {})))
        self.assertIs(True, ch.DeleteSlice(urn))

    async def test_geni_lib_in_python_3_sends_values_in_base64(self) -> None:
        await self.elsewhere(self.geni_lib, self.clients["alice"])

    def geni_lib(self, alice: Client) -> None:
        ch = alice.at(self.registry + "SA")
        fields = {"SLICE_NAME": "lib1", "SLICE_PROJECT_URN": PROJECT, "SLICE_DESCRIPTION": "by a library"}
        urn = ok(ch.create("SLICE", [], {"fields": fields}))["SLICE_URN"]
        [one] = ok(ch.get_credentials(urn, [], {}))
        value = xmlrpc.client.Binary(one["geni_value"].encode())
        credentials = [{"geni_value": value, "geni_type": "geni_sfa", "geni_version": 3}]
        am = alice.at(self.aggregate + "am/3.0")
        request = request_from(ok(am.ListResources(credentials, WANT)))
        answer = am.Allocate(urn, credentials, request, {})
        self.assertEqual({"code", "value", "output"}, {"code", "value", "output"} & set(answer))
        ok(answer)
        ok(am.Delete([urn], credentials, {}))
        older = alice.at(self.aggregate + "am/2.0")
        text = ok(older.ListResources([value], {"geni_available": True, "geni_compressed": True}))
        self.assertIn("rspec", zlib.decompress(base64.b64decode(text)).decode())

    async def test_protogenis_scripts_with_version_1(self) -> None:
        await self.elsewhere(self.protogeni, self.clients["alice"])

    def protogeni(self, alice: Client) -> None:
        sa = alice.at(self.registry + "protogeni/xmlrpc/sa")
        mine = ok(sa.GetCredential({}))
        asked = {"credential": mine, "type": "Slice", "hrn": "mytestslice"}
        self.assertEqual(12, sa.Resolve(asked)["code"])
        credential = ok(sa.Register(asked))
        urn = ok(sa.Resolve(asked))["urn"]
        am = alice.at(self.aggregate + "protogeni/xmlrpc/am")
        self.assertEqual(1, am.GetVersion()["geni_api"])
        request = request_from(am.ListResources([mine], {"geni_compressed": False, "geni_available": True}))
        self.assertIn("<rspec", am.CreateSliver(urn, [credential], request, [{"urn": ALICE, "keys": []}]))
        self.assertEqual(urn, am.SliverStatus(urn, [credential])["geni_urn"])
        self.assertIs(True, am.RenewSliver(urn, [credential], "2020-09-20T00:00:00"))
        self.assertIs(True, am.DeleteSliver(urn, [credential]))
        self.assertRaises(xmlrpc.client.Fault, am.SliverStatus, urn, [credential])

    async def test_the_third_versions_calls_stand_at_the_bare_address_too(self) -> None:
        await self.elsewhere(self.bare, self.clients["alice"])

    def bare(self, alice: Client) -> None:
        sa, am = alice.at(self.registry + "SA"), alice.at(self.aggregate)
        fields = {"SLICE_NAME": "bare1", "SLICE_PROJECT_URN": PROJECT}
        urn = ok(sa.create("SLICE", [], {"fields": fields}))["SLICE_URN"]
        credentials = ok(sa.get_credentials(urn, [], {}))
        request = request_from(ok(am.ListResources(credentials, WANT)))
        self.assertEqual(1, len(ok(am.Allocate(urn, credentials, request, {}))["geni_slivers"]))
        self.assertEqual(urn, ok(am.Status([urn], credentials, {}))["geni_urn"])
        self.assertEqual(13, am.PerformOperationalAction([urn], credentials, "dance", {})["code"]["geni_code"])

    async def test_the_servers_certificate_has_the_hosts_name_as_its_common_name_for_scripts_look_there(self) -> None:
        port = int(self.aggregate.rstrip("/").rpartition(":")[2])
        pem = await self.elsewhere(ssl.get_server_certificate, ("localhost", port))
        subject = x509.load_pem_x509_certificate(pem.encode()).subject
        self.assertEqual("localhost", subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    async def test_without_a_certificate_the_version_is_told_and_nothing_else(self) -> None:
        await self.elsewhere(self.nobody)

    def nobody(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with xmlrpc.client.ServerProxy(self.aggregate + "am/3.0", context=context) as am:
            self.assertEqual(3, ok(am.GetVersion())["geni_api"])
            answer: Any = am.ListResources([], WANT)
        self.assertEqual(3, answer["code"]["geni_code"])
