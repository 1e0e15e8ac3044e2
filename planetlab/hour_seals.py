"""What an archive seals of an hour that it merged: the file, and the sealed segments that it was made of.

The nodes' own files go when an hour is merged; what stays of them is their manifests, which their keys have signed. The
seal ties the merged file to those: it names each segment with the digest of its manifest, and is signed by the
archive's key. So nobody can alter, exchange or drop an hour without its being noticed, and whoever holds a statement
can follow it from the answer over the hours to the nodes' own chains.
"""

import json
from typing import Any

from attrs import asdict, field, frozen
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import signed_line
from planetlab.flowlog import Tampered
from planetlab.signed_line import NotSigned

FORMAT = "plfed-hour-seal-1"
MOST = 8 << 20  # bytes: an hour of some ten thousand nodes


def _segments(told: Any) -> tuple[tuple[str, int, str], ...]:
    return tuple((str(node), int(number), str(manifest)) for node, number, manifest in told)


@frozen(kw_only=True)
class Seal:
    """What an archive says of one merged hour."""

    begin: int  # microseconds since the epoch
    octets: int  # of the file
    sha256: str
    segments: tuple[tuple[str, int, str], ...] = field(converter=_segments)  # node, number, digest of the manifest
    format: str = FORMAT


def sealed(seal: Seal, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The seal as it is written down."""
    return signed_line.signed(json.dumps(asdict(seal), sort_keys=True, separators=(",", ":")).encode(), key)


def opened(data: bytes, key: ec.EllipticCurvePublicKey) -> Seal:
    """Read a seal. Raises `Tampered` for anything that ``key`` did not sign."""
    try:
        told = json.loads(signed_line.verified(data, key, MOST))
    except NotSigned as error:
        raise Tampered(f"expected a seal that the archive's key has signed: {error}") from None
    if told.get("format") != FORMAT:
        raise Tampered(f"expected the format {FORMAT}, got {told.get('format')!r}")
    return Seal(**told)
