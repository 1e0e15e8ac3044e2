"""Peers that are only signed files, and peers that are slow, dead or wrong: one alert, the last good word, no delay."""

import json
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from planetlab import keys, statements
from planetlab.both import hearing
from planetlab.names import Hrn
from tests.peering.ground import Peered, Static, objects, serve_static

CAMPUS, LIBRARY = Hrn(("campus",)), Hrn(("library",))


class Silent(Protocol):
    """Takes the call and says nothing, or a byte now and then."""

    drip: bytes = b""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.drip)


async def serve_silent(case: TestCase, drip: bytes = b"") -> str:
    factory = Factory.forProtocol(type("Dripping", (Silent,), {"drip": drip}))
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    case.addCleanup(port.stopListening)
    return f"http://127.0.0.1:{port.getHost().port}/"


class StaticPeers(Peered):
    async def setUp(self) -> None:
        await super().setUp()
        self.patch(hearing, "PATIENCE", 1.0)
        self.static = await self.known(CAMPUS, 20)

    async def known(self, hrn: Hrn, nodes: int, **more: Any) -> Static:
        """A static peer that plc has accepted and taken over once."""
        static = Static(hrn, self.clock.now(), objects(hrn.leaf, nodes))
        await serve_static(self, static)
        await self.plc.call("AcceptPeer", static.say(**more).decode(), static.words)
        await self.plc.call("RefreshPeer", f"Static {hrn}")
        return static

    async def nodes(self, static: Static) -> int:
        """How many of its nodes are kept."""
        book = await self.plc.book(static.hrn)
        return int(book["objects"].get("nodes", 0))

    async def wrong(self, reason: str) -> dict[str, Any]:
        """Hold that a refresh is refused for this reason, that what was kept is kept; what the books say."""
        before = await self.nodes(self.static)
        self.assertIn(reason, await self.refused(self.plc.call("RefreshPeer", "Static campus")))
        book = await self.plc.book("campus")
        self.assertEqual((before, 1), (book["objects"]["nodes"], int(book["version"])))
        self.assertIn(reason, book["trouble"])
        return book

    def next(self, **more: Any) -> None:
        """A new version, with one more node."""
        self.static.version += 1
        self.static.objects = objects("campus", 21)
        self.static.say(**more)

    async def test_files_that_are_signed_are_a_peer_in_the_same_books(self) -> None:
        book = await self.plc.book("campus")
        self.assertEqual(("static", "active", 20), (book["kind"], book["state"], book["objects"]["nodes"]))
        self.next()
        await self.plc.call("RefreshPeer", "Static campus")
        self.assertEqual(21, await self.nodes(self.static))

    async def test_what_has_not_changed_costs_one_small_question(self) -> None:
        asked = self.static.asked
        await self.plc.call("RefreshPeer", "Static campus")
        self.assertEqual(1, self.static.asked - asked)

    async def test_rollback(self) -> None:
        old = dict(self.static.pages)
        self.next()
        await self.plc.call("RefreshPeer", "Static campus")
        self.static.pages = old
        self.assertIn("rolled-back", await self.refused(self.plc.call("RefreshPeer", "Static campus")))
        self.assertEqual(21, await self.nodes(self.static))

    async def test_freeze(self) -> None:
        self.clock.advance(8 * 86400.0)
        book = await self.wrong("its statement is over and it shows no newer one")
        self.assertTrue(book["frozen"])

    async def test_mix_and_match_of_two_peers_documents(self) -> None:
        library = await self.known(LIBRARY, 3)
        self.static.pages["statement.json"] = library.pages["statement.json"]
        await self.wrong("wrong-subtree")
        self.static.say()
        self.next()
        self.static.pages["objects.json"] = library.pages["objects.json"]
        self.assertIn(
            "not the one that its statement vouches for",
            await self.refused(self.plc.call("RefreshPeer", "Static campus")),
        )
        self.assertEqual(20, await self.nodes(self.static))

    async def test_equal_version_different_bytes_alarms_once(self) -> None:
        self.static.say(name="Two faces")
        book = await self.wrong("two-faced")
        self.assertIn("two-faced", book["alarm"])
        self.static.pages["statement.json"] = b"{}"
        await self.wrong("malformed")
        self.assertEqual(book["alarm"], (await self.plc.book("campus"))["alarm"])  # the first one stands
        await self.plc.call("ResumePeer", "campus")
        self.assertEqual("", (await self.plc.book("campus"))["alarm"])

    async def test_wrong_signer(self) -> None:
        self.static.version += 1
        self.static.say(signing=keys.new_p256())
        self.assertIn("forged", (await self.wrong("forged"))["alarm"])

    async def test_skipped_turn(self) -> None:
        self.static.version += 1
        self.static.say(turn=3)
        self.static.pages["turns.json"] = b"[]"
        await self.wrong("turn-skipped")

    async def test_oversize(self) -> None:
        self.static.pages["statement.json"] += b" " * statements.MOST_BYTES
        await self.wrong("larger than")
        self.static.say()
        self.static.version += 1
        sealed = self.static.statement()
        views = {"objects": statements.View("objects.json", hearing.MOST_VIEW + 1, "0" * 64)}
        self.static.say(views=views)
        self.assertNotEqual(views, sealed.views)
        self.assertIn("at most", await self.refused(self.plc.call("RefreshPeer", "Static campus")))

    async def test_more_objects_than_a_peer_may_have_here(self) -> None:
        self.static.version += 1
        self.static.objects = objects("campus", 20_001)
        self.static.say()
        said = await self.refused(self.plc.call("RefreshPeer", "Static campus"))
        self.assertIn("at most 20000 are taken here", said)
        self.assertEqual(20, await self.nodes(self.static))

    async def test_half_body(self) -> None:
        self.static.pages["statement.json"] = self.static.pages["statement.json"][:700]
        await self.wrong("malformed")

    async def test_a_page_that_is_gone(self) -> None:
        del self.static.pages["statement.json"]
        await self.wrong("404")

    async def test_an_emptied_or_shrunken_answer_does_not_delete(self) -> None:
        self.static.version += 1
        self.static.objects = objects("campus", 2)
        self.static.say()
        await self.plc.call("RefreshPeer", "Static campus")
        book = await self.plc.book("campus")
        self.assertEqual((20, 18), (book["objects"]["nodes"], book["held_back"]))
        self.static.version += 1
        self.static.objects = {"Sites": [], "Keys": [], "Persons": [], "Slices": [], "Nodes": []}
        self.static.say()
        self.assertIn("no site at all", await self.refused(self.plc.call("RefreshPeer", "Static campus")))
        self.assertEqual(20, await self.nodes(self.static))

    async def test_deletions_that_are_said_twice_are_done(self) -> None:
        self.static.version += 1
        self.static.objects = objects("campus", 2)
        self.static.say()
        for _ in range(2):
            await self.plc.call("RefreshPeer", "Static campus")
        self.assertEqual(2, await self.nodes(self.static))

    async def test_names_that_are_others_and_payloads_change_nothing_of_ours(self) -> None:
        before = await self.plc.call("GetNodes", {"peer_id": None}), await self.plc.call("GetSites", {"peer_id": None})
        bad = objects("princeton", 1)
        bad["Nodes"] += [{"node_id": 9, "hostname": "n1.princeton.example", "site_id": 1}]
        bad["Nodes"] += [{"node_id": 10, "hostname": "'; DROP TABLE nodes; --", "site_id": 1}]
        bad["Nodes"] += [{"node_id": 11, "hostname": "<script>.example", "site_id": 1}, {"node_id": 12}]
        self.static.version += 1
        self.static.objects = bad
        self.static.say()
        await self.plc.call("RefreshPeer", "Static campus")
        after = await self.plc.call("GetNodes", {"peer_id": None}), await self.plc.call("GetSites", {"peer_id": None})
        self.assertEqual(json.dumps(before, default=str), json.dumps(after, default=str))

    async def test_slow_trickle_and_silence_end_in_time_and_hold_up_nobody(self) -> None:
        for number, drip in enumerate((b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")):
            where = await serve_silent(self, drip)
            silent = Static(Hrn((f"silent{number}",)), self.clock.now(), objects(f"silent{number}", 1), url=where)
            await self.plc.call("AcceptPeer", silent.say().decode(), silent.words)
            begun = reactor.seconds()
            waiting = [self.refused(self.plc.call("RefreshPeer", f"Static silent{number}"))]
            self.next()
            await self.plc.call("RefreshPeer", "Static campus")
            self.assertIn("no answer within", await waiting[0])
            self.assertLess(reactor.seconds() - begun, 15.0)
            self.assertEqual(1, (await self.plc.book(f"silent{number}"))["failures"])
