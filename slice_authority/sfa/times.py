"""Times as the field's clients write them."""

import re
from contextlib import suppress
from typing import Any

from planetlab.credentials import parse_time
from planetlab.errors import BadArgument

_LATER = re.compile(r"\+([0-9]{1,4})([dwm])", re.ASCII)
_SECONDS = re.compile(r"[0-9]{9,10}", re.ASCII)
_STEPS = {"d": 86_400.0, "w": 7 * 86_400.0, "m": 28 * 86_400.0}  # a month has four weeks, as the SFA's servers had it


def when(said: Any) -> float:
    """A time; one without a zone is taken as UTC, which is how the field's clients mean it.

    Raises `BadArgument`.
    """
    if not isinstance(said, str):
        raise BadArgument(f"expected a time like 2026-12-19T08:19:13Z, got {type(said).__name__}")
    text = said.strip().replace(" ", "T", 1)
    for form in (text, text + ("Z" if "T" in text else "T00:00:00Z")):
        with suppress(BadArgument):
            return parse_time(form)
    raise BadArgument(f"expected a time like 2026-12-19T08:19:13Z, got {said!r:.40}")


def moment(said: Any, now: float, where: str = "expiration_time") -> float:
    """As `when`; also from now on, as ``+5d``, ``+3w`` or ``+2m``, and seconds since 1970, as a number or in digits.

    Raises `BadArgument`, which names the argument ``where`` it stood.
    """
    if isinstance(said, int | float) and not isinstance(said, bool):
        return float(said)
    if isinstance(said, str) and _SECONDS.fullmatch(said.strip()):
        return float(said)
    later = _LATER.fullmatch(said.strip()) if isinstance(said, str) else None
    if later is not None:
        return now + int(later[1]) * _STEPS[later[2]]
    try:
        return when(said)
    except BadArgument as wrong:
        raise BadArgument(wrong.detail, where) from wrong
