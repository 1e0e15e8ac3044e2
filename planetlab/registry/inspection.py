"""What must be so in a registry whatever happened to it: each rule as a question that finds the rows that break it.

For `plfed doctor --deep`, which asks it of a registry that others are writing. Copies of peers' objects are the peers'
to account for, and come without calls.
"""

import pathlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from attrs import frozen

PATIENCE = 5.0  # seconds for a file that is being written
MOST = 50  # violations of one rule that are told
COPIED = ("sites", "persons", "keys", "nodes", "slices")
MAIL_WAITS = 60  # seconds
AT_ONCE = 60  # seconds between a row and its event, which are of one call


@frozen
class Rule:
    """One rule: its number in the list of what is checked, what it says, and the question for what breaks it.

    The question gives a row of text for each violation; ``:now`` is the time, seconds since the epoch.
    """

    number: int
    says: str
    question: str


def _foreign(table: str) -> str:
    key = f"{table[:-1]}_id"
    dead = "AND {0}.deleted = 0" if table in ("sites", "persons", "nodes") else ""
    alive = "AND {0}.is_deleted = 0" if table == "slices" else dead
    return (
        f"SELECT '{table} ' || {table}.{key} || ' is a copy from peer ' || {table}.peer_id || ', which is not there' "
        f"FROM {table} LEFT JOIN peers ON peers.peer_id = {table}.peer_id AND peers.deleted = 0 "
        f"WHERE {table}.peer_id IS NOT NULL AND peers.peer_id IS NULL {alive.format(table)}"
    )


