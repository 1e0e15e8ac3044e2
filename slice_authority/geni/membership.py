"""Who is in a slice or a project, and as what. Membership and rights are the PLC API's, roles are kept beside.

At any time exactly one member is LEAD: the one that was said to be, else who made the slice or is the site's first PI.
"""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.filters import AmongValues, both
from planetlab.names import Urn
from planetlab.records.persons import PERSON
from planetlab.registry import federated
from planetlab.registry.store import Row, Store
from slice_authority.geni import naming
from slice_authority.methods import persons, slices

ROLES = ("LEAD", "ADMIN", "MEMBER", "AUDITOR", "OPERATOR")
_MOST = 1000  # members in one call


@frozen
class Group:
    """A slice or a project: ``noun`` is the prefix of its fields, ``kind`` what the registry calls it."""

    noun: str  # SLICE, PROJECT
    kind: str  # slice, site
    row: Row

    @property
    def number(self) -> int:
        """The row's number."""
        return int(self.row[f"{self.kind}_id"])


def roles(store: Store, group: Group) -> dict[int, str]:
    """The members' roles, by person."""
    said = federated.roles(store, group.kind, group.number)
    live = store.rows(
        PERSON,
        both(AmongValues("person_id", tuple(group.row["person_ids"])), store.live(PERSON)),
        ("person_id", "roles"),
    )
    pis = {row["person_id"] for row in live if group.kind == "site" and "pi" in row["roles"]}
    found = {number: said.get(number) or _usual(number in pis) for number in sorted(row["person_id"] for row in live)}
    leads = [number for number, role in found.items() if role == "LEAD"]
    first = leads[:1] or [group.row.get("creator_person_id")]
    if not leads and found and first[0] not in found:
        first = [min(pis & set(found) or found)]
    for number in found:
        if found[number] == "LEAD" or number in first:
            found[number] = "LEAD" if number in first else "ADMIN"
    return found


def _usual(is_pi: bool) -> str:
    return "ADMIN" if is_pi else "MEMBER"


def listed(store: Store, group: Group) -> list[dict[str, Any]]:
    """The members as ``lookup_members`` tells them; who has no name in the federation is left out."""
    told = roles(store, group)
    names = naming.urns(store, naming.PERSONS, told)
    return [
        {
            f"{group.noun}_MEMBER": str(names[number]),
            f"{group.noun}_MEMBER_UID": naming.uid(store, names[number], number),
            f"{group.noun}_ROLE": role,
        }
        for number, role in told.items()
        if number in names
    ]


def modify(call: Call, group: Group, options: Any) -> None:
    """Add, change and remove members, all or none. Who may is the PLC API's rule. Raises `BadArgument`, `Forbidden`."""
    said = options if isinstance(options, Mapping) else {}
    added = _roles(call, group, said.get("members_to_add"), "members_to_add")
    changed = _roles(call, group, said.get("members_to_change"), "members_to_change")
    removed = {_number(call, urn, "members_to_remove"): "" for urn in _listed(said, "members_to_remove")}
    before = roles(call.store, group)
    _must_fit(before, added, changed, removed)
    after = {number: role for number, role in {**before, **changed, **added}.items() if number not in removed}
    leads = [number for number, role in after.items() if role == "LEAD"]
    if len(leads) != 1:
        raise BadArgument(f"a {group.noun.lower()} has exactly one LEAD, and this would leave {len(leads)}", "options")
    add, remove = (_add_to_site, _remove_from_site) if group.kind == "site" else (_add_to_slice, _remove_from_slice)
    for number in added:
        add(call, group, number)
    for number in removed:
        remove(call, group, number)
        federated.drop_role(call.store, group.kind, group.number, number)
    if changed and not (added or removed):
        _must_manage(call, group)
    for number in after:
        if after[number] != before.get(number) or number in {**added, **changed}:
            federated.put_role(call.store, group.kind, group.number, number, after[number])
    call.store.note(f"members of {group.kind} {group.number} changed", Person=[*added, *changed, *removed])


def start(store: Store, kind: str, number: int, person_id: int) -> None:
    """Who made a slice by this interface is its LEAD."""
    federated.put_role(store, kind, number, person_id, "LEAD")


def _must_fit(before: dict[int, str], added: dict[int, str], changed: dict[int, str], removed: dict[int, str]) -> None:
    for numbers, ok, what in (
        (added, False, "is a member already"),
        (changed, True, "is no member"),
        (removed, True, "is no member"),
    ):
        wrong = [number for number in numbers if (number in before) is not ok]
        if wrong:
            raise BadArgument(f"person {wrong[0]} {what}", "options")
    if set(added) & set(removed) or set(changed) & set(removed):
        raise BadArgument("a member is both named to stay and to be removed", "options")


def _listed(said: Mapping[str, Any], name: str) -> list[Any]:
    many = said.get(name) or []
    if not isinstance(many, list) or len(many) > _MOST:
        raise BadArgument(f"expected an array of at most {_MOST} members", f"options[{name!r}]")
    return many


def _roles(call: Call, group: Group, many: Any, name: str) -> dict[int, str]:
    found = {}
    for one in _listed({name: many}, name):
        if not isinstance(one, Mapping):
            raise BadArgument(f"expected structs of {group.noun}_MEMBER and {group.noun}_ROLE", f"options[{name!r}]")
        role = one.get(f"{group.noun}_ROLE", "MEMBER")
        if role not in ROLES:
            raise BadArgument(f"{group.noun}_ROLE: expected one of {', '.join(ROLES)}, got {role!r:.40}", "options")
        found[_number(call, one.get(f"{group.noun}_MEMBER"), name)] = role
    return found


def _number(call: Call, urn: Any, name: str) -> int:
    return int(naming.row(call.store, urn, naming.PERSONS, f"options[{name!r}]")["person_id"])


def _add_to_slice(call: Call, group: Group, number: int) -> None:
    slices.AddPersonToSlice(call, number, group.number)


def _remove_from_slice(call: Call, group: Group, number: int) -> None:
    slices.DeletePersonFromSlice(call, number, group.number)


def _add_to_site(call: Call, group: Group, number: int) -> None:
    call.must(call.is_admin, "only admins put persons into sites")
    persons.AddPersonToSite(call, number, group.number)


def _remove_from_site(call: Call, group: Group, number: int) -> None:
    call.must(call.is_admin, "only admins take persons out of sites")
    persons.DeletePersonFromSite(call, number, group.number)


def _must_manage(call: Call, group: Group) -> None:
    from_here = group.row["site_id"] in getattr(call.caller, "site_ids", ())
    call.must(call.is_admin or ("pi" in getattr(call.caller, "names", ()) and from_here), "Not a PI of the site")


def member_urn(store: Store, number: int) -> Urn | None:
    """A person's URN."""
    return naming.urns(store, naming.PERSONS, [number]).get(number)
