"""How fast one address may call: a bucket for each, filled at a steady rate."""

from attrs import define, field

MOST_ADDRESSES = 10_000  # remembered at once; the one longest silent is forgotten first


@define
class Rates:
    """``rate`` calls per second in the long run, ``burst`` at once."""

    rate: float
    burst: int
    _levels: dict[str, tuple[float, float]] = field(factory=dict, init=False)

    def admits(self, address: str, elapsed: float) -> bool:
        """Whether ``address`` may call now, and count it if so; ``elapsed`` is any steady count of seconds."""
        level, at = self._levels.pop(address, (float(self.burst), elapsed))
        level = min(float(self.burst), level + max(0.0, elapsed - at) * self.rate)
        may = level >= 1.0
        self._levels[address] = (level - 1.0 if may else level, elapsed)
        if len(self._levels) > MOST_ADDRESSES:
            del self._levels[next(iter(self._levels))]
        return may
