"""A service's own small SQLite file: made by its schema when it is new, refused when it is another version's."""

import sqlite3
from importlib.resources.abc import Traversable
from pathlib import Path

from planetlab.errors import BadSettings


def opened(path: Path | str, what: str, schema: Traversable, version: int) -> sqlite3.Connection:
    """A connection in autocommit mode. Raises `BadSettings` when the file cannot be used for ``what``."""
    try:
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            db.executescript(schema.read_text(encoding="utf-8"))
            db.execute(f"PRAGMA user_version = {version}")
        elif found != version:
            db.close()
            raise BadSettings(f"{path} has version {found}: this program reads version {version}")
    except sqlite3.Error as error:
        raise BadSettings(f"cannot use {path} for {what}: {error}") from error
    return db
