"""What was done: one row per call that changed something, with the objects it touched."""

import pprint
from collections.abc import Iterable
from typing import Any

from planetlab.registry.store import Store

_SECRETS = {"AuthString", "session", "password", "key"}
_SIGNS = {"value", "signature"}  # that show who called, in an auth struct; elsewhere a value is just that
_KINDS = ("session", "password", "capability", "gpg", "hmac", "anonymous")
_REMOVED = "Removed by API"
_MOST = 4096  # characters of a printed call


def record(
    store: Store,
    call_name: str,
    args: Iterable[Any],
    person_id: int | None,
    node_id: int | None,
    auth_type: str,
    runtime: float,
) -> None:
    """Write the event of a call, in the call's own transaction."""
    event = store.db.execute(
        "INSERT INTO events (person_id, node_id, auth_type, call_name, call, message, runtime, time) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            person_id,
            node_id,
            auth_type if auth_type in _KINDS else None,
            call_name,
            printed(call_name, args),
            store.message or None,
            runtime,
            int(store.now),
        ],
    ).lastrowid
    objects = dict.fromkeys(store.touched)
    store.db.executemany(
        "INSERT INTO event_object (event_id, object_type, object_id) VALUES (?, ?, ?)",
        [(event, noun, number) for noun, number in objects if isinstance(number, int)],
    )


def printed(call_name: str, args: Iterable[Any]) -> str:
    """The call as it is kept, structs in the order of their members' names, without secrets."""
    text = call_name + pprint.saferepr([_without_secrets(arg) for arg in args])
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        hidden = _SECRETS | _SIGNS if "AuthMethod" in value else _SECRETS - {"key"} if "key_type" in value else _SECRETS
        return {key: _REMOVED if key in hidden else _without_secrets(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_secrets(item) for item in value[:200]]
    return value
