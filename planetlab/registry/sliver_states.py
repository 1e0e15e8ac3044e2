"""Slivers with times of their own: held for a while before they are made, and ended before their slice ends."""

import json

from attrs import frozen

from planetlab.registry.store import Store


@frozen(kw_only=True)
class State:
    """What is known of one sliver beside that it is; ``attributes`` wait to be set when it is provisioned."""

    slice_id: int
    node_id: int
    state: str  # allocated, provisioned
    since: int
    expires: int
    client_id: str = ""
    kind: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


def of_slice(store: Store, slice_id: int) -> dict[int, State]:
    """By node, what was said of a slice's slivers."""
    rows = store.ask(
        "SELECT slice_id, node_id, state, since, expires, client_id, kind, attributes FROM sliver_states "
        "WHERE slice_id = ? ORDER BY node_id",
        [slice_id],
    )
    return {row["node_id"]: State(**{**row, "attributes": _pairs(row["attributes"])}) for row in rows}


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in json.loads(text))


def put(store: Store, one: State) -> None:
    """Say it of a sliver, in place of what was said before."""
    store.change(
        "INSERT INTO sliver_states (slice_id, node_id, state, since, expires, client_id, kind, attributes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (slice_id, node_id) DO UPDATE SET state = excluded.state, "
        "since = excluded.since, "
        "expires = excluded.expires, client_id = excluded.client_id, kind = excluded.kind, "
        "attributes = excluded.attributes",
        [
            one.slice_id,
            one.node_id,
            one.state,
            one.since,
            one.expires,
            one.client_id,
            one.kind,
            json.dumps(one.attributes),
        ],
    )


def drop(store: Store, slice_id: int, node_ids: list[int]) -> None:
    """Know nothing more of these slivers."""
    store.change_many(
        "DELETE FROM sliver_states WHERE slice_id = ? AND node_id = ?", [[slice_id, node] for node in node_ids]
    )


def over(store: Store) -> list[State]:
    """The slivers whose time has passed."""
    rows = store.ask(
        "SELECT slice_id, node_id, state, since, expires, client_id, kind, attributes FROM sliver_states "
        "WHERE expires <= ?",
        [int(store.now)],
    )
    return [State(**{**row, "attributes": _pairs(row["attributes"])}) for row in rows]
