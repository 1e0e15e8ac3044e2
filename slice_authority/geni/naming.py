"""The Federation API's names for the registry's rows: sites are projects, slices and persons have URNs and numbers."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from planetlab.errors import BadArgument, NotFound
from planetlab.filters import AmongValues, Compare, Every
from planetlab.names import Hrn, Urn
from planetlab.records.fields import Record
from planetlab.records.persons import PERSON
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry import papers, tags
from planetlab.registry.store import Row, Store
from slice_authority.sfa import things

SLICES, PERSONS, SITES = "slice", "user", "project"
RECORDS: dict[str, Record] = {SLICES: SLICE, PERSONS: PERSON, SITES: SITE}


def urns(store: Store, kind: str, numbers: Iterable[int] | None = None) -> dict[int, Urn]:
    """The URNs of slices or persons by their numbers, all of them if none are named; what has no name is left out."""
    record = RECORDS[kind]
    parts = [Compare("tagname", "=", "hrn")]
    where = Every((*parts, *(() if numbers is None else (AmongValues(record.key, tuple(set(numbers))),))))
    rows = store.rows(tags.OF[record.name], where, (record.key, "value"))
    found: dict[int, Urn] = {}
    for row in rows:
        try:
            found[row[record.key]] = Urn.of(Hrn.parse(row["value"] or ""), kind)
        except BadArgument:
            continue  # a name that an operator wrote by hand and that is none
    return found


def guests(store: Store, record: Record) -> set[int]:
    """The numbers of slices or sites that stand here for another authority's; that one speaks for them."""
    where = Every((Compare("tagname", "=", things.MADE_FOR), Compare("value", "=", "True")))
    return {row[record.key] for row in store.rows(tags.OF[record.name], where, (record.key,))}


def project(store: Store, login_base: str) -> Urn:
    """A site's URN as a project."""
    return Urn(store.plc.hrn.path, SITES, login_base)


def parsed(said: Any, kind: str, where: str) -> Urn:
    """A URN of this kind. Raises `BadArgument`."""
    if not isinstance(said, str):
        raise BadArgument(f"expected a URN, got {type(said).__name__}", where)
    try:
        urn = Urn.parse(said.strip())
    except BadArgument as wrong:
        raise BadArgument(wrong.detail, where) from wrong
    if urn.kind != kind:
        raise BadArgument(f"expected the URN of a {kind}, got {said[:100]}", where)
    return urn


def row(store: Store, said: Any, kind: str, where: str = "urn") -> Row:
    """The registry's own row that a URN names. Raises `BadArgument` or `NotFound`."""
    urn = parsed(said, kind, where)
    found = _site(store, urn) if kind == SITES else _thing(store, urn, kind)
    if found is None:
        raise NotFound(f"this registry has no {kind} {urn}", where)
    return found


def _site(store: Store, urn: Urn) -> Row | None:
    if urn.authority != store.plc.hrn.path:
        return None
    return store.row(SITE, Every((Compare("login_base", "=", urn.name.lower()), store.live(SITE))))


def _thing(store: Store, urn: Urn, kind: str) -> Row | None:
    found = things.find(store, urn.hrn, kind)
    if found is None and kind == SLICES:
        return _folded(store, urn)
    return found.row if found is not None else None


def _folded(store: Store, urn: Urn) -> Row | None:
    """The slice that a URN names but for upper and lower case, which slices' names do not tell apart."""
    site = _site(store, Urn(urn.authority[:-1], SITES, urn.authority[-1]))
    if site is None:
        return None
    rows = store.rows(SLICE, Every((Compare("site_id", "=", site["site_id"]), store.live(SLICE))), ("slice_id",))
    names = urns(store, SLICES, [row["slice_id"] for row in rows])
    number = next((number for number, each in names.items() if str(each).lower() == str(urn).lower()), None)
    return store.row(SLICE, Compare("slice_id", "=", number)) if number is not None else None


def uid(store: Store, urn: Urn, number: int) -> str:
    """A number that tells a name from the same name used again: that of the certificate, or the one it will have."""
    return str(papers.uuid_of(store, str(urn)) or fresh_uid(urn, number))


def fresh_uid(urn: Urn, number: int) -> UUID:
    """The number that a thing's first certificate gets; rows' numbers are never used again."""
    return things.uuid_of(urn, number)
