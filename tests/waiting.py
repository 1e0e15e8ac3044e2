"""Waiting for what other processes do: nothing wakes us when it is done, so one looks again until it is so."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 120.0  # seconds that a machine may take, when it is busy, for what takes a moment
LOOK_EVERY = 0.05  # seconds


def until(holds: Callable[[], T], what: str | Callable[[], str], within: float = PATIENCE) -> T:
    """What ``holds`` gives once that is true; an `OSError` says that it is not so yet.

    Raises `AssertionError` when it is not so in time, with ``what`` was awaited or what is there instead.
    """
    end = time.monotonic() + within
    error: OSError | None = None
    while True:
        try:
            if found := holds():
                return found
        except OSError as raised:
            error = raised
        if time.monotonic() > end:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {within:.0f} s: {told}") from error
        time.sleep(LOOK_EVERY)
