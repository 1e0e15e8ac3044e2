"""Peers: two PLCs sign, ask and take over each other's objects, and nothing of one harms the other."""

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred, gatherResults

from planetlab import ask, openpgp
from planetlab.auth import Anonymous
from planetlab.both import peering
from planetlab.both.asking import Signature
from planetlab.both.phases import PHASES
from planetlab.errors import Refused
from planetlab.failpoints import Failed
from tests.registry.peers import Federated, key


class Signing(Federated):
    def as_peer(self, method, secret=None, name=None):
        auth = Signature(name or self.epfl.name, secret or key("epfl"), method)
        return ask.Ask(self.plc.url, ca=self.plc.ca.certificate_pem, auth=auth, reactor=reactor)

    async def test_who_signs_with_another_key_or_another_call_is_refused(self):
        for secret, signed in ((openpgp.new_key("epfl <a@b.c>"), "GetPeerData"), (None, "GetPeerName")):
            error = await self.refused(self.as_peer(signed, secret).call("GetPeerData"), Refused)
            self.assertEqual(103, error.fault_code)

    async def test_a_peer_calls_what_is_for_peers_only(self):
        self.assertEqual("PlanetLab plc", await self.as_peer("GetPeerName").call("GetPeerName"))
        error = await self.refused(self.as_peer("GetPersons").call("GetPersons"), Refused)
        self.assertEqual(103, error.fault_code)
        nobody = ask.Ask(self.plc.url, ca=self.plc.ca.certificate_pem, auth=Anonymous(), reactor=reactor)
        self.assertEqual(103, (await self.refused(nobody.call("GetPeerData"), Refused)).fault_code)

    async def test_a_person_may_sign_with_a_key_on_record(self):
        await self.plc.call("AddKeyType", "gpg")
        secret = openpgp.new_key("pi <pi@princeton.example>")
        said = {"key_type": "gpg", "key": openpgp.public(secret).decode()}
        error = await self.refused(self.as_peer("AuthCheck", secret, "pi@princeton.example").call("AuthCheck"), Refused)
        self.assertEqual(103, error.fault_code)
        await self.plc.call("AddPersonKey", self.us["person"], said)
        self.assertEqual(1, await self.as_peer("AuthCheck", secret, "pi@princeton.example").call("AuthCheck"))

    async def test_a_person_who_signs_is_named_by_the_very_letters_of_the_address(self):
        await self.plc.call("AddKeyType", "gpg")
        secret = openpgp.new_key("pi <pi@princeton.example>")
        said = {"key_type": "gpg", "key": openpgp.public(secret).decode()}
        await self.plc.call("AddPersonKey", self.us["person"], said)
        named = self.as_peer("AuthCheck", secret, "PI@princeton.example")
        self.assertEqual(103, (await self.refused(named.call("AuthCheck"), Refused)).fault_code)

    async def test_a_peer_is_told_our_own_objects_without_anybodys_secret(self):
        await self.plc.call("UpdateNode", self.us["node"], {"key": "the node's secret"})
        told = await self.as_peer("GetPeerData").call("GetPeerData")
        self.assertEqual({"Sites", "Keys", "Nodes", "Persons", "Slices", "PeerNodes", "db_time"}, told.keys())
        self.assertEqual(["n1.princeton.example"], [node["hostname"] for node in told["Nodes"]])
        self.assertFalse({"key", "session", "boot_nonce"} & told["Nodes"][0].keys())
        self.assertFalse({"password", "verification_key"} & told["Persons"][0].keys())
        self.assertNotIn("maint@localhost.localdomain", [person["email"] for person in told["Persons"]])
        self.assertEqual("plc.princeton.one", told["Slices"][0]["hrn"])

    async def test_nodes_with_a_whitelist_and_system_slices_stay_with_us(self):
        await self.plc.call("AddSliceToNodesWhitelist", self.us["slice"], [self.us["node"]])
        await self.plc.call("AddSliceTag", self.us["slice"], "system", "1")
        told = await self.as_peer("GetPeerData").call("GetPeerData")
        self.assertEqual(([], []), (told["Nodes"], told["Slices"]))


