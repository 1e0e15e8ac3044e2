"""The made flows in SQLite, as somebody would keep them there who knows what will be asked.

Each of the four questions has an index that answers it alone; hours stand in a column of their own. Its cache is 1 GiB,
2 GiB of the file are mapped (its own limit), and it was told by ANALYZE what its columns hold.
"""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from auditd.rows import Rows
from bench.asking import LEAST, SLICE, TooLong, Watch
from bench.made_flows import BEGIN, HOUR
from web.questions import halves, signed

_COLUMNS = (
    "hour", "last", "first", "node", "slice", "proto", "s_hi", "s_lo", "d_hi", "d_lo", "sport", "dport", "flags",
    "packets", "octets",
)  # fmt: skip
_INDEXES = {
    "by_destination": "d_lo, d_hi, last",
    "by_spread": "slice, d_hi, d_lo, hour, first, packets",
    "by_hour": "slice, hour, first, proto, dport, packets, octets",
}
_TUNED = """
PRAGMA page_size = 16384; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1048576;
PRAGMA mmap_size = 2147418112; PRAGMA threads = 2;
"""
_PIECE = 100_000  # rows that are made Python's at a time
_LOOK = 1_000_000  # instructions of SQLite's machine between two looks at the clock


class Sqlite:
    """SQLite, with a file."""

    name = "SQLite"
    lacking = ""
    settings = f"{sqlite3.sqlite_version}, pages of 16 KiB, cache 1 GiB, mmap 2 GiB, ANALYZE, indexes " + "; ".join(
        _INDEXES.values()
    )

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sizes = path.with_suffix(".table")  # bytes of the file before it had indexes

    def open(self) -> None:
        """Read the file, or begin it."""
        self._db = sqlite3.connect(self._path, isolation_level=None)
        self._db.executescript(_TUNED)

    def begin(self) -> None:
        """Begin anew."""
        self._path.unlink(missing_ok=True)
        self.open()
        self._db.execute(f"CREATE TABLE flows ({', '.join(f'{name} INTEGER' for name in _COLUMNS)})")

    def fill(self, found: Rows, node: Any, number: int) -> None:
        """Add an hour's flows."""
        column = {name: found[name] for name in ("last", "first", "slice", "proto", "flags", "packets", "octets")}
        column |= {name: found[name].copy().view("i8") for name in ("s_hi", "s_lo", "d_hi", "d_lo")}
        column |= {"node": node, "sport": found["ports"] >> 16, "dport": found["ports"] & 0xFFFF}
        icmp = (found["proto"] == 1) | (found["proto"] == 58)
        column["sport"] = np.where(icmp, 0, column["sport"])
        column["hour"] = np.full(len(found), BEGIN + number * HOUR)
        rows = f"INSERT INTO flows VALUES ({', '.join('?' * len(_COLUMNS))})"
        self._db.execute("BEGIN")
        for at in range(0, len(found), _PIECE):
            piece = (column[name][at : at + _PIECE].astype("i8").tolist() for name in _COLUMNS)
            self._db.executemany(rows, zip(*piece, strict=True))
        self._db.execute("COMMIT")

    def filled(self) -> None:
        """Make the indexes."""
        self._sizes.write_text(str(self._path.stat().st_size))
        for name, columns in _INDEXES.items():
            self._db.execute(f"CREATE INDEX {name} ON flows ({columns})")
        self._db.execute("ANALYZE")

    def octets(self) -> dict[str, int]:
        """Bytes on disk."""
        return {"with indexes": self._path.stat().st_size, "the table alone": int(self._sizes.read_text())}

    def asks(self, address: Any) -> dict[str, Callable[[Watch], list[tuple[Any, ...]]]]:
        """The four questions; each gives its rows as `bench.archive_peers` has ours."""
        hi, lo = map(signed, halves(address))
        since, until = (BEGIN + 10 * HOUR) * 1_000_000, (BEGIN + 16 * HOUR) * 1_000_000 - 1
        # What ended in the day's hours, or in the one after it and began in the day.
        day = f"hour BETWEEN {BEGIN} AND {BEGIN + 24 * HOUR} AND first <= {(BEGIN + 24 * HOUR) * 1_000_000}"
        selects = {
            "who": "SELECT slice, node, min(first), max(last), sum(packets), sum(octets), count(*) FROM flows WHERE "
            f"d_lo = {lo} AND d_hi = {hi} AND last >= {since} AND first <= {until} GROUP BY slice, node",
            "many": "SELECT slice, count(*) AS n, sum(p) FROM (SELECT slice, sum(packets) AS p FROM flows INDEXED "
            f"BY by_spread WHERE {day} GROUP BY slice, d_hi, d_lo) GROUP BY slice HAVING n > {LEAST}",
            "ports": f"SELECT proto, dport, count(*), sum(packets) FROM flows WHERE slice = {SLICE} AND {day} "
            "GROUP BY proto, dport",
            "octets": f"SELECT slice, hour, sum(octets) FROM flows WHERE {day} GROUP BY slice, hour",
        }
        return {name: partial(self._ask, select) for name, select in selects.items()}

    def _ask(self, select: str, watch: Watch) -> list[tuple[Any, ...]]:
        late: list[TooLong] = []

        def look() -> bool:
            try:
                watch.look()
            except TooLong as error:
                late.append(error)
            return bool(late)  # true ends the statement

        self._db.set_progress_handler(look, _LOOK)
        try:
            return self._db.execute(select).fetchall()
        except sqlite3.OperationalError:
            if late:
                raise late[0] from None
            raise

    def close(self) -> None:
        """Let the file go."""
        self._db.close()
