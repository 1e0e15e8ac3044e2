"""What an aggregate does, whatever the interface by which it is asked: offer nodes, hold, make, renew and end slivers.

A sliver is a slice on a node. It is made by the same code as the PLC API's AddSliceToNodes, and nodes learn of it in
the same way. Functions take the call, whose transaction they work in, and raise the errors of `planetlab.errors`.
"""

from collections.abc import Iterable, Sequence

from attrs import evolve, frozen

from planetlab.both import writing
from planetlab.calls import Call
from planetlab.errors import BadArgument, Conflict, Forbidden, NotFound
from planetlab.filters import AmongValues, Every, IsNil
from planetlab.methods import Role
from planetlab.records.nodes import NODE
from planetlab.records.slices import SLICE
from planetlab.registry import sliver_states, tags
from planetlab.registry.sliver_states import State
from planetlab.registry.store import Row, Store
from slice_authority.methods import placement, slices
from slice_authority.sfa import attributes, foreign, registering, rights
from slice_authority.sfa.allowing import Principal
from slice_authority.sfa.foreign import User
from slice_authority.sfa.replies import Unsupported as Unsupported
from slice_authority.sfa.standing import FIELDS
from slice_authority.sfa.standing import Sliver as Sliver
from slice_authority.sfa.standing import here as here
from slice_authority.sfa.standing import is_up as is_up
from slice_authority.sfa.standing import name_of as name_of
from slice_authority.sfa.standing import node_of as node_of
from slice_authority.sfa.standing import offered as offered
from slice_authority.sfa.standing import slice_for as slice_for
from slice_authority.sfa.standing import slice_of as slice_of
from slice_authority.sfa.standing import sliver_urn as sliver_urn
from slice_authority.sfa.standing import slivers as slivers

HOLD = 600.0  # seconds that an allocated sliver waits to be provisioned, unless the caller asks for less
MOST_NODES = 2000  # of one request
START, STOP, RESTART, UPDATE_USERS = "geni_start", "geni_stop", "geni_restart", "geni_update_users"
_SHUT = "sfa_shutdown"


@frozen(kw_only=True)
class Wanted:
    """A sliver that is asked for: on a node by number, or for None on any that is free.

    ``attributes`` are all that it shall have; None leaves those that it has.
    """

    node_id: int | None = None
    client_id: str = ""
    kind: str = ""
    attributes: tuple[tuple[str, str], ...] | None = ()


def acting(call: Call, one: Row, principal: Principal) -> Call:
    """``call`` as who it is made for: a person of this registry, or for another authority's slice a stranger."""
    if not foreign.is_foreign(call.store, one):
        return registering.acting(call, principal)
    first = list(principal.credential.levels)[-1].holder
    rights.must_be_current(call.store, first)
    return evolve(call, caller=None, roles=frozenset({Role.USER}), auth_method="sfa")


def must_be_open(call: Call, one: Row) -> None:
    """Refuse to give anything to a slice that was shut down. Raises `Forbidden`."""
    why = tags.value(call.store, SLICE, one["slice_id"], _SHUT)
    if why:
        raise Forbidden(
            f"slice {one['name']} was shut down ({why}); an admin opens it again by deleting the tag {_SHUT}"
        )


def nodes_by_name(call: Call, names: Sequence[str]) -> dict[str, Row]:
    """Our nodes by host name. Raises `NotFound`, which lists the names that are none."""
    if len(names) > MOST_NODES:
        raise BadArgument(f"expected at most {MOST_NODES} nodes, got {len(names)}", "rspec")
    said = [name.lower() for name in names]
    where = Every((AmongValues("hostname", tuple(said)), call.store.live(NODE), IsNil("peer_id")))
    found = {row["hostname"]: row for row in call.store.rows(NODE, where, FIELDS)} if said else {}
    missing = [name for name in said if name not in found]
    if missing:
        raise NotFound(f"no such node here: {', '.join(missing[:10])}{' …' if len(missing) > 10 else ''}")
    return found


