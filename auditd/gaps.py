"""What the audit did not see, or saw less well: told on every page, for an empty answer must not look like a "no"."""

from enum import StrEnum

from attrs import define, evolve, field, frozen

NEAR = 5_000_000  # microseconds; losses of one kind that are nearer than this are told as one
MOST = 2000  # entries; the oldest go first


class Lack(StrEnum):
    """In what way something is missing."""

    BLIND = "blind"  # nothing was seen
    LOSS = "loss"  # some packets were not seen; counts are "at least"
    COARSE = "coarse"  # everything was counted, not everything with its addresses and ports
    CLOCK = "clock"  # the wall clock was set
    RESTART = "restart"  # something ended and began again, and nothing is missing


@frozen
class Gap:
    """A stretch of time in which something is missing. Microseconds since the epoch."""

    lack: Lack
    since: int
    until: int
    reason: str
    frames: int = 0  # how many frames it concerns, where that was counted


@define
class Gaps:
    """The gaps of the last hours, oldest first."""

    _gaps: list[Gap] = field(factory=list, init=False)
    news: list[Gap] = field(factory=list, init=False)  # not in the journal yet

    def add(self, gap: Gap) -> None:
        """Declare one."""
        before = next((g for g in reversed(self._gaps) if (g.lack, g.reason) == (gap.lack, gap.reason)), None)
        if before and gap.lack is not Lack.CLOCK and before.since <= gap.since <= before.until + NEAR:
            self._gaps.remove(before)
            gap = evolve(gap, since=before.since, until=max(gap.until, before.until), frames=before.frames + gap.frames)
        self._gaps.append(gap)
        self.news.append(gap)
        del self._gaps[:-MOST]

    def restore(self, gaps: list[Gap]) -> None:
        """Take up what an earlier run declared."""
        self._gaps = gaps[-MOST:]

    def during(self, since: int, until: int) -> list[Gap]:
        """Those that touch [since, until]."""
        return sorted((g for g in self._gaps if g.until >= since and g.since <= until), key=lambda g: g.since)

    def forget(self, before: int) -> None:
        """Drop those that ended ``before``."""
        self._gaps = [gap for gap in self._gaps if gap.until >= before]
