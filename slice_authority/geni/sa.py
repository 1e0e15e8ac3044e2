"""The slice authority service of the Common Federation API, version 2: slices, projects, slivers, members."""

from typing import Any

from planetlab.both import rights
from planetlab.both.callers import PersonCaller
from planetlab.calls import Call
from planetlab.filters import AmongValues, Every
from planetlab.methods import Api, unite
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry.store import Row
from slice_authority.geni import authority, callers, giving, membership, naming, project_kind, slice_kind, sliver_kind
from slice_authority.geni.authority import ANY, Credentials, Name, Options, Type
from slice_authority.geni.membership import Group
from slice_authority.sfa import things

KINDS = {kind.type: kind for kind in (slice_kind.SLICE_KIND, sliver_kind.SLIVER_KIND, project_kind.PROJECT_KIND)}
_GROUPS = {"SLICE": (naming.SLICES, "slice"), "PROJECT": (naming.SITES, "site")}
own = Api(auth=None)


@own.method(*ANY)
def get_credentials(call: Call, urn: Name, credentials: Credentials, options: Options = None) -> list[Row]:
    """Give the caller's credential on a slice, or on a project, which is its site's authority."""
    person = callers.person(call, credentials, options)
    kind = naming.SITES if isinstance(urn, str) and "+project+" in urn.lower() else naming.SLICES
    row = naming.row(call.store, urn, kind)
    hrn = call.store.plc.hrn.child(row["login_base"]) if kind == naming.SITES else None
    hrn = hrn or naming.urns(call.store, kind, [row["slice_id"]])[row["slice_id"]].hrn
    thing = things.get(call.store, hrn, "authority" if kind == naming.SITES else "slice")
    return giving.listed(giving.credential(call, person, thing, options))


@own.method(*ANY)
def modify_membership(call: Call, type: Type, urn: Name, credentials: Credentials, options: Options) -> Any:
    """Add, change and remove members of a slice or project, all of them or none.

    The options are members_to_add and members_to_change (structs of member and role), and members_to_remove (URNs).
    PIs and admins do so in slices, admins in projects. Exactly one member is LEAD afterwards.
    """
    actor = callers.acting(call, credentials, options)
    membership.modify(actor, _group(call, type, urn), options)


@own.method(*ANY, reads=True)
def lookup_members(call: Call, type: Type, urn: Name, credentials: Credentials, options: Options = None) -> list[Row]:
    """List the members of a slice or project with their roles."""
    callers.acting(call, credentials, options)
    return membership.listed(call.store, _group(call, type, urn))


@own.method(*ANY, reads=True)
def lookup_for_member(
    call: Call, type: Type, member_urn: Name, credentials: Credentials, options: Options = None
) -> list[Row]:
    """List the slices or projects that a member is in, with its role: one's own, and of whom one may see."""
    kind, noun = authority.typed(type, _GROUPS)
    actor = callers.acting(call, credentials, options)
    person = naming.row(call.store, member_urn, naming.PERSONS, "member_urn")
    mine = isinstance(actor.caller, PersonCaller) and actor.caller.person_id == person["person_id"]
    actor.must(mine or rights.may_see_person(actor, person), "only members and their PIs list their memberships")
    record, numbers = (SITE, person["site_ids"]) if kind == naming.SITES else (SLICE, person["slice_ids"])
    rows = call.store.rows(record, Every((AmongValues(record.key, tuple(numbers)), call.store.live(record))))
    return [_membership(call, Group(type.upper(), noun, row), person["person_id"]) for row in rows]


def _membership(call: Call, group: Group, person_id: int) -> Row:
    row, noun = group.row, group.noun
    if noun == "PROJECT":
        urn, over = naming.project(call.store, row["login_base"]), not row["enabled"]
        uid = str(naming.fresh_uid(urn, group.number))
    else:
        urn, over = naming.urns(call.store, naming.SLICES, [group.number])[group.number], row["expires"] <= call.now
        uid = naming.uid(call.store, urn, group.number)
    told = {f"{noun}_URN": str(urn), f"{noun}_UID": uid, f"{noun}_EXPIRED": over}
    # Both spellings of the last: clients look for either, since servers of the field once had the short one.
    return {**told, "EXPIRED": over, f"{noun}_ROLE": membership.roles(call.store, group)[person_id]}


def _group(call: Call, type: Any, urn: Any) -> Group:
    kind, noun = authority.typed(type, _GROUPS)
    return Group(type.upper(), noun, naming.row(call.store, urn, kind))


api = unite(authority.service(KINDS, "sa", "SA"), own)
