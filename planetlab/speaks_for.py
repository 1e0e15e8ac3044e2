"""Speaks-for: a user's signed word that a tool may call on the user's behalf, in the form geni_abac 1.

An ABAC statement of one head and one tail, ``speaks_for_<user>`` of the user's key is the tool's key, where keys are
named by their SHA-1 subject key identifiers. It is signed by the user's own key, like one level of a credential.
"""

import hmac

from attrs import field, frozen
from cryptography import x509
from lxml import etree

from planetlab import credentials, keys, xml_text
from planetlab.errors import BadArgument
from planetlab.gids import SLACK, Gid
from planetlab.refusals import BadCredential, BadPaper
from planetlab.trust import Roots

_ROLE = "speaks_for_"


@frozen
class SpeaksFor:
    """``user`` (a chain, the leaf first) lets whoever has the key ``tool`` (a key identifier) speak in its name."""

    user: tuple[Gid, ...] = field(repr=False)
    tool: str
    expires: float


def key_id(key: keys.PublicKey) -> str:
    """The subject key identifier by which ABAC names a key: SHA-1 of its bits, lower-case hex."""
    return x509.SubjectKeyIdentifier.from_public_key(key).digest.hex()


def open_speaks_for(data: bytes, trust: Roots, now: float) -> SpeaksFor:
    """The statement in ``data``, once its signature is shown to be its user's. Raises `BadCredential`."""
    try:
        level = credentials.verified_alone(data, trust, now)
        said = _read(level.element, level.chain)
    except BadCredential:
        raise
    except BadPaper as error:
        raise BadCredential(error.reason, error.sentence) from error
    except (BadArgument, ValueError) as error:
        raise BadCredential("malformed", f"not a speaks-for statement: {error}") from error
    if now > said.expires + SLACK:
        raise BadCredential("expired", f"the speaks-for statement of {said.user[0].hrn} expired")
    return said


def _read(element: etree._Element, signer: tuple[Gid, ...]) -> SpeaksFor:
    if xml_text.only(element, "type") != "abac" or element[-1].tag != "abac":
        raise BadArgument("expected a credential of type abac that ends with its statement")
    rules = list(element[-1])
    if [rule.tag for rule in rules] != ["rt0"] or [part.tag for part in rules[0]] != ["version", "head", "tail"]:
        raise BadArgument("expected one rt0 with version, one head and one tail")
    _, head, tail = rules[0]
    if [part.tag for part in head] != ["ABACprincipal", "role"] or [part.tag for part in tail] != ["ABACprincipal"]:
        raise BadArgument("expected a principal and a role in the head, and one principal in the tail")
    user, tool = (xml_text.only(part, "ABACprincipal/keyid").lower() for part in (head, tail))
    signed = key_id(signer[0].key)
    if signer[0].urn.kind != "user":
        raise BadCredential("not-permitted", f"{signer[0].urn} is no user and has nobody speak for it")
    if not hmac.compare_digest(user, signed) or xml_text.only(head, "role").lower() != _ROLE + signed:
        raise BadCredential("forged", f"{signer[0].hrn} signed a statement of another's key")
    return SpeaksFor(signer, tool, credentials.parse_time(xml_text.only(element, "expires")))
