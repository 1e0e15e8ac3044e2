"""The reader's clock beside UTC: an offset that a reader names, since a page without scripts cannot know it. Pure."""

import re
from datetime import datetime, timedelta, timezone

from auditd.clean import line
from planetlab.errors import BadArgument

_OFFSET = re.compile(r"([+-])([01]\d):?([0-5]\d)", re.ASCII)
_FURTHEST = timedelta(hours=14)


def read(text: str) -> timezone | None:
    """An offset like +02:00, or none. Raises `BadArgument`."""
    told = (
        text.strip() if text.strip().startswith("-") else f"+{text.strip().removeprefix('+')}"
    )  # a plus arrives as a space
    if told in ("+", "+Z"):
        return None
    found = _OFFSET.fullmatch(told)
    offset = timedelta(hours=int(found[2]), minutes=int(found[3])) if found else timedelta.max
    if found is None or offset > _FURTHEST:
        raise BadArgument(f"expected an offset from UTC like +02:00 or -05:00, got {line(text, 40)!r}", "zone")
    return timezone(-offset if found[1] == "-" else offset)


def told(utc: str, zone: timezone | None) -> str:
    """A moment (RFC 3339) on the reader's clock, to stand behind it; "" for a reader who named no offset.

    >>> told("2027-01-15T08:00:00.000Z", timezone(timedelta(hours=2)))
    ' (10:00:00+02:00)'
    """
    if zone is None:
        return ""
    there, here = datetime.fromisoformat(utc), datetime.fromisoformat(utc).astimezone(zone)
    day = f"{here:%Y-%m-%d} " if here.date() != there.date() else ""
    return f" ({day}{here:%H:%M:%S}{here.isoformat()[-6:]})"
