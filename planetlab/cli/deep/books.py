"""What a node has written down: the ledger of its pl_conf and the books of its node manager, read as they lie."""

import json
import pathlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from attrs import field, frozen

PATIENCE = 5.0  # seconds for a file that is being written


@frozen(kw_only=True)
class Wish:
    """A sliver that the ledger says shall be here. Times are seconds since the epoch."""

    authority: str
    slice: str
    serial: str
    expires: float
    digest: str  # SHA-256 of the ticket's bytes without white space around them, as it was written beside them
    sealed: bytes
    instantiation: str
    handle: str  # the rcap by which the node manager knows it


@frozen(kw_only=True)
class Entry:
    """A sliver that the node manager's books say is wanted."""

    authority: str
    slice: str
    rcap: str
    created: bool
    releasing: bool
    expires: float
    is_sliver: bool
    loans: tuple[tuple[str, str, int], ...]  # recipient, resource, amount
    granted: Mapping[str, Any]  # rspec of its record
    is_bound: bool = False  # a broker made it by binding a pool; there is no ticket


@frozen(kw_only=True)
class Pool:
    """A part of the node. ``ceiling``: it bounds its parts and is no promise itself."""

    rcap: str
    parent: str
    ceiling: bool
    bound: str
    amounts: Mapping[str, int]
    start: float
    end: float


@frozen(kw_only=True)
class Begun:
    """An operation in the ledger's journal."""

    verb: str
    authority: str
    slice: str
    at: float


@frozen(kw_only=True)
class Ledger:
    """The ledger of one node."""

    wishes: tuple[Wish, ...] = ()
    begun: tuple[Begun, ...] = ()
    serials: tuple[tuple[str, str, str, str], ...] = ()  # authority, serial, slice, digest
    deeds: Mapping[tuple[str, str, str], int] = field(factory=dict)  # authority, slice, deed: how often
    barred: frozenset[tuple[str, str]] = frozenset()  # authority, slice of deletions that are remembered
    is_cut: bool = False  # old receipts were forgotten, so that deeds cannot be counted


@frozen(kw_only=True)
class Books:
    """The books of one node manager."""

    entries: tuple[Entry, ...] = ()
    pools: tuple[Pool, ...] = ()


@contextmanager
def reading(path: pathlib.Path) -> Iterator[sqlite3.Connection]:
    """The database at ``path``, at one moment, to be read only."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE)) as db:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN")
        yield db


def read_ledger(path: pathlib.Path) -> Ledger:
    """The ledger in this file. Raises `sqlite3.Error`."""
    with reading(path) as db:
        counted = db.execute(
            "SELECT authority, slice, deed, count(*) AS times FROM receipts WHERE reason = 0 GROUP BY 1, 2, 3"
        )
        fields = "authority, slice, serial, expires, digest, sealed, instantiation, handle"
        (first,) = db.execute("SELECT ifnull(min(number), 1) FROM receipts").fetchone()
        return Ledger(
            wishes=tuple(Wish(**dict(row)) for row in db.execute(f"SELECT {fields} FROM wishes")),
            begun=tuple(Begun(**dict(row)) for row in db.execute("SELECT verb, authority, slice, at FROM journal")),
            serials=tuple(map(tuple, db.execute("SELECT authority, serial, slice, digest FROM serials"))),
            deeds={(row["authority"], row["slice"], row["deed"]): row["times"] for row in counted},
            barred=frozenset(map(tuple, db.execute("SELECT authority, slice FROM gone"))),
            is_cut=first > 1,
        )


def read_books(path: pathlib.Path) -> Books:
    """The books in this file. Raises `sqlite3.Error`."""
    with reading(path) as db:
        return Books(
            entries=tuple(map(_entry, db.execute("SELECT * FROM entries"))),
            pools=tuple(map(_pool, db.execute("SELECT * FROM pools"))),
        )


def _entry(row: sqlite3.Row) -> Entry:
    record = json.loads(row["record"])
    kind = record.get("attributes", {}).get("type") or "sliver."
    return Entry(
        authority=row["authority"],
        slice=row["name"],
        rcap=row["rcap"],
        created=bool(row["created"]),
        releasing=bool(row["releasing"]),
        expires=float(record["expires"]),
        is_sliver=record["instantiation"] != "nm-controller" and kind.startswith("sliver."),
        loans=tuple(tuple(loan) for loan in json.loads(row["loans"])),
        granted=record["rspec"],
        is_bound=not record["slice_id"] and not record["serial"],
    )


def _pool(row: sqlite3.Row) -> Pool:
    share = json.loads(row["share"])
    start, end, _ = share.pop("start"), share.pop("end"), share.pop("ports", None)
    return Pool(
        rcap=row["rcap"], parent=row["parent"], ceiling=bool(row["ceiling"]), bound=row["bound"], amounts=share,
        start=start, end=end,
    )  # fmt: skip
