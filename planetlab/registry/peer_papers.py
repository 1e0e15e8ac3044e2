"""The books of peers: their signed statements, how they were heard, and the tickets they seal for our nodes."""

import json
from collections.abc import Mapping

from attrs import field, frozen

from planetlab.errors import NotFound
from planetlab.names import Hrn
from planetlab.registry.store import Row, Store

ACTIVE, SUSPENDED = "active", "suspended"


@frozen(kw_only=True)
class Paper:
    """What is kept of one peer. Times are epoch seconds, 0.0 for never; ``state`` is active or suspended."""

    peer_id: int
    peername: str
    hrn: Hrn
    state: str
    statement: bytes = field(repr=False)
    anchored: str
    added: int
    asked: float
    heard: float
    failures: int
    trouble: str
    alarm: str
    stamp: str


@frozen
class Passed:
    """What a node is told of a peer's tickets: those that changed, and the slices that are on it no more."""

    version: int
    sealed: tuple[bytes, ...]
    deleted: tuple[str, ...]


_COLUMNS = (
    "peer_papers.peer_id, peername, hrn, state, statement, anchored, added, asked, heard, failures, trouble, alarm, "
    "stamp"
)


def every(store: Store) -> list[Paper]:
    """What is kept of all peers that have a statement."""
    return [_paper(row) for row in store.ask(f"SELECT {_COLUMNS} FROM peer_papers JOIN peers USING (peer_id)")]


def of(store: Store, peer_id: int) -> Paper | None:
    """What is kept of one peer; None for one that is known by the PLC API only."""
    rows = store.ask(
        f"SELECT {_COLUMNS} FROM peer_papers JOIN peers USING (peer_id) WHERE peer_papers.peer_id = ?", [peer_id]
    )
    return _paper(rows[0]) if rows else None


def named(store: Store, hrn: Hrn) -> Paper:
    """What is kept of the peer of this name. Raises `NotFound`."""
    found = [each for each in every(store) if each.hrn == hrn]
    if not found:
        raise NotFound(f"no peer {hrn} has given a statement here")
    return found[0]


def _paper(row: Row) -> Paper:
    return Paper(**{**row, "hrn": Hrn.parse(row["hrn"])})


def begin(store: Store, peer_id: int, hrn: Hrn, sealed: bytes, anchored: str) -> None:
    """Keep the first statement of a peer, or one that was believed anew."""
    store.change(
        "INSERT OR REPLACE INTO peer_papers (peer_id, hrn, state, statement, anchored, added, asked, heard, failures, "
        "trouble, alarm, stamp) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, '', '', '')",
        [peer_id, str(hrn), ACTIVE, sealed, anchored, int(store.now), store.now, store.now],
    )


def set_state(store: Store, peer_id: int, state: str) -> bool:
    """Suspend a peer, or let it count again; whether that changes anything."""
    return (
        store.change("UPDATE peer_papers SET state = ? WHERE peer_id = ? AND state <> ?", [state, peer_id, state]) > 0
    )


def heard(store: Store, peer_id: int, sealed: bytes) -> None:
    """It answered as it must, and this is what it says now."""
    store.change(
        "UPDATE peer_papers SET statement = ?, asked = ?, heard = ?, failures = 0, trouble = '' WHERE peer_id = ?",
        [sealed, store.now, store.now, peer_id],
    )


def failed(store: Store, peer_id: int, trouble: str, alarm: str = "") -> bool:
    """It did not answer as it must; what was kept is kept on. Whether this is an alarm, and the first one.

    An alarm stands until `calm`, whatever the peer answers meanwhile.
    """
    store.change(
        "UPDATE peer_papers SET asked = ?, failures = failures + 1, trouble = ? WHERE peer_id = ?",
        [store.now, trouble[:500], peer_id],
    )
    if not alarm:
        return False
    text = "UPDATE peer_papers SET alarm = ? WHERE peer_id = ? AND alarm = ''"
    return store.change(text, [alarm[:500], peer_id]) > 0


def calm(store: Store, peer_id: int) -> None:
    """A person has seen the alarm."""
    store.change("UPDATE peer_papers SET alarm = '', trouble = '', failures = 0 WHERE peer_id = ?", [peer_id])


def taken_over(store: Store, peer_id: int, stamp: str) -> None:
    """Its view of this stamp is what our copies say."""
    store.change("UPDATE peer_papers SET stamp = ? WHERE peer_id = ?", [stamp, peer_id])


