"""Making another authority known by its signed statement: what must hold, and the peer's fields that follow from it."""

import functools
from collections.abc import Sequence
from urllib.parse import urlsplit

from planetlab import following, voice
from planetlab.both import writing
from planetlab.errors import BadArgument, Conflict
from planetlab.filters import Compare
from planetlab.following import Known
from planetlab.gids import Gid
from planetlab.names import Hrn, skeleton
from planetlab.records.peers import PEER
from planetlab.registry import peer_papers
from planetlab.registry.store import Row, Store
from planetlab.statements import Statement

WORDS, CHAIN = "words", "chain"


def fields(said: Statement) -> Row:
    """The fields of a PLC API peer that a statement states."""
    active = next((key.paper for key in said.pgp if key.state == "active"), None)
    host = urlsplit(said.endpoints.get("plcapi") or said.endpoints.get("statement", "")).netloc
    return {
        "peername": said.name,
        "peer_url": said.endpoints.get("plcapi") or f"https://{host or 'nowhere.invalid'}/",
        "key": active,
        "cacert": said.ca or None,
        "shortname": str(said.hrn).upper(),
        "hrn_root": str(said.hrn),
    }


def accept(store: Store, own: Hrn, sealed: bytes, words: str, anchors: Sequence[Gid]) -> tuple[int, Known]:
    """Make the authority known that signed this statement: its number as a peer, and what is known of it.

    ``words`` were read out by its operator; without them a chain must lead to one of ``anchors``. Raises `BadArgument`
    for words that are not its own, `BadStatement` or `BadGid`, and `Conflict` for a name that is not free.
    """
    fingerprint = ""
    if words:
        fingerprint = _read(sealed).fingerprint
        if not voice.same(words, fingerprint):
            said = "they are not this statement's; have its operator read them out again: if they stay, it is forged"
            raise BadArgument(said, "words")
    known = following.begin(sealed, store.now, fingerprint, anchors)
    _must_be_free(store, own, known.statement.hrn, bool(words))
    number = _peer(store, known.statement)
    peer_papers.begin(store, number, known.statement.hrn, sealed, WORDS if words else CHAIN)
    return number, known


@functools.lru_cache(maxsize=64)
def _read(sealed: bytes) -> Statement:
    return following.again(sealed).statement


def _must_be_free(store: Store, own: Hrn, hrn: Hrn, by_words: bool) -> None:
    if hrn == own:
        raise Conflict(f"{hrn} is the name of this authority itself")
    if own.governs(hrn) and by_words:
        raise Conflict(f"{hrn} lies below {own}: it must show a certificate of {own}'s, not words")
    for name in (own, *(paper.hrn for paper in peer_papers.every(store))):
        if name != hrn and skeleton(name) == skeleton(hrn):
            raise Conflict(f"{hrn} reads like {name}, which is known here")


def _peer(store: Store, said: Statement) -> int:
    """The peer that goes by this name already, by whatever way it was made known, or a new one."""
    wanted = fields(said)
    for name in ("hrn_root", "peername"):
        there = store.row(PEER, Compare(name, "=", wanted[name]), ("peer_id", "hrn_root"))
        if there is not None:
            if (there["hrn_root"] or wanted["hrn_root"]) != wanted["hrn_root"]:
                raise Conflict(f"{wanted['peername']!r} is the name of peer {there['hrn_root']} here")
            writing.update(store, PEER, there["peer_id"], {k: v for k, v in wanted.items() if k != "peername"})
            number: int = there["peer_id"]
            return number
    return writing.add(store, PEER, wanted)
