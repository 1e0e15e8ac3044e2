"""Questions to the last hour: an index and short cuts find what a plain look at every record finds."""

import json
import random
from ipaddress import ip_address, ip_network

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd import chunks, hour, render, rows, standing, sums, tell, written
from auditd.destinations import by_destination
from auditd.hour import Hour
from auditd.question import Question
from auditd.rows import Rows
from auditd.shelf import Shelf
from tests.auditd.world import CODEEN, NOON, VICTIM, World, sent

CHUNKS, EACH = 5, 3000


def some_flows(seed: int) -> Rows:
    """Records of both versions to crowded networks; a flow may have several."""
    chance = np.random.default_rng(seed)
    found = rows.empty(EACH)
    six = chance.random(EACH) < 0.3
    found["d_hi"] = np.where(six, np.uint64(0x20010DB800000000), np.uint64(0))
    low = np.where(six, np.uint64(0x8000000000000000), np.uint64(rows.MAPPED | 0xCB007000))
    found["d_lo"] = low + chance.integers(0, 1500, EACH).astype(np.uint64)
    found["s_lo"] = rows.pair(ip_address("192.0.2.10"))[1]
    found["ports"] = chance.integers(1, 4, EACH) << 16 | chance.integers(50, 54, EACH)
    found["proto"] = chance.choice(np.array([6, 17], np.uint8), EACH)
    found["slice"] = chance.integers(16, 19, EACH)
    found["packets"] = chance.integers(1, 9, EACH)
    found["first"] = chance.integers(0, 10**9, EACH)
    found["last"] = found["first"] + chance.integers(0, 10**8, EACH)
    return found


class AskingMuch(SynchronousTestCase):
    def setUp(self) -> None:
        self.hour, self.every = Hour(), [some_flows(seed) for seed in range(CHUNKS)]
        for number, found in enumerate(self.every):
            self.hour.add(found, 100.0 * number)
        self.open = some_flows(99)
        self.hour.show_open(self.open)

    def plain(self, question: Question) -> Rows:
        every = np.concatenate([*self.every, self.open])
        return rows.joined(every[question.which(chunks.columns(every))])

    def questions(self) -> list[Question]:
        chance, found = random.Random(4), []
        prefixes = ("203.0.112.0/22", "203.0.112.9", "203.0.113.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0",
                    "192.0.2.1", "2001:db8:0:0:8000::7", "2001:db8:0:0:8000::/70", "203.0.112.128/25",
                    "fe80::/10")  # fmt: skip
        for _ in range(200):
            since = chance.choice((None, chance.randrange(10**9)))
            found.append(
                Question(
                    to=ip_network(chance.choice(prefixes)), since=since, port=chance.choice((None, 51)),
                    until=chance.choice((None, 10**9)), protocol=chance.choice((None, 6)),
                    slices=chance.choice((None, frozenset({16}))),
                )
            )  # fmt: skip
        return found

    def test_what_is_found_is_what_a_plain_look_finds(self) -> None:
        for question in self.questions():
            expected, found = self.plain(question), self.hour.ask(question)
            self.assertEqual(sorted(expected.tolist()), sorted(found.tolist()), question)
            told = self.hour.every(question, "packets")
            self.assertEqual(int(expected["packets"].sum()), int(told["packets"].sum()))

    def test_the_latest_of_many_are_the_latest_and_all_are_counted(self) -> None:
        for much in (hour.MUCH, 100):
            self.patch(hour, "MUCH", much)
            for question in self.questions()[:60]:
                expected = self.plain(question)
                found, count = self.hour.latest(question, 50)
                self.assertEqual(len(expected), count, question)
                latest = sorted(expected["last"].tolist(), reverse=True)[: len(found)]
                self.assertEqual(latest, found["last"].tolist(), question)
                self.assertLessEqual(set(found.tolist()), set(expected.tolist()))
                self.assertTrue(len(found) or not count)

    def test_a_record_that_finds_its_slice_late_is_found_under_it(self) -> None:
        question = Question(to=ip_network("203.0.112.0/25"), slices=frozenset({77}))
        self.assertEqual(0, len(self.hour.ask(question)))
        for chunk in self.hour._chunks:
            chunk.column["slice"][:] = 0
        self.hour.claim(lambda found: np.full(len(found), 77, np.uint32))
        self.assertGreater(len(self.hour.ask(question)), 100)


