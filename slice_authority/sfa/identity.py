"""Who this authority is at its SFA interfaces: its name, its certificates, its key, and whom it believes."""

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from planetlab import credential_xml, gids, keys
from planetlab.ask import Ask
from planetlab.credentials import Credential
from planetlab.errors import BadSettings, PlanetLabError
from planetlab.gids import Gid, Subject
from planetlab.names import Hrn
from planetlab.privileges import Privilege
from planetlab.registry import papers
from planetlab.registry.store import Store
from planetlab.trust import Root, Roots
from slice_authority.sfa import things

_SUFFIXES = {".gid", ".pem", ".cert", ".crt"}
_MOST_ROOTS = 1000
LIFE = 365 * 86_400.0  # seconds that a certificate of ours lasts; asked for again in its last part, a new one is made
RENEW = 30 * 86_400.0  # seconds before its end

AskRoots = Callable[[Store], Roots]


@frozen
class Identity:
    """``chain`` leads from the authority's own certificate up; ``roots`` are believed beside those of the registry."""

    chain: tuple[Gid, ...]
    key: keys.PrivateKey = field(repr=False)
    roots: tuple[Root, ...] = ()
    ask_roots: AskRoots | None = None

    @classmethod
    def load(cls, hrn: Hrn, gid: Path, key: Path, trusted: Path | None, ask_roots: AskRoots | None) -> "Identity":
        """Read the authority's papers and the folder of trusted certificates. Raises `BadSettings`."""
        try:
            chain = gids.read_chain(gid.read_bytes())
            private = keys.load_private(key.read_bytes())
            if chain[0].hrn != hrn or not chain[0].certifies:
                raise BadSettings(f"{gid}: expected the certificate of {hrn}, got that of {chain[0].urn}")
            if not keys.same(chain[0].key, keys.accepted(private.public_key())):
                raise BadSettings(f"{key}: expected the key of the certificate in {gid}, got another")
            return cls(chain, private, (*_own(chain), *trusted_in(trusted)), ask_roots)
        except OSError as error:
            raise BadSettings(f"{error.filename}: cannot be read: {error.strerror}") from error
        except BadSettings:
            raise
        except PlanetLabError as error:
            raise BadSettings(f"{gid}, {key}: {error}") from error

    @property
    def hrn(self) -> Hrn:
        """The authority's name."""
        return self.chain[0].hrn

    def trust(self, store: Store) -> Roots:
        """Whom we believe now."""
        more: tuple[Root, ...] = self.ask_roots(store).roots if self.ask_roots is not None else ()
        there = {root.gid.der for root in more if root.gid is not None}
        own = tuple(root for root in self.roots if root.gid is not None and root.gid.der not in there)
        return Roots(more + own)

    def certify(self, store: Store, hrn: Hrn, kind: str, key: keys.PublicKey, email: str = "") -> tuple[Gid, ...]:
        """The certificate for a name of ours with this key, the one given before while it lasts, and what is above.

        One with an address is another than one without: the first is for the person, the second for everybody.
        """
        urn, mark = str(Subject(hrn=hrn, kind=kind, key=key).urn), f"{keys.fingerprint(key)} {email}".strip()
        there = papers.gid(store, urn, mark)
        if there is not None and there[1] > store.now + RENEW:
            kept = gids.read_chain(there[0])
            if kept[1:] == self.chain:
                return kept
        store.must_write()
        number = papers.uuid_of(store, urn) or things.fresh_uuid(store, hrn, kind)
        subject = Subject(hrn=hrn, kind=kind, key=key, uuid=number, email=email)
        chain = (gids.certify(self.chain[0], self.key, subject, store.now, LIFE), *self.chain)
        pem = b"".join(gid.pem for gid in chain)
        papers.keep_gid(store, urn, mark, number, pem, chain[0].certificate.not_valid_after_utc.timestamp())
        return chain

    def service(self, name: str, key: keys.PublicKey, now: float) -> tuple[Gid, ...]:
        """A certificate of one of the authority's services: am, sm, sa."""
        subject = Subject(hrn=self.hrn, kind="authority", service=name, key=key)
        return (gids.certify(self.chain[0], self.key, subject, now, LIFE), *self.chain)

    def sign(
        self,
        owner: Sequence[Gid],
        target: Sequence[Gid],
        privileges: Sequence[Privilege],
        expires: float,
        serial: str,
    ) -> bytes:
        """A credential by this authority."""
        return credential_xml.issue(owner, target, privileges, expires, serial, self.chain, self.key)

    def on_itself(self, now: float) -> str:
        """The authority's credential on itself, by which it asks others."""
        rights = tuple(Privilege(name) for name in ("authority", "sa"))
        return self.sign(self.chain, self.chain, rights, now + 3600.0, secrets.token_hex(16)).decode()

    def ask(self, url: str, ca: str, patience: float, reactor: Any = None) -> Ask:
        """Another's interface, asked under this authority's certificate."""
        shown = (b"".join(gid.pem for gid in self.chain), keys.private_pem(self.key))
        return Ask(url, ca=ca or None, client_cert=shown, timeout=patience, tries=1, reactor=reactor)

    def has_certified(self, gid: Gid) -> bool:
        """Whether a certificate that leads to a trusted root is this authority's own word, by whatever key of it."""
        return gid.certificate.issuer == self.chain[0].certificate.subject

    def has_signed(self, credential: Credential) -> bool:
        """Whether the word at the bottom of a verified credential is this authority's own, by whatever key of it."""
        first = list(credential.levels)[-1]
        return first.signer is not None and first.signer.hrn == self.hrn


@define
class Kept:
    """The identity in the authority's folder as it is now: a key that was activated there signs from then on."""

    load: Callable[[], Identity]
    files: tuple[Path, ...]
    now: Identity = field(init=False)
    _seen: tuple[int, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._seen, self.now = self._stamp(), self.load()

    def look(self) -> None:
        """Take up what changed. Raises `BadSettings`, and then what was stays in use."""
        stamp = self._stamp()
        if stamp != self._seen:
            self.now = self.load()
            self._seen = stamp

    def _stamp(self) -> tuple[int, ...]:
        return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in self.files)


def _own(chain: tuple[Gid, ...]) -> tuple[Root, ...]:
    """We believe ourselves and whoever is above us."""
    return tuple(Root(hrn=gid.hrn, gid=gid) for gid in (chain[0], *chain[-1:]))


def trusted_in(folder: Path | None) -> tuple[Root, ...]:
    """The roots that lie in a folder, one certificate per file; files of other names are passed over.

    Raises `BadSettings` that names the file.
    """
    if folder is None:
        return ()
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    if len(files) > _MOST_ROOTS:
        raise BadSettings(f"{folder}: at most {_MOST_ROOTS} trusted certificates are read, got {len(files)}")
    found = []
    for path in files:
        try:
            gid = gids.read_chain(path.read_bytes())[0]
            if not gid.certifies:
                raise BadSettings(f"it is that of {gid.urn}, which certifies nobody")
            found.append(Root(hrn=gid.hrn, gid=gid))
        except PlanetLabError as error:
            raise BadSettings(f"{path}: expected the certificate of an authority: {error}") from error
    return tuple(found)
