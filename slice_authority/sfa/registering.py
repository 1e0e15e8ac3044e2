"""What Register, Update and Remove do, through the rules of the PLC API, as the person whose right it is.

A delegate acts for whoever delegated: what counts are the roles of the person whom an authority gave the right first.
"""

import re
from typing import Any

from attrs import evolve

from planetlab import credentials
from planetlab.both import callers, forms, writing
from planetlab.both.methods import sites
from planetlab.calls import Call
from planetlab.errors import BadArgument, Conflict, Forbidden
from planetlab.filters import Compare, both
from planetlab.names import Hrn, LoginBase, SliceName
from planetlab.records.fields import Record
from planetlab.records.persons import KEY, PERSON, ROLE
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry import papers, peer_papers, tags
from planetlab.registry.store import Row, Store
from slice_authority.methods import persons, slices
from slice_authority.sfa import rights, things
from slice_authority.sfa.allowing import Principal
from slice_authority.sfa.things import RECORDS, Thing

_DROPPED = re.compile(r"[^A-Za-z0-9_]")
_MOST_PEOPLE = 500  # of one list in a record


def acting(call: Call, principal: Principal) -> Call:
    """``call`` as the registry's own person in whose right it is made. Raises `Forbidden` where there is none."""
    first = list(principal.credential.levels)[-1].holder
    person = rights.must_be_current(call.store, first)
    if person is None:
        raise Forbidden(f"{first.hrn} is no person of this registry, and only those change it")
    caller = callers.person(person)
    return evolve(call, caller=caller, roles=caller.roles, auth_method="sfa")


def named(store: Store, hrn: Hrn, kind: str) -> None:
    """Refuse a name that is taken, by an object of this kind. Raises `Conflict`."""
    like = things.like(store, hrn, kind)
    if like is not None:
        raise Conflict(f"{kind} {like} exists already", "record['hrn']")


def site_of(store: Store, hrn: Hrn) -> Row:
    """The site whose authority is directly above ``hrn``. Raises `BadArgument`."""
    above = things.find(store, hrn.authority, "authority") if len(hrn.path) > 1 else None
    if above is None or not above.row:
        raise BadArgument(f"no site of this registry is the authority {hrn.authority}", "record['hrn']")
    return above.row


def register(call: Call, hrn: Hrn, kind: str, record: Row) -> Thing:
    """Make an object that is no node; gives it. ``call`` is made by one who may."""
    named(call.store, hrn, kind)
    {"user": _add_user, "slice": _add_slice, "authority": _add_authority}[kind](call, hrn, record)
    return things.get(call.store, hrn, kind)


def must_be_kept_here(thing: Thing) -> None:
    """Refuse what another registry keeps, and the authority itself. Raises `BadArgument`."""
    if not thing.is_ours or (thing.kind == "authority" and not thing.row):
        raise BadArgument(f"{thing.hrn} is kept by another registry, or is this one's own name", "record['hrn']")


def update(call: Call, thing: Thing, record: Row) -> None:
    """Change an object of ours that is no node by what the record says."""
    {"user": _change_user, "slice": _change_slice, "authority": _change_authority}[thing.kind](call, thing.row, record)


def remove(call: Call, thing: Thing) -> None:
    """Delete an object of ours that is no node; who gets its name later gets another certificate."""
    if thing.kind == "user":
        persons.DeletePerson(call, thing.number)
    elif thing.kind == "slice":
        slices.DeleteSlice(call, thing.number)
    else:
        call.must(call.is_admin, "only the root authority's PIs remove an authority")
        sites.DeleteSite(call, thing.number)
    papers.forget_gids(call.store, thing.urn)


