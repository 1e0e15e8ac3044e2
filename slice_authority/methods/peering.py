"""Peers by signed statements: making them known, looking at them, suspending them; what they and our nodes are told."""

import hashlib
from typing import Annotated

from planetlab import voice, xmlrpc
from planetlab.both import forms, forwarding, hearing, introducing
from planetlab.both.afterwards import afterwards
from planetlab.both.callers import PeerCaller, the_node
from planetlab.both.methods.peers import shown_of_ours
from planetlab.calls import Call
from planetlab.copies import KEYS, NODES, PERSONS, SITES, SLICES, Noun
from planetlab.errors import BadArgument, Unavailable
from planetlab.filters import AmongValues, Compare, Condition
from planetlab.gids import Gid
from planetlab.methods import Api, Role
from planetlab.names import Hrn
from planetlab.records.nodes import NODE
from planetlab.records.peers import PEER
from planetlab.registry import peer_papers, tickets
from planetlab.registry.peer_papers import ACTIVE, SUSPENDED, Paper
from planetlab.registry.store import Row, Store
from planetlab.trust import Root
from slice_authority.federation import Federation
from slice_authority.methods.tickets import standing_ticket

api = Api()

PeerKey = Annotated[int | str, "A peer's number, its name, or its name in the federation, like epfl."]
Words = Annotated[str, "The eight words that its operator read out; empty: a chain must lead to a root known here."]
Sealed = Annotated[str, "A signed statement, as `plfed authority invitation` prints it."]
Stamp = Annotated[str, "The stamp of the view that is held; empty: none."]
Names = Annotated[list[str], "Names of authorities in the federation, at most 1000."]
MOST_NAMES = 1000
FETCHED = ("plc-instantiated", "nm-controller")  # the slices whose nodes fetch their tickets


@api.method(Role.ADMIN, reads=True)
def GetInvitation(call: Call) -> dict[str, object]:
    """Give this authority's signed statement, and the words by which its operator tells that it is the right one."""
    federation = _federation(call.store)
    words = voice.words(federation.statement.fingerprint)
    return {"statement": federation.sealed.decode(), "words": words, "hrn": str(call.store.plc.hrn)}


@api.method(Role.ADMIN)
def AcceptPeer(call: Call, statement: Sealed, words: Words) -> int:
    """Make another authority known by its signed statement; the number of the peer.

    Its operator reads out the words that belong to the statement. An authority below one that is known here needs none:
    its certificate leads there. The PLC API peer of that name, if there is one, becomes this one.
    """
    store, own = call.store, call.store.plc.hrn
    trusted = hearing.trusted(peer_papers.every(store), _own_root(store))
    anchors = [gid for root in trusted.roots if not root.suspended for gid in root.gids]
    anchors += _above(store)
    number, known = introducing.accept(store, own, statement.encode(), words, anchors)
    store.note(f"Peer {known.statement.hrn} accepted", Peer=number)
    return number


@api.method(Role.ADMIN, reads=True)
def GetPeerBooks(call: Call) -> list[dict[str, object]]:
    """List every peer with how it is known, whether it counts, how fresh it is, and what is wrong with it.

    Ages are in seconds, -1 for never. A peer that is known by the PLC API only has the kind plcapi and no statement.
    """
    store = call.store
    papers = {paper.peer_id: paper for paper in peer_papers.every(store)}
    counts, refreshed = peer_papers.counts(store), peer_papers.refreshed(store)
    rows = []
    for peer in store.rows(PEER, fields=("peer_id", "peername", "peer_url", "hrn_root")):
        number = peer["peer_id"]
        done, doubted = refreshed.get(number, (0, 0))
        about = {**peer, "hrn_root": peer["hrn_root"] or "", "objects": counts.get(number, {}), "held_back": doubted,
                 "objects_age": int(store.now) - done if done else -1}  # fmt: skip
        rows.append(about | _told_of(papers.get(number), store.now))
    return rows


@api.method(Role.ADMIN)
def DiffPeer(call: Call, peer_id_or_name: PeerKey) -> Annotated[Row, forms.STRUCT]:
    """Ask a peer, and say what a refresh would change, without changing it."""
    peer, peering = _peer(call.store, peer_id_or_name), call.store.plc.peers
    if peering is None:
        raise Unavailable("this authority asks no peers")
    return afterwards(lambda: peering.differences(peer))


