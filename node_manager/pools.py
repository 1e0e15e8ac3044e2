"""Pools: who holds which part of this node, for how long, and what may still be given.

A *root pool* is made by the node's owner, one per slice authority: a share of the node and the names its holder may
make slivers under. Everybody else splits. A pool is known by its *rcap*, 128 random bits: whoever knows it may use it.
What a pool promises is admitted only within what its parent promises at every moment; what is promised to nobody is
shared as best effort and never refused, so it is not in these books.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from planetlab.errors import BadArgument, Forbidden, PlanetLabError
from planetlab.names import Hrn, SliceName

FOREVER = float(2**31 - 1)  # "never expires", the largest time XML-RPC can say as an int
MOST = 2**31 - 1  # an XML-RPC int
MOST_PORTS = 1024  # in one pool

PROMISED = {
    "cpu_pct": "percent of the node's processors",
    "cpu_cores": "whole cores",
    "net_min_rate": "kbit/s to ordinary destinations",
    "net_i2_min_rate": "kbit/s to exempt destinations",
    "memory_min": "KiB of memory",
    "slivers": "slivers that may be made",
}
"""What can be promised, and in which unit. Amounts of one kind add up."""


class NoRoom(PlanetLabError):
    """What is asked is more than is left; the text says what is left and when."""

    code = 109
    generic = "Not enough is left"


def _amounts(amounts: Mapping[str, int]) -> dict[str, int]:
    return {key: amount for key, amount in amounts.items() if amount}


@frozen
class Span:
    """An interval of time, seconds since the epoch, ``end`` not included."""

    start: float = 0.0
    end: float = FOREVER

    def covers(self, other: "Span") -> bool:
        """Whether ``other`` lies within."""
        return self.start <= other.start and other.end <= self.end

    def meets(self, other: "Span") -> bool:
        """Whether the two have a moment in common."""
        return self.start < other.end and other.start < self.end


@frozen
class Share:
    """What a pool promises: amounts by `PROMISED` key, ports, over a time."""

    amounts: Mapping[str, int] = field(factory=dict, converter=_amounts)
    ports: frozenset[int] = frozenset()  # TCP and UDP ports of the node's address
    span: Span = Span()

    @classmethod
    def read(cls, rspec: Mapping[str, Any], within: Span) -> "Share":
        """The share that a struct off the wire states; times left out are those of ``within``.

        Members: any `PROMISED` key (int), ``ports`` (array of int), ``start`` and ``end`` (seconds since the epoch).
        Raises `BadArgument` naming the member.
        """
        known = [*PROMISED, "ports", "start", "end"]
        if unknown := sorted(str(key) for key in rspec if key not in known):
            raise BadArgument(f"unknown {', '.join(unknown)[:200]}; known are {', '.join(known)}", "rspec")
        span = Span(_time(rspec, "start", within.start), _time(rspec, "end", within.end))
        if span.start >= span.end:
            raise BadArgument(f"ends at {span.end:.0f}, not after its start at {span.start:.0f}", "rspec['end']")
        amounts = {key: _whole(rspec[key], 0, MOST, key) for key in PROMISED if key in rspec}
        ports = rspec.get("ports", [])
        if not isinstance(ports, list) or len(ports) > MOST_PORTS:
            raise BadArgument(f"expected an array of at most {MOST_PORTS} ports", "rspec['ports']")
        return cls(amounts, frozenset(_whole(port, 1, 65535, "ports") for port in ports), span)

    def wire(self) -> dict[str, Any]:
        """The struct that `read` reads; times as ints."""
        times = {"start": int(self.span.start), "end": int(self.span.end)}
        return {**self.amounts, **({"ports": sorted(self.ports)} if self.ports else {}), **times}


@frozen(kw_only=True)
class Pool:
    """A part of the node and the right to give it on."""

    rcap: str
    share: Share
    holder: str  # account that `GetRcap` lists it to
    parent: str = ""  # rcap it was split from; "" for a root pool
    authority: Hrn | None = None  # whose slivers it serves; None where the holder decides
    ceiling: bool = False  # the most its parts may promise together, not itself a promise
    prefixes: tuple[str, ...] = ()  # slice names must begin with one of these; () for any
    bound: SliceName | None = None  # the sliver that has it, once bound

    def allows(self, name: SliceName) -> bool:
        """Whether a sliver of this name may be made out of it."""
        return not self.prefixes or any(str(name).startswith(prefix) for prefix in self.prefixes)


def fitted(share: float, capacity: Share) -> Share:
    """The part ``share`` (0 to 1) of every amount of ``capacity``, rounded down; ports are not divided."""
    return Share({key: int(amount * share) for key, amount in capacity.amounts.items()}, frozenset(), capacity.span)


def peak(shares: Iterable[Share], span: Span) -> dict[str, int]:
    """The most that ``shares`` promise together at any one moment of ``span``, by kind."""
    turns: list[tuple[float, int, Mapping[str, int]]] = []
    for share in shares:
        if share.amounts and share.span.meets(span):
            turns.append((max(share.span.start, span.start), 1, share.amounts))
            turns.append((share.span.end, -1, share.amounts))
    held: dict[str, int] = {}
    most: dict[str, int] = {}
    for _, sign, amounts in sorted(turns, key=lambda turn: turn[:2]):  # at one moment, ends come before beginnings
        for key, amount in amounts.items():
            held[key] = held.get(key, 0) + sign * amount
            if held[key] > most.get(key, 0):
                most[key] = held[key]
    return most


def left(pool: Pool, children: Iterable[Pool], span: Span) -> Share:
    """What ``pool`` can still promise throughout ``span``."""
    shares = [child.share for child in children]
    taken = peak(shares, span)
    if pool.bound is not None:
        taken["slivers"] = taken.get("slivers", 0) + 1  # its own
    amounts = {key: max(0, amount - taken.get(key, 0)) for key, amount in pool.share.amounts.items()}
    used = frozenset[int]().union(*(share.ports for share in shares if share.span.meets(span)))
    return Share(amounts, pool.share.ports - used, span)


def must_last(pool: Pool, wanted: Share, now: float) -> None:
    """Raise `Forbidden` when the pool's time is over or shorter than what is asked, `BadArgument` for one gone by."""
    if now >= pool.share.span.end:
        raise Forbidden(f"the pool ended {now - pool.share.span.end:.0f} s ago; ask its giver for a new one")
    if now >= wanted.span.end:
        raise BadArgument(f"ended {now - wanted.span.end:.0f} s ago", "rspec['end']")
    if not pool.share.span.covers(wanted.span):
        raise Forbidden(
            f"asked from {wanted.span.start:.0f} to {wanted.span.end:.0f}, "
            f"the pool lasts from {pool.share.span.start:.0f} to {pool.share.span.end:.0f}"
        )