def _add_user(call: Call, hrn: Hrn, record: Row) -> None:
    site = site_of(call.store, hrn)
    _must_be_pi(call, site)
    email = _text(record, "email") or ""
    said = {
        "email": email,
        "first_name": _text(record, "first_name") or hrn.leaf,
        "last_name": _text(record, "last_name") or site["login_base"],
        **{name: text for name in ("title", "phone", "url") if (text := _text(record, name))},
    }
    number = persons.AddPerson(call, said)
    person = call.store.find(PERSON, number)
    persons.enter(call, person, site)
    call.store.link("person_role", person_id=number, role_id=call.store.find(ROLE, "user")["role_id"])
    writing.update(call.store, PERSON, number, {"enabled": True}, "record")
    _rename(call.store, "user", number, hrn)
    for key in _keys(record):
        persons.add_key(call.store, number, {"key_type": "ssh", "key": key}, "record['reg-keys']")


def _change_user(call: Call, person: Row, record: Row) -> None:
    changes = _fields(PERSON, record, ("first_name", "last_name", "title", "phone", "url"))
    if record.get("email") not in (None, "", person["email"]):
        changes["email"] = _text(record, "email")
    name = things.name_of(call.store, PERSON, person["person_id"])
    if changes:
        persons.UpdatePerson(call, person["person_id"], changes)
        _rename(call.store, "user", person["person_id"], name)
    if any(field in record for field in _KEY_FIELDS):
        persons.changeable(call, person["person_id"])
        _set_keys(call, person, _keys(record))


def _set_keys(call: Call, person: Row, wanted: list[str]) -> None:
    have = things.keys_of(call.store, person)
    for key in wanted:
        if key not in have:
            persons.add_key(call.store, person["person_id"], {"key_type": "ssh", "key": key}, "record['reg-keys']")
    for row in call.store.rows(KEY, Compare("person_id", "=", person["person_id"])):
        if row["key"] not in wanted:
            writing.remove(call.store, KEY, row["key_id"])


def _add_slice(call: Call, hrn: Hrn, record: Row) -> None:
    site = site_of(call.store, hrn)
    _must_be_pi(call, site)
    name = slice_name(site["login_base"], hrn.leaf)
    said = {name: text for name in ("url", "description") if (text := _text(record, name))}
    number = slices.make(call, {"name": str(name), **said})
    _rename(call.store, "slice", number, hrn)
    one = slices.ours(call, number)
    for person in _people(call.store, record, ("reg-researchers", "researcher")):
        slices.add_member(call.store, one, person)
    _renew(call, one, record)


def slice_name(login_base: str, leaf: str) -> SliceName:
    """The name of a slice at a site, by the last component of its hrn."""
    return SliceName.parse(f"{login_base}_{_DROPPED.sub('', leaf)}")


def _change_slice(call: Call, one: Row, record: Row) -> None:
    said = _fields(SLICE, record, ("url", "description", "max_nodes"))
    said = {name: value for name, value in said.items() if value != one[name]}
    if any(field in record for field in ("reg-researchers", "researcher")):
        people = [each["person_id"] for each in _people(call.store, record, ("reg-researchers", "researcher"))]
        if set(people) != set(one["person_ids"]):
            _must_be_pi(call, call.store.find(SITE, one["site_id"], ("site_id", "login_base")))
            said["persons"] = people
    if said:
        slices.change(call, one, said)
    _renew(call, slices.ours(call, one["slice_id"]), record)


def _renew(call: Call, one: Row, record: Row) -> None:
    until = record.get("expires")
    if until in (None, ""):
        return
    expires = int(_moment(until))
    if expires != one["expires"]:
        slices.change(call, one, {"expires": expires})


def _moment(said: Any) -> float:
    if isinstance(said, str):
        return credentials.parse_time(said)
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < 2**31:
        raise BadArgument("expected a time like 2026-12-19T08:19:13Z, or seconds since 1970", "record['expires']")
    return float(said)


def _add_authority(call: Call, hrn: Hrn, record: Row) -> None:
    call.must(call.is_admin, "only the root authority's PIs register an authority")
    if hrn.authority != call.store.plc.hrn:
        raise BadArgument(
            f"an authority of this registry lies directly below {call.store.plc.hrn}; deeper ones keep a registry of "
            "their own and are certified by `plfed authority`",
            "record['hrn']",
        )
    if any(paper.hrn == hrn for paper in peer_papers.every(call.store)):
        raise Conflict(f"{hrn} is the name of an authority that keeps its own registry", "record['hrn']")
    base = str(LoginBase.parse(hrn.leaf))
    said = _fields(SITE, record, ("url", "latitude", "longitude", "max_slices"))
    title = _text(record, "name") or hrn.leaf
    number = sites.AddSite(call, {"name": title, "abbreviated_name": title[:50], "login_base": base, **said})
    _rename(call.store, "authority", number, hrn)
    _change_authority(call, call.store.find(SITE, number), record)