def allocate(
    call: Call, one: Row, principal: Principal, wanted: Sequence[Wanted], until: float | None = None
) -> list[Sliver]:
    """Hold slivers for a while. Raises `Conflict` for a node on which the slice is already, held or made.

    What could not be made of them later is refused now.
    """
    must_be_open(call, one)
    if not wanted or len(wanted) > MOST_NODES:
        raise BadArgument(f"expected 1 to {MOST_NODES} nodes, got {len(wanted)}", "rspec")
    there = {each.node_id: each for each in slivers(call, one)}
    bound = _bound(call, wanted, set(there))
    twice = [each.node_id for each in bound if each.node_id in there]
    if twice:
        raise Conflict(f"{there[twice[0]].urn} exists already ({there[twice[0]].allocation})", "rspec")
    end = min(call.now + HOLD if until is None else until, float(one["expires"]))
    if end <= call.now:
        raise BadArgument(f"expected an end in the future and before the slice's, got {end:.0f}", "geni_end_time")
    acts = acting(call, one, principal)
    for each in bound:
        attributes.must_be_settable(acts, one, each.node_id, each.wish.attributes or ())
        sliver_states.put(call.store, _held(one, each, call.now, end))
    call.store.note(f"Slivers of slice {one['slice_id']} held", Slice=one["slice_id"])
    return slivers(call, one, [each.node_id for each in bound])


@frozen
class _Bound:
    node_id: int
    wish: Wanted


def _bound(call: Call, wanted: Sequence[Wanted], taken: set[int]) -> list[_Bound]:
    """A node for each wish; a wish for any node gets one that has the fewest slices."""
    named = [wish.node_id for wish in wanted if wish.node_id is not None]
    if len(set(named)) != len(named):
        raise BadArgument("a node is asked for twice", "rspec")
    free = [row for row in offered(call, available=True) if row["node_id"] not in {*taken, *named}]
    free.sort(key=lambda row: (len(row["slice_ids"]), row["node_id"]), reverse=True)
    bound = []
    for wish in wanted:
        if wish.node_id is None and not free:
            raise BadArgument(f"expected a free node for {wish.client_id or 'a sliver'}, and no more are up", "rspec")
        bound.append(_Bound(free.pop()["node_id"] if wish.node_id is None else wish.node_id, wish))
    return bound


def _held(one: Row, bound: _Bound, now: float, end: float) -> State:
    return State(
        slice_id=one["slice_id"],
        node_id=bound.node_id,
        state="allocated",
        since=int(now),
        expires=int(end),
        client_id=bound.wish.client_id[:256],
        kind=bound.wish.kind[:64],
        attributes=bound.wish.attributes or (),
    )


def provision(
    call: Call,
    one: Row,
    principal: Principal,
    node_ids: Iterable[int] | None = None,
    users: Sequence[User] = (),
    until: float | None = None,
) -> list[Sliver]:
    """Make the slivers that are held, all or those on some nodes, for ``users`` where the slice is not ours."""
    must_be_open(call, one)
    held = {each.node_id for each in slivers(call, one, node_ids) if each.allocation == "geni_allocated"}
    if not held:
        raise NotFound(f"no sliver of {name_of(call, one)} is held here; Allocate first")
    states = sliver_states.of_slice(call.store, one["slice_id"])
    end = int(min(float(one["expires"]), until if until is not None else float(one["expires"])))
    _place(call, one, principal, [evolve(states[node], since=int(call.now), expires=end) for node in held], users)
    return slivers(call, one, held)


