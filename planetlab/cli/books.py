"""What `plfed doctor` reads out of services' SQLite files, without changing them."""

import pathlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

PATIENCE = 5.0  # seconds for a file that is being written


@contextmanager
def _reading(path: pathlib.Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE)) as connection:
        yield connection


def damage(path: pathlib.Path) -> list[str]:
    """What SQLite finds wrong with the file: broken pages, references to rows that are not there. Empty when sound."""
    try:
        with _reading(path) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(10)") if row[0] != "ok"]
            orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(10)
    except sqlite3.Error as error:
        return [str(error)]
    return found + [
        f"{table} row {row} refers to a row of {parent} that is not there" for table, row, parent, _ in orphans
    ]
