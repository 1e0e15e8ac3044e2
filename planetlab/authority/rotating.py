"""An authority's keys take each other's places in four steps, and no honest call fails between them.

*Prepare*: a new key is made and said, so that everybody knows it. *Activate*: it signs from now on; the one before is
believed still. *Taint*: what the one before has signed must be replaced. *Revoke*: it counts no more, and its secret is
destroyed. Between two steps leave as long as the slowest follower takes to ask.
"""

import pathlib
import shutil
import uuid

from attrs import evolve

from planetlab import gids, keys, openpgp
from planetlab.authority import book as books
from planetlab.authority import speaking
from planetlab.authority.book import HERE, Book, Held
from planetlab.authority.speaking import Voice
from planetlab.cli.place import folder as made_folder
from planetlab.cli.place import write
from planetlab.errors import BadArgument, BadSettings, Conflict
from planetlab.gids import Gid

USES = ("ticket", "identity")
READABLE = 0o644
FILES = {
    "ticket": ("ticket.key", "ticket.pub.pem", "ticket.pem", "pgp.sec", "pgp.pub"),
    "identity": ("authority.key", "gid.pem"),
}
SECRETS = ("ticket.key", "pgp.sec", "authority.key")


def prepare(folder: pathlib.Path, use: str, now: float) -> Held | None:
    """Make the next key. None for an identity key that the authority above must certify first; see `install`."""
    _must_know(use)
    place = f"next-{use}"
    with books.alone(folder):
        book = books.load(folder)
        if any(each.use == use and each.state == "prepared" for each in book.held):
            raise Conflict(f"a {use} key is prepared already; activate it")
        if use == "ticket":
            hrn = books.name_of(folder)
            write_ticket_keys(folder, made_folder(folder / place), gids.read_chain(_read(folder, "gid.pem"))[0], now)
            held = evolve(books.ticket_key(folder, place, "prepared", now))
            books.keep(folder, evolve(book, held=(*book.held, held)))
            return held
        hrn = books.name_of(folder)
        key = keys.new_rsa()
        write(made_folder(folder / place) / "authority.key", keys.private_pem(key))
        if len(hrn.path) > 1:
            return None
        write(folder / place / "gid.pem", gids.make_root(hrn, key, uuid.uuid4(), now).pem, READABLE)
        return _take_identity(folder, book, now)


def install(folder: pathlib.Path, chain: bytes, now: float) -> Held:
    """Take what the authority above gave for the identity key that is prepared. Raises `BadSettings` for another's."""
    place = folder / "next-identity"
    own = keys.load_private((place / "authority.key").read_bytes())
    leaf = gids.read_chain(chain)[0]
    if leaf.hrn != books.name_of(folder) or not keys.same(leaf.key, keys.accepted(own.public_key())):
        raise BadSettings(f"the certificate is for {leaf.hrn} and another key; expected the key that is prepared")
    with books.alone(folder):
        write(place / "gid.pem", chain, READABLE)
        return _take_identity(folder, books.load(folder), now)


def activate(folder: pathlib.Path, use: str, now: float) -> Held:
    """Let the prepared key take over; the one before retires, and is believed on."""
    _must_know(use)
    with books.alone(folder):
        book = books.load(folder)
        new, old = book.of(use, "prepared"), book.of(use, "active")
        aside = f"former-{use}-{old.key[:16]}"
        _move(folder, use, old.place, aside)
        _move(folder, use, new.place, HERE)
        shutil.rmtree(folder / new.place, ignore_errors=True)
        book = book.moved(old, state="retiring", place=aside, since=now)
        book = book.moved(new, state="active", place=HERE, since=now)
        books.keep(folder, book)
        if use == "identity":
            _certify_own(folder, now)
        return book.of(use, "active")


def taint(folder: pathlib.Path, use: str, now: float) -> Held:
    """Say of the retiring key that what it signed must be replaced."""
    _must_know(use)
    with books.alone(folder):
        book = books.load(folder)
        books.keep(folder, book.moved(book.of(use, "retiring"), state="tainted", since=now))
        return books.load(folder).of(use, "tainted")


