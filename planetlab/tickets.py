"""Tickets, sealed and opened: one value, two codecs, one door.

>>> from planetlab.tickets import Ticket, seal_xmldsig, open_ticket, admit
>>> sealed = seal_xmldsig(ticket, key)                 # doctest: +SKIP
>>> admit(open_ticket(sealed, roots, now), node, now)  # doctest: +SKIP

Bytes off the wire become a `Ticket` only through `open_ticket`, which knows whom to trust; there is no way around a
check, and no switch that skips one. What remains, time and audience and replay, is `admit`'s.
"""

from planetlab import gids, keys, openpgp, ticket_pgp, ticket_xml, xmldsig
from planetlab.admission import Memory, Verdict, admit
from planetlab.errors import BadArgument
from planetlab.gids import Gid
from planetlab.names import Hrn
from planetlab.refusals import REASONS, BadPaper, BadTicket
from planetlab.ticket import Ticket, User
from planetlab.trust import Root, Roots

__all__ = [
    "REASONS",
    "BadTicket",
    "Memory",
    "Ticket",
    "User",
    "Verdict",
    "admit",
    "codec_of",
    "open_ticket",
    "seal_openpgp",
    "seal_xmldsig",
]

MOST_BYTES = 1 << 20  # the buffer of the node manager's forwarder, and so of every ticket
_SIGNING = ("sa", "ticket")  # an authority's own certificate, or one that it made for its ticket keys


def seal_xmldsig(ticket: Ticket, key: keys.PrivateKey, legacy: bool = False) -> bytes:
    """``ticket`` as a signed v3 document. ``legacy`` signs with RSA-SHA1, for readers of 2005; log its use."""
    return xmldsig.seal(ticket_xml.to_root(ticket), key, legacy)


def seal_openpgp(ticket: Ticket, secret: bytes) -> bytes:
    """``ticket`` as a signed v4 message, armoured. ``secret`` is an OpenPGP secret key, armoured."""
    pgp = openpgp.each(openpgp.public(secret))[0] if ticket.chain else b""
    return openpgp.sign(secret, ticket_pgp.to_body(ticket, pgp))


def codec_of(sealed: bytes) -> str:
    """``xmldsig`` or ``openpgp``, by the first bytes. Raises `BadTicket` for neither."""
    if sealed.startswith(b"<"):
        return "xmldsig"
    if sealed.startswith(b"-----BEGIN PGP ") or sealed[:1] >= b"\x80":
        return "openpgp"
    raise BadTicket("malformed", f"expected an XML document or an OpenPGP message, got {sealed[:40]!r}")


def open_ticket(sealed: bytes, trust: Roots, now: float) -> Ticket:
    """The ticket in ``sealed``, if an authority that ``trust`` knows has signed it for a slice of its own.

    ``now`` is for the certificates' times; the ticket's own are left to `admit`. Raises `BadTicket`.
    """
    if len(sealed) > MOST_BYTES:
        raise BadTicket("too-large", f"a ticket of {len(sealed)} bytes, at most {MOST_BYTES} are read")
    try:
        opened = _open_xml if codec_of(sealed) == "xmldsig" else _open_pgp
        ticket, root = opened(sealed, trust, now)
        _must_be_its_own(ticket, root)
    except BadTicket:
        raise
    except BadPaper as error:
        raise BadTicket(error.reason, error.sentence) from error
    except BadArgument as error:
        raise BadTicket("malformed", str(error)) from error
    return ticket


