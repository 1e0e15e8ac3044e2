"""A killed audit: the next one goes on with every flow that was written down, and declares what was missed."""

import pathlib
import random
import sqlite3
import tempfile

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd.recovery import Journal, recovered
from auditd.service import made
from auditd.store import Store, opened
from auditd.stream import Kind
from planetlab.errors import BadSettings
from tests.auditd.world import CODEEN, CORAL, NOON, SETTINGS, VICTIM, S, World, sent


class Surviving(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def world(self, steady: float, wall: float) -> tuple[World, Journal]:
        """A fresh process: what is in memory is gone, and the steady clock may have begun anew."""
        world = World(SETTINGS, steady, wall - steady)
        self.begin_anew(world)
        return world, self.begin(world)

    def begin_anew(self, world: World) -> None:
        """Forget what is in memory."""
        world.audit = made(SETTINGS)
        object.__setattr__(world.pages._answers, "audit", world.audit)

    def begin(self, world: World) -> Journal:
        store = opened(self.folder)
        self.addCleanup(store.close)
        recovered(world.audit, store, *world.clocks())
        return Journal(world.audit, store)


class AfterAKill(Surviving):
    def restarted(self, at: float, steady: float) -> World:
        """A process that begins ``at`` seconds after noon, told nothing but what is on disk."""
        world = World(SETTINGS, steady, NOON + at - steady)
        self.begin_anew(world)
        self.begin(world)
        world.audit.begins(world.message(Kind.HELLO, {}), int(steady * S))
        return world

    def told(self, world: World) -> dict[tuple[str, int], int]:
        flows = world.json(f"/to/{VICTIM}.json")["flows"]
        return {(flow["slice"], flow["source_port"]): flow["packets"] for flow in flows}

    def test_every_flow_that_was_written_down_is_there_with_its_slice(self) -> None:
        world = World()
        journal = self.begin(world)
        expected: dict[tuple[str, int], int] = {}
        chance = random.Random(2)
        for second in range(200):
            name, port, count = chance.choice((CODEEN, CORAL)), chance.randrange(1, 20), chance.randrange(1, 5)
            world.see(sent(name, at=world.steady, ports=port << 16 | 53, packets=count))
            expected[name, port] = expected.get((name, port), 0) + count
            world.later(1)
            if second % 3 == 0 or second == 199:
                journal.write(int(world.steady * S))
        for steady in (1300.0, 5.0):  # the machine went on, or was started anew
            again = self.restarted(210, steady)
            self.assertEqual(expected, self.told(again), steady)

    def test_what_was_missed_is_declared_from_the_last_moment_written_to_the_first_seen(self) -> None:
        world = World()
        journal = self.begin(world)
        world.see(sent(CODEEN, at=1000))
        world.later(7)
        journal.write(int(world.steady * S))
        world.later(0.8)
        again = self.restarted(30, 3.0)
        (gap,) = [gap for gap in again.json("/index.json")["gaps"] if gap["reason"] == "the audit was not running"]
        self.assertEqual((NOON + 7.0, NOON + 30.0), (gap["since"], gap["until"]))

    def test_rows_whose_slice_was_not_settled_are_settled_afterwards(self) -> None:
        world = World()
        journal = self.begin(world)
        world.steady = 1000.5
        world.see(sent(CODEEN, at=1000.5))
        journal.write(int(world.steady * S))
        self.assertEqual({(CODEEN, 5555): 1}, self.told(self.restarted(2, 1002.0)))

    def test_flows_that_ended_more_than_an_hour_ago_are_not_taken_up(self) -> None:
        world = World()
        journal = self.begin(world)
        world.see(sent(CODEEN, at=1000))
        world.later(100)
        journal.write(int(world.steady * S))
        self.assertEqual({}, self.told(self.restarted(3800, 3.0)))

    def test_a_journal_that_is_damaged_is_put_aside(self) -> None:
        (self.folder / "journal.db").write_bytes(b"SQLite format 3\0" + bytes(5000))
        store = opened(self.folder)
        self.addCleanup(store.close)
        self.assertIsNone(store.through())
        self.assertTrue((self.folder / "journal.db.damaged").exists())

    def test_a_journal_of_another_version_is_refused_and_left_alone(self) -> None:
        with sqlite3.connect(self.folder / "journal.db") as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        error = self.assertRaises(BadSettings, opened, self.folder)
        self.assertIn("has version 99: this program reads version 1", str(error))
        self.assertFalse((self.folder / "journal.db.damaged").exists())

    def test_a_folder_that_cannot_be_used_is_named(self) -> None:
        (self.folder / "file").write_text("")
        error = self.assertRaises(BadSettings, opened, self.folder / "file")
        self.assertIn("data_dir", str(error))


class Storing(Surviving):
    def test_a_kill_between_any_two_writes_leaves_either_state_and_none_between(self) -> None:
        store = Store(self.folder / "journal.db")
        self.addCleanup(store.close)
        open_flows, later = sent(CODEEN, at=1), sent(CORAL, at=2)
        store.checkpoint(open_flows, sent(CODEEN, at=0), 1, 0)
        store.note(later, 2, [])
        store._db.execute("BEGIN")
        store._db.execute("DELETE FROM journal")  # a checkpoint that is cut short
        store._db.execute("ROLLBACK")
        pieces = np.concatenate(store.pieces())
        self.assertEqual(np.concatenate([open_flows, later]).tolist(), pieces.tolist())
        self.assertEqual((2, 1), (store.through(), len(store.ended())))