@api.method(Role.ADMIN)
def SuspendPeer(call: Call, peer_id_or_name: PeerKey) -> int:
    """Let nothing of a peer count until it is resumed: its calls, its tickets on our nodes, its changes."""
    return _set(call, peer_id_or_name, SUSPENDED)


@api.method(Role.ADMIN)
def ResumePeer(call: Call, peer_id_or_name: PeerKey) -> int:
    """Let a peer count again; what was alarming of it is taken as seen."""
    return _set(call, peer_id_or_name, ACTIVE)


@api.method(Role.PEER, reads=True)
def GetPeerView(call: Call, stamp: Stamp) -> Annotated[Row, forms.STRUCT]:
    """Tell the calling peer what touches it: our nodes, our slices on its nodes with their persons, and their tickets.

    The answer has a ``stamp``; shown next time, it is answered by ``unchanged`` while nothing has changed.
    """
    if not isinstance(call.caller, PeerCaller):
        raise BadArgument("only a peer itself may call this")
    store, peer_id = call.store, call.caller.peer_id
    slices = _touching(store, peer_id)
    told: Row = {noun.plural: rows for noun, rows in _view(store, slices).items()}
    told["PeerNodes"] = store.rows(NODE, Compare("peer_id", "=", peer_id), ("node_id", "peer_node_id"))
    told["Tickets"] = [
        {"name": row["name"], "sealed": standing_ticket(call, row["slice_id"]).decode()}
        for row in told[SLICES.plural]
        if row["instantiation"] in FETCHED and row["expires"] > store.now
    ]
    now = hashlib.sha256(xmlrpc.dumps_answer(told)).hexdigest()
    return {"unchanged": True, "stamp": now} if stamp == now else {**told, "stamp": now, "db_time": 0.0}


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE, Role.PEER, Role.ANONYMOUS, reads=True)
def FindAuthority(call: Call, hrn: str, visited: Names) -> Annotated[Row, forms.STRUCT]:
    """Tell who answers for a name, with its signed statement; asked of others along the hierarchy if it must be.

    ``visited`` names the authorities that were asked before, none at first; a question never comes to one twice.
    """
    name, federation, store = Hrn.parse(hrn), _federation(call.store), call.store
    if len(visited) > forwarding.MOST_HOPS:
        raise BadArgument(f"expected at most {forwarding.MOST_HOPS} names, got {len(visited)}", "visited")
    papers = peer_papers.every(store)
    found = forwarding.decide(store.plc.hrn, federation.sealed, papers, name, visited)
    if isinstance(found, forwarding.Found):
        return _found(found)
    kept = {paper.hrn: paper.statement for paper in papers}
    reactor = store.plc.peers.reactor

    async def ask_on() -> Row:
        return _found(await forwarding.ask_on(name, found, reactor, kept.get))

    return afterwards(ask_on)


@api.method(Role.NODE, reads=True)
def GetNodePeers(call: Call, hrns: Names) -> dict[str, object]:
    """Tell one of our nodes of these peers whether they count, and what they said last, signed; and who has left."""
    if len(hrns) > MOST_NAMES:
        raise BadArgument(f"expected at most {MOST_NAMES} names, got {len(hrns)}", "hrns")
    papers = [paper for paper in peer_papers.every(call.store) if str(paper.hrn) in set(hrns)]
    said = [{"hrn": str(p.hrn), "state": p.state, "statement": p.statement.decode()} for p in papers]
    return {"peers": said, "gone": [name for name in peer_papers.gone(call.store) if name in set(hrns)]}


@api.method(Role.NODE, reads=True)
def GetPeerTickets(call: Call, hrn: str, since: Annotated[int, forms.ID]) -> dict[str, object]:
    """Give the calling node the tickets that a peer has sealed for its slices there, in the form of GetNodeTickets."""
    node_id = the_node(call.caller).node_id
    paper = peer_papers.named(call.store, Hrn.parse(hrn))
    if paper.state == SUSPENDED:
        raise Unavailable(f"the peering with {hrn} is suspended")
    stamp = tickets.version(call.store)
    passed = peer_papers.pass_on(call.store, paper.peer_id, node_id, since if 0 <= since <= stamp else 0)
    if since and not passed.sealed and not passed.deleted:
        return {"stamp": stamp, "unchanged": True}
    return {"stamp": stamp, "tickets": [text.decode() for text in passed.sealed], "deleted": list(passed.deleted)}


