"""Keys that persons log in with."""

from typing import Annotated, Any

from planetlab.both import forms, writing
from planetlab.both.callers import PersonCaller
from planetlab.both.getting import answered
from planetlab.calls import Call
from planetlab.filters import ALL, Compare, Condition, query
from planetlab.methods import Api, Role
from planetlab.records.persons import KEY
from planetlab.registry import people
from planetlab.registry.store import Row
from slice_authority.methods import persons
from slice_authority.methods.persons import PersonKey

api = Api()

KeyId = Annotated[int, forms.of(KEY, "key_id")]
KeyFields = Annotated[Row, forms.struct(KEY, "key key_type")]
Keys = Annotated[list[Row], forms.rows(KEY)]
PERSONS = (Role.ADMIN, Role.PI, Role.TECH, Role.USER)


@api.method(Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE, reads=True)
def GetKeys(
    call: Call,
    key_filter: Annotated[Any, forms.wanted(KEY, "(id)")] = None,
    return_fields: Annotated[Any, forms.RETURN_FIELDS] = None,
) -> Keys:
    """List keys: persons see their own, admins and nodes all; blacklisted ones are never shown."""
    own: Condition = ALL
    if isinstance(call.caller, PersonCaller) and not call.is_admin:
        own = Compare("person_id", "=", call.caller.person_id)
    return answered(call, KEY, query(KEY, key_filter), return_fields, own)


@api.method(*PERSONS)
def AddPersonKey(call: Call, person_id_or_email: PersonKey, key_fields: KeyFields) -> int:
    """Give an account a key: one's own, or any as admin."""
    person = persons.ours(call.store, person_id_or_email)
    call.must(persons.may_key(call, person["person_id"]), "You may only add keys to your own account")
    return persons.add_key(call.store, person["person_id"], key_fields)


@api.method(*PERSONS)
def UpdateKey(call: Call, key_id: KeyId, key_fields: KeyFields) -> int:
    """Change a key: one's own, or any as admin."""
    persons.change_key(call.store, persons.own_key(call, key_id), key_fields)
    return 1


@api.method(*PERSONS)
def DeleteKey(call: Call, key_id: KeyId) -> int:
    """Delete a key: one's own, or any as admin."""
    persons.own_key(call, key_id)
    writing.remove(call.store, KEY, key_id)
    return 1


@api.method(Role.ADMIN)
def BlacklistKey(call: Call, key_id: KeyId) -> int:
    """Take a key from everybody who has it; the same material is refused from now on."""
    key = call.store.find(KEY, key_id)
    numbers = people.blacklist(call.store, key["key"])
    call.store.note(f"Key {key_id} blacklisted", Key=numbers)
    return 1
