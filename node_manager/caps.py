"""Daily byte caps: who sent much since its day began is slowed down, so that the day's amount lasts the day.

A day is 24 hours of the slice's own, from its first byte seen. Ordinary and exempt destinations count apart. What was
sent stays counted when the sliver, the node manager or the machine starts anew, and by name when a slice is deleted
and made again within its day.
"""

from attrs import evolve, frozen

from node_manager.drivers import Stats
from planetlab.rspec import UNLIMITED, ResourceSpec
from planetlab.units import DAY, KIB

MOST_GUARANTEED = 0.25  # of the node's rate, for any one slice


@frozen(kw_only=True)
class Meter:
    """What one slice sent in its day. ``last``: the counters at the last look, bytes."""

    since: float  # when its day began, seconds since the epoch
    sent: int = 0  # bytes to ordinary destinations in this day
    exempt: int = 0  # bytes to exempt destinations in this day
    last_sent: int = 0
    last_exempt: int = 0
    is_told: bool = False  # whether it was said in this day that the slice is slowed down

    def see(self, stats: Stats, now: float) -> "Meter":
        """The meter after a look at the counters; a new day when the old one is over."""
        sent, exempt = _more(self.last_sent, stats.sent), _more(self.last_exempt, stats.sent_exempt)
        looked = evolve(self, last_sent=stats.sent, last_exempt=stats.sent_exempt)
        if now - self.since >= DAY or now < self.since:
            return evolve(looked, since=now, sent=0, exempt=0, is_told=False)
        return evolve(looked, sent=self.sent + sent, exempt=self.exempt + exempt)


def _more(before: int, here: int) -> int:
    """Bytes since ``before``; a counter that went back started anew."""
    return here - before if here >= before else here


@frozen
class Caps:
    """The rates a slice is slowed down to, kbit/s; None where it is not."""

    ordinary: int | None = None
    exempt: int | None = None

    def __str__(self) -> str:
        slowed = [("ordinary", self.ordinary), ("exempt", self.exempt)]
        return " and ".join(f"to {rate} kbit/s for {kind} destinations" for kind, rate in slowed if rate is not None)


def caps(meter: Meter, rspec: ResourceSpec, now: float) -> Caps:
    """What a slice that sent so much may still send at, so that its day's amount lasts."""
    ordinary = ceiling(meter.sent, rspec.net_thresh_kbyte, rspec.net_max_kbyte, rspec.net_min_rate, now - meter.since)
    exempt = ceiling(
        meter.exempt, rspec.net_i2_thresh_kbyte, rspec.net_i2_max_kbyte, rspec.net_i2_min_rate, now - meter.since
    )
    return Caps(_kbit(ordinary), _kbit(exempt))


def ceiling(used: int, threshold: int, most: int, least: int, elapsed: float) -> int | None:
    """bit/s for a slice that sent ``used`` bytes in ``elapsed`` seconds of its day; None below the threshold.

    ``threshold`` and ``most`` in KiB, ``least`` in kbit/s, below which nobody is slowed.
    """
    if threshold < 0 or most < 0 or used < threshold * KIB:
        return None
    left = (most * KIB - used) * 8 / (DAY - elapsed) if elapsed < DAY else 0.0
    return max(int(left), least * 1000)


def _kbit(rate: int | None) -> int | None:
    return None if rate is None else max(1, rate // 1000)


def slowed(rspec: ResourceSpec, at: Caps) -> ResourceSpec:
    """``rspec`` with the rates that its day leaves it; never above what it had."""
    return evolve(
        rspec,
        net_max_rate=_lower(rspec.net_max_rate, at.ordinary),
        net_i2_max_rate=_lower(rspec.net_i2_max_rate, at.exempt),
    )


def _lower(rate: int, cap: int | None) -> int:
    if cap is None:
        return rate
    return cap if rate == UNLIMITED else min(rate, cap)


def guaranteed(rspec: ResourceSpec, node_rate: int) -> ResourceSpec:
    """``rspec`` with its minimum rate at most a quarter of the node's (kbit/s)."""
    most = int(node_rate * MOST_GUARANTEED)
    return evolve(rspec, net_min_rate=most) if rspec.net_min_rate > most else rspec
