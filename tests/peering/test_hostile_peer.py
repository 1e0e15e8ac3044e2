"""A peer with its true key misbehaves a thousand times (T8): nothing of ours changes, and one person is called once."""

import sqlite3
from contextlib import closing
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher

from planetlab.ask import Refused
from planetlab.names import Hrn
from tests.peering import robot
from tests.peering.ground import Peered, Static, serve_static

MISDEEDS = 1000
HONEST_EVERY = 50
NOT_COMPARED = {
    "events", "event_object", "sqlite_sequence", "sqlite_stat1", "mails",  # what happened, not what is
    "peers", "peer_refreshes", "peer_papers", "peer_tickets", "counters",  # what is known of the peer itself
}  # fmt: skip


class Partition:
    """The rows of a registry that are not a peer's, read by nobody's code but this."""

    def __init__(self, path: str) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as db:
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            self.tables = [name for name in tables if name not in NOT_COMPARED]
            self.own = {name: self._own(db, name) for name in self.tables}

    def _own(self, db: sqlite3.Connection, table: str) -> str:
        """The condition under which a row is ours: neither it nor what it links is a peer's copy."""
        columns = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        parts = ["peer_id IS NULL"] if "peer_id" in columns else []
        for _, _, target, column, key, *_ in db.execute(f"PRAGMA foreign_key_list({table})"):
            theirs = {row[1] for row in db.execute(f"PRAGMA table_info({target})")}
            if "peer_id" in theirs and target != "peers":
                parts.append(f"({column} IS NULL OR {column} NOT IN (SELECT {key or column} FROM {target} "
                             "WHERE peer_id IS NOT NULL))")  # fmt: skip
        return " AND ".join(parts) or "1"

    def ours(self) -> dict[str, list[Any]]:
        """Every row that is ours, by table."""
        with closing(sqlite3.connect(self.path)) as db:
            return {
                table: sorted(map(repr, db.execute(f"SELECT * FROM {table} WHERE {condition}")))
                for table, condition in self.own.items()
            }

    def theirs(self) -> int:
        """How many living rows are a peer's."""
        with closing(sqlite3.connect(self.path)) as db:
            count = 0
            for table, flag in (("sites", "deleted"), ("persons", "deleted"), ("nodes", "deleted"), ("keys", ""),
                                ("slices", "is_deleted")):  # fmt: skip
                alive = f" AND {flag} = 0" if flag else ""
                count += db.execute(f"SELECT count(*) FROM {table} WHERE peer_id IS NOT NULL{alive}").fetchone()[0]
            return int(count)

    def whole(self) -> list[Any]:
        """What SQLite finds wrong with the file."""
        with closing(sqlite3.connect(self.path)) as db:
            return [
                *db.execute("PRAGMA foreign_key_check"),
                *(r for r in db.execute("PRAGMA integrity_check") if r[0] != "ok"),
            ]


class AHostilePeer(Peered):
    timeout = 400

    async def setUp(self) -> None:
        await super().setUp()
        self.evil = Static(Hrn(("evil",)), self.clock.now(), objects=robot.honest())
        await serve_static(self, self.evil)
        said = self.evil.pages["statement.json"].decode()
        self.peer = await self.plc.call("AcceptPeer", said, self.evil.words)
        await self.plc.call("RefreshPeer", self.peer)
        self.alerts: list[str] = []
        globalLogPublisher.addObserver(self.hear)
        self.addCleanup(globalLogPublisher.removeObserver, self.hear)

    def hear(self, event: Any) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            self.alerts.append(f"{event.get('log_format')} {event.get('text', '')}")

    async def test_a_thousand_misdeeds_change_nothing_of_ours(self) -> None:
        partition = Partition(str(self.plc.path / "registry.db"))
        before, held = partition.ours(), partition.theirs()
        refused: dict[str, str] = {}
        for number, deed in enumerate(robot.deeds(MISDEEDS), 1):
            deed.do(self.evil)
            try:
                await self.plc.call("RefreshPeer", self.peer)
            except Refused as error:
                refused[deed.name] = str(error)
            self.assertEqual(before, partition.ours(), deed.name)
            if number % HONEST_EVERY == 0:
                await self.behaves(partition, held, deed.name)
        self.assertEqual([], partition.whole())
        nameless = [name for name, reason in refused.items() if "reference" in reason or "incident" in reason]
        self.assertEqual([], nameless, "refused by an accident of ours, not for a reason")
        self.assertGreater(len(refused), MISDEEDS // 20)
        self.assertEqual(1, len([one for one in self.alerts if "stays in force" in one]), self.alerts[:5])
        await self.plc.call("DeletePeer", self.peer)
        self.assertEqual((0, before), (partition.theirs(), partition.ours()))

    async def behaves(self, partition: Partition, held: int, after: str) -> None:
        """As soon as the peer behaves again, what is held of it is what it says; it may have to say so twice."""
        robot._tell(self.evil, robot.honest())
        for _ in range(3):
            await self.plc.call("RefreshPeer", self.peer)
            if partition.theirs() == held:
                return
        self.fail(f"{partition.theirs()} rows of the peer, not {held}, after {after}")
