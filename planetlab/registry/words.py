"""Word lists: those that no method changes, and what stands in the way of a word that is to go."""

from planetlab.errors import DatabaseError
from planetlab.records.fields import Record
from planetlab.records.words import BOOT_STATES, KEY_TYPES, NETWORK_METHODS, NETWORK_TYPES, NODE_TYPES, RUN_LEVELS
from planetlab.records.words import SLICE_INSTANTIATIONS as INSTANTIATIONS
from planetlab.registry.store import Store

_KEPT = {
    BOOT_STATES.record.name: ("nodes", "deleted"),
    NODE_TYPES.record.name: ("nodes", "deleted"),
    INSTANTIATIONS.record.name: ("slices", "is_deleted"),
}
"""Where deleted rows are kept, which nobody sees; they do not keep a word from going."""
_OF_INTERFACES = {NETWORK_METHODS.record.name, NETWORK_TYPES.record.name}


def listed(store: Store, record: Record) -> list[str]:
    """The words of a list in the order that they were added in, as the original's table told them."""
    return [row["word"] for row in store.ask(f"SELECT {record.key} AS word FROM {record.table} ORDER BY rowid")]


def run_levels(store: Store) -> None:
    """Write the run levels that a node may report."""
    for level in RUN_LEVELS:
        store.change("INSERT INTO run_levels VALUES (?) ON CONFLICT DO NOTHING", [level])


def let_go(store: Store, record: Record, word: str) -> None:
    """Take a word from rows that are deleted already. Raises `DatabaseError` while what uses it has tags or links."""
    if record.name in _KEPT:
        table, deleted = _KEPT[record.name]
        column = record.key
        another = f"SELECT {column} FROM {record.table} WHERE {column} <> ? LIMIT 1"
        store.change(
            f"UPDATE {table} SET {column} = ifnull(({another}), {column}) WHERE {deleted} = 1 AND {column} = ?",
            [word, word],
        )
    if record.name == KEY_TYPES.record.name:  # those that nobody may use again go with it
        used = store.ask("SELECT key_id FROM keys WHERE key_type = ? AND is_blacklisted = 0 LIMIT 1", [word])
        if used:
            raise DatabaseError(f"it is in use: key {used[0]['key_id']} is of this type")
    if record.name in _OF_INTERFACES:
        used = store.ask(
            f"SELECT interface_id FROM interfaces WHERE {record.key} = ? AND (interface_id IN "
            "(SELECT interface_id FROM interface_tags UNION SELECT src_interface_id FROM ilinks "
            "UNION SELECT dst_interface_id FROM ilinks)) LIMIT 1",
            [word],
        )
        if used:
            raise DatabaseError(f"it is in use: interface {used[0]['interface_id']} has tags or links")