def _place(
    call: Call,
    one: Row,
    principal: Principal,
    states: list[State],
    users: Sequence[User],
    left: frozenset[int] = frozenset(),
    only_add: bool = False,
) -> None:
    """Put the slice on nodes and set what was asked for there, but on the nodes ``left`` as they are."""
    acts = acting(call, one, principal)
    numbers = tuple(said.node_id for said in states)
    nodes = call.store.rows(
        NODE, AmongValues("node_id", numbers), ("node_id", "hostname", "site_id", "slice_ids_whitelist")
    )
    placement.add_nodes(acts, one, nodes)
    fresh = call.store.find(SLICE, one["slice_id"])
    for said in states:
        if said.node_id not in left:
            attributes.put(acts, fresh, said.node_id, said.attributes, only_add)
        sliver_states.put(call.store, evolve(said, state="provisioned", attributes=()))
    if foreign.is_foreign(call.store, one):
        foreign.put_users(call, fresh, users)
    call.store.note(f"Slivers of slice {one['slice_id']} made", Slice=one["slice_id"], Node=numbers)


def realise(
    call: Call,
    one: Row,
    principal: Principal,
    wanted: Sequence[Wanted],
    users: Sequence[User] = (),
    only_add: bool = False,
) -> list[Sliver]:
    """Make the slice stand on exactly the wanted nodes, in one step: CreateSliver's and UpdateSliver's meaning.

    With ``only_add`` attributes that slivers have already are left beside the wanted ones.
    """
    must_be_open(call, one)
    if len(wanted) > MOST_NODES:
        raise BadArgument(f"expected at most {MOST_NODES} nodes, got {len(wanted)}", "rspec")
    there = {each.node_id: each for each in slivers(call, one)}
    kept = {wish.node_id for wish in wanted if wish.node_id is not None}
    named = {each.client_id: number for number, each in there.items() if each.client_id and number not in kept}
    settled = [
        evolve(wish, node_id=named.pop(wish.client_id)) if wish.node_id is None and wish.client_id in named else wish
        for wish in wanted
    ]
    bound = _bound(call, settled, set(there))
    gone = set(there) - {each.node_id for each in bound}
    if gone:
        _end(call, one, acting(call, one, principal), gone)
    before = sliver_states.of_slice(call.store, one["slice_id"])
    states = [_begun(before, _held(one, each, call.now, float(one["expires"]))) for each in bound]
    left = frozenset(each.node_id for each in bound if each.wish.attributes is None)
    _place(call, one, principal, states, users, left, only_add)
    return slivers(call, one)


def _begun(before: dict[int, State], said: State) -> State:
    """``said``, since when the sliver was made if it stood ``before``."""
    there = before.get(said.node_id)
    return evolve(said, since=there.since) if there is not None and there.state == "provisioned" else said


def renew(
    call: Call, one: Row, principal: Principal, until: float, node_ids: Iterable[int] | None = None
) -> list[Sliver]:
    """Let slivers end later, or sooner; the slice's own end moves with the last of them, by the rules of UpdateSlice.

    Another authority's slice ends with the credential at the latest.
    """
    must_be_open(call, one)
    if until <= call.now:
        raise BadArgument(f"expected a time in the future, got {until:.0f}", "expiration_time")
    asked = slivers(call, one, node_ids)
    if not asked:
        raise NotFound(f"{name_of(call, one)} has no slivers here")
    acts = acting(call, one, principal)
    before = float(one["expires"])
    if until > before:
        if foreign.is_foreign(call.store, one):
            _lengthen(call, one, principal, until)
        else:
            slices.change(acts, one, {"expires": int(until)})
    states = sliver_states.of_slice(call.store, one["slice_id"])
    chosen = {each.node_id for each in asked}
    for each in slivers(call, one):
        said = states.get(each.node_id) or State(
            slice_id=one["slice_id"],
            node_id=each.node_id,
            state="provisioned",
            since=int(call.now),
            expires=int(before),
        )
        if each.node_id in chosen:
            limit = call.now + HOLD if said.state == "allocated" else until
            sliver_states.put(call.store, evolve(said, expires=int(min(until, limit))))
        elif each.node_id not in states and until > before:
            sliver_states.put(call.store, said)
    call.store.note(f"Slivers of slice {one['slice_id']} renewed", Slice=one["slice_id"])
    return slivers(call, call.store.find(SLICE, one["slice_id"]), chosen)