def _open_xml(sealed: bytes, trust: Roots, now: float) -> tuple[Ticket, Root]:
    envelope = xmldsig.examine(sealed)
    document = envelope.root()
    claims = ticket_xml.claims(document)
    if claims.issuer is not None and (envelope.key_info or not envelope.even):
        raise BadTicket(
            "malformed", "the Signature's layout was changed, or a KeyInfo added, since the ticket was issued"
        )
    candidates: list[tuple[Root, keys.PublicKey]]
    if claims.issuer is None:
        candidates = [(root, key) for root in trust.roots for key in root.keys if not root.suspended]
    elif claims.chain:
        key = _vouched(claims, trust, now).key
        candidates = [(trust.answering(claims.issuer), key)]
    else:
        root = _pinned(claims.issuer, trust)
        candidates = [(root, key) for key in root.keys]
    for root, key in candidates:
        if envelope.holds(key):
            if (envelope.legacy or keys.is_short(key)) and not root.legacy:
                said = f"signed by {envelope.method.rpartition('#')[2]}, and {root.hrn} is not trusted for that"
                raise BadTicket("legacy-algorithm", said)
            return ticket_xml.read(document, envelope.canonical, root.hrn), root
    raise BadTicket("forged", f"no key of {claims.issuer or 'any trusted root'} made the signature")


def _open_pgp(sealed: bytes, trust: Roots, now: float) -> tuple[Ticket, Root]:
    message = openpgp.read(sealed)
    struct = ticket_pgp.parse(message.body)
    claims = ticket_pgp.claims(struct)
    if claims.issuer is None:
        candidates = [(root, root.pgp_keys) for root in trust.roots if not root.suspended]
    elif not message.ours:
        raise BadTicket("malformed", "the message was packed anew since it was issued")
    elif claims.chain:
        candidates = [(trust.answering(claims.issuer), (_vouched_pgp(claims, trust, now),))]
    else:
        root = _pinned(claims.issuer, trust)
        candidates = [(root, root.pgp_keys)]
    for root, certificates in candidates:
        if openpgp.holds(message, certificates, root.legacy):
            if message.legacy and not root.legacy:
                said = f"signed as gpg did before 2010, and {root.hrn} is not trusted for that"
                raise BadTicket("legacy-algorithm", said)
            return ticket_pgp.read(struct, message.body, root.hrn), root
    if message.legacy and not any(root.legacy for root, _ in candidates):
        raise BadTicket("legacy-algorithm", "signed with SHA-1 or DSA, or packed as gpg did before 2010")
    if message.created > now + gids.SLACK:
        raise BadTicket("not-yet-valid", f"signed {message.created - now:.0f} s from now (slack {gids.SLACK:.0f} s)")
    raise BadTicket("forged", f"no key of {claims.issuer or 'any trusted root'} made the signature")


def _vouched(claims: ticket_xml.Claims, trust: Roots, now: float) -> Gid:
    assert claims.issuer is not None
    gid = trust.vouch(claims.issuer, claims.chain, now)
    if gid.urn.name not in _SIGNING:
        raise BadTicket("chain-broken", f"{gid.urn} signs no tickets")
    return gid


def _vouched_pgp(claims: ticket_xml.Claims, trust: Roots, now: float) -> bytes:
    gid = _vouched(claims, trust, now)
    if len(openpgp.each(claims.pgp)) != 1 or openpgp.fingerprint(claims.pgp) not in gid.openpgp:
        raise BadTicket("chain-broken", f"the certificate of {gid.hrn} vouches for another OpenPGP key")
    return claims.pgp


def _pinned(issuer: Hrn, trust: Roots) -> Root:
    """The root of this very name: without a chain, nobody signs for another, not even a parent."""
    root = trust.answering(issuer)
    if root.hrn != issuer:
        raise BadTicket("chain-broken", f"the ticket of {issuer} shows no certificates up to {root.hrn}")
    return root


def _must_be_its_own(ticket: Ticket, root: Root) -> None:
    if not root.subtree.governs(ticket.hrn):
        said = f"{ticket.issuer} is trusted here for {root.subtree}, which does not govern {ticket.hrn}"
        raise BadTicket("wrong-subtree", said)
    told = ticket.tag("hrn")
    if told and not ticket.issuer.governs(Hrn.parse(told)):
        raise BadTicket("wrong-subtree", f"{ticket.issuer} does not govern {told}, as which it issued a ticket")
