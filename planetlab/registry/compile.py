"""A condition tree as one statement with bound values; no name gets into it that is not a record's own field."""

import json
from typing import Any

from planetlab.conditions import (
    AmongValues,
    Compare,
    Condition,
    Every,
    HasAll,
    HasAny,
    IsList,
    IsNil,
    Like,
    Not,
    Query,
    Senseless,
    Some,
)
from planetlab.errors import DatabaseError
from planetlab.records.fields import Links, Record


class Compiler:
    """Turns conditions over one record into SQL text, gathering the values to bind."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.values: list[Any] = []

    def column(self, name: str) -> str:
        """The expression that gives the field or exposed tag ``name`` of row ``r``."""
        if self.record.has(name):
            said = self.record.field(name)
            if said.links:
                raise DatabaseError(f"{name} is a list")
            return f"r.{name}"
        if name not in self.record.tags:
            raise DatabaseError(f"{self.record.name} has no {name}")
        return tag_column(self.record, name)

    def where(self, condition: Condition) -> str:
        """The condition as SQL."""
        match condition:
            case Every(parts):
                return "(" + " AND ".join(map(self.where, parts)) + ")" if parts else "1"
            case Some(parts):
                return "(" + " OR ".join(map(self.where, parts)) + ")" if parts else "0"
            case Not(what):
                return f"NOT {self.where(what)}"  # of what has no value neither is true
            case IsNil(name):
                return f"{self.column(name)} IS NULL"
            case Compare(name, how, value):
                self.values.append(value)
                return f"{self.column(name)} {how} ?"
            case Like(name, pattern):
                self.values.append(pattern)
                return f"{self.column(name)} LIKE ?" if pattern.isascii() else f"folded_like(?, {self.column(name)})"
            case AmongValues(name, values):
                return self.among(self.column(name), values)
            case HasAny(name, values):
                return self.holds(self._links(name), values, every=False)
            case HasAll(name, values):
                return self.holds(self._links(name), values, every=True)
            case IsList(name, values):
                self.values.append("".join(_one_of_list(value) for value in values))
                return f"{self.whole_list(name)} = ?"
            case Senseless(why):
                raise DatabaseError(why)

    def among(self, column: str, values: tuple[Any, ...]) -> str:
        """``column`` is one of ``values``, however many."""
        if len(values) <= 8:
            self.values.extend(values)
            return f"{column} IN ({', '.join('?' * len(values))})"
        self.values.append(json.dumps([int(each) if isinstance(each, bool) else each for each in values]))
        return f"{column} IN (SELECT value FROM json_each(?))"

    def holds(self, links: Links, values: tuple[Any, ...], every: bool) -> str:
        """The list behind ``links`` holds all, or any, of ``values``; without values: it is empty."""
        rows = f"SELECT 1 FROM {links.source} l WHERE l.{links.own} = r.{self.record.key}"
        if not values:
            return f"NOT EXISTS ({rows})"
        if not every:
            return f"EXISTS ({rows} AND {self.among(f'l.{links.other}', values)})"
        parts = []
        for value in dict.fromkeys(values):
            self.values.append(value)
            parts.append(f"EXISTS ({rows} AND l.{links.other} = ?)")
        return "(" + " AND ".join(parts) + ")"

    def whole_list(self, name: str) -> str:
        """The list ``name`` of row ``r`` as a text that compares as the list does: element by element."""
        links = self._links(name)
        one = "printf('%020d,', o)" if self.record.field(name).kind is int else "o || char(1)"
        rows = f"SELECT l.{links.other} AS o FROM {links.source} l WHERE l.{links.own} = r.{self.record.key}"
        return f"(SELECT coalesce(group_concat({one}, ''), '') FROM ({rows} ORDER BY {links.order or 'o'}))"

    def order(self, name: str) -> str:
        """The expression that rows are sorted by."""
        is_list = self.record.has(name) and self.record.field(name).links
        return self.whole_list(name) if is_list else self.column(name)

    def _links(self, name: str) -> Links:
        links = self.record.field(name).links
        assert links is not None
        return links


def _one_of_list(value: int | str) -> str:
    return f"{value:020d}," if isinstance(value, int) else f"{value}\x01"


def tag_column(record: Record, tag: str) -> str:
    """The value of an exposed tag of row ``r``: the first one of its type. ``tag`` is one of the record's own."""
    own = record.tag_table.removesuffix("s") + "_id"
    return (
        f"(SELECT t.value FROM {record.tag_table} t JOIN tag_types y USING (tag_type_id) "
        f"WHERE t.{record.key} = r.{record.key} AND y.tagname = '{tag}' ORDER BY t.{own} LIMIT 1)"
    )


def select(record: Record, query: Query, columns: tuple[str, ...]) -> tuple[str, list[Any]]:
    """The statement for ``columns`` of the rows that ``query`` asks for, and its values in order."""
    compiler = Compiler(record)
    shown = ", ".join(f"{compiler.column(name)} AS {_quoted(name)}" for name in columns) or "1"
    text = f"SELECT {shown} FROM {record.source} r WHERE {compiler.where(query.where)}"
    ways = {False: "ASC NULLS LAST", True: "DESC NULLS FIRST"}  # nil as the last of all, as PostgreSQL has it
    order = [f"{compiler.order(name)} {ways[down]}" for name, down in query.sort]
    text += f" ORDER BY {', '.join([*order, f'r.{record.key}'])}"
    if query.limit is not None or query.offset:
        text += " LIMIT ? OFFSET ?"
        compiler.values += [-1 if query.limit is None else query.limit, query.offset]
    return text, compiler.values


def _quoted(name: str) -> str:
    return f'"{name}"'
