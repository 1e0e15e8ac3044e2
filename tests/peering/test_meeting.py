"""Two operators make their authorities known to each other; what touches the other travels, and nothing else."""

from planetlab import tickets
from planetlab.auth import NodeKey, Session
from planetlab.authority import rotating
from planetlab.names import Hrn
from planetlab.registry import peer_papers
from planetlab.registry.opening import connect
from planetlab.registry.store import Store
from planetlab.trust import Root, Roots
from tests.peering.ground import Peered


class Meeting(Peered):
    async def test_words_that_are_not_the_operators_make_nobody_known(self) -> None:
        said = await self.epfl.call("GetInvitation")
        theirs = (await self.plc.call("GetInvitation"))["words"]
        told = await self.refused(self.plc.call("AcceptPeer", said["statement"], theirs))
        self.assertIn("not this statement's", told)
        self.assertNotIn(said["words"].split()[0], told)  # who typed wrong ones is not given the right ones to copy
        self.assertIn("unknown-issuer", await self.refused(self.plc.call("AcceptPeer", said["statement"], "")))
        bent = said["statement"].replace('"sig": "', '"sig": "AAAA')
        self.assertIn("forged", await self.refused(self.plc.call("AcceptPeer", bent, said["words"])))
        self.assertEqual([], await self.plc.call("GetPeers"))

    async def test_a_peer_that_has_not_accepted_us_is_refreshed_in_vain_and_it_is_said_what_to_do(self) -> None:
        await self.plc.accept(self.epfl)
        told = await self.refused(self.plc.call("RefreshPeer", "PlanetLab epfl"))
        self.assertIn("was not refreshed: GetPeerView: Failed to authenticate call", told)
        self.assertIn("plfed peer accept", told)
        await self.epfl.accept(self.plc)
        await self.plc.call("RefreshPeer", "PlanetLab epfl")

    async def test_nobody_is_a_peer_of_itself(self) -> None:
        self.assertIn("the name of this authority itself", await self.refused(self.plc.accept(self.plc)))

    async def test_accepting_makes_a_plc_api_peer_that_is_asked_as_ever(self) -> None:
        await self.meet()
        peers = await self.plc.call("GetPeers", {}, ["peername", "shortname", "hrn_root", "peer_url"])
        expected = {"peername": "PlanetLab epfl", "shortname": "EPFL", "hrn_root": "epfl",
                    "peer_url": self.epfl.place.url("sa", "PLCAPI")}  # fmt: skip
        self.assertEqual([expected], peers)
        await self.plc.call("RefreshPeer", "PlanetLab epfl")
        book = await self.plc.book("epfl")
        self.assertEqual(
            ("plfed", "active", "", 1), (book["kind"], book["state"], book["trouble"], book["objects"]["nodes"])
        )

    async def test_a_peer_of_the_plc_api_stands_in_the_same_books_and_becomes_one_by_statement(self) -> None:
        fields = {"peername": "PlanetLab epfl", "peer_url": "https://127.0.0.1:1/PLCAPI/", "hrn_root": "epfl"}
        number = await self.plc.call("AddPeer", fields)
        (row,) = await self.plc.call("GetPeerBooks")
        self.assertEqual(("plcapi", number), (row["kind"], row["peer_id"]))
        self.assertEqual(number, await self.plc.accept(self.epfl))
        (row,) = await self.plc.call("GetPeerBooks")
        self.assertEqual(("plfed", self.epfl.place.url("sa", "PLCAPI")), (row["kind"], row["peer_url"]))

    async def test_an_authority_below_is_known_by_its_certificate_alone(self) -> None:
        japan = await self.begin("plc.japan")
        self.assertIn("not words", await self.refused(self.plc.accept(japan)))
        await self.plc.accept(japan, words=False)
        self.assertEqual("chain", (await self.plc.book("plc.japan"))["anchored"])
        await self.epfl.accept(self.plc)
        await self.epfl.accept(japan, words=False)
        self.assertEqual("chain", (await self.epfl.book("plc.japan"))["anchored"])

    async def test_only_what_touches_the_peer_travels(self) -> None:
        await self.meet()
        await self.epfl.call("RefreshPeer", "PlanetLab plc")
        slices = await self.epfl.call("GetSlices", {"peer_id": 1}, ["name"])
        self.assertEqual(([], 1), (slices, len(await self.epfl.call("GetNodes", {"peer_id": 1}, ["hostname"]))))
        self.assertEqual([], await self.epfl.call("GetPersons", {"peer_id": 1}, ["email"]))
        await self.plc.call("RefreshPeer", "PlanetLab epfl")
        await self.plc.call("AddSliceToNodes", "princeton_one", ["n1.lausanne.example"])
        await self.epfl.call("RefreshPeer", "PlanetLab plc")
        (row,) = await self.epfl.call("GetSlices", {"peer_id": 1}, ["name", "node_ids", "person_ids"])
        self.assertEqual(("princeton_one", [1], 1), (row["name"], row["node_ids"], len(row["person_ids"])))
        persons = await self.epfl.call("GetPersons", {"peer_id": 1}, ["email", "key_ids"])
        emails = {person["email"] for person in persons}
        self.assertEqual({"root@plc.example", "pi@princeton.example"}, emails)  # who made it, and its member

    async def test_a_view_that_has_not_changed_is_not_sent_again(self) -> None:
        await self.meet()
        first = await self.epfl.call("RefreshPeer", "PlanetLab plc")
        again = await self.epfl.call("RefreshPeer", "PlanetLab plc")
        self.assertGreater(first["slices"] + first["nodes"], 0.0)
        self.assertEqual(0.0, again["nodes"])

    async def test_the_dry_run_says_what_a_refresh_would_do_and_does_nothing(self) -> None:
        await self.meet()
        said = await self.plc.call("DiffPeer", "epfl")
        self.assertEqual({"held": 0, "new": 1, "changed": 0, "gone": 0}, said["objects"]["Node"])
        self.assertEqual([], await self.plc.call("GetNodes", {"peer_id": 1}))
        await self.plc.call("RefreshPeer", "PlanetLab epfl")
        said = await self.plc.call("DiffPeer", "epfl")
        self.assertEqual({"held": 1, "new": 0, "changed": 0, "gone": 0}, said["objects"]["Node"])

    async def test_nodes_of_one_fetch_the_others_tickets_through_their_own_authority(self) -> None:
        await self.meet()
        await self.plc.call("RefreshPeer", "PlanetLab epfl")
        await self.plc.call("AddSliceToNodes", "princeton_one", ["n1.lausanne.example"])
        await self.epfl.call("RefreshPeer", "PlanetLab plc")
        session = await self.epfl.ask.as_(NodeKey(1, "node-key")).call("GetSession")
        node = self.epfl.ask.as_(Session(session))
        answer = await node.call("GetPeerTickets", "plc", 0)
        pinned = Roots((Root.load(Hrn(("plc",)), (self.plc.path / "gid.pem").read_bytes()),))
        opened = [tickets.open_ticket(text.encode(), pinned, self.clock.now()) for text in answer["tickets"]]
        self.assertEqual(["plc.princeton.one"], [str(ticket.hrn) for ticket in opened])
        again = await node.call("GetPeerTickets", "plc", answer["stamp"])
        self.assertEqual({"stamp": answer["stamp"], "unchanged": True}, again)
        await self.plc.call("DeleteSliceFromNodes", "princeton_one", ["n1.lausanne.example"])
        await self.epfl.call("RefreshPeer", "PlanetLab plc")
        gone = await node.call("GetPeerTickets", "plc", answer["stamp"])
        self.assertEqual(([], ["princeton_one"]), (gone["tickets"], gone["deleted"]))

    async def test_a_suspended_peer_counts_for_nothing_until_it_is_resumed(self) -> None:
        await self.meet()
        await self.plc.call("RefreshPeer", "PlanetLab epfl")
        await self.plc.call("SuspendPeer", "epfl")
        self.assertIn("is suspended", await self.refused(self.plc.call("RefreshPeer", "PlanetLab epfl")))
        self.assertIn("is suspended", await self.refused(self.epfl.call("RefreshPeer", "PlanetLab plc")))
        session = await self.plc.ask.as_(NodeKey(1, "node-key")).call("GetSession")
        node = self.plc.ask.as_(Session(session))
        self.assertIn("suspended", await self.refused(node.call("GetPeerTickets", "epfl", 0)))
        said = await node.call("GetNodePeers", ["epfl"])
        self.assertEqual(["suspended"], [peer["state"] for peer in said["peers"]])
        await self.plc.call("ResumePeer", "epfl")
        await self.plc.call("RefreshPeer", "PlanetLab epfl")
        await self.epfl.call("RefreshPeer", "PlanetLab plc")

    async def test_a_peer_that_is_removed_leaves_nothing_behind(self) -> None:
        await self.meet()
        await self.plc.call("RefreshPeer", "PlanetLab epfl")
        await self.epfl.call("RefreshPeer", "PlanetLab plc")
        await self.epfl.call("AddSliceToNodes", "lausanne_one", ["n1.princeton.example"])
        await self.plc.call("RefreshPeer", "PlanetLab epfl")
        self.assertEqual(1, len(await self.plc.call("GetSlices", {"peer_id": 1})))
        await self.plc.call("DeletePeer", "PlanetLab epfl")
        for noun in ("Sites", "Persons", "Keys", "Nodes", "Slices", "Peers"):
            self.assertEqual([], await self.plc.call(f"Get{noun}", {"peer_id": 1}), noun)
        store = Store(connect(str(self.plc.path / "registry.db"), "both"), self.clock.now(), None)
        self.assertEqual(
            (["epfl"], [], {}), (peer_papers.gone(store), peer_papers.every(store), peer_papers.kept_tickets(store, 1))
        )
        session = await self.plc.ask.as_(NodeKey(1, "node-key")).call("GetSession")
        node = self.plc.ask.as_(Session(session))
        self.assertEqual({"peers": [], "gone": ["epfl"]}, await node.call("GetNodePeers", ["epfl", "elsewhere"]))
        self.assertIn("no peer epfl", await self.refused(node.call("GetPeerTickets", "epfl", 0)))
        await self.plc.accept(self.epfl)
        self.assertEqual([], (await node.call("GetNodePeers", ["epfl"]))["gone"])

    async def test_what_an_authority_below_revokes_the_root_says_on(self) -> None:
        japan = await self.begin("plc.japan")
        await self.plc.accept(japan, words=False)
        await japan.accept(self.plc, words=False)
        now = self.clock.now()
        for step in (rotating.prepare, rotating.activate, rotating.taint):
            step(japan.path, "ticket", now)
        gone = rotating.revoke(japan.path, "ticket", now, "lost")
        await self.says(japan, gone.key)
        await self.plc.call("RefreshPeer", "PlanetLab plc.japan")
        said = await self.says(self.plc, gone.key)
        self.assertEqual(["plc.japan"], [each.hrn for each in said.revoked if each.key == gone.key])
