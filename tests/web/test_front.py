"""The pages as a resource: what is answered, also when the authority is silent."""

import json
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.ask import Refused
from planetlab.errors import Unreachable
from tests.auditd.hostile import TEXTS
from tests.auditd.test_hostile_texts import Page as Seen
from tests.auditd.test_hostile_texts import unseen
from web.front import Front, Records

RECORDS: dict[str, Any] = {
    "GetSites": [
        {"login_base": "princeton", "name": "Princeton", "url": "http://x.example/", "node_ids": [1], "slice_ids": []}
    ],
    "GetNodes": [{"hostname": "n1.plc.example", "boot_state": "boot", "last_contact": None, "slice_ids": []}],
    "GetSlices": [],
    "GetPeerBooks": [
        {"peer_id": 1, "peername": "PlanetLab epfl", "peer_url": "https://e/", "hrn": "epfl", "hrn_root": "epfl",
         "kind": "plfed", "state": "active", "trouble": "", "alarm": "", "failures": 0, "age": 4, "asked_age": 4,
         "objects_age": 200, "objects": {"sites": 1, "nodes": 2}, "words": "read aloud", "fingerprint": "00ff"},
    ],
}  # fmt: skip


class Authority:
    """An authority that answers from a table, or not at all; it counts how often it was asked."""

    def __init__(self) -> None:
        self.silent, self.asked = False, list[str]()

    async def call(self, method: str, *arguments: Any) -> Any:
        self.asked.append(method)
        if self.silent:
            raise Unreachable("no answer within 10 s")
        return RECORDS[method]


class Pages(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.authority = Authority()
        records = Records(self.authority, lambda: self.now, 10.0)  # type: ignore[arg-type]  # it is asked as `Ask` is
        self.front = Front("plc", "https://plc.example/PLCAPI/", b"CA", records)

    def page(self, path: str) -> Any:
        coroutine = self.front.answer(path)
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("the page waited for something that is not there")

    def test_a_silent_authority_gives_a_page_that_says_so_and_no_empty_table(self) -> None:
        self.authority.silent = True
        answer = self.page("/nodes")
        self.assertEqual(503, answer.code)
        self.assertIn(b"did not answer", answer.body)

    def test_a_page_that_is_not_there_is_said_so(self) -> None:
        for path in ("/nowhere", "/../setup.cfg", "/nodes/1", "/style.css.json"):
            self.assertEqual(404, self.page(path).code, path)
        self.assertEqual([], self.authority.asked)

    def test_every_page_has_a_twin_for_programs(self) -> None:
        for path in ("sites", "nodes", "slices", "peers"):
            self.assertEqual(200, self.page(f"/{path}").code)
            self.assertIsInstance(json.loads(self.page(f"/{path}.json").body), list)
        counted = json.loads(self.page("/index.json").body)
        self.assertEqual((1, 1, 0, 1), tuple(counted[name] for name in ("sites", "nodes", "slices", "up")))

    def test_an_answer_is_asked_for_once_while_it_is_fresh(self) -> None:
        self.page("/nodes")
        self.now += 9.0
        self.page("/nodes.json")
        self.assertEqual(["GetNodes"], self.authority.asked)
        self.now += 1.0
        self.page("/nodes")
        self.assertEqual(["GetNodes"] * 2, self.authority.asked)

    def test_a_clock_that_was_set_back_does_not_keep_an_answer_for_ever(self) -> None:
        self.page("/nodes")
        self.now -= 500.0
        self.page("/nodes")
        self.assertEqual(2, len(self.authority.asked))

    def test_hostile_descriptions_break_no_page_and_no_table(self) -> None:
        slices = [{"name": text, "description": text, "url": text, "expires": None, "node_ids": []} for text in TEXTS]
        self.patch(sys.modules[__name__], "RECORDS", {**RECORDS, "GetSlices": slices})
        seen = Seen(self.page("/slices").body.decode())
        self.assertEqual(([], [], []), (seen.active, seen.open, [c for c in seen.text if unseen(c) and c != "\n"]))
        self.assertEqual([5] * 301, seen.rows[0])
        self.assertEqual(300, len(json.loads(self.page("/slices.json").body)))

    def test_a_stranger_is_led_to_the_archive_and_to_the_opt_out_list_where_there_are_any(self) -> None:
        self.assertNotIn(b"/archive", self.page("/").body)
        self.front.elsewhere = ("archive",)
        page = self.page("/").body
        self.assertIn(b'<a href="/archive">', page)
        self.assertNotIn(b"/optout", page)
        self.front.elsewhere = ("archive", "optout")
        self.assertIn(b'<a href="/optout">', self.page("/").body)

    def test_the_CA_is_handed_out(self) -> None:
        self.assertEqual((b"CA", "pem"), (self.page("/ca.pem").body, self.page("/ca.pem").kind))

    def test_peers_are_shown_with_the_age_of_what_is_known_of_them(self) -> None:
        text = self.page("/peers").body.decode()
        for said in ("PlanetLab epfl", "● fresh", "4 s ago", "3 min ago"):
            self.assertIn(said, text)
        (row,) = json.loads(self.page("/peers.json").body)
        self.assertEqual((4, 200, 3, "fresh"), (row["age"], row["objects_age"], row["objects"], row["how"]))
        self.assertIn("1, of which 1 fresh", self.page("/").body.decode())

    def test_what_is_for_operators_of_peers_is_on_no_page(self) -> None:
        books = [{**RECORDS["GetPeerBooks"][0], "alarm": "two statements", "trouble": "at 10.0.0.1"}]
        self.patch(sys.modules[__name__], "RECORDS", {**RECORDS, "GetPeerBooks": books})
        for path in ("/peers", "/peers.json"):
            text = self.page(path).body.decode()
            self.assertIn("alarm", text)
            for kept in ("two statements", "10.0.0.1", "read aloud", "00ff"):
                self.assertNotIn(kept, text)

    def test_an_authority_without_books_of_peers_has_a_front_all_the_same(self) -> None:
        class Without(Authority):
            async def call(self, method: str, *arguments: Any) -> Any:
                if method == "GetPeerBooks":
                    raise Refused(100, "Invalid method GetPeerBooks")
                return await super().call(method, *arguments)

        self.front.records.ask = Without()  # type: ignore[assignment]  # it is asked as `Ask` is
        self.assertEqual((200, 503), (self.page("/").code, self.page("/peers").code))
