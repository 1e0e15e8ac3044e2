"""Opening the registry's file: made when there is none, stepped up when older, refused when newer or already served."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from planetlab.errors import BadSettings
from planetlab.registry.halves import guard

VERSION = 5
APPLICATION = 0x706C6664  # "plfd", in the file's header
SCHEMA = Path(__file__).parent / "schema"
STEPS = 1000  # of SQLite's machine between two looks at a connection in a hurry, some 50 us
LOOKS = 8  # after which its statement is stopped


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Nobody else makes or steps this file meanwhile."""
    with open(f"{path}.opening", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def hold(path: str, half: str) -> int:
    """Claim the file for the one process that serves ``half`` of it; the claim ends with the process.

    Raises `BadSettings` when another process has it.
    """
    claim = os.open(f"{path}.{half}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(claim)
        raise BadSettings(f"{path} is already served by another {half} authority; stop that one first") from None
    return claim


def prepare(path: str) -> None:
    """Make the file if there is none, or bring it to this version; an older one is copied aside first."""
    if path == ":memory:":
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        fresh = not os.path.exists(path) or os.path.getsize(path) == 0
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            _check(connection, path, fresh)
            connection.execute("PRAGMA journal_mode = WAL")
            if fresh:
                _create(connection)
                os.chmod(path, 0o600)
            else:
                _step(connection, path)
        finally:
            connection.close()


def _check(connection: sqlite3.Connection, path: str, fresh: bool) -> None:
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as wrong:
        raise BadSettings(f"{path} is no registry: {wrong}") from None
    if not fresh and application != APPLICATION:
        raise BadSettings(f"{path} is no registry of a PLC; name another file")
    if version > VERSION:
        raise BadSettings(
            f"{path} has schema version {version}, this program knows up to {VERSION}; install the newer program"
        )


def _create(connection: sqlite3.Connection) -> None:
    """Make the tables: the first version's, and each step since, so that there is one text of every table."""
    connection.executescript(
        f"BEGIN; {(SCHEMA / '1.sql').read_text()} {' '.join(map(_step_to, range(2, VERSION + 1)))}"
        f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
    )


def _step_to(version: int) -> str:
    return (SCHEMA / f"{version}-from-{version - 1}.sql").read_text()


def _step(connection: sqlite3.Connection, path: str) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    with sqlite3.connect(f"{path}.version-{version}") as aside:
        connection.backup(aside)
    aside.close()
    os.chmod(f"{path}.version-{version}", 0o600)
    for target in range(version + 1, VERSION + 1):
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.executescript(f"BEGIN; {_step_to(target)} PRAGMA user_version = {target}; COMMIT;")


class Connection(sqlite3.Connection):
    """A connection that knows the time of the call it works for, which views ask for as ``call_time()``.

    ``lists`` is what a reader has read of all rows, each with the file's version at that time; ``looks`` counts how
    often one in a hurry was looked at.
    """

    at: int = 0
    looks: int = 0

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.lists: dict[str, tuple[tuple[int, int], dict[Any, Any]]] = {}

    def is_over(self) -> bool:
        """Whether there were too many looks by now."""
        self.looks += 1
        return self.looks > LOOKS


def connect_hurried(path: str, half: str) -> Connection:
    """A connection that reads a little or fails: it waits for no lock, and is stopped after some 10,000 steps."""
    connection = connect(path, half, reads_only=True, patience=0.0)
    connection.set_progress_handler(connection.is_over, STEPS)
    return connection


def connect_at_once(path: str, half: str) -> Connection:
    """A connection that reads, and has opened all its files already, which others do when they first read."""
    connection = connect(path, half, reads_only=True)
    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    return connection


def connect(path: str, half: str, reads_only: bool = False, durable: bool = True, patience: float = 10.0) -> Connection:
    """A connection with the settings that the registry relies on, for one thread at a time.

    ``durable`` ones wait for the disk at each commit; the others may lose the last commits to a power cut, never the
    file's consistency. A lock of others' is waited for ``patience`` seconds.
    """
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        timeout=patience,
        cached_statements=512,
        factory=Connection,
    )
    if path == ":memory:":
        _create(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")
    connection.execute("PRAGMA trusted_schema = ON")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA mmap_size = 268435456")
    connection.create_function("call_time", 0, lambda: connection.at)
    connection.create_function("folded_like", 2, _folded_like, deterministic=True)
    if reads_only:
        connection.execute("PRAGMA query_only = ON")
    else:
        guard(connection, half)
    return connection


def _folded_like(pattern: str | None, text: str | None) -> bool | None:
    """LIKE that folds the case of every script, where SQLite's own knows ASCII only."""
    if pattern is None or text is None:
        return None
    return _matches(pattern.casefold(), text.casefold())


def _matches(pattern: str, text: str) -> bool:
    """Match ``%`` (any run) and ``_`` (any one) without trying more than one way back."""
    at, start, mark, back = 0, 0, -1, 0
    while at < len(text):
        if start < len(pattern) and pattern[start] == "%":
            mark, back = start, at
            start += 1
        elif start < len(pattern) and pattern[start] in ("_", text[at]):
            start, at = start + 1, at + 1
        elif mark >= 0:
            back += 1
            start, at = mark + 1, back
        else:
            return False
    return all(rest == "%" for rest in pattern[start:])
