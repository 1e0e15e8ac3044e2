"""An authority's own statement: put together from its folder, signed with its speaker's key, kept for who asks.

``federation.json`` says what people decide: name, addresses, capabilities. ``turns`` holds the statements that began
turns of the identity keys, signed with these.
"""

import hashlib
import json
import pathlib
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve, frozen

from planetlab import dsse, gids, keys, statements
from planetlab.authority import book as books
from planetlab.authority.book import Book, Held
from planetlab.cli.place import write
from planetlab.errors import BadSettings
from planetlab.following import MOST_TURNS
from planetlab.names import Hrn
from planetlab.statements import Key, Revoked, Statement, View

ABOUT, SPOKEN, TURNS = "federation.json", "statement.json", "turns"
LIFE = 7 * 86400.0  # seconds that a statement counts
READABLE = 0o644
MEMBERS = ("name", "endpoints", "capabilities", "refresh_hint")


@frozen
class Voice:
    """What an authority says, from its folder."""

    folder: pathlib.Path
    life: float = LIFE

    def statement(
        self, now: float, revoked: Iterable[Revoked] = (), views: Mapping[str, bytes] | None = None
    ) -> Statement:
        """What is to be said now. ``revoked`` are further keys, heard from authorities below; ``views`` are files."""
        book, about = books.load(self.folder), self._about()
        hrn, last = books.name_of(self.folder), self._last()
        version = max(int(now), last.version + 1 if last is not None and last.turn == book.turn else 1)
        own = {each.key for each in book.revoked}
        heard = [each for each in revoked if each.key not in own and hrn.governs(Hrn.parse(each.hrn))]
        return Statement(
            hrn=hrn,
            name=about.get("name", str(hrn)),
            turn=book.turn,
            version=version,
            issued=now,
            expires=now + self.life,
            refresh_hint=int(about.get("refresh_hint", 600)),
            identity=tuple(self._key(each, "gid.pem") for each in book.held if each.use == "identity"),
            signer=self._text("statement.pem"),
            tickets=tuple(self._key(each, "ticket.pub.pem") for each in book.held if each.use == "ticket"),
            pgp=tuple(self._key(each, "pgp.pub") for each in book.held if each.use == "ticket"),
            endpoints=about.get("endpoints", {}),
            ca=self._text("ca.pem"),
            capabilities=tuple(about.get("capabilities", ())),
            revoked=(*book.revoked, *sorted(heard))[: statements.MOST_REVOKED],
            views={url: View(url, len(data), hashlib.sha256(data).hexdigest()) for url, data in (views or {}).items()},
        )

    def speak(self, now: float, revoked: Iterable[Revoked] = (), views: Mapping[str, bytes] | None = None) -> bytes:
        """Say it: the signed statement, which is kept beside the keys too. Raises `BadSettings` without a speaker."""
        try:
            key = keys.load_private((self.folder / "statement.key").read_bytes())
        except OSError as error:
            raise BadSettings(f"{self.folder}: statement.key: {error.strerror}") from error
        sealed = self.statement(now, revoked, views).seal([key])
        write(self.folder / SPOKEN, sealed, READABLE)
        return sealed

    def begin_turn(self, now: float, book: Book, signing: Iterable[Held]) -> None:
        """Write the statement that begins the book's turn, signed with identity keys of the turns on both sides."""
        private = [keys.load_private((self.folder / each.place / "authority.key").read_bytes()) for each in signing]
        said = evolve(self.statement(now), turn=book.turn)
        folder = self.folder / TURNS
        folder.mkdir(mode=0o755, exist_ok=True)
        write(folder / f"{book.turn}.json", said.seal(private), READABLE)

    def turns(self) -> list[bytes]:
        """The statements that began turns, in order; the latest ones, if there are many."""
        found = sorted((self.folder / TURNS).glob("*.json"), key=lambda path: int(path.stem))
        return [path.read_bytes() for path in found[-MOST_TURNS:]]

    def last(self) -> bytes | None:
        """What was said last; None before the first time."""
        path = self.folder / SPOKEN
        return path.read_bytes() if path.exists() else None

    def invitation(self, now: float) -> bytes:
        """A statement for somebody who knows nothing of us yet; made anew only when there is none that counts."""
        last, sealed = self._last(), self.last()
        return sealed if sealed is not None and last is not None and now < last.expires else self.speak(now)

    def _last(self) -> Statement | None:
        sealed = self.last()
        return None if sealed is None else statements.read(dsse.read(sealed, statements.MOST_BYTES))

    def _about(self) -> dict[str, Any]:
        path = self.folder / ABOUT
        if not path.exists():
            return {}
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadSettings(f"{path}: expected JSON: {error}") from error
        if not isinstance(said, dict) or not said.keys() <= set(MEMBERS):
            raise BadSettings(f"{path}: expected an object with {', '.join(MEMBERS)}")
        return said

    def _key(self, one: Held, name: str) -> Key:
        return Key(one.state, (self.folder / one.place / name).read_text(encoding="ascii"))

    def _text(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="ascii") if path.exists() else ""


def write_about(folder: pathlib.Path, name: str, endpoints: Mapping[str, str], capabilities: Iterable[str]) -> None:
    """Write what people decide on an authority's statement."""
    said = {"name": name, "endpoints": dict(endpoints), "capabilities": list(capabilities)}
    write(folder / ABOUT, json.dumps(said, indent=1) + "\n", READABLE)


def make_speaker(folder: pathlib.Path, now: float) -> None:
    """A key that speaks for the authority from day to day, and its certificate by the active identity key."""
    above = gids.read_chain((folder / "gid.pem").read_bytes())
    key = keys.new_p256()
    if (folder / "statement.key").exists():
        key = keys.load_private((folder / "statement.key").read_bytes())  # type: ignore[assignment]  # RSA would do too
    public = keys.accepted(key.public_key())
    subject = gids.Subject(hrn=above[0].hrn, kind="authority", key=public, service="statement", uuid=uuid.uuid4())
    made = gids.certify(above[0], keys.load_private((folder / "authority.key").read_bytes()), subject, now)
    write(folder / "statement.key", keys.private_pem(key))
    write(folder / "statement.pem", made.pem, READABLE)
