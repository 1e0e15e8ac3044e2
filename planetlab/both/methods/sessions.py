"""Checking who one is, and sessions that stand for it."""

import secrets
from base64 import b64encode
from typing import Annotated, Any

from planetlab import comparing
from planetlab.both import forms, writing
from planetlab.both.callers import NodeCaller, PersonCaller
from planetlab.calls import Call
from planetlab.errors import BadArgument, Unavailable
from planetlab.filters import Compare, Filter, Query, Some, by_keys
from planetlab.methods import Api, Role
from planetlab.records.persons import PERSON, SESSION
from planetlab.registry.store import Row, Store
from planetlab.shapes import Either, ListOf, Of

api = Api()

ANYBODY = (Role.ADMIN, Role.PI, Role.USER, Role.TECH, Role.NODE)
SessionKey = Annotated[str, forms.of(SESSION, "session_id")]
PersonKey = Annotated[int | str, forms.id_or_name(PERSON)]
Life = Annotated[int | None, Of(int, nil=True)]
Sessions = Annotated[list[Row], forms.rows(SESSION)]
SessionFilter = Annotated[
    Any,
    Either(
        (
            ListOf((Either((forms.of(SESSION, "person_id"), forms.of(SESSION, "session_id"))),)),
            Filter(SESSION),
        )
    ),
]
Release = Annotated[Row, forms.answer(build=forms.TEXT, tags=forms.TEXT, rpms=forms.TEXT)]


@api.method(*ANYBODY, reads=True, example=())
def AuthCheck(call: Call) -> int:
    """Give 1 to whom is who it says."""
    return 1


@api.method(*ANYBODY, example=())
def GetSession(call: Call, expires: Life = None) -> SessionKey:
    """Give a session key that may stand in place of the password or node key.

    A person's lasts 24 hours, or ``expires`` seconds; a node's lasts until its next one. Who calls with a session gets
    that session back.
    """
    if call.session is not None:  # whatever it is, as the original had it
        return call.session
    if isinstance(call.caller, NodeCaller):
        return for_node(call.store, call.caller.node_id)
    assert isinstance(call.caller, PersonCaller)
    life = call.store.plc.session_life if expires is None else expires
    if life <= 0:  # at 0 it would be over before it is told
        raise BadArgument(f"expected seconds from now, above 0, got {life}", "expires")
    return for_person(call.store, call.caller.person_id, life)


@api.method(Role.ADMIN)
def AddSession(call: Call, person_id_or_email: PersonKey) -> SessionKey:
    """Give an admin a session that stands for another person."""
    person = call.store.find(PERSON, person_id_or_email, ("person_id",))
    call.store.note(f"Session for person {person['person_id']} created", Person=person["person_id"])
    return for_person(call.store, person["person_id"], call.store.plc.session_life)


@api.method(*ANYBODY, auth=("session",))
def DeleteSession(call: Call) -> int:
    """End the session that the call is made with."""
    call.store.remove(SESSION, call.session)
    return 1


@api.method(Role.ADMIN, reads=True)
def GetSessions(call: Call, session_filter: SessionFilter = None) -> Sessions:
    """List the sessions of persons that are not over, by person or key."""
    asked = Query()
    if isinstance(session_filter, Query):
        asked = session_filter
    elif session_filter is not None:
        people = [key for key in session_filter if isinstance(key, int)]
        keys = [key for key in session_filter if isinstance(key, str)]
        asked = Query(Some((comparing.any_of(SESSION.field("person_id"), "=", people), by_keys(SESSION, keys))))
    alive = Compare("expires", ">", int(call.now))
    return call.store.rows(SESSION, asked.also(alive))


@api.method(*ANYBODY, Role.ANONYMOUS, reads=True)
def GetPlcRelease(call: Call) -> Release:
    """Tell which release this is."""
    if call.store.plc.release is None:
        raise Unavailable("this installation does not say its release")
    return dict(call.store.plc.release)


def fresh() -> str:
    """A new session key: 32 bytes by chance, as 44 characters."""
    return b64encode(secrets.token_bytes(32)).decode()


def for_node(store: Store, node_id: int) -> str:
    """A node's new session; its last one ends."""
    store.unlink("sessions", node_id=node_id)
    key = fresh()
    store.insert(SESSION, {"session_id": key, "node_id": node_id})
    return key


def for_person(store: Store, person_id: int, life: int) -> str:
    """A new session that stands for a person for ``life`` seconds, or until the last time that can be told."""
    key, end = fresh(), min(int(store.now) + life, writing.MOST)
    store.insert(SESSION, {"session_id": key, "person_id": person_id, "expires": end})
    return key
