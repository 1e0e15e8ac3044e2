"""Who answers for a name: found along the hierarchy, each authority asking the next that is nearer to it.

A question carries the names of all whom it has passed; one that comes to somebody again, or has passed too many, ends
there. An answer is a signed statement, so it does not matter through whom it came.
"""

from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

from planetlab import dsse, statements
from planetlab.ask import Anonymous, Ask
from planetlab.both import hearing
from planetlab.errors import BadArgument, NotFound, PeerError
from planetlab.names import Hrn, longest_governing
from planetlab.refusals import BadPaper
from planetlab.registry.peer_papers import ACTIVE, Paper
from planetlab.statements import MOST_BYTES, Statement

MOST_HOPS = 8
METHOD = "FindAuthority"
PATIENCE = 10.0  # seconds for the next authority's answer, which may itself have to ask


@frozen
class Found:
    """Who answers for a name: its signed statement, and whom the question passed."""

    hrn: Hrn
    sealed: bytes
    visited: tuple[str, ...]


@frozen
class Next:
    """Whom to ask next, in order."""

    candidates: tuple[Statement, ...]
    visited: tuple[str, ...]


def decide(own: Hrn, sealed: bytes, papers: Sequence[Paper], name: Hrn, visited: Sequence[str]) -> Found | Next:
    """The answer, as far as it is known here, or whom to ask. Pure; raises `BadArgument` for a loop.

    The deepest authority known that governs the name answers for it. If that may have others below it, it is asked;
    if nobody is known that governs the name, the authorities above are, and then the other roots.
    """
    if str(own) in visited:
        raise BadArgument(f"{own} was asked before: {' -> '.join((*visited, str(own)))}", "visited")
    if len(visited) >= MOST_HOPS:
        raise BadArgument(f"{len(visited)} authorities were asked, at most {MOST_HOPS} may be", "visited")
    now = (*visited, str(own))
    known = {paper.hrn: paper for paper in papers if paper.state == ACTIVE}
    nearest = longest_governing((own, *known), name)
    if nearest == own:
        return Found(own, sealed, now)
    said = {hrn: hearing.known(paper.statement).statement for hrn, paper in known.items()}
    asked = [each for hrn, each in said.items() if hrn == nearest or (nearest is None and not name.governs(hrn))]
    asked.sort(key=lambda each: (not each.hrn.governs(own), len(each.hrn.path), str(each.hrn)))
    open_to = tuple(each for each in asked if str(each.hrn) not in now and "forward" in each.capabilities)
    if nearest is not None and not open_to:
        return Found(nearest, known[nearest].statement, now)
    return Next(open_to, now)


async def ask_on(name: Hrn, following: Next, reactor: Any, fallback: Callable[[Hrn], bytes | None]) -> Found:
    """Ask one after the other until somebody answers. Raises `NotFound` when nobody does."""
    visited = following.visited
    for said in following.candidates:
        try:
            return await _ask(said, name, visited, reactor)
        except (PeerError, BadPaper, BadArgument):
            kept = fallback(said.hrn)
            if kept is not None and said.hrn.governs(name):
                return Found(said.hrn, kept, visited)
            visited = (*visited, str(said.hrn))
            if len(visited) >= MOST_HOPS:
                break
    raise NotFound(f"nobody is known who answers for {name}; asked: {', '.join(visited)}")


async def _ask(said: Statement, name: Hrn, visited: tuple[str, ...], reactor: Any) -> Found:
    where, ca = said.endpoints.get("plcapi", ""), said.ca.encode() or None
    asked = Ask(where, ca=ca, auth=Anonymous(), timeout=PATIENCE, tries=1, reactor=reactor, most=MOST_BYTES * 2)
    answer = await asked.call(METHOD, str(name), list(visited))
    if not isinstance(answer, dict) or not isinstance(answer.get("visited"), list):
        raise PeerError(f"{said.hrn}: its answer is not one: expected a struct with visited")
    sealed = str(answer.get("statement", "")).encode()
    found = statements.read(dsse.read(sealed, MOST_BYTES))
    passed = tuple(str(each) for each in answer["visited"])[:MOST_HOPS]
    if passed[: len(visited)] != visited or not found.hrn.governs(name):
        raise PeerError(f"{said.hrn}: it answered for {found.hrn}, asked for {name}")
    return Found(found.hrn, sealed, passed)
