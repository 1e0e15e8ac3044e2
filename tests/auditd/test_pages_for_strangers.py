"""What a stranger reads at a node's address."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from auditd import rows
from auditd.stream import Kind
from tests.auditd.world import ADDRESSES, CODEEN, CORAL, NOON, SETTINGS, VICTIM, World, sent

HOSTILE = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "a\r\nSet-Cookie: b=c", "\x1b[2Jcleared",
    "=cmd|' /C'!A0", "\u202egnp.exe", "zero\u200bwidth", "{{7*7}}", "%0d%0aX: y", "'; DROP TABLE x; --", "\ud800",
    "a" * 65536, "]]>", "&lt;b&gt;", "@SUM(A1)", "\u2028line", "javascript:alert(1)", "\0nul", "-2+3",
    "<svg/onload=alert(1)>",
)  # fmt: skip


class Balance(HTMLParser):
    """Reads a page as a browser would; notes what could run, and whether tables are whole."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.active: list[str] = []
        self.open = 0
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "img"):
            self.active.append(tag)
        for name, value in attrs:
            leads = name in ("href", "src", "action", "formaction") and (value or "").strip().startswith("javascript:")
            self.active += [name] if leads or name.startswith("on") else []
        self.open += tag == "table"

    def handle_endtag(self, tag: str) -> None:
        self.open -= tag == "table"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


