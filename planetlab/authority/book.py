"""The book in an authority's folder: whom it has certified, which keys count no more, which keys of its own it has.

It is one file of JSON, written whole under a lock, so that an authority's key may live on a machine that serves nobody.
"""

import contextlib
import fcntl
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from attrs import asdict, evolve, frozen

from planetlab import gids, keys, openpgp
from planetlab.cli.place import write
from planetlab.errors import BadSettings, Conflict, NotFound
from planetlab.names import Hrn, skeleton
from planetlab.statements import MOST_REVOKED, Revoked

FILE = "book.json"
HERE = "."
READABLE = 0o644


@frozen(kw_only=True)
class Certified:
    """A certificate that was given to an authority below. Times are epoch seconds; ``revoked`` is 0 while it counts."""

    hrn: str
    key: str  # SHA-256 of the public key, hex
    serial: str  # hex
    issued: float
    expires: float
    revoked: float = 0.0
    why: str = ""

    def counts(self, now: float) -> bool:
        """Whether it is neither revoked nor over."""
        return not self.revoked and now < self.expires


@frozen(kw_only=True)
class Held:
    """A key of the authority's own: ``use`` is identity or ticket, ``place`` the folder in which its files are.

    ``pgp`` is the fingerprint of the OpenPGP key that goes with a ticket key.
    """

    use: str
    state: str
    key: str
    place: str = HERE
    pgp: str = ""
    since: float = 0.0


@frozen(kw_only=True)
class Book:
    """The book as it stands."""

    certified: tuple[Certified, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    held: tuple[Held, ...] = ()
    turn: int = 1

    def named(self, hrn: Hrn, now: float) -> list[Certified]:
        """The certificates of this name that count."""
        return [each for each in self.certified if each.hrn == str(hrn) and each.counts(now)]

    def must_be_free(self, hrn: Hrn, key: str, now: float) -> None:
        """Raise `Conflict` if certifying ``key`` as ``hrn`` would give two authorities one name, or one that looks so.

        The same name with the same key may be certified again.
        """
        if key in {each.key for each in self.revoked}:
            raise Conflict(f"the key of this request was revoked; {hrn} must ask with a new one")
        for each in self.certified:
            if not each.counts(now):
                continue
            other = Hrn.parse(each.hrn)
            if other == hrn and each.key != key:
                raise Conflict(f"{hrn} is certified with another key; renew it with this one, or revoke that one first")
            if other != hrn and each.key == key:
                raise Conflict(f"the key of this request is that of {other}; each authority has its own")
            if other != hrn and other.governs(hrn):
                raise Conflict(f"{other} is certified, and names below it are its own to give; ask {other}")
            if other != hrn and skeleton(other)[: len(hrn.path)] == skeleton(hrn):
                raise Conflict(f"{hrn} reads like {other}, which is certified")

    def of(self, use: str, state: str) -> Held:
        """The one key of this use and state. Raises `NotFound`."""
        found = [each for each in self.held if (each.use, each.state) == (use, state)]
        if not found:
            said = ", ".join(f"{each.state} {each.key[:16]}" for each in self.held if each.use == use)
            raise NotFound(f"there is no {state} {use} key; there are {said or 'none'}")
        return found[0]

    def moved(self, one: Held, **more: Any) -> "Book":
        """The book with one key's entry changed."""
        changed = tuple(evolve(each, **more) if each == one else each for each in self.held)
        return evolve(self, held=changed)

    def without(self, use: str, key: str, hrn: Hrn, now: float, why: str) -> "Book":
        """The book without a key of ours, which counts no more."""
        gone = [each for each in self.held if each.use == use and each.key == key]
        said = [Revoked(name, str(hrn), now, why) for each in gone for name in _names(each)]
        return evolve(self, held=tuple(each for each in self.held if each not in gone), revoked=(*self.revoked, *said))


def _names(one: Held) -> tuple[str, ...]:
    return (one.key, f"pgp:{one.pgp}") if one.pgp else (one.key,)


def load(folder: pathlib.Path) -> Book:
    """The book; one that was never written states the keys that are in the folder. Raises `BadSettings`."""
    path = folder / FILE
    if not path.exists():
        return _of_files(folder)
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Book(
            certified=tuple(Certified(**each) for each in said["certified"]),
            revoked=tuple(Revoked(**each) for each in said["revoked"]),
            held=tuple(Held(**each) for each in said["held"]),
            turn=int(said["turn"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSettings(f"{path}: cannot be read as a book of certificates: {error}") from error


def keep(folder: pathlib.Path, book: Book) -> None:
    """Write the book. Raises `BadSettings` when it is full."""
    if len(book.revoked) > MOST_REVOKED:
        raise BadSettings(f"{folder / FILE}: {len(book.revoked)} revoked keys, at most {MOST_REVOKED} can be published")
    write(folder / FILE, json.dumps(asdict(book), indent=1) + "\n", READABLE)


@contextlib.contextmanager
def alone(folder: pathlib.Path) -> Iterator[None]:
    """Nobody else changes the book meanwhile."""
    with (folder / f".{FILE}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def name_of(folder: pathlib.Path) -> Hrn:
    """The authority whose folder it is. Raises `BadSettings`."""
    if (folder / "gid.pem").exists():
        return gids.read_chain((folder / "gid.pem").read_bytes())[0].hrn
    if (folder / "gid-request.pem").exists():
        return Hrn.parse((folder / "gid-request.pem").read_text().partition("\n")[0])
    raise BadSettings(f"{folder}: no authority's folder: expected gid.pem or gid-request.pem; `plfed init` makes one")


def _of_files(folder: pathlib.Path) -> Book:
    held = []
    if (folder / "gid.pem").exists():
        gid = gids.read_chain((folder / "gid.pem").read_bytes())[0]
        held.append(Held(use="identity", state="active", key=keys.fingerprint(gid.key)))
    if (folder / "ticket.pem").exists():
        held.append(ticket_key(folder, HERE, "active"))
    return Book(held=tuple(held))


def ticket_key(folder: pathlib.Path, place: str, state: str, since: float = 0.0) -> Held:
    """The entry of the ticket keys whose files are in ``place``."""
    gid = gids.read_chain((folder / place / "ticket.pem").read_bytes())[0]
    pgp = openpgp.fingerprint((folder / place / "pgp.pub").read_bytes())
    return Held(use="ticket", state=state, key=keys.fingerprint(gid.key), place=place, pgp=pgp, since=since)