def must_fit(pool: Pool, children: Iterable[Pool], wanted: Share) -> None:
    """Raise `NoRoom` when ``pool``, whose parts are ``children``, has not that much left."""
    room = left(pool, children, wanted.span)
    for key, amount in wanted.amounts.items():
        if amount > room.amounts.get(key, 0):
            raise NoRoom(f"{key}: {amount} asked, {room.amounts.get(key, 0)} left ({PROMISED[key]})")
    if missing := sorted(wanted.ports - room.ports):
        raise NoRoom(f"ports: {', '.join(map(str, missing[:10]))} asked, not in the pool or given away")


def fits_surely(pool: Pool, given: Mapping[str, int], wanted: Share) -> bool:
    """Whether ``wanted`` fits even if all that was ever ``given`` were held at one moment: a quick look first."""
    has = pool.share.amounts
    own = 1 if pool.bound else 0
    return not wanted.ports and all(
        amount + given.get(key, 0) + (own if key == "slivers" else 0) <= has.get(key, 0)
        for key, amount in wanted.amounts.items()
    )


def split(pool: Pool, children: Iterable[Pool], wanted: Share, rcap: str, holder: str, now: float) -> Pool:
    """A new pool with ``wanted`` out of ``pool``, whose parts so far are ``children``.

    Raises `Forbidden` when the pool's time is over or shorter than asked, `NoRoom` when it has not that much left.
    """
    must_last(pool, wanted, now)
    must_fit(pool, children, wanted)
    return part(pool, wanted, rcap, holder)


def part(pool: Pool, wanted: Share, rcap: str, holder: str) -> Pool:
    """The pool that is split off ``pool``, once it is known to fit."""
    return Pool(
        rcap=rcap, share=wanted, holder=holder, parent=pool.rcap, authority=pool.authority, prefixes=pool.prefixes
    )


def over(pools: Iterable[Pool], now: float) -> list[Pool]:
    """The pools whose time is over, parts before what they were split from."""
    everyone = {pool.rcap: pool for pool in pools}

    def ended(pool: Pool) -> bool:
        return now >= pool.share.span.end or (pool.parent in everyone and ended(everyone[pool.parent]))

    def depth(pool: Pool) -> int:
        return 1 + depth(everyone[pool.parent]) if pool.parent in everyone else 0

    return sorted((pool for pool in everyone.values() if ended(pool)), key=depth, reverse=True)


def bind(pool: Pool, name: SliceName, now: float) -> Pool:
    """``pool`` given to the sliver of ``name``. Bound already to the same: no change.

    Raises `Forbidden` when it is bound to another, its time is over, or its prefix is not the name's.
    """
    if pool.bound is not None and pool.bound != name:
        raise Forbidden(f"the pool is bound to {pool.bound}")
    if now >= pool.share.span.end:
        raise Forbidden(f"the pool ended {now - pool.share.span.end:.0f} s ago")
    if not pool.allows(name):
        raise Forbidden(f"the pool serves slices whose names begin with {' or '.join(pool.prefixes)}, not {name}")
    return evolve(pool, bound=name, holder=str(name))


def _whole(value: Any, least: int, most: int, key: str) -> int:
    if type(value) is not int or not least <= value <= most:
        shown = repr(value)[:40]
        raise BadArgument(f"expected a whole number from {least} to {most}, got {shown}", f"rspec[{key!r}]")
    return value


def _time(rspec: Mapping[str, Any], key: str, default: float) -> float:
    value = rspec.get(key, default)
    if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value <= FOREVER:
        raise BadArgument(f"expected seconds since the epoch, 0 to {FOREVER:.0f}, got {value!r:.40}", f"rspec[{key!r}]")
    return float(value)
