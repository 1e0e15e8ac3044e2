"""The books lose nothing that was answered, and never serve what is damaged."""

import random
import sqlite3
from pathlib import Path

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from node_manager.books import Books
from node_manager.caps import Meter
from node_manager.drivers import Owner, OwnerKind, State
from node_manager.loans import Loan
from node_manager.records import Entry
from planetlab.errors import BadSettings, DatabaseError, PlanetLabError
from planetlab.names import SliceName
from tests.node_manager.world import CODEEN, KEY, NOON, SIRIUS, World, record


class BooksTest(SynchronousTestCase):
    def path(self) -> Path:
        return Path(self.mktemp())


class OpenedAgain(BooksTest):
    def test_everything_is_as_it_was(self) -> None:
        path = self.path()
        world = World(books=Books(path))
        for name in (CODEEN, SIRIUS):
            whole = record(name, keys=(KEY,), initscript="#!/bin/sh", attributes={"a": "ü"})
            self.successResultOf(Deferred.fromCoroutine(world.node.instantiate(whole)))
        entry = evolve(
            world.books.entries[CODEEN], loans=(Loan(SIRIUS, "cpu_pct", 3),), reason="why", stopped_until=5.5
        )
        world.books.put(entry)
        world.books.put_meters({CODEEN: Meter(since=NOON, sent=2**40, is_told=True)})
        self.successResultOf(Deferred.fromCoroutine(world.node.owners.see()))
        again = Books(path)
        for part in ("entries", "pools", "meters"):
            self.assertEqual(getattr(world.books, part), getattr(again, part), part)
        self.assertEqual((world.books.windows(), world.books.stamp()), (again.windows(), again.stamp()))

    def test_a_newer_programs_books_are_refused(self) -> None:
        path = self.path()
        Books(path).close()
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        self.assertIn("newer program", str(self.assertRaises(BadSettings, Books, path)))


class DiskFull(BooksTest):
    """F1: reads go on, writes fail with the reason, and after there is room again nothing has to be restarted."""

    def test_a_full_disk_refuses_the_new_and_keeps_the_old(self) -> None:
        world = World(books=Books(self.path()))
        rcap = self.successResultOf(Deferred.fromCoroutine(world.node.instantiate(record())))
        world.books._db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (pages,) = world.books._db.conn.execute("PRAGMA page_count").fetchone()
        world.books._db.conn.execute(f"PRAGMA max_page_count = {pages}")
        big = record(SIRIUS, initscript="x" * 100_000)
        failure = self.failureResultOf(Deferred.fromCoroutine(world.node.instantiate(big)), DatabaseError)
        self.assertIn("full", str(failure.value))
        self.assertEqual({CODEEN}, set(world.books.entries))
        self.assertEqual({CODEEN}, set(world.driver.look()))
        self.assertEqual(rcap, self.successResultOf(Deferred.fromCoroutine(world.node.instantiate(record()))))
        world.books._db.conn.execute("PRAGMA max_page_count = 1000000")
        self.successResultOf(Deferred.fromCoroutine(world.node.instantiate(big)))
        self.assertEqual(State.RUNNING, world.driver.look()[SIRIUS].state)


class Damaged(BooksTest):
    """F5: flipped bytes are found before anything wrong is served."""

    def test_damage_on_any_page_is_refused_or_harmless(self) -> None:
        path = self.path()
        books = Books(path)
        for number in range(60):
            entry = Entry(record=record(SliceName("site", f"s{number}"), keys=(KEY,)), rcap=f"{number:032x}")
            books.put(entry)
        truth = books.entries
        books._db.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        books.close()
        whole = path.read_bytes()
        refused = 0
        chance = random.Random(814)
        for page in range(len(whole) // 4096):
            damaged = bytearray(whole)
            at = page * 4096 + chance.randrange(8)
            damaged[at] ^= 0xFF
            path.write_bytes(damaged)
            try:
                again = Books(path)
            except PlanetLabError:
                refused += 1
                continue
            self.assertEqual(truth, again.entries, f"page {page}")
            again.close()
        self.assertGreater(refused, 5)


class Windows(BooksTest):
    def test_a_mark_that_moves_is_clipped_so_that_two_slices_never_share_a_moment(self) -> None:
        books = Books()
        mark = (OwnerKind.ADDRESS, "10.128.0.1")
        books.see([Owner(slice=CODEEN, kind=mark[0], tag=mark[1])], 10.0, 10.5, 1e9)
        books.see([], 20.0, 20.9, 1e9)  # gone, noted late
        books.see([Owner(slice=SIRIUS, kind=mark[0], tag=mark[1])], 20.4, 21.0, 1e9)  # began before that
        self.assertEqual([(10.0, 20.4), (20.4, None)], [(w.since, w.until) for w in books.windows()])

    def test_old_windows_are_forgotten(self) -> None:
        books = Books()
        books.see([Owner(slice=CODEEN, kind=OwnerKind.MARK, tag="1")], 10.0, 10.5, 100.0)
        books.see([], 20.0, 20.5, 100.0)
        books.see([Owner(slice=CODEEN, kind=OwnerKind.MARK, tag="2")], 200.0, 200.5, 100.0)
        self.assertEqual(["2"], [window.tag for window in books.windows()])
