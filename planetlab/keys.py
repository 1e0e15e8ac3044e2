"""Signing keys: RSA for all that v3 and v4 clients read, P-256 where everybody who reads is modern."""

import hashlib

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from planetlab.errors import BadArgument

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

RSA_BITS = 2048
LEAST_RSA_BITS = 2048  # shorter ones only under a root's legacy switch
LEAST_LEGACY_BITS = 1024  # the v3 installations' ticket keys

_BEGIN, _END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"


def new_rsa() -> rsa.RSAPrivateKey:
    """A new RSA key, of the size that xmlsec1, gpg and OpenSSH of 2006 still read."""
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def new_p256() -> ec.EllipticCurvePrivateKey:
    """A new P-256 key: two to three times as many signatures a second, not for v3 and v4 readers."""
    return ec.generate_private_key(ec.SECP256R1())


def private_pem(key: PrivateKey) -> bytes:
    """A private key as unencrypted PKCS#8 PEM; whoever writes it sets the file's mode to 0600."""
    no_password = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)


def public_pem(key: PublicKey) -> bytes:
    """A public key as PEM, the form that ``xmlsec1 --pubkey-pem`` reads."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def load_private(pem: bytes) -> PrivateKey:
    """Read an unencrypted private key. Raises `BadArgument` for what is none or of no kind that we sign with."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadArgument(f"expected an unencrypted private key in PEM, RSA or P-256: {error}") from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise BadArgument(f"expected an RSA or P-256 private key, got {type(key).__name__}")
    return key


def load_public(pem: bytes) -> PublicKey:
    """Read a public key, bare or out of a certificate. Raises `BadArgument`."""
    try:
        if b"BEGIN CERTIFICATE" in pem:
            return accepted(x509.load_pem_x509_certificate(pem).public_key())
        return accepted(serialization.load_pem_public_key(pem))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadArgument(f"expected a public key or certificate in PEM, got {pem[:40]!r}: {error}") from None


def accepted(key: object) -> PublicKey:
    """``key`` if it is of a kind that we verify with. Raises `BadArgument`."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_LEGACY_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise BadArgument(
        f"expected an RSA key of at least {LEAST_LEGACY_BITS} bits or a P-256 key, got {type(key).__name__}"
    )


def is_short(key: PublicKey) -> bool:
    """Whether only a root with the legacy switch may use this key."""
    return isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS


def fingerprint(key: PublicKey) -> str:
    """SHA-256 of the key's SubjectPublicKeyInfo, in hex: the name by which people compare keys."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def same(one: PublicKey, other: PublicKey) -> bool:
    """Whether two public keys are one key."""
    return fingerprint(one) == fingerprint(other)


def print_tag(key: PublicKey) -> str:
    """The key as v3 nodes had it in the tag ``plc_ticket_pubkey``: PEM without its first and last line."""
    return public_pem(key).decode().removeprefix(_BEGIN).strip().removesuffix(_END).strip()


def parse_tag(text: str) -> PublicKey:
    """Read the tag ``plc_ticket_pubkey``. Raises `BadArgument`."""
    return load_public(f"{_BEGIN}\n{text.strip()}\n{_END}\n".encode("ascii", "replace"))
