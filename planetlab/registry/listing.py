"""A listing: which rows of a noun with which fields, and how a connection to the registry writes them for the wire."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from planetlab import xml_rows
from planetlab.filters import ALL, Query
from planetlab.records.catalogue import RECORDS
from planetlab.records.fields import Record
from planetlab.registry.compile import select
from planetlab.registry.lists import Lists, execute
from planetlab.registry.opening import Connection

Row = tuple[Any, ...]


@frozen
class Listing:
    """The rows of the noun ``record`` that ``query`` asks for, each with ``fields``, at the time ``now``.

    Whoever asks it may see them: it holds no rights of its own, and can be told to another process.
    """

    record: str
    query: Query
    fields: tuple[str, ...]
    now: float

    def written(self, db: Connection, keeps: bool) -> Iterator[bytes]:
        """The text that is sent, in pieces; ``keeps`` is whether lists that are read of all rows are kept for later."""
        db.at = int(self.now)
        found = selected(db, RECORDS[self.record], self.query, self.fields)
        return self.of(found.fetchall(), Lists(db, keeps))

    def of(self, found: list[Row], lists: Lists) -> Iterator[bytes]:
        """The text of rows that were found by `selected`."""
        record = RECORDS[self.record]
        members: list[tuple[str, xml_rows.Write]] = []
        for place, name in enumerate(self.fields):
            kind = kind_of(record, name)
            if kind == "list":
                keys = None if is_all(self.query) else [row[place] for row in found]
                members.append((name, xml_rows.ready(lists.written(record, record.field(name), keys))))
            else:
                members.append((name, xml_rows.flags if kind == "flag" else xml_rows.plain))
        return xml_rows.listing(members, found if members else [()] * len(found))


def selected(db: Connection, record: Record, query: Query, fields: tuple[str, ...]) -> sqlite3.Cursor:
    """The columns ``fields`` of the rows that are asked for; where a list is wanted, the row's key.

    Without fields there is a column still, so that rows can be counted.
    """
    columns = tuple(record.key if kind_of(record, name) == "list" else name for name in fields)
    return execute(db, *select(record, query, columns))


def kind_of(record: Record, name: str) -> str:
    """How a field or exposed tag is read: ``list``, ``flag`` or ``plain``."""
    if not record.has(name):
        return "plain"
    said = record.field(name)
    return "list" if said.links else "flag" if said.kind is bool else "plain"


def is_all(query: Query) -> bool:
    """Whether a query asks for every row."""
    return query.where == ALL and query.limit is None
