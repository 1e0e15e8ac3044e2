"""The public log of tickets: anybody reads it and checks it; nodes of this authority add what they redeemed."""

from typing import Annotated, Any

from planetlab import merkle
from planetlab.both import forms
from planetlab.both.callers import the_node
from planetlab.calls import Call
from planetlab.errors import BadArgument, NotFound
from planetlab.methods import Api, Role
from planetlab.names import Hrn, SliceName
from planetlab.registry import ticket_log as log
from planetlab.shapes import ListOf, Of, Struct
from planetlab.ticket_log import ISSUED, REDEEMED, Entry, Head
from slice_authority.issuing import sealer

api = Api()

MOST_ENTRIES = 1000  # of one answer
MOST_REPORTED = 500  # of one call
MOST_AHEAD = 300.0  # seconds by which a node's clock may be before ours
Number = Annotated[int, Of(int, min=0)]
Digest = Annotated[str, Of(str, max=64)]
Proven = Annotated[
    dict[str, Any],
    forms.answer(number=Of(int), size=Of(int), entry=Of(str), path=ListOf((Of(str),))),
]
_REPORT = Struct(
    {name: Of(str, max=255) for name in ("digest", "issuer", "slice", "serial")} | {"at": Of(int)},
    required=frozenset({"digest", "issuer", "slice", "at"}),
)
Redeemed = Annotated[list[dict[str, Any]], ListOf((_REPORT,))]
_HEX = frozenset("0123456789abcdef")


@api.method(auth=None, reads=True)
def GetTicketLogHead(call: Call) -> str:
    """Give the head of this authority's log of tickets, signed by its ticket key.

    It is a DSSE envelope in JSON; its payload says ``log``, ``size``, ``root`` in hex and ``time``, and the root is the
    hash of RFC 9162. Keep the last one: `GetTicketLogConsistency` proves that a later one takes nothing back.
    """
    size = log.size(call.store)
    root = merkle.root(size, log.whole(call.store))
    head = Head(log=str(call.store.plc.hrn), size=size, root=root.hex(), time=int(call.now))
    return head.seal(sealer(call.store).ticket_key).decode()


@api.method(auth=None, reads=True, example=(0, 2))
def GetTicketLogEntries(call: Call, first: Number, most: Number) -> list[str]:
    """List at most ``most`` entries of the log of tickets from number ``first`` on, 1000 at a time.

    Each is a text of JSON, and the log's tree is made over its very bytes.
    """
    return [data.decode() for data in log.entries(call.store, first, min(most, MOST_ENTRIES))]


@api.method(auth=None, reads=True, example=("00" * 32, "issued", 1))
def GetTicketLogProof(call: Call, digest: Digest, kind: str, size: Number) -> Proven:
    """Prove that a ticket was ``issued`` or ``redeemed`` to whoever knows the head of ``size`` entries.

    A ticket is named by the SHA-256, in hex, of its bytes without the white space around them.
    """
    _must_be_known(call, size)
    number = log.find(call.store, _kind(kind), _digest(digest, "digest"))
    if number is None or number >= size:
        raise NotFound(f"no ticket {digest} was {kind} among the first {size} entries of this log", "digest")
    tree = log.whole(call.store)
    path = [each.hex() for each in merkle.inclusion(number, size, tree)]
    return {"number": number, "size": size, "entry": log.entries(call.store, number, 1)[0].decode(), "path": path}


@api.method(auth=None, reads=True, example=(0, 1))
def GetTicketLogConsistency(call: Call, first: Number, second: Number) -> list[str]:
    """Prove that the log of ``second`` entries begins with that of ``first``: hashes in hex, in RFC 9162's order."""
    _must_be_known(call, second)
    if first > second:
        raise BadArgument(f"expected at most {second}, got {first}", "first")
    return [each.hex() for each in merkle.consistency(first, second, log.whole(call.store))]


@api.method(Role.NODE)
def ReportRedeemed(call: Call, redeemed: Redeemed) -> int:
    """Put into the log of tickets what the calling node redeemed, whoever issued it; how many were new to the log.

    Each struct has the ticket's ``digest`` (as in `GetTicketLogProof`), its ``issuer`` (an hrn), ``slice``,
    ``serial``, and when it was redeemed, ``at``.
    """
    hostname = the_node(call.caller).hostname
    if len(redeemed) > MOST_REPORTED:
        raise BadArgument(f"expected at most {MOST_REPORTED}, got {len(redeemed)}", "redeemed")
    said = [_entry(call, each, hostname, f"redeemed[{at}]") for at, each in enumerate(redeemed)]
    there = {
        (entry.digest, entry.node) for entry in log.said_by(call.store, REDEEMED, [entry.digest for entry in said])
    }
    count = 0
    for entry in said:
        if (entry.digest, entry.node) not in there:
            there.add((entry.digest, entry.node))
            log.append(call.store, entry)
            count += 1
    return count


def _entry(call: Call, said: dict[str, Any], hostname: str, where: str) -> Entry:
    if not 0 <= said["at"] <= call.now + MOST_AHEAD:
        raise BadArgument(f"expected a time until now, got {said['at']}: check the node's clock", f"{where}['at']")
    return Entry(
        kind=REDEEMED,
        digest=_digest(said["digest"], f"{where}['digest']"),
        issuer=str(Hrn.parse(said["issuer"])),
        slice=str(SliceName.parse(said["slice"])),
        serial=said.get("serial", ""),
        at=said["at"],
        node=hostname,
    )


def _must_be_known(call: Call, size: int) -> None:
    known = log.size(call.store)
    if size > known:
        raise BadArgument(f"expected at most {known}, the entries that this log has, got {size}", "size")


def _kind(said: str) -> str:
    if said not in (ISSUED, REDEEMED):
        raise BadArgument(f"expected {ISSUED} or {REDEEMED}, got {said!r:.20}", "kind")
    return said


def _digest(said: str, where: str) -> str:
    if len(said) != 2 * merkle.SIZE or not _HEX.issuperset(said):
        raise BadArgument(f"expected a SHA-256 as {2 * merkle.SIZE} small hex digits, got {said!r:.80}", where)
    return said
