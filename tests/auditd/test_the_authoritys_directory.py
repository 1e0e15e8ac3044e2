"""What a node learns of its authority: who wants no packets, also while its pages are away, and what slices are for."""

import http.server
import json
import pathlib
import sys
import tempfile
import threading
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from auditd.answers import Answers
from auditd.directory import Directory
from auditd.pages import Pages
from auditd.pauses import Paused, script
from planetlab import lines
from tests.auditd.ground import WIRE
from tests.auditd.hostile import TEXTS
from tests.auditd.test_a_strangers_journey import Placed
from tests.auditd.test_hostile_texts import Hostile
from tests.auditd.world import CODEEN, VICTIM, World, sent


class Served(http.server.BaseHTTPRequestHandler):
    """The authority's pages, as a test wants them."""

    answers: dict[str, bytes] = {}  # one for all, replaced by each test

    def do_GET(self) -> None:
        body = Served.answers.get(self.path)
        self.send_response(200 if body is not None else 503)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *told: Any) -> None:
        """Say nothing."""


def optouts(*prefixes: str) -> bytes:
    return json.dumps({"now": 1.0, "optouts": [{"prefix": each, "until": 2e9} for each in prefixes]}).encode()


class Polling(TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name, "optouts.json")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Served)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(lines.close, reactor)
        self.url, self.changes = f"http://127.0.0.1:{server.server_address[1]}/", list[int]()
        Served.answers = {"/optouts.json": optouts("198.51.100.0/24"), "/slices.json": b"[]"}

    def made(self) -> Directory:
        return Directory(self.url, self.file, reactor, lambda: self.changes.append(1))

    def look(self, directory: Directory) -> "Deferred[None]":
        return Deferred.fromCoroutine(directory._look(100.0))

    async def test_what_is_no_list_changes_nothing_and_is_told(self) -> None:
        directory = self.made()
        await self.look(directory)
        for body in (b"", b"[]", b"{}", b'{"optouts": 5}', b"<html>", None, b'{"optouts": [5]}', b"{" * 9000):
            Served.answers = {"/optouts.json": body} if body is not None else {}
            await self.look(directory)
            self.assertEqual(("198.51.100.0/24",), directory.optouts, body)
            self.assertTrue(directory.error, body)
        self.assertEqual([1], self.changes)

    async def test_an_entry_for_more_than_a_network_is_not_honoured(self) -> None:
        directory = self.made()
        Served.answers["/optouts.json"] = optouts(
            "0.0.0.0/0", "198.51.0.0/16", "::/0", "2001:db8::/32", "192.0.2.7/32", "x; flush ruleset", "2001:db8::/48"
        )
        await self.look(directory)
        self.assertEqual((("192.0.2.7/32", "2001:db8::/48"), 5), (directory.optouts, directory.refused))

    async def test_what_was_learned_holds_over_a_restart_while_the_authority_is_away(self) -> None:
        await self.look(self.made())
        Served.answers = {}
        again = self.made()
        self.assertEqual(("198.51.100.0/24",), again.optouts)
        await self.look(again)
        self.assertEqual(("198.51.100.0/24",), again.optouts)
        self.assertIn("expected status 200, got 503", again.error)

    async def test_only_a_change_is_enforced_anew(self) -> None:
        directory = self.made()
        for _ in range(3):
            await self.look(directory)
        self.assertEqual([1], self.changes)
        Served.answers["/optouts.json"] = optouts()
        await self.look(directory)
        self.assertEqual(([1, 1], ()), (self.changes, directory.optouts))

    async def test_what_slices_are_for_is_learned(self) -> None:
        told = [{"name": CODEEN, "description": "A web cache.", "url": "javascript:x"}]
        Served.answers["/slices.json"] = json.dumps(told).encode()
        directory = self.made()
        await self.look(directory)
        self.assertEqual({CODEEN: ("A web cache.", "")}, directory.purposes)


