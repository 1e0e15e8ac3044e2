"""Who may do what to whom: the rules that many methods share. They look, at most, and change nothing."""

from typing import Any

from planetlab.both.callers import NodeCaller, PersonCaller, slices_of, slices_on
from planetlab.calls import Call
from planetlab.errors import BadArgument, Forbidden, NotAuthenticated
from planetlab.filters import ALL, AmongValues, Condition, HasAny, Some
from planetlab.methods import Role
from planetlab.records.persons import PERSON
from planetlab.registry.store import Row

SITE_STAFF = frozenset({Role.PI, Role.TECH})
WHOSE = ("slice_id", "name", "site_id", "peer_id", "person_ids")  # what a slice is asked for to judge who may change it


def at_site(call: Call, site_id: int) -> bool:
    """Whether the caller belongs to the site."""
    if isinstance(call.caller, PersonCaller):
        return site_id in call.caller.site_ids
    return isinstance(call.caller, NodeCaller) and call.caller.site_id == site_id


def must_be_at_site(call: Call, site_id: int, what: str) -> None:
    """An admin may; anybody else only at an own site."""
    call.must(call.is_admin or at_site(call, site_id), f"Not allowed to {what} of site {site_id}")


def must_call(call: Call, method: str, *roles: Role) -> None:
    """Refuse whom the method that changes a related list by itself would refuse, with the code it would do so with."""
    if not call.roles & set(roles):
        told = f"Not allowed to call {method}: it needs one of {', '.join(sorted(roles))}"
        raise Forbidden(told) if call.auth_method == "session" else NotAuthenticated(told)


def is_pi_at(call: Call, site_id: int) -> bool:
    """Whether the caller is PI of the site."""
    return Role.PI in call.roles and at_site(call, site_id)


def may_update_person(call: Call, person: Row) -> bool:
    """The person itself, an admin, or a PI who shares a site with somebody who is neither PI nor admin."""
    if call.is_admin:
        return True
    if not isinstance(call.caller, PersonCaller):
        return False
    if call.caller.person_id == person["person_id"]:
        return True
    return (
        Role.PI in call.roles
        and bool(set(call.caller.site_ids) & set(person["site_ids"]))
        and not {"pi", "admin"} & set(person["roles"])
    )


def may_see_person(call: Call, person: Row) -> bool:
    """Who may update, and PIs and techs who share a site."""
    shares = isinstance(call.caller, PersonCaller) and bool(set(call.caller.site_ids) & set(person["site_ids"]))
    return may_update_person(call, person) or (bool(SITE_STAFF & call.roles) and shares)


def may_change_slice(call: Call, one: Row) -> bool:
    """By its fields of `WHOSE`: an admin, a member, or a PI of the slice's site."""
    if call.is_admin:
        return True
    if not isinstance(call.caller, PersonCaller):
        return False
    return call.caller.person_id in one["person_ids"] or is_pi_at(call, one["site_id"])


def must_change_slice(call: Call, one: Row) -> None:
    """Refuse who may not change the slice, saying why."""
    if may_change_slice(call, one):
        return
    call.must(False, "Not a member of the specified slice, nor a PI of its site")


def must_fit_whitelist(call: Call, one: Row, node: Row, new: bool = True) -> None:
    """A node with a whitelist takes a new slice if it is on it, or if somebody of the node's site puts it there."""
    listed = node["slice_ids_whitelist"]
    if new and listed and one["slice_id"] not in listed and not at_site(call, node["site_id"]):
        raise BadArgument(f"slice {one['name']} is not on the whitelist of {node['hostname']}")


def own_slices(call: Call) -> tuple[int, ...]:
    """The slices that a person is in, or that are on a node."""
    if isinstance(call.caller, PersonCaller):
        return tuple(slices_of(call.store, call.caller))
    return tuple(slices_on(call.store, call.caller)) if isinstance(call.caller, NodeCaller) else ()


def near_slices(call: Call) -> Condition:
    """A person is near to the slices that it is in, and as PI to those of its sites; an admin, and a node, to all."""
    if not isinstance(call.caller, PersonCaller) or call.is_admin:
        return ALL
    mine: Condition = HasAny("person_ids", (call.caller.person_id,))
    if Role.PI in call.roles and call.caller.site_ids:
        return Some((mine, AmongValues("site_id", call.caller.site_ids)))
    return mine


def seen_nodes(call: Call) -> Condition:
    """Who is no admin does not see a node with a whitelist, unless at its site or in a slice on the list."""
    if call.is_admin:
        return ALL
    open_to_all: Condition = HasAny("slice_ids_whitelist", ())
    mine = own_slices(call)
    more: list[Condition] = [HasAny("slice_ids_whitelist", mine)] if mine else []
    if isinstance(call.caller, PersonCaller) and call.caller.site_ids:
        more.append(AmongValues("site_id", call.caller.site_ids))
    elif isinstance(call.caller, NodeCaller):
        more.append(AmongValues("site_id", (call.caller.site_id,)))
    return Some((open_to_all, *more))


def strongest(roles: tuple[int, ...]) -> int:
    """The number of the strongest role; smaller is stronger. 100 for none."""
    return min(roles, default=100)


def own_roles(call: Call) -> tuple[int, ...]:
    """The numbers of the caller's roles."""
    if not isinstance(call.caller, PersonCaller):
        return ()
    numbers: list[Any] = call.store.list_of(PERSON, "role_ids", call.caller.person_id)
    return tuple(numbers)
