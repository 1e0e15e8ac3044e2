"""Other PLCs: who they are, what they are told of our objects, and taking over theirs."""

import time
from typing import Annotated

from planetlab.both import forms, getting, writing
from planetlab.both.afterwards import afterwards
from planetlab.both.callers import PeerCaller
from planetlab.calls import Call
from planetlab.copies import KEYS, NODES, PERSONS, SITES, SLICES, Noun
from planetlab.errors import BadArgument, DatabaseError, NotFound, Unavailable
from planetlab.filters import AmongValues, Compare, Condition, Every, HasAny, IsNil, Not, both
from planetlab.methods import Api, Role
from planetlab.records.fields import Record
from planetlab.records.nodes import NODE
from planetlab.records.peers import PEER
from planetlab.records.persons import KEY, PERSON
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry import copies
from planetlab.registry.store import Row, Store
from planetlab.shapes import ListOf, Of

api = Api()

PeerKey = Annotated[int | str, forms.id_or_name(PEER)]
PeerFields = Annotated[Row, forms.struct(PEER, PEER.settable())]
_STRUCTS = ListOf((forms.STRUCT,))
Told = Annotated[
    Row,
    forms.answer(Keys=_STRUCTS, Nodes=_STRUCTS, Persons=_STRUCTS, Sites=_STRUCTS, Slices=_STRUCTS, db_time=Of(float)),
]
BINDABLE = {"site": SITES, "person": PERSONS, "slice": SLICES, "node": NODES, "key": KEYS}
_SECRETS = ("boot_nonce", "key", "session")

getting.declare(
    api,
    getting.Get(
        "Peers",
        PEER,
        (Role.ADMIN, Role.NODE, Role.PI, Role.USER),
        forms.wanted(PEER),
        "peer_filter",
        "List the other PLCs that this one knows; their keys and certificates are for admins only.",
    ),
)


@api.method(Role.ADMIN)
def AddPeer(call: Call, peer_fields: PeerFields) -> int:
    """Make another PLC known: its name as it calls itself, its API's address, its OpenPGP key and its CA certificate.

    Unknown fields are ignored.
    """
    given = writing.sort_out(PEER, peer_fields, PEER.settable(), where="peer_fields")
    return writing.add(call.store, PEER, given.native, "peer_fields")


@api.method(Role.ADMIN)
def UpdatePeer(call: Call, peer_id_or_name: PeerKey, peer_fields: PeerFields) -> int:
    """Change what is known of another PLC; unknown fields are ignored."""
    peer = call.store.find(PEER, peer_id_or_name, ("peer_id",))
    given = writing.sort_out(PEER, peer_fields, PEER.settable(), where="peer_fields")
    writing.update(call.store, PEER, peer["peer_id"], given.native, "peer_fields")
    return 1


@api.method(Role.ADMIN)
def DeletePeer(call: Call, peer_id_or_name: PeerKey) -> int:
    """Forget another PLC, with every copy of its objects; its name is free again."""
    peer = call.store.find(PEER, peer_id_or_name, ("peer_id",))
    writing.remove(call.store, PEER, peer["peer_id"])
    return 1


@api.method(Role.ADMIN)
def DeleteAllPeerEntries(call: Call, peer_id_or_peername: PeerKey) -> int:
    """Delete every copy of another PLC's objects, but not the PLC itself; the next refresh brings them back."""
    peer = call.store.find(PEER, peer_id_or_peername, ("peer_id",))
    copies.forget(call.store, peer["peer_id"])
    call.store.note(f"Entries of peer {peer['peer_id']} deleted", Peer=peer["peer_id"])
    return 1


@api.method(Role.ADMIN, Role.PEER, Role.NODE, reads=True, example=())
def GetPeerName(call: Call) -> Annotated[str, forms.of(PEER, "peername")]:
    """Tell the name by which this PLC calls itself."""
    return str(call.store.plc.name)


@api.method(Role.ADMIN, Role.PEER, reads=True)
def GetPeerData(call: Call) -> Told:
    """Tell another PLC our own objects, without anybody's secrets, and our copies of its nodes.

    Left out are nodes with a whitelist, system slices, the operators' own accounts, and what came from the SFA.
    """
    begun = time.monotonic()
    told: Row = {noun.plural: shown_of_ours(call.store, noun) for noun in (SITES, KEYS, NODES, PERSONS, SLICES)}
    if isinstance(call.caller, PeerCaller):
        his = Compare("peer_id", "=", call.caller.peer_id)
        told["PeerNodes"] = call.store.rows(NODE, his, _shown(NODE))
    told["db_time"] = time.monotonic() - begun
    return told


