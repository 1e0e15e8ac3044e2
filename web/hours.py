"""The archive's merged hours: one file each with the flows of all nodes, and a seal that says which segments it holds.

What is not as it was sealed is said in the log and counts as not there, so that its segments are merged again where
nodes still have them.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from attrs import define, field, frozen
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.logger import Logger

from planetlab import hour_files
from planetlab.flowlog import Tampered
from web.nodelog import HOUR
from web.questions import Question

_log = Logger()


@frozen
class Hour:
    """A merged hour: its file, and which segments are in it, as node and number."""

    path: Path
    begin: int  # microseconds since the epoch
    holds: frozenset[tuple[str, int]]

    def whole(self, question: Question) -> bool:
        """Whether each flow in it is within the time that is asked about."""
        return question.begin <= self.begin and self.begin + HOUR <= question.end


def file_of(folder: Path, number: int) -> Path:
    """Where the file of an hour lies in the archive's folder, or shall."""
    day = f"{datetime.fromtimestamp(number * 3600, UTC):day=%Y-%m-%d/hour=%H}"
    return folder / "hours" / day / "flows.parquet"


@define(eq=False)
class Hours:
    """All of them, by number since the epoch; ``held`` is told which segments are in one, or are in it no more."""

    folder: Path
    key: ec.EllipticCurvePrivateKey  # of their seals
    held: Callable[[Hour, bool], None]
    _known: dict[int, Hour] = field(factory=dict, init=False)
    _unlooked: dict[int, None] = field(factory=dict, init=False)  # those that were not read through this time

    def look(self) -> None:
        """Learn what there is; what a write that was cut off has left is deleted."""
        for leftover in self.folder.glob("hours/*/*/*.tmp"):
            leftover.unlink()
        for path in sorted(self.folder.glob(hour_files.FILES)):
            if (hour := self._read(path, thoroughly=False)) is not None:
                self.keep(hour)

    def _read(self, path: Path, thoroughly: bool) -> Hour | None:
        """A merged hour; None, and said in the log, where it is not as it was sealed."""
        try:
            seal = hour_files.seal_of(path, self.key.public_key(), thoroughly)
        except (Tampered, OSError) as error:
            _log.error("an hour of the archive is left out: {error}", error=error)
            return None
        return Hour(path, seal.begin, frozenset((node, number) for node, number, _ in seal.segments))

    def among(self, numbers: Iterable[int]) -> list[Hour]:
        """Those of these numbers that there are."""
        return [self._known[number] for number in numbers if number in self._known]

    def keep(self, hour: Hour) -> None:
        """It is there from now on."""
        self._known[hour.begin // HOUR] = hour
        self.held(hour, True)

    def checked(self, number: int) -> Hour | None:
        """One, read through; None when there is none, and from now on when it is damaged."""
        hour = self._known.get(number)
        if hour is None or self._read(hour.path, thoroughly=True) == hour:
            return hour
        self._drop(number)
        return None

    def scrub(self) -> Hour | None:
        """Read through the hour that was not looked at longest; gives it if it is damaged."""
        number = next(iter(self._unlooked), None)
        if number is None:
            self._unlooked = dict.fromkeys(sorted(self._known))
            return None
        self._unlooked.pop(number)
        hour = self._known.get(number)
        return hour if self.checked(number) is None else None

    def trim(self, horizon: int) -> None:
        """Delete those that were over before ``horizon``, microseconds since the epoch."""
        for number, hour in list(self._known.items()):
            if hour.begin + HOUR < horizon:
                self._drop(number)
                hour.path.unlink(missing_ok=True)
                hour_files.only(hour.path, hour.path)

    def _drop(self, number: int) -> None:
        self.held(self._known.pop(number), False)
