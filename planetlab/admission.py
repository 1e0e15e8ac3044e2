"""Whether a ticket that is authentic may be redeemed here and now. Pure: what the node remembers is handed in."""

import enum

import attrs
from attrs import frozen

from planetlab.gids import SLACK
from planetlab.names import Hrn
from planetlab.refusals import BadTicket
from planetlab.ticket import Ticket


@frozen(kw_only=True)
class Memory:
    """What a node durably remembers of one issuer's one slice. The empty memory is that of a node never asked.

    ``serial``, ``timestamp``, ``expires`` are those of the newest ticket redeemed; ``deleted`` tells that its sliver
    was deleted since. ``gone`` are the serials redeemed and deleted that have not expired. ``watermark`` is the highest
    timestamp of a whole answer by this issuer: what is older and unknown was not in it, so it is over.
    """

    serial: str = ""
    timestamp: float = 0.0
    expires: float = 0.0
    deleted: bool = False
    gone: frozenset[str] = frozenset()
    watermark: float = 0.0

    def redeemed(self, ticket: Ticket) -> "Memory":
        """The memory once ``ticket`` has been redeemed."""
        return attrs.evolve(
            self, serial=ticket.serial, timestamp=ticket.timestamp, expires=ticket.expires, deleted=False
        )

    def forgotten(self) -> "Memory":
        """The memory once the sliver has been deleted by whoever may: its ticket is spent."""
        return attrs.evolve(self, deleted=True, gone=self.gone | {self.serial} if self.serial else self.gone)


class Verdict(enum.Enum):
    """What an admitted ticket is to this node."""

    NEW = "new"  # no sliver of this slice is known here
    AGAIN = "again"  # the very ticket that is known; the answer of the first time holds
    NEWER = "newer"  # replaces what is known


def admit(ticket: Ticket, node: Hrn, now: float, memory: Memory | None = None, slack: float = SLACK) -> Verdict:
    """Let the holder redeem ``ticket`` on ``node``, or raise `BadTicket` with the reason.

    Only a ticket that `open_ticket` gave belongs here: this looks at times, audience and order, not at signatures.
    """
    known = memory or Memory()
    name = f"ticket {ticket.serial} of {ticket.slice} by {ticket.issuer}"
    if now > ticket.expires + slack:
        raise BadTicket("expired", f"{name} expired {now - ticket.expires:.0f} s ago (slack {slack:.0f} s)")
    for since, what in ((ticket.not_before, "is valid"), (ticket.timestamp, "was issued")):
        if now < since - slack:
            raise BadTicket("not-yet-valid", f"{name} {what} {since - now:.0f} s from now (slack {slack:.0f} s)")
    if ticket.audience and not any(named.governs(node) for named in ticket.audience):
        named = ", ".join(map(str, ticket.audience[:4]))
        raise BadTicket("wrong-audience", f"{name} is for {named}, and this is {node}")
    if ticket.serial in known.gone or (known.deleted and ticket.serial == known.serial):
        raise BadTicket("replayed-after-delete", f"{name} was redeemed here, and its sliver was deleted")
    if ticket.serial == known.serial:
        return Verdict.AGAIN
    if _is_older(ticket, known):
        if known.deleted:
            said = f"{name} is no newer than the one whose sliver was deleted here"
            raise BadTicket("replayed-after-delete", said)
        raise BadTicket("older-than-known", f"{name} is older than {known.serial}, which is known here")
    if 0 < ticket.timestamp < known.watermark and not _is_live(known):
        said = f"{name} was issued before the last whole answer of {ticket.issuer}, which did not hold it"
        raise BadTicket("older-than-known", said)
    return Verdict.NEWER if _is_live(known) else Verdict.NEW


def _is_live(known: Memory) -> bool:
    return bool(known.serial) and not known.deleted


def _is_older(ticket: Ticket, known: Memory) -> bool:
    """By time of issue where both papers tell it; a v3 ticket does not, there the expiry is all there is to go by."""
    if not known.serial:
        return False
    if ticket.timestamp and known.timestamp:
        return ticket.timestamp < known.timestamp or (known.deleted and ticket.timestamp == known.timestamp)
    return ticket.expires < known.expires or (known.deleted and ticket.expires == known.expires)
