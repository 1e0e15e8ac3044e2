"""TLS as every part speaks it: version 1.2 or newer, an authority's own CA, certificates with names, and no doubt.

A server's certificate always carries subjectAltNames. A client trusts the roots it was given and nobody else, checks
the name it called, and refuses whatever it cannot check: the name check of Twisted 26.4 to 26.10 lets a certificate
without DNS or IP names pass for any host, so ours is our own and fails closed. What a client refuses it says in one
sentence: which certificate, and what is wrong with it.
"""

import datetime
import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from planetlab.certificates import DAY as DAY
from planetlab.certificates import Pair as Pair
from planetlab.certificates import issue as issue
from planetlab.certificates import make_ca as make_ca
from planetlab.errors import BadSettings, Unreachable

_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL"  # of TLS 1.2; 1.3 has only good ones

MOST_SHOWN = 9  # certificates above a client's own

PemSource = bytes | str | Path
"""PEM text itself, or the path of a file that holds it."""


class CertificateRefused(Unreachable):
    """The peer's certificate does not show that it is the one that was called."""


def _pem(source: PemSource, what: str) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, str) and "-----BEGIN" in source:
        return source.encode()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise BadSettings(f"{what} {source}: cannot be read: {error.strerror}") from error


def _certificates(source: PemSource, what: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_pem(source, what))
    except ValueError as error:
        raise BadSettings(f"{what}: expected PEM certificates: {error}") from error


def _context(method: int) -> SSL.Context:
    context = SSL.Context(method)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    return context


def _present(context: SSL.Context, certificate: PemSource, key: PemSource, chain: PemSource | None) -> None:
    """Let ``context`` show a certificate; errors are told now, not when the first peer connects."""
    own, *more = _certificates(certificate, "certificate")
    try:
        private = serialization.load_pem_private_key(_pem(key, "private key"), None)
        context.use_certificate(own)
        for one in [*more, *(_certificates(chain, "certificate chain") if chain else ())]:
            context.add_extra_chain_cert(one)
        context.use_privatekey(private)  # type: ignore[arg-type]  # what OpenSSL refuses is told below
        context.check_privatekey()
    except (ValueError, TypeError, SSL.Error) as error:
        raise BadSettings(f"private key and certificate of {_who(own)} cannot be used: {_told(error)}") from error


def _told(error: Exception) -> str:
    parts = error.args[0] if isinstance(error, SSL.Error) and error.args else None
    return "; ".join(str(part[-1]) for part in parts) if parts else str(error)


def _trust(context: SSL.Context, roots: PemSource) -> None:
    store = context.get_cert_store()
    if store is None:
        raise BadSettings("trusted certificates: OpenSSL gives no place for them")
    for one in _certificates(roots, "trusted certificates"):
        store.add_cert(X509.from_cryptography(one))


