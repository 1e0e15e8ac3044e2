"""Whole cores and guaranteed parts of the processors, over all slivers that run. Pure.

Cores are handed out in the order of names; one always stays for everybody else, and who comes when none is left shares
as if it had not asked. A guarantee is a weight: where p is promised to one and P to all together, p / (1 - P) of what
all weigh without their guarantees comes on top of its share, and it has its part when everybody wants to run.
"""

from collections.abc import Iterable, Mapping

from attrs import frozen

_MOST_PART = 0.95  # promised to all together; beyond, a weight would have to be without bound


@frozen(kw_only=True)
class Asks:
    """What one sliver asks beyond its share."""

    cores: int = 0  # whole ones
    shared: bool = False  # the cores of everybody on top
    percent: int = 0  # of all processors, promised

    @property
    def is_plain(self) -> bool:
        """Whether it only wants its share."""
        return self.cores <= 0 and self.percent <= 0


def cores(asks: Mapping[str, Asks], online: Iterable[int]) -> tuple[dict[str, tuple[int, ...]], tuple[int, ...]]:
    """Who gets which processors, and which are everybody's. ``online`` are the numbers of those there are."""
    free = sorted(online)
    own: dict[str, tuple[int, ...]] = {}
    for name in sorted(name for name, each in asks.items() if each.cores > 0):
        wanted = asks[name].cores
        if wanted < len(free):
            own[name], free = tuple(free[-wanted:]), free[:-wanted]  # the first stay common: interrupts come there
    rest = tuple(free)
    return {name: tuple(sorted((*has, *(rest if asks[name].shared else ())))) for name, has in own.items()}, rest


def weight(share: int, percent: int, others: int, promised: int) -> int:
    """The weight of a sliver with ``share`` (its weight without a guarantee) of which ``percent`` is promised.

    ``others``: what all weigh together without their guarantees; ``promised``: percent of all guarantees together.
    """
    if percent <= 0:
        return share
    all_promised = min(_MOST_PART, promised / 100)
    return share + round(percent / max(promised, 1) * all_promised / (1 - all_promised) * others)


def listed(processors: Iterable[int]) -> str:
    """Processors as the kernel lists them."""
    return ",".join(map(str, processors))


def read_list(text: str) -> tuple[int, ...]:
    """A list as the kernel writes it, ``0-3,6``."""
    ends = (part.partition("-") for part in text.strip().split(",") if part)
    return tuple(number for low, _, high in ends for number in range(int(low), int(high or low) + 1))
