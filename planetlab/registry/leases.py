"""Leases as the table of fields does not say them: who has a node at a time."""

from planetlab.registry.store import Row, Store


def overlapping(store: Store, node_id: int, start: int, end: int, but: int | None = None) -> Row | None:
    """The first lease of a node that touches ``start`` to ``end`` (end excluded), other than ``but``; or None.

    One that is over stands in nobody's way.
    """
    rows = store.ask(
        "SELECT lease_id, t_from, t_until FROM leases WHERE node_id = ? AND t_from < ? AND t_until > ? "
        "AND t_until > ? AND lease_id IS NOT ? ORDER BY t_from LIMIT 1",
        [node_id, end, start, int(store.now), but],
    )
    return rows[0] if rows else None