class AskingWrongly(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def test_what_is_no_address_is_named_with_what_was_expected_and_what_came(self) -> None:
        for asked in ("banana", "192.0.2.300", "10.0.0.0/33", "::g", "1.2.3"):
            page = self.world.get(f"/to/{asked}")
            self.assertEqual(400, page.status, asked)
            self.assertIn("expected an IPv4 or IPv6 address or prefix", page.text)
            self.assertIn(asked, page.text)
            error = self.world.json(f"/to/{asked}.json")["error"]
            self.assertEqual(("address", 400), (error["argument"], error["status"]))
            self.assertIn(asked, error["detail"])

    def test_a_slice_that_is_not_here_is_not_found(self) -> None:
        self.assertEqual(404, self.world.get("/slice/nobody_here").status)
        self.assertIn("'nobody_here'", self.world.json("/slice/nobody_here.json")["error"]["detail"])

    def test_what_is_no_page_is_not_found(self) -> None:
        for path in ("/admin", "/to", "/slice", "/slices/x", "/../etc/passwd", "/%2e%2e/x"):
            self.assertEqual(404, self.world.get(path).status, path)

    def test_parameters_are_checked_one_by_one(self) -> None:
        for query, argument in (
            ("from=yesterday", "from"), ("until=2026-01-01", "until"), ("port=70000", "port"), ("port=http", "port"),
            ("protocol=999", "protocol"), ("page=0", "page"), ("page=99", "page"), ("from=-5", "from"),
        ):  # fmt: skip
            page = self.world.json(f"/to/{VICTIM}.json?{query}") if argument != "page" else None
            if page is not None:
                self.assertEqual(argument, page["error"]["argument"], query)
            else:
                self.assertIn(self.world.get(f"/slices?{query}").status, (400, 404), query)

    def test_only_reading_is_possible(self) -> None:
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            page = self.world.get("/", method=method)
            self.assertEqual((405, "GET, HEAD"), (page.status, page.headers["allow"]))

    def test_hostile_text_in_an_address_becomes_text_on_the_page_and_one_line(self) -> None:
        for text in HOSTILE:
            wire = "".join(f"%{octet:02X}" for octet in text.encode("utf-8", "surrogatepass")[:200])
            for path in (
                f"/to/{wire}",
                f"/slice/{wire}",
                f"/{wire}",
                f"/to/?address={wire}",
                f"/to/{VICTIM}?port={wire}",
            ):
                page = self.world.get(path)
                self.assertIn(page.status, (303, 400, 404), path)
                self.assertEqual([], Balance(page.text).active, path)
                self.assertNotIn("set-cookie", page.headers)
                for name, value in page.headers.items():
                    self.assertNotRegex(name + value, r"[\r\n\x1b]")


class Reading(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.see(
            sent(CODEEN, at=1000, packets=3, octets=180),
            sent(CORAL, at=1000, proto=6, ports=7 << 16 | 22, flags=0x02),
            sent(CODEEN, "203.0.113.9", at=1000),
            sent(CODEEN, "2001:db8::1", at=1000, proto=58, ports=0x8000),
        )

    def test_the_front_page_knows_the_viewer_and_what_was_sent_there(self) -> None:
        page = self.world.get("/")
        self.assertEqual(200, page.status)
        self.assertIn("2 slices sent 4 packets (240 B) to your address 198.51.100.7", page.text)
        self.assertIn('value="198.51.100.7"', page.text)
        self.assertIn("nothing was sent to your address 8.8.8.8", self.world.get("/", viewer="8.8.8.8").text)

    def test_the_page_on_its_way_to_the_reader_is_not_taken_for_a_slices_packets(self) -> None:
        self.world.see(sent("192.0.2.10", at=1000, tag=1, proto=6, ports=80 << 16 | 4711, packets=99))
        self.assertIn("2 slices sent 4 packets", self.world.get("/").text)

    def test_an_address_is_answered_with_slices_flows_and_a_way_to_write_to_those_responsible(self) -> None:
        text = self.world.get(f"/to/{VICTIM}").text
        for expected in (CODEEN, CORAL, "5555", "53", "UDP", "TCP", "180 B"):
            self.assertIn(expected, text)
        links = re.findall(r'href="(mailto:[^"]+)"', text)
        self.assertEqual(2, len(links))
        link = unquote(links[0])
        for expected in ("princeton_codeen@slices.plc.example", "192.0.2.10", VICTIM, "3 packets"):
            self.assertIn(expected, link)

    def test_a_program_reads_the_same(self) -> None:
        told = self.world.json(f"/to/{VICTIM}.json")
        flows = {flow["slice"]: flow for flow in told["flows"]}
        self.assertEqual({CODEEN, CORAL}, flows.keys())
        udp, tcp = flows[CODEEN], flows[CORAL]
        self.assertEqual((3, 180, "UDP", 5555, 53), tuple(
            udp[name] for name in ("packets", "octets", "protocol", "source_port", "destination_port")
        ))  # fmt: skip
        self.assertEqual((float(NOON), "2027-01-15T08:00:00.000Z"), (udp["first"], udp["first_utc"]))
        self.assertEqual(("S", 22), (tcp["tcp_flags"], tcp["destination_port"]))
        self.assertEqual(("slice", "plc"), (udp["kind"], udp["authority"]))

    def test_slices_are_an_array_of_structs(self) -> None:
        told = self.world.json("/slices.json")
        self.assertEqual([CODEEN, CORAL], [struct["slice"] for struct in told])
        first = told[0]
        self.assertEqual((5, 300, 3), (first["packets"], first["octets"], first["destinations"]))
        self.assertLessEqual({"slice", "first", "last", "packets", "octets", "destinations"}, first.keys())

    def test_a_prefix_is_answered_for_all_of_it(self) -> None:
        told = self.world.json("/to/198.51.100.0/24.json")
        self.assertEqual({VICTIM}, {flow["destination"] for flow in told["flows"]})
        told = self.world.json("/to/2001:db8::/32.json")
        self.assertEqual(["2001:db8::/48"], [flow["destination"] for flow in told["flows"]])
        self.assertEqual((128, 0), (told["flows"][0]["icmp_type"], told["flows"][0]["icmp_code"]))

    def test_lists_for_everybody_do_not_name_third_parties(self) -> None:
        for path in ("/", "/destinations", f"/slice/{CODEEN}", "/to/0.0.0.0/0", "/slices"):
            for ending in ("", ".json", ".csv", ".txt"):
                page = self.world.get(("/index" if path == "/" and ending else path) + ending, viewer="8.8.8.8")
                self.assertNotIn("203.0.113.9", page.text, path + ending)
        self.assertIn("203.0.113.0/24", self.world.get("/destinations").text)

    def test_an_operator_may_choose_to_name_every_address(self) -> None:
        world = World(evolve(SETTINGS, disclosure="open"))
        world.see(sent(CODEEN, "203.0.113.9", at=1000))
        self.assertEqual("203.0.113.9", world.json("/destinations.json")[0]["destination"])
        self.assertEqual("203.0.113.9", world.json("/to/0.0.0.0/0.json")["flows"][0]["destination"])

    def test_a_table_is_the_same_rows_in_every_form(self) -> None:
        flows = self.world.json(f"/to/{VICTIM}.json")["flows"]
        lines = list(csv.DictReader(io.StringIO(self.world.get(f"/to/{VICTIM}.csv").text)))
        self.assertEqual([flow["slice"] for flow in flows], [line["slice"] for line in lines])
        self.assertEqual([str(flow["packets"]) for flow in flows], [line["packets"] for line in lines])
        text = self.world.get(f"/to/{VICTIM}.txt").text
        self.assertEqual(
            len(flows), sum(VICTIM in line and "UDP" in line or "TCP" in line for line in text.split("\n"))
        )
        asked = self.world.get(f"/to/{VICTIM}", headers="Accept: text/plain\r\n")
        self.assertTrue(asked.headers["content-type"].startswith("text/plain"))

    def test_a_question_can_be_narrowed(self) -> None:
        for query, slices in (
            ("port=22", {CORAL}), ("protocol=udp", {CODEEN}), (f"from={NOON + 1}", set()), (f"until={NOON - 1}", set()),
            ("from=2027-01-15T07:00:00Z&until=2027-01-15T09:00:00%2B00:00", {CODEEN, CORAL}),
        ):  # fmt: skip
            told = self.world.json(f"/to/{VICTIM}.json?{query}")
            self.assertEqual(slices, {flow["slice"] for flow in told["flows"]}, query)

    def test_the_search_box_leads_to_the_address(self) -> None:
        page = self.world.get("/to/?address=+2001:db8::/48+")
        self.assertEqual((303, "/to/2001:db8::/48"), (page.status, page.headers["location"]))

    def test_programs_find_their_files(self) -> None:
        probing = self.world.get("/.well-known/probing.txt")
        self.assertEqual("text/plain; charset=utf-8", probing.headers["content-type"])
        for expected in ("Canonical: http://192.0.2.10/.well-known/probing.txt", "Contact: mailto:abuse@", "Expires: "):
            self.assertIn(expected, probing.text)
        self.assertIn("Expires: 2027-02-14T08:00:00.000Z", self.world.get("/.well-known/security.txt").text)
        self.assertIn("Disallow: /to/", self.world.get("/robots.txt").text)

    def test_pages_run_nothing_fetch_nothing_and_keep_nothing(self) -> None:
        for path in ("/", f"/to/{VICTIM}", "/slices", f"/slice/{CODEEN}", "/destinations", "/health", "/nothing"):
            page = self.world.get(path)
            self.assertEqual([], Balance(page.text).active, path)
            self.assertEqual(0, Balance(page.text).open, path)
            self.assertTrue(page.headers["content-security-policy"].startswith("default-src 'none'"))
            self.assertEqual("nosniff", page.headers["x-content-type-options"])
            self.assertNotIn("set-cookie", page.headers)
            self.assertNotRegex(page.text, r'(?:src|href)="(?:https?:)?//(?!plc\.example/)')
            self.assertLess(len(page.body), 30_000, path)
            self.assertIn('<html lang="en">', page.text)


class NotHavingSeenAll(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def test_packets_that_the_capture_dropped_make_every_count_an_at_least(self) -> None:
        self.world.beat(dropped=0)
        self.world.steady += 1
        self.world.beat(dropped=17)
        told = self.world.json(f"/to/{VICTIM}.json")
        self.assertTrue(told["at_least"])
        self.assertEqual([("loss", 17)], [(gap["lack"], gap["frames"]) for gap in told["gaps"]])
        self.assertIn("at least", self.world.get(f"/to/{VICTIM}").text)
        self.assertIn("not everything was seen", self.world.get("/").text)

    def test_a_capture_that_fell_silent_is_declared_while_it_lasts_and_afterwards(self) -> None:
        self.world.steady += 30
        told = self.world.json("/index.json")
        self.assertFalse(told["capturing"])
        self.assertEqual([("blind", NOON, NOON + 30)], [(g["lack"], g["since"], g["until"]) for g in told["gaps"]])
        self.world.audit.begins(self.world.message(Kind.HELLO, {}), int(self.world.steady * 1e6))
        told = self.world.json("/index.json")
        self.assertTrue(told["capturing"])
        self.assertEqual([("blind", NOON, NOON + 30)], [(g["lack"], g["since"], g["until"]) for g in told["gaps"]])

    def test_a_node_manager_that_does_not_answer_is_said_to(self) -> None:
        self.world.audit.owners_error = "no such file"
        self.assertIn("does not tell whose packets are whose", self.world.get("/").text)

    def test_what_is_unknown_is_called_so_and_is_nobodys(self) -> None:
        self.world.see(sent("10.9.9.9", at=1000, tag=4711))
        self.world.later(5)
        (struct,) = self.world.json("/slices.json")
        self.assertEqual(("(unknown cgroup:4711)", "unknown"), (struct["slice"], struct["kind"]))
        self.assertIn("Whose these are is not known", self.world.get(f"/to/{VICTIM}").text)

    def test_a_simulated_capture_says_so_on_every_page_and_in_every_form(self) -> None:
        world = World(evolve(SETTINGS, capture="simulated"))
        for path in ("/", f"/to/{VICTIM}", "/slices", "/nothing"):
            page = world.get(path)
            self.assertIn("Simulated.", page.text, path)
            self.assertEqual("yes", page.headers["x-simulated"])
        self.assertTrue(world.json("/index.json")["simulated"])
        self.assertIn("SIMULATED", world.get("/slices.txt").text)


class ReadingMuch(SynchronousTestCase):
    def test_a_crowd_of_flows_is_told_by_the_page_and_stays_small(self) -> None:
        world = World()
        world.see(*(sent(CODEEN, at=1000, ports=n << 16 | 53) for n in range(1, 500)))
        page = world.get(f"/to/{VICTIM}")
        self.assertLess(len(page.body), 30_000)
        self.assertIn("Page 1 of 13", page.text)
        self.assertIn("More rows", page.text)
        self.assertEqual(499, len(world.json(f"/to/{VICTIM}.json")["flows"]))
        self.assertEqual(200, world.get(f"/to/{VICTIM}?page=13").status)

    def test_hostile_names_of_slices_break_no_page_no_table_and_no_line(self) -> None:
        for text in HOSTILE:
            world = World()
            owner = {"slice": text, "authority": text, "kind": "mark", "tag": "9", "from": float(NOON - 60)}
            world.own(also=[owner])
            world.see(sent(ADDRESSES[CODEEN], at=1000), sent("10.1.1.1", at=1000, tag=3 << 30 | 9))
            for path in ("/", f"/to/{VICTIM}", "/slices", "/destinations"):
                page = world.get(path)
                self.assertEqual(200, page.status)
                self.assertEqual([], Balance(page.text).active, (path, text[:40]))
                self.assertEqual(0, Balance(page.text).open)
            for line in list(csv.reader(io.StringIO(world.get("/slices.csv").text)))[1:]:
                self.assertEqual(11, len(line))
                self.assertFalse([cell for cell in line if cell[:1] in "=+-@" and cell], line)
            self.assertEqual(2, len(json.loads(world.get("/slices.json").body)))
            self.assertEqual(2, sum(line.count("UDP") for line in world.get("/slices.txt").text.split("\n")))

    def test_a_hundred_thousand_flows_are_searched_while_one_waits(self) -> None:
        world = World()
        many = rows.empty(100_000)
        many[:] = sent(CODEEN, at=1000)
        many["d_lo"] += np.arange(100_000).astype(np.uint64)
        world.see(many)
        self.assertEqual(1, len(world.json("/to/198.51.101.7.json")["flows"]))
        self.assertEqual(100_000, world.json("/slices.json")[0]["destinations"])
