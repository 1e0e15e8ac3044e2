"""What may be asked of pl_conf: by anybody on the public port, by programs of this node and by its owner on a socket.

The public calls answer ``[0, value]`` or ``[number, message]``; whoever holds a ticket or an rcap may use it, nobody is
asked who he is. The local calls answer values and faults.
"""

from typing import Annotated, Any, Protocol

from pl_conf.entries import Receipt, Wish
from pl_conf.ledger import Ledger
from pl_conf.node import NodeManager, of_a_broker
from pl_conf.owner import Owner
from pl_conf.redeem import Redeemer
from pl_conf.refusals import NotAdmitted
from planetlab.calls import Call
from planetlab.methods import Api, Role
from planetlab.names import SliceName

VERSION = "1.0-12"  # clients ask for 1.0 with a revision of 10 or more

Rcap = Annotated[str, "32 hex digits; whoever knows it may use it."]
Number = float | int  # a whole number is sent as an int
Sealed = Annotated[bytes, "The ticket's bytes as its authority gave them, of any era."]


class Store(Protocol):
    """What the bodies work on."""

    redeemer: Redeemer
    ledger: Ledger
    manager: NodeManager
    owner: Owner


public = Api(auth=None)
local = Api(auth=None)


@public.method(Role.ANONYMOUS, reads=True, example=())
def version(call: Call) -> str:
    """The version of this interface: MAJOR.MINOR-REVISION."""
    return VERSION


@public.method(Role.ANONYMOUS)
async def create_sliver(call: Call, ticket: Sealed) -> list[str]:
    """Make or renew the sliver that the ticket is for; the answer's first element is its rcap.

    The same ticket again gives the same rcap, and so does a newer ticket of the same slice, which renews it.
    """
    wish = await call.store.redeemer.redeem(ticket, "push")
    return [wish.rcap]


@public.method(Role.ANONYMOUS)
async def delete_sliver(call: Call, rcap: Rcap) -> int:
    """End the sliver that the rcap holds. One that was deleted lately may be deleted again."""
    await call.store.redeemer.delete(rcap, f"its holder at {call.address or 'an unknown address'} deleted it")
    return 1


@public.method(Role.ANONYMOUS, reads=True)
async def GetRspec(call: Call, rcap: Rcap) -> dict[str, Any]:
    """What the rcap stands for: of a sliver what it was given, of a pool what it holds."""
    wish = call.store.ledger.held_by(rcap)
    if wish is not None:
        return {**wish.told["rspec"], "slice": str(wish.slice), "expires": int(wish.expires)}
    return dict(await _of_the_node(call, "GetRspec", rcap))


@public.method(Role.ANONYMOUS, reads=True)
async def GetState(call: Call, rcap: Rcap) -> dict[str, str]:
    """Whether the sliver that the rcap holds runs: its slice, its state, why it stands still and who can change that.

    ``why`` is "" when it runs. A redemption gives an rcap also where the sliver has to stand still for now.
    """
    return dict(await call.store.redeemer.state(rcap))


@public.method(Role.ANONYMOUS)
async def SplitPool(call: Call, rcap: Rcap, rspec: dict[str, Any]) -> str:
    """Take a part of what the rcap holds; the answer is the part's own rcap."""
    return str(await _of_the_node(call, "SplitPool", _handle(call, rcap), rspec))


async def _bind(call: Call, rcap: Rcap, slice_name: SliceName) -> int:
    await _of_the_node(call, "Bind", _handle(call, rcap), str(slice_name))
    return 1


@public.method(Role.ANONYMOUS)
async def Bind(call: Call, rcap: Rcap, slice_name: SliceName) -> int:
    """Give what the rcap holds to a slice's sliver on this node."""
    return await _bind(call, rcap, slice_name)


@public.method(Role.ANONYMOUS)
async def bind(call: Call, slice_name: SliceName, rcap: Rcap) -> int:
    """Bind, in the order of arguments that the first design gave."""
    return await _bind(call, rcap, slice_name)


async def _of_the_node(call: Call, name: str, *args: Any) -> Any:
    try:
        return await call.store.manager.call(name, *args)
    except NotAdmitted as refusal:
        raise of_a_broker(refusal) from refusal


