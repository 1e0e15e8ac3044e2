"""Persons: accounts, their roles, and the sites they belong to."""

from typing import Annotated, Any

from planetlab.both import forms, getting, hrns, passwords, rights, tagging, writing
from planetlab.both.callers import PersonCaller
from planetlab.both.methods import sites
from planetlab.both.methods.sites import SiteKey
from planetlab.both.methods.sites import ours as our_site
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.filters import ALL, AmongValues, Compare, Condition, HasAny, IsNil, Some, both
from planetlab.methods import Api, Role
from planetlab.records.persons import KEY, PERSON, ROLE
from planetlab.records.rules import is_ssh_key
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry import mails, people, tags
from planetlab.registry.store import Row, Store
from planetlab.shapes import ListOf, Struct

api = Api()

PersonKey = Annotated[int | str, forms.id_or_name(PERSON)]
RoleKey = Annotated[int | str, forms.id_or_name(ROLE)]
OWN_KEYS = "Key must be associated with your account"
_NEW = ["bio", "email", "first_name", "last_name", "password", "phone", "title", "url"]
_CHANGES = [*_NEW, "enabled"]
_RELATED = ("keys", "roles", "sites", "slices")
NewPerson = Annotated[Row, forms.struct(PERSON, _NEW, tags=True)]
PersonChanges = Annotated[
    Row,
    forms.struct(
        PERSON,
        _CHANGES,
        tags=True,
        keys=forms.ids_or_filters(KEY),
        roles=forms.IDS_OR_NAMES,
        sites=forms.IDS_OR_NAMES,
        slices=forms.IDS_OR_NAMES,
    ),
]


def visible(call: Call) -> Condition:
    """Persons see themselves; PIs and techs also everybody at their sites; admins and nodes all."""
    if call.is_admin or not isinstance(call.caller, PersonCaller):
        return ALL
    own = Compare("person_id", "=", call.caller.person_id)
    if not rights.SITE_STAFF & call.roles or not call.caller.site_ids:
        return own
    return Some((own, HasAny("site_ids", call.caller.site_ids)))


def of_visible(call: Call) -> Condition:
    """What hangs on persons: one's own, and as PI also that of persons at one's sites."""
    if call.is_admin:
        return ALL
    if Role.PI not in call.roles:
        return Compare("person_id", "=", call.caller.person_id)
    seen = call.store.rows(PERSON, visible(call), ("person_id",))
    return AmongValues("person_id", tuple(row["person_id"] for row in seen))


getting.declare(
    api,
    getting.Get(
        "Persons",
        PERSON,
        (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE),
        forms.wanted(PERSON, scalars="string int"),
        "person_filter",
        "List persons that the caller may see; passwords and verification keys are never told.",
        narrow=visible,
        returns=ListOf((Struct({name: forms.of(PERSON, name) for name in PERSON.names()}),)),
        example=(["pi@princeton.example"], ["person_id", "email", "roles"]),
    ),
)


@api.method(Role.ADMIN, Role.PI)
def AddPerson(call: Call, person_fields: NewPerson) -> int:
    """Make an account: disabled, without roles and sites. Of the same origin, an address is used once."""
    said = {key: value for key, value in person_fields.items() if key != "enabled"}
    given = writing.sort_out(PERSON, said, _NEW, where="person_fields")
    number = writing.add(call.store, PERSON, _with_hash(given.native), "person_fields")
    tagging.put_exposed(call, PERSON, {"person_id": number}, given.tags, checked=False)
    return number


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.TECH)
def UpdatePerson(call: Call, person_id_or_email: PersonKey, person_fields: PersonChanges) -> int:
    """Change an account: one's own, any as admin, or as PI that of a colleague who is neither PI nor admin.

    ``roles``, ``sites``, ``keys`` and ``slices`` are full lists. Who may not add or remove one of them by its own
    method may not here. Nobody enables an own disabled account, since a disabled one cannot call.
    """
    given = writing.sort_out(PERSON, person_fields, _CHANGES, _RELATED, "person_fields")
    person = changeable(call, person_id_or_email)
    number = person["person_id"]
    for name, said in given.related.items():  # before the fields, as the original: what is wrong is told in its order
        _RELATE[name](call, person, said)
    writing.update(call.store, PERSON, number, _with_hash(given.native), "person_fields")
    if "email" in given.native and tags.value(call.store, PERSON, number, "hrn") and person["site_ids"]:
        site = call.store.find(SITE, person["site_ids"][0], ("login_base",))
        email = call.store.find(PERSON, number, ("email",))["email"]
        hrns.name_person(call.store, number, email, site["login_base"])
    tagging.put_exposed(call, PERSON, person, given.tags, checked=True)
    if "enabled" in given.native:
        mails.account(call.store, call.store.find(PERSON, number), bool(given.native["enabled"]))
    return 1


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.TECH)
def DeletePerson(call: Call, person_id_or_email: PersonKey) -> int:
    """Delete an account with its keys, roles, sessions and memberships; the address is free again."""
    person = changeable(call, person_id_or_email)
    writing.remove(call.store, PERSON, person["person_id"])
    return 1


