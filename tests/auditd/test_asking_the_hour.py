"""Questions to the last hour: an index and short cuts find what a plain look at every record finds."""

import random
from ipaddress import ip_address, ip_network

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd import hour, rows
from auditd.hour import Hour, Question
from auditd.rows import Rows
from tests.auditd.world import CODEEN, NOON, World, sent

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
        return rows.joined(every[question.which(hour.columns(every))])

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
        object.__setattr__(answers, "aside", lambda make, told: work.append((make, told)))
        world.pages.warm()
        world.pages.warm()
        self.assertEqual(4, len(work))
        for make, told in work:
            told(make())
        self.assertEqual(60_000, answers._kept["slices"].value[0]["destinations"])
        world.pages.warm()
        self.assertEqual(4, len(work))
