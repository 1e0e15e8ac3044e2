"""The authority's log of tickets, where it is kept: rows that only grow, and the hashes of whole subtrees over them."""

from collections.abc import Sequence

from planetlab import merkle
from planetlab.registry.store import Store
from planetlab.ticket_log import Entry


def append(store: Store, entry: Entry) -> int:
    """Put an entry at the log's end, in the call's own transaction; its number."""
    number, data = size(store), entry.data()
    store.change(
        "INSERT INTO ticket_log (number, kind, digest, entry) VALUES (?, ?, ?, ?)",
        [number, entry.kind, entry.digest, data],
    )
    for level, at, value in merkle.grown(number, merkle.leaf(data), whole(store)):
        store.change("INSERT INTO ticket_log_hashes (level, number, hash) VALUES (?, ?, ?)", [level, at, value])
    return number


def size(store: Store) -> int:
    """How many entries there are."""
    return int(store.ask("SELECT coalesce(max(number) + 1, 0) AS size FROM ticket_log")[0]["size"])


def whole(store: Store) -> merkle.Whole:
    """The log's tree, as proofs read it."""

    def at(level: int, number: int) -> bytes:
        row = store.ask("SELECT hash FROM ticket_log_hashes WHERE level = ? AND number = ?", [level, number])[0]
        return bytes(row["hash"])

    return at


def entries(store: Store, first: int, most: int) -> list[bytes]:
    """At most ``most`` entries from number ``first`` on, as their bytes."""
    rows = store.ask("SELECT entry FROM ticket_log WHERE number >= ? ORDER BY number LIMIT ?", [first, most])
    return [bytes(row["entry"]) for row in rows]


def find(store: Store, kind: str, digest: str) -> int | None:
    """The number of the first entry of that kind on the ticket with that digest."""
    rows = store.ask(
        "SELECT number FROM ticket_log WHERE digest = ? AND kind = ? ORDER BY number LIMIT 1", [digest, kind]
    )
    return int(rows[0]["number"]) if rows else None


def said_by(store: Store, kind: str, digests: Sequence[str]) -> list[Entry]:
    """All entries of that kind on these tickets."""
    marks = ", ".join("?" * len(digests))
    rows = store.ask(f"SELECT entry FROM ticket_log WHERE kind = ? AND digest IN ({marks})", [kind, *digests])
    return [Entry.read(bytes(row["entry"])) for row in rows]
