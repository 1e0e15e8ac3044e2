"""MEMBER and KEY objects of the Federation API: the PLC's persons and their keys.

What identifies a person beyond its name is told to whom the PLC API tells it; public keys are told to everybody who
names their owner, for aggregates install them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from planetlab.both import rights
from planetlab.both.callers import PersonCaller
from planetlab.calls import Call
from planetlab.errors import BadArgument
from planetlab.filters import AmongValues, Compare, Condition, Every, IsNil
from planetlab.methods import Role
from planetlab.names import Urn
from planetlab.records.persons import KEY, PERSON
from planetlab.registry.store import Row, Store
from slice_authority.geni import naming
from slice_authority.geni.objects import Field, Kind, Object
from slice_authority.methods import keys, persons

_OPENSSH = "openssh"  # what the API's clients call the only type that persons have here
_TYPES = ("", "openssh", "ssh", "rsa-ssh")
_TOLD = ("person_id", "email", "first_name", "last_name", "roles", "site_ids", "peer_id", "enabled")


def find_members(call: Call, match: Mapping[str, list[Any]]) -> Iterator[Object]:
    """The persons of this PLC. A PI may ask for anybody by the whole e-mail address, to put them into a slice."""
    store: Store = call.store
    rows = store.rows(PERSON, Every((_named(store, match), IsNil("peer_id"), store.live(PERSON))), _TOLD)
    names = naming.urns(store, naming.PERSONS, [row["person_id"] for row in rows])
    for row in rows:
        if row["enabled"] and row["person_id"] in names:
            yield _member(call, row, names[row["person_id"]], match)


def _named(store: Store, match: Mapping[str, list[Any]]) -> Condition:
    if "MEMBER_EMAIL" in match:
        return AmongValues("email", tuple(str(each).lower() for each in match["MEMBER_EMAIL"]))
    if "MEMBER_URN" not in match or len(match["MEMBER_URN"]) > 100:
        return Every()
    found = (_number(store, each) for each in match["MEMBER_URN"])
    return AmongValues("person_id", tuple(number for number in found if number is not None))


def _number(store: Store, urn: Any) -> int | None:
    try:
        return int(naming.row(store, urn, naming.PERSONS)["person_id"])
    except BadArgument:
        return None


def _member(call: Call, row: Row, urn: Urn, match: Mapping[str, list[Any]]) -> Object:
    told: Object = {
        "MEMBER_URN": str(urn),
        "MEMBER_UID": naming.uid(call.store, urn, row["person_id"]),
        "MEMBER_USERNAME": urn.name,
    }
    asked_by_address = "MEMBER_EMAIL" in match and Role.PI in call.roles
    if rights.may_see_person(call, row) or asked_by_address:
        told |= {"MEMBER_FIRSTNAME": row["first_name"], "MEMBER_LASTNAME": row["last_name"]}
        told |= {"MEMBER_EMAIL": row["email"]}
    return told


def update_member(call: Call, urn: str, fields: Object) -> None:
    """A person's new name or address, by who may change the account."""
    row = naming.row(call.store, urn, naming.PERSONS)
    names = {"MEMBER_FIRSTNAME": "first_name", "MEMBER_LASTNAME": "last_name", "MEMBER_EMAIL": "email"}
    persons.UpdatePerson(call, row["person_id"], {names[name]: str(value) for name, value in fields.items()})


def find_keys(call: Call, match: Mapping[str, list[Any]]) -> Iterator[Object]:
    """Public keys: those of named members to everybody, all of them to admins, else one's own."""
    store: Store = call.store
    owners = [_number(store, each) for each in match["KEY_MEMBER"]] if "KEY_MEMBER" in match else None
    where: Condition = IsNil("peer_id")
    if owners is not None:
        where = AmongValues("person_id", tuple(number for number in owners if number is not None))
    elif not call.is_admin:
        assert isinstance(call.caller, PersonCaller)
        where = Compare("person_id", "=", call.caller.person_id)
    rows = store.rows(KEY, where)
    names = naming.urns(store, naming.PERSONS, [row["person_id"] for row in rows if row["person_id"] is not None])
    for row in rows:
        if row["person_id"] in names:
            yield _key(row, names[row["person_id"]])


