"""Time that a jump of the node's clock does not move.

A node's clock decides what has expired, and clocks break: a flat battery, a wrong time server, an operator's slip. So
the clock is compared with one that only counts. What it moved beyond the honest correction of a drifting clock is a
*skew*, and while that is large, time goes on as if the jump had not been. The skew is forgotten when the clock comes
back, when an authority says the same time as the clock does, or when nobody objected for `ACCEPTED` seconds.
"""

from attrs import define, field

SLACK = 60.0  # seconds of skew that are taken as they are
SLEW = 0.01  # the fraction by which an honest clock may be corrected while it runs
ACCEPTED = 86400.0  # seconds after which a moved clock is believed
AWAY = 7 * 86400.0  # seconds a node may plausibly have been switched off
NEAR = 300.0  # seconds within which an authority's time confirms the clock's


@define
class Steady:
    """Believed time. ``last`` is what was believed when the process ended before, if it is known."""

    wall: float  # the clock at the last look, seconds since the epoch
    ticks: float  # the counter at the last look, seconds
    last: float | None = None
    skew: float = field(default=0.0, init=False)  # how far the clock is ahead of believed time
    since: float = field(default=0.0, init=False)  # the counter when the skew last changed much

    def __attrs_post_init__(self) -> None:
        if self.last is not None and not self.last - SLACK <= self.wall <= self.last + AWAY:
            self.skew = self.wall - self.last
            self.since = self.ticks

    def see(self, wall: float, ticks: float) -> float:
        """Believed time, now that the clock says ``wall`` and the counter ``ticks``."""
        counted = ticks - self.ticks
        moved = wall - self.wall - counted
        honest = min(abs(moved), max(0.0, counted) * SLEW)
        beyond = moved - honest if moved > 0 else moved + honest
        if abs(beyond) > SLACK:
            self.since = ticks
        was_doubtful = self.is_doubtful
        self.skew += beyond
        self.wall, self.ticks = wall, ticks
        if self.is_doubtful and not was_doubtful:
            self.since = ticks
        if was_doubtful and (not self.is_doubtful or ticks - self.since >= ACCEPTED):
            self.skew = 0.0
        return wall - self.skew if self.is_doubtful else wall

    def witness(self, said: float) -> bool:
        """An authority's time. When the clock agrees with it, the clock is believed again; whether it is."""
        if abs(self.wall - said) <= NEAR:
            self.skew = 0.0
        return not self.is_doubtful

    @property
    def is_doubtful(self) -> bool:
        """Whether the clock is not believed now."""
        return abs(self.skew) > SLACK
