"""Asking a peer for its signed statement, and for the view of its objects that the statement vouches for.

A peer that is slow, silent or wrong costs a time limit and nothing else. What it says is compared with what is known:
bytes heard before are not verified again.
"""

import functools
import hashlib
from typing import Any
from urllib.parse import urljoin

from attrs import field, frozen

from planetlab import dsse, following, trust
from planetlab.ask import Ask
from planetlab.errors import BadSettings, PeerError
from planetlab.following import Known
from planetlab.refusals import BadPaper
from planetlab.registry.peer_papers import ACTIVE, Paper
from planetlab.statements import MOST_BYTES, Statement
from planetlab.trust import Root, Roots

PATIENCE = 20.0  # seconds for a statement
MOST_VIEW = 64 << 20  # octets of a view
STATEMENT, TURNS = "/federation/statement.json", "turns.json"  # the turns stand beside the statement
ALARMING = frozenset({"two-faced", "rolled-back", "forged", "turn-skipped", "wrong-subtree", "chain-broken"})


@functools.lru_cache(maxsize=512)
def known(sealed: bytes) -> Known:
    """A statement that was believed before, read back."""
    return following.again(sealed)


@frozen
class Hearing:
    """Asks peers over the network."""

    reactor: Any
    patience: float = field(factory=lambda: PATIENCE)

    async def statement(self, paper: Paper, now: float) -> Known:
        """What the peer says now. Raises `PeerError` when it does not answer, `BadPaper` for what is not believed."""
        before = known(paper.statement)
        address = before.statement.endpoints.get("statement", "")
        if not address:
            return before
        sealed = await self._get(address, before.statement, MOST_BYTES)
        if sealed == paper.statement:
            return before
        turns: list[bytes] = []
        if _turn(sealed) not in (0, before.statement.turn):
            turns = _list(await self._get(urljoin(address, TURNS), before.statement, MOST_BYTES * 4))
        return following.follow(before, sealed, now, turns)

    async def view(self, said: Statement, name: str) -> bytes:
        """The bytes of a view that the statement vouches for. Raises `PeerError` for any others."""
        view = said.views[name]
        if view.octets > MOST_VIEW:
            raise PeerError(f"its view {name} has {view.octets} octets, at most {MOST_VIEW} are read")
        address = urljoin(said.endpoints.get("statement", ""), view.url)
        data = await self._get(address, said, view.octets)
        if len(data) != view.octets or hashlib.sha256(data).hexdigest() != view.sha256:
            raise PeerError(f"its view {name} is not the one that its statement vouches for")
        return data

    async def _get(self, address: str, said: Statement, most: int) -> bytes:
        try:
            ca = said.ca.encode() or None
            return await Ask(address, ca=ca, timeout=self.patience, tries=1, reactor=self.reactor, most=most).get()
        except BadSettings as error:
            raise PeerError(str(error)) from error


def _turn(sealed: bytes) -> int:
    """Which turn a statement says it is of; 0 for what is none."""
    try:
        said = dsse.loads(dsse.read(sealed, MOST_BYTES).payload)
    except BadPaper:
        return 0
    turn = said.get("turn") if isinstance(said, dict) else None
    return turn if type(turn) is int else 0


def _list(data: bytes) -> list[bytes]:
    said = dsse.loads(data)
    if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
        raise PeerError("its list of turns is not one: expected an array of texts")
    return [each.encode() for each in said]


def trusted(papers: list[Paper], own: Root | None) -> Roots:
    """The roots that an authority believes: its own, and its peers as far as they count now."""
    roots: list[Root] = [] if own is None else [own]
    for paper in papers:
        said = known(paper.statement).statement
        gid = said.gids[0]
        suspended = "" if paper.state == ACTIVE else f"the peering with {paper.hrn} is suspended"
        if own is None or paper.hrn != own.hrn:
            roots.append(trust.Root(hrn=paper.hrn, gid=gid, suspended=suspended).heard(said))
    return Roots(roots)
