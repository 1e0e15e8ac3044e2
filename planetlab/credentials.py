"""Credentials: an authority's word that an owner may do something to a target, and delegations of that word.

The XML is that of the SFA (geni_sfa 2 and 3), the signatures are those that xmlsec1 verifies: one per level, by
reference to its ``xml:id``, the signer's certificates beside it. Stricter than the originals: fields are read from
the very bytes that were verified, comments and strangers' elements are refused, every level has exactly one
signature, one target is one decision, and no right means everything.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from attrs import field, frozen
from lxml import etree

from planetlab import gids, keys, privileges, xml_text, xmldsig
from planetlab.errors import BadArgument
from planetlab.gids import SLACK, Gid
from planetlab.names import Hrn
from planetlab.privileges import Privilege
from planetlab.refusals import BadCredential, BadGid, BadPaper, Widened
from planetlab.trust import Roots
from planetlab.xmldsig import DS

MOST_LEVELS = 8
_ID = "{http://www.w3.org/XML/1998/namespace}id"
_FIELDS = ("type", "serial", "owner_gid", "owner_urn", "target_gid", "target_urn", "uuid", "expires", "privileges")
_OPTIONAL = ("owner_urn", "target_urn", "uuid")


@frozen(kw_only=True)
class Credential:
    """One level of a credential. ``owner`` and ``target`` are chains, the leaf first; times are epoch seconds.

    ``digest`` is the SHA-256, in hex, of what was signed at this level: the name by which it can be revoked.
    """

    owner: tuple[Gid, ...]
    target: tuple[Gid, ...]
    privileges: tuple[Privilege, ...]
    expires: float
    serial: str
    reference: str = "ref0"
    parent: "Credential | None" = field(default=None, repr=False)
    signer: Gid | None = field(default=None, repr=False)
    digest: str = ""

    @property
    def levels(self) -> "Iterator[Credential]":
        """This one, what it was delegated from, and so on to an authority's own word."""
        level: Credential | None = self
        while level is not None:
            yield level
            level = level.parent

    @property
    def holder(self) -> Gid:
        """Who may use it."""
        return self.owner[0]

    @property
    def object(self) -> Gid:
        """On what."""
        return self.target[0]

    @property
    def operations(self) -> frozenset[str]:
        """What it allows."""
        return frozenset().union(*(one.operations for one in self.privileges))

    def permit(self, operation: str, target: Hrn, caller: keys.PublicKey) -> None:
        """Let ``caller``, known by its connection's key, do ``operation`` on ``target``. Raises `BadCredential`."""
        if not keys.same(self.holder.key, caller):
            raise BadCredential("not-permitted", f"the credential is {self.holder.hrn}'s, and another key calls")
        if self.object.hrn != target:
            raise BadCredential("not-permitted", f"the credential is for {self.object.hrn}, not for {target}")
        if operation not in self.operations:
            held = ", ".join(one.name for one in self.privileges) or "nothing"
            raise BadCredential("not-permitted", f"{self.holder.hrn} has no right to {operation} ({held})")


@frozen
class Level:
    """One credential element that its signature covers, and who made that."""

    element: etree._Element  # parsed from the bytes that were digested
    chain: tuple[Gid, ...]
    digest: str

    @property
    def signer(self) -> Gid:
        """Who signed it."""
        return self.chain[0]


def open_credential(data: bytes, trust: Roots, now: float) -> Credential:
    """The credential in ``data``, if all its levels are signed by whom the rules say. Raises `BadCredential`."""
    try:
        root = xml_text.parse(data)
        body, signatures = _parts(root)
        levels = _nested(body)
        signed = [_verified(level, _signature_of(level, signatures), trust, now) for level in levels]
        if len(signatures) != len(levels):
            raise BadCredential("wrapped", f"{len(levels)} levels and {len(signatures)} signatures")
        return _judged(signed, trust, now)
    except BadCredential:
        raise
    except BadPaper as error:
        raise BadCredential(error.reason, error.sentence) from error
    except (BadArgument, ValueError) as error:
        raise BadCredential("malformed", f"not a credential: {error}") from error


def verified_alone(data: bytes, trust: Roots, now: float) -> "Level":
    """A document with one level whose signature holds; what it says is not judged. Raises `BadPaper`."""
    body, signatures = _parts(xml_text.parse(data))
    if len(signatures) != 1 or body.find("parent") is not None:
        raise BadCredential("wrapped", f"expected one level and one signature, got {len(signatures)} signatures")
    return _verified(body, _signature_of(body, signatures), trust, now)


