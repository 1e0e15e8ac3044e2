"""What a client shows of itself when a TLS connection begins: certificates, of which only the first's key is proven.

The handshake shows that the client has the private key of the first certificate; whom that key belongs to is judged
here, later: the certificate is a GID whose chain leads to a trusted root, or it is signed by itself and counts as its
key alone, which a registry may know.
"""

from attrs import field, frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from planetlab import gids, keys
from planetlab.gids import Gid
from planetlab.refusals import BadGid
from planetlab.trust import Roots


@frozen
class Presented:
    """The certificates a client showed, its own first; they were not verified against anybody."""

    certificates: tuple[x509.Certificate, ...] = field(repr=False)

    @property
    def certificate(self) -> x509.Certificate:
        """The client's own."""
        return self.certificates[0]

    @property
    def key(self) -> keys.PublicKey:
        """The key that the client has shown to hold. Raises `BadArgument` for a kind that we do not verify with."""
        return keys.accepted(self.certificate.public_key())

    @property
    def is_self_signed(self) -> bool:
        """Whether the client vouches for itself only."""
        try:
            self.certificate.verify_directly_issued_by(self.certificate)
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
            return False
        return True

    @property
    def pem(self) -> bytes:
        """All of them, in PEM."""
        return b"".join(one.public_bytes(Encoding.PEM) for one in self.certificates)

    def chain(self) -> tuple[Gid, ...]:
        """The certificates as GIDs, with no word on whom to believe. Raises `BadGid`."""
        if len(self.certificates) > gids.LONGEST_CHAIN + 1:
            raise BadGid(
                "too-large", f"{len(self.certificates)} certificates, at most {gids.LONGEST_CHAIN + 1} are read"
            )
        return tuple(gids.read(one.public_bytes(Encoding.DER)) for one in self.certificates)

    def vouched(self, trust: Roots, now: float) -> tuple[Gid, ...]:
        """The client's GID and what is above it, once they lead to a trusted root. Raises `BadGid`."""
        chain = self.chain()
        gids.verify(chain, trust.anchors(chain[0].hrn), now)
        trust.must_not_be_revoked(chain)
        return chain