def _handle(call: Call, rcap: str) -> str:
    """The rcap as the node manager knows it."""
    wish = call.store.ledger.held_by(rcap)
    return wish.handle if wish is not None else rcap


@local.method(Role.ANONYMOUS)
async def Redeem(call: Call, sealed: Sealed) -> str:
    """Make or renew the sliver of a ticket that was given to the node manager; the answer is its rcap."""
    wish = await call.store.redeemer.redeem(sealed, "node")
    return str(wish.rcap)


@local.method(Role.ADMIN, reads=True)
def Wishes(call: Call) -> list[dict[str, Any]]:
    """Every sliver that shall be here: whose, by which ticket, until when, and what the owner's rules left of it."""
    return [_wish(wish) for wish in call.store.ledger.wishes()]


def _wish(wish: Wish) -> dict[str, Any]:
    return {
        "name": str(wish.slice),
        "authority": str(wish.authority),
        "serial": wish.serial,
        "issued": wish.issued,
        "expires": wish.expires,
        "digest": wish.digest,
        "instantiation": wish.instantiation,
        "source": wish.source,
        "feed": wish.feed,
        "rcap": wish.rcap,
        "since": wish.since,
        "renewed": wish.renewed,
        "rspec": dict(wish.told["rspec"]),
    }


@local.method(Role.ADMIN, reads=True)
def Journal(call: Call) -> list[dict[str, Any]]:
    """What was begun and is not ended: verb, authority, slice and since when."""
    begun = call.store.ledger.begun()
    return [
        {"verb": each.verb, "authority": str(each.authority), "slice": str(each.slice), "at": each.at} for each in begun
    ]


@local.method(Role.ADMIN, reads=True)
def Receipts(call: Call, since: Number = 0.0, authority: str = "") -> list[dict[str, Any]]:
    """What was asked of this node since then, oldest first, at most 1000: who, what, and what came of it."""
    return [_receipt(receipt) for receipt in call.store.ledger.receipts(since, authority)]


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "number": receipt.number,
        "at": receipt.at,
        "authority": receipt.authority,
        "slice": receipt.slice,
        "source": receipt.source,
        "deed": receipt.deed,
        "reason": receipt.reason,
        "text": receipt.text,
        "digest": receipt.digest,
    }


@local.method(Role.ADMIN, reads=True)
def ShowPolicy(call: Call) -> dict[str, Any]:
    """The owner's word as it stands, by the keys of the policy file."""
    return dict(call.store.owner.show())


@local.method(Role.ADMIN)
async def Pause(call: Call) -> int:
    """Stop every sliver and admit none, whether or not any authority can be reached; the answer is how many stopped."""
    return int(await call.store.owner.pause(True))


@local.method(Role.ADMIN)
async def Resume(call: Call) -> int:
    """End the pause; the answer is how many slivers were let run again."""
    return int(await call.store.owner.pause(False))


@local.method(Role.ADMIN)
async def Allow(call: Call, name: str) -> int:
    """Take a slice (site_label, * for any text) or an authority off the barred list; the answer is how many changed."""
    return int(await call.store.owner.allow(name))


@local.method(Role.ADMIN)
async def Deny(call: Call, name: str) -> int:
    """Bar a slice (site_label, * for any text) or an authority: it is stopped and not admitted again."""
    return int(await call.store.owner.deny(name))


@local.method(Role.ADMIN)
async def Cap(call: Call, authority: str, key: str, most: Number) -> int:
    """Set a ceiling, of one authority ("" for each sliver on the node): the key as in the policy file, 0 for none."""
    return int(await call.store.owner.cap(authority, key, most))


@local.method(Role.ADMIN)
async def Calendar(call: Call, windows: list[dict[str, Any]]) -> int:
    """Replace the times of the week with other rules: structs of days, start, end, pause, net_max_rate, authority."""
    return int(await call.store.owner.calendar(windows))


@local.method(Role.ADMIN)
async def Reload(call: Call) -> int:
    """Read the policy file again now; the answer is how many slivers it changed."""
    return int(await call.store.owner.reload())
