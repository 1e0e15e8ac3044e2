"""Taking over a large peer for the first time, in pieces between which others write; it is seen when all is there.

What a kill or a failure leaves is not seen either, and is taken away when the peer is refreshed next.
"""

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.task import deferLater

from planetlab.both.desk import Desk
from planetlab.copies import Here, Plan
from planetlab.failpoints import failpoint
from planetlab.registry import arriving, copies
from planetlab.registry.store import Store

PAUSE = 0.01  # seconds between pieces, for writers of other processes, who look only now and then


def is_needed(what: Plan, here: Here) -> bool:
    """Whether a plan is of a peer of which nothing is held yet, and too large to be written in one go."""
    return what.size > arriving.PIECE and not any(here.held.values())


@frozen
class Arrival:
    """One peer that comes. ``numbers`` gains ours of what is written, ``lap`` is told when each phase ends.

    ``still`` raises when the peer counts no more.
    """

    desk: Desk
    peer_id: int
    numbers: dict[str, dict[int, int]]
    still: Callable[[Store], None]
    lap: Callable[[str], Any]
    reactor: Any

    async def write(self, what: Plan) -> None:
        """Write what a plan adds. It is seen from `arriving.end` on."""
        await self.desk.job_of_both(self._begin)
        for piece in what.pieces(arriving.PIECE):
            await self._write(piece)
            failpoint("refresh.arriving")
            await deferLater(self.reactor, PAUSE)

    def _begin(self, store: Store) -> None:
        self.still(store)
        arriving.begin(store, self.peer_id)

    async def _write(self, piece: Plan) -> None:
        def do(store: Store) -> None:
            self.still(store)
            copies.carry_out(store, self.peer_id, piece, self.numbers, self.lap)

        await self.desk.job_of_both(do)


async def clear(desk: Desk, peer_id: int) -> None:
    """Take away what was broken off of a peer, if anything was."""
    left = await desk.look(lambda store: arriving.is_begun(store, peer_id))
    while left:
        left = await desk.job_of_both(lambda store: arriving.clear(store, peer_id))
