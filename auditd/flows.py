"""Rows become flows here; nothing in this module reads a socket, a file or the wall clock.

A flow is what one slice sent from one address and port to another by one protocol, until it pauses (`IDLE`) or has
lasted `ACTIVE`. The key is exact and holds the slice and what told it. Times are on the steady clock, so that setting
the machine's clock neither bends a flow nor ends one.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import define, field

from auditd import rows
from auditd.rows import KEY_WORDS, WORDS, Rows

IDLE = 60.0  # seconds; a flow that is silent this long is over
ACTIVE = 300.0  # seconds; a flow that lasts longer goes on as another record
MOST = 1_000_000  # open flows; beyond it new ones are counted without their addresses
_EMPTY = np.uint64(0)
_NUMBER, _TAG = np.uint64(0xFFFFFFFF), np.uint64(32)
Numbers = npt.NDArray[np.int64]


@define
class Flows:
    """The flows that are still open.

    Give it rows whose slice is settled; take from it the flows that ended. ``seed`` is secret (see `rows.mix`).
    """

    seed: int
    idle: float = IDLE
    active: float = ACTIVE
    most: int = MOST
    folded: int = field(default=0, init=False)  # flows that lost their addresses because there were too many
    _table: Rows = field(init=False, factory=lambda: rows.empty(1024))
    _count: int = field(init=False, default=0)
    # Where a flow lies in the table: in the low half its number + 1, in the high half that of its mix, so that most
    # slots of other flows are known to be so without a look at the table.
    _slots: npt.NDArray[np.uint64] = field(init=False, factory=lambda: np.zeros(4096, np.uint64))

    def __len__(self) -> int:
        return self._count

    def see(self, found: Rows, distinct: bool = False) -> None:
        """Count ``found`` into their flows; ``distinct``: no two of them have one key."""
        found = found if distinct else rows.joined(found, self.seed)
        if not len(found):
            return
        room = self.most - self._count
        if len(found) > room:
            found = self._fold(found, room)
        self._reserve(self._count + len(found))
        self._place(found)

    def _fold(self, found: Rows, room: int) -> Rows:
        """Known flows go on; of the new ones as many as find room, the rest without addresses."""
        known = self._probe(found, add=False) >= 0
        fresh = found[~known].copy()
        over = fresh[max(room, 0) :]
        self.folded += len(over)
        return rows.joined(np.concatenate([found[known], fresh[: max(room, 0)], rows.nameless(over)]), self.seed)

    def _reserve(self, wanted: int) -> None:
        if wanted > len(self._table):
            grown = rows.empty(max(wanted, 2 * len(self._table)))
            grown[: self._count] = self._table[: self._count]
            self._table = grown
        if wanted * 2 > len(self._slots):
            self._index(len(self._slots) << max(2, (wanted * 2 // len(self._slots)).bit_length()))

    def _index(self, size: int) -> None:
        """Lay the slots anew, ``size`` (a power of two) of them."""
        self._slots = np.zeros(size, np.uint64)
        self._probe(self._table[: self._count], np.arange(self._count))

    def _probe(self, found: Rows, numbers: Numbers | None = None, add: bool = True) -> Numbers:
        """The number of each row's flow; ``found`` are of different flows.

        A flow that is not in the table is put at its end (or gets its number of ``numbers``); unless ``add``, it has
        the number -1. All are probed at once, those that met another flow's slot again one further on.
        """
        mixed = rows.mix(rows.words(found), self.seed)
        mask = np.uint64(len(self._slots) - 1)
        place, tag = (mixed & mask).astype(np.int64), mixed & ~_NUMBER
        answer = np.full(len(found), -1) if numbers is None else numbers
        unsettled = np.arange(len(found))
        while len(unsettled):
            met = self._slots[place[unsettled]]
            free = met == _EMPTY
            alike = np.flatnonzero(~free & (met & ~_NUMBER == tag[unsettled])) if numbers is None else ()
            going = ~free
            if len(alike):
                some = unsettled[alike]
                known = (met[alike] & _NUMBER).astype(np.int64) - 1
                same = (answer[some] < 0) & _same(self._table[known], found[some])
                answer[some[same]] = known[same]
                going[alike[same]] = False
            if add and free.any():
                going[free] = self._settle(found, unsettled[free], place, tag, answer)
            unsettled = unsettled[going]
            place[unsettled] = (place[unsettled] + 1) & np.int64(mask)
        return answer

    def _settle(self, found: Rows, new: Numbers, place: Numbers, tag: npt.NDArray[np.uint64], answer: Numbers) -> Any:
        """Put flows into free slots, which several may want; which of them have to go on."""
        unnumbered = new[answer[new] < 0]
        if len(unnumbered):
            end = self._count + len(unnumbered)
            answer[unnumbered] = np.arange(self._count, end)
            self._table[self._count : end] = found[unnumbered]
            self._count = end
        wanted = place[new]
        told = tag[new] | (answer[new] + 1).astype(np.uint64)
        self._slots[wanted] = told
        return self._slots[wanted] != told

    def _place(self, found: Rows) -> None:
        before = self._count
        at = self._probe(found)
        known = at < before
        self._add(at[known], found[known])

    def _add(self, at: Numbers, found: Rows) -> None:
        table = self._table[at]
        for name in ("packets", "octets", "frames"):
            table[name] += found[name]
        table["first"] = np.minimum(table["first"], found["first"])
        table["last"] = np.maximum(table["last"], found["last"])
        table["flags"] |= found["flags"]
        self._table[at] = table

    def ended(self, now: float) -> Rows:
        """Take out the flows that are over at ``now`` (seconds of the steady clock)."""
        table = self._table[: self._count]
        moment = int(now * 1e6)
        over = (moment - table["last"] >= int(self.idle * 1e6)) | (moment - table["first"] >= int(self.active * 1e6))
        return self._take(over)

    def all(self) -> Rows:
        """The open flows as they are; a view that is good until the next call."""
        return self._table[: self._count]

    def claim(self, which: npt.NDArray[np.bool_], slices: npt.NDArray[np.uint32]) -> None:
        """Those flows (a mask over `all`) are now known to be of ``slices``; they go on under the new key."""
        known = self._take(which)
        known["slice"] = slices
        self.see(known)

    def _take(self, which: npt.NDArray[np.bool_]) -> Rows:
        taken = self._table[: self._count][which]  # a mask copies
        if len(taken):
            left = self._table[: self._count][~which]
            self._table = rows.empty(max(1024, len(left) + len(left) // 4))
            self._table[: len(left)] = left
            self._count = len(left)
            self._index(max(4096, 1 << (2 * len(left)).bit_length()))
        return taken


def _same(some: Rows, others: Rows) -> npt.NDArray[np.bool_]:
    """Whether each row has the other's key."""
    left, right = (each.view("<u8").reshape(-1, WORDS) for each in (some, others))
    differing = left[:, 0] ^ right[:, 0]
    for column in range(1, KEY_WORDS):
        differing |= left[:, column] ^ right[:, column]
    return np.asarray(differing == 0, bool)
