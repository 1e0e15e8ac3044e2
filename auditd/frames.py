"""Frames as they lie in a buffer, many of them, and what is told of each."""

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

U8 = npt.NDArray[np.uint8]
Index = npt.NDArray[np.intp]


@frozen
class Frames:
    """A batch of frames. Arrays have one entry per frame."""

    data: U8  # the buffer that they lie in; at least 16 bytes of it before the first
    start: npt.NDArray[np.int64]  # where each link header begins
    captured: npt.NDArray[np.int64]  # bytes that are there, from the link header on
    length: npt.NDArray[np.int64]  # bytes on the wire, from the link header on
    moments: npt.NDArray[np.int64]  # microseconds
    link: int = 14  # bytes of link header: 14 (Ethernet) or 0
    tags: npt.NDArray[np.uint32] | None = None  # who sends
    sizes: npt.NDArray[np.int64] | None = None  # bytes of payload of the packets that a frame is cut into; 0: it is one
    interface: int = 0
    how: int = 0  # bits of `rows.HOW_*` that hold for all

    def __len__(self) -> int:
        return len(self.start)

    def some(self, at: Index) -> "Frames":
        """Those at ``at``."""

        def picked(column: Any) -> Any:
            return None if column is None else column[at]

        told = (picked(self.moments), self.link, picked(self.tags), picked(self.sizes), self.interface, self.how)
        return Frames(self.data, self.start[at], self.captured[at], self.length[at], *told)


def windows(data: U8, at: npt.NDArray[np.int64], width: int) -> U8:
    """``width`` bytes from each of ``at``, as the lines of a matrix; zeros beyond the end of ``data``."""
    inside = at <= len(data) - width
    if inside.all():
        return _copied(data, at, width)
    out = np.zeros((len(at), width), np.uint8)
    out[inside] = _copied(data, at[inside], width)
    for number in np.flatnonzero(~inside):
        rest = data[at[number] :]
        out[number, : len(rest)] = rest
    return out


def _copied(data: U8, at: npt.NDArray[np.int64], width: int) -> U8:
    if not len(at):
        return np.empty((0, width), np.uint8)
    # Overlapping items that are taken whole: half the cost of a view with two dimensions.
    items: npt.NDArray[np.void] = np.ndarray((len(data) - width + 1,), np.dtype((np.void, width)), data, strides=(1,))
    return items[at].view(np.uint8).reshape(-1, width)
