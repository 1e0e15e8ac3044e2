"""Rates, sizes, durations and moments: numbers inside, text with a suffix at the door.

Inside a rate is in bits per second, a size in bytes, a duration in seconds. The v4 interfaces speak kbit/s and KiB.
"""

import re
from datetime import datetime

from planetlab.errors import BadArgument

KBIT = 1000  # bit/s per kbit/s, as tc and PLC count
KIB = 1024  # bytes per KiB
DAY = 86400.0  # seconds
NEVER = 2**31 - 1  # "does not expire" on a wire whose integers have 32 bits

_NUMBER = re.compile(r"\s*([+-]?[0-9]{1,16}(?:\.[0-9]{1,9})?)\s*([A-Za-z]*)\s*", re.ASCII)
_STEPS = "kmgt"

# As the rate strings of tc: decimal and binary multiples of bits and of bytes.
_RATES: dict[str, int] = {"": 1, "bit": 1, "bps": 8}
for _power, _letter in enumerate(_STEPS, start=1):
    _RATES |= {f"{_letter}bit": 1000**_power, f"{_letter}ibit": 1024**_power}
    _RATES |= {f"{_letter}bps": 8 * 1000**_power, f"{_letter}ibps": 8 * 1024**_power}

_SIZES: dict[str, int] = {"": 1, "b": 1}
for _power, _letter in enumerate(_STEPS, start=1):
    _SIZES |= {f"{_letter}b": 1000**_power, f"{_letter}ib": 1024**_power}

_DURATIONS: dict[str, float] = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": DAY, "w": 7 * DAY}


def _scaled(text: str, suffixes: dict[str, int] | dict[str, float], kind: str, example: str) -> float:
    match = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    factor = suffixes.get(match[2].lower()) if match else None
    if match is None or factor is None:
        known = ", ".join(suffix or "none" for suffix in suffixes)
        raise BadArgument(f"{text!r:.80} is no {kind}: expected a number and a suffix ({known}), like {example}")
    return float(match[1]) * factor


def parse_rate(text: str) -> int:
    """Read a rate such as ``1500kbit`` or ``2mibps`` into bit/s. Raises `BadArgument`.

    >>> parse_rate("1.5mbit")
    1500000
    """
    return round(_scaled(text, _RATES, "rate", "1500kbit"))


def print_rate(rate: int) -> str:
    """``rate`` in bit/s as the original bwlimit printed it: whole gbit or mbit, else rounded kbit, else bit."""
    if rate and rate % 10**9 == 0:
        return f"{rate // 10**9}gbit"
    if rate and rate % 10**6 == 0:
        return f"{rate // 10**6}mbit"
    return f"{rate / 1000:.0f}kbit" if rate >= 1000 else f"{rate}bit"


def parse_size(text: str) -> int:
    """Read a size such as ``5GiB`` or ``300 kB`` into bytes. Raises `BadArgument`."""
    return round(_scaled(text, _SIZES, "size", "5GiB"))


def print_size(size: int) -> str:
    """``size`` in bytes with the largest binary suffix that keeps it whole."""
    for power in range(len(_STEPS), 0, -1):
        if size and size % KIB**power == 0:
            return f"{size // KIB**power}{_STEPS[power - 1].upper()}iB"
    return f"{size}B"


def parse_duration(text: str) -> float:
    """Read a duration such as ``10m`` or ``8w`` into seconds. Raises `BadArgument`."""
    return _scaled(text, _DURATIONS, "duration", "10m")


def print_duration(seconds: float) -> str:
    """``seconds`` in the largest unit that keeps it whole; below a second with three digits."""
    if seconds != int(seconds):
        return f"{seconds:.3f}s"
    for suffix in ("w", "d", "h", "m"):
        if seconds and seconds % _DURATIONS[suffix] == 0:
            return f"{seconds / _DURATIONS[suffix]:.0f}{suffix}"
    return f"{seconds:.0f}s"


def parse_moment(text: str, where: str) -> float:
    """Read a time with its zone (RFC 3339), or seconds since the epoch, into the latter. Raises `BadArgument`.

    A plus sign in a query arrives as a space.

    >>> parse_moment("2026-01-31T13:00:00 01:00", "from")
    1769860800.0
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        told = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        told = None
    if told is None or told.tzinfo is None:
        expected = "expected a time with its zone, like 2026-01-31T12:00:00Z, or seconds since the epoch"
        raise BadArgument(f"{expected}, got {text[:40]!r}", where)
    return told.timestamp()


def kbit(rate: float) -> int:
    """A rate in bit/s as whole kbit/s."""
    return int(rate // KBIT)


def bits(kbit_per_second: float) -> int:
    """A rate in kbit/s as bit/s."""
    return int(kbit_per_second * KBIT)


def daily_kbyte(rate: int) -> int:
    """The kilobytes that ``rate`` bit/s sends in a day, as PLC turned ``avg_rate`` into ``max_kbyte``."""
    return rate * 86400 // 8 // 1000


def daily_rate(kbyte: int) -> int:
    """The average bit/s of ``kbyte`` a day, as PLC turned ``max_kbyte`` into ``avg_rate``."""
    return kbyte * 1000 * 8 // 86400


def whole_seconds(when: float) -> int:
    """A time for a wire whose integers have 32 bits: cut to whole seconds and to `NEVER`."""
    return max(-NEVER, min(NEVER, int(when)))
