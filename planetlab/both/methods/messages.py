"""Texts of mails that the PLC sends, and mails that admins and nodes have sent."""

from typing import Annotated, Any

from planetlab.both import forms, getting, keeping, writing
from planetlab.calls import Call
from planetlab.errors import BadArgument, NotFound
from planetlab.filters import query
from planetlab.methods import Api, Role
from planetlab.records.logs import MESSAGE
from planetlab.records.persons import PERSON
from planetlab.registry import mails
from planetlab.registry.store import Row

api = Api()

MessageId = Annotated[str, forms.of(MESSAGE, "message_id")]
_CHANGES = ("enabled", "template")
MOST_TOGETHER = 100  # addresses of one letter; more people get several

getting.declare(
    api,
    getting.Get(
        "Messages",
        MESSAGE,
        (Role.ADMIN, Role.NODE),
        forms.wanted(MESSAGE, "id"),
        "message_filter",
        "List the texts of mails, by name; ``%(name)s`` in them is replaced when they are sent.",
        example=(["authfail"], ["subject", "template"]),
    ),
)


@api.method(Role.ADMIN)
def AddMessage(call: Call, message_fields: Annotated[Row, keeping.whole(MESSAGE)]) -> int:
    """Add the text of a mail under a new name; a name that is taken gives fault 106."""
    given = writing.sort_out(MESSAGE, message_fields, MESSAGE.names(), where="message_fields")
    row = writing.checked(call.store, MESSAGE, given.native, where="message_fields")
    call.store.insert(MESSAGE, row)
    call.store.note(f"Message {row['message_id']} created")
    return 1


@api.method(Role.ADMIN)
def UpdateMessage(
    call: Call, message_id: MessageId, message_fields: Annotated[Row, forms.struct(MESSAGE, _CHANGES)]
) -> int:
    """Change the template of a mail, or whether it is sent at all; its subject stays, other fields are ignored."""
    call.store.find(MESSAGE, message_id)
    given = writing.sort_out(MESSAGE, message_fields, _CHANGES, where="message_fields")
    call.store.update(MESSAGE, message_id, writing.checked(call.store, MESSAGE, given.native, message_id))
    call.store.note(f"Message {message_id} updated")
    return 1


@api.method(Role.ADMIN)
def DeleteMessage(call: Call, message_id: MessageId) -> int:
    """Delete the text of a mail; it is sent no more."""
    call.store.find(MESSAGE, message_id)
    call.store.remove(MESSAGE, message_id)
    call.store.note(f"Message {message_id} deleted")
    return 1


@api.method(Role.ADMIN, Role.NODE)
def NotifyPersons(call: Call, person_filter: Annotated[Any, forms.wanted(PERSON)], subject: str, body: str) -> int:
    """Mail every account that fits; each person once. Nobody fits: refused (102)."""
    people = call.store.rows(PERSON, query(PERSON, person_filter), ("person_id", "email"))
    if not people:
        raise NotFound("No such person to notify", "person_filter")
    must_be_one_line(subject)
    addresses = list(dict.fromkeys(person["email"] for person in people))
    for first in range(0, len(addresses), MOST_TOGETHER):
        mails.write(call.store, addresses[first : first + MOST_TOGETHER], subject, body)
    call.store.note(subject, Person=[person["person_id"] for person in people])
    return 1


@api.method(Role.ADMIN)
def NotifySupport(call: Call, subject: str, body: str) -> int:
    """Mail the PLC's support."""
    must_be_one_line(subject)
    mails.write(call.store, [call.store.plc.support], subject, body)
    call.store.note(subject)
    return 1


def must_be_one_line(subject: str) -> None:
    """A subject that could add another header to the mail is refused."""
    if any(ord(letter) < 32 or letter == "\x7f" for letter in subject):
        raise BadArgument("expected one line without control characters", "subject")
