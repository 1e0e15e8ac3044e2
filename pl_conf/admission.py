"""Whether a ticket that was believed may have its sliver here, and as which record: pure rules over values.

What the ticket says is asked; what the owner allows is told to the node manager. The two are kept apart, so that a
change of the owner's mind can be applied to what is here without asking anybody for a new ticket.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from attrs import frozen

from pl_conf.entries import Amounts, Wish, added, digest_of
from pl_conf.memory import Gone
from pl_conf.policy import DAY, Policy, Root
from pl_conf.refusals import NotAdmitted
from planetlab import tickets
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ROW, UNLIMITED
from planetlab.tickets import BadTicket, Memory, Ticket, Verdict

GUARANTEES = {"cpu_pct": "percent of processor", "net_min_rate": "kbit/s"}
PAUSED = "the node's owner has paused it; the owner can end that (plfed owner resume)"
ON_NODES = ("plc-instantiated", "delegated", "nm-controller")


@frozen(kw_only=True)
class Standing:
    """What the ledger knows that bears on one ticket.

    ``held`` is in force for the same slice of the same authority, ``other`` for a slice of the same name of another;
    ``gone`` is the last deletion; ``totals`` is what each authority has here, this slice not counted.
    """

    held: Wish | None = None
    other: Wish | None = None
    gone: Gone | None = None
    totals: Mapping[Hrn, Mapping[str, int]] = {}


def is_redelivery(sealed: bytes, standing: Standing) -> bool:
    """Whether these very bytes are in force already."""
    return standing.held is not None and standing.held.digest == digest_of(sealed)


def in_order(ticket: Ticket, standing: Standing, node: Hrn, now: float) -> Verdict:
    """What the ticket is to what is known of its slice. Raises `NotAdmitted` for one from before a deletion or too old.

    The issuer's time of issue orders tickets; those that do not tell it are ordered by expiry.
    """
    held, gone = standing.held, standing.gone
    known = Memory()
    if held is not None:
        known = Memory(serial=held.serial, timestamp=held.issued, expires=held.expires)
    elif gone is not None:
        known = Memory(
            serial=gone.serial or UNSEEN, timestamp=gone.issued, expires=gone.expires, deleted=True,
            gone=frozenset({gone.serial} if gone.serial else ()),
        )  # fmt: skip
    try:
        return tickets.admit(ticket, node, now, known)
    except BadTicket as error:
        raise NotAdmitted(error.reason, str(error)) from error


UNSEEN = "-"  # no ticket's serial begins so: stands for tickets that were barred without ever being here


def asked(ticket: Ticket) -> dict[str, Any]:
    """The record that the ticket asks for, as the node manager's Instantiate takes it."""
    attributes = dict(ticket.attributes)
    return {
        "name": str(ticket.slice),
        "authority": str(ticket.issuer),
        "slice_id": ticket.slice_id,
        "instantiation": ticket.instantiation,
        "expires": ticket.expires,
        "timestamp": ticket.timestamp,
        "serial": ticket.serial,
        "rspec": ticket.rspec.as_struct(),
        "keys": list(ticket.keys),
        "initscript": ticket.initscript,
        "vref": attributes.get("vref") or ticket.family or "default",
        "attributes": attributes,
    }


def told(record: Mapping[str, Any], policy: Policy, now: float, cut: str = "") -> tuple[dict[str, Any], list[str]]:
    """The record as the owner's rules leave it, and a line for each thing they took.

    A slice that the owner has barred since, or an authority that is trusted no more, keeps its place but stands still
    and lets nobody in; so does one whose ticket counts no more, which ``cut`` gives the reason of.
    """
    authority, name = Hrn.parse(record["authority"]), SliceName.parse(record["name"])
    rspec, bound = dict(record["rspec"]), dict(record)
    bound["rspec"] = rspec
    try:
        root = _stands(authority, name, policy, cut)
    except NotAdmitted as refusal:
        rspec["enabled"], bound["keys"] = 0, []
        return bound, [f"stopped, and its users' keys taken away: {refusal}"]
    notes = []
    for key, (most, rule) in sorted(policy.ceilings(root, authority, now).items()):
        if type(rspec.get(key)) is int and (rspec[key] > most or rspec[key] == UNLIMITED):
            notes.append(f"{key} {rspec[key]} -> {most} by {rule}")
            rspec[key] = most
    if policy.pauses(authority, now):
        rspec["enabled"] = 0
        notes.append("stopped: the owner has paused it")
    return bound, notes


