"""Whether a call may be done: by which credential, of whom, on what. Each is verified each time, whoever calls.

A credential counts when its signatures lead to a trusted root, nobody revoked it or a key in it, the caller's
connection has its owner's key, it is for the very object that the call names (of that kind, too), and it holds the
right. An authority's own word about its own people must still be what its registry says: who left a slice has no right
left on it, whatever was signed before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from planetlab import credentials as reading
from planetlab import keys
from planetlab.calls import Call
from planetlab.credentials import Credential
from planetlab.errors import BadArgument, Forbidden
from planetlab.gids import Gid
from planetlab.names import Hrn
from planetlab.refusals import BadCredential, BadPaper
from planetlab.registry import papers
from planetlab.registry.store import Store
from planetlab.trust import Roots
from slice_authority.sfa import rights, speaking
from slice_authority.sfa.identity import Identity, Kept
from slice_authority.sfa.visitor import Visitor

MOST = 20  # credentials in one call
_TYPES = ("geni_sfa", "sfa")


@frozen
class Principal:
    """Who acts, and by which credential. ``gid`` is the owner's certificate with what is above it.

    ``speaker`` is who made the call on the owner's behalf, if it was another.
    """

    gid: tuple[Gid, ...]
    credential: Credential
    speaker: Gid | None = None

    @property
    def hrn(self) -> Hrn:
        """The owner's name."""
        return self.gid[0].hrn


@frozen
class Shown:
    """A credential as it was handed in."""

    text: bytes
    kind: str = "geni_sfa"


def identity(store: Store) -> Identity:
    """Who we are. Raises `Forbidden` where this authority has no SFA interfaces."""
    found = store.plc.sfa
    found = found.now if isinstance(found, Kept) else found
    if not isinstance(found, Identity):
        raise Forbidden(
            "this authority has no papers for the SFA interfaces; its operator must set sfa.gid and sfa.key"
        )
    return found


def listed(said: Any) -> list[Shown]:
    """Credentials as callers hand them in: one or an array, each as text, base64 or {geni_type, geni_value, …}."""
    many = said if isinstance(said, list) else [said]
    if len(many) > MOST:
        raise BadArgument(f"expected at most {MOST} credentials, got {len(many)}", "credentials")
    return [_one(each) for each in many if each is not None]


def _one(said: Any) -> Shown:
    kind: Any = "geni_sfa"
    if isinstance(said, dict):
        kind, said = said.get("geni_type", "geni_sfa"), said.get("geni_value")
    if isinstance(said, str):
        said = said.encode()
    if not isinstance(said, bytes) or not isinstance(kind, str):
        raise BadArgument("expected a credential as text or as {geni_type, geni_version, geni_value}", "credentials")
    return Shown(said.strip(), kind.lower())


def allowed(
    call: Call,
    said: Any,
    operation: str,
    target: Hrn | None = None,
    kind: str = "",
    options: Mapping[str, Any] | None = None,
    governing: bool = False,
) -> Principal:
    """Who may do ``operation`` on the object of this name and kind, by one of the credentials that were handed in.

    Without ``target`` any object will do; with ``governing`` also an authority above the target. Raises
    `BadCredential` with the reason why the last of several is refused, or why the only one is.
    """
    trust = identity(call.store).trust(call.store)
    try:
        return _allowed(call, said, operation, target, kind, options or {}, governing, trust)
    except BadPaper as refusal:
        refusal.shown_by = _root_of(call.caller, trust, call.now)
        raise


def _root_of(visitor: Visitor, trust: Roots, now: float) -> str:
    """The root to which a caller's own certificate leads; empty for who vouches for itself."""
    try:
        chain = visitor.shown.vouched(trust, now) if visitor.shown is not None else ()
        return str(trust.answering(chain[0].hrn).hrn) if chain else ""
    except BadPaper:
        return ""


def _allowed(
    call: Call,
    said: Any,
    operation: str,
    target: Hrn | None,
    kind: str,
    options: Mapping[str, Any],
    governing: bool,
    trust: Roots,
) -> Principal:
    store, visitor = call.store, call.caller
    assert isinstance(visitor, Visitor)
    shown = listed(said)
    caller, speaker = visitor.key, None
    spoken = speaking.asked(options)
    if spoken:
        speaker = _speaker(visitor, trust, store)
        user = speaking.granted([one.text for one in shown if one.kind != "geni_sfa"], spoken, caller, trust, call.now)
        must_stand(store, user)
        caller = user[0].key
    refusal: BadPaper | None = None
    for one in shown:
        if one.kind not in _TYPES:
            continue
        try:
            credential = opened(store, one.text, trust)
            _must_fit(store, credential, operation, target, kind, caller, governing)
            return Principal(credential.owner, credential, speaker)
        except BadPaper as error:
            refusal = error
    if refusal is None:
        raise BadCredential("unsigned", f"no credential of a known type for {operation} was handed in")
    raise refusal


def opened(store: Store, text: bytes, trust: Roots) -> Credential:
    """A credential that is signed by whom the rules say, and of which nothing was revoked."""
    credential = reading.open_credential(text, trust, store.now)
    for level in credential.levels:
        why = papers.revoked(store, "credential", [level.digest])
        if why is not None:
            raise BadCredential("revoked", f"the credential of {level.holder.hrn} on {level.object.hrn}: {why}")
        must_stand(store, level.owner)
        must_stand(store, level.target)
        if level.signer is not None:
            must_stand(store, (level.signer,))
    return credential


def must_stand(store: Store, chain: Sequence[Gid]) -> None:
    """Refuse a certificate whose key, or one above it, was revoked. Raises `BadCredential`."""
    why = papers.revoked(store, "key", [keys.fingerprint(gid.key) for gid in chain])
    if why is not None:
        raise BadCredential("revoked", f"a key of {chain[0].hrn}: {why}")


def _speaker(visitor: Visitor, trust: Roots, store: Store) -> Gid:
    """A tool that speaks for a user must itself be known by a trusted certificate."""
    assert visitor.shown is not None  # its key was asked for before
    chain = visitor.shown.vouched(trust, store.now)
    must_stand(store, chain)
    return chain[0]


def _must_fit(
    store: Store,
    credential: Credential,
    operation: str,
    target: Hrn | None,
    kind: str,
    caller: keys.PublicKey,
    governing: bool,
) -> None:
    named = credential.object
    if target is None or governing and named.urn.kind == "authority" and named.hrn.governs(target):
        name = named.hrn
    else:
        name = target
        if kind and named.hrn == target and named.urn.kind != kind:
            raise BadCredential(
                "not-permitted",
                f"the credential is for the {named.urn.kind} {named.hrn}, not for the {kind} of that name",
            )
    credential.permit(operation, name, caller)
    if identity(store).has_signed(credential):
        rights.must_hold(store, list(credential.levels)[-1], operation)
