"""A stranger complains or pauses, those responsible answer; and neither can be abused."""

import json
import pathlib
import re
import tempfile
import time
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.error import ProcessDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from auditd import letters
from auditd.books import Books
from auditd.case_pages import CasePages
from auditd.cases import MOST_MESSAGE, PAUSES_A_DAY
from auditd.desk import Desk
from auditd.pages import Pages
from auditd.pauses import Pauses, script
from planetlab.mail import Relay
from tests.auditd import ground
from tests.auditd.ground import NODE, NODE6, WIRE, WIRE6
from tests.auditd.postbox import Postbox
from tests.auditd.test_capturing import BURST
from tests.auditd.test_pages_for_strangers import HOSTILE, Balance
from tests.auditd.test_the_whole_audit import ADDRESSES, Audited
from tests.auditd.world import CODEEN, CORAL, SETTINGS, VICTIM, Page, World, sent
from tests.waiting import until


class NoReactor:
    """Where no program can be started: what is put in force is only written down."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def spawnProcess(self, child: Any, executable: str, words: list[str], env: object) -> None:
        self.started.append(child._text)
        child.processEnded(Failure(ProcessDone(0)))


class AtTheDesk(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.books = Books(pathlib.Path(folder.name, "cases.db"))
        self.addCleanup(self.books.close)
        self.world = World(evolve(SETTINGS, page_url="http://node1.plc.example"))
        self.reactor = NoReactor()
        answers = self.world.pages._answers
        self.pauses = Pauses((), (SETTINGS.address,), self.reactor)
        self.desk = Desk(self.world.settings, answers, self.books, self.pauses)
        self.world.pages = Pages(answers, self.world.clocks, CasePages(self.desk))
        self.world.see(sent(CODEEN, at=1000, packets=3), sent(CORAL, at=1000), sent(CORAL, "203.0.113.1", at=1000))

    def opened(self, page: Page) -> str:
        """The path of the case that a form has opened."""
        self.assertEqual(303, page.status, page.text)
        return page.headers["location"]

    def owners_link(self, path: str) -> str:
        case, _ = self.desk.find(path.removeprefix("/case/"), 0.0)
        return f"/case/{case.owner_token}"


class FromABrowser(AtTheDesk):
    def test_browsers_are_let_tell_that_a_form_is_this_pages_own(self) -> None:
        # with no-referrer they send "Origin: null" along with every form, and would be turned away
        for path in ("/", "/complain", f"/to/{VICTIM}"):
            self.assertEqual("same-origin", self.world.get(path).headers["referrer-policy"])
        page = self.world.post("/complain", {"message": "stop"}, headers="Origin: http://n\r\n")
        self.assertEqual(303, page.status)
        for origin in ("null", "http://evil.example", "http://n.evil.example"):
            page = self.world.post("/complain", {"message": "stop"}, headers=f"Origin: {origin}\r\n")
            self.assertEqual(403, page.status)


class Abusing(AtTheDesk):
    def test_nobody_pauses_what_is_sent_to_others(self) -> None:
        for viewer, prefix in (
            (VICTIM, "203.0.113.1"), (VICTIM, "198.51.100.8"), (VICTIM, "198.51.100.0/23"), (VICTIM, "0.0.0.0/0"),
            (VICTIM, "198.51.0.0/16"), (VICTIM, "2001:db8::/48"), ("2001:db8::1", "2001:db8::/47"),
            (VICTIM, "::ffff:0:0/96"),
        ):  # fmt: skip
            page = self.world.post("/pause", {"prefix": prefix}, viewer=viewer)
            self.assertEqual(403, page.status, prefix)
        self.assertEqual([], self.reactor.started)
        self.assertEqual([], self.books.paused(self.world.clocks()[1] / 1e6))

    def test_a_network_has_few_pauses_a_day_and_each_ends(self) -> None:
        for number in range(PAUSES_A_DAY):
            self.opened(self.world.post("/pause", {"prefix": "", "hours": "1"}, viewer=f"198.51.100.{number}"))
        page = self.world.post("/pause", {}, viewer="198.51.100.99")
        self.assertEqual(403, page.status)
        self.assertIn("at most 5 in a day", page.text)
        now = self.world.clocks()[1] / 1e6
        self.assertEqual(PAUSES_A_DAY, len(self.books.paused(now)))
        self.assertEqual([], self.books.paused(now + 3601))

    def test_hours_and_words_have_bounds(self) -> None:
        for hours in ("25", "0", "-1", "nan", "inf", "soon"):
            self.assertEqual(400, self.world.post("/pause", {"hours": hours}).status, hours)
        for form, argument in (
            ({}, "message"), ({"message": "x" * (MOST_MESSAGE + 1)}, "message"),
            ({"message": "x", "about": "me"}, "about"), ({"message": "x", "reply_to": "nobody"}, "reply_to"),
            ({"message": "x", "reply_to": "a@b\nBcc: c@d"}, "reply_to"),
        ):  # fmt: skip
            page = self.world.post("/complain.json", form)
            self.assertEqual((400, argument), (page.status, json.loads(page.body)["error"]["argument"]), form)

    def test_one_network_cannot_fill_the_desk(self) -> None:
        for _ in range(10):
            self.opened(self.world.post("/complain", {"message": "again"}))
        self.assertEqual(403, self.world.post("/complain", {"message": "again"}).status)
        self.opened(self.world.post("/complain", {"message": "me too"}, viewer="203.0.113.9"))

    def test_a_link_cannot_be_guessed_and_a_strangers_link_does_not_answer_for_the_owner(self) -> None:
        path = self.opened(self.world.post("/complain", {"message": "stop"}))
        token = path.removeprefix("/case/")
        self.assertGreaterEqual(len(token), 32)
        for wrong in (token[:-1], token[:-1] + "A" * 2, "", "x" * 200, "%00", "' OR 1=1 --"):
            self.assertEqual(404, self.world.get("/case/" + wrong.replace(" ", "%20")).status)
        self.world.post(path, {"do": "answer", "text": "I am the owner"})
        self.assertEqual("new", self.world.json(path + ".json")["state"])

    def test_hostile_words_stay_words_on_the_page_and_in_the_letter(self) -> None:
        for number, text in enumerate(HOSTILE):
            message = text.encode("utf-8", "replace").decode()[:3000]
            page = self.world.post("/complain", {"message": "x" + message}, viewer=f"100.64.{number}.1")
            path = self.opened(page)
            self.assertEqual([], Balance(self.world.get(path).text).active)
            case, _ = self.desk.find(path.removeprefix("/case/"), 0.0)
            letter = letters.letter(self.world.settings, case, "new", [])
            assert letter is None or not re.search("[\x00-\x08\x0b-\x1f\u202e]", letter.text)


class Answering(AtTheDesk):
    def test_the_letter_goes_to_role_addresses_with_the_exact_flows(self) -> None:
        path = self.opened(
            self.world.post("/complain", {"message": "Please\nstop.", "reply_to": "cert@victim.example"})
        )
        case, _ = self.desk.find(path.removeprefix("/case/"), 0.0)
        letter = letters.letter(self.world.settings, case, "new", [])
        assert letter is not None
        slices = {f"{name}@slices.plc.example" for name in (CODEEN, CORAL)}
        self.assertEqual((slices, {"support@plc.example", "abuse@plc.example"}), (set(letter.to), set(letter.cc)))
        self.assertEqual("cert@victim.example", letter.reply_to)
        for expected in (
            "> Please\n> stop.",
            f"http://node1.plc.example/case/{case.owner_token}",
            "10.128.0.1 port 5555",
        ):
            self.assertIn(expected, letter.text)
        self.assertNotIn(case.token, letter.text)
        lines = letter.attachments[0].data.decode().splitlines()
        self.assertEqual(3, len(lines))
        self.assertEqual(2, len(json.loads(letter.attachments[1].data)))

    def test_a_case_goes_from_new_to_closed_and_everybody_sees_how_far_it_is(self) -> None:
        path = self.opened(self.world.post("/complain", {"message": "stop"}))
        owner = self.owners_link(path)
        self.assertEqual("new", self.world.json(path + ".json")["state"])
        self.assertIn("Your answer", self.world.get(owner).text)
        self.assertIn("seen by those responsible", self.world.get(path).text)
        self.world.post(owner, {"do": "say", "text": "We measure routes.\nIt ends today."})
        told = self.world.json(path + ".json")
        self.assertEqual(
            ("answered", "We measure routes.\nIt ends today."), (told["state"], told["events"][-1]["text"])
        )
        self.assertIn("We measure routes.", self.world.get(path).text)
        self.world.post(path, {"do": "close"})
        self.assertEqual("closed", self.world.json(owner + ".json")["state"])

    def test_a_case_that_nobody_answers_is_overdue_and_the_operators_are_reminded_once(self) -> None:
        path = self.opened(self.world.post("/complain", {"message": "stop"}))
        now = self.world.clocks()[1] / 1e6
        for hours in (23, 25, 26):
            self.desk.look(now + hours * 3600)
        due = [letter.kind for letter in self.books.due(now + 99 * 3600)]
        self.assertEqual(["new", "overdue"], due)
        self.assertEqual(1, sum("overdue" in e["what"] for e in self.world.json(path + ".json")["events"]))

    def test_a_pause_is_put_in_force_shown_and_ended_by_either_side(self) -> None:
        path = self.opened(self.world.post("/pause", {"prefix": "198.51.100.0/25", "hours": "2"}))
        self.assertIn("198.51.100.0/25 timeout 7200s", self.reactor.started[-1])
        owner = self.owners_link(path)
        self.pauses.error = "nft: not permitted"
        self.assertIn("The pause is not in force: nft: not permitted", self.world.get(path).text)
        self.world.post(owner, {"do": "lift"})
        self.assertNotIn("timeout 7200s", self.reactor.started[-1])
        self.assertFalse(self.world.json(path + ".json")["paused"])

    def test_the_empty_form_offers_both(self) -> None:
        text = self.world.get("/complain").text
        for expected in (f'value="{VICTIM}"', 'action="/pause"', "up to 198.51.100.0/24", 'action="/complain"'):
            self.assertIn(expected, text)

    def test_strangers_read_of_no_persons_address(self) -> None:
        path = self.opened(self.world.post("/complain", {"message": "stop", "reply_to": "eve@victim.example"}))
        for page in (path, path + ".json", "/", f"/to/{VICTIM}"):
            self.assertNotIn("eve@victim.example", self.world.get(page).text)


class ByPieces(TestCase):
    """A relay that takes a letter for some of its recipients."""

    async def test_who_was_not_taken_gets_the_letter_later_and_the_others_get_it_once(self) -> None:
        box = Postbox()
        self.addCleanup(box.close)
        world = World(evolve(SETTINGS, operator_mail="support@plc.example", abuse_mail=""))
        world.see(sent(CODEEN, at=1000), sent(CORAL, at=1000))
        with tempfile.TemporaryDirectory() as folder:
            books = Books(pathlib.Path(folder, "cases.db"))
            host, _, port = box.address.rpartition(":")
            relay = Relay(host, int(port), "audit@node1.plc.example", reactor)
            desk = Desk(world.settings, world.pages._answers, books, None, relay)
            case = desk.complain({"message": "stop"}, VICTIM, 1000.0, world.clocks()[0])
            box.later = {"nyu_coral@slices.plc.example"}
            await desk._send(1000.0)
            box.later = set()
            await desk._send(1000.0)
            self.assertEqual(1, len(box.letters))
            await desk._send(2000.0)
            await desk._send(9000.0)
            self.assertEqual(2, len(box.letters))
            self.assertEqual("nyu_coral@slices.plc.example", box.letters[1]["To"])
            told = [event.what for event in books.events(case.number) if event.who == "audit"]
            self.assertEqual(["wrote to 2 role addresses", "wrote to 1 role address"], told)
            books.close()


class ByMail(Audited):
    def test_a_complaint_is_mailed_once_answered_and_the_answer_mailed_back(self) -> None:
        box = Postbox()
        self.addCleanup(box.close)
        box.refuse = b"451 come back later\r\n"
        self.audit.kill()
        self.audit.wait()
        self.begin(
            mail_relay=box.address, slice_mail="SLICE@slices.plc.example", page_url=f"http://127.0.0.1:{self.port}"
        )
        self.ground.node.run(BURST, ADDRESSES["nyu_coral"], WIRE, "33434", "10")
        self.until(lambda: self.packets())
        case = self.form("/complain.json", {"about": WIRE, "message": "stop", "reply_to": "cert@victim.example"})
        self.assertEqual(["nyu_coral"], case["slices"])
        path = case["path"]
        box.refuse = b""
        self.until(lambda: box.letters or self._again())
        self.until(lambda: self.json(path)["state"] == "forwarded")
        (letter,) = box.letters
        self.assertEqual("nyu_coral@slices.plc.example", letter["To"])
        names = [part.get_filename() for part in letter.iter_attachments()]
        self.assertEqual(["flows.csv", "xarf.json"], names)
        body = letter.get_body()
        assert body is not None
        link = re.search(r"http://\S+(/case/\S+)", body.get_content())
        assert link is not None
        self.form(link[1] + ".json", {"do": "say", "text": "It has stopped."})
        self.until(lambda: len(box.letters) > 1)
        self.assertEqual("cert@victim.example", box.letters[1]["To"])
        self.assertEqual("answered", self.json(path)["state"])

    def _again(self) -> bool:
        """A letter that could not be handed in is tried again after half a minute: let it be due."""
        import sqlite3

        with sqlite3.connect(self.folder / "data" / "cases.db", timeout=5) as db:
            db.execute("UPDATE letters SET not_before = 0")
        db.close()
        time.sleep(0.2)  # not to hold the file's lock again and again
        return False


class PausingForReal(ground.WithGround):
    def reached(self, source: str, to: str, port: int) -> int:
        """How many of ten datagrams reach the wire."""
        listening = self.ground.wire.start(
            """
            import socket, sys
            to, port = sys.argv[1], int(sys.argv[2])
            listener = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
            listener.bind((to, port))
            print("ready", flush=True)
            sys.stdin.readline()  # all is sent
            listener.settimeout(1.0)
            count = 0
            try:
                while count < 10:
                    listener.recv(100)
                    count += 1
            except TimeoutError:
                pass
            print(count)
            """,
            to,
            str(port),
        )
        assert listening.stdout is not None
        listening.stdout.readline()
        self.ground.node.start(
            BURST.replace("sender.sendto(", "import contextlib\n    with contextlib.suppress(OSError): sender.sendto("),
            source, to, str(port), "10",
        ).communicate(timeout=60)  # fmt: skip
        return int(listening.communicate("sent\n", timeout=60)[0])

    def test_the_kernel_drops_what_slices_send_there_and_nothing_else(self) -> None:
        from auditd.pauses import Paused

        self.ground.sliver_address("10.128.0.1")
        self.ground.wire.ip("addr", "add", "10.77.0.3/24", "dev", "up0")
        own = (NODE, NODE6)
        self.nft(script(own, [Paused(WIRE, 60), Paused(WIRE6, 60)]))
        self.assertEqual(0, self.reached("10.128.0.1", WIRE, 5001))
        self.assertEqual(10, self.reached("10.128.0.1", "10.77.0.3", 5001))
        self.assertEqual(10, self.reached(NODE, WIRE, 5002))
        self.assertEqual(10, self.reached(NODE6, WIRE6, 5003))
        self.nft(script(own, []))
        self.assertEqual(10, self.reached("10.128.0.1", WIRE, 5004))

    def test_what_a_sliver_with_its_own_network_sends_is_dropped_too_and_a_pause_ends_by_itself(self) -> None:
        from auditd.pauses import Paused

        sliver = self.ground.sliver(1)
        ready = "import sys\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        sender = sliver.start(ready + BURST, "10.128.1.2", WIRE, "1010", "5")
        assert sender.stdout is not None
        sender.stdout.readline()  # on a busy machine it might begin when the pause is over
        self.nft(script((NODE,), [Paused(WIRE, 4)]))
        sender.communicate("paused\n", timeout=60)
        counter = "import subprocess; subprocess.run(['nft', 'list', 'table', 'inet', 'plfed_pauses'])"
        dropped = re.findall(r"paused4 counter packets (\d+)", self.ground.node.run(counter))
        self.assertIn("5", dropped)
        until(lambda: "expires" not in self.ground.node.run(counter), "the pause ends")

    def nft(self, text: str) -> None:
        self.ground.node.run(
            "import subprocess, sys; subprocess.run(['nft', '-f', '-'], input=sys.argv[1], text=True, check=True)", text
        )