class TakingOver(Federated):
    async def test_everything_arrives_and_says_whose_it_is(self):
        seconds = await self.plc.refresh(self.epfl)
        self.assertEqual(["transport", "peer_db", *PHASES], list(seconds))
        node = await self.plc.one("Nodes", ["n1.lausanne.example"])
        self.assertEqual((self.peer_id, self.them["node"]), (node["peer_id"], node["peer_node_id"]))
        one = await self.plc.one("Slices", ["lausanne_one"])
        self.assertEqual([node["node_id"]], one["node_ids"])
        self.assertEqual(self.them["slice"], one["peer_slice_id"])
        person = await self.plc.one("Persons", {"email": "pi@lausanne.example"})
        self.assertEqual([person["person_id"]], one["person_ids"])
        site = await self.plc.one("Sites", ["lausanne"], "site_id", "hrn", "peer_id")
        self.assertEqual(([site["site_id"]], ["pi"]), (person["site_ids"], person["roles"]))
        self.assertEqual(("epfl.lausanne", self.peer_id), (site["hrn"], site["peer_id"]))
        key_row = await self.plc.one("Keys", person["key_ids"])
        self.assertEqual(self.them["key"], key_row["peer_key_id"])
        peer = await self.plc.one("Peers", [self.peer_id])
        self.assertIn(node["node_id"], peer["node_ids"])

    async def test_a_second_refresh_changes_nothing(self):
        await self.plc.refresh(self.epfl)
        before = await self.plc.call("GetPeerData")
        versions = [row["last_updated"] for row in await self.plc.call("GetNodes")]
        self.clock.advance(60)
        await self.plc.refresh(self.epfl)
        self.assertEqual(versions, [row["last_updated"] for row in await self.plc.call("GetNodes")])
        self.assertEqual(before["Nodes"], (await self.plc.call("GetPeerData"))["Nodes"])

    async def test_copies_are_not_changed_by_anybody_but_their_own_plc(self):
        await self.plc.refresh(self.epfl)
        for name, args in (
            ("UpdateNode", ("n1.lausanne.example", {"model": "x"})),
            ("DeleteSlice", ("lausanne_one",)),
            ("UpdateSite", ("lausanne", {"url": ""})),
            ("AddSlice", ({"name": "lausanne_two"},)),
            ("AddSliceToNodesWhitelist", (self.us["slice"], ["n1.lausanne.example"])),
        ):
            self.assertEqual(102, (await self.refused(self.plc.call(name, *args), Refused)).fault_code)

    async def test_changes_and_deletions_follow(self):
        await self.plc.refresh(self.epfl)
        number = (await self.plc.one("Nodes", ["n1.lausanne.example"]))["node_id"]
        await self.epfl.call("UpdateNode", self.them["node"], {"hostname": "n9.lausanne.example", "boot_state": "boot"})
        await self.epfl.call("DeletePersonFromSlice", self.them["person"], self.them["slice"])
        await self.epfl.call("DeleteKey", self.them["key"])
        await self.plc.refresh(self.epfl)
        node = await self.plc.one("Nodes", [number])
        self.assertEqual(("n9.lausanne.example", "boot"), (node["hostname"], node["boot_state"]))
        self.assertEqual([], (await self.plc.one("Slices", ["lausanne_one"]))["person_ids"])
        self.assertEqual([], (await self.plc.one("Peers", [self.peer_id]))["key_ids"])
        await self.epfl.call("DeleteSlice", self.them["slice"])
        await self.epfl.call("DeleteNode", self.them["node"])
        await self.plc.refresh(self.epfl)
        self.assertEqual([], await self.plc.call("GetNodes", [number]))
        self.assertEqual([], await self.plc.call("GetSlices", ["lausanne_one"]))

    async def test_a_sliver_on_a_peers_node_is_known_to_the_nodes_owner(self):
        """Lost since 5.4 of the original, where only the peer's own nodes were looked at."""
        await self.plc.refresh(self.epfl)
        await self.plc.call("AddSliceToNodes", self.us["slice"], ["n1.lausanne.example"])
        await self.epfl.refresh(self.plc)
        there = await self.epfl.one("Slices", ["princeton_one"])
        self.assertIn(self.them["node"], there["node_ids"])
        told = await self.epfl.call("GetSlivers", self.them["node"])
        sliver = next(each for each in told["slivers"] if each["name"] == "princeton_one")
        self.assertEqual(1, len(sliver["keys"]))
        await self.plc.call("DeleteSliceFromNodes", self.us["slice"], ["n1.lausanne.example"])
        await self.epfl.refresh(self.plc)
        self.assertNotIn(self.them["node"], (await self.epfl.one("Slices", ["princeton_one"]))["node_ids"])

    async def test_a_peers_slice_takes_no_place_on_a_node_whose_whitelist_lacks_it(self):
        await self.plc.refresh(self.epfl)
        await self.plc.call("AddSliceToNodes", self.us["slice"], ["n1.lausanne.example"])
        await self.epfl.call("AddSliceToNodesWhitelist", self.them["slice"], [self.them["node"]])
        await self.epfl.refresh(self.plc)
        self.assertNotIn(self.them["node"], (await self.epfl.one("Slices", ["princeton_one"]))["node_ids"])

    async def test_our_members_of_their_slice_are_left_alone(self):
        await self.plc.refresh(self.epfl)
        await self.plc.call("AddPersonToSlice", self.us["person"], "lausanne_one")
        await self.plc.refresh(self.epfl)
        self.assertIn(self.us["person"], (await self.plc.one("Slices", ["lausanne_one"]))["person_ids"])

    async def test_disabled_persons_are_not_taken_over(self):
        await self.epfl.call("UpdatePerson", self.them["person"], {"enabled": False})
        await self.plc.refresh(self.epfl)
        self.assertEqual([], await self.plc.call("GetPersons", {"email": "pi@lausanne.example"}))

    async def test_who_comes_second_with_a_name_is_skipped_and_so_is_what_hangs_on_it(self):
        await self.epfl.populate("princeton")
        await self.plc.refresh(self.epfl)
        self.assertIsNone((await self.plc.one("Sites", ["princeton"]))["peer_id"])
        self.assertIsNone((await self.plc.one("Nodes", ["n1.princeton.example"]))["peer_id"])
        self.assertIsNone((await self.plc.one("Slices", ["princeton_one"]))["peer_id"])
        both = await self.plc.call("GetPersons", {"email": "pi@princeton.example"})
        self.assertEqual(2, len(both))


