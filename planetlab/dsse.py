"""Signed bytes with their kind, in the envelope of DSSE v1: JSON around base64, signed as it is and not re-ordered.

The signature covers the length and the text of the kind, and the payload's own bytes, so there is nothing to bring into
a canonical form and one kind of paper is never taken for another. What is read is what was verified.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import field, frozen

from planetlab import keys, xmldsig
from planetlab.refusals import BadSignature

MOST_SIGNATURES = 16
MEMBERS = ("payload", "payloadType", "signatures")
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # half a character, which is text only beside its other half
_METHODS = {"rsa": xmldsig.RSA_SHA256, "ec": xmldsig.ECDSA_SHA256}


@frozen
class Envelope:
    """A payload with signatures that nobody has verified yet. ``said`` pairs a key's fingerprint with a signature."""

    kind: str
    payload: bytes = field(repr=False)
    said: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    def signers(self, candidates: Iterable[keys.PublicKey]) -> frozenset[str]:
        """The fingerprints of those of ``candidates`` that have signed."""
        by_print = {keys.fingerprint(key): key for key in candidates}
        data = _preamble(self.kind, self.payload)
        found = set()
        for fingerprint, signature in self.said:
            key = by_print.get(fingerprint)
            if key is not None and xmldsig.verify(key, _method(key), signature, data):
                found.add(fingerprint)
        return frozenset(found)


def seal(kind: str, payload: bytes, signing: Sequence[keys.PrivateKey]) -> bytes:
    """``payload`` in an envelope, signed with each of these keys."""
    data = _preamble(kind, payload)
    signatures = []
    for key in signing:
        public = keys.accepted(key.public_key())
        signature = xmldsig.sign(key, _method(public), data)
        signatures.append({"keyid": keys.fingerprint(public), "sig": _text(signature)})
    said = {"payload": _text(payload), "payloadType": kind, "signatures": signatures}
    return json.dumps(said, indent=1).encode() + b"\n"


def read(data: bytes, most: int) -> Envelope:
    """Read an envelope of at most ``most`` bytes. Raises `BadSignature`; whom to believe is asked of its `signers`."""
    if len(data) > most:
        raise BadSignature("too-large", f"a signed paper of {len(data)} bytes, at most {most} are read")
    said = loads(data)
    if not isinstance(said, dict) or sorted(said) != sorted(MEMBERS):
        raise BadSignature("malformed", f"expected an object with {', '.join(MEMBERS)}")
    kind, listed = said["payloadType"], said["signatures"]
    if not isinstance(kind, str) or not isinstance(listed, list):
        raise BadSignature("malformed", "expected payloadType as text and signatures as an array")
    if not 0 < len(listed) <= MOST_SIGNATURES:
        raise BadSignature("unsigned", f"expected 1 to {MOST_SIGNATURES} signatures, got {len(listed)}")
    return Envelope(kind, _bytes(said["payload"], "payload"), tuple(map(_signature, listed)))


def loads(data: bytes) -> Any:
    """JSON without second meanings: no member twice, no odd number, no half characters. Raises `BadSignature`."""
    try:
        said = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
        if _HALF.search(data):
            json.dumps(said, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadSignature("malformed", f"expected JSON: {error!s:.100}") from None
    return said


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands there twice")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _signature(said: Any) -> tuple[str, bytes]:
    if not isinstance(said, dict) or sorted(said) != ["keyid", "sig"] or not isinstance(said["keyid"], str):
        raise BadSignature("malformed", "expected each signature as an object with keyid and sig")
    return said["keyid"], _bytes(said["sig"], "sig")


def _bytes(text: Any, name: str) -> bytes:
    if not isinstance(text, str):
        raise BadSignature("malformed", f"{name}: expected text, got {type(text).__name__}")
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadSignature("malformed", f"{name}: expected base64: {error}") from None
    if _text(found) != text:
        raise BadSignature("malformed", f"{name}: its base64 is spelt in a second way")
    return found


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _method(key: keys.PublicKey) -> str:
    return _METHODS["rsa" if hasattr(key, "public_numbers") and hasattr(key.public_numbers(), "n") else "ec"]


def _preamble(kind: str, payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    said = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(said), said, len(payload), payload)
