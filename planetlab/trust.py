"""Whom a node or a peer believes: a short list of roots, each for names below its own, each by pinned keys."""

from collections.abc import Iterable

from attrs import evolve, field, frozen

from planetlab import gids, keys, openpgp
from planetlab.gids import Gid
from planetlab.names import Hrn, longest_governing
from planetlab.refusals import BadGid
from planetlab.statements import Statement


@frozen(kw_only=True)
class Root:
    """One authority that is believed for what lies in ``subtree``.

    ``gid`` lets it certify others below its name. ``ticket_keys`` and ``pgp_keys`` (OpenPGP certificates, armoured or
    binary) are pinned beside it for tickets that carry no chain, as the originals' do. ``legacy`` admits SHA-1, DSA,
    RSA below 2048 bits and armour headers; its use is worth a line in the log. ``others`` are certificates of further
    identity keys while one takes the other's place, ``revoked`` the fingerprints of keys that count no more, as in
    `planetlab.statements.Revoked`. ``suspended`` says why nothing of this authority counts for now; empty: it does.
    """

    hrn: Hrn
    gid: Gid | None = None
    others: tuple[Gid, ...] = field(default=(), repr=False)
    ticket_keys: tuple[keys.PublicKey, ...] = field(default=(), repr=False)
    pgp_keys: tuple[bytes, ...] = field(default=(), repr=False)
    subtree: Hrn = field()
    legacy: bool = False
    revoked: frozenset[str] = field(default=frozenset(), repr=False)
    suspended: str = ""

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
        held = self.ticket_keys + tuple(gid.key for gid in self.gids)
        return tuple(key for key in held if keys.fingerprint(key) not in self.revoked)

    @property
    def gids(self) -> tuple[Gid, ...]:
        """The certificates from which a chain may begin."""
        held = ((self.gid,) if self.gid else ()) + self.others
        return tuple(gid for gid in held if keys.fingerprint(gid.key) not in self.revoked)

    def heard(self, said: Statement) -> "Root":
        """This root as it is after what the authority says of its keys; what is pinned stays until it is revoked."""
        own = self.gid.certificate if self.gid else None
        revoked = self.revoked | said.revoked_keys
        pgp = self.pgp_keys + tuple(one for key in said.pgp for one in openpgp.each(key.paper.encode()))
        return evolve(
            self,
            others=self.others + tuple(gid for gid in said.gids if gid.certificate != own) if self.gid else (),
            ticket_keys=self.ticket_keys + tuple(keys.load_public(key.paper.encode()) for key in said.tickets),
            pgp_keys=tuple(key for key in pgp if f"pgp:{openpgp.fingerprint(key)}" not in revoked),
            revoked=revoked,
        )


def _each(roots: Iterable[Root]) -> tuple[Root, ...]:
    """``tuple``, with types that attrs' checker can follow."""
    return tuple(roots)


@frozen
class Roots:
    """The roots that are believed here.

    >>> plc, japan = Root(hrn=Hrn(("plc",))), Root(hrn=Hrn(("plc", "japan")))
    >>> str(Roots((plc, japan)).find(Hrn.parse("plc.japan.utokyo")).hrn)
    'plc.japan'
    """

    roots: tuple[Root, ...] = field(default=(), converter=_each)

    def find(self, name: Hrn) -> Root | None:
        """The root that answers for ``name``: of those that govern it, the deepest."""
        deepest = longest_governing((root.hrn for root in self.roots), name)
        return next((root for root in self.roots if root.hrn == deepest), None)

    def answering(self, name: Hrn) -> Root:
        """As `find`. Raises `BadGid` ``unknown-issuer`` or ``suspended``."""
        if root := self.find(name):
            if root.suspended:
                raise BadGid("suspended", f"nothing of {root.hrn} counts for now: {root.suspended}")
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
        anchors = self.anchors(name)
        if not anchors:
            raise BadGid("unknown-issuer", f"no certificate of {root.hrn} is pinned here, so it cannot certify {name}")
        gids.verify(read, anchors, now)
        self.must_not_be_revoked(read)
        if read[0].hrn != name or read[0].urn.kind != "authority":
            raise BadGid("wrong-subtree", f"the certificate is that of {read[0].urn}, and the paper says {name}")
        return read[0]

    def anchors(self, name: Hrn) -> tuple[Gid, ...]:
        """The certificates that chains of ``name`` may begin from."""
        return tuple(gid for one in self.roots if one.hrn.governs(name) and not one.suspended for gid in one.gids)

    def must_not_be_revoked(self, chain: Iterable[Gid]) -> None:
        """Raise `BadGid` ``revoked`` if an authority trusted here has revoked a key of this chain, which it governs."""
        for gid in chain:
            fingerprint = keys.fingerprint(gid.key)
            if any(fingerprint in one.revoked for one in self.roots if one.hrn.governs(gid.hrn)):
                raise BadGid("revoked", f"the key that {gid.hrn} shows was revoked")
