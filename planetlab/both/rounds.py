"""Refreshing all peers by the clock: several at a time, and who does not answer less and less often."""

import itertools
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from planetlab.ask import each
from planetlab.both.peering import Peering
from planetlab.errors import PlanetLabError
from planetlab.records.peers import PEER
from planetlab.registry import peer_papers
from planetlab.registry.store import Row

log = Logger()

AT_ONCE = 16  # peers that are asked at the same time
SLOWEST = 16  # rounds between two tries of a peer that does not answer


def periodically(peering: Peering) -> Callable[[], Any]:
    """The job that refreshes every peer, several at a time; one that fails is asked less and less often.

    A peer that is silent holds one place until its time is over, and the others' turns go on in the other places.
    """
    rounds = itertools.count()

    async def work() -> None:
        desk, number = peering.at_work(), next(rounds)
        peers = await desk.look(lambda store: store.rows(PEER))
        papers = {paper.peer_id: paper for paper in await desk.look(peer_papers.every)}

        def is_due(peer: Row) -> bool:
            paper = papers.get(peer["peer_id"])
            if paper is None:
                return True
            if paper.state == peer_papers.SUSPENDED:
                return False
            every = SLOWEST if paper.failures > 8 else min(1 << paper.failures, SLOWEST)
            return bool((number + peer["peer_id"]) % every == 0)

        async def one(peer: Row) -> None:
            try:
                await peering.refresh(peer)
            except PlanetLabError as error:
                log.warn("peer {peer} was not refreshed: {error}", peer=peer["peername"], error=str(error))

        await each([peer for peer in peers if is_due(peer)], one, at_once=AT_ONCE)

    return work
