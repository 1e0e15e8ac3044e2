"""The opt-out list: only for networks that a connection proves, few of them, and each ends."""

import json
import pathlib
import re
import tempfile
from urllib.parse import urlencode

from attrs import frozen
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from planetlab.clock import SetClock
from tests.auditd.hostile import TEXTS
from tests.auditd.test_hostile_texts import Page as Seen
from web.books import OptOuts
from web.optout import A_DAY, DAY, OptOutPages, Rules

NOON, VICTIM = 1_800_000_000.0, "198.51.100.7"


@frozen
class Told:
    status: int
    headers: dict[str, str]
    text: str


class OptingOut(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.books = OptOuts(pathlib.Path(folder.name, "optouts.db"))
        self.addCleanup(self.books.close)
        self.clock = SetClock(NOON)
        self.pages = OptOutPages("plc", Rules(self.books, 365.0), self.clock)

    def ask(self, path: str, viewer: str = VICTIM, form: dict[str, str] | None = None, headers: str = "") -> Told:
        kind = IPv6Address if ":" in viewer else IPv4Address
        protocol = Site(self.pages, reactor=MemoryReactorClock()).buildProtocol(kind("TCP", viewer, 4711))
        transport = StringTransport(peerAddress=kind("TCP", viewer, 4711))
        protocol.makeConnection(transport)
        body = urlencode(form, errors="replace").encode() if form is not None else b""
        method = "POST" if form is not None else "GET"
        head = f"{method} {path} HTTP/1.1\r\nHost: web\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        protocol.dataReceived(head.encode() + body)
        told, _, text = transport.value().partition(b"\r\n\r\n")
        first, *lines = told.decode().split("\r\n")
        return Told(
            int(first.split()[1]), {n.lower(): v for n, _, v in (x.partition(": ") for x in lines)}, text.decode()
        )

    def listed(self) -> list[str]:
        return [each["prefix"] for each in json.loads(self.ask("/optouts.json").text)["optouts"]]

    def test_nobody_speaks_for_a_network_that_the_connection_does_not_prove(self) -> None:
        for viewer, prefix in (
            (VICTIM, "203.0.113.1"), (VICTIM, "198.51.100.0/23"), (VICTIM, "0.0.0.0/0"), (VICTIM, "2001:db8::/48"),
            ("2001:db8::1", "2001:db8::/47"), (VICTIM, "banana"),
        ):  # fmt: skip
            told = self.ask("/optout", viewer, {"prefix": prefix})
            self.assertIn(told.status, (400, 403), prefix)
            self.assertIn('role="alert"', told.text)
        self.assertEqual([], self.listed())

    def test_a_form_of_another_site_is_refused_and_browsers_may_tell_that_ours_is_ours(self) -> None:
        for origin in ("null", "http://evil.example"):
            self.assertEqual(403, self.ask("/optout", form={}, headers=f"Origin: {origin}\r\n").status)
        self.assertEqual(303, self.ask("/optout", form={}, headers="Origin: http://web\r\n").status)
        self.assertEqual("same-origin", self.ask("/optout").headers["referrer-policy"])

    def test_a_form_of_too_many_fields_or_octets_is_refused(self) -> None:
        for form in ({f"prefix{number}": "" for number in range(30)}, {"why": "x" * 9000}):
            told = self.ask("/optout", form=form)
            self.assertEqual((400, True), (told.status, "expected at most" in told.text))
        self.assertEqual([], self.listed())

    def test_ten_thousand_requests_make_few_entries(self) -> None:
        for n in range(200):
            self.ask("/optout", VICTIM, {"prefix": f"198.51.100.{n % 256}"})
            self.ask("/optout", f"10.0.{n % 3}.{n % 256}", {})
        self.assertLessEqual(len(self.listed()), 4 * A_DAY)

    def test_an_entry_holds_for_its_days_and_ends(self) -> None:
        told = self.ask("/optout", form={"prefix": "198.51.100.0/24", "why": "a hospital"})
        where = told.headers["location"]
        self.assertRegex(where, r"^/optout/[\w-]{32}$")
        self.assertEqual(["198.51.100.0/24"], self.listed())
        page = self.ask(where)
        self.assertIn("no slice of this testbed sends packets to <strong>198.51.100.0/24", page.text)
        self.assertNotIn("hospital", page.text)
        self.clock.at = NOON + 366 * DAY
        self.assertEqual([], self.listed())

    def test_who_made_it_ends_it_sooner_and_nobody_else(self) -> None:
        where = self.ask("/optout", form={}).headers["location"]
        self.assertEqual(404, self.ask("/optout/guess", form={}).status)
        self.assertEqual(["198.51.100.7/32"], self.listed())
        self.assertEqual(303, self.ask(where, "203.0.113.9", {}).status)
        self.assertEqual([], self.listed())
        self.assertIn("has ended", self.ask(where).text)

    def test_the_list_tells_neither_who_asked_nor_why_nor_the_links(self) -> None:
        where = self.ask("/optout", form={"why": "secret"}).headers["location"]
        told = self.ask("/optouts.json").text
        self.assertNotIn("secret", told)
        self.assertNotIn(where.removeprefix("/optout/"), told)
        self.assertEqual({"prefix", "until"}, set(json.loads(told)["optouts"][0]))

    def test_hostile_words_break_no_page(self) -> None:
        for n, text in enumerate(TEXTS):
            viewer = f"10.{n % 256}.{n // 256}.1"
            for form in ({"prefix": text[:200]}, {"why": text[:300]}):
                told = self.ask("/optout", viewer, form)
                self.assertIn(told.status, (303, 400, 403))
                seen = Seen(told.text)
                self.assertEqual(([], []), (seen.active, seen.open), text[:40])
        self.assertIsNone(re.search("<script", self.ask("/optout").text))
