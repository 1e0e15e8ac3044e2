"""An authority's own CA, and the certificates that it gives to its servers: always with names.

Keys are ECDSA P-256: a handshake costs a server half of what RSA costs it, and every client since 2012 can do it.
"""

import datetime
import ipaddress
from collections.abc import Iterable

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from planetlab import keys
from planetlab.names import Hrn

DAY = 86400.0  # seconds
CA_LIFE = 10 * 365 * DAY
SERVER_LIFE = 825 * DAY
_BEFORE = 300.0  # seconds that a new certificate is valid before its making, for clocks that lag


@frozen
class Pair:
    """A certificate and its private key, both PEM."""

    certificate_pem: bytes
    key_pem: bytes

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate as a value."""
        return x509.load_pem_x509_certificate(self.certificate_pem)


def _pair(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> Pair:
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, form, plain),
    )


def _builder(subject: str, now: float, life: float, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject[:64])])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_utc(now - _BEFORE))
        .not_valid_after(_utc(now + life))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _utc(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def make_ca(hrn: Hrn, now: float, life: float = CA_LIFE) -> Pair:
    """A new CA for the servers of the authority ``hrn``, valid for ``life`` seconds."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(f"{hrn} TLS CA", now, life, key.public_key())
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        builder.issuer_name(builder._subject_name)  # type: ignore[arg-type]  # set two lines above
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pair(key, certificate)


def by_itself(key: keys.PrivateKey, name: str, now: float, life: float = DAY) -> bytes:
    """A certificate that the key gives itself, PEM, as ``openssl req -x509`` makes it: it proves the key, no name."""
    public = keys.accepted(key.public_key())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_utc(now - _BEFORE))
        .not_valid_after(_utc(now + life))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def issue(
    ca: Pair,
    names: Iterable[str],
    now: float,
    life: float = SERVER_LIFE,
    client: bool = False,
) -> Pair:
    """A certificate that ``ca`` gives to whoever answers under ``names``: DNS names and IP addresses.

    The first is the common name too. ``client`` makes it fit for clients as well. Raises `ValueError` without a name.
    """
    said = list(names)
    if not said:
        raise ValueError("a certificate needs at least one DNS name or IP address")
    key, above = ec.generate_private_key(ec.SECP256R1()), ca.certificate
    signer = serialization.load_pem_private_key(ca.key_pem, None)
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, *([ExtendedKeyUsageOID.CLIENT_AUTH] if client else [])]
    ends = min(now + life, above.not_valid_after_utc.timestamp())
    certificate = (
        _builder(said[0], now, ends - now, key.public_key())
        .issuer_name(above.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in said]), critical=False)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), critical=False)  # type: ignore[arg-type]  # ours is EC
        .sign(signer, hashes.SHA256())  # type: ignore[arg-type]  # ours is EC
    )
    return _pair(key, certificate)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode() if not name.isascii() else name)
