"""What strangers are told at each level of disclosure, and that no way of writing an address gets around it."""

from base64 import b64encode

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from auditd.books import Books
from auditd.case_pages import CasePages
from auditd.desk import Desk
from auditd.pages import Pages
from tests.auditd.world import CODEEN, SETTINGS, VICTIM, World, sent

OTHER, SIX = "203.0.113.99", "2001:db8:5:6::9"
TOKEN = "let me read"


def basic(password: str) -> str:
    return f"Authorization: Basic {b64encode(f'anybody:{password}'.encode()).decode()}\r\n"


def world_of(level: str, token: str = TOKEN) -> World:
    """A node that sent to the victim and to others, at a level of disclosure."""
    world = World(evolve(SETTINGS, disclosure=level))
    world.see(*(sent(CODEEN, to, at=1000) for to in (VICTIM, OTHER, SIX)))
    answers = world.pages._answers
    desk = Desk(world.settings, answers, Books(":memory:"), None)
    world.pages = Pages(answers, world.clocks, CasePages(desk), None, token)
    return world


class Networks(SynchronousTestCase):
    """The level that holds where nothing is set."""

    def test_no_way_to_write_a_wide_prefix_shows_addresses_in_it(self) -> None:
        world = world_of("networks")
        wide = ("0.0.0.0/0", "203.0.0.0/16", "::ffff:0:0/96", "::ffff:203.0.113.0/112", "::ffff:cb00:0/104", "::/0",
                "::/64", "2001:db8::/32", "2000::/3", "::fffe:0:0/95")  # fmt: skip
        for prefix in wide:
            for ending in ("", ".json", ".csv", ".txt", ".xarf"):
                page = world.get(f"/to/{prefix}{ending}")
                for address in (OTHER, SIX):
                    self.assertNotIn(address, page.text, prefix + ending)

    def test_an_address_is_the_same_however_it_is_written(self) -> None:
        world = world_of("networks")
        for same in (
            VICTIM,
            f"{VICTIM}/32",
            f"::ffff:{VICTIM}",
            "::FFFF:c633:6407",
            "[::ffff:198.51.100.7]",
            f"%20{VICTIM}",
        ):
            told = world.json(f"/to/{same}.json")
            self.assertEqual((VICTIM, 1), (told["to"], told["flow_count"]), same)
        for same in (
            SIX,
            SIX.upper(),
            "2001:0db8:0005:0006:0000:0000:0000:0009",
            f"[{SIX}]",
            f"{SIX}%25eth0",
            f"{SIX}/128",
        ):
            told = world.json(f"/to/{same}.json")
            self.assertEqual((SIX, 1), (told["to"], told["flow_count"]), same)

    def test_a_case_about_everybody_shows_a_stranger_nobodys_address(self) -> None:
        world = world_of("networks")
        for about, shown in (("0.0.0.0/0", "203.0.113.0/24"), ("::/0", "2001:db8:5::/48"), (OTHER, OTHER)):
            case = world.post("/complain", {"about": about, "message": "stop"}).headers["location"]
            page = world.get(case).text
            self.assertIn(shown, page)
            if shown != OTHER:
                self.assertNotIn(OTHER, page)
                self.assertNotIn(SIX, page)

    def test_a_slices_page_tells_of_that_slice_whatever_else_is_asked(self) -> None:
        world = world_of("networks")
        self.assertEqual([], world.json(f"/slice/{CODEEN}.json?slice=nyu_coral")["totals"])


class Closed(SynchronousTestCase):
    def test_a_stranger_reads_what_was_sent_to_them_and_no_more(self) -> None:
        world = world_of("closed")
        front = world.json("/index.json", VICTIM)
        self.assertEqual((1, [], []), (front["sent_to_you"]["packets"], front["slices"], front["destinations"]))
        self.assertEqual(1, world.json(f"/to/{VICTIM}.json", VICTIM)["flow_count"])
        self.assertIn(f"/to/{VICTIM}", world.get("/", VICTIM).text)
        for path in (f"/to/{OTHER}", "/to/198.51.100.0/24", "/to/0.0.0.0/0", "/slices", "/destinations", "/summary",
                     f"/slice/{CODEEN}", "/paste", f"/to/{OTHER}.statement", "/nowhere"):  # fmt: skip
            for ending in ("",) if "statement" in path else ("", ".json", ".csv"):
                page = world.get(path + ending, VICTIM)
                self.assertEqual(401, page.status, path + ending)
                self.assertIn("Basic", page.headers["www-authenticate"])
                for told in (OTHER, CODEEN):
                    self.assertNotIn(told, page.text.replace(path, ""), path + ending)

    def test_who_shows_the_token_reads_all_as_bearer_or_by_a_browsers_password(self) -> None:
        world = world_of("closed")
        for shown in (basic(TOKEN), f"Authorization: Bearer {TOKEN}\r\n"):
            self.assertEqual(200, world.get("/slices", VICTIM, headers=shown).status)
            self.assertIn(CODEEN, world.get("/", VICTIM, headers=shown).text)
        for shown in (
            basic("let me"),
            "Authorization: Bearer\r\n",
            "Authorization: Basic ###\r\n",
            "Authorization: x\r\n",
        ):
            self.assertEqual(401, world.get("/slices", VICTIM, headers=shown).status)

    def test_where_no_token_is_set_nobody_is_a_reader(self) -> None:
        world = world_of("closed", token="")
        for shown in ("", basic(""), "Authorization: Bearer \r\n"):
            page = world.get("/slices", VICTIM, headers=shown)
            self.assertEqual((401, None), (page.status, page.headers.get("www-authenticate")))

    def test_strangers_still_complain_and_see_their_case_without_others_flows(self) -> None:
        world = world_of("closed")
        mine = world.post("/complain", {"about": VICTIM, "message": "stop"}, VICTIM).headers["location"]
        self.assertIn(CODEEN, world.get(mine, VICTIM).text)
        others = world.post("/complain", {"about": OTHER, "message": "stop"}, VICTIM).headers["location"]
        page = world.get(others, VICTIM)
        self.assertEqual((200, False), (page.status, CODEEN in page.text))

    def test_what_everybody_may_know_of_the_node_stays_open(self) -> None:
        world = world_of("closed")
        for path in ("/health", "/complain", "/robots.txt", "/.well-known/probing.txt", "/.well-known/security.txt"):
            self.assertEqual(200, world.get(path, VICTIM).status, path)


class Open(SynchronousTestCase):
    def test_every_address_is_listed(self) -> None:
        world = world_of("open")
        self.assertIn(OTHER, world.get("/destinations").text)
        self.assertIn(OTHER, world.get("/to/0.0.0.0/0").text)