def parse_time(text: str) -> float:
    """Read an RFC 3339 time. Raises `BadArgument` also where the zone is missing, which the originals guessed."""
    try:
        when = datetime.fromisoformat(text.strip().upper().replace("Z", "+00:00"))
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise BadArgument(f"expected a time like 2026-12-19T08:19:13Z, got {text!r:.40}")
    return when.timestamp()


def print_time(when: float) -> str:
    """A time as RFC 3339 in UTC, without fractions."""
    return datetime.fromtimestamp(int(when), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parts(root: etree._Element) -> tuple[etree._Element, list[etree._Element]]:
    """The outermost credential and the signatures, and nothing beside them."""
    if root.tag != "signed-credential" or [child.tag for child in root] != ["credential", "signatures"]:
        raise BadCredential("wrapped", "expected signed-credential with one credential and signatures")
    body, holder = root
    found = list(root.iter(f"{{{DS}}}Signature"))
    if not found:
        raise BadCredential("unsigned", "the credential has no signature")
    if found != list(holder):
        raise BadCredential("wrapped", "expected every Signature in signatures, and nothing else there")
    marks = [element.get(_ID) for element in root.iter() if element.get(_ID) is not None]
    if len(set(marks)) != len(marks):
        raise BadCredential("wrapped", "an xml:id is given twice")
    return body, found


def _nested(body: etree._Element) -> list[etree._Element]:
    """The credential elements from the outermost in."""
    levels = [body]
    while True:
        parents = levels[-1].findall("parent")
        if not parents:
            break
        if len(parents) > 1 or [child.tag for child in parents[0]] != ["credential"] or len(levels) == MOST_LEVELS:
            raise BadCredential("malformed", f"expected one credential in each parent, at most {MOST_LEVELS} deep")
        levels.append(parents[0][0])
    if len(list(body.iter("credential"))) != len(levels):
        raise BadCredential("wrapped", "a credential lies where none belongs")
    return levels


def _signature_of(level: etree._Element, signatures: list[etree._Element]) -> etree._Element:
    wanted = f"#{level.get(_ID)}"
    matching = [one for one in signatures if [r.get("URI") for r in one.iter(f"{{{DS}}}Reference")] == [wanted]]
    if level.get(_ID) is None or len(matching) != 1:
        raise BadCredential("wrapped", f"expected one signature over {wanted}, got {len(matching)}")
    return matching[0]


def _verified(level: etree._Element, signature: etree._Element, trust: Roots, now: float) -> Level:
    names = [f"{{{DS}}}{name}" for name in ("SignedInfo", "SignatureValue", "KeyInfo")]
    if [child.tag for child in signature] != names or len(signature[0]) != 3:
        raise BadCredential("wrapped", "expected SignedInfo, SignatureValue and KeyInfo in each Signature")
    info, value, key_info = signature
    method, transforms, digest_method, digest = xmldsig.signed_reference(info)
    if transforms not in ([xmldsig.ENVELOPED], [xmldsig.ENVELOPED, xml_text.EXCLUSIVE]):
        raise BadCredential("wrapped", f"expected the transform enveloped-signature, got {transforms!r:.200}")
    exclusive = xml_text.EXCLUSIVE if len(transforms) == 2 else xml_text.INCLUSIVE
    content = xml_text.canonical(level, exclusive)
    if not hmac.compare_digest(xmldsig.DIGESTS[digest_method](content).digest(), digest):
        raise BadCredential("forged", f"{level.get(_ID)} was changed after it was signed (its digest differs)")
    chain = _certificates(key_info)
    anchor = _vouched(chain, trust, now)
    c14n = str(info[0].get("Algorithm"))
    if c14n not in (xml_text.INCLUSIVE, xml_text.EXCLUSIVE):
        raise BadCredential("forged", f"canonicalised by {c14n!r:.80}, which proves nothing here")
    raw = xml_text.unwrapped(value.text or "", "SignatureValue")
    if not xmldsig.verify(chain[0].key, method, raw, xml_text.canonical(info, c14n)):
        raise BadCredential("forged", f"the key of {chain[0].hrn} did not make the signature over {level.get(_ID)}")
    root = trust.answering(anchor.hrn)
    if xmldsig.LEGACY & {method, digest_method} and not root.legacy:
        raise BadCredential("legacy-algorithm", f"signed with SHA-1, and {root.hrn} is not trusted for that")
    return Level(xml_text.parse(content), chain, hashlib.sha256(content).hexdigest())


def _vouched(chain: Sequence[Gid], trust: Roots, now: float) -> Gid:
    """The root that a chain leads to; no key of the chain was revoked."""
    anchor = gids.verify(chain, trust.anchors(chain[0].hrn), now)
    trust.must_not_be_revoked(chain)
    return anchor


def _certificates(key_info: etree._Element) -> tuple[Gid, ...]:
    texts = [element.text or "" for element in key_info.iter(f"{{{DS}}}X509Certificate")]
    if not 0 < len(texts) <= gids.LONGEST_CHAIN + 1:
        raise BadCredential("chain-broken", f"expected the signer's certificates, got {len(texts)}")
    return tuple(gids.read(base64.b64decode("".join(text.split()), validate=True)) for text in texts)


def _judged(levels: Sequence[Level], trust: Roots, now: float) -> Credential:
    """The outermost credential once every level keeps the rules, judged from the root's own word outward."""
    credential: Credential | None = None
    for level in reversed(levels):
        credential = _read(level, credential)
        for chain in (credential.owner, credential.target):
            _vouched(chain, trust, now)
        if now > credential.expires + SLACK:
            ago = f"{now - credential.expires:.0f} s ago (slack {SLACK:.0f} s)"
            raise BadCredential("expired", f"the credential on {credential.object.hrn} expired {ago}")
        if credential.parent is None:
            _must_be_the_targets_authority(level.signer, credential, trust)
        else:
            _must_be_delegated(level.signer, credential, credential.parent)
    assert credential is not None
    return credential


def _must_be_the_targets_authority(signer: Gid, credential: Credential, trust: Roots) -> None:
    name = credential.object.hrn
    root = trust.answering(name)
    if not root.subtree.governs(name):
        raise BadCredential("wrong-subtree", f"{root.hrn} is trusted here for {root.subtree}, not for {name}")
    if not (signer.urn.kind == "authority" and signer.hrn.governs(name)):
        raise BadCredential("wrong-subtree", f"{signer.hrn} signed for {name}, which it does not govern")


def _must_be_delegated(signer: Gid, child: Credential, parent: Credential) -> None:
    if not keys.same(signer.key, parent.holder.key) or signer.hrn != parent.holder.hrn:
        raise Widened("chain-broken", f"{signer.hrn} delegated what is {parent.holder.hrn}'s")
    if child.object.urn != parent.object.urn or not keys.same(child.object.key, parent.object.key):
        raise Widened("wrong-subtree", f"a right on {parent.object.hrn} was delegated as one on {child.object.hrn}")
    if not privileges.covers(parent.privileges, child.privileges):
        wanted = ", ".join(one.name for one in child.privileges)
        raise Widened("not-permitted", f"{signer.hrn} may not delegate {wanted}")
    if child.expires > parent.expires:
        raise Widened("expired", f"the delegation by {signer.hrn} outlives what it was given")


def _read(level: Level, parent: Credential | None) -> Credential:
    element = level.element
    names = [str(child.tag) for child in element]
    wanted = [name for name in _FIELDS if name in names or name not in _OPTIONAL]
    tail = names[len(wanted) :]
    if names[: len(wanted)] != wanted or tail not in ([], ["extensions"], ["parent"], ["extensions", "parent"]):
        raise BadArgument(f"expected {', '.join(wanted)}, got {', '.join(names)!s:.200}")
    if _text(element, "type") != "privilege":
        raise BadArgument(f"expected a credential of type privilege, got {_text(element, 'type')!r:.40}")
    owner, target = (gids.read_chain(_text(element, f"{name}_gid").encode()) for name in ("owner", "target"))
    rights = tuple(_privilege(right) for holder in element.iterfind("privileges") for right in holder)
    for name, chain in (("owner_urn", owner), ("target_urn", target)):
        if name in names and _text(element, name) not in ("", str(chain[0].urn)):
            raise BadGid("wrong-subtree", f"{name} says {_text(element, name)!r:.80}, its certificate {chain[0].urn}")
    return Credential(
        owner=owner,
        target=target,
        privileges=privileges.expanded(rights, target[0].urn.kind),
        expires=parse_time(_text(element, "expires")),
        serial=_text(element, "serial"),
        reference=str(element.get(_ID)),
        parent=parent,
        signer=level.signer,
        digest=level.digest,
    )


def _privilege(element: etree._Element) -> Privilege:
    if element.tag != "privilege" or [child.tag for child in element] != ["name", "can_delegate"]:
        raise BadArgument("expected privileges with name and can_delegate")
    flag = _text(element, "can_delegate")
    if flag not in ("true", "false", "1", "0"):
        raise BadArgument(f"can_delegate: expected true or false, got {flag!r:.20}")
    return Privilege(_text(element, "name"), flag in ("true", "1"))


def _text(element: etree._Element, name: str) -> str:
    child = element.find(name)
    if child is None or len(child):
        raise BadArgument(f"{name}: expected text")
    return (child.text or "").strip()
