"""PROJECT objects of the Federation API: the PLC's sites, whose PIs answer for their slices."""

from collections.abc import Iterator, Mapping
from typing import Any

from planetlab.both import rights
from planetlab.both.methods import sites
from planetlab.calls import Call
from planetlab.errors import BadArgument, Conflict
from planetlab.filters import AmongValues, IsNil
from planetlab.records.sites import SITE
from planetlab.registry.store import Row, Store
from slice_authority.geni import naming
from slice_authority.geni.objects import Kind, Object, lasting, time


def find_projects(call: Call, match: Mapping[str, list[Any]]) -> Iterator[Object]:
    """Our sites, which everybody may list."""
    guests = naming.guests(call.store, SITE)
    for row in call.store.rows(SITE, IsNil("peer_id")):
        if row["site_id"] not in guests:
            yield project_object(call.store, row)


def project_object(store: Store, row: Row) -> Object:
    """One site as the API tells it; sites do not end, they are switched off."""
    urn = naming.project(store, row["login_base"])
    return {
        "PROJECT_URN": str(urn),
        "PROJECT_UID": str(naming.fresh_uid(urn, row["site_id"])),
        "PROJECT_NAME": row["login_base"],
        "PROJECT_DESCRIPTION": row["name"],
        "PROJECT_EXPIRATION": "",
        "PROJECT_EXPIRED": not row["enabled"],
        "PROJECT_CREATION": time(row["date_created"]),
    }


def create_project(call: Call, fields: Object) -> Object:
    """A new site, by an admin."""
    _must_not_end(fields)
    call.must(call.is_admin, "only admins make projects, which are sites")
    name = str(fields["PROJECT_NAME"])
    title = str(fields.get("PROJECT_DESCRIPTION") or name)
    if call.store.row(SITE, AmongValues("login_base", (name,)), ("site_id",)) is not None:
        raise Conflict(f"project {name} exists already")
    number = sites.AddSite(call, {"name": title[:254], "abbreviated_name": title[:50], "login_base": name})
    return project_object(call.store, call.store.find(SITE, number))


def update_project(call: Call, urn: str, fields: Object) -> None:
    """A new description, by an admin or a PI."""
    _must_not_end(fields)
    row = naming.row(call.store, urn, naming.SITES)
    call.must(call.is_admin or rights.is_pi_at(call, row["site_id"]), f"not a PI of {row['login_base']}")
    if "PROJECT_DESCRIPTION" in fields:
        sites.UpdateSite(call, row["site_id"], {"name": str(fields["PROJECT_DESCRIPTION"])})


def _must_not_end(fields: Object) -> None:
    if fields.get("PROJECT_EXPIRATION"):
        raise BadArgument("projects are sites, which have no end", "options['fields']['PROJECT_EXPIRATION']")


PROJECT_KIND = Kind(
    type="PROJECT",
    key="PROJECT_URN",
    fields=lasting("PROJECT"),
    find=find_projects,
    create=create_project,
    update=update_project,
)
