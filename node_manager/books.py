"""The node manager's books: entries, pools and owners of packets, kept so that they outlive any crash.

Everything is also held in memory; a value is seen there only after it is on disk. One change is one transaction.
SQLite in WAL mode: what was answered survives a kill of the process and, being synchronised first, a power cut.
A file that is damaged or newer than this program is refused at start; it is never repaired silently.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from attrs import astuple, frozen
from sqlite_utils import Database

from node_manager.caps import Meter
from node_manager.drivers import Owner, OwnerKind
from node_manager.loans import Loan
from node_manager.pools import Pool, Share, Span
from node_manager.records import Entry, Record
from planetlab.errors import BadSettings, DatabaseError
from planetlab.names import Hrn, SliceName
from planetlab.units import DAY

VERSION = 1


@frozen(kw_only=True)
class Window:
    """From when until when a mark was one slice's. ``until`` None: it still is."""

    slice: SliceName
    authority: str  # hrn; "" when the slice has no entry
    kind: OwnerKind
    tag: str
    since: float
    until: float | None


class Books:
    """The books of one node. ``path`` None keeps them in memory, for tests and simulations."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises `BadSettings` when the file cannot be used."""
        self._db = _open(path)
        self.entries: dict[SliceName, Entry] = {entry.record.name: entry for entry in self._entries()}
        self.pools: dict[str, Pool] = {pool.rcap: pool for pool in self._pools()}
        self.meters: dict[SliceName, Meter] = dict(self._meters())
        self._parts: dict[str, set[str]] = {}
        self._bound: dict[SliceName, set[str]] = {}
        self._facts: dict[str, str] = dict(self._rows("SELECT name, value FROM facts"))
        self._given: dict[str, Counter[str]] = {}
        for pool in self.pools.values():
            self._remember(pool)
        self._open = {
            (SliceName.parse(row[1]), OwnerKind(row[2]), str(row[3])): int(row[0])
            for row in self._rows("SELECT id, slice, kind, tag FROM windows WHERE until IS NULL")
        }

    @classmethod
    def at(cls, path: str) -> "Books":
        """The books in the file at ``path``, made with its directory when there is none. Raises `BadSettings`."""
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadSettings(f"{path}: cannot be used as the node's books: {error.strerror}") from error
        return cls(Path(path))

    def close(self) -> None:
        """Let go of the file."""
        self._db.conn.execute("PRAGMA optimize")
        self._db.close()

    # entries

    def holding(self, rcap: str) -> Entry | None:
        """The entry of a sliver's rcap."""
        pool = self.pools.get(rcap)
        entry = self.entries.get(pool.bound) if pool and pool.bound else None
        return entry if entry and entry.rcap == rcap else None

    def put(self, *entries: Entry, pools: Iterable[Pool] = (), synced: bool = True) -> None:
        """Keep entries, and pools with them, at once. What a round can find out again need not be ``synced``."""
        pools = list(pools)
        with self._writing(synced) as execute:
            for entry in entries:
                execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _entry_row(entry))
            for pool in pools:
                execute("INSERT OR REPLACE INTO pools VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _pool_row(pool))
        self.entries.update({entry.record.name: entry for entry in entries})
        for pool in pools:
            if pool.rcap in self.pools:
                self._forget([pool.rcap])
            self.pools[pool.rcap] = pool
            self._remember(pool)

    def strike(self, *names: SliceName) -> None:
        """Forget entries; their pools go back to what they were split from."""
        rcaps = {self.entries[name].rcap for name in names if name in self.entries}
        rcaps |= {pool.rcap for name in names for pool in self.bound_to(name)}
        gone = list(dict.fromkeys(part for rcap in sorted(rcaps) for part in self.below(rcap)))
        with self._writing() as execute:
            for name in names:
                execute("DELETE FROM entries WHERE name = ?", (str(name),))
            for rcap in gone:
                execute("DELETE FROM pools WHERE rcap = ?", (rcap,))
        for name in names:
            self.entries.pop(name, None)
        self._forget(gone)

    # pools

    def parts(self, rcap: str) -> list[Pool]:
        """The pools split off the one of ``rcap``; of "" the root pools."""
        return [self.pools[part] for part in self._parts.get(rcap, ())]

    def given(self, rcap: str) -> Mapping[str, int]:
        """The sums of what was split off a pool, ceilings not counted."""
        return self._given.get(rcap, {})

    def bound_to(self, name: SliceName) -> list[Pool]:
        """The pools that a sliver has."""
        return [self.pools[rcap] for rcap in sorted(self._bound.get(name, ()))]

    def drop(self, rcap: str) -> None:
        """Give a pool and all its parts back."""
        gone = self.below(rcap)
        with self._writing() as execute:
            for part in gone:
                execute("DELETE FROM pools WHERE rcap = ?", (part,))
        self._forget(gone)

    def below(self, rcap: str) -> list[str]:
        """A pool and all that was split off it, by rcap."""
        if rcap not in self.pools:
            return []
        return [rcap, *(each for part in sorted(self._parts.get(rcap, ())) for each in self.below(part))]

    def _remember(self, pool: Pool) -> None:
        self._parts.setdefault(pool.parent, set()).add(pool.rcap)
        if not pool.ceiling:
            self._given.setdefault(pool.parent, Counter()).update(pool.share.amounts)
        if pool.bound:
            self._bound.setdefault(pool.bound, set()).add(pool.rcap)

    def _forget(self, rcaps: Iterable[str]) -> None:
        for rcap in rcaps:
            pool = self.pools.pop(rcap)
            self._parts.get(pool.parent, set()).discard(rcap)
            if not pool.ceiling:
                self._given[pool.parent].subtract(pool.share.amounts)
            if not self._parts.get(rcap):
                self._parts.pop(rcap, None)
            if pool.bound and (rest := self._bound.get(pool.bound)):
                rest.discard(rcap)

    # owners of packets

    def see(self, owners: Iterable[Owner], began: float, ended: float, kept: float) -> None:
        """Note by what slices' packets are known now.

        New marks count from ``began``, those that are gone until ``ended``; no mark is ever two slices' at one moment.
        Windows that ended more than ``kept`` seconds before are forgotten.
        """
        now = {(owner.slice, owner.kind, owner.tag): owner for owner in owners}
        if now.keys() == self._open.keys():
            return
        still = {mark: number for mark, number in self._open.items() if mark in now}
        stamp = self.stamp() + 1
        with self._writing(synced=False) as execute:
            for mark, number in self._open.items():
                if mark not in now:
                    execute(
                        "UPDATE windows SET until = max(since, ?), changed = ? WHERE id = ?", (ended, stamp, number)
                    )
            for name, kind, tag in now.keys() - self._open.keys():
                execute(
                    "UPDATE windows SET until = max(since, ?), changed = ? WHERE kind = ? AND tag = ? AND until > ?",
                    (began, stamp, kind, tag, began),
                )
                row = execute(
                    "INSERT INTO windows (slice, authority, kind, tag, since, changed) VALUES (?, ?, ?, ?, ?, ?)",
                    (str(name), self._authority(name), kind, tag, began, stamp),
                )
                still[name, kind, tag] = row.lastrowid
            execute("DELETE FROM windows WHERE until < ?", (ended - kept,))
            execute("INSERT OR REPLACE INTO facts VALUES ('stamp', ?)", (str(stamp),))
        self._facts["stamp"] = str(stamp)
        self._open = still

    def stamp(self) -> int:
        """Grows with every change of the windows."""
        return int(self.fact("stamp") or 0)

    def windows(self, since: int = 0) -> list[Window]:
        """The windows that changed after ``since``, a `stamp`; oldest first."""
        rows = self._rows(
            "SELECT slice, authority, kind, tag, since, until FROM windows WHERE changed > ? ORDER BY since, id",
            (since,),
        )
        return [
            Window(slice=SliceName.parse(r[0]), authority=r[1], kind=OwnerKind(r[2]), tag=r[3], since=r[4], until=r[5])
            for r in rows
        ]

    def _authority(self, name: SliceName) -> str:
        entry = self.entries.get(name)
        return str(entry.record.authority) if entry else ""

    # what slices sent

    def put_meters(self, meters: Mapping[SliceName, Meter]) -> None:
        """Keep what slices sent in their day; those whose day is long over and that are gone are forgotten."""
        if not meters:
            return
        newest = max(meter.since for meter in meters.values())
        rows = [(str(name), *astuple(meter)) for name, meter in meters.items()]
        with self._writing() as execute:
            for row in rows:
                execute("INSERT OR REPLACE INTO meters VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            execute("DELETE FROM meters WHERE since < ?", (newest - 2 * DAY,))
        self.meters.update(meters)
        self.meters = {name: meter for name, meter in self.meters.items() if meter.since >= newest - 2 * DAY}

    def _meters(self) -> Iterator[tuple[SliceName, Meter]]:
        for name, since, sent, exempt, last_sent, last_exempt, is_told in self._rows("SELECT * FROM meters"):
            yield (
                SliceName.parse(name),
                Meter(
                    since=since,
                    sent=sent,
                    exempt=exempt,
                    last_sent=last_sent,
                    last_exempt=last_exempt,
                    is_told=bool(is_told),
                ),
            )

    # single values

    def fact(self, name: str) -> str | None:
        """A single value by name."""
        return self._facts.get(name)

    def numbers(self, prefix: str) -> set[int]:
        """The values, which are numbers, of all names that begin so."""
        return {int(value) for name, value in self._facts.items() if name.startswith(prefix)}

    def set_fact(self, name: str, value: str, synced: bool = True) -> None:
        """Keep a single value."""
        with self._writing(synced) as execute:
            execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
        self._facts[name] = value

    # the file

    @contextmanager
    def _writing(self, synced: bool = True) -> Iterator[Any]:
        """One transaction. Not ``synced``, it outlives the process at once and a power cut with the next that is."""
        try:
            self._db.conn.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
            self._db.conn.execute("BEGIN IMMEDIATE")
            yield self._db.conn.execute
            self._db.conn.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise DatabaseError(f"the node's books cannot be written: {error}") from error
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        if self._db.conn.in_transaction:
            self._db.conn.execute("ROLLBACK")

    def _rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return list(self._db.conn.execute(sql, values))
        except sqlite3.Error as error:
            raise DatabaseError(f"the node's books cannot be read: {error}") from error

    def _entries(self) -> Iterator[Entry]:
        for row in self._rows("SELECT * FROM entries"):
            _, _, rcap, record, created, stopped, loans, releasing, done, reason, since = row
            yield Entry(
                record=Record.read(json.loads(record)),
                rcap=rcap,
                created=bool(created),
                stopped_until=stopped,
                loans=tuple(map(Loan.read, json.loads(loans))),
                releasing=bool(releasing),
                done=bool(done),
                reason=reason,
                since=since,
            )

    def _pools(self) -> Iterator[Pool]:
        for rcap, parent, holder, authority, ceiling, prefixes, share, bound in self._rows("SELECT * FROM pools"):
            yield Pool(
                rcap=rcap,
                share=Share.read(json.loads(share), Span()),
                holder=holder,
                parent=parent,
                authority=Hrn.parse(authority) if authority else None,
                ceiling=bool(ceiling),
                prefixes=tuple(json.loads(prefixes)),
                bound=SliceName.parse(bound) if bound else None,
            )


def _entry_row(entry: Entry) -> tuple[Any, ...]:
    record = entry.record
    return (
        str(record.name),
        str(record.authority),
        entry.rcap,
        json.dumps(record.wire()),
        int(entry.created),
        entry.stopped_until,
        json.dumps([loan.wire() for loan in entry.loans]),
        int(entry.releasing),
        int(entry.done),
        entry.reason,
        entry.since,
    )


def _pool_row(pool: Pool) -> tuple[Any, ...]:
    return (
        pool.rcap,
        pool.parent,
        pool.holder,
        str(pool.authority or ""),
        int(pool.ceiling),
        json.dumps(pool.prefixes),
        json.dumps(pool.share.wire()),
        str(pool.bound or ""),
    )


def _open(path: Path | None) -> Database:
    where = str(path) if path else ":memory:"
    try:
        connection = sqlite3.connect(where, isolation_level=None, check_same_thread=False, timeout=5.0)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise BadSettings(f"{where}: written by a newer program (version {version}, this one knows {VERSION})")
        if version == 0:
            schema = files("node_manager").joinpath("schema", "1.sql").read_text()
            connection.executescript(f"BEGIN; {schema} PRAGMA user_version = {VERSION}; COMMIT;")
        elif (said := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise BadSettings(f"{where}: damaged ({said}); move it away, and the creation service asks for all again")
    except sqlite3.Error as error:
        raise BadSettings(f"{where}: cannot be used as the node's books: {error}") from error
    return Database(connection)
