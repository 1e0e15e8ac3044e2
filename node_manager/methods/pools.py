"""Pools, as services in slices use them: by the names of 2006, and the two of 2004 beside."""

from typing import Annotated, Any

from node_manager.giving import BROKER
from node_manager.node import Node
from planetlab.calls import Call
from planetlab.errors import Forbidden
from planetlab.methods import Api, Role
from planetlab.names import SliceName

api = Api(auth=None)

Rcap = Annotated[str, "32 hex digits; whoever knows them may use what they stand for."]


@api.method(Role.ADMIN)
def CreatePool(call: Call, rspec: dict[str, Any], slice_name: SliceName) -> Rcap:
    """Make a root pool for a slice; the node's owner only.

    ``rspec`` holds amounts that are promised, ``ports``, ``start`` and ``end`` (seconds since the epoch), and
    ``prefix``: slivers made out of it are named so.
    """
    node: Node = call.store
    return node.giving.create(rspec, str(slice_name), call.now).rcap


@api.method(Role.ADMIN)
def acquire(call: Call, rspec: dict[str, Any]) -> Rcap:
    """CreatePool, for the caller itself."""
    node: Node = call.store
    return node.giving.create(rspec, str(call.caller), call.now).rcap


@api.method(Role.USER, reads=True)
def GetRcap(call: Call) -> list[str]:
    """The rcaps that the caller holds."""
    node: Node = call.store
    holders = {str(call.caller)} | ({BROKER} if Role.PEER in call.roles else set())
    return sorted(pool.rcap for pool in node.books.pools.values() if pool.holder in holders)


@api.method(Role.USER, reads=True)
def GetRspec(call: Call, rcap: Rcap) -> dict[str, Any]:
    """What an rcap stands for: amounts, ports, start and end; the slice it is bound to, and what is left to split."""
    node: Node = call.store
    pool = node.giving.named(rcap)
    told = pool.share.wire() | {"left": node.giving.left(pool, call.now).wire()}
    return told | ({"slice": str(pool.bound)} if pool.bound else {})


@api.method(Role.USER)
async def SplitPool(call: Call, rcap: Rcap, rspec: dict[str, Any]) -> Rcap:
    """Split a part off a pool; the answer is the part's own rcap, held by the caller."""
    node: Node = call.store
    part = node.giving.split(rcap, rspec, str(call.caller), call.now)
    await node.bound_changed(node.giving.named(rcap))
    return part.rcap


async def _bind(call: Call, rcap: str, name: SliceName) -> int:
    node: Node = call.store
    pool = node.giving.named(rcap)
    if pool.ceiling or not pool.parent:
        raise Forbidden("a root pool cannot be bound; split a part off and bind that")
    await node.in_time(node.bind(pool, name), f"the sliver of {name}")
    return 1


@api.method(Role.USER)
async def Bind(call: Call, rcap: Rcap, slice_name: SliceName) -> int:
    """Give what an rcap stands for to a slice's sliver; makes the sliver when the pool includes that right."""
    return await _bind(call, rcap, slice_name)


@api.method(Role.USER)
async def bind(call: Call, slice_name: SliceName, rcap: Rcap) -> int:
    """Bind, with its arguments in the order of 2004."""
    return await _bind(call, rcap, slice_name)


@api.method(Role.USER)
async def GiveBack(call: Call, rcap: Rcap) -> int:
    """End a pool and all that was split off it, before its time; a sliver's own share ends with its ticket instead."""
    node: Node = call.store
    pool = node.giving.named(rcap)
    call.must(not pool.ceiling and bool(pool.parent), "a root pool is the owner's; he ends it in his settings")
    call.must(
        node.books.holding(rcap) is None, "a sliver's own share ends with it: delete the sliver, or let it expire"
    )
    await node.release(rcap)
    return 1
