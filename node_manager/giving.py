"""The node's pools in its books: what the owner grants, what is split off, what it adds to a sliver.

Below the node's own pool stand the owner's promises and the authorities' shares. A share is a ceiling: the most that
an authority's slivers may be promised together; so shares may overlap, and every promise is checked against both.
"""

import secrets
from collections.abc import Iterator

from attrs import evolve

from node_manager import limits, pools
from node_manager.books import Books
from node_manager.pools import Pool, Share, Span
from node_manager.records import Entry, Record
from node_manager.settings import Settings
from planetlab.errors import BadArgument, Forbidden, NotFound
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec

OWNER = "(owner)"  # holds the node's pool; no account can be called so
BROKER = "(pl_conf)"  # holds the authorities' pools
_OVER = Span(0.0, 1.0)
MOST_DEEP, MOST_PARTS = 32, 1000  # parts of parts, and parts in all, of what one was first given
MOST_PREFIX = 64  # characters; no slice's name is longer


def new_rcap() -> str:
    """128 random bits, which whoever holds them may use."""
    return secrets.token_hex(16)


class Giving:
    """Who may have what of one node."""

    def __init__(self, settings: Settings, books: Books) -> None:
        """Brings the root pools to what the owner's settings say; parts already given stay given."""
        self._settings = settings
        self._books = books
        top = next((pool for pool in books.parts("") if pool.holder == OWNER), None)
        self._top = top.rcap if top else new_rcap()
        node = Pool(rcap=self._top, share=settings.capacity(), holder=OWNER)
        old = {pool.authority: pool for pool in books.parts(self._top) if pool.ceiling}
        roots = [self._root(pool, old.pop(pool.authority, None)) for pool in self._asked_roots()]
        ended = [evolve(pool, share=Share(span=_OVER)) for pool in old.values()]
        books.put(pools=[node, *roots, *ended])
        for pool in ended:
            if not books.parts(pool.rcap):
                books.drop(pool.rcap)

    def _asked_roots(self) -> Iterator[Pool]:
        capacity = self._settings.capacity()
        if not self._settings.authorities:
            yield Pool(rcap="", share=capacity, holder=BROKER, ceiling=True)
        for root in self._settings.authorities:
            part = pools.fitted(root.share, capacity)
            yield Pool(
                rcap="",
                share=evolve(part, amounts={**part.amounts, "slivers": root.max_slivers}, ports=capacity.ports),
                holder=BROKER,
                authority=Hrn.parse(root.authority),
                ceiling=True,
                prefixes=tuple(root.prefixes),
            )

    def _root(self, asked: Pool, old: Pool | None) -> Pool:
        return evolve(asked, rcap=old.rcap if old else new_rcap(), parent=self._top)

    def named(self, rcap: str) -> Pool:
        """The pool that an rcap stands for. Raises `NotFound`."""
        if rcap not in self._books.pools:
            raise NotFound("no such rcap on this node, or what it stood for has ended", "rcap")
        return self._books.pools[rcap]

    def root_for(self, authority: Hrn, name: SliceName) -> Pool:
        """The pool out of which ``authority`` may make a sliver of ``name``. Raises `Forbidden`."""
        roots = [pool for pool in self._books.parts(self._top) if pool.ceiling and pool.share.span != _OVER]
        fitting = [pool for pool in roots if pool.authority is None or pool.authority.governs(authority)]
        if not fitting:
            raise Forbidden(f"this node has no pool for {authority}; its owner grants one under [[authorities]]")
        pool = max(fitting, key=lambda pool: len(pool.authority.path) if pool.authority else 0)
        if not pool.allows(name):
            prefixes = " or ".join(pool.prefixes)
            raise Forbidden(f"{authority} may make slivers here whose names begin with {prefixes}, not {name}")
        return pool

    def for_record(self, record: Record, entry: Entry | None, now: float) -> Pool:
        """The pool of a record's sliver, new or as large as it is wanted now. Raises `Forbidden`, `pools.NoRoom`."""
        old = self._books.pools.get(entry.rcap) if entry else None
        parent = self._books.pools.get(old.parent) if old else None
        if parent is None or parent.share.span == _OVER:
            parent = self.root_for(record.authority, record.name)
        rcap = old.rcap if old else new_rcap()
        span = Span(max(now, parent.share.span.start), min(record.expires, parent.share.span.end))
        wanted = limits.promised(record.rspec, span) if record.is_sliver else Share(span=span)
        return pools.bind(self._split(parent, wanted, rcap, str(record.name), now), record.name, now)

    def create(self, rspec: dict[str, object], holder: str, now: float) -> Pool:
        """A root pool of the owner's for ``holder``, out of the whole node. Raises `BadArgument` for a wrong member."""
        wanted = dict(rspec)
        prefix = wanted.pop("prefix", "")
        if not isinstance(prefix, str) or len(prefix) > MOST_PREFIX:
            raise BadArgument(f"expected at most {MOST_PREFIX} characters, got {prefix!r:.40}", "rspec['prefix']")
        node = self._books.pools[self._top]
        pool = self._split(node, Share.read(wanted, node.share.span), new_rcap(), holder, now)
        pool = evolve(pool, prefixes=(prefix,) if prefix else ())
        self._books.put(pools=[pool])
        return pool

    def split(self, rcap: str, rspec: dict[str, object], holder: str, now: float) -> Pool:
        """A part of a pool, for ``holder``."""
        pool = self.named(rcap)
        self._must_be_few(pool)
        part = self._split(pool, Share.read(rspec, pool.share.span), new_rcap(), holder, now)
        self._books.put(pools=[part])
        return part

    def _must_be_few(self, pool: Pool) -> None:
        """Raise `pools.NoRoom` when the parts of parts are too deep already, or too many in all."""
        if pool.ceiling or pool.rcap == self._top:
            return  # the owner's and the creation service's
        first, depth = pool, 1
        while (above := self._books.pools.get(first.parent)) and not above.ceiling and above.rcap != self._top:
            first, depth = above, depth + 1
        if depth > MOST_DEEP:
            raise pools.NoRoom(
                f"a pool can be split {MOST_DEEP} times one after the other; split one that is nearer the first"
            )
        if len(self._books.below(first.rcap)) > MOST_PARTS:
            raise pools.NoRoom(
                f"there are {MOST_PARTS} parts of what this pool was split from; give some back (GiveBack)"
            )

    def _split(self, parent: Pool, wanted: Share, rcap: str, holder: str, now: float) -> Pool:
        """A part of ``parent``, in place of what ``rcap`` is now. Raises `Forbidden`, `pools.NoRoom`."""
        pools.must_last(parent, wanted, now)
        self._must_fit(parent, wanted, rcap)
        if parent.ceiling:
            self._must_fit(self._books.pools[self._top], wanted, rcap)
        return pools.part(parent, wanted, rcap, holder)

    def _must_fit(self, pool: Pool, wanted: Share, rcap: str) -> None:
        old = self._books.pools.get(rcap)
        given = self._given(pool.rcap)
        if old is not None:
            given = {key: amount - old.share.amounts.get(key, 0) for key, amount in given.items()}
        if not pools.fits_surely(pool, given, wanted):
            parts = self._promises() if pool.rcap == self._top else self._books.parts(pool.rcap)
            pools.must_fit(pool, [part for part in parts if part.rcap != rcap], wanted)

    def _given(self, rcap: str) -> dict[str, int]:
        """All that was split off a pool, at whatever time; of the node's pool all that is promised."""
        sums = dict(self._books.given(rcap))
        for part in self._books.parts(self._top) if rcap == self._top else ():
            if part.ceiling:
                for key, amount in self._books.given(part.rcap).items():
                    sums[key] = sums.get(key, 0) + amount
        return sums

    def left(self, pool: Pool, now: float) -> Share:
        """What a pool can still promise from now to its end."""
        span = Span(min(now, pool.share.span.end - 1.0), pool.share.span.end)
        return pools.left(pool, self._promises() if pool.rcap == self._top else self._books.parts(pool.rcap), span)

    def _promises(self) -> Iterator[Pool]:
        for part in self._books.parts(self._top):
            if part.ceiling:
                yield from self._books.parts(part.rcap)
            else:
                yield part

    def spread(self, entry: Entry, rspec: ResourceSpec, now: float) -> ResourceSpec:
        """A sliver's grant, with what is bound to it beside and without what it gave on."""
        name = entry.record.name
        at = Span(now, now + 1.0)
        bound = [pool for pool in self._books.bound_to(name) if pool.share.span.meets(at)]
        more = [pool.share for pool in bound if pool.rcap != entry.rcap]
        less = [part.share for pool in bound for part in self._books.parts(pool.rcap) if part.share.span.meets(at)]
        ports = frozenset[int]().union(*(pool.share.ports for pool in bound), set())
        ports -= frozenset[int]().union(*(share.ports for share in less), set())
        return limits.with_ports(limits.spread(rspec, more, less) if more or less else rspec, ports)

    def end_over(self, now: float) -> list[SliceName]:
        """Give back the pools whose time is over, but slivers' own; gives the slivers that lost something."""
        own = {entry.rcap for entry in self._books.entries.values()}
        lost = []
        for pool in pools.over(self._books.pools.values(), now):
            if pool.parent and not pool.ceiling and pool.rcap not in own and pool.rcap in self._books.pools:
                lost += [pool.bound] if pool.bound else []
                self._books.drop(pool.rcap)
        return lost
