"""Where records lie that follow one another, each telling how long it is: found many at a time.

Such a chain can only be walked from its begin, step by step, which costs an interpreter 100 ns a step. So places that
look like the head of a record are found first, all at once; then it is proved that each of them points to the next. A
place that only looks like one (a payload may hold anything) is left out, since the record before it points beyond it.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.intp]
U8 = npt.NDArray[np.uint8]
_PIECE = 1 << 18  # bytes looked at in one go: what the cache next to the processor holds
_HOPELESS = 4  # when more than one place in so many is wrong, stepping is cheaper


def proved(places: Index, following: Index, begin: int, step: Callable[[int], int]) -> Index:
    """The chain from ``begin`` on: of ``places``, in order, those that are reached by going to ``following``.

    ``step`` gives the place after one that is not among them, or -1 where the chain ends.
    """
    wrong = np.flatnonzero(places[1:] != following[:-1])
    if len(wrong) > len(places) // _HOPELESS + 8:
        return _stepped(begin, step)
    parts: list[Index] = []
    beside: list[int] = []
    place = begin
    while True:
        at = int(np.searchsorted(places, place))
        if at < len(places) and places[at] == place:  # a run of places that each point to the next
            turn = int(np.searchsorted(wrong, at))
            last = int(wrong[turn]) if turn < len(wrong) else len(places) - 1
            parts += [np.array(beside, np.intp), places[at : last + 1]]
            beside, place = [], int(following[last])
        elif (after := step(place)) >= 0:
            beside.append(place)
            place = after
        else:
            return np.concatenate([*parts, np.array(beside, np.intp)])


def _stepped(begin: int, step: Callable[[int], int]) -> Index:
    found: list[int] = []
    place = begin
    while (after := step(place)) >= 0:
        found.append(place)
        place = after
    return np.array(found, np.intp)


def looking_alike(data: U8, samples: tuple[tuple[int, int], ...], width: int) -> Index:
    """Places whose bytes at some distances are what they are there; ``width`` bytes beyond each lie in ``data``.

    ``samples``: distance and byte, of each.
    """
    count = len(data) - width + 1
    found: list[Index] = []
    for start in range(0, count, _PIECE):
        stop = min(start + _PIECE, count)
        (distance, byte), *others = samples
        alike = data[start + distance : stop + distance] == byte
        for distance, byte in others:
            alike &= data[start + distance : stop + distance] == byte
        found.append(np.flatnonzero(alike) + start)
    return np.concatenate(found) if found else np.empty(0, np.intp)