RULES = (
    Rule(
        1,
        "every slice of ours has the event of its making",
        "SELECT 'slice ' || name || ' is there and no event tells of its making' FROM slices WHERE peer_id IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM event_object JOIN events USING (event_id) WHERE object_type = 'Slice' "
        f"AND object_id = slice_id AND abs(time - created) <= {AT_ONCE})",
    ),
    Rule(
        1,
        "every event of a slice is of one that is there",
        "SELECT DISTINCT 'events tell of slice ' || object_id || ', which never was' FROM event_object "
        "LEFT JOIN slices ON slice_id = object_id WHERE object_type = 'Slice' AND slice_id IS NULL",
    ),
    Rule(
        1,
        "no name is two living slices'",
        "SELECT count(*) || ' living slices are called ' || name FROM slices WHERE is_deleted = 0 AND expires > :now "
        "AND peer_id IS NULL GROUP BY name HAVING count(*) > 1",
    ),
    Rule(
        2,
        "every ticket that was handed out has its event, and is of one slice",
        "SELECT 'ticket ' || serial || ' has no event' FROM tickets WHERE purpose = 'delegated' AND NOT EXISTS ("
        "SELECT 1 FROM events WHERE message LIKE '%' || serial || '%')",
    ),
    Rule(
        2,
        "every call that was answered before is answered of something that is there",
        "SELECT 'the answer kept for a call is no JSON' FROM answered WHERE NOT json_valid(answer)",
    ),
    Rule(
        4,
        "the ticket that a slice's nodes fetch is one that was issued, of that very slice",
        "SELECT 'slice ' || standing_tickets.slice_id || ' stands by serial ' || standing_tickets.serial "
        "|| ', which was not issued for it' FROM standing_tickets LEFT JOIN tickets "
        "ON tickets.serial = standing_tickets.serial AND tickets.slice_id = standing_tickets.slice_id "
        "WHERE standing_tickets.sealed IS NOT NULL AND tickets.serial IS NULL",
    ),
    Rule(
        5,
        "no ticket that nodes fetch outlives its slice",
        "SELECT 'the ticket of slice ' || name || ' ends ' || (tickets.expires - slices.expires) || ' s after it' "
        "FROM standing_tickets JOIN tickets USING (serial) JOIN slices ON slices.slice_id = standing_tickets.slice_id "
        "WHERE standing_tickets.sealed IS NOT NULL AND is_deleted = 0 AND tickets.expires > slices.expires",
    ),
    *(Rule(6, f"copies of {table} are of peers that are there", _foreign(table)) for table in COPIED),
    Rule(
        6,
        "a peer's slice is at that peer's site",
        "SELECT 'slice ' || slices.name || ' of peer ' || slices.peer_id || ' is at a site of somebody else' "
        "FROM slices JOIN sites USING (site_id) WHERE slices.is_deleted = 0 AND slices.peer_id IS NOT NULL "
        "AND slices.peer_id IS NOT sites.peer_id",
    ),
    Rule(
        7,
        "no site has more living slices than it had room for when the last was made",
        "SELECT 'site ' || login_base || ' has ' || many || ' slices, and room for ' || max_slices FROM sites JOIN ("
        "SELECT site_id, count(*) AS many, max(created) AS last FROM slices WHERE is_deleted = 0 AND expires > :now "
        "AND peer_id IS NULL GROUP BY site_id) USING (site_id) WHERE sites.deleted = 0 AND many > max_slices "
        "AND NOT EXISTS (SELECT 1 FROM event_object JOIN events USING (event_id) WHERE object_type = 'Site' "
        "AND object_id = site_id AND call_name LIKE '%Site%' AND time >= last)",
    ),
    Rule(
        10,
        "no mail waits",
        "SELECT 'mail ' || mail_id || ' waits since ' || (:now - written) || ' s' FROM outbox WHERE sent IS NULL "
        f"AND written < :now - {MAIL_WAITS}",
    ),
    Rule(
        14,
        "no ticket tells of more than the registry's version",
        "SELECT 'slice ' || slice_id || ' is at version ' || version || ', the registry at ' || value "
        "FROM standing_tickets JOIN counters ON name = 'version' WHERE version > value",
    ),
    Rule(
        14,
        "what was done to a slice is in the order in which it was done",
        "SELECT 'event ' || later.event_id || ' of slice ' || one.object_id || ' is ' || (before.time - later.time) "
        "|| ' s older than the one before it' FROM event_object AS one JOIN events AS later USING (event_id) "
        "JOIN event_object AS other ON other.object_type = 'Slice' AND other.object_id = one.object_id "
        "AND other.event_id = (SELECT max(event_id) FROM event_object WHERE object_type = 'Slice' "
        "AND object_id = one.object_id AND event_id < one.event_id) "
        "JOIN events AS before ON before.event_id = other.event_id "
        "WHERE one.object_type = 'Slice' AND before.time > later.time + 86400",
    ),
)


@frozen
class Broken:
    """What was found wrong by one rule."""

    number: int
    says: str
    found: tuple[str, ...]


def broken(path: pathlib.Path, now: float) -> Iterator[Broken]:
    """Every rule, with what breaks it in the registry at ``path``. Raises `sqlite3.Error`."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE)) as db:
        db.execute("BEGIN")
        for rule in RULES:
            rows = db.execute(rule.question, {"now": int(now)}).fetchmany(MOST)
            yield Broken(rule.number, rule.says, tuple(str(row[0]) for row in rows))


def issued(path: pathlib.Path) -> dict[str, tuple[str, int]]:
    """Serial to slice and expiry, of every ticket in the registry at ``path``. Raises `sqlite3.Error`."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE)) as db:
        rows = db.execute("SELECT serial, name, tickets.expires FROM tickets JOIN slices USING (slice_id)")
        return {serial: (name, expires) for serial, name, expires in rows}


def secrets_in(path: pathlib.Path) -> list[str]:
    """The secrets by which people and nodes sign in at this registry's PLC. Raises `sqlite3.Error`."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE)) as db:
        rows = db.execute(
            "SELECT session_id FROM sessions UNION SELECT key FROM nodes WHERE key IS NOT NULL "
            "UNION SELECT password FROM persons WHERE length(password) > 20"
        )
        return [str(row[0]) for row in rows]
