"""The rules of one node: ledger, books and slivers tell the same story, and nobody has more than he was given. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from attrs import frozen

from planetlab.cli.deep.books import Books, Entry, Ledger, Pool
from planetlab.rspec import LOANABLE

BEGUN_LONG_AGO = 120.0  # seconds in which what is begun is ended, or tried again
EXPIRED_KEPT = 3600.0  # seconds that an expired sliver may stay, stopped
ROUNDED = 1.0  # seconds by which times differ that were made whole numbers on their way
HALF, STRAY = "half", "stray"


@frozen(kw_only=True)
class Node:
    """What is known of one node. ``found``: state by name of the slivers there are; None where nobody could tell."""

    name: str
    ledger: Ledger
    books: Books
    found: Mapping[str, str] | None
    now: float


def told_once(node: Node) -> Iterator[str]:
    """Rules 1 and 2: each sliver that came has one receipt, each that went another, and no receipt is of nothing."""
    ledger = node.ledger
    wished = Counter((wish.authority, wish.slice) for wish in ledger.wishes)
    for (authority, name), times in wished.items():
        if times > 1:
            yield f"{name} of {authority} is wished for {times} times"
        if not ledger.is_cut and not ledger.deeds.get((authority, name, "created")):
            yield f"{name} of {authority} is wished for and there is no receipt of its creation"
    for authority, name in sorted({(authority, name) for authority, name, _ in ledger.deeds}):
        if not ledger.is_cut:
            made = ledger.deeds.get((authority, name, "created"), 0)
            ended = sum(ledger.deeds.get((authority, name, deed), 0) for deed in ("deleted", "expired"))
            there = wished[authority, name]
            if made - ended != there:
                yield f"{name} of {authority}: {made} receipts of creation, {ended} of an end, {there} in force"


def as_wished(node: Node) -> Iterator[str]:
    """Rule 3: every sliver has a ticket that stands behind it, and every such ticket its sliver; none is half."""
    wishes = {wish.slice: wish for wish in node.ledger.wishes}
    entries = {entry.slice: entry for entry in node.books.entries}
    moving = {begun.slice for begun in node.ledger.begun}
    for name in sorted(wishes.keys() - entries.keys()):
        yield f"{name} of {wishes[name].authority} is wished for and the node manager has no entry of it"
    for name, entry in sorted(entries.items()):
        wish = wishes.get(name)
        if wish is None:
            if name not in moving and not entry.is_bound:
                yield f"{name} of {entry.authority} is in the node manager's books and no ticket stands behind it"
        elif wish.authority != entry.authority:
            yield f"{name} is {wish.authority}'s in the ledger and {entry.authority}'s in the books"
        elif wish.handle != entry.rcap:
            yield f"{name}: the ledger knows it by another rcap than the books"
    for wish in node.ledger.wishes:
        if (wish.authority, wish.slice) in node.ledger.barred:
            yield f"{wish.slice} of {wish.authority} was deleted and is wished for by a ticket from before"
    yield from _held(node)
    yield from _made(node, entries)
    for begun in node.ledger.begun:
        if node.now - begun.at > BEGUN_LONG_AGO:
            yield f"{begun.verb} of {begun.slice} was begun {node.now - begun.at:.0f} s ago and never ended"


def _held(node: Node) -> Iterator[str]:
    pools = {pool.rcap: pool for pool in node.books.pools}
    for entry in node.books.entries:
        pool = pools.get(entry.rcap)
        if pool is None or pool.bound != entry.slice:
            yield f"{entry.slice}: the pool of its rcap is {f'bound to {pool.bound!r}' if pool else 'not in the books'}"
    for rcap, times in Counter(entry.rcap for entry in node.books.entries).items():
        if times > 1:
            yield f"{times} slivers have the rcap that begins {rcap[:4]}"


def _made(node: Node, entries: Mapping[str, Entry]) -> Iterator[str]:
    if node.found is None:
        return
    for name, entry in sorted(entries.items()):
        wanted = entry.created and entry.is_sliver and not entry.releasing
        over = node.now >= entry.expires
        if wanted and not over and name not in node.found:
            yield f"{name} shall be here and there is no sliver"
        if not wanted and name in node.found:
            yield f"{name} shall not be here and there is a sliver"
    for name, state in sorted(node.found.items()):
        if name not in entries:
            yield f"there is a sliver {name} of which the books know nothing"
        if state == HALF:
            yield f"the sliver {name} is half made"


def evidence(node: Node) -> Iterator[str]:
    """Rule 4, on the node's side: every ticket in force is kept as it came, its serial noted; none counts twice."""
    noted = {(authority, serial) for authority, serial, _, _ in node.ledger.serials}
    for wish in node.ledger.wishes:
        if sha256(wish.sealed.strip()).hexdigest() != wish.digest:
            yield f"{wish.slice}: the ticket that is kept is not the one that was redeemed"
        if wish.serial and (wish.authority, wish.serial) not in noted:
            yield f"{wish.slice}: serial {wish.serial} is in force and not noted as redeemed"
    tickets = Counter((authority, serial) for authority, serial, _, _ in node.ledger.serials if serial)
    for (authority, serial), times in sorted(tickets.items()):
        if times > 1:
            yield f"serial {serial} of {authority} stands for {times} different tickets"


def in_time(node: Node) -> Iterator[str]:
    """Rule 5: no sliver outlives its ticket."""
    ends = {(wish.authority, wish.slice): wish.expires for wish in node.ledger.wishes}
    for entry in node.books.entries:
        end = ends.get((entry.authority, entry.slice))
        if end is not None and entry.expires > end + ROUNDED:
            yield f"{entry.slice} may run {entry.expires - end:.0f} s longer than its ticket"
        if not entry.releasing and node.now > entry.expires + EXPIRED_KEPT + BEGUN_LONG_AGO:
            yield f"{entry.slice} expired {node.now - entry.expires:.0f} s ago and is still in the books"


def within_shares(node: Node) -> Iterator[str]:
    """Rule 7: what pools give on is within what they have at every moment, and loans are amounts of what is lent."""
    pools = {pool.rcap: pool for pool in node.books.pools}
    for pool in node.books.pools:
        if pool.parent and pool.parent not in pools:
            yield f"the pool of {pool.bound or 'a broker'} was split off one that is not there"
        if any(amount < 0 for amount in pool.amounts.values()):
            yield f"the pool of {pool.bound or 'a broker'} has less than nothing"
        yield from _too_much(pool, _promised(pool, node.books.pools))
    for entry in node.books.entries:
        for recipient, resource, amount in entry.loans:
            if resource not in LOANABLE or not isinstance(amount, int) or amount < 0:
                yield f"{entry.slice} lends {recipient} {amount} of {resource}, which is no loan"


def _promised(pool: Pool, pools: Iterable[Pool]) -> list[Pool]:
    """What was promised out of a pool, through ceilings too."""
    parts = [part for part in pools if part.parent == pool.rcap]
    below = [each for part in parts if part.ceiling for each in _promised(part, pools)]
    return [part for part in parts if not part.ceiling] + below


def _too_much(pool: Pool, promised: list[Pool]) -> Iterator[str]:
    for moment in sorted({part.start for part in promised}):
        at = [part for part in promised if part.start <= moment < part.end]
        for key in sorted({key for part in at for key in part.amounts}):
            given, had = sum(part.amounts.get(key, 0) for part in at), pool.amounts.get(key, 0)
            if given > had:
                yield f"{given} {key} are given out of a pool of {had} at {moment:.0f}"
                return
