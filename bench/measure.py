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
    paper: float = 0.0  # microseconds that the PlanetLab papers tell of the same; 0 where they tell none

    @property
    def line(self) -> str:
        """The figure for people."""
        times = f"  paper {self.paper:,.0f} us, {self.paper / self.microseconds:,.0f} x" if self.paper else ""
        return f"{self.what:<52} {self.microseconds:>12,.1f} us {1e6 / self.microseconds:>12,.0f} /s{times}"


@frozen
class Amount:
    """What there is, and how much of it."""

    what: str
    amount: float
    unit: str
    paper: float = 0.0  # of the same unit, as the PlanetLab papers tell; 0 where they tell nothing

    @property
    def line(self) -> str:
        """The figure for people."""
        times = f"  paper {self.paper:,.0f} {self.unit}, {self.paper / self.amount:,.0f} x" if self.paper else ""
        return f"{self.what:<52} {self.amount:>12,.3f} {self.unit}{times}"


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
