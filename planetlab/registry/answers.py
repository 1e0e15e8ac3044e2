"""Answers that are kept for a while, so that a call which is tried again with the same key is not done again."""

import hashlib
import json
from typing import Any

from planetlab.errors import BadArgument
from planetlab.registry.store import Store

LONGEST = 128  # characters of a caller's key


class Answered(Exception):
    """This very call was done already; ``value`` is what it answered."""

    def __init__(self, value: Any) -> None:
        super().__init__("answered")
        self.value = value


def name(caller: object, method: str, args: tuple[Any, ...], key: str) -> str:
    """What an answer is kept under: who called what with which values, and the caller's own key."""
    if len(key) > LONGEST:
        raise BadArgument(f"an idempotency key has at most {LONGEST} characters, got {len(key)}")
    said = json.dumps([str(caller), method, args, key], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()


def must_be_new(store: Store, named: str) -> None:
    """Raise `Answered` with the first answer when there was one."""
    found = store.ask("SELECT answer FROM answered WHERE key = ?", [named])
    if found:
        raise Answered(json.loads(found[0]["answer"]))


def keep(store: Store, named: str, value: Any) -> None:
    """Keep what a call answered, in its own transaction."""
    store.change(
        "INSERT INTO answered (key, answer, time) VALUES (?, ?, ?)", [named, json.dumps(value), int(store.now)]
    )


def forget(store: Store, before: float) -> int:
    """Delete answers that were kept before."""
    return store.change("DELETE FROM answered WHERE time < ?", [int(before)])
