"""Peers that are read for the first time: their objects are written in pieces, and seen when all are there.

The views of what peers have leave out those of a peer that is in the table ``arriving``.
"""

from planetlab.copies import NOUNS
from planetlab.registry.store import Store

PIECE = 500  # rows that are written while other writers wait: a few milliseconds, of slices some ten


def begin(store: Store, peer_id: int) -> None:
    """From now on nothing of this peer is seen."""
    store.change("INSERT INTO arriving (peer_id) VALUES (?) ON CONFLICT DO NOTHING", [peer_id])


def end(store: Store, peer_id: int) -> None:
    """What there is of this peer is seen."""
    store.change("DELETE FROM arriving WHERE peer_id = ?", [peer_id])


def is_begun(store: Store, peer_id: int) -> bool:
    """Whether nothing of this peer is seen, for it is still coming, or was broken off."""
    return bool(store.ask("SELECT 1 FROM arriving WHERE peer_id = ?", [peer_id]))


def clear(store: Store, peer_id: int) -> bool:
    """Take away a piece of what was broken off; whether more is left."""
    for noun in reversed(NOUNS):
        table, key, soft = noun.record.table, noun.record.key, noun.record.soft
        some = f"SELECT {key} FROM {table} WHERE peer_id = ? {f'AND {soft} = 0' if soft else ''} LIMIT {PIECE}"
        change = f"UPDATE {table} SET {soft} = 1" if soft else f"DELETE FROM {table}"
        if store.change(f"{change} WHERE {key} IN ({some})", [peer_id]):
            return True
    end(store, peer_id)
    return False
