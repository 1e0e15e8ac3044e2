"""Signatures that Sequoia's policy refuses: with SHA-1, by DSA, by short RSA keys. Only for roots with the switch.

Only the primary key of a pinned certificate is tried; neither its age nor its own signatures are looked at, since
the owner who pinned it vouches for it.
"""

from collections.abc import Sequence

import pysequoia
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa, utils

from planetlab import pgp_packets as packets
from planetlab.pgp_packets import Packet

_RSA = (1, 3)
_DSA = 17
_ALGORITHMS: dict[int, hashes.HashAlgorithm] = {  # by RFC 4880, section 9.4
    2: hashes.SHA1(),
    8: hashes.SHA256(),
    9: hashes.SHA384(),
    10: hashes.SHA512(),
}


def holds(body: bytes, signature: bytes, signer: str, certificates: Sequence[pysequoia.Cert]) -> str:
    """The fingerprint of the certificate whose primary key signed ``body``; empty if none of these did.

    ``signature`` is the body of a version 4 signature packet, ``signer`` the fingerprint or key id that it claims.
    """
    for certificate in certificates:
        fingerprint = str(certificate.fingerprint)
        if fingerprint.endswith(signer[-16:]) and _signed(packets.split(bytes(certificate))[0], body, signature):
            return fingerprint
    return ""


def _signed(primary: Packet, body: bytes, signature: bytes) -> bool:
    if primary.tag != packets.PUBLIC_KEY or primary.body[:1] != b"\x04" or primary.body[5] != signature[2]:
        return False
    signed = 6 + int.from_bytes(signature[4:6], "big")
    free = signed + 2 + int.from_bytes(signature[signed : signed + 2], "big")
    covered = body + signature[:signed] + b"\x04\xff" + signed.to_bytes(4, "big")
    try:
        made = packets.numbers(signature[free + 2 :])
        return _verified(packets.numbers(primary.body[6:]), signature[2], made, covered, _ALGORITHMS[signature[3]])
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, OverflowError):
        return False


def _verified(key: list[int], kind: int, made: list[int], data: bytes, algorithm: hashes.HashAlgorithm) -> bool:
    if kind in _RSA and len(made) == 1 and len(key) == 2:
        n, e = key
        raw = made[0].to_bytes((n.bit_length() + 7) // 8, "big")
        rsa.RSAPublicNumbers(e, n).public_key().verify(raw, data, padding.PKCS1v15(), algorithm)
        return True
    if kind == _DSA and len(made) == 2 and len(key) == 4:
        p, q, g, y = key
        public_key = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()
        public_key.verify(utils.encode_dss_signature(*made), data, algorithm)
        return True
    return False