def _stands(authority: Hrn, name: SliceName, policy: Policy, cut: str) -> Root:
    """The root that answers for a slice that is here. Raises `NotAdmitted` when none does any more."""
    if cut:
        raise NotAdmitted("revoked", cut)
    return policy.admits_name(authority, name)


def why_still(record: Mapping[str, Any], policy: Policy, now: float, cut: str = "") -> str:
    """Why the record's sliver has to stand still, and who can change that; empty when nothing here says so."""
    authority, name = Hrn.parse(record["authority"]), SliceName.parse(record["name"])
    try:
        _stands(authority, name, policy, cut)
    except NotAdmitted as refusal:
        return f"{refusal}; {refusal.reason.mend} can change that"
    if policy.paused:
        return PAUSED
    if policy.pauses(authority, now):
        return "the owner's calendar pauses it at this time; it runs again when that is over (plfed owner show)"
    if not record["rspec"].get("enabled", 1) > 0:
        return f"{authority} has suspended it (enabled is not above 0); that authority can change it"
    return ""


def admit(ticket: Ticket, standing: Standing, policy: Policy, node: Hrn, now: float) -> tuple[Root, Verdict]:
    """Let the holder have this ticket's sliver, or raise `NotAdmitted` with the reason.

    Gives the root that answers for it, and what the ticket is to the one in force.
    """
    if policy.paused:
        raise NotAdmitted("paused", f"{PAUSED}; nothing is admitted until that ends")
    root = policy.admits_name(ticket.issuer, ticket.slice)
    if ticket.instantiation not in ON_NODES:
        raise NotAdmitted("not-for-nodes", f"{ticket.slice} is {ticket.instantiation}; no node makes slivers of it")
    if standing.other is not None:
        taken = f"{standing.other.authority} has a slice {ticket.slice} on this node; names of accounts are one each"
        raise NotAdmitted("name-taken", taken)
    if ticket.expires <= now:
        raise NotAdmitted("expired", f"the ticket expired {now - ticket.expires:.0f} s ago; fetch a newer one")
    verdict = in_order(ticket, standing, node, now)
    if root.max_lifetime and ticket.expires - now > root.max_lifetime * DAY:
        days = (ticket.expires - now) / DAY
        raise NotAdmitted(
            "too-long", f"the ticket runs {days:.1f} days; the owner grants {root.hrn} {root.max_lifetime}"
        )
    theirs = sum_of(amounts for who, amounts in standing.totals.items() if policy.root_for(who) == root)
    if standing.held is None:
        _room(root, policy, theirs["slivers"], sum_of(standing.totals.values())["slivers"])
    _share(ticket, root, policy, theirs)
    return root, verdict


def sum_of(amounts: Iterable[Mapping[str, int]]) -> Amounts:
    """All of them together."""
    return reduce(added, amounts, added({}, {}))


def _room(root: Root, policy: Policy, theirs: int, everybodys: int) -> None:
    if theirs >= root.max_slivers:
        raise NotAdmitted("too-many", f"{root.hrn} has {theirs} slivers here; the owner grants it {root.max_slivers}")
    if everybodys >= policy.max_slivers:
        raise NotAdmitted("too-many", f"there are {everybodys} slivers here; the owner admits {policy.max_slivers}")


def _share(ticket: Ticket, root: Root, policy: Policy, theirs: Mapping[str, int]) -> None:
    """Guarantees of one authority add up to its share of what is not reserved; best effort is never refused."""
    for key, unit in GUARANTEES.items():
        whole = {"cpu_pct": policy.cpu_pct, "net_min_rate": policy.net_rate}[key]
        most = root.share * (1.0 - policy.reserve) * whole
        wanted, promised = getattr(ticket.rspec, key), theirs[key]
        if wanted > ROW[key].default and promised + wanted > most:
            raise NotAdmitted(
                "over-share",
                f"{key} {wanted} does not fit: {root.hrn} has {promised} of {most:.0f} {unit} promised here",
            )
