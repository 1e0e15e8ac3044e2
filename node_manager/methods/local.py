"""What the creation service, the audit and the owner ask of the node manager; on the same socket, by user id."""

from typing import Annotated, Any

from node_manager.books import Window
from node_manager.node import Node
from node_manager.records import Record
from node_manager.reservations import Reservations
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.methods import Api, Role
from planetlab.names import SliceName

api = Api(auth=None)

BIND = "bind"
MOST_NODES = 1 << 20  # characters of a list of nodes
Stamp = Annotated[int, "What GetOwners answered before; 0 for everything."]


@api.method(Role.PEER)
async def Instantiate(call: Call, record: dict[str, Any]) -> str:
    """Make or renew the sliver of a record; gives its rcap once users can log in.

    Asked twice it is the same: one (authority, slice) has one rcap. An older record than the one there changes
    nothing. With ``create`` false in the record a delegated sliver is only noted, until a controller makes it.
    """
    node: Node = call.store
    read = Record.read(record)
    create = record.get("create", True) is not False
    return await node.in_time(node.instantiate(read, create), f"the sliver of {read.name}")


@api.method(Role.PEER)
async def Release(call: Call, rcap: str) -> int:
    """Destroy the sliver of an rcap, or give its pool back; nothing is left of it. None there is no error."""
    node: Node = call.store
    await node.in_time(node.release(rcap), "the release")
    return 1


@api.method(Role.PEER, Role.ADMIN, reads=True)
def Slivers(call: Call) -> list[dict[str, Any]]:
    """Every entry, and every sliver without one: name, authority ("" without entry), rcap, state, reason, since.

    ``made_by`` is bind for one that a broker made by binding a pool; "" for what the creation service brought.

    States: running, stopped, half, making, failed, recorded (no sliver yet), expired, releasing, account, stray.
    """
    node: Node = call.store
    listed = [
        {
            "name": str(name),
            "authority": str(entry.record.authority),
            "rcap": entry.rcap,
            "state": node.state(entry),
            "reason": entry.reason,
            "since": entry.since,
            "expires": int(entry.record.expires),
            "made_by": BIND if entry.record.is_bound else "",
        }
        for name, entry in sorted(node.books.entries.items())
    ]
    return listed + [
        {
            "name": str(name),
            "authority": "",
            "rcap": "",
            "state": "stray",
            "reason": why,
            "since": 0.0,
            "expires": 0,
            "made_by": "",
        }
        for name, why in sorted(node.strays_kept.items())
    ]


@api.method(Role.PEER, Role.ADMIN, Role.USER, reads=True)
def GetState(call: Call, sliver_name: SliceName) -> dict[str, str]:
    """One sliver: its state, in the words of Slivers, and why it does not run with who can change that, or ""."""
    node: Node = call.store
    entry = node.entry(sliver_name)
    return {"name": str(sliver_name), "state": node.state(entry), "why": node.why_not(entry)}


@api.method(Role.PEER, Role.ADMIN, Role.USER, reads=True)
async def GetOwners(call: Call, since: Stamp = 0) -> dict[str, Any]:
    """Whose packets are whose: what changed since a stamp, as {"stamp": int, "owners": [struct]}.

    Each: slice, authority, kind (interface, address, cgroup or mark), tag, from, until (absent while it holds).
    """
    node: Node = call.store
    stamp, windows = await node.owners.since(since)
    return {"stamp": stamp, "owners": [_owner(window) for window in windows]}


def _owner(window: Window) -> dict[str, Any]:
    told = {
        "slice": str(window.slice),
        "authority": window.authority,
        "kind": str(window.kind),
        "tag": window.tag,
        "from": window.since,
    }
    return told | ({"until": window.until} if window.until is not None else {})


@api.method(Role.PEER)
def Witness(call: Call, said: float) -> int:
    """What time an authority's answer said it was. It ends a doubt about this node's clock when both agree."""
    node: Node = call.store
    return int(node.steady.witness(said))


@api.method(Role.PEER, Role.ADMIN)
def KnowNodes(call: Call, lines: str) -> int:
    """Take a list of nodes for the sensor: a line of address and name each, with a comma between."""
    node: Node = call.store
    if len(lines) > MOST_NODES:
        raise BadArgument(f"expected at most {MOST_NODES} characters, got {len(lines)}", "lines")
    node.books.set_fact("nodes", lines, synced=False)
    return 1


@api.method(Role.PEER, Role.ADMIN)
async def Reserve(call: Call, reservation_policy: str, leases: list[dict[str, Any]]) -> int:
    """Go by these leases (structs of name, t_from, t_until) and this policy: none, lease_or_idle or lease_or_shared."""
    node: Node = call.store
    await node.reserve(Reservations.read(reservation_policy, leases))
    return 1


@api.method(Role.USER)
async def StopSlice(call: Call, slice_name: SliceName) -> int:
    """Stop another slice's sliver, for as long as a user's Stop holds; for the slices that the owner trusts with it."""
    node: Node = call.store
    own = {str(entry.record.name): entry.record.names for entry in node.books.entries.values()}
    names = own.get(call.caller.account or "", frozenset())
    call.must(bool(names & set(node.settings.trusted)), f"{call.caller}: Permission denied.")
    entry = node.entry(slice_name)
    node.log.warn("{who} stopped {name}", who=str(call.caller), name=str(slice_name))
    await node.in_time(node.change(slice_name, stopped_until=node.stop_lasts_until(entry)), f"the stop of {slice_name}")
    return 1


@api.method(Role.ADMIN)
async def Pause(call: Call) -> int:
    """Stop every sliver now and start none until Resume; needs no authority, and holds over restarts."""
    node: Node = call.store
    await node.pause(True)
    return 1


@api.method(Role.ADMIN)
async def Resume(call: Call) -> int:
    """Let slivers run again after Pause."""
    node: Node = call.store
    await node.pause(False)
    return 1


@api.method(Role.ADMIN, Role.PEER, Role.USER, reads=True)
async def GetConsole(call: Call, sliver_name: SliceName) -> str:
    """The last words on a sliver's console: of its starts, its first process and its script."""
    node: Node = call.store
    if sliver_name not in node.rounds.found:
        node.entry(sliver_name)  # what is no sliver and has no record is told so
    return await node.rounds.console(sliver_name)


@api.method(Role.ADMIN)
async def DestroyStray(call: Call, slice_name: SliceName) -> int:
    """Destroy a sliver that has no record, without waiting for its grace."""
    node: Node = call.store
    await node.destroy_stray(slice_name)
    return 1
