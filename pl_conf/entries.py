"""What the ledger keeps, as values: wishes, what was begun, watermarks, receipts, deletions, leases."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from pl_conf.memory import Gone
from planetlab import ticket_log
from planetlab.names import Hrn, SliceName

MEMORY = 90 * 86400.0  # seconds that a deletion is remembered when no ticket is known that outlives it


def digest_of(sealed: bytes) -> str:
    """By what two tickets are the same ticket, here and in their issuer's public log."""
    return ticket_log.digest(sealed)


@frozen(kw_only=True)
class Wish:
    """A sliver that shall be here, and the ticket that says so; columns as in ``schema/1.sql``."""

    authority: Hrn
    slice: SliceName
    serial: str
    issued: float
    expires: float
    digest: str
    sealed: bytes
    instantiation: str
    source: str
    feed: str
    rcap: str
    handle: str
    asked: Mapping[str, Any]
    told: Mapping[str, Any]
    since: float
    renewed: float
    absent: int = 0

    @property
    def delegated(self) -> bool:
        """Whether its creator, not its authority's poll, brings it back to a reinstalled node."""
        return self.instantiation == "delegated"

    @property
    def keys(self) -> tuple[str, ...]:
        """The public keys of its users, one authorized_keys line each."""
        return tuple(self.told.get("keys", ()))


@frozen(kw_only=True)
class Intent:
    """An operation that was begun. ``verb`` is redeem or release."""

    number: int
    verb: str
    authority: Hrn
    slice: SliceName
    sealed: bytes
    source: str
    feed: str
    rcap: str
    why: str
    at: float


@frozen(kw_only=True)
class Watermark:
    """How far one authority has been heard; see ``schema/1.sql``."""

    authority: Hrn
    stamp: int = -1
    issued: float = 0.0
    answered: float = 0.0


@frozen(kw_only=True)
class Receipt:
    """What was asked of this node, by whom, and what came of it."""

    at: float
    authority: str
    slice: str
    source: str
    deed: str
    reason: int = 0
    text: str = ""
    digest: str = ""
    number: int = 0


COUNTED = ("cpu_pct", "net_min_rate")  # keys of a record's rspec that are guarantees

Amounts = dict[str, int]
"""What an authority has of a node: ``slivers``, and the sum of each guarantee."""


def amounts_of(record: Mapping[str, Any]) -> Amounts:
    """What one sliver's record takes."""
    return {"slivers": 1} | {key: int(record["rspec"].get(key, 0)) for key in COUNTED}


def added(one: Mapping[str, int], other: Mapping[str, int], sign: int = 1) -> Amounts:
    """The sum of two amounts, or with ``sign`` -1 the difference."""
    return {key: one.get(key, 0) + sign * other.get(key, 0) for key in ("slivers", *COUNTED)}


def gone_of(wish: Wish, now: float, why: str, barred: float = 0.0) -> Gone:
    """What is remembered of a wish that ended."""
    issued = max(wish.issued, barred)
    return Gone(
        authority=wish.authority, slice=wish.slice, rcap=wish.rcap, serial=wish.serial, issued=issued,
        expires=wish.expires, at=now, until=max(wish.expires, now + MEMORY), why=why[:200],
    )  # fmt: skip


def gone_by_word(authority: Hrn, name: SliceName, issued: float, now: float, why: str) -> Gone:
    """A deletion that the authority told, of a slice that was not here: tickets issued up to ``issued`` stay out."""
    return Gone(
        authority=authority, slice=name, issued=issued, expires=issued, at=now, until=now + MEMORY, why=why[:200]
    )


@frozen(kw_only=True)
class Lease:
    """A lease of 2003; columns as in ``schema/1.sql``."""

    slice: str
    authority: Hrn
    principle: str
    sealed: bytes
    ticket: bytes
    start: float
    end: float
    bound: bool = False
    first_key: str = ""
    keys: tuple[str, ...] = ()
