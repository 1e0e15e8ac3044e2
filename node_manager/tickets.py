"""Tickets at the node manager: signed ones are handed to the creation service, which verifies, admits and records.

There is one ledger and one admission for all ways; the service then asks for the sliver over the socket, as it does
for a ticket that reached it directly. When it is slow or gone, nothing has changed and the caller may ask again.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from xmlrpc.client import Fault

from node_manager.records import Record
from planetlab import xmlrpc
from planetlab.errors import BadArgument, PeerError, Refused, Unavailable
from planetlab.names import Hrn

MOST_SLIVERS = 100  # in one unsigned ticket


class Asking(Protocol):
    """Another service's API, as `planetlab.ask` gives it."""

    async def call(self, method: str, *args: Any) -> Any:
        """The answer. Raises `Refused` or another `PeerError`."""


Redeem = Callable[[bytes], Awaitable[None]]


def redeemer(service: Asking, public: bool) -> Redeem:
    """Hands tickets to the creation service; ``public`` says whether that is its public port."""

    async def redeem(ticket: bytes) -> None:
        try:
            if not public:
                await service.call("Redeem", ticket)
                return
            code, value = await service.call("create_sliver", ticket)
        except Refused as refusal:
            raise BadArgument(f"Ticket error: {refusal}") from refusal
        except PeerError as error:
            raise Unavailable(f"the creation service of this node does not answer ({error}); ask again") from error
        if code != 0:
            raise BadArgument(f"Ticket error: {value}")

    return redeem


def unsigned_records(ticket: bytes, authority: Hrn) -> list[Record]:
    """The records in the content of a v4 ticket. Raises `BadArgument` that begins with ``Ticket error``."""
    try:
        struct = xmlrpc.loads_answer(ticket, depth=32, values=50_000, octets=1 << 20)
        return [_record(struct, sliver, authority) for sliver in _slivers(struct)]
    except (xmlrpc.Malformed, Fault) as error:
        raise BadArgument(f"Ticket error: no XML-RPC answer: {error}") from error
    except BadArgument as error:
        raise BadArgument(f"Ticket error: {error}") from error


def _slivers(struct: Any) -> list[Any]:
    slivers = struct.get("slivers") if isinstance(struct, dict) else None
    if not isinstance(slivers, list) or not 0 < len(slivers) <= MOST_SLIVERS:
        raise BadArgument(f"expected a struct with 1 to {MOST_SLIVERS} slivers")
    return slivers


def _record(struct: dict[str, Any], sliver: Any, authority: Hrn) -> Record:
    if not isinstance(sliver, dict):
        raise BadArgument(f"expected a struct for each sliver, got {sliver!r:.60}")
    attributes = {}
    for tag in _list(sliver, "attributes"):
        attributes[str(tag.get("tagname", tag.get("name", "")))] = tag.get("value")
    known = {key: sliver[key] for key in ("name", "slice_id", "instantiation", "expires") if key in sliver}
    told = {
        "authority": str(authority),
        "timestamp": sliver.get("timestamp", struct.get("timestamp", 0)),
        "keys": [key.get("key") for key in _list(sliver, "keys")],
        "attributes": attributes,
        "initscripts": struct.get("initscripts", []),
        "vref": sliver.get("GetSliceFamily", ""),
    }
    return Record.read(known | told)


def _list(sliver: dict[str, Any], key: str) -> list[dict[str, Any]]:
    listed = sliver.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise BadArgument(f"expected an array of structs, got {listed!r:.60}", key)
    return listed
