"""What slivers used lately: counters sampled now and then, read as averages over 1, 5 and 15 minutes."""

from collections import deque
from collections.abc import Mapping

from attrs import define, field, frozen

from node_manager.drivers import Stats
from planetlab.names import SliceName

WINDOWS = (60.0, 300.0, 900.0)  # seconds
_KEPT = 100  # samples of one sliver; more than the longest window at one in ten seconds


@frozen
class Sample:
    """Counters at one moment."""

    ticks: float  # seconds of a clock that only counts
    stats: Stats


@frozen(kw_only=True)
class Usage:
    """One sliver's figures for slicestat."""

    stats: Stats
    cpu: float  # percent of one processor since the sample before
    sent: tuple[float, ...]  # kbit/s averaged over each of `WINDOWS`
    received: tuple[float, ...]  # kbit/s, the same


def average(samples: "deque[Sample]", window: float, counter: str) -> float:
    """kbit/s of a byte counter over the last ``window`` seconds of ``samples``; 0 while there is only one.

    A counter that went back counts from its restart.
    """
    last = samples[-1]
    first = next(sample for sample in samples if sample.ticks >= last.ticks - window)
    seconds = last.ticks - first.ticks
    octets = 0
    before = getattr(first.stats, counter)
    for sample in samples:
        if sample.ticks > first.ticks:
            here = getattr(sample.stats, counter)
            octets += here - before if here >= before else here
            before = here
    return octets * 8 / 1000 / seconds if seconds > 0 else 0.0


@define
class History:
    """The last samples of every sliver."""

    _samples: dict[SliceName, "deque[Sample]"] = field(factory=dict)

    def see(self, now: Mapping[SliceName, Stats], ticks: float) -> None:
        """Take a sample of all slivers there are; the others are forgotten."""
        for name in self._samples.keys() - now.keys():
            del self._samples[name]
        for name, stats in now.items():
            self._samples.setdefault(name, deque(maxlen=_KEPT)).append(Sample(ticks, stats))

    def of(self, name: SliceName) -> Usage | None:
        """What a sliver used lately; None for one that was never seen."""
        samples = self._samples.get(name)
        if not samples:
            return None
        last, before = samples[-1], samples[-2] if len(samples) > 1 else samples[-1]
        seconds = last.ticks - before.ticks
        cpu = max(0.0, last.stats.cpu - before.stats.cpu) / seconds * 100 if seconds > 0 else 0.0
        return Usage(
            stats=last.stats,
            cpu=cpu,
            sent=tuple(average(samples, window, "sent") for window in WINDOWS),
            received=tuple(average(samples, window, "received") for window in WINDOWS),
        )

    def names(self) -> list[SliceName]:
        """The slivers seen at the last sample."""
        return sorted(self._samples)


def slicestat_line(name: SliceName, uid: int, usage: Usage, memory: int) -> str:
    """One line of slicestat: 15 fields, comma-separated. ``memory``: bytes the node has."""
    stats = usage.stats
    fields = [
        str(name),
        str(uid),
        f"{usage.cpu:.1f}",
        f"{100 * stats.memory / memory if memory else 0:.1f}",
        str(stats.memory // 1024),
        str(stats.virtual // 1024),
        str(stats.processes),
        *(f"{rate:.0f}" for rate in (*usage.sent, *usage.received)),
        stats.address,
        str(stats.active),
    ]
    return ",".join(fields)
