"""Certifying authorities below, renewing and revoking: what the one whose name stands above does, with its book."""

import pathlib
import uuid
from contextlib import closing

from attrs import evolve

from planetlab import gids, keys
from planetlab.authority import book as books
from planetlab.authority.book import Book, Certified
from planetlab.errors import BadSettings, Conflict, NotFound
from planetlab.filters import Compare, IsNil, both
from planetlab.gids import Gid
from planetlab.names import Hrn
from planetlab.records.sites import SITE
from planetlab.registry.opening import connect
from planetlab.registry.plc import Plc
from planetlab.registry.store import Store
from planetlab.statements import Revoked

MOST_REQUEST = 16_384  # bytes


def request(folder: pathlib.Path) -> bytes:
    """What an authority shows to the one above: its name and its public key; a new key while one is prepared."""
    place = folder / "next-identity" if (folder / "next-identity" / "authority.key").exists() else folder
    try:
        key = keys.load_private((place / "authority.key").read_bytes())
    except OSError as error:
        raise BadSettings(f"{place}: authority.key: {error.strerror}; `plfed init` makes one") from error
    return f"{books.name_of(folder)}\n".encode() + keys.public_pem(keys.accepted(key.public_key()))


def certify(parent: pathlib.Path, asked: bytes, now: float) -> bytes:
    """The chain for an authority that asks with a request. Raises `Conflict` if its name is not free, or `BadGid`."""
    hrn, key = _read(asked)
    _must_be_no_site(parent, hrn, now)
    with books.alone(parent):
        book = books.load(parent)
        book.must_be_free(hrn, keys.fingerprint(key), now)
        return _issue(parent, book, hrn, key, now)


def renew(parent: pathlib.Path, asked: bytes, now: float) -> bytes:
    """A new chain for an authority that is certified, for its key or for another that takes its place.

    The earlier certificates count on until they are over or revoked, so that nothing fails meanwhile.
    """
    hrn, key = _read(asked)
    with books.alone(parent):
        book = books.load(parent)
        if not book.named(hrn, now):
            raise NotFound(f"{hrn} is not certified here; certify it first")
        others = evolve(book, certified=tuple(each for each in book.certified if each.hrn != str(hrn)))
        others.must_be_free(hrn, keys.fingerprint(key), now)
        return _issue(parent, book, hrn, key, now)


def revoke(parent: pathlib.Path, hrn: Hrn, now: float, why: str, key: str = "") -> list[Certified]:
    """Revoke the certificates of ``hrn``, or only those of the key whose fingerprint begins so; gives them.

    The next statement says it; whoever follows it refuses what those keys vouch for.
    """
    with books.alone(parent):
        book = books.load(parent)
        hit = [each for each in book.named(hrn, now) if each.key.startswith(key)]
        if not hit:
            raise NotFound(f"{hrn} has no certificate here that counts{f' with a key {key}…' if key else ''}")
        prints = {each.key for each in hit}
        certified = tuple(
            evolve(each, revoked=now, why=why) if each.hrn == str(hrn) and each.key in prints else each
            for each in book.certified
        )
        said = tuple(Revoked(each, str(hrn), now, why) for each in sorted(prints))
        books.keep(parent, evolve(book, certified=certified, revoked=(*book.revoked, *said)))
    return hit


def _must_be_no_site(parent: pathlib.Path, hrn: Hrn, now: float) -> None:
    """A site's name is an authority's below this one too: the PLC itself answers for it, where there is one."""
    own, registry = books.name_of(parent), parent / "registry.db"
    if not registry.exists() or not own.governs(hrn) or hrn == own:
        return
    name = hrn.path[len(own.path)]
    with closing(connect(str(registry), "both", reads_only=True)) as connection:
        store = Store(connection, now, Plc(hrn=own), reads_only=True)
        if store.row(SITE, both(Compare("login_base", "=", name), IsNil("peer_id")), ("site_id",)) is not None:
            raise Conflict(f"{own.child(name)} is a site of {own}, which answers for it; {hrn} needs another name")


def _read(asked: bytes) -> tuple[Hrn, keys.PublicKey]:
    name, _, public = asked[:MOST_REQUEST].partition(b"\n")
    return Hrn.parse(name.decode(errors="replace").strip()), keys.load_public(public)


def _issue(parent: pathlib.Path, book: Book, hrn: Hrn, key: keys.PublicKey, now: float) -> bytes:
    above = gids.read_chain((parent / "gid.pem").read_bytes())
    subject = gids.Subject(hrn=hrn, kind="authority", key=key, uuid=uuid.uuid4())
    made = gids.certify(above[0], keys.load_private((parent / "authority.key").read_bytes()), subject, now)
    books.keep(parent, evolve(book, certified=(*book.certified, _entry(made, now))))
    return made.pem + b"".join(gid.pem for gid in above)


def _entry(made: Gid, now: float) -> Certified:
    return Certified(
        hrn=str(made.hrn),
        key=keys.fingerprint(made.key),
        serial=f"{made.certificate.serial_number:x}",
        issued=now,
        expires=made.certificate.not_valid_after_utc.timestamp(),
    )