@implementer(IOpenSSLServerConnectionCreator)
class ServerTLS:
    """How a server shows who it is; `reload` reads its files again, and connections that are open keep the old."""

    def __init__(self, make: Callable[[], SSL.Context]) -> None:
        self._make = make
        self._now = make()

    def reload(self) -> None:
        """Take up new files. Raises `BadSettings`, and then the old ones stay in use."""
        self._now = self._make()

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A connection with the newest certificate."""
        return SSL.Connection(self._now, None)


def server_options(
    cert: PemSource, key: PemSource, chain: PemSource | None = None, client_roots: PemSource | None = None
) -> ServerTLS:
    """A server's certificate from PEM or from files; with ``client_roots`` clients may show certificates of theirs.

    A client's certificate is optional, but one that does not verify ends the connection. Raises `BadSettings`.
    """

    def make() -> SSL.Context:
        context = _context(SSL.TLS_SERVER_METHOD)
        _present(context, cert, key, chain)
        context.set_session_id(b"plfed")
        if client_roots is not None:
            _trust(context, client_roots)
            context.set_verify(SSL.VERIFY_PEER, lambda connection, shown, error, depth, ok: bool(ok))
        return context

    return ServerTLS(make)


def visitor_options(cert: PemSource, key: PemSource, chain: PemSource | None = None) -> ServerTLS:
    """A server that asks clients for a certificate and takes whatever they show: methods judge it, not the handshake.

    The handshake still proves that a client has the key of what it shows. Sessions are not resumed, for a resumed one
    no longer knows the certificates above the client's own. Raises `BadSettings`.
    """

    def make() -> SSL.Context:
        context = _context(SSL.TLS_SERVER_METHOD)
        _present(context, cert, key, chain)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
        context.set_session_id(b"plfed-visitors")
        context.set_verify_depth(MOST_SHOWN)
        context.set_verify(SSL.VERIFY_PEER, lambda connection, shown, error, depth, ok: depth <= MOST_SHOWN)
        return context

    return ServerTLS(make)


@frozen
class ClientTLS:
    """Whom a client trusts, and what it shows of itself; one context for all its connections."""

    context: SSL.Context

    @classmethod
    def make(cls, ca: PemSource | None = None, client_cert: Sequence[PemSource] | None = None) -> "ClientTLS":
        """Trust the certificates in ``ca`` and nobody else, or the platform's list; show ``(certificate, key)``.

        Raises `BadSettings`.
        """
        context = _context(SSL.TLS_CLIENT_METHOD)
        if ca is None:
            context.set_default_verify_paths()
        else:
            _trust(context, ca)
        if client_cert is not None:
            certificate, key = client_cert
            _present(context, certificate, key, None)
        return cls(context)

    def to(self, host: str) -> "StrictClient":
        """How to connect to ``host``, a DNS name or an IP address."""
        return StrictClient(self.context, host)


@implementer(IOpenSSLClientConnectionCreator)
class StrictClient:
    """Connects to one host and refuses every certificate that does not show it to be that host."""

    def __init__(self, context: SSL.Context, host: str) -> None:
        self._context, self._host = context, host
        self._dns: bytes | None = None
        self._identity: ServiceID
        try:
            ipaddress.ip_address(host)
            self._identity = IPAddress_ID(host)
        except ValueError:
            self._dns = host.encode("ascii") if host.isascii() else host.encode("idna")
            self._identity = DNS_ID(self._dns.decode("ascii"))

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A connection that checks chain, dates and name."""
        connection = SSL.Connection(self._context, None)
        if self._dns is not None:
            connection.set_tlsext_host_name(self._dns)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._checks(tlsProtocol))
        return connection

    def _checks(self, protocol: TLSMemoryBIOProtocol) -> Callable[..., bool]:
        waiting = [protocol]  # let go at the end, or connection and protocol keep each other alive

        def check(connection: SSL.Connection, shown: X509, error: int, depth: int, ok: int) -> bool:
            try:
                why = self._why(shown, error, depth, bool(ok))
            except Exception as surprise:  # a certificate that cannot be read proves nothing
                why = f"the certificate of {self._host} cannot be read: {type(surprise).__name__}: {surprise}"
            if why and waiting:
                waiting.pop().failVerification(Failure(CertificateRefused(why)))
            return not why

        return check

    def _why(self, shown: X509, error: int, depth: int, ok: bool) -> str:
        """What is wrong with the certificate, as a sentence; empty if nothing is."""
        certificate = shown.to_cryptography()
        if not ok:
            return f"the certificate of {self._host} is refused: {_fault(certificate, error)}"
        if depth:
            return ""
        try:
            verify_service_identity(extract_patterns(shown), [self._identity], [])
        except Exception:  # service_identity raises classes of its own and of what it parses with
            named = _names(certificate)
            return f"the certificate of {self._host} is refused: {_who(certificate)} is for {named}, not for that name"
        return ""


_REASONS = {
    7: "its signature is wrong",
    23: "it is revoked",
    24: "its issuer is no CA",
    26: "it is not meant for servers",
    32: "its issuer may not sign certificates",
    66: "its key is too small",
    67: "its issuer's key is too small",
    68: "its digest is too weak",
}  # X509_V_ERR_…, of openssl/x509_vfy.h


def _fault(certificate: x509.Certificate, error: int) -> str:
    who = _who(certificate)
    if error == 10:  # X509_V_ERR_CERT_HAS_EXPIRED
        return f"{who} expired on {_date(certificate.not_valid_after_utc)}"
    if error == 9:  # X509_V_ERR_CERT_NOT_YET_VALID
        return f"{who} is not valid before {_date(certificate.not_valid_before_utc)}"
    if error in (18, 19):  # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, …_IN_CHAIN
        return f"{who} is signed by itself and not among those trusted here"
    if error in (2, 20, 21):  # no issuer certificate, not locally, no second certificate to verify the first
        return f"{who} is issued by {certificate.issuer.rfc4514_string()}, which is not trusted here"
    return f"{who} does not verify: {_REASONS.get(error, f'OpenSSL error {error}')}"


def _who(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"


def _names(certificate: x509.Certificate) -> str:
    try:
        said = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "no DNS name or address"
    names = [*said.get_values_for_type(x509.DNSName), *map(str, said.get_values_for_type(x509.IPAddress))]
    return ", ".join(names[:5]) or "no DNS name or address"


def _date(at: datetime.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
