"""Sites: who takes part, and the prefix of their slices' names."""

from typing import Annotated, Any

from planetlab.both import forms, getting, hrns, rights, writing
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.methods import Api, Role
from planetlab.records.persons import PERSON
from planetlab.records.sites import ADDRESS, SITE
from planetlab.registry.store import Row, Store

api = Api()

SiteKey = Annotated[int | str, forms.id_or_name(SITE)]
NewSite = Annotated[Row, forms.struct(SITE, SITE.settable())]
SiteChanges = Annotated[
    Row, forms.struct(SITE, SITE.settable(), persons=forms.IDS_OR_NAMES, addresses=forms.ids_or_filters(ADDRESS))
]
ADMINS_ONLY = ("max_slices", "max_slivers", "login_base")

getting.declare(
    api,
    getting.Get(
        "Sites",
        SITE,
        (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE, Role.ANONYMOUS),
        forms.wanted(SITE, scalars="string int"),
        "site_filter",
        "List sites: all of them, those named by number or login base, or those that fit a filter.",
        example=([{"login_base": "pl*"}], ["site_id", "login_base"]),
    ),
)


@api.method(Role.ADMIN, example=({"name": "Princeton", "abbreviated_name": "PU", "login_base": "princeton"},))
def AddSite(call: Call, site_fields: NewSite) -> int:
    """Add a site; unknown fields are ignored. It makes no slices until an admin raises its ``max_slices``."""
    given = writing.sort_out(SITE, site_fields, SITE.settable(), where="site_fields")
    together(given.native)
    number = writing.add(call.store, SITE, given.native, "site_fields")
    hrns.name_site(call.store, number, call.store.find(SITE, number, ("login_base",))["login_base"])
    return number


@api.method(Role.ADMIN, Role.PI, example=("princeton", {"url": "https://www.princeton.edu/"}))
def UpdateSite(call: Call, site_id_or_login_base: SiteKey, site_fields: SiteChanges) -> int:
    """Change a site. PIs change their own; limits and login base are left to admins, and dropped from a PI's struct.

    ``persons`` and ``addresses`` are full lists: who is missing is taken out, who is new is put in. A new login base
    renames no slice.
    """
    site = ours(call.store, site_id_or_login_base)
    rights.must_be_at_site(call, site["site_id"], "update fields")
    given = writing.sort_out(SITE, site_fields, SITE.settable(), ("persons", "addresses"), "site_fields")
    native = {k: v for k, v in given.native.items() if call.is_admin or k not in ADMINS_ONLY}
    if "persons" in given.related:  # lists before fields, as the original: what is wrong with them is told first
        _set_persons(call, site, given.related["persons"])
    if "addresses" in given.related:
        _set_addresses(call, site, given.related["addresses"])
    together({**{k: site[k] for k in ("latitude", "longitude")}, **native})
    writing.update(call.store, SITE, site["site_id"], native, "site_fields")
    if "login_base" in native:
        hrns.name_site(call.store, site["site_id"], native["login_base"])
    return 1


@api.method(Role.ADMIN, example=("princeton",))
def DeleteSite(call: Call, site_id_or_login_base: SiteKey) -> int:
    """Delete a site with its slices, nodes, power units, addresses, and the persons who belong to no other."""
    site = ours(call.store, site_id_or_login_base)
    writing.remove(call.store, SITE, site["site_id"])
    return 1


def ours(store: Store, key: int | str) -> Row:
    """A site of this PLC, or `BadArgument`."""
    site = store.find(SITE, key)
    writing.must_be_ours(SITE, site)
    return site


def together(fields: Row) -> None:
    """A place has both coordinates or none."""
    if (fields.get("latitude") is None) != (fields.get("longitude") is None):
        raise BadArgument("latitude and longitude are given together or not at all", "site_fields")


def _set_persons(call: Call, site: Row, said: list[Any]) -> None:
    new, gone = writing.relinked(call, PERSON, site["person_ids"], said, "AddPersonToSite", Role.ADMIN)
    for person_id in (*new, *gone):
        writing.must_be_ours(PERSON, call.store.find(PERSON, person_id, ("person_id", "peer_id")))
    for person_id in new:
        enter(call.store, person_id, site)
    for person_id in gone:
        call.store.unlink("person_site", person_id=person_id, site_id=site["site_id"])
    call.store.note(Person=[*new, *gone])


def enter(store: Store, person_id: int, site: Row) -> None:
    """Put a person into a site, unless there already; the first one gives the person a name in the federation."""
    sites = store.list_of(PERSON, "site_ids", person_id)
    if site["site_id"] not in sites:
        join(store, person_id, site)
    if not sites:
        email = store.find(PERSON, person_id, ("email",))["email"]
        hrns.name_person(store, person_id, email, site["login_base"])


def join(store: Store, person_id: int, site: Row) -> None:
    """Put a person into a site; the first one becomes the primary site."""
    first = not store.list_of(PERSON, "site_ids", person_id)
    store.link("person_site", person_id=person_id, site_id=site["site_id"], is_primary=int(first))


def _set_addresses(call: Call, site: Row, said: list[Any]) -> None:
    kept, new, changed = writing.by_number(ADDRESS, said)
    where = "site_fields['addresses']"
    for address_id in sorted(set(site["address_ids"]) - kept):
        call.store.remove(ADDRESS, address_id)
    for item in new:
        given = writing.sort_out(ADDRESS, item, ADDRESS.settable(), where=where)
        number = writing.add(call.store, ADDRESS, given.native, where)
        call.store.link("site_address", site_id=site["site_id"], address_id=number)
    for address_id, item in changed.items():
        call.store.find(ADDRESS, address_id, ("address_id",))
        its = address_id in site["address_ids"]
        call.must(call.is_admin or its, f"Address {address_id} is not of site {site['login_base']}")
        given = writing.sort_out(ADDRESS, item, ADDRESS.settable(), where=where)
        writing.update(call.store, ADDRESS, address_id, given.native, where)
