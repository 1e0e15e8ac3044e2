"""Certificates and credentials as the registry interface hands them out."""

import secrets
from typing import Any

from planetlab import credentials, keys
from planetlab.calls import Call
from planetlab.errors import BadArgument, Forbidden, NotAuthenticated
from planetlab.gids import Gid
from planetlab.names import Hrn
from planetlab.privileges import DEFAULTS, Privilege
from planetlab.refusals import BadGid
from planetlab.registry import papers
from planetlab.registry.store import Store
from slice_authority.sfa import allowing, records, rights, things
from slice_authority.sfa.allowing import Principal
from slice_authority.sfa.things import Thing

LIFE = 28 * 86_400.0  # seconds that a credential lasts, but a slice's, which ends with the slice


def to_self(call: Call, said: Any, hrn: Hrn, kind: str) -> str:
    """A credential on oneself for whoever connects with a key that is registered for this name.

    ``said`` is the certificate that the caller says to have shown, PEM or None.
    """
    mine = call.caller.key
    if said is not None and not keys.same(_key(said), mine):
        raise NotAuthenticated("Connection Key GID mismatch: the certificate has another key than the connection")
    if kind == "authority":
        return _to_authority(call, hrn)
    if kind != "user":
        raise BadArgument(f"expected user or authority, got {kind}: a {kind} does not connect by itself", "type")
    thing = things.get(call.store, hrn, "user")
    registered = things.public_keys(call.store, thing.row) if thing.is_ours else []
    if not any(keys.same(mine, key) for key in registered):
        raise NotAuthenticated(f"Connection Key GID mismatch: the connection's key is not registered for {hrn}")
    owner = allowing.identity(call.store).certify(call.store, hrn, "user", mine, thing.row["email"])
    return given(call.store, owner, owner, _must_have(rights.of(call.store, thing.row, thing), hrn), thing)


def _key(said: Any) -> keys.PublicKey:
    if not isinstance(said, str | bytes):
        raise BadArgument("expected a certificate in PEM", "cert")
    return keys.load_public(said.encode() if isinstance(said, str) else said)


def _to_authority(call: Call, hrn: Hrn) -> str:
    """An authority is known by its certificate alone: one of this name that leads to a root trusted here."""
    me = allowing.identity(call.store)
    chain = call.caller.shown.vouched(me.trust(call.store), call.now)
    if chain[0].hrn != hrn or not chain[0].certifies or hrn != me.hrn:
        raise NotAuthenticated(f"{chain[0].urn} asks for the credential of the authority {hrn} at {me.hrn}")
    rights_ = tuple(Privilege(name, True) for name in DEFAULTS["authority"])
    return given(call.store, chain, chain, rights_, things.get(call.store, hrn, "authority"))


def to_holder(call: Call, principal: Principal, hrn: Hrn, kind: str) -> str:
    """A credential on a thing of ours for who has rights on it, who is known by a credential already."""
    store = call.store
    person = rights.must_be_current(store, principal.gid[0])
    thing = things.get(store, hrn, kind)
    if not thing.is_ours:
        raise BadArgument(f"{hrn} is of another registry, which gives credentials on it", "xrn")
    if person is None and principal.gid[0].certifies and principal.hrn.governs(hrn):
        held = tuple(Privilege(name, True) for name in DEFAULTS[kind])  # an authority has what it may give
    else:
        held = _must_have(rights.of(store, person, thing), principal.hrn, thing)
    return given(store, principal.gid, records.gid_of(store, thing), held, thing)


def _must_have(held: tuple[Privilege, ...], who: Hrn, on: Thing | None = None) -> tuple[Privilege, ...]:
    if not held:
        raise Forbidden(f"{who} has no rights to {f'{on.kind} {on.hrn}' if on else 'itself: the account is disabled'}")
    return held


