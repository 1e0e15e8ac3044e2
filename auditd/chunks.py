"""A stretch of the hour by columns. Once nothing is added to it any more, it lies sorted by destination.

So what went to an address or a prefix is one piece of each stretch, found by halving and looked at without copying; and
what is summed up of a stretch, or of a large piece of it, is kept beside it and need not be summed again.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from auditd import rows
from auditd.question import Network, Question
from auditd.rows import ROW, Array, Rows
from auditd.shelf import Shelf

COLUMNS = tuple(name for name in ROW.names or () if not name.startswith("_"))
WORTH = 4096  # records of a piece whose sums are kept
_MOST_KEPT = 9  # sums of one stretch; each takes up to 20 bytes a record
_T = TypeVar("_T")
Places = npt.NDArray[np.intp]


def columns(found: Rows) -> dict[str, Array]:
    """Rows by column, each close together in memory."""
    return {name: np.ascontiguousarray(found[name]) for name in COLUMNS}


@frozen(eq=False)
class Part:
    """Records of one stretch: a piece of it, and which of that piece. Never empty."""

    column: dict[str, Array]
    begin: int
    end: int
    which: Places | None = None  # None: all of the piece
    number: int = 0  # of the stretch
    kept: Shelf | None = None  # sums of the stretch's pieces; None while it grows

    def __len__(self) -> int:
        return self.end - self.begin if self.which is None else len(self.which)

    @property
    def for_good(self) -> bool:
        """Whether it is a large piece of a stretch that does not grow: sums of it are worth keeping."""
        return self.which is None and self.kept is not None and self.end - self.begin >= WORTH

    @property
    def stamp(self) -> tuple[int, int, int]:
        """What no other part that is `for_good` has."""
        return self.number, self.begin, self.end

    def __getitem__(self, name: str) -> Array:
        """A column of it."""
        values = self.column[name][self.begin : self.end]
        return values if self.which is None else values.take(self.which)

    def rows(self, which: Any = slice(None)) -> Rows:
        """It, or what ``which`` takes of it, as rows."""
        taken = {name: self[name][which] for name in COLUMNS}
        found = rows.empty(len(taken["first"]))
        for name, values in taken.items():
            found[name] = values
        return found

    def summed(self, what: str, make: Callable[["Part"], _T]) -> _T:
        """What ``make`` sums up of it, called ``what``; kept, where that is worth while."""
        if not self.for_good or self.kept is None:
            return make(self)
        return self.kept.get((what, self.begin, self.end), lambda: make(self))


@frozen(eq=False)
class Chunk:
    """Flows that ended between ``begun`` and ``until`` (steady seconds). ``number`` tells it from all others."""

    number: int
    begun: float
    until: float
    column: dict[str, Array]
    kept: Shelf | None = None  # sums of its pieces; None while it grows, and so is not sorted
    _ends: tuple[int, int] = (0, 0)  # the first and the last end of a flow, once it is sorted

    def __len__(self) -> int:
        return len(self.column["first"])

    def closed(self) -> "Chunk":
        """The same, sorted: nothing is added any more."""
        order = np.lexsort((self.column["d_lo"], self.column["d_hi"]))
        column = {name: values[order] for name, values in self.column.items()}
        return evolve(
            self, column=column, kept=Shelf(_MOST_KEPT), ends=(int(column["last"].min()), int(column["last"].max()))
        )

    def claimed(self, number: int, slices: Array) -> "Chunk":
        """The same records as another chunk, whose they are told anew."""
        return evolve(
            self,
            number=number,
            column={**self.column, "slice": slices},
            kept=None if self.kept is None else Shelf(_MOST_KEPT),
        )

    def part(self, question: Question) -> Part | None:
        """The records that fit, None for none."""
        begin, end, late, there = 0, len(self), False, False
        if self.kept is not None and question.since is not None:
            if self._ends[1] < question.since:
                return None
            late = self._ends[0] >= question.since
        if self.kept is not None and question.to is not None:
            there, (begin, end) = True, self._between(question.to)
        if begin == end:
            return None
        piece = {name: values[begin:end] for name, values in self.column.items()}
        mask = question.narrowing(piece, there, late)
        which = None if mask is None else np.flatnonzero(mask)
        if which is not None and not len(which):
            return None
        if which is not None and len(which) == end - begin:
            which = None
        return Part(self.column, begin, end, which, self.number, self.kept)

    def _between(self, network: Network) -> tuple[int, int]:
        """From where to where in the sorted columns the destinations of ``network`` are."""
        (low_hi, low_lo), (high_hi, high_lo) = (
            np.array(rows.pair(each), np.uint64) for each in (network[0], network[-1])
        )
        hi = self.column["d_hi"]
        begin, end = int(hi.searchsorted(low_hi)), int(hi.searchsorted(high_hi, "right"))
        if low_hi != high_hi or begin == end:  # whole halves; or nothing is near
            return begin, end
        lo = self.column["d_lo"][begin:end]
        return begin + int(lo.searchsorted(low_lo)), begin + int(lo.searchsorted(high_lo, "right"))
