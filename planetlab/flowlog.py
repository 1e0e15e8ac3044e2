"""The log of a node's flows as others may check it: segments, each with a manifest that holds the one before.

A segment is a file of flows for a stretch of time. Its manifest says what is in it (rows, octets, SHA-256, what was not
seen meanwhile), carries the digest of the manifest before it, and is signed by the node's key. So nobody can alter,
drop, add or exchange a segment without its being noticed; what lies before and behind the damage stays readable. The
newest head has to be known from elsewhere to notice that segments are missing at the end: whoever pulls remembers it.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from attrs import asdict, frozen
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import signed_line
from planetlab.errors import BadArgument
from planetlab.signed_line import NotSigned

FORMAT = "plfed-flows-1"
MOST_MANIFEST = 1 << 20  # bytes
START = "0" * 64  # what the first manifest says of the one before it


class Tampered(BadArgument):
    """A manifest or a segment is not what the node sealed."""


@frozen(kw_only=True)
class Manifest:
    """What a node says of one segment. Times are microseconds since the epoch."""

    node: str
    number: int  # from 1 on, without holes
    since: int
    until: int
    rows: int
    file: str  # name of the segment's file
    octets: int  # of that file
    sha256: str
    previous: str  # digest of the manifest before, `START` for the first
    gaps: tuple[dict[str, Any], ...] = ()
    format: str = FORMAT

    def text(self) -> bytes:
        """What is signed: JSON with sorted keys and no spaces."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()


def sealed(manifest: Manifest, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The signed manifest as it is written down: the text, a line end, the signature."""
    return signed_line.signed(manifest.text(), key)


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def opened(data: bytes, key: ec.EllipticCurvePublicKey) -> Manifest:
    """Read a sealed manifest. Raises `Tampered` for anything that ``key`` did not sign."""
    try:
        text = signed_line.verified(data, key, MOST_MANIFEST)
    except NotSigned as error:
        raise Tampered(f"expected a manifest that the node's key has signed: {error}") from None
    told = json.loads(text)
    if told.get("format") != FORMAT:
        raise Tampered(f"expected the format {FORMAT}, got {told.get('format')!r}")
    return Manifest(**{**told, "gaps": tuple(told["gaps"])})


@frozen
class Trouble:
    """Something in a chain is not as it was sealed."""

    number: int  # of the segment at which it shows
    what: str


def checked(
    chain: Sequence[bytes], key: ec.EllipticCurvePublicKey, head: str = ""
) -> tuple[list[Manifest], list[Trouble]]:
    """Read a chain of sealed manifests, first to last: the honest ones, and what is wrong.

    ``head`` is the digest of a manifest that must be among them; "" when none is known.
    """
    good: list[Manifest] = []
    troubles: list[Trouble] = []
    before, expected, seen = START, 1, set[str]()
    for data in chain:
        own = digest(data)
        try:
            manifest = opened(data, key)
        except Tampered as error:
            troubles.append(Trouble(expected, str(error)))
            before, expected = "", expected + 1
            continue
        if own in seen:
            troubles.append(Trouble(manifest.number, "it is there twice"))
            continue
        if manifest.number != expected:
            troubles.append(Trouble(manifest.number, f"expected segment {expected}, got {manifest.number}"))
        elif before and manifest.previous != before:
            troubles.append(Trouble(manifest.number, "it does not follow the one before it"))
        seen.add(own)
        good.append(manifest)
        before, expected = own, manifest.number + 1
    if head and head not in seen:
        troubles.append(Trouble(expected, "the newest segment that is known of is missing"))
    return good, troubles


def fits(manifest: Manifest, data: bytes) -> None:
    """Whether ``data`` is the segment that ``manifest`` tells of. Raises `Tampered`."""
    if len(data) != manifest.octets or digest(data) != manifest.sha256:
        raise Tampered(f"segment {manifest.number}: its file is not the one that was sealed")
