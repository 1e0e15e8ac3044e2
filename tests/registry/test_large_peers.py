"""A large peer is read for the first time in pieces: nobody sees any of it before all of it is there."""

import sqlite3
from contextlib import closing
from typing import Any

from planetlab.both import arrival
from planetlab.errors import PeerError, Refused
from planetlab.failpoints import Failed
from planetlab.records.catalogue import RECORDS
from planetlab.registry.store import Store
from tests.ports import free_port
from tests.registry.peers import NOW, Federated
from tests.registry.test_peer_crash import Begun

MANY = 1_100  # nodes of epfl: with what else it has, four pieces of objects at the least
KINDS = ("Site", "Person", "Key", "Node", "Slice", "SiteTag", "PersonTag", "NodeTag", "SliceTag")


class Large(Federated):
    """epfl has many nodes, and a slice of its is on our node."""

    timeout = 240

    async def setUp(self) -> None:
        await super().setUp()
        await self.epfl.refresh(self.plc)
        (ours,) = await self.epfl.call("GetNodes", {"hostname": "n1.princeton.example"}, ["node_id"])
        await self.epfl.call("AddSliceToNodes", "lausanne_one", [ours["node_id"]])
        series = f"WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {MANY})"
        with closing(sqlite3.connect(self.epfl.path, timeout=60)) as db, db:
            db.execute(
                f"{series} INSERT INTO nodes (hostname, site_id, date_created, last_updated) "
                f"SELECT 'm' || n || '.lausanne.example', 2, {int(NOW)}, {int(NOW)} FROM s"
            )

    def seen(self) -> dict[str, Any]:
        """How many objects and tags of each kind a reader sees at plc, and the slices on our node."""

        def look(store: Store) -> dict[str, Any]:
            found: dict[str, Any] = {kind: len(store.rows(RECORDS[kind])) for kind in KINDS}
            found["on our node"] = store.find(RECORDS["Node"], "n1.princeton.example")["slice_ids"]
            return found

        said: dict[str, Any] = self.plc.desk.look_now(look)
        return said

    def between_pieces(self, work: Any) -> None:
        """Have ``work(number)`` done after each piece; what it raises ends the refresh."""
        pieces: list[str] = []

        def passed(name: str) -> None:
            pieces.append(name)
            work(len(pieces))

        self.patch(arrival, "failpoint", passed)

    def left(self) -> int:
        """Rows that a reading which was broken off has left."""
        with closing(sqlite3.connect(self.plc.path)) as db:
            nodes = db.execute("SELECT count(*) FROM nodes WHERE peer_id = 1 AND deleted = 0").fetchone()[0]
            return int(nodes) + int(db.execute("SELECT count(*) FROM arriving").fetchone()[0])

    def all_there(self, before: dict[str, Any]) -> None:
        """All of epfl is seen."""
        now = self.seen()
        more = {kind: now[kind] - before[kind] for kind in KINDS}
        self.assertEqual((2, 2, 1, MANY + 1, 1), tuple(more[kind] for kind in KINDS[:5]))
        self.assertEqual((2, 2, 1, 1), tuple(more[kind] for kind in KINDS[5:]))
        self.assertEqual(len(before["on our node"]) + 1, len(now["on our node"]))


class InPieces(Large):
    async def test_between_two_pieces_others_write_and_see_nothing_of_it(self) -> None:
        before, others = self.seen(), []

        def other(number: int) -> None:
            self.assertEqual(before, self.seen())
            self.plc.desk.job_now(lambda store: store.insert(RECORDS["KeyType"], {"key_type": f"k{number}"}))
            others.append(number)

        self.between_pieces(other)
        await self.plc.refresh(self.epfl)
        self.assertGreater(len(others), MANY // 500)
        self.all_there(before)

    async def test_a_failure_between_two_pieces_leaves_nothing(self) -> None:
        before = self.seen()

        def fail(number: int) -> None:
            if number == 4:
                raise Failed("refresh.arriving")

        self.between_pieces(fail)
        await self.refused(self.plc.refresh(self.epfl), Refused)
        self.assertEqual(1, len(self.flushLoggedErrors(Failed)))
        self.assertEqual((before, 0), (self.seen(), self.left()))
        self.between_pieces(lambda number: None)
        await self.plc.refresh(self.epfl)
        self.all_there(before)

    async def test_a_peer_that_is_deleted_between_two_pieces_is_gone(self) -> None:
        before = self.seen()

        def delete(number: int) -> None:
            if number == 4:
                self.plc.desk.job_of_both(lambda store: store.remove(RECORDS["Peer"], 1))

        self.between_pieces(delete)
        error = await self.refused(self.plc.refresh(self.epfl), Refused)
        self.assertIn("deleted meanwhile", str(error))
        self.assertEqual((before, 0), (self.seen(), self.left()))

    async def test_a_name_that_is_taken_between_two_pieces_stays_with_who_took_it(self) -> None:
        before = self.seen()

        def take(number: int) -> None:
            if number == 1:
                self.plc.nodes.job_now(
                    lambda store: store.insert(
                        RECORDS["Node"], {"hostname": f"m{MANY}.lausanne.example", "site_id": self.us["site"]}
                    )
                )

        self.between_pieces(take)
        await self.plc.refresh(self.epfl)
        self.assertEqual(before["Node"] + MANY + 1, self.seen()["Node"])
        (row,) = await self.plc.call("GetNodes", [f"m{MANY}.lausanne.example"])
        self.assertIsNone(row["peer_id"])
        self.assertEqual(MANY, self.left())


class KilledInPieces(Large, Begun):
    async def test_what_a_kill_between_two_pieces_leaves_is_not_seen_and_goes_with_the_next_refresh(self) -> None:
        before = self.seen()
        await self.killed_at(self.settings(), "refresh.arriving:4")
        self.assertEqual(before, self.seen())
        self.assertGreater(self.left(), 1)
        await self.plc.call("UpdatePeer", 1, {"peer_url": f"https://127.0.0.1:{free_port()}/"})
        await self.refused(self.plc.refresh(self.epfl), Refused, PeerError)
        self.assertEqual((before, 0), (self.seen(), self.left()))

    async def test_the_next_refresh_after_a_kill_takes_all_over(self) -> None:
        before = self.seen()
        await self.killed_at(self.settings(), "refresh.arriving:4")
        await self.plc.refresh(self.epfl)
        self.all_there(before)
