"""What a reader asked for goes along: into links, exports and forms; and the reader's own clock stands beside UTC."""

import csv
import io
import re
from html import unescape

from twisted.trial.unittest import SynchronousTestCase

from auditd import zones
from planetlab.errors import BadArgument
from tests.auditd.world import CODEEN, CORAL, VICTIM, World, sent


class KeepingTheQuestion(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        many = [sent(CODEEN, at=1000, ports=n << 16 | (53 if n % 2 else 80)) for n in range(1, 201)]
        self.world.see(*many, sent(CODEEN, at=1000, proto=6, ports=7 << 16 | 53))

    def links(self, text: str) -> list[str]:
        return [unescape(each) for each in re.findall(r'href="([^"]+)"', text)]

    def test_every_export_has_the_rows_of_the_page_it_is_linked_from(self) -> None:
        page = self.world.get(f"/to/{VICTIM}?port=53&protocol=udp").text
        self.assertIn("sent 100 flows", page)
        links = [link for link in self.links(page) if re.search(r"\.(json|csv|txt|xarf|statement)\?", link)]
        self.assertEqual(5, len(links), links)
        for link in links:
            text = self.world.get(link).text
            if ".csv" in link:
                self.assertEqual(101, len(list(csv.reader(io.StringIO(text)))))
            elif ".txt" in link:
                self.assertEqual(100, text.count(" UDP "))
        told = self.world.json(next(link for link in links if ".json" in link))
        self.assertEqual((100, {"UDP"}), (told["flow_count"], {flow["protocol"] for flow in told["flows"]}))

    def test_a_slice_and_a_clock_that_differs_can_be_asked_for(self) -> None:
        self.world.see(sent(CORAL, at=1000, ports=9 << 16 | 99))
        for query, count in (
            ("slice=nyu_coral", 1), ("slice=nobody", 0), ("slice=princeton_codeen", 201),
            ("until=2027-01-15T07:59:00Z", 0), ("until=2027-01-15T07:59:00Z&skew=60", 202),
            ("from=2027-01-15T08:00:30Z&skew=29", 0), ("from=2027-01-15T08:00:30Z&skew=30", 202),
        ):  # fmt: skip
            self.assertEqual(count, self.world.json(f"/to/{VICTIM}.json?{query}")["flow_count"], query)
        for text in ("x", "-1", "3601", "1e3"):
            error = self.world.json(f"/to/{VICTIM}.json?skew={text}")["error"]
            self.assertEqual("skew", error["argument"])

    def test_the_next_rows_are_of_the_same_question(self) -> None:
        page = self.world.get(f"/to/{VICTIM}?port=53&protocol=udp").text
        (more,) = [link for link in self.links(page) if "page=2" in link]
        self.assertIn("Page 2 of 3", self.world.get(more).text)

    def test_the_form_takes_time_and_port_along(self) -> None:
        page = self.world.get(f"/to/?address={VICTIM}&port=80&from=2027-01-15T07:00:00Z&until=&zone=")
        self.assertEqual(f"/to/{VICTIM}?from=2027-01-15T07%3A00%3A00Z&port=80", page.headers["location"])
        text = self.world.get(page.headers["location"]).text
        self.assertIn("sent 100 flows", text)
        self.assertIn('name="port" value="80"', text)


class TheReadersClock(SynchronousTestCase):
    def test_what_is_no_offset_is_refused_by_name(self) -> None:
        for text in ("noon", "+25:00", "2", "+14:01", "+02:60", "Europe/Berlin", "+0\u0662:00"):
            self.assertRaises(BadArgument, zones.read, text)
            page = World().get(f"/?zone={text.encode('unicode_escape').decode()}")
            self.assertEqual(400, page.status, text)
            self.assertIn("expected an offset from UTC", page.text)

    def test_times_stand_on_both_clocks(self) -> None:
        world = World()
        world.see(sent(CODEEN, at=1000))
        for zone, expected in (
            ("%2B02:00", "(10:00:00+02:00)"),
            ("+0200", "(10:00:00+02:00)"),
            ("-09:30", "(2027-01-14 22:30:00-09:30)"),
        ):
            for path in ("/", f"/to/{VICTIM}", "/slices", f"/slice/{CODEEN}"):
                self.assertIn(expected, world.get(f"{path}?zone={zone}").text, (path, zone))
        self.assertNotIn("(10:00:00", world.get("/").text)

    def test_pages_stay_small_with_both_clocks(self) -> None:
        world = World()
        world.see(*(sent(CODEEN, at=1000, ports=n << 16 | 53) for n in range(1, 500)))
        self.assertLess(len(world.get(f"/to/{VICTIM}?zone=-09:30").body), 30_000)