def _lengthen(call: Call, one: Row, principal: Principal, until: float) -> None:
    if until > principal.credential.expires:
        raise BadArgument("a slice of another authority ends with the credential at the latest", "expiration_time")
    most = call.store.plc.longest_renewal
    if until > call.now + most:
        raise BadArgument(f"Cannot renew a slice beyond {most / 86_400:.0f} days from now", "expiration_time")
    writing.update(call.store, SLICE, one["slice_id"], {"expires": int(until)}, "slice")


def delete(call: Call, one: Row, principal: Principal, node_ids: Iterable[int] | None = None) -> list[Sliver]:
    """End slivers, held or made; gives them as they were."""
    gone = slivers(call, one, node_ids)
    _end(call, one, acting(call, one, principal), {each.node_id for each in gone})
    return gone


def _end(call: Call, one: Row, acts: Call, numbers: set[int]) -> None:
    sliver_states.drop(call.store, one["slice_id"], sorted(numbers))
    placement.remove_nodes(acts, one, [{"node_id": number} for number in sorted(numbers)])
    call.store.note(f"Slivers of slice {one['slice_id']} ended", Slice=one["slice_id"], Node=sorted(numbers))


def perform(
    call: Call,
    one: Row,
    principal: Principal,
    action: str,
    node_ids: Iterable[int] | None = None,
    users: Sequence[User] = (),
) -> list[Sliver]:
    """Start or stop slivers, or give them other users. Raises `Unsupported` for another action."""
    chosen = slivers(call, one, node_ids)
    if action not in (START, STOP, UPDATE_USERS):
        raise Unsupported(f"{action[:60]!r} is not done here; {START}, {STOP} and {UPDATE_USERS} are")
    acting(call, one, principal)
    must_be_open(call, one)
    if any(each.allocation != "geni_provisioned" for each in chosen) or not chosen:
        raise BadArgument(f"expected slivers that are provisioned, of {name_of(call, one)}", "urns")
    if action == UPDATE_USERS:
        if not foreign.is_foreign(call.store, one):
            raise Unsupported("who is in a slice of this authority is said at its registry, not at its nodes")
        foreign.put_users(call, call.store.find(SLICE, one["slice_id"]), users)
    else:
        switch(call, one, action == START, None if node_ids is None else [each.node_id for each in chosen])
    return slivers(call, one, [each.node_id for each in chosen])


def switch(call: Call, one: Row, on: bool, node_ids: Sequence[int] | None) -> None:
    """Start or stop a slice's slivers, all of them or those on some nodes, by its tag ``enabled``."""
    store: Store = call.store
    kind = tags.kind(store, "enabled", "slice/general")
    if node_ids is None:
        store.unlink("slice_tags", slice_id=one["slice_id"], tag_type_id=kind["tag_type_id"])
    for node in [None] if node_ids is None else node_ids:
        for tag in tags.in_scope(store, one["slice_id"], kind["tag_type_id"], node, None):
            store.remove(tags.OF["Slice"], tag["slice_tag_id"])
        if node is not None or not on:
            row = {"slice_id": one["slice_id"], "tag_type_id": kind["tag_type_id"], "node_id": node}
            store.insert(tags.OF["Slice"], {**row, "value": str(int(on))})
    store.note(f"Slice {one['slice_id']} {'started' if on else 'stopped'}", Slice=one["slice_id"])


def shutdown(call: Call, one: Row, principal: Principal) -> None:
    """Stop a slice for an emergency: its slivers stay for who looks into it, and only an admin opens it again."""
    acting(call, one, principal)
    switch(call, one, False, None)
    tags.put(call.store, SLICE, one["slice_id"], _SHUT, f"by {principal.hrn} at {int(call.now)}")


def tidy(store: Store) -> int:
    """End the slivers whose time has passed; how many there were."""
    over = sliver_states.over(store)
    for said in over:
        if said.state == "provisioned":
            store.unlink("slice_node", slice_id=said.slice_id, node_id=said.node_id)
            store.unlink("slice_tags", slice_id=said.slice_id, node_id=said.node_id)
        sliver_states.drop(store, said.slice_id, [said.node_id])
    return len(over)