class WhenItFails(Federated):
    async def test_a_peer_that_is_away_changes_nothing_and_the_caller_is_told(self):
        await self.plc.refresh(self.epfl)
        await self.plc.call("UpdatePeer", self.peer_id, {"peer_url": "https://127.0.0.1:1/PLCAPI/"})
        error = await self.refused(self.plc.refresh(self.epfl), Refused)
        self.assertEqual(111, error.fault_code)
        self.assertIn("no connection", str(error))
        self.assertEqual(1, len(await self.plc.call("GetNodes", ["n1.lausanne.example"])))

    async def test_a_server_with_another_ca_is_not_asked(self):
        await self.plc.call("UpdatePeer", self.peer_id, {"cacert": self.plc.ca.certificate_pem.decode()})
        self.assertEqual(111, (await self.refused(self.plc.refresh(self.epfl), Refused)).fault_code)
        await self.plc.call("UpdatePeer", self.peer_id, {"cacert": ""})
        self.assertIn("cacert", str(await self.refused(self.plc.refresh(self.epfl), Refused)))
        error = await self.refused(self.plc.call("RefreshPeer", "nobody"), Refused)
        self.assertEqual(102, error.fault_code)

    async def test_a_failure_before_the_end_leaves_nothing_half_done(self):
        def fail(name):
            if name == "refresh.before-commit":
                raise Failed(name)

        self.patch(peering, "failpoint", fail)
        error = await self.refused(self.plc.refresh(self.epfl), Refused)
        self.assertEqual(111, error.fault_code)
        self.assertEqual(1, len(self.flushLoggedErrors(Failed)))
        peer = await self.plc.one("Peers", [self.peer_id])
        self.assertEqual([[]] * 5, [peer[f"{noun}_ids"] for noun in ("site", "key", "person", "node", "slice")])

    async def test_two_refreshes_of_one_peer_do_not_meet(self):
        both = [self.plc.refresh(self.epfl), self.plc.refresh(self.epfl)]

        async def code(work):
            try:
                await work
            except Refused as error:
                return error.fault_code
            return 0

        self.assertEqual([0, 111], sorted(await gatherResults([ensureDeferred(code(work)) for work in both])))

    async def test_readers_are_answered_while_a_refresh_is_under_way(self):
        waiting = self.plc.refresh(self.epfl)
        self.assertEqual(1, await self.plc.call("AuthCheck"))
        await waiting


