"""The audit's memory on disk: what a new run needs to go on where a killed one stopped.

A journal takes the rows as they arrive; now and then a checkpoint takes the open flows as they are and empties it. Both
are blobs of rows in wall time, compressed: SQL has nothing to ask of them. One write a second is on disk before the
next begins, so a power cut costs that second, and the gap until the next run is known by the journal's last moment.
"""

import shutil
import sqlite3
import zlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import numpy as np

from auditd.gaps import Gap, Lack
from auditd.owners import Kind, Sender
from auditd.rows import ROW, Rows
from auditd.stream import UNHEARD, Heard
from planetlab.errors import BadSettings

VERSION = 1
SavedWindow = tuple[Kind, str, Sender, int, int | None]  # tag as read_tag reads it; times in wall microseconds


def _packed(found: Rows) -> bytes:
    return zlib.compress(found.tobytes(), 1)


def _unpacked(blob: bytes) -> Rows:
    return np.frombuffer(zlib.decompress(blob), ROW)


class Store:
    """One node's journal. All times are microseconds since the epoch."""

    def __init__(self, path: Path | str) -> None:
        """Open or make the file. Raises `BadSettings` when it cannot be used."""
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                self._db.executescript((files("auditd") / "schema" / "1.sql").read_text(encoding="utf-8"))
                self._db.execute(f"PRAGMA user_version = {VERSION}")
            elif found != VERSION:
                self._db.close()
                raise BadSettings(f"{path} has version {found}: this program reads version {VERSION}")
        except sqlite3.Error as error:
            raise BadSettings(f"cannot use {path} as the audit's journal: {error}") from error

    def note(self, found: Rows, through: int, gaps: Iterable[Gap], heard: Heard = UNHEARD) -> None:
        """Add rows that arrived, up to when everything has, and up to which message of which capture that is."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            if len(found):
                self._db.execute("INSERT INTO journal (rows) VALUES (?)", [_packed(found)])
            self._through(through, heard)
            self._gaps(gaps)

    def checkpoint(
        self, open_flows: Rows, ended: Rows, through: int, keep_since: int, gaps: Iterable[Gap] = (),
        heard: Heard = UNHEARD,
    ) -> None:  # fmt: skip
        """Replace open flows and journal by what is open now; add what ended; drop what ended before ``keep_since``."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM journal")
            self._db.execute("DELETE FROM open")
            self._db.execute("INSERT INTO open (rows) VALUES (?)", [_packed(open_flows)])
            if len(ended):
                last = int(ended["last"].max())
                self._db.execute("INSERT INTO ended (last, rows) VALUES (?, ?)", [last, _packed(ended)])
            self._db.execute("DELETE FROM ended WHERE last < ?", [keep_since])
            self._db.execute("DELETE FROM gaps WHERE until < ?", [keep_since])
            self._db.execute("DELETE FROM windows WHERE until < ?", [keep_since])
            self._through(through, heard)
            self._gaps(gaps)

    def ended(self) -> list[Rows]:
        """Flows that had ended, oldest first."""
        return [_unpacked(blob) for (blob,) in self._db.execute("SELECT rows FROM ended ORDER BY id")]

    def pieces(self) -> list[Rows]:
        """What was open at the last checkpoint, and what came since."""
        return [
            _unpacked(blob)
            for table in ("open", "journal")
            for (blob,) in self._db.execute(f"SELECT rows FROM {table} ORDER BY id")
        ]

    def through(self) -> int | None:
        """Up to when everything that arrived is in here; None for a new journal."""
        found = self._db.execute("SELECT value FROM facts WHERE name = 'through'").fetchone()
        return int(found[0]) if found else None

    def heard(self) -> Heard:
        """The last message that is in here."""
        found = dict(self._db.execute("SELECT name, value FROM facts WHERE name IN ('run', 'message')").fetchall())
        return Heard(int(found.get("run", 0)), int(found.get("message", 0)))

    def _through(self, moment: int, heard: Heard) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)",
            [("through", moment), ("run", heard.run), ("message", heard.message)],
        )

    def gaps(self) -> list[Gap]:
        """What was declared missing."""
        found = self._db.execute("SELECT lack, since, until, reason, frames FROM gaps ORDER BY since, until")
        return [Gap(Lack(lack), since, until, reason, frames) for lack, since, until, reason, frames in found]

    def _gaps(self, gaps: Iterable[Gap]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO gaps (lack, reason, since, until, frames) VALUES (?, ?, ?, ?, ?)",
            [(str(gap.lack), gap.reason, gap.since, gap.until, gap.frames) for gap in gaps],
        )

    def numbers(self, senders: dict[Sender, int]) -> None:
        """Keep which number stands for whom: rows carry numbers."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT OR REPLACE INTO senders (number, slice, authority) VALUES (?, ?, ?)",
                [(number, sender.slice, sender.authority) for sender, number in senders.items()],
            )

    def senders(self) -> list[Sender]:
        """Whom the numbers stand for, in their order."""
        found = self._db.execute("SELECT slice, authority FROM senders ORDER BY number")
        return [Sender(name, authority) for name, authority in found]

    def windows(self, windows: Iterable[SavedWindow]) -> None:
        """Keep who owned what, and when."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT OR REPLACE INTO windows (kind, tag, slice, authority, since, until) VALUES (?, ?, ?, ?, ?, ?)",
                [(str(kind), tag, s.slice, s.authority, since, until) for kind, tag, s, since, until in windows],
            )

    def saved_windows(self) -> list[SavedWindow]:
        """Who owned what."""
        found = self._db.execute("SELECT kind, tag, slice, authority, since, until FROM windows ORDER BY since")
        return [(Kind(kind), tag, Sender(name, by), since, until) for kind, tag, name, by, since, until in found]

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def opened(directory: Path) -> Store:
    """The journal in ``directory``; one that is damaged is put aside, and the gap told by the caller.

    Raises `BadSettings` when the directory cannot be used.
    """
    path = directory / "journal.db"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        store = Store(path)
        if store._db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            store.close()
            raise sqlite3.DatabaseError("damaged")
    except (sqlite3.DatabaseError, BadSettings) as error:
        if not path.is_file() or "version" in str(error):
            raise
        for suffix in ("", "-wal", "-shm"):
            if (beside := Path(f"{path}{suffix}")).exists():
                shutil.move(beside, f"{path}{suffix}.damaged")
        return Store(path)
    except OSError as error:
        raise BadSettings(f"data_dir {directory} cannot be used: {error.strerror}") from error
    return store
