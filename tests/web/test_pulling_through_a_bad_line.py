"""A line that breaks off, repeats itself or mixes things up at any 64 kB boundary costs the archive rounds, no flow."""

import random

from twisted.internet import reactor

from tests.web.bad_line import HARMS, PIECE, Line, Trials, harmed
from tests.web.test_the_archive_of_flows import HOUR, NODE, NOON, START, Sealed, flows


class ABadLine(Sealed):
    def setUp(self) -> None:
        super().setUp()
        self.sent = [flows(9_000 * n, NOON + (n - 1) * HOUR, n) for n in (1, 2, 3)]
        previous = START
        for number, found in enumerate(self.sent, 1):
            previous = self.seal(number, found, previous)
        self.index(3, previous)

    async def test_the_archive_ends_with_the_nodes_files_and_no_flow_twice(self) -> None:
        line = Line(self.url)
        self.addCleanup(line.server_close)
        self.addCleanup(line.shutdown)
        trials = Trials(NODE, line, "token", self.log, reactor)
        await trials.run()
        self.assertEqual([], [each for each in trials.pulled if not each.well])
        self.assertEqual(sum(map(len, self.sent)), trials.flows)
        boundaries = (max(path.stat().st_size for path in self.log.glob("*.parquet")) - 1) // PIECE
        self.assertGreaterEqual(boundaries, 2)
        self.assertEqual(len(HARMS) * boundaries + 1, len(trials.pulled))

    def test_what_the_line_does_is_harm(self) -> None:
        data = random.Random(1).randbytes(4 * PIECE + 7)
        for harm in HARMS:
            for at in range(PIECE, len(data), PIECE):
                self.assertNotEqual(data, harmed(data, harm, at), (harm, at))

    def test_a_file_that_is_no_longer_than_the_boundary_comes_through(self) -> None:
        line = Line(self.url)
        line.server_close()
        line.begin("broken off", PIECE)
        self.assertEqual(bytes(PIECE), line.told("/log/1.parquet", bytes(PIECE)))
        self.assertEqual(PIECE, len(line.told("/log/1.parquet", bytes(PIECE + 1))))
