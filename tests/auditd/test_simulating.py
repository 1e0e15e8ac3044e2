"""A simulated capture plays what was recorded, under the names of this node's own slivers, and says what it is."""

import pathlib
import tempfile

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from auditd.simulated import Player, recorded, sources
from planetlab.errors import BadSettings
from tests.auditd.world import ADDRESSES, SETTINGS, VICTIM, S, World


class Simulating(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(evolve(SETTINGS, capture="simulated"))
        self.clock = Clock()

    def play(self, seconds: float) -> None:
        player = Player(self.world.audit, self.clock, lambda: int(self.world.steady * S), recorded(""))
        player.start()
        for _ in range(int(seconds * 10)):
            self.world.steady += 0.1
            self.clock.advance(0.1)
            self.world.audit.learn([], int(self.world.steady * S))
            self.world.turn()
        player.stop()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_every_sliver_of_this_node_sends_what_was_recorded(self) -> None:
        self.play(30)
        told = {struct["slice"]: struct["packets"] for struct in self.world.json(f"/to/{VICTIM}.json")["slices"]}
        self.assertEqual(set(ADDRESSES), set(told))
        self.assertGreater(min(told.values()), 100)

    def test_nothing_is_recorded_in_the_future_or_left_unsaid(self) -> None:
        self.play(5)
        told = self.world.json(f"/to/{VICTIM}.json")
        self.assertTrue(told["simulated"])
        self.assertTrue(all(flow["last"] <= told["now"] for flow in told["flows"]))

    def test_a_file_that_is_no_recording_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            empty = pathlib.Path(folder, "empty")
            empty.write_bytes(b"")
            for path in (empty, pathlib.Path(folder, "none")):
                self.assertIn(str(path), str(self.assertRaises(BadSettings, recorded, str(path))))

    def test_the_recording_that_comes_along_has_several_slivers(self) -> None:
        self.assertEqual(3, len(sources(recorded(""))))