@api.method(Role.ADMIN, Role.PI)
def AddRoleToPerson(call: Call, role_id_or_name: RoleKey, person_id_or_email: PersonKey) -> int:
    """Give a person a role. Who is no admin gives only roles weaker than an own one."""
    role = call.store.find(ROLE, role_id_or_name)
    person = changeable(call, person_id_or_email)
    if not call.is_admin and role["role_id"] <= rights.strongest(rights.own_roles(call)):
        raise BadArgument(f"Not allowed to grant the {role['name']} role", "role_id_or_name")
    _grant(call.store, person, role)
    return 1


@api.method(Role.ADMIN, Role.PI)
def DeleteRoleFromPerson(call: Call, role_id_or_name: RoleKey, person_id_or_email: PersonKey) -> int:
    """Take a role from a person. Who is no admin takes only roles weaker than an own one."""
    role = call.store.find(ROLE, role_id_or_name)
    person = changeable(call, person_id_or_email)
    weaker = call.is_admin or role["role_id"] > rights.strongest(rights.own_roles(call))
    call.must(weaker, f"Not allowed to revoke the {role['name']} role")
    _revoke(call.store, person, role)
    return 1


@api.method(Role.ADMIN)
def AddPersonToSite(call: Call, person_id_or_email: PersonKey, site_id_or_login_base: SiteKey) -> int:
    """Put a person into a site; the first site is the primary one, and gives the person a name in the federation."""
    person = ours(call.store, person_id_or_email)
    enter(call, person, our_site(call.store, site_id_or_login_base))
    return 1


@api.method(Role.ADMIN)
def DeletePersonFromSite(call: Call, person_id_or_email: PersonKey, site_id_or_login_base: SiteKey) -> int:
    """Take a person out of a site."""
    person = ours(call.store, person_id_or_email)
    site = our_site(call.store, site_id_or_login_base)
    _leave(call.store, person, site)
    return 1


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.TECH)
def SetPersonPrimarySite(call: Call, person_id_or_email: PersonKey, site_id_or_login_base: SiteKey) -> int:
    """Say which of a person's sites comes first. Persons say it of themselves, admins of anybody."""
    person = ours(call.store, person_id_or_email)
    own = isinstance(call.caller, PersonCaller) and call.caller.person_id == person["person_id"]
    call.must(call.is_admin or own, "Not allowed to update specified account")
    site = our_site(call.store, site_id_or_login_base)
    if site["site_id"] not in person["site_ids"]:
        raise BadArgument(f"{person['email']} is not a member of site {site['login_base']}", "site_id_or_login_base")
    people.put_first(call.store, person["person_id"], site["site_id"])
    call.store.note(f"Person {person['person_id']} primary site {site['site_id']}", Person=person["person_id"])
    return 1


def ours(store: Store, key: int | str) -> Row:
    """A person of this PLC. A name, in the lower case it is kept in, means the local account."""
    if isinstance(key, str):
        mine = store.row(PERSON, both(Compare("email", "=", key), IsNil("peer_id")))
        if mine is not None:
            return mine
    person = store.find(PERSON, key)
    writing.must_be_ours(PERSON, person)
    return person


def changeable(call: Call, key: int | str) -> Row:
    """A local person that the caller may change."""
    person = ours(call.store, key)
    call.must(rights.may_update_person(call, person), "Not allowed to update specified account")
    return person


def enter(call: Call, person: Row, site: Row) -> None:
    """Put a person into a site, unless there already."""
    sites.enter(call.store, person["person_id"], site)
    told = f"Person {person['person_id']} added to site {site['site_id']}"
    call.store.note(told, Person=person["person_id"], Site=site["site_id"])


def _leave(store: Store, person: Row, site: Row) -> None:
    store.unlink("person_site", person_id=person["person_id"], site_id=site["site_id"])
    told = f"Person {person['person_id']} deleted from site {site['site_id']}"
    store.note(told, Person=person["person_id"], Site=site["site_id"])