def given(
    store: Store, owner: tuple[Gid, ...], target: tuple[Gid, ...], held: tuple[Privilege, ...], thing: Thing
) -> str:
    """The credential, signed and written down."""
    until = store.now + LIFE if thing.kind != "slice" else float(thing.row["expires"])
    serial = secrets.token_hex(16)
    text = allowing.identity(store).sign(owner, target, held, until, serial)
    made = credentials.open_credential(text, allowing.identity(store).trust(store), store.now)
    papers.keep_credential(
        store,
        papers.Given(
            serial=serial,
            digest=made.digest,
            owner=str(owner[0].urn),
            target=str(target[0].urn),
            privileges=",".join(one.name for one in held),
            issued=int(store.now),
            expires=int(until),
        ),
    )
    store.note(f"Credential {serial} on {target[0].urn} issued to {owner[0].urn}")
    return text.decode()


def new_gid(call: Call, thing: Thing, said: Any) -> str:
    """A certificate of a thing for the key that ``said`` holds: a certificate, a public key in PEM, or an SSH key.

    A person's key must be among those that are registered for it. An authority's is from then on one that certifies
    below its name.
    """
    if said is None:
        return pem_of(records.gid_of(call.store, thing))
    key = _any_key(said)
    if keys.is_short(key):
        raise BadGid("legacy-algorithm", f"the key for {thing.hrn} has fewer than {keys.LEAST_RSA_BITS} bits")
    if thing.kind == "user" and not any(keys.same(key, one) for one in things.public_keys(call.store, thing.row)):
        raise BadArgument(f"this key is not registered for {thing.hrn}; add it there first (Update, reg-keys)", "cert")
    if not thing.row:
        raise BadArgument(f"{thing.hrn} is certified by the authority above it, or by itself", "xrn")
    me = allowing.identity(call.store)
    return pem_of(me.certify(call.store, thing.hrn, thing.kind, key, thing.row.get("email", "")))


def _any_key(said: Any) -> keys.PublicKey:
    text = said.decode("ascii", "replace") if isinstance(said, bytes) else said
    if not isinstance(text, str):
        raise BadArgument("expected a certificate, a public key in PEM or an SSH key", "cert")
    if "-----BEGIN" in text:
        return keys.load_public(text.encode())
    key = things.convertible(text)
    if key is None:
        raise BadArgument("expected an SSH key of RSA with 2048 bits or more, or of P-256", "cert")
    return key


def pem_of(chain: tuple[Gid, ...]) -> str:
    """A chain as one text, the leaf first."""
    return b"".join(gid.pem for gid in chain).decode()


def revoke(call: Call, said: Any) -> int:
    """Withdraw a credential: its owner may, the authority that signed it, and who has rights on its target.

    Whatever was delegated from it falls with it.
    """
    store = call.store
    me = allowing.identity(store)
    shown = allowing.listed(said)
    if len(shown) != 1:
        raise BadArgument(f"expected one credential, got {len(shown)}", "cred")
    credential = credentials.open_credential(shown[0].text, me.trust(store), call.now)
    caller = call.caller.key
    may = [gid.key for level in credential.levels for gid in (level.holder, level.signer) if gid is not None]
    if not any(keys.same(caller, key) for key in may):
        chain = call.caller.shown.vouched(me.trust(store), call.now)
        person = rights.must_be_current(store, chain[0])
        thing = things.find(store, credential.object.hrn, things.kind_of(credential.object.urn.kind))
        if thing is None or person is None or not rights.of(store, person, thing):
            raise Forbidden(f"{chain[0].hrn} neither holds nor signed this credential, and has no rights on its target")
    who = call.caller.shown.certificate.subject.rfc4514_string()[:80]
    new = papers.revoke(store, "credential", credential.digest, f"revoked by {who}", credential.expires)
    store.note(f"Credential {credential.serial} on {credential.object.urn} revoked")
    return int(new)


def trusted(store: Store) -> list[str]:
    """The certificates of the roots that are believed here, PEM."""
    roots = allowing.identity(store).trust(store).roots
    return [root.gid.pem.decode() for root in roots if root.gid is not None]
