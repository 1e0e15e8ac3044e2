"""Persons, as far as the tables of fields do not say it: which site comes first, keys that nobody may use again."""

from planetlab.registry.store import Store


def put_first(store: Store, person_id: int, site_id: int) -> None:
    """Make one of a person's sites the primary one."""
    store.change("UPDATE person_site SET is_primary = (site_id = ?) WHERE person_id = ?", [site_id, person_id])


def is_blacklisted(store: Store, material: str) -> bool:
    """Whether this very key was blacklisted."""
    return bool(store.ask("SELECT 1 FROM keys WHERE key = ? AND is_blacklisted = 1", [material]))


def blacklist(store: Store, material: str) -> list[int]:
    """Take this key from everybody who has it, and remember it; the numbers of its rows."""
    rows = store.ask("SELECT key_id FROM keys WHERE key = ?", [material])
    store.change(
        "UPDATE keys SET is_blacklisted = 1, person_id = NULL, peer_id = NULL, peer_key_id = NULL WHERE key = ?",
        [material],
    )
    return [row["key_id"] for row in rows]