def _grant(store: Store, person: Row, role: Row) -> None:
    store.link("person_role", person_id=person["person_id"], role_id=role["role_id"])
    told = f"Role {role['role_id']} granted to person {person['person_id']}"
    store.note(told, Person=person["person_id"], Role=role["role_id"])


def _revoke(store: Store, person: Row, role: Row) -> None:
    store.unlink("person_role", person_id=person["person_id"], role_id=role["role_id"])
    told = f"Role {role['role_id']} revoked from person {person['person_id']}"
    store.note(told, Person=person["person_id"], Role=role["role_id"])


def _with_hash(fields: Row) -> Row:
    if fields.get("password") is None:
        return {key: value for key, value in fields.items() if key != "password"}
    return fields | {"password": passwords.kept(fields["password"])}


def _set_roles(call: Call, person: Row, said: list[Any]) -> None:
    new, gone = writing.relinked(call, ROLE, person["role_ids"], said, "AddRoleToPerson", Role.ADMIN, Role.PI)
    for number in new:
        AddRoleToPerson(call, number, person["person_id"])
    for number in gone:
        DeleteRoleFromPerson(call, number, person["person_id"])


def _set_sites(call: Call, person: Row, said: list[Any]) -> None:
    new, gone = writing.relinked(call, SITE, person["site_ids"], said, "AddPersonToSite", Role.ADMIN)
    for number in new:
        AddPersonToSite(call, person["person_id"], number)
    for number in gone:
        DeletePersonFromSite(call, person["person_id"], number)


def _set_keys(call: Call, person: Row, said: list[Any]) -> None:
    kept, new, changed = writing.by_number(KEY, said)
    gone = sorted(set(person["key_ids"]) - kept)
    if gone or new:
        call.must(may_key(call, person["person_id"]), OWN_KEYS)
    for key_id in gone:
        writing.remove(call.store, KEY, key_id)
    for fields in new:
        add_key(call.store, person["person_id"], fields)
    for key_id, fields in changed.items():
        change_key(call.store, own_key(call, key_id), fields)


def _set_slices(call: Call, person: Row, said: list[Any]) -> None:
    new, gone = writing.relinked(call, SLICE, person["slice_ids"], said, "AddPersonToSlice", Role.ADMIN, Role.PI)
    for one in (call.store.find(SLICE, number) for number in (*new, *gone)):
        call.must(call.is_admin or rights.is_pi_at(call, one["site_id"]), f"no PI of the site of {one['name']}")
    for number in new:
        call.store.link("slice_person", slice_id=number, person_id=person["person_id"])
    for number in gone:
        call.store.unlink("slice_person", slice_id=number, person_id=person["person_id"])
    call.store.note(Slice=[*new, *gone])


def add_key(store: Store, person_id: int, fields: Row, where: str = "key_fields") -> int:
    """Check a key and give it to a person. Blacklisted material is refused."""
    said = {name: fields.get(name) for name in ("key_type", "key")}
    values = writing.checked(store, KEY, said, where=where)
    must_be_usable(store, values, where)
    number: int = store.insert(KEY, {**values, "person_id": person_id})
    store.note(f"Key {number} created", Key=number, Person=person_id)
    return number


def change_key(store: Store, key: Row, fields: Row) -> None:
    """Check and write what is said of a key: its text, its type, or both."""
    said: Row = {name: fields[name] for name in ("key", "key_type") if name in fields}
    must_be_usable(store, {**key, **said})
    writing.update(store, KEY, key["key_id"], said, "key_fields")


def may_key(call: Call, person_id: int | None) -> bool:
    """Whether this person's keys are the caller's affair: the person's own, and admins'."""
    own = isinstance(call.caller, PersonCaller) and call.caller.person_id == person_id
    return call.is_admin or own


def own_key(call: Call, key_id: int) -> Row:
    """A key of this PLC that the caller may change."""
    key: Row = call.store.find(KEY, key_id)
    writing.must_be_ours(KEY, key)
    call.must(may_key(call, key["person_id"]), OWN_KEYS)
    return key


def must_be_usable(store: Store, fields: Row, where: str = "key_fields") -> None:
    """Refuse text that is no key, and a key that was blacklisted."""
    if fields["key_type"] == "ssh" and not is_ssh_key(fields["key"]):
        raise BadArgument("expected an OpenSSH public key: its type, then base64", f"{where}['key']")
    if people.is_blacklisted(store, fields["key"]):
        raise BadArgument("this key is blacklisted", f"{where}['key']")


_RELATE = {"roles": _set_roles, "sites": _set_sites, "keys": _set_keys, "slices": _set_slices}