def _key(row: Row, owner: Urn) -> Object:
    return {
        "KEY_ID": str(row["key_id"]),
        "KEY_MEMBER": str(owner),
        "KEY_TYPE": _OPENSSH,
        "KEY_PUBLIC": row["key"],
        "KEY_DESCRIPTION": _comment(row["key"]),
    }


def _comment(text: str) -> str:
    return (text.split(None, 2) + ["", "", ""])[2].strip()


def create_key(call: Call, fields: Object) -> Object:
    """A new public key for a person, by the person or an admin. We keep no private ones."""
    if fields.get("KEY_PRIVATE"):
        raise BadArgument("private keys are not kept here; keep yours", "options['fields']['KEY_PRIVATE']")
    if str(fields.get("KEY_TYPE") or "").lower() not in _TYPES:
        raise BadArgument(f"expected {_OPENSSH}, got {fields['KEY_TYPE']!r:.40}", "options['fields']['KEY_TYPE']")
    owner = naming.row(call.store, fields["KEY_MEMBER"], naming.PERSONS, "options['fields']['KEY_MEMBER']")
    text = _described(str(fields["KEY_PUBLIC"]).strip(), fields.get("KEY_DESCRIPTION"))
    number = keys.AddPersonKey(call, owner["person_id"], {"key_type": "ssh", "key": text})
    names = naming.urns(call.store, naming.PERSONS, [owner["person_id"]])
    return _key(call.store.find(KEY, number), names[owner["person_id"]])


def _described(text: str, description: Any) -> str:
    """An OpenSSH key with this text as its comment, which is where a description has its place."""
    if description is None:
        return text
    return " ".join([*text.split()[:2], *str(description).split()])


def update_key(call: Call, number: str, fields: Object) -> None:
    """A key's new description."""
    row = call.store.find(KEY, _id(number))
    if "KEY_DESCRIPTION" in fields:
        said = {"key_type": row["key_type"], "key": _described(row["key"], fields["KEY_DESCRIPTION"])}
        keys.UpdateKey(call, row["key_id"], said)


def delete_key(call: Call, number: str) -> None:
    """A key that is no longer good."""
    keys.DeleteKey(call, _id(number))


def _id(said: Any) -> int:
    if isinstance(said, int) and not isinstance(said, bool):
        return said
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < 12:
        return int(said)
    raise BadArgument(f"expected a KEY_ID, got {said!r:.40}", "urn")


MEMBER_KIND = Kind(
    type="MEMBER",
    key="MEMBER_URN",
    fields=(
        Field("MEMBER_URN", "URN"),
        Field("MEMBER_UID", "UID"),
        Field("MEMBER_USERNAME", "STRING"),
        Field("MEMBER_FIRSTNAME", "STRING", update=True),
        Field("MEMBER_LASTNAME", "STRING", update=True),
        Field("MEMBER_EMAIL", "EMAIL", update=True),
    ),
    find=find_members,
    update=update_member,
)
KEY_KIND = Kind(
    type="KEY",
    key="KEY_ID",
    fields=(
        Field("KEY_MEMBER", "URN", "required"),
        Field("KEY_ID", "STRING"),
        Field("KEY_TYPE", "STRING", "allowed"),
        Field("KEY_PUBLIC", "KEY", "required"),
        Field("KEY_PRIVATE", "KEY", "allowed"),
        Field("KEY_DESCRIPTION", "STRING", "allowed", update=True),
    ),
    find=find_keys,
    create=create_key,
    update=update_key,
    delete=delete_key,
)
KINDS = {kind.type: kind for kind in (MEMBER_KIND, KEY_KIND)}
