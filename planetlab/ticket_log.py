"""What an authority's public log of tickets says: entries, signed heads, and what a reader checks.

Each authority keeps one log. It has an entry for every ticket that the authority issued, and for every ticket, whoever
issued it, that a node of the authority redeemed. A ticket is named by its `digest`. Whoever reads
the log keeps the last head that was believed: from then on nothing that was said can be taken back unseen, and a ticket
that was redeemed but stands in no log of its issuer was issued in secret.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from attrs import asdict, field, frozen

from planetlab import dsse, keys, merkle
from planetlab.errors import BadArgument
from planetlab.gids import SLACK
from planetlab.names import Hrn
from planetlab.refusals import BadSignature

KIND = "application/vnd.plfed.ticket-log-head+json"
ISSUED, REDEEMED = "issued", "redeemed"
MOST_HEAD = 16_384  # octets
LONGEST_PROOF = 64  # hashes; a log of 2**63 entries needs no more


@frozen(kw_only=True)
class Entry:
    """One ticket that was issued, or redeemed.

    ``holder`` is whom it was issued to: ``person 3``, ``peer 1``, or ``nodes`` that fetch it. ``node`` is where it was
    redeemed. Times are epoch seconds.
    """

    kind: str
    digest: str
    issuer: str
    slice: str
    at: int
    serial: str = ""
    codec: str = ""
    expires: int = 0
    holder: str = ""
    node: str = ""

    def data(self) -> bytes:
        """What the log's tree is made over: one spelling of JSON."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def read(cls, data: bytes) -> "Entry":
        """An entry from its bytes. Raises `BadSignature` for what is none, or is spelt in a second way."""
        said = dsse.loads(data)
        try:
            entry = cls(**said)
        except TypeError as error:
            raise BadSignature("malformed", f"not an entry of a ticket log: {error!s:.100}") from None
        texts = (entry.kind, entry.digest, entry.issuer, entry.slice, entry.serial, entry.codec)
        if not all(isinstance(text, str) for text in (*texts, entry.holder, entry.node)):
            raise BadSignature("malformed", "an entry of a ticket log says texts, and two times as whole numbers")
        if entry.data() != data:
            raise BadSignature("malformed", "an entry of a ticket log is spelt in a second way")
        return entry


@frozen(kw_only=True)
class Head:
    """All that a log of ``size`` entries says, in one hash, at a time. ``log`` is the authority's hrn."""

    log: str
    size: int
    root: str
    time: int

    @property
    def hash(self) -> bytes:
        """The tree's head."""
        return bytes.fromhex(self.root)

    def seal(self, key: keys.PrivateKey) -> bytes:
        """The head signed by the authority's ticket key."""
        return dsse.seal(KIND, json.dumps(asdict(self), sort_keys=True).encode(), [key])


@frozen
class Proof:
    """Where an entry stands in the log of ``size`` entries, and the hashes that lead from it to the head, in hex."""

    number: int
    size: int
    entry: bytes = field(repr=False)
    path: tuple[bytes, ...] = field(repr=False)


def digest(sealed: bytes) -> str:
    """The name of a ticket: SHA-256, in hex, of its bytes without the white space around them."""
    return hashlib.sha256(sealed.strip()).hexdigest()


def open_head(sealed: bytes, log: Hrn, believed: Sequence[keys.PublicKey], now: float) -> Head:
    """The head of ``log``, signed by one of the keys ``believed``. Raises `BadSignature`."""
    envelope = dsse.read(sealed, MOST_HEAD)
    if envelope.kind != KIND:
        raise BadSignature("malformed", f"expected {KIND}, got {envelope.kind!r:.80}")
    if not envelope.signers(believed):
        raise BadSignature("forged", f"the head of {log}'s ticket log is not signed by a ticket key of {log}")
    try:
        said = dsse.loads(envelope.payload)
        head = Head(log=str(said["log"]), size=int(said["size"]), root=str(said["root"]), time=int(said["time"]))
        length = len(head.hash)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadSignature("malformed", f"not the head of a ticket log: {error!s:.100}") from None
    if head.log != str(log):
        raise BadSignature("wrong-subtree", f"asked for the log of {log}, got that of {head.log:.80}")
    if head.size < 0 or length != merkle.SIZE:
        raise BadSignature("malformed", "the head of a ticket log has a size and a hash of 32 octets")
    if head.time > now + SLACK:
        raise BadSignature("not-yet-valid", f"the head of {log}'s ticket log is of {head.time - now:.0f} s from now")
    return head


def follow(old: Head | None, new: Head, path: Sequence[bytes]) -> None:
    """Raise `BadSignature` unless ``new`` says all that ``old`` said, by the proof ``path``."""
    if old is None:
        return
    if new.size < old.size:
        raise BadSignature("rolled-back", f"the log of {old.log} had {old.size} entries and shows {new.size}")
    merkle.check_consistency(old.size, new.size, path, old.hash, new.hash)


def prove(head: Head, proof: Proof) -> Entry:
    """The entry that ``proof`` shows to be in the log of ``head``. Raises `BadSignature`."""
    if proof.size != head.size:
        raise BadSignature("forged", f"a proof for a log of {proof.size} entries, the head is of {head.size}")
    merkle.check_inclusion(proof.entry, proof.number, proof.size, proof.path, head.hash)
    return Entry.read(proof.entry)


def hashes(said: Any) -> tuple[bytes, ...]:
    """A proof's hashes from their hex. Raises `BadArgument`."""
    if not isinstance(said, list) or len(said) > LONGEST_PROOF:
        raise BadArgument(f"expected an array of at most {LONGEST_PROOF} hashes in hex")
    try:
        found = tuple(bytes.fromhex(text) for text in said)
    except (TypeError, ValueError):
        raise BadArgument("expected each hash of a proof as hex") from None
    if any(len(each) != merkle.SIZE for each in found):
        raise BadArgument(f"expected hashes of {merkle.SIZE} octets")
    return found
