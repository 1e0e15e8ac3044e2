"""How stores of flows are asked for figures: the best of few rounds, and a watch over what takes minutes."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from attrs import Factory, define

from auditd.rows import Rows
from bench import made_flows

LEAST = 1000  # destinations: the second question is for slices that sent to more
SLICE = made_flows.FIRST_SLICE + 7  # a busy one, whose ports are asked for
PATIENCE = 900.0  # seconds that one answer may take
_TELL = 5.0  # seconds between two words on how long it takes already
Answer = TypeVar("Answer")


class TooLong(Exception):
    """No answer within what the watch allows."""


@define
class Watch:
    """How long an answer takes: says so on stderr, and ends the wait."""

    what: str
    patience: float  # seconds
    _begun: float = Factory(time.perf_counter)
    _told: float = 0.0

    def look(self) -> None:
        """Say how long it takes; raises `TooLong`. To be called a few times a second."""
        took = time.perf_counter() - self._begun
        if took - self._told > _TELL:
            self._told = took
            told = f"\r{self.what}: {took:,.0f} s, of {self.patience:,.0f} s at most "
            print(told, end="", file=sys.stderr, flush=True)
        if took > self.patience:
            raise TooLong

    def end(self) -> None:
        """End the line of what was told."""
        if self._told:
            print(file=sys.stderr)


class Peer(Protocol):
    """Another store of flows, in files of its own."""

    name: str
    lacking: str  # why it cannot be asked, if so
    settings: str  # how it keeps flows and is asked; files that were filled under others are made anew

    def begin(self) -> None:
        """Make room for flows."""

    def fill(self, found: Rows, node: Any, number: int) -> None:
        """Take the flows that ended in an hour; ``node`` is the number of each one's node."""

    def filled(self) -> None:
        """All hours are there."""

    def open(self) -> None:
        """Be ready to be asked."""

    def octets(self) -> dict[str, int]:
        """Bytes on disk: all, and of what parts."""

    def asks(self, address: Any) -> Mapping[str, Callable[[Watch], list[tuple[Any, ...]] | int]]:
        """The four questions; each gives its rows, or how many there are where they tell less than ours."""

    def close(self) -> None:
        """Let go."""


def best(ask: Callable[[], Answer], rounds: int = 3, most: float = 60.0) -> tuple[float, Answer]:
    """Seconds of the fastest of three after one that warms, and the answer.

    Once ``most`` seconds are over no other round begins; of what takes that long the first counts.
    """
    begun = time.perf_counter()
    answer = ask()
    least = warming = time.perf_counter() - begun
    for number in range(rounds):
        if (began := time.perf_counter()) - begun > most:
            break
        ask()
        took = time.perf_counter() - began
        least = min(least, took) if number else took
    return min(least, warming) if warming > most else least, answer