@api.method(Role.ADMIN)
def RefreshPeer(call: Call, peer_id_or_peername: PeerKey) -> Annotated[Row, forms.STRUCT]:
    """Take over another PLC's objects as they are now; the seconds that each phase took.

    What it no longer has goes, unless that is more than half of what is held: then it must say so twice.
    """
    peer = call.store.find(PEER, peer_id_or_peername)
    peering = call.store.plc.peers
    if peering is None:
        raise Unavailable("this authority asks no peers")
    call.store.note(f"Refresh of peer {peer['peer_id']} asked for", Peer=peer["peer_id"])
    return afterwards(lambda: peering.refresh(peer))


@api.method(Role.ADMIN)
def BindObjectToPeer(call: Call, object_type: str, object_id: int, shortname: str, remote_object_id: int) -> int:
    """Say that an object that is here is a peer's, under the peer's own number (0 if that is not known).

    ``object_type`` is site, person, slice, node or key. Binding it again to the same peer changes nothing.
    """
    noun, row, peer = _bound(call.store, object_type, object_id, shortname)
    if row["peer_id"] == peer["peer_id"]:
        return 1
    if row["peer_id"] is not None:
        raise DatabaseError(f"{object_type} {object_id} is bound to another peer already")
    writing.must_be_kept(remote_object_id, "remote_object_id")
    copies.bind(call.store, noun, object_id, peer["peer_id"], remote_object_id)
    call.store.note(f"{noun.record.name} {object_id} bound to peer {peer['peer_id']}", **{noun.record.name: object_id})
    return 1


@api.method(Role.ADMIN)
def UnBindObjectFromPeer(call: Call, object_type: str, object_id: int, shortname: str) -> int:
    """Say that an object is ours again; one that is not bound to that peer stays as it is."""
    noun, row, peer = _bound(call.store, object_type, object_id, shortname)
    if row["peer_id"] == peer["peer_id"]:
        copies.bind(call.store, noun, object_id, None, None)
        call.store.note(f"{noun.record.name} {object_id} is ours again", **{noun.record.name: object_id})
    return 1


def _bound(store: Store, object_type: str, object_id: int, shortname: str) -> tuple[Noun, Row, Row]:
    noun = BINDABLE.get(object_type.lower())
    if noun is None:
        raise BadArgument(f"unknown type {object_type!r}; known are {', '.join(BINDABLE)}", "object_type")
    found = store.rows(PEER, Compare("shortname", "=", shortname.upper()), ("peer_id",))
    if len(found) != 1:
        raise NotFound(f"No such peer: {shortname.upper()!r} is the short name of {len(found)}", "shortname")
    return noun, store.find(noun.record, object_id, (noun.record.key, "peer_id")), found[0]


def shown_of_ours(store: Store, noun: Noun, among: Condition = Every()) -> list[Row]:  # noqa: B008  # frozen
    """Our own objects of one noun, as peers are told of them."""
    record = noun.record
    wanted = both(both(IsNil("peer_id"), _exported(store, noun)), among)
    rows = store.rows(record, wanted, _shown(record))
    return [row for row in rows if row.get("sfa_created") != "True"]


def _exported(store: Store, noun: Noun) -> Condition:
    if noun is NODES:
        return HasAny("slice_ids_whitelist", ())
    if noun is PERSONS:
        plc = store.plc
        return Not(AmongValues("email", (plc.maintenance_user.lower(), plc.root_user.lower())))
    if noun is SLICES:
        return both(store.live(SLICE), Not(AmongValues("slice_id", tuple(copies.system_slices(store)))))
    return Every()


def _shown(record: Record) -> tuple[str, ...]:
    names = tuple(name for name in record.names() if record is not NODE or name not in _SECRETS)
    tags = {SITE: ("sfa_created", "hrn"), PERSON: ("sfa_created", "hrn"), NODE: ("hrn",), SLICE: SLICE.tags, KEY: ()}
    return (*names, *(tag for tag in tags[record] if tag not in names))
