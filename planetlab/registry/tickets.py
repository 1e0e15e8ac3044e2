"""Tickets that were issued, and the standing ones that nodes fetch; what changed since when."""

from attrs import frozen

from planetlab.registry import ticket_log
from planetlab.registry.store import Store
from planetlab.ticket_log import ISSUED, Entry, digest
from planetlab.tickets import Ticket

_EVERYWHERE = (  # PLC sent controllers and system slices to every node of its own, mapped or not
    "SELECT slice_id FROM slices WHERE instantiation = 'nm-controller' AND is_deleted = 0 UNION "
    "SELECT slice_id FROM slice_tags JOIN tag_types USING (tag_type_id) WHERE tagname = 'system' AND value = '1'"
)


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
        f"UNION ALL SELECT 1 FROM standing_tickets WHERE slice_id IN ({_EVERYWHERE}) AND version > ? "
        "UNION ALL SELECT 1 FROM departures WHERE node_id = ? AND version > ? LIMIT 1",
        [node_id, since, since, node_id, since],
    )
    return bool(rows)


def standing(store: Store, node_id: int, since: int) -> list[Standing]:
    """The slices that a node fetches by itself which changed after version ``since``: its own, and every node's."""
    rows = store.ask(
        "SELECT slice_id, version, sealed FROM standing_tickets JOIN slices USING (slice_id) "
        f"WHERE slice_id IN (SELECT slice_id FROM slice_node WHERE node_id = ? UNION {_EVERYWHERE}) "
        "AND version > ? AND is_deleted = 0 AND expires > ? "
        "AND instantiation IN ('plc-instantiated', 'nm-controller') AND peer_id IS NULL ORDER BY slice_id",
        [node_id, since, int(store.now)],
    )
    return [Standing(row["slice_id"], row["version"], row["sealed"]) for row in rows]


def departed(store: Store, node_id: int, since: int) -> list[str]:
    """The names of slices that left a node after version ``since``, or that its nodes fetch no more."""
    rows = store.ask(
        "SELECT name FROM departures JOIN slices USING (slice_id) WHERE departures.node_id = ? AND version > ? "
        f"AND slice_id NOT IN (SELECT slice_id FROM slice_node WHERE node_id = ? UNION {_EVERYWHERE}) "
        "UNION SELECT name FROM slice_node JOIN standing_tickets USING (slice_id) JOIN slices USING (slice_id) "
        "WHERE node_id = ? AND version > ? AND instantiation NOT IN ('plc-instantiated', 'nm-controller') "
        "ORDER BY name",
        [node_id, since, node_id, node_id, since],
    )
    return [row["name"] for row in rows]


def kept(store: Store, slice_id: int) -> bytes | None:
    """The sealed ticket of a slice that is still right; None when it must be made anew."""
    rows = store.ask("SELECT sealed FROM standing_tickets WHERE slice_id = ?", [slice_id])
    return rows[0]["sealed"] if rows else None


def keep_standing(store: Store, slice_id: int, serial: str, sealed: bytes) -> None:
    """Keep the sealed ticket of a slice until what it says changes."""
    store.change("UPDATE standing_tickets SET serial = ?, sealed = ? WHERE slice_id = ?", [serial, sealed, slice_id])


def record(
    store: Store,
    ticket: Ticket,
    codec: str,
    purpose: str,
    sealed: bytes,
    person_id: int | None = None,
    peer_id: int | None = None,
) -> None:
    """Remember a ticket that was issued: to whom, when, and its very bytes; and put it into the public log."""
    said = [ticket.serial, ticket.slice_id, codec, purpose, person_id, peer_id, int(store.now), int(ticket.expires)]
    store.change(
        "INSERT INTO tickets (serial, slice_id, codec, purpose, person_id, peer_id, issued, expires, sealed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*said, sealed],
    )
    holders = (("person", person_id), ("peer", peer_id))
    entry = Entry(
        kind=ISSUED,
        digest=digest(sealed),
        issuer=str(ticket.issuer),
        slice=str(ticket.slice),
        serial=ticket.serial,
        codec=codec,
        at=int(store.now),
        expires=int(ticket.expires),
        holder=next((f"{kind} {number}" for kind, number in holders if number is not None), "nodes"),
    )
    ticket_log.append(store, entry)


def is_recorded(store: Store, serial: str, sealed: bytes) -> bool:
    """Whether a ticket of this number was issued here, with these very bytes."""
    rows = store.ask("SELECT sealed FROM tickets WHERE serial = ?", [serial])
    return bool(rows) and bytes(rows[0]["sealed"]) == sealed