class Kept(SynchronousTestCase):
    """Sums of stretches of the hour that are kept: all the same as sums of the records at once."""

    def setUp(self) -> None:
        self.patch(chunks, "WORTH", 500)
        self.world = World()
        names = [
            {"slice": f"site_s{n}", "authority": "plc", "kind": "mark", "tag": str(n), "from": 0.0} for n in range(9)
        ]
        self.world.own(also=names)
        self.hour = self.world.audit.hour
        self.every: list[Rows] = []

    def add(self, number: int) -> None:
        chance, found = np.random.default_rng(100 + number), some_flows(number)
        found["slice"] = np.where(chance.random(EACH) < 0.2, 0, found["slice"])
        found["tag"] = np.where(found["slice"] == 0, chance.integers(1, 40, EACH), 0)
        found["flags"], found["octets"] = chance.integers(0, 256, EACH), chance.integers(40, 9000, EACH)
        folded = chance.random(EACH) < 0.02
        rows.nameless(nameless := found[folded])
        found[folded] = nameless
        self.every.append(found)
        self.hour.add(found, 100.0 * number)

    def at_once(self) -> World:
        """A world with the same records, of which nothing is kept: all of them are open flows."""
        world = World()
        world.audit.owners = self.world.audit.owners
        world.audit.hour.show_open(np.concatenate(self.every))
        return world

    def test_what_each_sender_sent_and_where_it_went_is_summed_alike(self) -> None:
        questions = (
            Question(), Question(since=3 * 10**8), Question(to=ip_network("203.0.112.0/22")), Question(protocol=6),
            Question(to=ip_network("::/0")), Question(slices=frozenset({0, 16})),
            Question(to=ip_network("203.0.112.9")),
        )  # fmt: skip
        for number in range(CHUNKS):
            self.add(number)
            plain = self.at_once().audit
            for question in questions[:: 1 if number == CHUNKS - 1 else 3]:
                self.assertEqual(sums.by_slice(plain, question), sums.by_slice(self.world.audit, question), question)
                for networks in (True, False):
                    (some, few), (others, many) = (
                        by_destination(audit, question, networks) for audit in (plain, self.world.audit)
                    )
                    self.assertEqual((few, [each["packets"] for each in some]), (many, [e["packets"] for e in others]))
                    self.assertEqual(some[:30], others[:30])

    def test_a_record_that_finds_its_slice_late_moves_in_sums_that_were_kept(self) -> None:
        for number in range(CHUNKS):
            self.add(number)
        before = {struct["slice"]: struct["packets"] for struct in sums.by_slice(self.world.audit, Question())}
        self.hour.claim(lambda found: np.where(found["tag"] == 7, 18, 0).astype(np.uint32))
        after = {struct["slice"]: struct["packets"] for struct in sums.by_slice(self.world.audit, Question())}
        self.assertGreater(before["(unknown cgroup:7)"], 0)
        self.assertNotIn("(unknown cgroup:7)", after)
        self.assertEqual(sum(before.values()), sum(after.values()))

    def test_a_shelf_keeps_what_was_asked_for_last(self) -> None:
        shelf = Shelf(2)
        for name in ("a", "b", "a", "c"):
            shelf.get(name, name.upper)
        self.assertEqual(["A", None, "C"], [shelf.seen(name) for name in "abc"])