def _found(found: forwarding.Found) -> Row:
    return {"hrn": str(found.hrn), "statement": found.sealed.decode(), "visited": list(found.visited)}


def _told_of(paper: Paper | None, now: float) -> dict[str, object]:
    if paper is None:
        return {"kind": "plcapi", "state": ACTIVE, "hrn": "", "trouble": "", "alarm": "", "failures": 0, "age": -1}
    said = hearing.known(paper.statement)
    kind = "plfed" if "plcapi" in said.statement.capabilities else "static"
    return {
        "kind": kind, "state": paper.state, "hrn": str(paper.hrn), "trouble": paper.trouble, "alarm": paper.alarm,
        "failures": paper.failures, "age": max(0, int(now - paper.heard)), "asked_age": max(0, int(now - paper.asked)),
        "turn": said.statement.turn, "version": float(said.statement.version), "anchored": paper.anchored,
        "expires": float(said.statement.expires), "frozen": said.is_frozen(now), "added": paper.added,
        "capabilities": list(said.statement.capabilities), "fingerprint": said.statement.fingerprint,
        "words": voice.words(said.statement.fingerprint), "revoked": len(said.statement.revoked),
    }  # fmt: skip


def _set(call: Call, key: int | str, state: str) -> int:
    peer = _peer(call.store, key)
    if peer_papers.of(call.store, peer["peer_id"]) is None:
        raise BadArgument(f"{peer['peername']} is known by the PLC API only; have it accepted by its statement first")
    if state == ACTIVE:
        peer_papers.calm(call.store, peer["peer_id"])
    peer_papers.set_state(call.store, peer["peer_id"], state)
    call.store.note(f"Peer {peer['peer_id']} is {state}", Peer=peer["peer_id"])
    return 1


def _peer(store: Store, key: int | str) -> Row:
    """A peer by number, by what it is called here, or by its name in the federation. Raises `NotFound`."""
    if isinstance(key, str):
        row = store.row(PEER, Compare("hrn_root", "=", key))
        if row is not None:
            return row
    return store.find(PEER, key)


def _federation(store: Store) -> Federation:
    found = getattr(store.plc.peers, "federation", None)
    if not isinstance(found, Federation):
        raise Unavailable("this authority says nothing of itself; its operator must set federation")
    return found


def _own_root(store: Store) -> Root | None:
    found = getattr(store.plc.peers, "federation", None)
    return found.root if isinstance(found, Federation) else None


def _above(store: Store) -> tuple[Gid, ...]:
    """The certificates of the authorities above this one, which it was given with its own."""
    found = getattr(store.plc.peers, "federation", None)
    return found.above if isinstance(found, Federation) else ()


def _touching(store: Store, peer_id: int) -> list[Row]:
    """Our slices on nodes of that peer."""
    theirs = {row["node_id"] for row in store.rows(NODE, Compare("peer_id", "=", peer_id), ("node_id",))}
    ours = shown_of_ours(store, SLICES)
    return [row for row in ours if theirs.intersection(row["node_ids"])]


def _view(store: Store, slices: list[Row]) -> dict[Noun, list[Row]]:
    """Our nodes, those slices, and the persons, keys and sites that these need."""
    nodes = shown_of_ours(store, NODES)
    members = {number for row in slices for number in row["person_ids"]}
    members |= {row["creator_person_id"] for row in slices if row["creator_person_id"]}
    persons = shown_of_ours(store, PERSONS, _among(PERSONS, members))
    keys = shown_of_ours(store, KEYS, _among(KEYS, {number for row in persons for number in row["key_ids"]}))
    places = {row["site_id"] for row in (*nodes, *slices)}
    sites = shown_of_ours(store, SITES, _among(SITES, places)) or shown_of_ours(store, SITES)[:1]
    return {SITES: sites, KEYS: keys, NODES: nodes, PERSONS: persons, SLICES: slices}


def _among(noun: Noun, numbers: set[int]) -> Condition:
    return AmongValues(noun.record.key, tuple(sorted(numbers)))
