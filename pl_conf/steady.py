"""The time by which slivers expire: the wall clock, as long as it goes as a clock goes.

A clock that jumps must not end anybody's sliver. So time is counted on from the last moment that was believed, by a
count that cannot be set (seconds since the machine started), and the wall clock is followed only as far as it agrees
with that count. When the two part, an authority that confirms the wall clock (over its authenticated connection) ends
the doubt; so does the wall clock's return. Nothing here reads a clock: both are functions given in.
"""

from collections.abc import Callable

from attrs import define, field

SLACK = 300.0  # seconds that two clocks may differ, as for tickets
SLEW = 0.01  # seconds per second that the count lets itself be pulled towards the wall clock


@define
class SteadyTime:
    """``wall`` gives seconds since the epoch, ``elapsed`` seconds since any fixed moment of this machine's run."""

    wall: Callable[[], float]
    elapsed: Callable[[], float]
    _believed: float = field(default=0.0, init=False)
    _counted: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._believed, self._counted = self.wall(), self.elapsed()

    def resume(self, last: float, longest_off: float) -> None:
        """Go on from ``last``, what an earlier run believed at its end (0: there was none).

        A wall clock that is behind it, or more than ``longest_off`` seconds ahead, is in doubt from the start.
        """
        gap = self.wall() - last
        if last and not -SLACK <= gap <= longest_off:
            self._believed = last

    def now(self) -> float:
        """The time to judge expiry by."""
        elapsed = self.elapsed()
        passed, self._counted = max(0.0, elapsed - self._counted), elapsed
        self._believed += passed
        apart = self.wall() - self._believed
        if abs(apart) <= SLACK:
            self._believed += max(-SLEW * passed, min(SLEW * passed, apart))
        return self._believed

    @property
    def in_doubt(self) -> bool:
        """Whether the wall clock has left the count by more than the slack."""
        return abs(self.wall() - self.now()) > SLACK

    def confirm(self, said: float) -> None:
        """Hear from an authority that it is ``said`` now; when the wall clock says so too, it is believed again."""
        if abs(self.wall() - said) <= SLACK:
            self.now()
            self._believed = self.wall()
