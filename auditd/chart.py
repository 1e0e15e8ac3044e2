"""A chart drawn by the server: stacked areas over an hour, as values for an SVG template. Pure.

Series are told apart by order, letter and pattern as well as by hue; the colours are Okabe and Ito's, which people with
any colour vision tell apart.
"""

import itertools
from collections.abc import Sequence

from attrs import frozen

WIDTH, HEIGHT = 720, 220  # units of the drawing
LEFT, BOTTOM = 64, 24  # room for what stands at the axes
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
_LETTERS = "ABCDEFGH"


@frozen
class Area:
    """One series: its outline, and where its letter stands."""

    name: str
    letter: str
    colour: str
    path: str
    x: int
    y: int
    legible: bool  # whether the area is high enough somewhere for its letter


@frozen
class Chart:
    """Areas from the bottom up, and the numbers at the axis."""

    areas: tuple[Area, ...]
    ticks: tuple[tuple[int, str], ...]  # height of the line, its label
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    bottom: int = BOTTOM


def stacked(series: Sequence[tuple[str, Sequence[float]]], unit: str) -> Chart:
    """A chart of ``series`` (name and values, all equally many), the first at the bottom."""
    count = max((len(values) for _, values in series), default=0)
    tops = [sum(values[at] for _, values in series) for at in range(count)]
    most = _round_up(max(tops, default=0.0))
    plot_height, step = HEIGHT - BOTTOM - 8, (WIDTH - LEFT - 8) / max(count - 1, 1)

    def x(at: int) -> int:
        return round(LEFT + at * step)

    def y(value: float) -> int:
        return round(8 + plot_height * (1 - value / most))

    base, areas = [0.0] * count, []
    for number, (name, values) in enumerate(series):
        top = [below + value for below, value in zip(base, values, strict=True)]
        there = [(x(at), y(value)) for at, value in enumerate(top)]
        back = [(x(at), y(base[at])) for at in reversed(range(count))]
        high = max(range(count), key=lambda at: values[at], default=0)
        middle = (base[high] + top[high]) / 2 if count else 0.0
        letter, colour = _LETTERS[number % len(_LETTERS)], _COLOURS[number % len(_COLOURS)]
        legible = count > 0 and y(base[high]) - y(top[high]) >= 11
        path = _outline(there + back)
        areas.append(Area(name, letter, colour, path, min(max(x(high), LEFT + 6), WIDTH - 14), y(middle) + 4, legible))
        base = top
    ticks = tuple((y(most * part / 4), _scaled(most * part / 4, unit)) for part in range(5))
    return Chart(tuple(areas), ticks)


def _outline(points: list[tuple[int, int]]) -> str:
    """A closed path, by steps: they take half as many characters as the places.

    >>> _outline([(64, 8), (76, 5), (76, 196)])
    'M64 8l12-3 0 191z'
    """
    if not points:
        return ""
    steps = "".join(
        f" {x1 - x0}{' ' * (y1 >= y0)}{y1 - y0}" for (x0, y0), (x1, y1) in itertools.pairwise(points)
    )  # fmt: skip
    return f"M{points[0][0]} {points[0][1]}l{steps.strip()}z"


def _round_up(value: float) -> float:
    """The next round number from ``value`` up; 1 for nothing."""
    if value <= 0:
        return 1.0
    scale = 1.0
    while value > 10 * scale:
        scale *= 10
    while value <= scale:
        scale /= 10
    return next(scale * step for step in (1, 2, 4, 5, 8, 10) if value <= scale * step)


def _scaled(value: float, unit: str) -> str:
    for prefix in ("", "k", "M", "G", "T"):
        if value < 1000:
            return f"{value:.3g} {prefix}{unit}"
        value /= 1000
    return f"{value:.3g} P{unit}"