class Forgetting(Federated):
    async def test_a_deleted_peer_takes_every_copy_along_and_leaves_its_name_free(self):
        await self.plc.refresh(self.epfl)
        self.assertEqual(1, await self.plc.call("DeletePeer", self.epfl.name))
        for plural, said in (
            ("Sites", ["lausanne"]),
            ("Nodes", ["n1.lausanne.example"]),
            ("Slices", ["lausanne_one"]),
            ("Persons", {"email": "pi@lausanne.example"}),
        ):
            self.assertEqual([], await self.plc.call(f"Get{plural}", said))
        self.assertEqual(1, len(await self.plc.call("GetKeys")))
        self.peer_id = await self.plc.meet(self.epfl)
        await self.plc.refresh(self.epfl)
        self.assertEqual(1, len(await self.plc.call("GetNodes", ["n1.lausanne.example"])))

    async def test_entries_go_and_come_back_while_the_peer_stays(self):
        await self.plc.refresh(self.epfl)
        self.assertEqual(1, await self.plc.call("DeleteAllPeerEntries", self.epfl.name))
        self.assertEqual([], await self.plc.call("GetNodes", ["n1.lausanne.example"]))
        self.assertEqual(1, len(await self.plc.call("GetNodes", ["n1.princeton.example"])))
        await self.plc.refresh(self.epfl)
        self.assertEqual(1, len(await self.plc.call("GetNodes", ["n1.lausanne.example"])))
        self.assertEqual(102, (await self.refused(self.plc.call("DeleteAllPeerEntries", "nobody"), Refused)).fault_code)

    async def test_objects_are_bound_and_unbound_by_short_name(self):
        for args in (("boat", 1, "epfl", 5), ("site", 99, "epfl", 5), ("site", 1, "nobody", 5)):
            error = await self.refused(self.plc.call("BindObjectToPeer", *args), Refused)
            self.assertEqual(102, error.fault_code)
        for _ in range(2):
            self.assertEqual(1, await self.plc.call("BindObjectToPeer", "node", self.us["node"], "epfl", 55))
        there = await self.plc.one("Nodes", [self.us["node"]])
        self.assertEqual((self.peer_id, 55), (there["peer_id"], there["peer_node_id"]))
        self.assertEqual(1, await self.plc.call("UnBindObjectFromPeer", "node", self.us["node"], "epfl"))
        self.assertIsNone((await self.plc.one("Nodes", [self.us["node"]]))["peer_id"])

    async def test_what_is_known_of_a_peer_is_checked_and_its_secrets_kept(self):
        name, url = self.epfl.name, "https://x/"
        for said in (
            {"peername": "x"},
            {"peer_url": url},
            {"peername": "", "peer_url": url},
            {"peername": "x", "peer_url": "http://x/"},
            {"peername": "x", "peer_url": "https://x/y"},
            {"peername": name, "peer_url": url},
        ):
            self.assertEqual(102, (await self.refused(self.plc.call("AddPeer", said), Refused)).fault_code)
        person = ask.Ask(self.plc.url, ca=self.plc.ca.certificate_pem, reactor=reactor)
        auth = {"AuthMethod": "password", "Username": "pi@princeton.example", "AuthString": "pi's own"}
        shown = (await person.call("GetPeers", auth, [self.peer_id]))[0]
        self.assertFalse({"key", "cacert"} & shown.keys())
        self.assertEqual(self.epfl.url, shown["peer_url"])
        self.assertEqual(103, (await self.refused(person.call("GetPeerData", auth), Refused)).fault_code)
