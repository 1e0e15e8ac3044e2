"""What a node is told besides its slivers: groups, files, scripts, accounts, leases. All as of one moment."""

from planetlab.filters import AmongValues, Compare, both
from planetlab.records.nodes import CONF_FILE, INIT_SCRIPT, INTERFACE, NODE, NODE_GROUP
from planetlab.records.slices import LEASE
from planetlab.registry.store import Row, Store

AHEAD = 86_400  # seconds: leases that touch this time from now are told


def groups(store: Store, node_id: int) -> list[Row]:
    """The node groups of a node, as number and name."""
    numbers = store.list_of(NODE, "nodegroup_ids", node_id)
    return store.rows(NODE_GROUP, AmongValues("nodegroup_id", tuple(numbers)), ("nodegroup_id", "groupname"))


def interfaces(store: Store, node_id: int) -> list[Row]:
    """Every interface of a node."""
    return store.rows(INTERFACE, Compare("node_id", "=", node_id))


def conf_files(store: Store, node_id: int, group_ids: list[int]) -> list[Row]:
    """One file per place: the node's own beats its groups', those beat the ones for everybody."""
    won: dict[str, tuple[int, Row]] = {}
    for row in store.rows(CONF_FILE, Compare("enabled", "=", 1)):
        if node_id in row["node_ids"]:
            rank = 2
        elif set(group_ids) & set(row["nodegroup_ids"]):
            rank = 1
        elif not row["node_ids"] and not row["nodegroup_ids"]:
            rank = 0
        else:
            continue
        if rank >= won.get(row["dest"], (0, row))[0]:
            won[row["dest"]] = (rank, row)
    return [row for _, row in sorted(won.values(), key=lambda pair: pair[1]["conf_file_id"])]


def init_scripts(store: Store) -> list[Row]:
    """Every enabled init script."""
    return store.rows(INIT_SCRIPT, Compare("enabled", "=", 1))


def accounts(store: Store, site_id: int) -> list[Row]:
    """The two accounts of a node's owners: site_admin for the site's staff, root for the PLC's admins."""
    staff = _keys(
        store,
        "SELECT person_id FROM view_person_site JOIN view_person_roles USING (person_id) "
        "WHERE site_id = ? AND name IN ('pi', 'tech')",
        [site_id],
    )
    admins = _keys(store, "SELECT person_id FROM view_person_roles WHERE name = 'admin'", [])
    roots = _keys(
        store,
        "SELECT person_id FROM view_person_site JOIN view_person_roles USING (person_id) "
        "JOIN view_person_tags USING (person_id) "
        "WHERE site_id = ? AND name IN ('pi', 'tech') AND tagname = 'isrootonsite' AND value = 'true'",
        [site_id],
    )
    return [
        {"name": "site_admin", "keys": staff},
        {"name": "root", "keys": [*admins, *roots]},  # who is both is told twice, as by the original
    ]


def _keys(store: Store, people: str, values: list[int]) -> list[str]:
    rows = store.ask(
        "SELECT key FROM view_keys JOIN view_persons USING (person_id) WHERE key_type = 'ssh' AND enabled = 1 "
        f"AND view_persons.peer_id IS NULL AND person_id IN ({people}) ORDER BY person_id, key_id",
        values,
    )
    return [row["key"] for row in rows]


def leases(store: Store, node_id: int) -> list[Row]:
    """The leases of a reservable node that touch the next day, both its ends too, in order of their start."""
    rows = store.rows(
        LEASE,
        both(Compare("node_id", "=", node_id), both(Compare("t_until", ">=", int(store.now)), _soon(store))),
        ("slice_id", "t_from", "t_until", "name"),
    )
    return sorted(rows, key=lambda row: row["t_from"])


def _soon(store: Store) -> Compare:
    return Compare("t_from", "<=", int(store.now) + AHEAD)
