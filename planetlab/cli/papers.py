"""An authority's keys and certificates, as the files of its folder.

Two chains that have nothing to do with each other: the GIDs, which say who signs for which names, and a small CA of the
authority's own, under which its servers' TLS certificates are.
"""

import pathlib
import time
import uuid

from attrs import frozen

from planetlab import gids, keys, tls
from planetlab.authority import book as books
from planetlab.authority import certifying, rotating, speaking
from planetlab.cli.place import folder, write
from planetlab.errors import BadSettings
from planetlab.names import Hrn

READABLE = 0o644


@frozen
class Papers:
    """Where the papers of one authority lie."""

    folder: pathlib.Path

    @property
    def gid(self) -> pathlib.Path:
        """The authority's certificate, and those above it up to its root, in PEM."""
        return self.folder / "gid.pem"

    @property
    def request(self) -> pathlib.Path:
        """What a parent needs to certify this authority: its name and its public key."""
        return self.folder / "gid-request.pem"


def make(place: pathlib.Path, hrn: Hrn, names: tuple[str, ...]) -> Papers:
    """Make what is missing of an authority's papers; ``names`` are the DNS names and addresses of its servers.

    A root certifies itself; one with something above it waits for its parent, see `certify`. What is there stays.
    """
    papers, now = Papers(folder(place)), time.time()
    if not (place / "authority.key").exists():
        key = keys.new_rsa()
        write(place / "authority.key", keys.private_pem(key))
        if len(hrn.path) == 1:
            write(papers.gid, gids.make_root(hrn, key, uuid.uuid4(), now).pem, READABLE)
        else:
            write(papers.request, f"{hrn}\n".encode() + keys.public_pem(keys.accepted(key.public_key())), READABLE)
    if not (place / "ca.pem").exists():
        _make_tls(place, hrn, names, now)
    if papers.gid.exists():
        finish(papers, hrn)
    return papers


def certify(parent: pathlib.Path, request: bytes) -> bytes:
    """The chain for an authority that asks with ``request``, signed by the authority whose folder is ``parent``."""
    return certifying.certify(parent, request, time.time())


def install(papers: Papers, hrn: Hrn, chain: bytes) -> None:
    """Take the chain that a parent gave. Raises `BadSettings` if it is not for this authority and its key."""
    now = time.time()
    if (papers.folder / "next-identity" / "authority.key").exists():
        rotating.install(papers.folder, chain, now)
        return
    own = keys.load_private((papers.folder / "authority.key").read_bytes())
    leaf = gids.read_chain(chain)[0]
    if leaf.hrn != hrn or not keys.same(leaf.key, keys.accepted(own.public_key())):
        raise BadSettings(
            f"the certificate is for {leaf.hrn} and a key of its own; expected {hrn} and the key of {papers.folder}"
        )
    write(papers.gid, chain, READABLE)
    finish(papers, hrn)
    rotating.certify_ticket_key(papers.folder, papers.folder, now)  # a renewed chain reaches what lies below it
    speaking.make_speaker(papers.folder, now)


def finish(papers: Papers, hrn: Hrn) -> None:
    """The keys that sign tickets, one in each of the two forms; the key that speaks for the authority; the book."""
    place, now = papers.folder, time.time()
    if not (place / "ticket.pem").exists():
        rotating.write_ticket_keys(place, place, gids.read_chain(papers.gid.read_bytes())[0], now)
    if not (place / "statement.pem").exists():
        speaking.make_speaker(place, now)
    if not (place / books.FILE).exists():
        books.keep(place, books.load(place))


def _make_tls(place: pathlib.Path, hrn: Hrn, names: tuple[str, ...], now: float) -> None:
    authority = tls.make_ca(hrn, now)
    server = tls.issue(authority, names=names, now=now)
    write(place / "ca.key", authority.key_pem)
    write(place / "server.key", server.key_pem)
    write(place / "server.pem", server.certificate_pem, READABLE)
    write(place / "ca.pem", authority.certificate_pem, READABLE)
