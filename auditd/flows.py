"""Rows become flows here; nothing in this module reads a socket, a file or the wall clock.

A flow is what one slice sent from one address and port to another by one protocol, until it pauses (`IDLE`) or has
lasted `ACTIVE`. The key is exact and holds the slice and what told it. Times are on the steady clock, so that setting
the machine's clock neither bends a flow nor ends one.
"""

import numpy as np
import numpy.typing as npt
from attrs import define, field

from auditd import rows
from auditd.rows import KEY_WORDS, Rows

IDLE = 60.0  # seconds; a flow that is silent this long is over
ACTIVE = 300.0  # seconds; a flow that lasts longer goes on as another record
MOST = 1_000_000  # open flows; beyond it new ones are counted without their addresses
_EMPTY = np.int32(-1)


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
    _slots: npt.NDArray[np.int32] = field(init=False, factory=lambda: np.full(4096, _EMPTY))

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
        known = self._find(found) >= 0
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
        self._slots = np.full(size, _EMPTY)
        keys = rows.words(self._table[: self._count])
        self._probe(keys, np.arange(self._count, dtype=np.int32))

    def _find(self, found: Rows) -> npt.NDArray[np.int32]:
        """The number of each row's flow, or -1."""
        return self._probe(rows.words(found), None)

    def _probe(self, keys: npt.NDArray[np.uint64], numbers: npt.NDArray[np.int32] | None) -> npt.NDArray[np.int32]:
        """Find each key's slot; where it is free, put the key's number of ``numbers`` there, if there are any.

        Keys are distinct. All are probed at once, those that met another flow's slot again one further on.
        """
        answer = np.full(len(keys), _EMPTY)
        mask = len(self._slots) - 1
        place = (rows.mix(keys, self.seed) & np.uint64(mask)).astype(np.int64)
        todo = np.arange(len(keys))
        table = self._table.view("<u8").reshape(-1, rows.WORDS)
        while len(todo):
            met = self._slots[place[todo]]
            taken = met >= 0
            same = taken.copy()
            same[taken] = (table[met[taken], :KEY_WORDS] == keys[todo[taken]]).all(axis=1)
            answer[todo[same]] = met[same]
            free = todo[~taken]
            if numbers is not None and len(free):
                _, winners = np.unique(place[free], return_index=True)
                won = free[winners]
                self._slots[place[won]] = numbers[won]
                answer[won] = numbers[won]
                free = free[answer[free] < 0]
                todo = np.concatenate([todo[taken & ~same], free])
            else:
                todo = todo[taken & ~same]
            place[todo] = (place[todo] + 1) & mask
        return answer

    def _place(self, found: Rows) -> None:
        at = self._find(found)
        known, fresh = at >= 0, np.flatnonzero(at < 0)
        self._add(at[known], found[known])
        end = self._count + len(fresh)
        self._table[self._count : end] = found[fresh]
        numbers = np.arange(self._count, end, dtype=np.int32)
        self._count = end
        self._probe(rows.words(found[fresh]), numbers)

    def _add(self, at: npt.NDArray[np.int32], found: Rows) -> None:
        table = self._table
        for name in ("packets", "octets", "frames"):
            table[name][at] += found[name]
        table["first"][at] = np.minimum(table["first"][at], found["first"])
        table["last"][at] = np.maximum(table["last"][at], found["last"])
        table["flags"][at] |= found["flags"]

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
