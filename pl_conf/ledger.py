"""What this node has promised, to whom and by which ticket.

Every operation is journalled: begun, then done. What was begun and never done is finished or undone at the next start.
Beginnings are written without waiting for the disk (a killed process loses none, a power cut at most leaves a sliver
that reconciling finds); ends wait for the disk, since an rcap that was answered must be remembered.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import evolve

from pl_conf.entries import Amounts, Intent, Lease, Receipt, Watermark, Wish, added, amounts_of
from pl_conf.memory import Gone, Memory
from pl_conf.store import LedgerFile, gone_in, intent_in, lease_in, wish_in
from planetlab.errors import DatabaseError
from planetlab.names import Hrn, SliceName


class Ledger(LedgerFile):
    """Wishes, journal, deletions, serials, watermarks and receipts of one node."""

    def __init__(self, path: Path | None, memory: Memory) -> None:
        super().__init__(path)
        self._memory = memory
        self._wishes: dict[tuple[Hrn, SliceName], Wish] = {}
        self._named: dict[SliceName, Wish] = {}
        self._held: dict[str, Wish] = {}
        self._totals: dict[Hrn, Amounts] = {}

    @classmethod
    def open(cls, path: Path | None, memory: Path | None = None) -> "Ledger":
        """The ledger at ``path`` (None: in memory only), made when there is none.

        ``memory`` is the second file, of deletions. Raises `BadSettings` for a file that is no ledger, is damaged, is
        of a newer version, or is in use by another process.
        """
        ledger = cls(path, Memory(memory))
        for row in ledger._db.execute("select * from wishes order by authority, slice"):
            ledger._keep(wish_in(row))
        ledger._remember()
        return ledger

    # Wishes

    def wishes(self) -> list[Wish]:
        """Every sliver that shall be here."""
        return list(self._wishes.values())

    def wish(self, authority: Hrn, name: SliceName) -> Wish | None:
        """What is in force for this authority's slice."""
        return self._wishes.get((authority, name))

    def named(self, name: SliceName) -> Wish | None:
        """The wish of this slice, whichever authority's it is."""
        return self._named.get(name)

    def held_by(self, rcap: str) -> Wish | None:
        """The wish that this rcap holds."""
        return self._held.get(rcap)

    def totals(self) -> dict[Hrn, Amounts]:
        """What each authority has here."""
        return dict(self._totals)

    def _keep(self, wish: Wish) -> None:
        self._drop(wish)
        self._wishes[wish.authority, wish.slice] = self._named[wish.slice] = self._held[wish.rcap] = wish
        self._totals[wish.authority] = added(self._totals.get(wish.authority, {}), amounts_of(wish.told))

    def _drop(self, wish: Wish) -> None:
        if (old := self._wishes.pop((wish.authority, wish.slice), None)) is not None:
            self._named.pop(old.slice, None)
            self._held.pop(old.rcap, None)
            self._totals[old.authority] = added(self._totals[old.authority], amounts_of(old.told), -1)

    def set_absent(self, counts: Mapping[tuple[Hrn, SliceName], int]) -> None:
        """Note how many answers in a row of its feed each wish was missing from."""
        with self._transaction(wait=False):
            self._db.executemany(
                "update wishes set absent = ? where authority = ? and slice = ?",
                [(count, str(authority), str(name)) for (authority, name), count in counts.items()],
            )
        for key, count in counts.items():
            if (wish := self._wishes.get(key)) is not None:
                self._keep(evolve(wish, absent=count))

    def listed(self, wish: Wish, feed: Hrn) -> None:
        """Note that the poll of root ``feed`` lists this wish."""
        if wish.feed != str(feed) or wish.absent:
            with self._transaction(wait=False):
                self._db.execute(
                    "update wishes set feed = ?, absent = 0 where authority = ? and slice = ?",
                    (str(feed), str(wish.authority), str(wish.slice)),
                )
            self._keep(evolve(wish, feed=str(feed), absent=0))

    # The journal

    def begin(self, intent: Intent) -> int:
        """Write down what is about to be done; gives its number."""
        with self._transaction(wait=False):
            cursor = self._db.execute(
                "insert into journal (verb, authority, slice, sealed, source, feed, rcap, why, at)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (intent.verb, str(intent.authority), str(intent.slice), intent.sealed, intent.source)
                + (intent.feed, intent.rcap, intent.why, intent.at),
            )
        return int(cursor.lastrowid or 0)

    def begun(self) -> list[Intent]:
        """What was begun and never ended, oldest first."""
        rows = self._db.execute("select * from journal order by number")
        return [intent_in(row) for row in rows]

    def redeemed(self, number: int, wish: Wish, deed: str, text: str) -> None:
        """End a redemption: wish in force, serial used, receipt written. All on the disk when this returns."""
        with self._transaction():
            self._put(wish)
            self._db.execute(
                "insert or ignore into serials values (?, ?, ?, ?, ?, ?)",
                (str(wish.authority), wish.serial, str(wish.slice), wish.digest, wish.expires, wish.renewed),
            )
            self._db.execute(
                "insert into watermarks values (?, -1, ?, 0) on conflict (authority) do update"
                " set issued = max(issued, excluded.issued)",
                (str(wish.authority), wish.issued),
            )
            self._db.execute(
                "delete from gone where authority = ? and slice = ?", (str(wish.authority), str(wish.slice))
            )
            self._write(_receipt(wish, deed, wish.renewed, text))
            self._end(number)
        self._keep(wish)

    def _put(self, wish: Wish) -> None:
        self._db.execute(
            "insert or replace into wishes values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (str(wish.authority), str(wish.slice), wish.serial, wish.issued, wish.expires, wish.digest, wish.sealed)
            + (wish.instantiation, wish.source, wish.feed, wish.rcap, wish.handle)
            + (json.dumps(wish.asked, sort_keys=True), json.dumps(wish.told, sort_keys=True))
            + (wish.since, wish.renewed, wish.absent),
        )

    def rebound(self, wish: Wish) -> None:
        """Keep a wish whose record the owner's rules have changed."""
        with self._transaction():
            self._put(wish)
        self._keep(wish)

    def abandoned(self, number: int) -> None:
        """End what came to nothing."""
        with self._transaction(wait=False):
            self._end(number)

    def released(self, number: int, wish: Wish, gone: Gone, deed: str) -> None:
        """End a deletion: the wish is out of force, its tickets barred. On the disk when this returns."""
        self._add_to_memory(gone)
        with self._transaction():
            self._db.execute(
                "delete from wishes where authority = ? and slice = ?", (str(wish.authority), str(wish.slice))
            )
            self._bar(gone)
            self._write(_receipt(wish, deed, gone.at, gone.why))
            self._end(number)
        self._drop(wish)

    def bar(self, deletions: Sequence[Gone]) -> None:
        """Keep tickets from before these deletions out, though no sliver of the slices was here."""
        if deletions:
            self._add_to_memory(*deletions)
            with self._transaction():
                for gone in deletions:
                    self._bar(gone)

    def _bar(self, gone: Gone) -> None:
        self._db.execute(
            "insert or replace into gone values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (str(gone.authority), str(gone.slice), gone.rcap, gone.serial, gone.issued, gone.expires)
            + (gone.at, gone.until, gone.why),
        )

    def _end(self, number: int) -> None:
        """Strike this entry and older ones of the same slice, which it has made good."""
        self._db.execute(
            "delete from journal where number <= ?1 and (authority, slice) ="
            " (select authority, slice from journal where number = ?1)",
            (number,),
        )

    # Memory

    def gone(self, authority: Hrn, name: SliceName) -> Gone | None:
        """The last deletion of this authority's slice, as long as it matters."""
        row = self._db.execute(
            "select * from gone where authority = ? and slice = ?", (str(authority), str(name))
        ).fetchone()
        return None if row is None else gone_in(row)

    def gone_rcap(self, rcap: str) -> Gone | None:
        """The deletion of what this rcap held, as long as it is remembered."""
        row = self._db.execute("select * from gone where rcap = ?", (rcap,)).fetchone() if rcap else None
        return None if row is None else gone_in(row)

    def all_gone(self) -> list[Gone]:
        """Every deletion that is remembered."""
        return [gone_in(row) for row in self._db.execute("select * from gone order by authority, slice")]

    def serials(self, authority: Hrn) -> dict[str, str]:
        """Serial to slice, of every ticket of this authority that took effect here and could still be valid."""
        rows = self._db.execute("select serial, slice from serials where authority = ?", (str(authority),))
        return {row["serial"]: row["slice"] for row in rows}

    def forget(self, now: float) -> None:
        """Drop what no ticket can ask for any more, and receipts beyond the last 100,000."""
        with self._transaction():
            self._db.execute("delete from gone where until < ?", (now,))
            self._db.execute("delete from serials where expires < ?", (now,))
            self._db.execute('delete from leases where "end" < ?', (now,))
            self._db.execute("delete from receipts where number <= (select max(number) - 100000 from receipts)")
        self._memory.rewrite(self.all_gone())

    # Leases of 2003

    def leases(self) -> list[Lease]:
        """Every lease, by name."""
        return [lease_in(row) for row in self._db.execute("select * from leases order by slice")]

    def lease(self, name: str) -> Lease | None:
        """The lease of a slice, by its name of that era."""
        row = self._db.execute("select * from leases where slice = ?", (name,)).fetchone()
        return None if row is None else lease_in(row)

    def keep_lease(self, lease: Lease) -> None:
        """Write a lease down, or what it is now."""
        with self._transaction():
            self._db.execute(
                "insert or replace into leases values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (lease.slice, str(lease.authority), lease.principle, lease.sealed, lease.ticket, lease.start, lease.end)
                + (lease.bound, lease.first_key, json.dumps(lease.keys)),
            )

    def end_lease(self, name: str) -> None:
        """Strike a lease."""
        with self._transaction():
            self._db.execute("delete from leases where slice = ?", (name,))

    # Watermarks, receipts, and the last time that was believed

    def watermark(self, authority: Hrn) -> Watermark:
        """How far this authority has been heard."""
        row = self._db.execute("select * from watermarks where authority = ?", (str(authority),)).fetchone()
        return Watermark(authority=authority) if row is None else Watermark(**{**dict(row), "authority": authority})

    def heard(self, mark: Watermark) -> None:
        """Move one authority's watermark; no other authority's is touched."""
        with self._transaction(wait=False):
            self._db.execute(
                "insert into watermarks values (?, ?, ?, ?) on conflict (authority) do update"
                " set stamp = excluded.stamp, issued = max(issued, excluded.issued), answered = excluded.answered",
                (str(mark.authority), mark.stamp, mark.issued, mark.answered),
            )

    def note(self, receipt: Receipt) -> None:
        """Write a receipt that goes with no change of the wishes."""
        with self._transaction(wait=False):
            self._write(receipt)

    def _write(self, receipt: Receipt) -> None:
        self._db.execute(
            "insert into receipts (at, authority, slice, source, deed, reason, text, digest)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            (receipt.at, receipt.authority, receipt.slice, receipt.source, receipt.deed)
            + (receipt.reason, receipt.text[:1000], receipt.digest),
        )

    def receipts(self, since: float = 0.0, authority: str = "", most: int = 1000) -> list[Receipt]:
        """The latest receipts from ``since`` on, oldest first; of one authority when it is named."""
        rows = self._db.execute(
            "select * from receipts where at >= ? and (? = '' or authority = ?) order by number desc limit ?",
            (since, authority, authority, most),
        ).fetchall()
        return [Receipt(**dict(row)) for row in reversed(rows)]

    def taken(self, after: int, most: int, authority: Hrn | None = None) -> list[Receipt]:
        """The first receipts beyond number ``after`` of tickets that took effect; of one authority when it is named."""
        rows = self._db.execute(
            "select * from receipts where number > ? and deed in ('created', 'renewed') and (? = '' or authority = ?)"
            " order by number limit ?",
            (after, str(authority or ""), str(authority or ""), most),
        )
        return [Receipt(**dict(row)) for row in rows]

    def about(self, key: str, default: str = "") -> str:
        """A single value kept with the ledger."""
        row = self._db.execute("select value from about where key = ?", (key,)).fetchone()
        return default if row is None else str(row["value"])

    def set_about(self, key: str, value: str) -> None:
        """Keep a single value."""
        with self._transaction(wait=False):
            self._db.execute("insert or replace into about values (?, ?)", (key, value))

    # Inside

    def _add_to_memory(self, *deletions: Gone) -> None:
        try:
            self._memory.add(*deletions)
        except OSError as error:
            raise DatabaseError(f"the file of deletions cannot be written: {error.strerror}") from error

    def _remember(self) -> None:
        """Take back from the second file the deletions that this ledger, if it is an older copy, does not know."""
        remembered, _ = self._memory.read()
        known = {(gone.authority, gone.slice): gone for gone in self.all_gone()}
        with self._transaction():
            for gone in remembered:
                older = known.get((gone.authority, gone.slice))
                wish = self.wish(gone.authority, gone.slice)
                if (older is None or older.at < gone.at) and (wish is None or gone.bars(wish.issued, wish.expires)):
                    self._bar(gone)


def _receipt(wish: Wish, deed: str, at: float, text: str) -> Receipt:
    receipt = Receipt(at=at, authority=str(wish.authority), slice=str(wish.slice), source=wish.source, deed=deed)
    return evolve(receipt, text=text, digest=wish.digest)
