"""SLICE objects of the Federation API: the PLC's slices, made, renewed and listed by its rules."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from planetlab.both import rights, writing
from planetlab.calls import Call
from planetlab.errors import BadArgument, Conflict
from planetlab.filters import ALL, AmongValues, Condition, Every, IsNil
from planetlab.names import Hrn, Urn
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry.store import Row, Store
from slice_authority.geni import membership, naming
from slice_authority.geni.objects import Field, Kind, Object, lasting, time
from slice_authority.methods import slices
from slice_authority.sfa import registering
from slice_authority.sfa.times import when

_SLICE_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,18}", re.ASCII)  # GENI's rule


def _urns(match: Mapping[str, list[Any]], name: str) -> list[str] | None:
    return [str(each) for each in match[name]] if name in match else None


def find_slices(call: Call, match: Mapping[str, list[Any]]) -> Iterator[Object]:
    """Our slices, as every person of this PLC may list them; those of other authorities on our nodes are not ours."""
    store: Store = call.store
    where: Condition = IsNil("peer_id")
    wanted = _urns(match, "SLICE_URN")
    if wanted is not None and len(wanted) <= 100:
        names = [naming.parsed(each, naming.SLICES, "options['match']['SLICE_URN']") for each in wanted]
        numbers = [row["slice_id"] for name in names if (row := _or_none(store, name)) is not None]
        where = Every((where, AmongValues("slice_id", tuple(numbers))))
    guests = naming.guests(store, SLICE)
    rows = [row for row in store.rows(SLICE, where) if row["slice_id"] not in guests]
    names_of = naming.urns(store, naming.SLICES, [row["slice_id"] for row in rows])
    bases = {row["site_id"]: row["login_base"] for row in store.rows(SITE, ALL, ("site_id", "login_base"))}
    for row in rows:
        if row["slice_id"] in names_of and row["site_id"] in bases:
            yield slice_object(store, row, names_of[row["slice_id"]], bases[row["site_id"]])


def _or_none(store: Store, urn: Urn) -> Row | None:
    try:
        return naming.row(store, str(urn), naming.SLICES)
    except BadArgument:
        return None


def slice_object(store: Store, row: Row, urn: Urn, login_base: str) -> Object:
    """One slice as the API tells it."""
    return {
        "SLICE_URN": str(urn),
        "SLICE_UID": naming.uid(store, urn, row["slice_id"]),
        "SLICE_NAME": urn.name,
        "SLICE_DESCRIPTION": row["description"] or "",
        "SLICE_EXPIRATION": time(row["expires"]),
        "SLICE_EXPIRED": row["expires"] <= store.now,
        "SLICE_CREATION": time(row["created"]),
        "SLICE_PROJECT_URN": str(naming.project(store, login_base)),
    }


def create_slice(call: Call, fields: Object) -> Object:
    """A new slice of a project; who makes it becomes its member and LEAD."""
    site = naming.row(call.store, fields["SLICE_PROJECT_URN"], naming.SITES, "options['fields']['SLICE_PROJECT_URN']")
    name = fields["SLICE_NAME"]
    if not isinstance(name, str) or not _SLICE_NAME.fullmatch(name):
        raise BadArgument("expected 1 to 19 letters, digits and hyphens, not a hyphen first", "SLICE_NAME")
    urn = Urn.of(call.store.plc.hrn.child(site["login_base"], name), naming.SLICES)
    row = make_slice(call, urn.hrn, site, str(fields.get("SLICE_DESCRIPTION") or ""), fields.get("SLICE_EXPIRATION"))
    return slice_object(call.store, row, urn, site["login_base"])


def make_slice(call: Call, hrn: Hrn, site: Row, description: str, expires: Any = None) -> Row:
    """A slice by the PLC API's rules, with the reason and the page that the PLC wants before it renews one.

    Raises `Conflict` for a name that is taken, in whatever case.
    """
    store: Store = call.store
    if _or_none(store, Urn.of(hrn, naming.SLICES)) is not None:
        raise Conflict(f"slice {hrn} exists already")
    page = site["url"] or f"https://{store.plc.web_host}/"
    said = {"description": description or f"{hrn.leaf} of {site['name']}", "url": page}
    thing = registering.register(call, hrn, "slice", said)
    number = getattr(call.caller, "person_id", None)
    if number is not None:
        store.link("slice_person", slice_id=thing.number, person_id=number)
        membership.start(store, "slice", thing.number, number)
    if expires:
        _end(call, slices.ours(call, thing.number), when(expires))
    return slices.ours(call, thing.number)


def _end(call: Call, row: Row, until: float) -> None:
    """Let a slice that was just made end then: sooner than others, or later as by renewal."""
    if until <= call.now:
        raise BadArgument(f"expected a time in the future, got {time(until)}", "SLICE_EXPIRATION")
    if until < row["expires"]:
        writing.update(call.store, SLICE, row["slice_id"], {"expires": int(until)})
    else:
        renew(call, row, until)


def update_slice(call: Call, urn: str, fields: Object) -> None:
    """A new description, or a later end. Raises `BadArgument` for an earlier one."""
    row = naming.row(call.store, urn, naming.SLICES)
    if "SLICE_DESCRIPTION" in fields:
        slices.change(call, row, {"description": str(fields["SLICE_DESCRIPTION"])})
    if "SLICE_EXPIRATION" in fields:
        renew(call, slices.ours(call, row["slice_id"]), when(fields["SLICE_EXPIRATION"]))


def renew(call: Call, row: Row, until: float) -> None:
    """Let a slice end later; to say the same end again changes nothing."""
    if int(until) < row["expires"]:
        raise BadArgument(
            f"a slice's time is never cut: it ends {time(row['expires'])}, and {time(until)} is earlier", "expiration"
        )
    if int(until) == row["expires"]:
        rights.must_change_slice(call, row)
    else:
        slices.change(call, row, {"expires": int(until)})


SLICE_KIND = Kind(
    type="SLICE",
    key="SLICE_URN",
    fields=(*lasting("SLICE"), Field("SLICE_PROJECT_URN", "URN", "required")),
    find=find_slices,
    create=create_slice,
    update=update_slice,
)
