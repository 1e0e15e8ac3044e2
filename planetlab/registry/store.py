"""The records as one transaction sees them: found, listed, added, changed and removed by the tables of fields."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from planetlab.errors import Conflict, DatabaseError, Forbidden, NotFound
from planetlab.filters import ALL, Compare, Condition, IsNil, Query, both
from planetlab.records.catalogue import RECORDS
from planetlab.records.fields import Links, Record
from planetlab.registry.listing import Listing, is_all, kind_of, selected
from planetlab.registry.lists import Lists, execute
from planetlab.registry.opening import Connection
from planetlab.registry.plc import Plc
from planetlab.xmlrpc import Written

Row = dict[str, Any]
FEW = 64  # rows that are written where they are asked for, in a millisecond or two; of more, others would notice
SHORT = 16  # rows that a call in a hurry may read at once, some 0.3 ms of work


class NeedsWriter(Exception):
    """A call that began as a reader has something to write; it is run again from its start by the writer."""


class TooLong(Exception):
    """A call in a hurry asked for more than others may wait for; it is run again from its start by who has time."""


class KeptRefusal(Forbidden):
    """A refusal whose work is kept: what the call wrote before it stays."""


class Store:
    """One transaction's view of the registry, at one time ``now``; ``touched`` gathers what its event will name.

    ``for_wire`` is whether rows are asked for only to be sent, ``passes_on`` whether another process may write them,
    ``hurries`` whether everybody waits for its end.
    """

    def __init__(self, db: Connection, now: float, plc: Plc, reads_only: bool = False) -> None:
        self.db = db
        self.reads_only = reads_only
        self.for_wire = False
        self.passes_on = False
        self.hurries = False
        self.now = now
        self.plc = plc
        self._lists = Lists(db, keeps=reads_only)
        self.touched: list[tuple[str, int]] = []
        self.message = ""
        db.at = int(now)

    def must_write(self) -> None:
        """Go on if this transaction may write; else the whole call begins again in one that may."""
        if self.reads_only:
            raise NeedsWriter

    def must_have_time(self, rows: int | None = None) -> None:
        """Go on if nobody waits, or there are few ``rows`` to work on; else the whole call begins again elsewhere."""
        if self.hurries and (rows is None or rows > SHORT):
            raise TooLong

    # reading

    def rows(self, record: Record, query: Query | Condition = ALL, fields: Iterable[str] | None = None) -> list[Row]:
        """The rows that ``query`` asks for, each with ``fields`` (all but secret ones when None)."""
        asked = _as_query(query)
        wanted = tuple(dict.fromkeys(record.names() if fields is None else fields))
        found = selected(self.db, record, asked, wanted).fetchall()
        self.must_have_time(len(found))
        rows = [dict(zip(wanted, row, strict=False)) for row in found]  # without fields there is a column to count by
        for place, (name, kind) in enumerate((name, kind_of(record, name)) for name in wanted):
            if kind == "list":
                keys = [row[place] for row in found]
                list_of = self._lists.of(record, record.field(name), None if is_all(asked) else keys)
                for row, key in zip(rows, keys, strict=True):
                    row[name] = list_of(key)
            elif kind == "flag":
                for row in rows:
                    row[name] = None if row[name] is None else bool(row[name])
        return rows

    def written(self, record: Record, query: Query | Condition, fields: Iterable[str]) -> Written | Listing:
        """As `rows`, as the text that is sent; of many rows, where that may be passed on, the listing to be written."""
        listing = Listing(record.name, _as_query(query), tuple(dict.fromkeys(fields)), self.now)
        if self.passes_on:
            keys = selected(self.db, record, listing.query, (record.key,))
            count = len(keys.fetchmany(FEW + 1))
            keys.close()
            if count > FEW:
                return listing
            self.must_have_time(count)
        found = selected(self.db, record, listing.query, listing.fields).fetchall()
        return Written(listing.of(found, self._lists))

    def row(self, record: Record, condition: Condition, fields: Iterable[str] | None = None) -> Row | None:
        """The first row that fits, or None."""
        return next(iter(self.rows(record, Query(condition, limit=1), fields)), None)

    def find(self, record: Record, key: int | str, fields: Iterable[str] | None = None) -> Row:
        """The live row with this number or name. Raises `NotFound`."""
        if type(key) is bool:
            raise DatabaseError("a boolean is no identifier")
        name = record.name_key if isinstance(key, str) and record.name_key else record.key
        row = self.row(record, both(Compare(name, "=", key), self.live(record)), fields)
        if row is None:
            raise NotFound(f"No such {_noun(record)}: {key!r}")
        return row

    def live(self, record: Record) -> Condition:
        """The condition that a row's time is not over."""
        return Compare(record.until, ">", int(self.now)) if record.until else ALL

    def linked(self, links: Links, key: int | str) -> list[Any]:
        """The values of one list."""
        return self._lists.grouped(links, [key]).get(key, [])

    def list_of(self, record: Record, field: str, key: int | str) -> list[Any]:
        """The values of the list field ``field`` of one row."""
        links = record.field(field).links
        assert links is not None
        return self.linked(links, key)

    def word(self, list_name: str, word: str) -> bool:
        """Whether ``word`` is in the word list of this name."""
        record = RECORDS[list_name]
        return bool(self._run(f"SELECT 1 FROM {record.table} WHERE {record.key} = ?", [word]))

    # writing

    def insert(self, record: Record, values: Mapping[str, Any]) -> Any:
        """Add a row and give its number; times of making are set to now, and with them that of the last update."""
        made = {name: int(self.now) for name in ("date_created", "created") if record.has(name)}
        if made and record.has("last_updated"):
            made["last_updated"] = int(self.now)
        row = {**made, **values}
        names = ", ".join(f'"{_column(record, name)}"' for name in row)
        if not row:
            text = f"INSERT INTO {record.table} DEFAULT VALUES"
        else:
            text = f"INSERT INTO {record.table} ({names}) VALUES ({', '.join('?' * len(row))})"
        number = self._change(text, list(row.values())).lastrowid
        return values.get(record.key, number)

    def update(self, record: Record, key: int | str, values: Mapping[str, Any]) -> None:
        """Change only ``values`` of one row."""
        if values:
            pairs = ", ".join(f'"{_column(record, name)}" = ?' for name in values)
            self._change(f'UPDATE {record.table} SET {pairs} WHERE "{record.key}" = ?', [*values.values(), key])

    def touch(self, record: Record, key: int | str) -> None:
        """Set a row's ``last_updated``, if it has one, as each Update method does and nothing else."""
        if record.has("last_updated"):
            self.update(record, key, {"last_updated": int(self.now)})

    def remove(self, record: Record, key: int | str) -> None:
        """Delete one row: marked where the record keeps deleted rows, else for good."""
        if record.soft:
            self._change(f"UPDATE {record.table} SET {record.soft} = 1 WHERE {record.key} = ?", [key])
        else:
            self._change(f'DELETE FROM {record.table} WHERE "{record.key}" = ?', [key])

    def link(self, table: str, **columns: Any) -> bool:
        """Add a row of a link table unless it is there; whether it was added."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        text = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"
        return self._change(text, list(columns.values())).rowcount > 0

    def link_all(self, table: str, own: str, key: int, other: str, numbers: Iterable[int]) -> None:
        """Add rows of a link table that are not there, from one object to many."""
        text = f"INSERT INTO {table} ({own}, {other}) VALUES (?, ?)"
        self.change_many(text, [(key, number) for number in numbers])

    def unlink(self, table: str, **columns: Any) -> bool:
        """Remove the rows of a link table with these values; whether there were any."""
        test = " AND ".join(f"{name} = ?" for name in columns)
        return self._change(f"DELETE FROM {table} WHERE {test}", list(columns.values())).rowcount > 0

    def note(self, message: str = "", **objects: int | Iterable[int]) -> None:
        """Say what this call did and to which objects, ``Slice=31``; it becomes the call's event."""
        self.message = f"{self.message}, {message}" if self.message and message else message or self.message
        for noun, said in objects.items():
            self.touched += [(noun, number) for number in ([said] if isinstance(said, int) else said)]

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Do what follows wholly or, when it raises, not at all; what was done before stands either way."""
        touched, message = len(self.touched), self.message
        self.db.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK TO attempt")
            del self.touched[touched:]
            self.message = message
            raise
        finally:
            self.db.execute("RELEASE attempt")

    # the two doors to SQLite

    def ask(self, text: str, values: Iterable[Any] = ()) -> list[Row]:
        """Rows of a statement of this package, by column name."""
        cursor = self._execute(text, list(values))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def change(self, text: str, values: Iterable[Any] = ()) -> int:
        """Run a statement of this package that writes; how many rows it changed."""
        return self._change(text, list(values)).rowcount

    def change_many(self, text: str, rows: Iterable[Iterable[Any]]) -> None:
        """Run a statement of this package that writes, once for each of ``rows``."""
        try:
            self.db.executemany(text, [list(row) for row in rows])
        except sqlite3.IntegrityError as wrong:
            raise DatabaseError(_told(wrong)) from wrong

    def _run(self, text: str, values: list[Any]) -> list[tuple[Any, ...]]:
        return self._execute(text, values).fetchall()

    def _change(self, text: str, values: list[Any]) -> sqlite3.Cursor:
        try:
            return self._execute(text, values)
        except sqlite3.IntegrityError as wrong:
            raise DatabaseError(_told(wrong)) from wrong

    def _execute(self, text: str, values: list[Any]) -> sqlite3.Cursor:
        return execute(self.db, text, values)


def _as_query(asked: Query | Condition) -> Query:
    return asked if isinstance(asked, Query) else Query(asked)


def unique(store: Store, record: Record, name: str, value: Any, but: int | str | None = None) -> None:
    """Raise `Conflict` when another live row has ``value`` in the field ``name``."""
    condition = both(Compare(name, "=", value), store.live(record))
    if record.field(name).per_origin:
        condition = both(condition, IsNil("peer_id"))
    for row in store.rows(record, condition, (record.key,)):
        if row[record.key] != but:
            raise Conflict(f"{_noun(record)} {value!r} exists already", name)


def _column(record: Record, name: str) -> str:
    if name == record.key or record.has(name) or name in ("is_blacklisted",):
        return name
    raise KeyError(f"{record.name} has no column {name}")


def _noun(record: Record) -> str:
    return "".join(f" {c.lower()}" if c.isupper() and record.name != "PCU" else c for c in record.name).strip()


def _told(wrong: sqlite3.IntegrityError) -> str:
    """What a refused statement says of the caller's values, in the words of who called; values do not occur."""
    kind, _, column = str(wrong).partition(" constraint failed: ")
    table, _, name = column.partition(".")
    if kind == "UNIQUE" and name:
        return f"{name.partition(',')[0]} is taken already: of {table.replace('_', ' ')}, no two may have the same"
    if kind.startswith("FOREIGN KEY"):
        return "it is in use: something else refers to it, or what it refers to is not there"
    return str(wrong)
