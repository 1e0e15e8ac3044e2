"""The file below the ledger: opened for one process, checked, written in transactions; and its rows as values.

A file that is no ledger, is damaged, or is of another version is refused at the start; none is repaired silently.
"""

import contextlib
import fcntl
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pl_conf.entries import Intent, Lease, Wish
from pl_conf.memory import Gone
from planetlab.errors import BadSettings, DatabaseError
from planetlab.names import Hrn, SliceName

VERSION = "1"
SCHEMA = Path(__file__).with_name("schema")


class LedgerFile:
    """An open file, and the lock by which it is this process's alone."""

    def __init__(self, path: Path | None) -> None:
        """Open the file at ``path`` (None: in memory only), made when there is none. Raises `BadSettings`."""
        self._lock = _lock(path)
        try:
            self._db = _connect(path)
        except BadSettings:
            if self._lock is not None:
                self._lock.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        if self._lock is not None:
            self._lock.close()

    @contextlib.contextmanager
    def _transaction(self, wait: bool = True) -> Iterator[None]:
        """All or nothing; ``wait`` for the disk. Raises `DatabaseError`, with nothing changed, where it fails."""
        try:
            self._db.execute(f"pragma synchronous={'full' if wait else 'normal'}")
            self._db.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise DatabaseError(f"the ledger cannot be written: {error}") from error


def _lock(path: Path | None) -> IO[bytes] | None:
    """Hold the ledger for this process alone; others may still read the database."""
    if path is None:
        return None
    try:
        lock = path.with_name(path.name + ".lock").open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise BadSettings(f"{path}: expected a ledger of our own, but another process is using it") from None
    except OSError as error:
        raise BadSettings(f"{path}: the ledger's directory cannot be written: {error.strerror}") from error
    return lock


def _connect(path: Path | None) -> sqlite3.Connection:
    db = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=1.0)
    db.row_factory = sqlite3.Row
    try:
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=full")
        _prepare(db, path)
    except (sqlite3.DatabaseError, BadSettings) as error:
        db.close()
        if isinstance(error, BadSettings):
            raise
        raise BadSettings(f"{path}: cannot be used as this node's ledger: {error}") from error
    return db


def _prepare(db: sqlite3.Connection, path: Path | None) -> None:
    if not db.execute("select count(*) from sqlite_master").fetchone()[0]:
        db.executescript(f"begin immediate;\n{(SCHEMA / '1.sql').read_text()}\ncommit;")
        db.execute("insert into about values ('version', ?)", (VERSION,))
    verdict = db.execute("pragma quick_check(1)").fetchone()[0]
    version = db.execute("select value from about where key = 'version'").fetchone()
    if verdict != "ok":
        raise BadSettings(f"{path}: the ledger is damaged ({verdict}); move it aside, the polls and creators refill it")
    if version is None or version["value"] != VERSION:
        found = "none" if version is None else version["value"]
        raise BadSettings(f"{path}: expected a ledger of version {VERSION}, got version {found}")


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    return {key: row[key] for key in row.keys()}  # noqa: SIM118 - a Row iterates over its values


def _names(row: sqlite3.Row) -> dict[str, Any]:
    return {"authority": Hrn.parse(row["authority"]), "slice": SliceName.parse(row["slice"])}


def wish_in(row: sqlite3.Row) -> Wish:
    """The wish that a row says."""
    return Wish(**{**_plain(row), **_names(row), "asked": json.loads(row["asked"]), "told": json.loads(row["told"])})


def intent_in(row: sqlite3.Row) -> Intent:
    """What a row of the journal says was begun."""
    return Intent(**{**_plain(row), **_names(row)})


def lease_in(row: sqlite3.Row) -> Lease:
    """The lease that a row says."""
    said = {
        "authority": Hrn.parse(row["authority"]),
        "keys": tuple(json.loads(row["keys"])),
        "bound": bool(row["bound"]),
    }
    return Lease(**{**_plain(row), **said})


def gone_in(row: sqlite3.Row) -> Gone:
    """The deletion that a row says."""
    return Gone(**{**_plain(row), **_names(row)})
