"""Questions to the archive as values, and as conditions over the columns of its files. Pure."""

from typing import Any

from attrs import frozen

from planetlab.prefixes import Network

_FOUR = 0xFFFF << 32


@frozen(kw_only=True)
class Question:
    """What is looked for. Times are seconds since the epoch; ``skew`` is how far clocks may differ."""

    since: float
    until: float
    to: Network | None = None
    slice: str = ""
    port: int | None = None  # of the destination
    protocol: int | None = None
    node: str = ""
    skew: float = 120.0

    @property
    def begin(self) -> int:
        """Where it begins, the skew included; microseconds."""
        return round((self.since - self.skew) * 1e6)

    @property
    def end(self) -> int:
        """Where it ends, the skew included; microseconds."""
        return round((self.until + self.skew) * 1e6)


def conditions(question: Question) -> tuple[list[str], list[Any]]:
    """What a question asks besides its time, as conditions over columns, and the values that are bound to them."""
    parts: list[str] = []
    values: list[Any] = []
    if question.to is not None:
        for half, low, high in range_of(question.to):
            both = "AND" if low <= high else "OR"  # a range of two's complement may cross the sign: then it is two
            parts.append(f"({half} >= ? {both} {half} <= ?)")
            values += [low, high]
    for column, value in (("slice", question.slice), ("node", question.node)):
        if value:
            parts.append(f"{column} = ?")
            values.append(value)
    for column, number in (("dport", question.port), ("proto", question.protocol)):
        if number is not None:
            parts.append(f"{column} = ?")
            values.append(number)
    return parts, values


def range_of(to: Network) -> list[tuple[str, int, int]]:
    """A prefix as ranges of the columns of its halves, lowest and highest in two's complement, both included."""
    (low_hi, low_lo), (high_hi, high_lo) = (halves(to[at]) for at in (0, -1))
    if low_hi == high_hi:
        return [("d_hi", signed(low_hi), signed(low_hi)), ("d_lo", signed(low_lo), signed(high_lo))]
    return [("d_hi", signed(low_hi), signed(high_hi))]


def halves(address: Any) -> tuple[int, int]:
    """An address as two 64-bit halves, IPv4 mapped into IPv6."""
    if address.version == 4:
        return 0, _FOUR | int(address)
    return int(address) >> 64, int(address) & (1 << 64) - 1


def signed(half: int) -> int:
    """A 64-bit half as the files have it: two's complement."""
    return half - (1 << 64) if half >> 63 else half