def revoke(folder: pathlib.Path, use: str, now: float, why: str, key: str = "") -> Held:
    """Revoke the tainted key, or the one whose fingerprint begins so, and destroy its secret.

    The active key cannot be revoked: another must have taken its place, or nothing could be signed.
    """
    _must_know(use)
    with books.alone(folder):
        book = books.load(folder)
        hit = _chosen(book, use, key)
        left = book.without(use, hit.key, books.name_of(folder), now, why)
        if use == "identity":
            left = evolve(left, turn=book.turn + 1)
        for name in SECRETS:
            (folder / hit.place / name).unlink(missing_ok=True)
        books.keep(folder, left)
        if use == "identity":
            Voice(folder).begin_turn(now, left, [left.of("identity", "active")])
        if hit.place != HERE:
            shutil.rmtree(folder / hit.place, ignore_errors=True)
        return hit


def write_ticket_keys(folder: pathlib.Path, place: pathlib.Path, above: Gid, now: float) -> None:
    """Make keys that sign tickets, one in each of the two forms, both named in a certificate of the authority's."""
    hrn = above.hrn
    secret, key = openpgp.new_key(f"{hrn} tickets <tickets@{'.'.join(reversed(hrn.path))}.invalid>"), keys.new_rsa()
    write(place / "pgp.sec", secret)
    write(place / "pgp.pub", openpgp.public(secret), READABLE)
    write(place / "ticket.key", keys.private_pem(key))
    write(place / "ticket.pub.pem", keys.public_pem(keys.accepted(key.public_key())), READABLE)
    certify_ticket_key(folder, place, now)


def certify_ticket_key(folder: pathlib.Path, place: pathlib.Path, now: float) -> None:
    """A certificate for the ticket keys in ``place``, by the active identity key."""
    above = gids.read_chain(_read(folder, "gid.pem"))
    subject = gids.Subject(
        hrn=above[0].hrn,
        kind="authority",
        key=keys.load_public((place / "ticket.pub.pem").read_bytes()),
        uuid=uuid.uuid4(),
        service="ticket",
        openpgp=(openpgp.fingerprint((place / "pgp.pub").read_bytes()),),
    )
    leaf = gids.certify(above[0], keys.load_private(_read(folder, "authority.key")), subject, now)
    write(place / "ticket.pem", leaf.pem + b"".join(gid.pem for gid in above), READABLE)


def _take_identity(folder: pathlib.Path, book: Book, now: float) -> Held:
    """The prepared identity key begins a turn, signed with it and with the active one."""
    gid = gids.read_chain(_read(folder, "next-identity/gid.pem"))[0]
    held = Held(use="identity", state="prepared", key=keys.fingerprint(gid.key), place="next-identity", since=now)
    book = evolve(book, held=(*book.held, held), turn=book.turn + 1)
    books.keep(folder, book)
    Voice(folder).begin_turn(now, book, [book.of("identity", "active"), held])
    return held


def _certify_own(folder: pathlib.Path, now: float) -> None:
    """What the identity key before has certified of our own is certified by the one that took over."""
    certify_ticket_key(folder, folder, now)
    for each in books.load(folder).held:
        if each.use == "ticket" and each.state == "prepared":
            certify_ticket_key(folder, folder / each.place, now)
    speaking.make_speaker(folder, now)


def _chosen(book: Book, use: str, key: str) -> Held:
    if not key:
        return book.of(use, "tainted")
    hit = [each for each in book.held if each.use == use and each.key.startswith(key)]
    if len(hit) != 1:
        raise BadArgument(f"expected the beginning of one {use} key's fingerprint, got {key!r}, which fits {len(hit)}")
    if hit[0].state == "active":
        raise Conflict(f"the active {use} key cannot be revoked; prepare and activate another first")
    return hit[0]


def _move(folder: pathlib.Path, use: str, source: str, target: str) -> None:
    made_folder(folder / target)
    for name in FILES[use]:
        if (folder / source / name).exists():
            (folder / source / name).replace(folder / target / name)


def _read(folder: pathlib.Path, name: str) -> bytes:
    return (folder / name).read_bytes()


def _must_know(use: str) -> None:
    if use not in USES:
        raise BadArgument(f"expected a use out of {', '.join(USES)}, got {use!r:.40}")