def counts(store: Store) -> dict[int, dict[str, int]]:
    """How many copies of each noun are kept of each peer."""
    found: dict[int, dict[str, int]] = {}
    for noun in ("sites", "persons", "keys", "nodes", "slices"):
        for row in store.ask(
            f"SELECT peer_id, count(*) AS many FROM view_{noun} WHERE peer_id IS NOT NULL GROUP BY peer_id"
        ):
            found.setdefault(row["peer_id"], {})[noun] = row["many"]
    return found


def refreshed(store: Store) -> dict[int, tuple[int, int]]:
    """When each peer's objects were taken over, and how many deletions were held back then."""
    rows = store.ask("SELECT peer_id, done, doubted FROM peer_refreshes")
    return {row["peer_id"]: (row["done"], row["doubted"]) for row in rows}


def gone(store: Store) -> list[str]:
    """The names of peers that were removed and have not come back."""
    rows = store.ask(
        "SELECT DISTINCT hrn_root FROM peers WHERE deleted = 1 AND hrn_root IS NOT NULL AND hrn_root NOT IN "
        "(SELECT hrn_root FROM peers WHERE deleted = 0 AND hrn_root IS NOT NULL) ORDER BY hrn_root"
    )
    return [row["hrn_root"] for row in rows]


def keep_tickets(store: Store, peer_id: int, sealed: Mapping[str, bytes]) -> int:
    """Keep the tickets, by slice, that a peer has sealed; those of slices on none of our nodes are not kept.

    Gives how many entries changed, each of which gets a version of its own.
    """
    places: dict[str, list[int]] = {}
    for row in store.ask(
        "SELECT slices.name, node_id FROM slices JOIN slice_node USING (slice_id) JOIN nodes USING (node_id) "
        "WHERE slices.peer_id = ? AND is_deleted = 0 AND nodes.peer_id IS NULL AND nodes.deleted = 0 ORDER BY node_id",
        [peer_id],
    ):
        places.setdefault(row["name"], []).append(row["node_id"])
    now = {name: (json.dumps(places[name]), ticket) for name, ticket in sealed.items() if name in places}
    before = {
        row["name"]: (row["nodes"], row["sealed"])
        for row in store.ask("SELECT name, nodes, sealed FROM peer_tickets WHERE peer_id = ?", [peer_id])
    }
    wanted = {name: now.get(name, ("[]", None)) for name in {*now, *before}}
    changed = [(name, *wanted[name]) for name in sorted(wanted) if wanted[name] != before.get(name)]
    for name, nodes, ticket in changed:
        store.change("UPDATE counters SET value = value + 1 WHERE name = 'version'")
        store.change(
            "INSERT INTO peer_tickets (peer_id, name, version, nodes, sealed) "
            "VALUES (?1, ?2, (SELECT value FROM counters WHERE name = 'version'), ?3, ?4) ON CONFLICT (peer_id, name) "
            "DO UPDATE SET version = excluded.version, nodes = excluded.nodes, sealed = excluded.sealed",
            [peer_id, name, nodes, ticket],
        )
    return len(changed)


def pass_on(store: Store, peer_id: int, node_id: int, since: int) -> Passed:
    """What a node of ours is to know of a peer's tickets that changed after version ``since``."""
    sealed: list[bytes] = []
    deleted: list[str] = []
    last = since
    for row in store.ask(
        "SELECT name, version, nodes, sealed FROM peer_tickets WHERE peer_id = ? AND version > ? ORDER BY version",
        [peer_id, since],
    ):
        last = row["version"]
        if row["sealed"] is not None and node_id in json.loads(row["nodes"]):
            sealed.append(row["sealed"])
        else:
            deleted.append(row["name"])
    return Passed(last, tuple(sealed), tuple(deleted) if since else ())


def kept_tickets(store: Store, peer_id: int) -> dict[str, bytes]:
    """The tickets that are kept of a peer, by slice."""
    rows = store.ask("SELECT name, sealed FROM peer_tickets WHERE peer_id = ? AND sealed IS NOT NULL", [peer_id])
    return {row["name"]: row["sealed"] for row in rows}


def reissue(store: Store) -> None:
    """Have every standing ticket of ours sealed anew, at the next poll of its nodes: another key signs from now on."""
    store.change("UPDATE counters SET value = value + 1 WHERE name = 'version'")
    store.change(
        "UPDATE standing_tickets SET sealed = NULL, version = (SELECT value FROM counters WHERE name = 'version')"
    )
