"""One line of JSON and one with its signature: ECDSA over P-256 with SHA-256, DER, in base64. Pure."""

from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab.errors import BadArgument


class NotSigned(BadArgument):
    """Not such two lines, or not signed by the key."""


def signed(text: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Both lines."""
    return text + b"\n" + b64encode(key.sign(text, ec.ECDSA(hashes.SHA256()))) + b"\n"


def verified(data: bytes, key: ec.EllipticCurvePublicKey, most: int) -> bytes:
    """The first line, which ``key`` has signed. Raises `NotSigned`; also for more than ``most`` bytes."""
    if len(data) > most or data.count(b"\n") != 2 or not data.endswith(b"\n"):
        raise NotSigned("one line of JSON, one of a signature")
    text, signature, _ = data.split(b"\n")
    try:
        told = b64decode(signature, validate=True)
        if b64encode(told) != signature:  # bits behind the last byte, which no decoder looks at
            raise ValueError
        key.verify(told, text, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        raise NotSigned("a signature of this key") from None
    return text
