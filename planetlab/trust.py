"""Whom a node or a peer believes: a short list of roots, each for names below its own, each by pinned keys."""

from attrs import field, frozen

from planetlab import gids, keys, openpgp
from planetlab.gids import Gid
from planetlab.names import Hrn, longest_governing
from planetlab.refusals import BadGid


@frozen(kw_only=True)
class Root:
    """One authority that is believed for what lies in ``subtree``.

    ``gid`` lets it certify others below its name. ``ticket_keys`` and ``pgp_keys`` (OpenPGP certificates, armoured or
    binary) are pinned beside it for tickets that carry no chain, as the originals' do. ``legacy`` admits SHA-1, DSA,
    RSA below 2048 bits and armour headers; its use is worth a line in the log.
    """

    hrn: Hrn
    gid: Gid | None = None
    ticket_keys: tuple[keys.PublicKey, ...] = field(default=(), repr=False)
    pgp_keys: tuple[bytes, ...] = field(default=(), repr=False)
    subtree: Hrn = field()
    legacy: bool = False

    @subtree.default
    def _own_name(self) -> Hrn:
        return self.hrn

    def __attrs_post_init__(self) -> None:
        if self.gid is not None and self.gid.hrn != self.hrn:
            raise BadGid("wrong-subtree", f"the certificate given for {self.hrn} is that of {self.gid.hrn}")
        if not self.hrn.governs(self.subtree):
            raise BadGid(
                "wrong-subtree", f"{self.hrn} can be trusted for names below its own only, not for {self.subtree}"
            )

    @classmethod
    def load(
        cls,
        hrn: Hrn,
        gid: bytes = b"",
        ticket_keys: tuple[bytes, ...] = (),
        pgp_keys: tuple[bytes, ...] = (),
        subtree: Hrn | None = None,
        legacy: bool = False,
    ) -> "Root":
        """A root out of files' contents: its GID and ticket keys (or their certificates) in PEM, OpenPGP keys.

        Raises `BadGid` or `BadArgument`, which name what was expected.
        """
        return cls(
            hrn=hrn,
            gid=gids.read(gid) if gid else None,
            ticket_keys=tuple(map(keys.load_public, ticket_keys)),
            pgp_keys=tuple(certificate for given in pgp_keys for certificate in openpgp.each(given)),
            subtree=subtree or hrn,
            legacy=legacy,
        )

    @property
    def keys(self) -> tuple[keys.PublicKey, ...]:
        """The pinned keys that may sign this root's tickets without a chain."""
        return self.ticket_keys + ((self.gid.key,) if self.gid else ())


@frozen
class Roots:
    """The roots that are believed here.

    >>> plc, japan = Root(hrn=Hrn(("plc",))), Root(hrn=Hrn(("plc", "japan")))
    >>> str(Roots((plc, japan)).find(Hrn.parse("plc.japan.utokyo")).hrn)
    'plc.japan'
    """

    roots: tuple[Root, ...] = field(default=(), converter=tuple)

    def find(self, name: Hrn) -> Root | None:
        """The root that answers for ``name``: of those that govern it, the deepest."""
        deepest = longest_governing((root.hrn for root in self.roots), name)
        return next((root for root in self.roots if root.hrn == deepest), None)

    def answering(self, name: Hrn) -> Root:
        """As `find`. Raises `BadGid` ``unknown-issuer``."""
        if root := self.find(name):
            return root
        trusted = ", ".join(str(root.hrn) for root in self.roots) or "nobody"
        raise BadGid("unknown-issuer", f"{name} is below no authority trusted here ({trusted})")

    def vouch(self, name: Hrn, chain: tuple[bytes, ...], now: float) -> Gid:
        """The certificate at the head of ``chain``, once it is shown to be ``name``'s. Raises `BadGid`."""
        root = self.answering(name)
        if len(chain) > gids.LONGEST_CHAIN + 1:
            raise BadGid(
                "too-large", f"a chain of {len(chain)} certificates, at most {gids.LONGEST_CHAIN + 1} are read"
            )
        read = [gids.read(certificate) for certificate in chain]
        anchors = [one.gid for one in self.roots if one.gid is not None and one.hrn.governs(name)]
        if not anchors:
            raise BadGid("unknown-issuer", f"no certificate of {root.hrn} is pinned here, so it cannot certify {name}")
        gids.verify(read, anchors, now)
        if read[0].hrn != name or read[0].urn.kind != "authority":
            raise BadGid("wrong-subtree", f"the certificate is that of {read[0].urn}, and the paper says {name}")
        return read[0]
