"""GIDs: X.509 certificates that tie a name to a key, and chains of them up to a trusted root.

The name is the ``publicid`` URN among the alternative names, beside a UUID and, for a person, an e-mail address. An
authority certifies strictly below its own name; beside that only keys of its own services, which cannot certify.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from attrs import field, frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from planetlab import keys
from planetlab.errors import BadArgument
from planetlab.names import Hrn, Urn
from planetlab.refusals import BadGid

SLACK = 300.0  # seconds that two machines' clocks may differ
LIFE = 5 * 365 * 86400.0  # seconds, as the SFA's originals
LONGEST_CHAIN = 8  # certificates, the root's not counted
MOST_BYTES = 16_384  # of one certificate
_MOST_CN = 64  # characters, X.520
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_KNOWN_CRITICAL = (x509.BasicConstraints, x509.KeyUsage, x509.SubjectAlternativeName, x509.ExtendedKeyUsage)
_OPENPGP = "openpgp4fpr:"
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    BadArgument,
)

Kind = TypeVar("Kind", bound=x509.ExtensionType)


@frozen
class Gid:
    """One certificate, read. ``openpgp`` lists fingerprints (lower-case hex) of OpenPGP keys that it vouches for."""

    urn: Urn
    certificate: x509.Certificate = field(repr=False)
    key: keys.PublicKey = field(repr=False)
    uuid: UUID | None = None
    email: str = ""
    openpgp: tuple[str, ...] = ()

    @property
    def hrn(self) -> Hrn:
        """The name that is tied to the key."""
        return self.urn.hrn

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def certifies(self) -> bool:
        """Whether this key may certify names below its own: an authority's, marked so in every place."""
        marked = _extension(self.certificate, x509.BasicConstraints)
        usage = _extension(self.certificate, x509.KeyUsage)
        return self.urn.kind == "authority" and bool(marked and marked.ca) and (usage is None or usage.key_cert_sign)


@frozen(kw_only=True)
class Subject:
    """What a new certificate states. ``kind`` as in a URN: authority, user, node, slice.

    ``service`` other than ``sa`` makes a certificate of one of the authority's services, such as ``ticket``.
    """

    hrn: Hrn
    kind: str
    key: keys.PublicKey
    uuid: UUID | None = None
    email: str = ""
    service: str = "sa"
    openpgp: tuple[str, ...] = ()

    @property
    def urn(self) -> Urn:
        """The name in URN form."""
        return (
            Urn(self.hrn.path, "authority", self.service) if self.kind == "authority" else Urn.of(self.hrn, self.kind)
        )

    @property
    def certifies(self) -> bool:
        """Whether the certificate shall be one that certifies."""
        return self.kind == "authority" and self.service == "sa"


def make_root(hrn: Hrn, key: keys.PrivateKey, uuid: UUID, now: float, life: float = LIFE) -> Gid:
    """A self-signed GID of a root authority."""
    subject = Subject(hrn=hrn, kind="authority", key=keys.accepted(key.public_key()), uuid=uuid)
    return _issue(subject, _common_name(subject), key, now, life)


def certify(issuer: Gid, key: keys.PrivateKey, subject: Subject, now: float, life: float = LIFE) -> Gid:
    """A GID for ``subject``, signed with ``issuer``'s ``key``. Raises `BadGid` for a name that is not the issuer's."""
    if not keys.same(issuer.key, keys.accepted(key.public_key())):
        raise BadArgument(f"key: expected the private key of {issuer.hrn}, got another")
    _must_lie_below(issuer, subject.hrn, subject.certifies)
    left = issuer.certificate.not_valid_after_utc.timestamp() - now
    return _issue(subject, issuer.certificate.subject, key, now, min(life, left))


def read(data: bytes) -> Gid:
    """Read one certificate, PEM or DER. Raises `BadGid` ``malformed``; says nothing on whom to believe."""
    if len(data) > MOST_BYTES:
        raise BadGid("too-large", f"a certificate has {len(data)} bytes, at most {MOST_BYTES} are read")
    try:
        pem = data.lstrip().startswith(b"-----BEGIN")
        certificate = x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
        if not certificate.public_bytes(Encoding.DER).endswith(b"\x00" + certificate.signature):
            raise ValueError("its signature is spelt with stray bits")  # a second spelling of the same certificate
        names = _extension(certificate, x509.SubjectAlternativeName) or x509.SubjectAlternativeName([])
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        emails = names.get_values_for_type(x509.RFC822Name)
        urns = [Urn.parse(uri) for uri in uris if uri.lower().startswith("urn:publicid:")]
        uuids = [UUID(uri) for uri in uris if uri.lower().startswith("urn:uuid:")]
        key = keys.accepted(certificate.public_key())
        hrns = [Hrn.parse(str(urn.hrn)) for urn in urns]
    except _UNREADABLE as error:
        raise BadGid("malformed", f"not a GID: {error}") from None
    if len(hrns) != 1 or len(uuids) > 1 or len(emails) > 1:
        raise BadGid("malformed", f"a GID names one thing by one publicid URN, this has {uris!r:.200}")
    fingerprints = tuple(uri.removeprefix(_OPENPGP).lower() for uri in uris if uri.startswith(_OPENPGP))
    return Gid(urns[0], certificate, key, uuids[0] if uuids else None, "".join(emails), fingerprints)


