"""Which tables each half of a PLC writes. What a deletion takes with it, by the schema's triggers, is not counted."""

import sqlite3

SLICE_HALF = frozenset(
    [
        "persons",
        "person_role",
        "person_tags",
        "keys",
        "key_types",
        "slices",
        "slice_person",
        "slice_tags",
        "slice_instantiations",
        "leases",
        "tickets",
        "standing_tickets",
        "departures",
        "ticket_log",
        "ticket_log_hashes",
        "counters",
        "gids",
        "credentials",
        "revoked",
        "sliver_states",
        "member_roles",
        "sliver_infos",
    ]
)
MANAGEMENT_HALF = frozenset(
    [
        "nodes",
        "interfaces",
        "interface_tags",
        "node_tags",
        "nodegroups",
        "ilinks",
        "pcus",
        "pcu_node",
        "pcu_types",
        "pcu_protocol_types",
        "conf_files",
        "conf_file_node",
        "conf_file_nodegroup",
        "initscripts",
        "boot_states",
        "run_levels",
        "node_types",
        "network_methods",
        "network_types",
        "node_slice_whitelist",
    ]
)
SHARED = frozenset(
    [
        "sites",
        "site_tags",
        "addresses",
        "address_types",
        "address_address_type",
        "site_address",
        "person_site",
        "slice_node",
        "tag_types",
        "tag_type_role",
        "roles",
        "sessions",
        "events",
        "event_object",
        "messages",
        "outbox",
        "arriving",
        "peers",
        "peer_papers",
        "peer_refreshes",
        "peer_tickets",
        "answered",
        "sqlite_sequence",
        "sqlite_master",
    ]
)

WRITES = {
    "slice": SLICE_HALF | SHARED,
    "management": MANAGEMENT_HALF | SHARED,
    "both": SLICE_HALF | MANAGEMENT_HALF | SHARED,
}
GO_WITH_PARENT = frozenset(
    {"interface_tags", "ilinks", "pcu_node", "node_tags", "person_tags", "slice_tags", "person_role"}
)
"""Whose rows a foreign key takes away with a row that either half may delete; SQLite names no trigger for those."""

_WRITING = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}


def guard(connection: sqlite3.Connection, half: str) -> None:
    """Let ``connection`` write the tables of ``half`` only; a statement for another is refused when it is prepared."""
    allowed = WRITES[half]

    def may(action: int, table: str | None, column: str | None, database: str | None, trigger: str | None) -> int:
        if action not in _WRITING or trigger is not None or table in allowed:
            return sqlite3.SQLITE_OK
        goes = action == sqlite3.SQLITE_DELETE and table in GO_WITH_PARENT
        return sqlite3.SQLITE_OK if goes else sqlite3.SQLITE_DENY

    connection.set_authorizer(may)
