"""Questions of release 4.2 and before about persons and sites that no method of today answers alone."""

from typing import Annotated, Any

from planetlab.both import forms, rights
from planetlab.calls import Call
from planetlab.filters import ALL, Compare, HasAny, both
from planetlab.methods import Api, Role
from planetlab.records.persons import KEY, PERSON, ROLE
from planetlab.records.sites import SITE
from planetlab.registry.store import Row
from planetlab.shapes import Either, ListOf, Of
from slice_authority.methods import keys
from slice_authority.methods.persons import PersonKey, may_key, ours, visible

api = Api()

PERSONS = (Role.ADMIN, Role.PI, Role.USER, Role.TECH)
SiteKey = Annotated[int | str, forms.id_or_name(SITE)]
RoleKey = Annotated[int | str, Either((Of(int), Of(str)))]
Numbers = Annotated[list[int], ListOf((forms.ID,))]
Found = Annotated[dict[str, Any], forms.STRUCT]


@api.method(*PERSONS, status="removed", reads=True)
def AdmGetPersonRoles(call: Call, person_id_or_email: PersonKey) -> Found:
    """Give a person's roles by their numbers, as texts."""
    person = _seen(call, person_id_or_email)
    return {str(number): name for number, name in zip(person["role_ids"], person["roles"], strict=True)}


@api.method(*PERSONS, status="removed", reads=True)
def AdmIsPersonInRole(call: Call, person_id_or_email: PersonKey, role_id_or_name: RoleKey) -> int:
    """Whether a person is PI: 1 or 0; of another role it says 0, as it always did."""
    role = call.store.find(ROLE, role_id_or_name)
    return int(role["name"] == "pi" and "pi" in _seen(call, person_id_or_email)["roles"])


@api.method(*PERSONS, status="removed", reads=True)
def AdmGetPersonSites(call: Call, person_id_or_email: PersonKey) -> Numbers:
    """List the numbers of a person's sites, the primary one first."""
    return _seen(call, person_id_or_email)["site_ids"]


@api.method(*PERSONS, status="removed", reads=True)
def AdmGetPersonKeys(call: Call, person_id_or_email: PersonKey) -> Annotated[list[Row], forms.rows(KEY)]:
    """List a person's keys: one's own, or any as admin."""
    person = _seen(call, person_id_or_email)
    call.must(may_key(call, person["person_id"]), "not your keys")
    return call.store.rows(KEY, Compare("person_id", "=", person["person_id"]))


@api.method(*PERSONS, status="removed")
def AdmAddPersonKey(
    call: Call,
    person_id_or_email: PersonKey,
    key_type: Annotated[str, forms.of(KEY, "key_type")],
    key_value: Annotated[str, forms.of(KEY, "key")],
    is_primary: int,
) -> int:
    """Give an account a key; there is no primary one any more."""
    return keys.AddPersonKey(call, person_id_or_email, {"key_type": key_type, "key": key_value})


@api.method(*PERSONS, status="removed")
def AdmDeletePersonKeys(call: Call, person_id_or_email: PersonKey, key_ids: Numbers) -> int:
    """Delete some of a person's keys."""
    mine = set(ours(call.store, person_id_or_email)["key_ids"])
    for number in key_ids:
        if number in mine:
            keys.DeleteKey(call, number)
    return 1


@api.method(*PERSONS, status="removed")
def AdmDeleteAllPersonKeys(call: Call, person_id_or_email: PersonKey) -> int:
    """Delete all of a person's keys."""
    for number in ours(call.store, person_id_or_email)["key_ids"]:
        keys.DeleteKey(call, number)
    return 1


@api.method(Role.ADMIN, Role.PI, status="removed", reads=True)
def AdmGetSitePersons(call: Call, site_id_or_login_base: SiteKey) -> Numbers:
    """List the numbers of a site's persons."""
    site = call.store.find(SITE, site_id_or_login_base)
    rights.must_be_at_site(call, site["site_id"], "list persons")
    return site["person_ids"]


@api.method(Role.ADMIN, status="removed", reads=True)
def AdmGetSitePIs(call: Call, site_id_or_login_base: SiteKey) -> Numbers:
    """List the numbers of a site's PIs."""
    return _with_role(call, site_id_or_login_base, "pi")


@api.method(Role.ADMIN, status="removed", reads=True)
def AdmGetSiteTechContacts(call: Call, site_id_or_login_base: SiteKey) -> Numbers:
    """List the numbers of a site's techs."""
    return _with_role(call, site_id_or_login_base, "tech")


@api.method(*PERSONS, status="removed", reads=True)
def AdmQueryPerson(call: Call, search_vals: Annotated[Row, forms.struct(PERSON, "email")]) -> Numbers:
    """List the numbers of the persons with this address."""
    wanted = Compare("email", "=", search_vals["email"].lower()) if "email" in search_vals else ALL
    return [row["person_id"] for row in call.store.rows(PERSON, both(wanted, visible(call)), ("person_id",))]


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE, status="removed", reads=True)
def AdmGetAllRoles(call: Call) -> Found:
    """Give the roles by their numbers, as texts."""
    return {str(row["role_id"]): row["name"] for row in call.store.rows(ROLE)}


def _seen(call: Call, key: int | str) -> Row:
    person = ours(call.store, key)
    call.must(rights.may_see_person(call, person), "Not allowed to view specified account")
    return person


def _with_role(call: Call, key: int | str, role: str) -> list[int]:
    site = call.store.find(SITE, key, ("site_id",))
    there = both(HasAny("site_ids", (site["site_id"],)), HasAny("roles", (role,)))
    return [row["person_id"] for row in call.store.rows(PERSON, there, ("person_id",))]
