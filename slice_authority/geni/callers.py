"""Who calls a Federation API service: a person of this registry, known by the certificate of its TLS connection.

The certificate is one of ours (or of somebody trusted), or it is signed by itself and its key is registered for one
person. Whoever else may read nothing but ``get_version``.
"""

from collections.abc import Mapping
from typing import Any

from attrs import evolve
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from planetlab import keys
from planetlab.both import callers
from planetlab.calls import Call
from planetlab.errors import NotAuthenticated
from planetlab.filters import Compare, Every
from planetlab.gids import Gid
from planetlab.names import Urn
from planetlab.records.persons import KEY, PERSON
from planetlab.refusals import BadGid
from planetlab.registry.store import Row, Store
from slice_authority.sfa import allowing, rights, speaking
from slice_authority.sfa.visitor import Visitor


def acting(call: Call, credentials: Any = (), options: Any = None) -> Call:
    """``call`` as made by the person who stands behind it. Raises `NotAuthenticated` or `BadCredential`."""
    return as_person(call, person(call, credentials, options))


def as_person(call: Call, row: Row) -> Call:
    """``call`` as made by this person; the event of what it changes says so."""
    call.store.note(f"called by person {row['person_id']}", Person=row["person_id"])
    caller = callers.person(row)
    return evolve(call, caller=caller, roles=caller.roles, auth_method="tls")


def person(call: Call, credentials: Any = (), options: Any = None) -> Row:
    """The row of the person who calls, or for whom a tool speaks by ``options['speaking_for']``."""
    visitor, store = call.caller, call.store
    assert isinstance(visitor, Visitor)
    spoken = speaking.asked(options if isinstance(options, Mapping) else None)
    if spoken:
        return _spoken_for(visitor, store, credentials, spoken)
    chain = _vouched(visitor, store)
    found = _by_key(store, visitor) if chain is None else rights.must_be_current(store, chain[0])
    if found is None:
        raise NotAuthenticated(f"{_name(visitor, chain)} is no person of this registry ({store.plc.hrn})")
    return found


def _spoken_for(visitor: Visitor, store: Store, credentials: Any, user: str) -> Row:
    if _vouched(visitor, store) is None:
        raise NotAuthenticated("a tool speaks for others by a certificate of a trusted authority, not by its own word")
    statements = [one.text for one in allowing.listed(credentials or []) if one.kind not in ("geni_sfa", "sfa")]
    chain = speaking.granted(statements, user, visitor.key, allowing.identity(store).trust(store), store.now)
    allowing.must_stand(store, chain)
    found = rights.must_be_current(store, chain[0])
    if found is None:
        raise NotAuthenticated(f"{Urn.parse(user).hrn} is no person of this registry ({store.plc.hrn})")
    return found


def _vouched(visitor: Visitor, store: Store) -> tuple[Gid, ...] | None:
    """The caller's certificate and what is above it; None for one that is signed by itself."""
    key = visitor.key
    assert visitor.shown is not None
    if visitor.shown.is_self_signed:
        return None
    try:
        chain = visitor.shown.vouched(allowing.identity(store).trust(store), store.now)
    except BadGid as error:
        raise NotAuthenticated(f"your TLS certificate is not believed: {error}") from error
    assert keys.same(chain[0].key, key)
    allowing.must_stand(store, chain)
    return chain


def _by_key(store: Store, visitor: Visitor) -> Row | None:
    """The one person who has registered the caller's key. A key that several have says too little."""
    found = {row["person_id"] for row in _rows_of(store, visitor.key) if row["person_id"] is not None}
    if len(found) > 1:
        raise NotAuthenticated("several persons have registered this key; call with a certificate that says a name")
    row = store.row(PERSON, Every((Compare("person_id", "=", min(found)), store.live(PERSON)))) if found else None
    if row is None or row["peer_id"] is not None:
        return None
    if not row["enabled"]:
        raise NotAuthenticated(f"the account of {row['email']} is disabled")
    return row


def _rows_of(store: Store, key: keys.PublicKey) -> list[Row]:
    text = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    same = Every((Compare("key", ">=", text), Compare("key", "<=", text + "\x7f")))  # whatever comment follows
    return [row for row in store.rows(KEY, same, ("key", "person_id")) if row["key"].split()[:2] == text.split()]


def _name(visitor: Visitor, chain: tuple[Gid, ...] | None) -> str:
    return str(chain[0].hrn) if chain else f"the holder of the self-signed certificate {visitor}"
