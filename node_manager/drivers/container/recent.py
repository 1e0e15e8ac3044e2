"""Answers that are dear to get and good for a while."""

import math
import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from attrs import define, field

T = TypeVar("T")


@define
class Recent(Generic[T]):
    """What ``ask`` said, at most as old as ``age`` seconds, or as ``times`` as long as it took to say.

    However long that took, it is no older than ``most`` seconds: a machine that stood still for a moment says nothing
    of what asking costs.
    """

    ask: Callable[[], T]
    age: float
    times: float = 0.0
    most: float = math.inf
    clock: Callable[[], float] = time.monotonic
    _told: list[T] = field(factory=list, init=False)
    _until: float = field(default=0.0, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def get(self) -> T:
        """The answer; one thread at a time asks."""
        with self._lock:
            since = self.clock()
            if not self._told or since >= self._until:
                self._told = [self.ask()]
                now = self.clock()
                self._until = now + min(self.most, max(self.age, self.times * (now - since)))
            return self._told[0]


def together(ask: Callable[[], T]) -> Recent[T]:
    """Counters of all slivers, which come in one answer and are asked for one sliver at a time."""
    return Recent(ask, 0.0, times=20.0, most=5.0)
