"""What an authority's pages show, and what they never show."""

from jinja2 import UndefinedError
from lxml import html as parser
from twisted.trial.unittest import SynchronousTestCase

from web import pages, render

HOSTILE = "<script>alert(1)</script>"
SLICE = {
    "name": "princeton_codeen",
    "description": HOSTILE,
    "url": "javascript:alert(1)",
    "expires": 1_800_000_000,
    "node_ids": [1, 2, 3],
    "creator_person_id": 4,
}


def shown(page: pages.Page, records: list[pages.Row]) -> bytes:
    rows = pages.told(page, records)
    frame = {"title": page.title, "name": "plc", "here": f"/{page.path}", "twin": "", "stamp": pages.stamp(0)}
    return render.html("table", rows=rows, columns=page.columns, caption=page.caption, **frame)


class Pages(SynchronousTestCase):
    def test_a_template_that_asks_for_what_is_not_there_is_an_error(self) -> None:
        self.assertRaises(UndefinedError, render.html, "trouble", title="x")

    def test_what_a_slice_says_of_itself_is_escaped(self) -> None:
        text = shown(pages.SLICES, [SLICE])
        self.assertNotIn(HOSTILE.encode(), text)
        self.assertIn(b"&lt;script&gt;", text)

    def test_a_link_that_leads_to_no_page_is_not_made(self) -> None:
        self.assertEqual("", pages.told(pages.SLICES, [SLICE])[0]["url"])
        self.assertNotIn(b"javascript:", shown(pages.SLICES, [SLICE]))

    def test_fields_that_no_column_shows_do_not_appear(self) -> None:
        self.assertEqual(set(pages.SLICES.fields), set(pages.told(pages.SLICES, [SLICE])[0]))

    def test_counts_and_times_are_told_and_not_raw(self) -> None:
        row = pages.told(pages.SLICES, [SLICE])[0]
        self.assertEqual((3, "2027-01-15T08:00:00Z"), (row["node_ids"], row["expires"]))

    def test_a_node_that_never_called_says_so(self) -> None:
        record = {"hostname": "n1.plc.example", "boot_state": "reinstall", "last_contact": None, "slice_ids": []}
        self.assertEqual("never", pages.told(pages.NODES, [record])[0]["last_contact"])

    def test_rows_stand_in_the_order_of_their_names(self) -> None:
        rows = pages.told(pages.SITES, [{"login_base": name} for name in ("tokyo", "berkeley")])
        self.assertEqual(["berkeley", "tokyo"], [row["login_base"] for row in rows])

    def test_every_page_is_whole_light_and_says_its_language(self) -> None:
        for page in pages.PAGES.values():
            text = shown(page, [])
            tree = parser.fromstring(text)
            self.assertEqual("en", tree.get("lang"))
            self.assertEqual([page.title], tree.xpath("//h1/text()"))
            self.assertLess(len(text), 30_000)

    def test_the_style_is_our_own_file(self) -> None:
        self.assertIn(b"prefers-color-scheme", render.style())
        self.assertNotIn(b"http", render.style())
