"""What nobody sees any more is put away, as a timed job of its own; no call does it on its way."""

from planetlab.registry import answers, mails
from planetlab.registry.store import Store

KEEP_MAIL = 30 * 86_400.0  # seconds that a sent mail is kept
KEEP_ANSWERS = 86_400.0  # seconds that the answer to a call with a key is kept


def tidy(store: Store) -> list[str]:
    """Delete expired slices, sessions and old mails; the names of the slices that went."""
    now = int(store.now)
    gone = store.ask("SELECT slice_id, name FROM slices WHERE is_deleted = 0 AND expires <= ? ORDER BY slice_id", [now])
    for row in gone:
        store.change("UPDATE slices SET is_deleted = 1 WHERE slice_id = ?", [row["slice_id"]])
    sessions(store)
    mails.forget(store, store.now - KEEP_MAIL)
    answers.forget(store, store.now - KEEP_ANSWERS)
    return [row["name"] for row in gone]


def sessions(store: Store) -> int:
    """Delete sessions whose time is over, and those bound to nobody."""
    return store.change(
        "DELETE FROM sessions WHERE (expires IS NOT NULL AND expires <= ?) OR (person_id IS NULL AND node_id IS NULL)",
        [int(store.now)],
    )