class Wide(SynchronousTestCase):
    def test_a_prefix_so_wide_is_answered_by_the_latest_flows_and_exact_sums_on_a_small_page(self) -> None:
        world = World()
        owners = [
            {"slice": f"site_s{n}", "authority": "plc", "kind": "mark", "tag": str(n), "from": 0.0}
            for n in range(1, 301)
        ]
        world.own(also=owners)
        world.see(*(sent("10.1.1.1", at=1000, tag=3 << 30 | 1 + n % 300, ports=n << 16 | 53) for n in range(2000)))
        told = world.json("/to/198.51.0.0/16.json")
        self.assertEqual((2000, 200, 300), (told["flow_count"], len(told["flows"]), len(told["slices"])))
        self.assertEqual(2000, sum(struct["packets"] for struct in told["slices"]))
        page = world.get("/to/198.51.0.0/16")
        self.assertLess(len(page.body), 30_000)
        self.assertIn("The other 292", page.text)

    def test_sums_are_made_ready_aside_once_there_is_much(self) -> None:
        world, work = World(), []
        many = rows.empty(60_000)
        many[:] = sent(CODEEN, at=1000)
        many["first"] = many["last"] = NOON * 1_000_000
        many["d_lo"] += np.arange(60_000).astype(np.uint64)
        world.audit.hour.add(many, 1000.0)
        answers = world.pages._answers
        answers.standing.aside = lambda make, told: work.append((make, told))
        world.pages.warm()
        world.pages.warm()
        self.assertEqual(3, len(work))
        for make, told in work:
            told(make())
        self.assertEqual(60_000, world.json("/slices.json")[0]["destinations"])
        world.pages.warm()
        self.assertEqual(3, len(work))

    def test_with_much_to_sum_a_page_is_never_older_than_a_second_or_two(self) -> None:
        self.patch(standing, "MUCH", 100)
        world, work = World(), []
        answers = world.pages._answers
        answers.standing.aside = lambda make, told: work.append((make, told))
        seen = []
        for second in range(5):
            world.see(sent(CODEEN, at=world.steady, ports=second << 16 | 53, packets=250))
            world.see(*(sent(CODEEN, at=world.steady, ports=port << 16 | 54) for port in range(150)))
            for path in ("/slices.json", "/.json"):
                told = world.json(path)
                seen.append((told if isinstance(told, list) else told["slices"])[0]["packets"] - 400 * second)
            for make, told in work:
                told(make())
            work.clear()
            world.later(1.0)
        self.assertEqual(400, seen[0])
        self.assertGreaterEqual(min(seen), 400 - 2 * 400)


class Large(SynchronousTestCase):
    """Answers of thousands of flows."""

    def setUp(self) -> None:
        self.world = World()
        many = rows.empty(5000)
        many[:] = sent(CODEEN, at=1000)
        many["ports"] = np.arange(5000) << 16 | 53
        many["proto"] = np.resize(np.array([6, 17, 1, 47, 58], np.uint8), 5000)
        many["how"] = np.where(np.arange(5000) % 7 == 0, np.arange(5000) % 16, 0)
        many["first"] = many["last"] = NOON * 1_000_000 - np.arange(5000)
        self.world.audit.hour.add(many, 1000.0)

    def test_flows_are_written_as_their_structs_are(self) -> None:
        found, owners = self.world.audit.hour.ask(Question()), self.world.audit.owners
        for veiled in (False, True):
            structs = tell.flows(found, owners, veiled)
            told = json.loads(f"[{written.flows(found, owners, veiled)}]")
            self.assertEqual(structs, told)
            self.assertEqual(list(structs[0]), list(told[0]))  # in the same order
        self.assertEqual("", written.flows(found[:0], owners))

    def test_numbers_of_every_length_and_names_of_every_kind_are_written_as_they_are(self) -> None:
        many = rows.empty(200)
        many[:] = sent(CODEEN, at=1000)
        many["packets"] = [min(10 ** (n // 10) - 1 + n % 2, 2**64 - 1) for n in range(200)]
        many["octets"] = many["packets"][::-1]
        many["frames"] = np.minimum(many["packets"], 2**32 - 1)
        many["ports"] = np.resize(np.array([0, 1, 9, 10, 65535, 65536, 2**32 - 1], np.uint32), 200)
        many["first"] = np.resize(np.array([0, 1, 999_999, 10**6, NOON * 10**6 + 10, 4102444800 * 10**6 + 1]), 200)
        many["last"] = many["first"] + np.arange(200)
        many["flags"] = np.arange(200)
        many["tag"][::3], many["slice"][::3] = 77, 0
        many["s_lo"][::5] ^= np.uint64(0x8000_0000_0000_0001)
        owners = self.world.audit.owners
        for each in ('"quoted"\\', "\0\x1b[31m", "\u202e\u00e9\U0001f600"):
            self.patch(type(owners), "label", lambda *_, said=each: said)
            told = json.loads(f"[{written.flows(many, owners)}]")
            self.assertEqual(tell.flows(many, owners), told)
            self.assertEqual(each, told[0]["slice"])

    def test_a_large_answer_is_made_in_pieces_that_are_whole_together(self) -> None:
        answer = self.world.pages._answers.to(VICTIM, "", {}, *self.world.clocks())
        pieces = list(self.world.pages._renderer.json(answer))
        self.assertEqual(-(-5000 // render.FLOWS), len(pieces))
        told = json.loads("".join(pieces))
        self.assertEqual((5000, 5000), (told["flow_count"], len(told["flows"])))
        lines = "".join(self.world.pages._renderer.csv(answer)).split("\r\n")
        self.assertEqual(5002, len(lines))
