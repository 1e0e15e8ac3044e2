"""When a lease begins and ends: times as callers write them, the grid they are brought to. Pure."""

import calendar
import time
from typing import Any

from planetlab.errors import BadArgument

_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M UTC")
MOST_TEXT = 100  # letters: more blanks than anybody needs
SAID = {"t_from", "t_until", "duration"}  # what a lease may be changed by; any two of them
FIRST, LAST = -(2**31), 2**31 - 1  # times travel as 32-bit integers


def read(said: int | str, where: str) -> int:
    """Seconds since 1970 from a number or a text, taken as UTC. Raises `BadArgument`.

    >>> read("2026-11-21 10:30", "t_from")
    1795257000
    """
    seconds = moment(said, where)
    if not FIRST <= seconds <= LAST:
        raise BadArgument(f"expected a time from 1901 to 2038, got {said}", where)
    return seconds


def moment(said: int | str, where: str) -> int:
    """As `read`, of any time that can be said."""
    if not isinstance(said, str):
        return int(said)
    for form in _FORMS if len(said) <= MOST_TEXT else ():
        try:
            return calendar.timegm(time.strptime(said, form))
        except ValueError:  # another of them may fit
            continue
    raise BadArgument(f"{said[:MOST_TEXT]!r} is no time: expected seconds or YYYY-mm-dd HH:MM[:SS] [UTC]", where)


def later(moment: int, grid: int) -> int:
    """The first multiple of ``grid`` seconds that is not before ``moment``."""
    return -(-moment // grid) * grid


def earlier(moment: int, grid: int) -> int:
    """The last multiple of ``grid`` seconds that is not after ``moment``."""
    return moment // grid * grid


def changed(there: dict[str, Any], said: dict[str, Any], grid: int) -> tuple[int, int]:
    """From and until of a lease after a change of any two of ``t_from``, ``t_until`` and ``duration``.

    Raises `BadArgument` for a time that is none.
    """
    start = read(said["t_from"], "input_fields['t_from']") if "t_from" in said else there["t_from"]
    end = read(said["t_until"], "input_fields['t_until']") if "t_until" in said else there["t_until"]
    length = said.get("duration") or there["t_until"] - there["t_from"]  # 0 keeps it, as in the original
    if "duration" in said and "t_until" in said:
        start = end - length
    elif "duration" in said:
        end = start + length
    return later(start, grid), earlier(end, grid)