def _change_authority(call: Call, site: Row, record: Row) -> None:
    names = ("name", "abbreviated_name", "url", "latitude", "longitude", "max_slices", "enabled")
    said = {name: value for name, value in _fields(SITE, record, names).items() if value != site[name]}
    if said:
        sites.UpdateSite(call, site["site_id"], said)
    if not any(field in record for field in ("reg-pis", "PI")):
        return
    call.must(call.is_admin, "only the root authority's PIs say who is PI")
    role = call.store.find(ROLE, "pi")
    wanted = {person["person_id"]: person for person in _people(call.store, record, ("reg-pis", "PI"))}
    for number, person in wanted.items():
        persons.enter(call, person, site)
        call.store.link("person_role", person_id=number, role_id=role["role_id"])
    for number in set(call.store.list_of(SITE, "person_ids", site["site_id"])) - set(wanted):
        if call.store.list_of(PERSON, "site_ids", number) == [site["site_id"]]:
            call.store.unlink("person_role", person_id=number, role_id=role["role_id"])
    call.store.note(f"PIs of site {site['site_id']} set", Site=site["site_id"], Person=list(wanted))


def _must_be_pi(call: Call, site: Row) -> None:
    caller = call.caller
    at = isinstance(caller, callers.PersonCaller) and "pi" in caller.names and site["site_id"] in caller.site_ids
    call.must(call.is_admin or at, f"not a PI of {site['login_base']}")


def _rename(store: Store, kind: str, number: int, hrn: Hrn | None) -> None:
    if hrn is not None:
        tags.put(store, RECORDS[kind], number, "hrn", str(hrn))


_KEY_FIELDS = ("reg-keys", "keys", "key")


def _keys(record: Row) -> list[str]:
    said: Any = next((record[name] for name in _KEY_FIELDS if record.get(name)), [])
    many = [said] if isinstance(said, str) else said
    if not isinstance(many, list) or len(many) > _MOST_PEOPLE or any(not isinstance(one, str) for one in many):
        raise BadArgument("expected OpenSSH public keys as texts", "record['reg-keys']")
    return [one.strip() for one in many]


def _fields(kind: Record, record: Row, names: tuple[str, ...]) -> Row:
    """The fields of these names, each of the type that the PLC API wants. Raises `BadArgument`."""
    return {name: forms.of(kind, name).read(record[name], f"record[{name!r}]") for name in names if name in record}


def _text(record: Row, name: str) -> str:
    said = record.get(name)
    if said is None:
        return ""
    if not isinstance(said, str):
        raise BadArgument(f"expected text, got {type(said).__name__}", f"record[{name!r}]")
    return said


def _people(store: Store, record: Row, names: tuple[str, ...]) -> list[Row]:
    """The persons that a list of a record names, by hrn, URN or address."""
    field = next((name for name in names if name in record), names[0])
    said: Any = record.get(field) or []
    many = [said] if isinstance(said, str) else said
    if not isinstance(many, list) or len(many) > _MOST_PEOPLE:
        raise BadArgument(f"expected at most {_MOST_PEOPLE} names of persons", f"record[{field!r}]")
    return [_person(store, one, f"record[{field!r}]") for one in many]


def _person(store: Store, said: Any, where: str) -> Row:
    if isinstance(said, str) and "@" in said:
        found = store.row(PERSON, both(Compare("email", "=", said.lower()), store.live(PERSON)))
        if found is None:
            raise BadArgument(f"no person has the address {said!r:.80}", where)
        return found
    hrn, _ = things.xrn(said, "user", where)
    return things.get(store, hrn, "user").row
