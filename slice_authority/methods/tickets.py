"""Tickets: signed words that a sliver may be made, asked for by people, or fetched by the nodes of a slice."""

from typing import Annotated

from attrs import evolve

from planetlab.both import forms, rights
from planetlab.both.callers import PeerCaller, PersonCaller, the_node
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.failpoints import failpoint
from planetlab.methods import Api, Role
from planetlab.records.slices import SLICE
from planetlab.registry import tickets as issued
from planetlab.registry.store import Row
from slice_authority.issuing import SAYS, fresh_serial, sealer, ticket_of
from slice_authority.methods.slices import SliceKey, find, ours

api = Api()
tickets_api = Api()

DELEGATED = "delegated"
_ASKED = (*rights.WHOSE, *SAYS)
Since = Annotated[int, forms.ID]


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.PEER, example=("princeton_codeen",))
def GetSliceTicket(call: Call, slice_id_or_name: SliceKey) -> str:
    """Give the slice's ticket as an OpenPGP signed message, armoured: whoever presents it at a node gets a sliver.

    Members, PIs of the site and admins may ask; a peer for its own slices. The ticket ends with the slice.
    """
    return _issued(call, find(call, slice_id_or_name, _ASKED), "openpgp")


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.PEER, status="deprecated")
def SliceGetTicket(call: Call, slice_id_or_name: SliceKey) -> str:
    """Give a delegated slice's ticket as the XML document that v3 nodes read."""
    return _document(call, slice_id_or_name)


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.PEER, status="deprecated")
def SliceTicketGet(call: Call, slice_id_or_name: SliceKey) -> str:
    """Give a delegated slice's ticket as the XML document that v3 nodes read."""
    return _document(call, slice_id_or_name)


@tickets_api.method(Role.NODE, reads=True, example=(0,))
def GetNodeTickets(call: Call, since: Since) -> dict[str, object]:
    """Give the calling node the tickets of its slices that changed after the stamp ``since``; 0 for all.

    ``stamp`` is to be sent next time, ``now`` is our time. Nothing new: ``unchanged`` is true. Else ``tickets`` holds
    sealed tickets, and ``deleted`` the names of slices that left this node. Slices that are delegated are not among
    them: their tickets are brought by whoever holds them.
    """
    store, node_id = call.store, the_node(call.caller).node_id
    stamp = issued.version(store)
    known = since if 0 <= since <= stamp else 0
    if known and not issued.changed_for(store, node_id, known):
        return {"stamp": stamp, "now": call.now, "unchanged": True}
    sealed = []
    for standing in issued.standing(store, node_id, known):
        sealed.append(_seal_standing(call, standing.slice_id) if standing.sealed is None else standing.sealed)
    return {
        "stamp": stamp,
        "now": call.now,
        "tickets": [text.decode() for text in sealed],
        "deleted": issued.departed(store, node_id, known),
    }


def standing_ticket(call: Call, slice_id: int) -> bytes:
    """The ticket that a slice's nodes fetch by themselves, as it is kept, or sealed anew if it must be."""
    kept = issued.kept(call.store, slice_id)
    return _seal_standing(call, slice_id) if kept is None else kept


def _seal_standing(call: Call, slice_id: int) -> bytes:
    """Seal a slice's ticket anew and keep it for the other nodes."""
    store = call.store
    store.must_write()
    one = store.find(SLICE, slice_id, SAYS)
    serial = fresh_serial()
    ticket = evolve(ticket_of(store, one, serial), nodes=())  # a node need not read a thousand others' names
    sealed = sealer(store).xmldsig(ticket)
    failpoint("ticket.signed")
    issued.keep_standing(store, slice_id, serial, sealed)
    issued.record(store, ticket, "xmldsig", "polled", sealed)
    return sealed


def _document(call: Call, key: int | str) -> str:
    one = ours(call, key, _ASKED)
    if one["instantiation"] != DELEGATED:
        raise BadArgument(f"slice {one['name']} is {one['instantiation']}, not {DELEGATED}: its nodes fetch its ticket")
    return _issued(call, one, "xmldsig")


def _issued(call: Call, one: Row, codec: str) -> str:
    """The slice's ticket for who asks for it, signed in this form and written down."""
    _must_have(call, one)
    ticket = ticket_of(call.store, one, fresh_serial())
    signs = sealer(call.store)
    sealed = signs.openpgp(ticket) if codec == "openpgp" else signs.xmldsig(ticket)
    failpoint("ticket.signed")
    person = call.caller.person_id if isinstance(call.caller, PersonCaller) else None
    peer = call.caller.peer_id if isinstance(call.caller, PeerCaller) else None
    issued.record(call.store, ticket, codec, "delegated", sealed, person, peer)
    call.store.note(f"Ticket {ticket.serial} of slice {ticket.slice_id} issued", Slice=ticket.slice_id)
    failpoint("ticket.stored")
    return sealed.decode()


def _must_have(call: Call, one: Row) -> None:
    """Who may hold a ticket of this slice."""
    if isinstance(call.caller, PeerCaller):
        if one["peer_id"] != call.caller.peer_id:
            raise BadArgument(f"slice {one['name']} is not yours")
        return
    if one["peer_id"] is not None:
        raise BadArgument(f"slice {one['name']} belongs to a peer, which issues its tickets")
    if not call.store.plc.any_user_any_ticket:
        rights.must_change_slice(call, one)
