"""Why a call on the node is refused: one number per reason, so that a program can tell them apart.

The numbers stand in the first place of the answer ``[number, message]`` and never change their meaning. 100 to 199 are
the call's own mistakes, 200 to 219 the ticket's, 220 to 239 the owner's word, 240 to 249 the rcap's, 250 and up ours.
"""

from collections.abc import Iterable

from attrs import frozen

from planetlab.errors import PlanetLabError


@frozen
class Reason:
    """One way to be refused: its ``number`` and ``word`` on the wire, what it means, and ``mend``, who can mend it."""

    number: int
    word: str
    meaning: str
    mend: str


REASONS = (
    Reason(100, "no-method", "no method of this name is answered here", "the caller"),
    Reason(101, "arity", "too few or too many arguments", "the caller"),
    Reason(102, "argument", "an argument does not have the form that the method states", "the caller"),
    Reason(103, "caller", "the caller is not one whom this method answers", "the node's owner"),
    Reason(200, "not-delegated", "the slice's nodes fetch its tickets by themselves: none is brought", "the creator"),
    Reason(201, "malformed", "the bytes are no ticket of any kind known here", "whoever made the ticket"),
    Reason(202, "forged", "the signature does not fit the bytes", "whoever carried the ticket"),
    Reason(203, "unknown-issuer", "no root that the owner trusts stands behind the signer", "the node's owner"),
    Reason(204, "wrong-subtree", "the signer may not speak for a slice of this name", "the issuing authority"),
    Reason(205, "expired", "the ticket's time is over", "the creator: fetch a newer ticket"),
    Reason(206, "not-yet-valid", "the ticket's time has not begun by this node's clock", "whose clock is wrong"),
    Reason(207, "wrong-audience", "the ticket is for other nodes", "the creator: ask for this node"),
    Reason(
        208,
        "replayed-after-delete",
        "its sliver was deleted here after this ticket was issued",
        "the creator",
    ),
    Reason(
        209,
        "older-than-known",
        "a newer ticket of the same slice is in force here",
        "the creator",
    ),
    Reason(
        210,
        "legacy-algorithm",
        "signed by an algorithm that the owner does not take from it",
        "the authority",
    ),
    Reason(211, "wrapped", "what the signature covers is not the whole ticket", "whoever made the ticket"),
    Reason(212, "too-large", "the ticket is larger than this node reads", "the issuing authority"),
    Reason(213, "bad-content", "the ticket's values are not ones a node can act on", "the issuing authority"),
    Reason(214, "name-taken", "another authority's slice of the same name is on this node", "the two authorities"),
    Reason(215, "chain-broken", "the certificates from the root to the signer do not hold", "the issuing authority"),
    Reason(216, "not-for-nodes", "the slice is not instantiated on nodes", "the slice's users"),
    Reason(217, "era-off", "tickets of this kind are switched off here", "the node's owner"),
    Reason(
        218,
        "clock",
        "this node's clock is in doubt; the ticket is valid by one count only",
        "the node's operator",
    ),
    Reason(219, "unsigned", "nobody has signed it", "whoever made the ticket"),
    Reason(220, "paused", "the owner has paused this node", "the node's owner"),
    Reason(221, "denied", "the owner does not admit this slice or this authority", "the node's owner"),
    Reason(222, "too-many", "the authority has as many slivers here as the owner grants it", "the node's owner"),
    Reason(223, "too-long", "the ticket runs longer than the owner grants", "the issuing authority"),
    Reason(224, "over-share", "its guarantees do not fit in the authority's share of the node", "the node's owner"),
    Reason(225, "too-fast", "too many calls from this address in a short time", "the caller: come back later"),
    Reason(226, "prefix", "the owner grants this authority other site prefixes", "the node's owner"),
    Reason(227, "revoked", "a key that vouches for it was revoked by its authority", "the issuing authority"),
    Reason(228, "suspended", "the peering with its authority is suspended", "the operators of the two authorities"),
    Reason(229, "cloned", "another machine begins sessions as this node; it makes nothing new", "the node's operator"),
    Reason(240, "unknown-rcap", "nothing here is held by this rcap", "the caller"),
    Reason(241, "unknown-slice", "no sliver of this slice is here", "the caller"),
    Reason(250, "node-refused", "the node manager did not accept the sliver", "the node's operator"),
    Reason(251, "node-silent", "the node manager does not answer; ask again", "the node's operator"),
    Reason(252, "disk", "the ledger cannot be written", "the node's operator"),
    Reason(253, "internal", "a mistake of this program; its log has more under the incident", "the node's operator"),
)

BY_WORD = {reason.word: reason for reason in REASONS}


class NotAdmitted(PlanetLabError):
    """A refusal with its reason; ``str(error)`` is the sentence that the caller reads."""

    generic = "Refused"

    def __init__(self, word: str, detail: str = "") -> None:
        super().__init__(detail or f"{BY_WORD[word].meaning}; {BY_WORD[word].mend} can mend it")
        self.reason = BY_WORD[word]
        self.code = self.reason.number


def table(reasons: Iterable[Reason] = REASONS) -> str:
    """The reasons as lines of a reference page."""
    rows = (f"| {reason.number} | {reason.word} | {reason.meaning} | {reason.mend} |" for reason in reasons)
    return "\n".join(("| number | word | it means | who can mend it |", "| --- | --- | --- | --- |", *rows))