class Telling(Hostile):
    def world(self) -> tuple[World, Directory]:
        world = World()
        directory = Directory("", pathlib.Path("unused"), None)
        answers = Answers(world.audit, world.settings, None, directory)
        world.pages = Pages(answers, world.clocks)
        world.see(sent(CODEEN, at=1000))
        return world, directory

    def test_the_purpose_stands_beside_what_a_slice_sent(self) -> None:
        world, directory = self.world()
        directory.purposes[CODEEN] = ("A web cache.", "https://codeen.example/")
        for path in (f"/slice/{CODEEN}", f"/to/{VICTIM}"):
            self.assertIn("A web cache.", world.get(path).text)
        self.assertEqual("https://codeen.example/", world.json(f"/slice/{CODEEN}.json")["url"])

    def test_hostile_descriptions_stay_text(self) -> None:
        world, directory = self.world()
        for text in TEXTS:
            directory._learn([{"name": CODEEN, "description": text, "url": text}])
            for path in (f"/slice/{CODEEN}", f"/to/{VICTIM}"):
                self.harmless(world.get(path).text, text[:40])

    def test_the_front_page_knows_that_the_viewer_has_opted_out(self) -> None:
        world, directory = self.world()
        self.assertEqual("", world.json("/index.json")["opted_out"])
        directory._take({"optouts": [{"prefix": "198.51.100.0/24"}]})
        self.assertEqual("198.51.100.0/24", world.json("/index.json")["opted_out"])
        self.assertEqual("", world.json("/index.json", "203.0.113.1")["opted_out"])
        self.assertEqual(1, world.json("/health.json")["optouts"])


class InForce(SynchronousTestCase):
    def test_the_list_and_the_pauses_stand_in_one_table_and_a_stranger_still_reaches_the_page(self) -> None:
        told = script(("192.0.2.10",), [Paused("203.0.113.1", 60)], ("198.51.100.0/24", "2001:db8::/48"))
        self.assertIn("add element inet plfed_pauses never4 { 198.51.100.0/24 }", told)
        self.assertIn("add element inet plfed_pauses never6 { 2001:db8::/48 }", told)
        self.assertIn("output ip saddr != { 192.0.2.10 } ip daddr @never4 counter drop", told)
        self.assertNotIn("timeout", next(line for line in told.splitlines() if "add set" in line and "never4" in line))


class EndToEnd(Placed):
    """The list at the authority's pages, a real node, and the kernel between."""

    LIST = f"{WIRE}:8080"
    more = {"authority_pages": f"http://{WIRE}:8080/", "authority_period": 1.0}

    def begin(self) -> None:
        for name in ("ca.pem", "password"):
            (self.folder / name).write_text("unused")
        settings = {
            "name": "plc", "plcapi": "http://127.0.0.1:9/PLCAPI/", "ca": "ca.pem", "username": "x",
            "password_file": "password", "listen": ["tcp:8080"], "optout_file": "optouts.db",
        }  # fmt: skip
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        (self.folder / "web.toml").write_text("\n".join(lines))
        self.start(*self.ground.wire.enter, sys.executable, "-m", "web", "--config", str(self.folder / "web.toml"))

    def test_an_entry_is_honoured_by_the_node_within_one_poll_and_so_is_its_end(self) -> None:
        self.burst(10)
        self.until(lambda: self.sent() == 10)
        self.until(lambda: self.visit("/optout", self.LIST)[0] == 200)
        status, where, text = self.visit("/optout", self.LIST, prefix=f"{WIRE}/32")
        self.assertEqual((200, True), (status, "no slice of this testbed sends packets" in text))
        self.until(lambda: self.json("/health.json")["optouts"] == 1)
        self.assert_nothing_is_sent()
        self.assertEqual(f"{WIRE}/32", self.json("/index.json")["opted_out"])
        self.visit(where, self.LIST, end="1")
        self.until(lambda: self.json("/health.json")["optouts"] == 0)
        self.until(lambda: f"{WIRE} " not in self.drops())
        before = self.sent()
        self.burst(5)
        self.until(lambda: self.sent() == before + 5)
