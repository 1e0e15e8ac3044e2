"""Three hundred hostile texts wherever a stranger or a researcher can put one: no script, no broken table, one line."""

import csv
import io
import json
import unicodedata
from html.parser import HTMLParser
from urllib.parse import quote

import numpy as np
from twisted.logger import Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase

from auditd.clean import line
from planetlab import logs
from tests.auditd.hostile import TEXTS
from tests.auditd.test_answering_strangers import AtTheDesk
from tests.auditd.world import CODEEN, NOON, VICTIM, World, sent

ACTIVE = {"script", "iframe", "object", "embed", "img", "link", "base", "video", "audio", "marquee", "isindex"}
LEADING = ("href", "src", "action", "formaction", "data", "xlink:href")
OURS = {("link", "icon"), ("link", "stylesheet")}
VOID = {"meta", "link", "input", "br", "path", "col", "hr"}


def unseen(character: str) -> bool:
    """Whether it is a control, a mark of format, half of a pair, or a separator of lines."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


class Page(HTMLParser):
    """A page as a browser reads it: what could run, whether each row of each table has its cells, what is open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.active: list[str] = []
        self.rows: list[list[int]] = []  # for each table the cells of each row
        self.open: list[str] = []
        self.words: list[str] = []
        self.text = text
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = [(name, (value or "").strip().lower()) for name, value in attrs]
        if tag in ACTIVE and (tag, dict(told).get("rel")) not in OURS:
            self.active.append(tag)
        for name, value in told:
            runs = value.partition(":")[0] in ("javascript", "vbscript", "data") and value != "data:,"
            leads = name in LEADING and runs
            self.active += [f"{tag} {name}"] if leads or name.startswith("on") else []
        if tag == "table":
            self.rows.append([])
        elif tag == "tr" and self.rows:
            self.rows[-1].append(0)
        elif tag in ("td", "th") and self.rows and self.rows[-1]:
            self.rows[-1][-1] += 1
        if tag not in VOID and tag not in ("td", "th"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.words.append(data)


class Hostile(SynchronousTestCase):
    """What all tests here ask of an answer."""

    def harmless(self, text: str, about: object) -> Page:
        page = Page(text)
        self.assertEqual([], page.active, about)
        self.assertEqual([], [cells for cells in page.rows if len(set(cells)) > 1], about)
        self.assertEqual([], page.open, about)
        self.assertEqual([], [c for c in text if unseen(c) and c != "\n"], about)
        return page

    def wire(self, text: str) -> str:
        return quote(text.encode("utf-8", "surrogatepass")[:200], safe="")


class AsNamesOfSlices(Hostile):
    """Each text is a slice and its authority, which has sent something; all at once on one node."""

    def setUp(self) -> None:
        self.world = World()
        owners = [
            {"slice": text, "authority": text, "kind": "mark", "tag": str(n), "from": float(NOON - 60)}
            for n, text in enumerate(TEXTS, 1)
        ]
        self.world.own(also=owners)
        found = np.concatenate(
            [sent("10.1.1.1", at=1000, tag=3 << 30 | n, ports=n << 16 | 53, packets=301 - n) for n in range(1, 301)]
        )
        self.world.see(found)
        self.names = {line(text, 64) for text in TEXTS}

    def test_there_are_three_hundred(self) -> None:
        self.assertEqual(300, len(set(TEXTS)))

    def test_no_page_has_a_script_or_a_broken_table(self) -> None:
        for path in ("/", "/destinations", "/summary", "/health", f"/to/{VICTIM}", "/paste"):
            page = self.world.get(path)
            self.assertEqual(200, page.status)
            self.assertLessEqual(len(page.body), 30_000, path)
            self.harmless(page.text, path)
        for path in ("/slices", f"/to/{VICTIM}"):
            for number in range(1, 8):
                page = self.world.get(f"{path}?page={number}")
                self.assertEqual(200, page.status)
                self.assertLessEqual(len(page.body), 30_000, path)
                self.harmless(page.text, (path, number))

    def test_each_has_its_own_page(self) -> None:
        for name in self.names:
            page = self.world.get(f"/slice/{self.wire(name)}")
            if page.status == 200:
                self.harmless(page.text, name)
                self.assertIn(name[:20].split("<")[0].strip(), " ".join(Page(page.text).words))
            else:
                self.assertIn(page.status, (303, 400, 404), name)
        self.assertEqual(200, self.world.get("/slice/" + self.wire("<script>alert(1)</script>")).status)

    def test_a_table_for_programs_has_one_line_each(self) -> None:
        told = json.loads(self.world.get("/slices.json").body)
        rows = list(csv.reader(io.StringIO(self.world.get("/slices.csv").text, newline="")))
        self.assertEqual(len(told) + 1, len(rows))
        self.assertEqual({11}, {len(row) for row in rows})
        self.assertEqual([], [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "|", "%"))])
        text = self.world.get("/slices.txt").text
        self.assertEqual(len(told), sum("UDP" in each for each in text.split("\n")))
        for ending in ("json", "csv", "txt", "xarf"):
            page = self.world.get(f"/to/{VICTIM}.{ending}")
            bad = [c for c in page.text if unseen(c) and c not in "\r\n"]
            self.assertEqual((200, []), (page.status, bad), ending)

    def test_a_search_still_finds_what_a_hostile_name_sent(self) -> None:
        told = self.world.json(f"/to/{VICTIM}.json?port=53")
        self.assertEqual(300, told["flow_count"])
        self.assertEqual(sum(range(1, 301)), sum(struct["packets"] for struct in told["slices"]))


