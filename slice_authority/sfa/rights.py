"""Who has which rights on what, by the registry as it is now: what is given, and what still holds of what was given."""

from planetlab import keys, privileges
from planetlab.credentials import Credential
from planetlab.errors import BadArgument
from planetlab.gids import Gid
from planetlab.privileges import Privilege
from planetlab.refusals import BadCredential
from planetlab.registry import papers
from planetlab.registry.store import Row, Store
from slice_authority.sfa import things
from slice_authority.sfa.identity import Identity, Kept
from slice_authority.sfa.things import Thing


def of(store: Store, person: Row | None, thing: Thing) -> tuple[Privilege, ...]:
    """What a person (or, for None, nobody) has on a thing: all of it may be handed on."""
    if person is None or not person["enabled"]:
        return ()
    if not _has(person, thing):
        return ()
    return tuple(Privilege(name, True) for name in privileges.DEFAULTS[thing.kind])


def _has(person: Row, thing: Thing) -> bool:
    is_admin = "admin" in person["roles"]
    if thing.kind == "user":
        return is_admin or thing.number == person["person_id"]
    if thing.kind == "slice":
        member = person["person_id"] in thing.row["person_ids"]
        return is_admin or member or _is_pi(person, thing.row["site_id"])
    if not thing.row:
        return is_admin
    return is_admin or _is_pi(person, thing.row["site_id"])


def _is_pi(person: Row, site_id: int) -> bool:
    return "pi" in person["roles"] and site_id in person["site_ids"]


def must_be_current(store: Store, gid: Gid) -> Row | None:
    """The registry's own person of this certificate, or None for somebody of another registry.

    Raises `BadCredential` ``revoked`` for a name or key that is ours and that the registry does not have any more.
    """
    if gid.urn.kind != "user":
        return None
    found = things.find(store, gid.hrn, "user")
    if found is None or not found.is_ours:
        if _me(store).has_certified(gid):
            raise BadCredential("revoked", f"{gid.hrn} is in this registry no more")
        return None
    person = found.row
    if not person["enabled"]:
        raise BadCredential("revoked", f"the account of {gid.hrn} is disabled")
    registered = [keys.fingerprint(key) for key in things.public_keys(store, person)]
    mark = keys.fingerprint(gid.key)
    if mark in registered:
        return person
    if registered or not papers.has_given(store, str(gid.urn), mark):
        raise BadCredential("revoked", f"the key is not one that {gid.hrn} has registered")
    return person


def _me(store: Store) -> Identity:
    found = store.plc.sfa
    me: Identity = found.now if isinstance(found, Kept) else found
    return me


def must_hold(store: Store, given: Credential, operation: str) -> None:
    """What we once signed must still be what we would sign: the thing is there, its owner still has the right.

    Raises `BadCredential` ``revoked``.
    """
    kind, owner = given.object.urn.kind, given.holder
    person = must_be_current(store, owner)
    if person is None:
        return  # given to a stranger by name; it is revoked by its digest
    try:
        thing = things.find(store, given.object.hrn, things.kind_of(kind))
    except BadArgument:
        return
    if thing is None:
        raise BadCredential("revoked", f"the {kind} {given.object.hrn} is in this registry no more")
    number = papers.uuid_of(store, thing.urn)
    if number is not None and given.object.uuid is not None and number != given.object.uuid:
        raise BadCredential("revoked", f"{given.object.hrn} is another {kind} now than when this was signed")
    held: set[str] = set().union(*(right.operations for right in of(store, person, thing)))
    if operation not in held:
        raise BadCredential("revoked", f"{owner.hrn} has the right to {operation} on {given.object.hrn} no more")
