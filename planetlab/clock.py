"""What time it is: the one object that a service reads, and that a test sets.

Times are seconds since the epoch, as floats, in UTC. With ``PLFED_TESTING=1`` a file named by ``PLFED_CLOCK_FILE`` may
shift the wall clock by the number of seconds that stands in it; it is read again each time, so that a test can let
years pass in a running service. A missing or unreadable file shifts nothing.
"""

import os
import time
from pathlib import Path
from typing import Protocol

from attrs import define, field


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> float:
        """Seconds since the epoch."""


def _shift_file() -> Path | None:
    named = os.environ.get("PLFED_CLOCK_FILE", "") if os.environ.get("PLFED_TESTING") == "1" else ""
    return Path(named) if named else None


@define
class WallClock:
    """The machine's clock, shifted by ``shift``'s content (seconds) where tests ask for it."""

    shift: Path | None = field(factory=_shift_file)

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._offset()

    def _offset(self) -> float:
        if self.shift is None:
            return 0.0
        try:
            return float(self.shift.read_text())
        except (OSError, ValueError):  # written at this very moment, or not yet
            return 0.0


@define
class SetClock:
    """A clock that stands until it is advanced."""

    at: float = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Let time pass; a negative number turns it back."""
        self.at += seconds
