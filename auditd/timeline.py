"""From the machine's steady clock to the time on the wall, also when somebody sets the latter.

What is counted is stamped by the steady clock. A flow's first moment is told in the wall time that held then, its last
moment by adding how long it lasted; so a clock that is set in between changes neither its length nor its order.
"""

from bisect import bisect_right

import numpy as np
import numpy.typing as npt
from attrs import define, field, frozen

from auditd.rows import Rows

DRIFT = 2_000  # microseconds that the two clocks may stray apart before it is taken note of
TOLD = 1_000_000  # microseconds; a step of this size is told to readers
_KEEP = 2 * 3600 * 1_000_000  # microseconds that a step matters after it


@frozen
class Step:
    """From ``since`` (steady) on the wall clock was ``ahead`` of the steady one; both in microseconds."""

    since: int
    ahead: int


@define
class Timeline:
    """What the wall clock showed, and when."""

    steps: list[Step] = field(factory=list)

    def observe(self, steady: int, wall: int) -> int:
        """Note both clocks, read at one moment. Gives by how much the wall clock was set, 0 for no more than drift."""
        ahead = wall - steady
        if self.steps and abs(ahead - self.steps[-1].ahead) <= DRIFT:
            return 0
        moved = ahead - self.steps[-1].ahead if self.steps else 0
        self.steps.append(Step(steady, ahead))
        while len(self.steps) > 1 and self.steps[1].since < steady - _KEEP:
            del self.steps[0]
        return moved if abs(moved) >= TOLD else 0

    def wall(self, steady: int) -> int:
        """What the wall clock showed at ``steady``. Before anything was observed, ``steady`` itself."""
        if not self.steps:
            return steady
        at = bisect_right(self.steps, steady, key=lambda step: step.since) - 1
        return steady + self.steps[max(at, 0)].ahead

    def steady(self, wall: float) -> int:
        """When the wall clock last showed ``wall`` (seconds since the epoch): microseconds of the steady clock."""
        moment = round(wall * 1e6)
        for step in reversed(self.steps):
            if moment - step.ahead >= step.since:
                return moment - step.ahead
        return moment - (self.steps[0].ahead if self.steps else 0)

    def walled(self, found: Rows) -> Rows:
        """A copy of ``found`` whose times are the wall's, unbent."""
        told = found.copy()
        if self.steps and len(told):
            ahead = self._ahead(found["first"])
            told["first"] += ahead
            told["last"] += ahead
        return told

    def steadied(self, told: Rows) -> Rows:
        """Rows told in wall time, back on the steady clock as it runs now: for what an earlier run wrote down."""
        found = told.copy()
        if self.steps:
            found["first"] -= self.steps[-1].ahead
            found["last"] -= self.steps[-1].ahead
        return found

    def _ahead(self, steady: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        since = np.array([step.since for step in self.steps], np.int64)
        ahead = np.array([step.ahead for step in self.steps], np.int64)
        return ahead[np.maximum(np.searchsorted(since, steady, side="right") - 1, 0)]
