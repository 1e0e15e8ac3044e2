"""How a figure is taken: the best of several rounds, since other work on the machine only ever makes it slower."""

import time
from collections.abc import Callable

from attrs import frozen

ROUNDS = 5
ROUND = 0.2  # seconds


@frozen
class Figure:
    """What was done, and how many microseconds one of it takes."""

    what: str
    microseconds: float

    @property
    def line(self) -> str:
        """The figure for people."""
        return f"{self.what:<52} {self.microseconds:>12,.1f} us {1e6 / self.microseconds:>12,.0f} /s"


def figure(what: str, work: Callable[[], object]) -> Figure:
    """Do ``work`` again and again for about a second."""
    work()
    once = max(_seconds(work, 1), 1e-7)
    times = max(1, int(ROUND / once))
    return Figure(what, min(_seconds(work, times) / times for _ in range(ROUNDS)) * 1e6)


def _seconds(work: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return time.perf_counter() - began