def read_chain(pem: bytes) -> tuple[Gid, ...]:
    """Read PEM certificates, the leaf first. Raises `BadGid`."""
    blocks = pem.split(b"-----END CERTIFICATE-----")[:-1]
    if not 0 < len(blocks) <= LONGEST_CHAIN + 1:
        raise BadGid("malformed", f"expected 1 to {LONGEST_CHAIN + 1} certificates, got {len(blocks)}")
    starts = (block.find(b"-----BEGIN CERTIFICATE-----") for block in blocks)
    return tuple(
        read(block[max(start, 0) :] + b"-----END CERTIFICATE-----\n")
        for block, start in zip(blocks, starts, strict=True)
    )


def verify(chain: Sequence[Gid], roots: Sequence[Gid], now: float) -> Gid:
    """Walk ``chain`` (leaf first) up to one of ``roots``, and give that root.

    Raises `BadGid`: ``unknown-issuer`` when no root is reached, ``chain-broken`` for a signature, time or mark that
    does not hold, ``wrong-subtree`` for a name that its issuer does not govern.
    """
    if not 0 < len(chain) <= LONGEST_CHAIN + 1:
        raise BadGid("malformed", f"expected 1 to {LONGEST_CHAIN + 1} certificates, got {len(chain)}")
    for index, gid in enumerate(chain):
        _must_be_in_time(gid, now)
        _must_be_understood(gid)
        for root in roots:
            if gid.certificate == root.certificate:
                return root
        if anchor := next((root for root in roots if _signed(gid, root)), None):
            _must_be_in_time(anchor, now)
            _must_lie_below(anchor, gid.hrn, gid.certifies)
            return anchor
        if index + 1 == len(chain):
            break
        parent = chain[index + 1]
        if not _signed(gid, parent):
            raise BadGid(
                "chain-broken", f"the certificate of {gid.hrn} is not signed by {parent.hrn}, the next in the chain"
            )
        _must_lie_below(parent, gid.hrn, gid.certifies)
    trusted = ", ".join(str(root.hrn) for root in roots) or "nobody"
    raise BadGid("unknown-issuer", f"the chain of {chain[0].hrn} ends at {chain[-1].hrn}; trusted here: {trusted}")


def _extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _signed(gid: Gid, by: Gid) -> bool:
    try:
        gid.certificate.verify_directly_issued_by(by.certificate)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _must_lie_below(issuer: Gid, name: Hrn, certifies: bool) -> None:
    if not issuer.certifies:
        raise BadGid("chain-broken", f"the certificate of {issuer.urn} is no authority's and certifies nobody")
    if not issuer.hrn.governs(name) or (certifies and issuer.hrn == name):
        raise BadGid("wrong-subtree", f"{issuer.hrn} certifies names below its own only, and not {name}")


def _must_be_in_time(gid: Gid, now: float) -> None:
    start = gid.certificate.not_valid_before_utc.timestamp()
    end = gid.certificate.not_valid_after_utc.timestamp()
    if now > end + SLACK:
        raise BadGid(
            "chain-broken", f"the certificate of {gid.hrn} expired {now - end:.0f} s ago (slack {SLACK:.0f} s)"
        )
    if now < start - SLACK:
        said = f"the certificate of {gid.hrn} is valid in {start - now:.0f} s only (slack {SLACK:.0f} s)"
        raise BadGid("chain-broken", said)


def _must_be_understood(gid: Gid) -> None:
    try:
        algorithm = gid.certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if not isinstance(algorithm, _HASHES):
        raise BadGid("legacy-algorithm", f"the certificate of {gid.hrn} is not signed with SHA-256 or better")
    if keys.is_short(gid.key):
        raise BadGid("legacy-algorithm", f"the key of {gid.hrn} has fewer than {keys.LEAST_RSA_BITS} bits")
    for extension in gid.certificate.extensions:
        if extension.critical and not isinstance(extension.value, _KNOWN_CRITICAL):
            raise BadGid("chain-broken", f"the certificate of {gid.hrn} has the unknown critical {extension.oid}")


def _common_name(subject: Subject) -> x509.Name:
    text = str(subject.hrn)
    if len(text) > _MOST_CN:  # the URN carries the name; a digest keeps two long ones apart
        digest = hashes.Hash(hashes.SHA256())
        digest.update(text.encode())
        text = f"{text[:40]}~{digest.finalize().hex()[:20]}"
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative_names(subject: Subject) -> x509.SubjectAlternativeName:
    uris = [str(subject.urn)]
    if subject.uuid is not None:
        uris.append(subject.uuid.urn)
    uris += [_OPENPGP + fingerprint for fingerprint in subject.openpgp]
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
    return x509.SubjectAlternativeName(names + ([x509.RFC822Name(subject.email)] if subject.email else []))


def _issue(subject: Subject, issuer: x509.Name, key: keys.PrivateKey, now: float, life: float) -> Gid:
    start = datetime.fromtimestamp(int(now), UTC)
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_common_name(subject))
        .issuer_name(issuer)
        .public_key(subject.key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(seconds=int(life)))
        .add_extension(x509.BasicConstraints(ca=subject.certifies, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_cert_sign=subject.certifies,
                crl_sign=subject.certifies,
                **usage,
            ),
            critical=True,
        )
        .add_extension(_alternative_names(subject), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(subject.key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(keys.accepted(key.public_key())), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return read(certificate.public_bytes(Encoding.DER))
