"""Interfaces whose callers show who they are when the TLS connection begins: what they showed goes with each call.

The listener asks for certificates by `planetlab.tls.visitor_options`; a `VisitedResource` behind it reads them once per
request, in the reactor's thread, since the threads in which calls run must not touch a connection.
"""

from cryptography import x509
from OpenSSL.crypto import X509
from twisted.internet.interfaces import ISSLTransport
from twisted.web.server import Request

from planetlab.presented import Presented
from planetlab.serve import ApiResource

_SHOWN = "plfed_shown"  # the attribute of a request that keeps what its client showed


class VisitedResource(ApiResource):
    """As `ApiResource`; ``greet`` finds by `shown_with` what the client showed of itself."""

    def render(self, request: Request) -> bytes | int:
        vars(request)[_SHOWN] = presented(request)
        return super().render(request)


def shown_with(request: Request) -> Presented | None:
    """What the client of a request that came to a `VisitedResource` showed; None if it showed nothing."""
    found: Presented | None = vars(request).get(_SHOWN)
    return found


def presented(request: Request) -> Presented | None:
    """What the client of this request showed of itself; None over a connection without TLS, or for a client that hid.

    Only for the reactor's thread.
    """
    transport = getattr(request.channel, "transport", None)
    if transport is None or ISSLTransport(transport, None) is None:
        return None
    connection = transport.getHandle()
    own = connection.get_peer_certificate()
    if own is None:
        return None
    chain = [own, *(connection.get_peer_cert_chain() or ())]
    return Presented(tuple(dict.fromkeys(map(_readable, chain))))


def _readable(shown: X509) -> x509.Certificate:
    return shown.to_cryptography()
