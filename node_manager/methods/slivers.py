"""The v4 interface for slivers and their controllers, as the last original had it."""

from collections.abc import Awaitable
from typing import Annotated, Any
from xmlrpc.client import Fault

from node_manager.loans import read_loans
from node_manager.methods import NO_SLIVER, CallFailed
from node_manager.node import Node
from node_manager.records import DELEGATED, Entry, Record
from node_manager.tickets import unsigned_records
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.methods import Api, Role
from planetlab.names import SliceName
from planetlab.shapes import Foreign

api = Api(auth=None)

Name = Annotated[SliceName, "A sliver of this node."]


def _entry(call: Call, name: SliceName) -> Entry:
    node: Node = call.store
    return node.entry(name)


async def _done(call: Call, work: Awaitable[Any], name: SliceName) -> int:
    node: Node = call.store
    await node.in_time(work, f"{call.method} of {name}")
    return 1


@api.method(Role.ANONYMOUS, reads=True)
def Help(call: Call) -> str:
    """The names of all methods, each with what it does."""
    node: Node = call.store
    return "".join(f"**** {name}\n{method.doc}\n" for name, method in sorted(node.methods.items()))


@api.method(Role.ANONYMOUS)
async def Ticket(call: Call, ticket: bytes) -> int:
    """Make or renew the sliver that a signed ticket is for. Authority lies in the signature; anybody may bring it."""
    node: Node = call.store
    await node.redeem(ticket)
    return 1


@api.method(Role.USER)
async def AdminTicket(call: Call, ticket: bytes) -> int:
    """Make or renew slivers from the unsigned content of a ticket; for the SFA's component manager alone."""
    node: Node = call.store
    own = node.books.entries.get(SliceName.parse(call.caller.account))
    if own is None:
        raise BadArgument(f"Ticket error: {call.caller} has no record on this node")
    records = unsigned_records(ticket, own.record.authority)
    for record in records:  # all of them before any is made
        if record.instantiation != DELEGATED:
            raise BadArgument(
                f"Ticket error: {record.name} is {record.instantiation}; a ticket is for delegated slivers"
            )
    for record in records:
        await node.in_time(node.instantiate(record), f"the sliver of {record.name}")
    return 1


@api.method(Role.ANONYMOUS, reads=True)
def GetXIDs(call: Call) -> dict[str, Any]:
    """By name, the user id of every sliver there is."""
    node: Node = call.store
    return {str(name): found.uid for name, found in sorted(node.rounds.found.items())}


@api.method(Role.ANONYMOUS, reads=True)
def GetSSHKeys(call: Call) -> dict[str, Any]:
    """By name, the users' public keys of every record that has any, one a line; controllers included."""
    node: Node = call.store
    entries = sorted(node.books.entries.items())
    return {str(name): "\n".join(entry.record.keys) for name, entry in entries if entry.record.keys}


@api.method(Role.USER)
async def Create(call: Call, sliver_name: Name) -> int:
    """Make a delegated sliver and start it; one that is there is brought up to date."""
    _must_be_delegated(_entry(call, sliver_name), "create")
    return await _done(call, call.store.change(sliver_name, created=True, stopped_until=0.0), sliver_name)


@api.method(Role.USER)
async def Destroy(call: Call, sliver_name: Name) -> int:
    """Destroy a delegated sliver with all its files. Its record stays: it can be made again without a new ticket."""
    _must_be_delegated(_entry(call, sliver_name), "destroy")
    return await _done(call, call.store.change(sliver_name, created=False), sliver_name)


def _must_be_delegated(entry: Entry, verb: str) -> None:
    if entry.record.instantiation != DELEGATED:
        raise CallFailed(f"Only PLC can {verb} non delegated slivers.")


def _must_be_there(call: Call, name: SliceName) -> None:
    if not _entry(call, name).created:
        raise CallFailed(f"there is no sliver of {name}; Create makes it")


@api.method(Role.USER)
async def Start(call: Call, sliver_name: Name) -> int:
    """Configure a sliver and start it; it must have been made."""
    _must_be_there(call, sliver_name)
    return await _done(call, call.store.change(sliver_name, stopped_until=0.0), sliver_name)


@api.method(Role.USER)
async def Stop(call: Call, sliver_name: Name) -> int:
    """End all processes of a sliver. A delegated one stays so until Start, another until its authority's next poll."""
    _must_be_there(call, sliver_name)
    until = call.store.stop_lasts_until(_entry(call, sliver_name))
    return await _done(call, call.store.change(sliver_name, stopped_until=until), sliver_name)


@api.method(Role.USER)
async def ReCreate(call: Call, sliver_name: Name) -> int:
    """Replace a sliver by a pristine one, started. All its files are lost."""
    return await _done(call, call.store.recreate(sliver_name), sliver_name)


@api.method(Role.USER, reads=True)
def GetRSpec(call: Call, sliver_name: Name) -> dict[str, Any]:
    """What a sliver's authority gave it, by key."""
    return _entry(call, sliver_name).record.rspec.as_struct()


@api.method(Role.USER, reads=True)
def GetEffectiveRSpec(call: Call, sliver_name: Name) -> dict[str, Any]:
    """What a sliver has now, with loans, pools and the owner's ceilings, by key."""
    node: Node = call.store
    return node.wishes.sliver(_entry(call, sliver_name), call.now, node.wishes.grants()).rspec.as_struct()


@api.method(Role.USER, reads=True)
def GetLoans(call: Call, sliver_name: Name) -> list[list[Any]]:
    """The loans a sliver makes, as [recipient, resource, amount]."""
    return [loan.wire() for loan in _entry(call, sliver_name).loans]


@api.method(Role.USER)
async def SetLoans(call: Call, sliver_name: Name, loans: Any) -> int:
    """Replace the loans a sliver makes. A loan that does not fit now is skipped, and counts when it does."""
    made = read_loans(loans)
    return await _done(call, call.store.lend(sliver_name, made), sliver_name)


@api.method(Role.USER, reads=True)
def GetRecord(call: Call) -> dict[str, Any]:
    """The caller's whole record; the caller must be a sliver."""
    node: Node = call.store
    try:
        entry = node.books.entries.get(SliceName.parse(call.caller.account or ""))
    except BadArgument:
        entry = None
    if entry is None or not entry.record.is_sliver:
        raise BadArgument(NO_SLIVER)
    return _whole(node, entry, entry.record, call.now)


def _whole(node: Node, entry: Entry, record: Record, now: float) -> dict[str, Any]:
    return record.wire() | {
        "timestamp": int(record.timestamp),
        "keys": "\n".join(record.keys),
        "type": record.kind,
        "delegations": record.delegations or [],
        "_rspec": node.wishes.sliver(entry, now, node.wishes.grants()).rspec.as_struct(),
        "_loans": [loan.wire() for loan in entry.loans],
    }


V4 = frozenset(api)


def refused(error: Exception, method_name: str) -> Fault:
    """The fault for ``error``: in a v4 method what is not about the call itself is 104, as it was."""
    code = BadArgument.code if isinstance(error, Foreign) else getattr(error, "code", 111)
    if code in (100, 101, 102, 108) or method_name not in V4:
        return Fault(code, str(error))
    return Fault(104, f"Error in call: {error}")
