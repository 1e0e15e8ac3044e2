"""What the kernel still says for a connection whose socket is gone, charged to who had the connection.

A program closes its connection, and the kernel keeps of it no more than what TIME_WAIT needs: who owned the socket is
not part of that. When the other end's last words are acknowledged, or refused, no socket stands behind the answer, so
the kernel cannot tell who sends it. The connection's own packets told it shortly before. A port that another has used
since is the other's. Pure: rows in, rows out; times are those of the rows.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import define, field

from auditd import rows
from auditd.owners import KERNEL, LINGER
from auditd.rows import Rows

BITS = 17  # of the number of connections that are remembered; two of one place: the later. 8 MiB at most
_FIN, _SYN, _RST = 1, 2, 4
_PROGRAMS = _FIN | _SYN | 8 | 32  # with PSH and URG: flags that are never sent without a socket
_NAMELESS = rows.HOW_PORTLESS | rows.HOW_COARSE | rows.HOW_FOLDED
_CLOSING = np.dtype([("key", "<u8", 5), ("since", "<i8"), ("until", "<i8"), ("tag", "<u4"), ("_", "<u4")])
Places = npt.NDArray[np.intp]


def _keys(found: Rows) -> npt.NDArray[np.uint64]:
    """The five-tuple of each row, but for the protocol, which is always TCP."""
    return np.stack([found[name].astype(np.uint64) for name in ("s_hi", "s_lo", "d_hi", "d_lo", "ports")], axis=1)


@define
class Closings:
    """Connections that were closed lately, and by whom. ``seed`` is secret (see `rows.mix`)."""

    seed: int
    bits: int = BITS
    _table: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._table = np.zeros(1 << self.bits, _CLOSING)

    def settle(self, found: Rows) -> int:
        """Give rows that the kernel sent by itself the tag of their connection, in place; how many were given one."""
        tcp = (found["proto"] == rows.TCP) & (found["how"] & _NAMELESS == 0)
        bare = tcp & (found["tag"] <= KERNEL) & (found["flags"] & _PROGRAMS == 0)
        orphans = np.flatnonzero(bare)
        earlier = self._whose(found, orphans)
        said = tcp & ~bare & (found["tag"] != 0)
        self._note(found, np.flatnonzero(said & (found["flags"] & (_FIN | _RST) != 0)), known_only=False)
        self._note(found, np.flatnonzero(said & (found["flags"] & _SYN != 0)), known_only=True)
        later = self._whose(found, orphans)
        first, last = found["first"][orphans], found["last"][orphans]
        crossed = (later["since"] > first) & (later["since"] <= last) & (later["tag"] != earlier["tag"])
        told = np.where(later["since"] <= first, later, earlier)
        fits = (told["tag"] > KERNEL) & (told["since"] <= first) & (first - told["until"] <= LINGER)
        fits &= ~crossed  # the port changed hands while it was said
        found["tag"][orphans[fits]] = told["tag"][fits]
        self._go_on(found, orphans[fits])
        return int(np.count_nonzero(fits))

    def _places(self, found: Rows, at: Places) -> tuple[Places, npt.NDArray[np.uint64]]:
        keys = _keys(found[at])
        return (rows.mix(keys, self.seed) & np.uint64(len(self._table) - 1)).astype(np.intp), keys

    def _whose(self, found: Rows, at: Places) -> Any:
        """What is remembered of these rows' connections; zeros where nothing is."""
        places, keys = self._places(found, at)
        told = self._table[places]
        told[(told["key"] != keys).any(axis=1)] = np.zeros((), _CLOSING)
        return told

    def _note(self, found: Rows, at: Places, known_only: bool) -> None:
        """Remember whose these connections are; ``known_only``: of places where the same one is remembered already."""
        at = at[np.argsort(found["first"][at], kind="stable")]  # of two at one place the later stays
        places, keys = self._places(found, at)
        same = (self._table["key"][places] == keys).all(axis=1)
        fresh = (~same & (not known_only)) | (same & (found["first"][at] >= self._table["since"][places]))
        at, places, keys = at[fresh], places[fresh], keys[fresh]
        noted = np.zeros(len(at), _CLOSING)
        noted["key"], noted["tag"] = keys, found["tag"][at]
        noted["since"], noted["until"] = found["first"][at], found["last"][at]
        self._table[places] = noted

    def _go_on(self, found: Rows, at: Places) -> None:
        """What was said for a connection makes the kernel remember it for longer."""
        places, _ = self._places(found, at)
        np.maximum.at(self._table["until"], places, found["last"][at])
