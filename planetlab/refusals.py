"""Why a signed paper is not believed: one word per reason, and a sentence on who can mend it."""

from planetlab.errors import PlanetLabError

REASONS: dict[str, str] = {
    "forged": "only its issuer can sign it anew",
    "unsigned": "ask the issuing authority for a signed one",
    "malformed": "ask the issuing authority for a new copy; it must arrive byte for byte as it was issued",
    "wrapped": "ask the issuing authority for one whose only signature covers the whole document",
    "too-large": "the issuing authority must issue a smaller one",
    "legacy-algorithm": "the issuer should sign with SHA-256; a node's owner may set the legacy switch of that root",
    "unknown-issuer": "the node's owner decides which authorities are trusted; ask the owner to add this one",
    "chain-broken": "the issuing authority must renew the certificates that it puts into its papers",
    "wrong-subtree": "an authority may speak for names below its own only; ask the authority that governs the name",
    "expired": "renew at the issuing authority, or check this machine's clock",
    "not-yet-valid": "wait, or check this machine's clock",
    "wrong-audience": "ask the issuing authority for one that names this node",
    "replayed-after-delete": "ask the issuing authority for a new one",
    "older-than-known": "present the newest one, or ask the issuing authority for a new one",
    "rolled-back": "somebody shows an old copy, or the authority restored one; it must say something newer",
    "two-faced": "ask the authority's operator which of the two is right; somebody else may have its key",
    "turn-skipped": "the authority must offer the statements that began its turns",
    "revoked": "its authority has withdrawn it; ask for one under a new key",
    "suspended": "the operators of the two authorities must resume their peering",
    "not-permitted": "ask the authority that governs the target for a credential with this right",
}


class BadPaper(PlanetLabError):
    """A certificate, ticket or credential that is not believed. ``reason`` is a key of `REASONS`.

    ``shown_by`` is the root whose certificate the one who showed it has proven to hold; empty where that is not known.

    >>> str(BadPaper("expired", "ticket 7 ended 9 s ago"))
    "expired: ticket 7 ended 9 s ago; renew at the issuing authority, or check this machine's clock"
    """

    code = 102
    generic = "Invalid paper"

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(f"{reason}: {sentence}; {REASONS[reason]}")
        self.reason = reason
        self.sentence = sentence
        self.shown_by = ""


class BadGid(BadPaper):
    """A certificate, or the chain that vouches for it, is not believed."""

    generic = "Invalid GID"


class BadSignature(BadPaper):
    """A signature does not hold, or does not cover what it should."""

    generic = "Invalid signature"


class BadTicket(BadPaper):
    """A ticket is not believed, or not for this node, or not now."""

    generic = "Invalid ticket"


class BadCredential(BadPaper):
    """A credential is not believed, or does not give the right that is needed."""

    generic = "Invalid credential"


class Widened(BadCredential):
    """A credential was handed on by who did not hold it, or for more than was held: somebody made it so."""
