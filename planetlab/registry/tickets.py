"""Tickets that were issued, and the standing ones that nodes fetch; what changed since when."""

from attrs import frozen

from planetlab.registry.store import Store


@frozen
class Standing:
    """A slice whose ticket a node fetches by itself; ``sealed`` is None when it must be made anew."""

    slice_id: int
    version: int
    sealed: bytes | None


def version(store: Store) -> int:
    """The registry's version: it rises with every change to what any ticket says."""
    return int(store.ask("SELECT value FROM counters WHERE name = 'version'")[0]["value"])


def changed_for(store: Store, node_id: int, since: int) -> bool:
    """Whether anything on this node's list changed after version ``since``, or a slice's time ran out."""
    rows = store.ask(
        "SELECT 1 FROM slice_node JOIN standing_tickets USING (slice_id) WHERE node_id = ? AND version > ? "
        "UNION ALL SELECT 1 FROM departures WHERE node_id = ? AND version > ? LIMIT 1",
        [node_id, since, node_id, since],
    )
    return bool(rows)


def standing(store: Store, node_id: int, since: int) -> list[Standing]:
    """The plc-instantiated slices on a node that changed after version ``since``."""
    rows = store.ask(
        "SELECT slice_id, version, sealed FROM slice_node JOIN standing_tickets USING (slice_id) "
        "JOIN slices USING (slice_id) WHERE node_id = ? AND version > ? AND is_deleted = 0 AND expires > ? "
        "AND instantiation = 'plc-instantiated' AND peer_id IS NULL ORDER BY slice_id",
        [node_id, since, int(store.now)],
    )
    return [Standing(row["slice_id"], row["version"], row["sealed"]) for row in rows]


def departed(store: Store, node_id: int, since: int) -> list[str]:
    """The names of slices that left a node after version ``since``, or that its nodes fetch no more."""
    rows = store.ask(
        "SELECT name FROM departures JOIN slices USING (slice_id) WHERE departures.node_id = ? AND version > ? "
        "AND slice_id NOT IN (SELECT slice_id FROM slice_node WHERE node_id = ?) "
        "UNION SELECT name FROM slice_node JOIN standing_tickets USING (slice_id) JOIN slices USING (slice_id) "
        "WHERE node_id = ? AND version > ? AND instantiation <> 'plc-instantiated' ORDER BY name",
        [node_id, since, node_id, node_id, since],
    )
    return [row["name"] for row in rows]


def keep_standing(store: Store, slice_id: int, serial: str, sealed: bytes) -> None:
    """Keep the sealed ticket of a slice until what it says changes."""
    store.change("UPDATE standing_tickets SET serial = ?, sealed = ? WHERE slice_id = ?", [serial, sealed, slice_id])


def record(
    store: Store,
    serial: str,
    slice_id: int,
    codec: str,
    purpose: str,
    sealed: bytes,
    expires: float,
    person_id: int | None = None,
    peer_id: int | None = None,
) -> None:
    """Remember a ticket that was issued: its serial, to whom, when, and its very bytes."""
    store.change(
        "INSERT INTO tickets (serial, slice_id, codec, purpose, person_id, peer_id, issued, expires, sealed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [serial, slice_id, codec, purpose, person_id, peer_id, int(store.now), int(expires), sealed],
    )
