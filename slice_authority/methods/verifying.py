"""Registration and forgotten passwords: a key is mailed, and whoever brings it back is who has the address."""

import hmac
import secrets
from base64 import b64encode
from typing import Annotated
from urllib.parse import quote

from planetlab.both import forms, passwords
from planetlab.calls import Call
from planetlab.errors import BadArgument, Forbidden
from planetlab.filters import AmongValues, Compare, HasAny, both
from planetlab.methods import Api, Role
from planetlab.records.persons import PERSON
from planetlab.records.sites import SITE
from planetlab.registry import mails
from planetlab.registry.plc import DAY
from planetlab.registry.store import KeptRefusal, Row
from slice_authority.methods.persons import PersonKey, ours

api = Api()

Key = Annotated[str | None, forms.of(PERSON, "verification_key")]
Expires = Annotated[int | None, forms.of(PERSON, "verification_expires")]
_FIELDS = (*PERSON.names(), "verification_key", "verification_expires")


@api.method(Role.ADMIN)
def VerifyPerson(
    call: Call, person_id_or_email: PersonKey, verification_key: Key = None, verification_expires: Expires = None
) -> int:
    """Find out whether a new account's address is its owner's.

    Without a key one is mailed to it; with the right one, the PIs of its sites are told, who may enable the account. A
    key lasts a day, or until ``verification_expires``. One that came too late is answered by another mail.
    """
    person = _whole(call, person_id_or_email)
    if person["enabled"]:
        raise BadArgument("the account is enabled; only new ones are verified", "person_id_or_email")
    if verification_key is None:
        _must_not_wait(call, person)
        _ask(call, person, "Verify account", verification_expires)
        return 1
    if _is_over(call, person):
        call.must(person["verification_expires"] is not None, "Invalid verification key: none was asked for")
        _ask(call, person, "Verify account", verification_expires)
        raise KeptRefusal("Verification period has expired; another message was sent")
    _must_be(person, verification_key)
    call.store.update(PERSON, person["person_id"], {"verification_key": None, "verification_expires": None})
    _tell_pis(call, person)
    return 1


@api.method(Role.ADMIN)
def ResetPassword(
    call: Call, person_id_or_email: PersonKey, verification_key: Key = None, verification_expires: Expires = None
) -> int:
    """Give a person who forgot it a new password.

    Without a key one is mailed; with the right one, a new password is mailed. Admins' passwords are not reset so.
    """
    person = _whole(call, person_id_or_email)
    if not person["enabled"]:
        raise BadArgument("the account is disabled", "person_id_or_email")
    if "admin" in person["roles"]:
        raise BadArgument("the password of an admin is not reset by mail", "person_id_or_email")
    if verification_key is None:
        _must_not_wait(call, person)
        _ask(call, person, "Password reset requested", verification_expires)
        return 1
    if _is_over(call, person):
        raise Forbidden("Verification period has expired")
    _must_be(person, verification_key)
    password = b64encode(secrets.token_bytes(32)).decode()
    changes = {"verification_key": None, "verification_expires": None, "password": passwords.kept(password)}
    call.store.update(PERSON, person["person_id"], changes)
    values = {**_about(call, person, ""), "password": password}
    mails.from_template(call.store, "Password reset", [person["email"]], values)
    call.store.note("Password reset", Person=person["person_id"])
    return 1


def _whole(call: Call, key: int | str) -> Row:
    number = ours(call.store, key)["person_id"]
    return call.store.find(PERSON, number, _FIELDS)


def _must_not_wait(call: Call, person: Row) -> None:
    waits = person["verification_key"] is not None and not _is_over(call, person)
    call.must(not waits, "a request is pending; the message was sent")


def _is_over(call: Call, person: Row) -> bool:
    until = person["verification_expires"]
    return person["verification_key"] is None or until is None or until < call.now


def _must_be(person: Row, key: str) -> None:
    kept = person["verification_key"] or ""
    if not kept or not hmac.compare_digest(kept.encode(), key.encode()):
        raise Forbidden("Verification key incorrect")


def _ask(call: Call, person: Row, message: str, until: int | None) -> None:
    key = b64encode(secrets.token_bytes(32)).decode()
    over = int(call.now) + DAY if until is None else until
    call.store.update(PERSON, person["person_id"], {"verification_key": key, "verification_expires": over})
    mails.from_template(call.store, message, [person["email"]], _about(call, person, key))
    call.store.note(message, Person=person["person_id"])


def _tell_pis(call: Call, person: Row) -> None:
    at = both(HasAny("site_ids", tuple(person["site_ids"])), both(HasAny("roles", ("pi",)), Compare("enabled", "=", 1)))
    pis = [row["email"] for row in call.store.rows(PERSON, at, ("email",))] if person["site_ids"] else []
    is_pi = "pi" in person["roles"]
    to = [*pis, call.store.plc.support] if is_pi or not pis else pis
    sites = call.store.rows(SITE, AmongValues("site_id", tuple(person["site_ids"][:1])), ("name",))
    values = {
        **_about(call, person, ""),
        "site_name": sites[0]["name"] if sites else "no site",
        "first_name": person["first_name"],
        "last_name": person["last_name"],
        "roles": ", ".join(person["roles"]) or "none",
    }
    message = "New PI account" if is_pi else "New account"
    mails.from_template(call.store, message, to, values, copies=[person["email"]])
    call.store.note(message, Person=person["person_id"])


def _about(call: Call, person: Row, key: str) -> dict[str, str]:
    plc = call.store.plc
    return {
        "PLC_NAME": plc.name,
        "PLC_MAIL_SUPPORT_ADDRESS": plc.support,
        "PLC_WWW_HOST": plc.web_host,
        "PLC_WWW_SSL_PORT": str(plc.web_ssl_port),
        "person_id": str(person["person_id"]),
        "verification_key": quote(key, safe=""),
        "email": person["email"],
    }
