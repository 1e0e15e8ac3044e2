"""Other stores of the same flows: they answer the same as counting does, and one that is slow is let go."""

from collections import defaultdict
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from bench import archive_peers, archive_sqlite, made_flows
from bench.archive_sqlite import Sqlite
from bench.asking import SLICE, TooLong, Watch, best
from bench.made_flows import BEGIN, HOUR, HOURS

EACH = 200  # flows of an hour


class AskingSqlite(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.peer = Sqlite(self.folder / "peer.sqlite")
        self.reports: list[tuple[str, ...]] = []
        self.fill()
        self.addCleanup(self.peer.close)
        self.asks = self.peer.asks(ip_address("192.0.2.1"))

    def fill(self) -> None:
        archive_peers._fill(self.peer, self.folder / "SQLite.filled", EACH, lambda *told: self.reports.append(told))

    def test_it_answers_as_counting_by_hand_does(self) -> None:
        octets: dict[tuple[int, int], int] = defaultdict(int)
        ports: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
        end = (BEGIN + 24 * HOUR) * 1_000_000
        for number in range(25):
            for row in made_flows.hour(made_flows.testbed(), number, EACH)[0]:
                if row["first"] <= end:
                    octets[int(row["slice"]), BEGIN + number * HOUR] += int(row["octets"])
                    if row["slice"] == SLICE:
                        count = ports[int(row["proto"]), int(row["ports"]) & 0xFFFF]
                        count[0] += 1
                        count[1] += int(row["packets"])
        watch = Watch("", 60.0)
        self.assertEqual(sorted((*key, count) for key, count in octets.items()), sorted(self.asks["octets"](watch)))
        self.assertEqual(sorted((*key, *count) for key, count in ports.items()), sorted(self.asks["ports"](watch)))
        self.assertGreater(len(ports), 3)

    def test_what_was_filled_is_asked_again_and_what_was_filled_otherwise_is_not(self) -> None:
        first = self.folder.joinpath("peer.sqlite").stat().st_ino
        self.peer.close()
        self.fill()
        self.assertIn("by an earlier run", self.reports[-1][-1])
        self.assertEqual(first, self.folder.joinpath("peer.sqlite").stat().st_ino)
        self.peer.close()
        self.patch(Sqlite, "settings", "other indexes")
        self.fill()
        self.assertEqual("SQLite: filling", self.reports[-1][0])
        self.assertNotIn("by an earlier run", self.reports[-1][-1])
        (count,) = self.peer._db.execute("SELECT count(*) FROM flows").fetchone()
        self.assertEqual(EACH * HOURS, count)

    def test_a_question_that_takes_too_long_is_given_up_and_said_to_be(self) -> None:
        self.patch(archive_sqlite, "_LOOK", 100)
        self.assertRaises(TooLong, self.asks["octets"], Watch("", 0.0))
        said: list[Any] = []
        archive_peers._ask("SQLite: octets", self.asks["octets"], 0.5, [], 0.0, lambda *told: said.append(told))
        self.assertEqual([("SQLite: octets", "> 0 s", "ratio 0 at least")], said)
        self.assertGreater(len(self.asks["octets"](Watch("", 60.0))), 0)

    def test_an_answer_that_differs_is_said_to(self) -> None:
        said: list[Any] = []
        wrong = [(1, 2, 3)]
        equal = archive_peers._ask("SQLite: octets", self.asks["octets"], 0.5, wrong, 60.0, lambda *t: said.append(t))
        self.assertFalse(equal)
        self.assertIn("NOT EQUAL", said[0][-1])

    def test_what_takes_long_is_asked_once(self) -> None:
        asked: list[int] = []
        best(lambda: asked.append(1), most=-1.0)
        self.assertEqual(1, len(asked))
        best(lambda: asked.append(1), most=60.0)
        self.assertEqual(1 + 4, len(asked))
