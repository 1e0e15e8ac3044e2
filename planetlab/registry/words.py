"""Word lists that no method changes."""

from planetlab.records.words import RUN_LEVELS
from planetlab.registry.store import Store


def run_levels(store: Store) -> None:
    """Write the run levels that a node may report."""
    for level in RUN_LEVELS:
        store.change("INSERT INTO run_levels VALUES (?) ON CONFLICT DO NOTHING", [level])