class AsWhatAStrangerSends(Hostile):
    def setUp(self) -> None:
        self.world = World()
        self.world.see(sent(CODEEN, at=1000))

    def test_in_addresses_and_queries(self) -> None:
        for text in TEXTS:
            wire = self.wire(text)
            for before in (
                "/to/",
                "/slice/",
                "/",
                "/to/?address=",
                f"/to/{VICTIM}?port=",
                f"/to/{VICTIM}?from=",
                "/case/",
            ):
                path = before + wire
                page = self.world.get(path)
                self.assertIn(page.status, (200, 303, 400, 404), path)
                self.harmless(page.text, path)
                for name, value in page.headers.items():
                    self.assertNotRegex(name + value, r"[\r\n\x00\x1b]")
                self.assertNotIn("set-cookie", page.headers)

    def test_in_headers(self) -> None:
        for text in TEXTS:
            value = text.encode("utf-8", "surrogatepass")[:2000]
            value = bytes(octet for octet in value if octet not in b"\r\n\0").decode("latin-1")
            for name in ("Accept", "User-Agent", "Referer", "Accept-Language", "X-Forwarded-For", "Origin", "Cookie"):
                page = self.world.get("/", headers=f"{name}: {value}\r\n".encode().decode("latin-1"))
                self.assertIn(page.status, (200, 400), (name, text[:40]))
                if "html" in page.headers.get("content-type", ""):
                    self.harmless(page.text, (name, text[:40]))

    def test_in_lines_of_logs(self) -> None:
        for text in TEXTS:
            for lines in (text, f"2027-01-15T07:59:50Z SRC=192.0.2.10 DST={VICTIM} PROTO=UDP SPT=5555 DPT=53 {text}"):
                page = self.world.post("/paste", {"lines": lines.encode("utf-8", "replace").decode()[:30_000]})
                self.assertIn(page.status, (200, 400), text[:40])
                self.harmless(page.text, text[:40])


class AsWhatAComplaintSays(AtTheDesk, Hostile):
    """A case has the stranger's words, and the owner's."""

    def test_on_the_cases_page_and_in_its_letters(self) -> None:
        for number, text in enumerate(TEXTS):
            viewer = f"10.{number}.7.7" if number < 256 else f"11.{number - 256}.7.7"
            words = text.encode("utf-8", "replace").decode()[:3000]
            page = self.world.post("/complain", {"message": f"stop {words}", "about": viewer}, viewer)
            self.assertEqual(303, page.status, page.text)
            where = page.headers["location"]
            self.world.post(where, {"do": "say", "text": f"more {words}"}, viewer)
            self.harmless(self.world.get(where).text, text[:40])


class AsLinesOfOurLog(SynchronousTestCase):
    def test_each_is_one_line_whichever_way_it_is_written(self) -> None:
        for for_programs in (False, True):
            out = io.StringIO()
            log = Logger(namespace="auditd", observer=logs.observer(out, for_programs))
            for text in TEXTS:
                log.warn("a letter of case {number} waits: {error}", number=text, error=ValueError(text))
            lines = out.getvalue().split("\n")
            self.assertEqual(("", 300), (lines[-1], len(lines) - 1))
            self.assertEqual([], [each for each in lines if any(unicodedata.category(c) == "Cc" for c in each)])
            self.assertTrue(all(LogLevel.warn.name in each for each in lines[:-1]))
