"""When a lease begins and ends: times as callers write them, the grid they are brought to. Pure."""

import re
from datetime import UTC, datetime
from typing import Any

from planetlab.errors import BadArgument

_TEXT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?(?: ?(?:UTC|Z))?", re.ASCII)
LAST = 2**31 - 1  # times travel as 32-bit integers


def read(said: int | str, where: str) -> int:
    """Seconds since 1970 from a number or a text, taken as UTC. Raises `BadArgument`.

    >>> read("2026-11-21 10:30", "t_from")
    1795257000
    """
    if isinstance(said, str):
        said = _seconds(said, where)
    if not 0 <= said <= LAST:
        raise BadArgument(f"expected a time from 1970 to 2038, got {said}", where)
    return int(said)


def _seconds(text: str, where: str) -> int:
    found = _TEXT.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        raise BadArgument(f"{text!r} is no time: expected seconds or YYYY-mm-dd HH:MM[:SS] [UTC]", where) from None


def later(moment: int, grid: int) -> int:
    """The first multiple of ``grid`` seconds that is not before ``moment``."""
    return -(-moment // grid) * grid


def earlier(moment: int, grid: int) -> int:
    """The last multiple of ``grid`` seconds that is not after ``moment``."""
    return moment // grid * grid


def changed(there: dict[str, Any], said: dict[str, Any], grid: int) -> tuple[int, int]:
    """From and until of a lease after a change of any two of ``t_from``, ``t_until`` and ``duration``.

    Raises `BadArgument` for all three at once, and for a time that is none.
    """
    if {"t_from", "t_until", "duration"} <= said.keys():
        raise BadArgument("expected at most two of t_from, t_until and duration, got all three", "input_fields")
    start = read(said["t_from"], "input_fields['t_from']") if "t_from" in said else there["t_from"]
    end = read(said["t_until"], "input_fields['t_until']") if "t_until" in said else there["t_until"]
    length = said.get("duration") or there["t_until"] - there["t_from"]  # 0 keeps it, as in the original
    if "duration" in said and "t_until" in said:
        start = end - length
    elif "duration" in said:
        end = start + length
    return later(start, grid), earlier(end, grid)
