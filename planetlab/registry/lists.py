"""The lists that rows have, like a site's ``person_ids``: read for one row, for some, or for all at once.

A reader keeps what it read of all rows until the file changes, since listings ask for the same lists again and again.
"""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from planetlab.errors import DatabaseError
from planetlab.records.fields import Field, Links, Record
from planetlab.registry.opening import Connection
from planetlab.xml_rows import BETWEEN_INTS, array_of, array_of_ints

_MANY = 100  # rows from which on it is worth asking how many there are

Tuples = list[tuple[Any, ...]]
ListOf = Callable[[Any], Any]
"""Gives a row's list by the row's key."""


def execute(db: Connection, text: str, values: list[Any]) -> sqlite3.Cursor:
    """Run a statement. Raises `DatabaseError` for a number that no column holds."""
    try:
        return db.execute(text, values)
    except OverflowError:
        raise DatabaseError("a number is too large to be stored") from None


class Lists:
    """The lists of the rows that one transaction sees; ``keeps`` what it reads of all rows for the next one."""

    def __init__(self, db: Connection, keeps: bool) -> None:
        self._db, self._keeps = db, keeps

    def of(self, record: Record, said: Field, keys: list[Any] | None) -> ListOf:
        """The lists ``said`` of the rows ``keys``, None for all, each a list of its own."""
        assert said.links is not None
        some = None if self._are_most(record, keys) else keys
        if said.kind is int and not said.links.order:
            texts = self._joined(said.links, some, ",")
            return lambda key: list(map(int, texts[key].split(","))) if key in texts else []
        grouped = self.grouped(said.links, some)
        return lambda key: list(grouped.get(key, ()))

    def written(self, record: Record, said: Field, keys: list[Any] | None) -> ListOf:
        """As `of`, each list as the text that XML-RPC has for it."""
        assert said.links is not None
        some = None if self._are_most(record, keys) else keys
        if said.kind is int and not said.links.order:
            texts = self._joined(said.links, some, BETWEEN_INTS)
            return lambda key: array_of_ints(texts.get(key, ""))
        grouped = self.grouped(said.links, some)
        return lambda key: array_of(tuple(grouped.get(key, ())))

    def grouped(self, links: Links, keys: list[Any] | None) -> dict[Any, list[Any]]:
        """Lists of anything, in their order."""
        text, values = _of_rows(f"SELECT {links.own}, {links.other} FROM {links.source}", links, keys)
        return self._kept(f"{text} ORDER BY {links.own}, {links.order or links.other}", values, _by_owner)

    def _joined(self, links: Links, keys: list[Any] | None, between: str) -> dict[Any, str]:
        """Lists of numbers, ascending, as texts that SQLite itself puts together: listings have thousands of them."""
        text, values = _of_rows(f"SELECT {links.own} AS own, {links.other} AS other FROM {links.source}", links, keys)
        text = f"SELECT own, group_concat(other, '{between}') FROM ({text} ORDER BY own, other) GROUP BY own"
        return self._kept(text, values, _not_nil)

    def _are_most(self, record: Record, keys: list[Any] | None) -> bool:
        """Whether so many rows are asked for that reading every row's list is less work than looking each up."""
        if keys is None or len(keys) < _MANY:
            return False
        highest = self._run(f"SELECT max({record.key}) FROM {record.table}", [])[0][0]
        return isinstance(highest, int) and len(keys) * 4 >= highest

    def _kept(self, text: str, values: list[Any], made: Callable[[Tuples], dict[Any, Any]]) -> dict[Any, Any]:
        """What is made of a statement's rows; one that was about all rows is kept until the file changes."""
        if values or not self._keeps:
            return made(self._run(text, values))
        version = (self._run("PRAGMA data_version", [])[0][0], self._db.total_changes)  # others' changes, and its own
        kept = self._db.lists.get(text)
        if kept is None or kept[0] != version:
            kept = self._db.lists[text] = (version, made(self._run(text, values)))
        return kept[1]

    def _run(self, text: str, values: list[Any]) -> Tuples:
        return execute(self._db, text, values).fetchall()


def _of_rows(text: str, links: Links, keys: list[Any] | None) -> tuple[str, list[Any]]:
    """The statement for the lists of these rows, and its values; of all rows when ``keys`` is None."""
    if keys is None:
        return text, []
    if len(keys) == 1:
        return f"{text} WHERE {links.own} = ?", list(keys)
    return f"{text} WHERE {links.own} IN (SELECT value FROM json_each(?))", [json.dumps(keys)]


def _by_owner(rows: Tuples) -> dict[Any, list[Any]]:
    grouped: dict[Any, list[Any]] = {}
    for own, other in rows:
        grouped.setdefault(own, []).append(other)
    return grouped


def _not_nil(rows: Tuples) -> dict[Any, str]:
    return {own: text for own, text in rows if text is not None}
