"""Tickets at the aggregate: given for a slice's nodes, and redeemed here when they are our own.

Any ticket can be brought to the nodes that it is for (`create_sliver` of pl_conf). Who brings one of ours back here, as
clients of 2010 do, has its slivers made by the PLC: GetTicket has promised them, and RedeemTicket finds them standing.
A sliver that was ended after the ticket was given is not made again by it.
"""

from typing import Any

from planetlab import keys, tickets, xml_text
from planetlab.calls import Call
from planetlab.errors import BadArgument, Forbidden
from planetlab.names import Hrn
from planetlab.records.slices import SLICE
from planetlab.refusals import BadTicket
from planetlab.registry import tickets as issued
from planetlab.registry.store import Store
from planetlab.tickets import Ticket
from planetlab.trust import Root, Roots
from slice_authority.issuing import fresh_serial, sealer, ticket_of
from slice_authority.sfa import aggregate, allowing, foreign, papers
from slice_authority.sfa.allowing import Principal


def give(call: Call, principal: Principal, rspec: Any, users: Any) -> str:
    """A ticket, signed and written down. The slice is on the nodes it is for from now on."""
    one = aggregate.slice_for(call, principal)
    aggregate.must_be_open(call, one)
    if rspec:
        stand = aggregate.slivers(call, one)
        kept = [
            aggregate.Wanted(node_id=each.node_id, client_id=each.client_id, kind=each.kind, attributes=None)
            for each in stand
        ]
        more = [wish for wish in papers.wanted(call, rspec) if wish.node_id not in {each.node_id for each in stand}]
        aggregate.realise(call, one, principal, [*kept, *more], foreign.read_users(users))
    one = call.store.find(SLICE, one["slice_id"])
    serial = fresh_serial()
    made = ticket_of(call.store, one, serial)
    sealed = xml_text.without_encoding(sealer(call.store).xmldsig(made))
    acts = aggregate.acting(call, one, principal)
    person = getattr(acts.caller, "person_id", None)
    issued.record(call.store, made, "xmldsig", "delegated", sealed, person)
    call.store.note(f"Ticket {serial} of slice {one['slice_id']} issued", Slice=one["slice_id"])
    return sealed.decode()


def redeem(call: Call, said: Any, credentials: Any) -> None:
    """Let the slivers of a ticket of ours stand, for who may act for its slice; again and again is harmless.

    Raises `BadTicket` for one that is not ours, was not given in public, is over, or is older than an end of its
    slivers.
    """
    allowing.allowed(call, credentials, "redeemticket")
    sealed = said.encode() if isinstance(said, str) else said
    if not isinstance(sealed, bytes):
        raise BadArgument(f"expected a ticket as text, got {type(said).__name__}", "ticket")
    ticket = tickets.open_ticket(sealed, _ourselves(call.store), call.now)
    if not issued.is_recorded(call.store, ticket.serial, sealed):
        raise BadTicket("forged", f"ticket {ticket.serial} is not in the book of those that {ticket.issuer} has given")
    one = call.store.find(SLICE, ticket.slice_id)
    name = aggregate.name_of(call, one)
    principal = allowing.allowed(call, credentials, "redeemticket", name, "slice")
    aggregate.must_be_open(call, one)
    if call.now >= ticket.expires:
        raise BadTicket("expired", f"ticket of {name} expired {call.now - ticket.expires:.0f} s ago")
    aggregate.acting(call, one, principal)  # who may not act here any more is refused
    _must_stand(call, ticket, name)


def _must_stand(call: Call, ticket: Ticket, name: Hrn) -> None:
    standing = {each.node_id for each in aggregate.slivers(call, call.store.find(SLICE, ticket.slice_id))}
    gone = [host for number, host in ticket.nodes if number not in standing]
    if gone:
        raise BadTicket("replayed-after-delete", f"the sliver of {name} on {gone[0]} was ended since this was given")
    if not ticket.nodes:
        raise Forbidden(f"the ticket of {name} names no node here; bring it to the nodes it is for")
    call.store.note(f"Ticket {ticket.serial} of slice {ticket.slice_id} redeemed", Slice=ticket.slice_id)


def _ourselves(store: Store) -> Roots:
    """The roots that vouch for our own tickets: ourselves, with the key that signs them, and who is above us."""
    me, ours = allowing.identity(store), sealer(store)
    pinned = (keys.accepted(ours.ticket_key.public_key()),)
    above = tuple(Root(hrn=gid.hrn, gid=gid) for gid in me.chain[1:])
    return Roots((Root(hrn=me.hrn, gid=me.chain[0], ticket_keys=pinned), *above))
