"""What an authority says of itself, signed: its keys, where it is found, what it can do, what it has revoked.

A statement has a version, which only grows, and a time at which it ends. ``turn`` counts the changes of the authority's
identity keys; the statement that begins a turn is signed with a key of the turn before, so whoever knew one turn can
follow to the next. Within a turn statements are signed with an identity key or with one that it has certified for this.

A key is ``prepared`` (known, not used yet), ``active``, ``retiring`` (not used any more, still believed) or ``tainted``
(still believed, but what it signed must be replaced); one that is revoked is in ``revoked`` and nowhere else.
"""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from attrs import asdict, field, frozen

from planetlab import dsse, gids, keys, openpgp
from planetlab.errors import BadArgument
from planetlab.gids import Gid
from planetlab.names import Hrn
from planetlab.refusals import BadPaper

KIND = "application/vnd.plfed.statement+json"
SPEC = 1
MOST_BYTES = 2 << 20
MOST_REVOKED = 5000
MOST_KEYS = 16  # of one use
MOST_LIFE = 366 * 86400.0  # seconds from issue to end; one that would last longer is no protection
STATES = ("prepared", "active", "retiring", "tainted")
_TEXT = 2000  # characters of any one text beside keys and certificates
_PEM = 200_000
_HEX = frozenset("0123456789abcdef")


class BadStatement(BadPaper):
    """A statement is not believed, or not after what was said before."""

    generic = "Invalid statement"


@frozen
class Key:
    """A key with its state. ``paper`` is a GID's PEM (with those above it), a public key's PEM, or an OpenPGP key."""

    state: str
    paper: str = field(repr=False)


@frozen(order=True)
class Revoked:
    """A key that counts no more, by fingerprint: SHA-256 of its SubjectPublicKeyInfo, or ``pgp:`` and OpenPGP's."""

    key: str
    hrn: str
    at: float
    why: str = ""


@frozen
class View:
    """A file of objects that the statement vouches for: where, how large, and the SHA-256 of its bytes."""

    url: str
    octets: int
    sha256: str


@frozen(kw_only=True)
class Statement:
    """One authority's word. Times are epoch seconds; ``refresh_hint`` is seconds until one may ask again."""

    hrn: Hrn
    name: str
    turn: int
    version: int
    issued: float
    expires: float
    refresh_hint: int = 600
    identity: tuple[Key, ...]
    signer: str = field(default="", repr=False)
    tickets: tuple[Key, ...] = ()
    pgp: tuple[Key, ...] = ()
    endpoints: Mapping[str, str] = field(factory=dict)
    ca: str = field(default="", repr=False)
    capabilities: tuple[str, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    views: Mapping[str, View] = field(factory=dict)

    def payload(self) -> bytes:
        """The bytes that are signed."""
        said = {"type": "plfed-statement", "spec": SPEC, **asdict(self), "hrn": str(self.hrn)}
        return json.dumps(said, indent=1, sort_keys=True).encode()

    def seal(self, signing: Sequence[keys.PrivateKey]) -> bytes:
        """The signed paper."""
        return dsse.seal(KIND, self.payload(), signing)

    @property
    def gids(self) -> tuple[Gid, ...]:
        """The certificates of its identity keys that are believed, those above not among them."""
        return tuple(_leaf(key.paper) for key in self.identity)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the name and the identity keys, in hex: what two operators compare before they begin."""
        prints = sorted(keys.fingerprint(gid.key) for gid in self.gids)
        return hashlib.sha256("\n".join((str(self.hrn), *prints)).encode()).hexdigest()

    @property
    def revoked_keys(self) -> frozenset[str]:
        """Fingerprints of keys that count no more."""
        return frozenset(each.key for each in self.revoked)


@functools.lru_cache(maxsize=1024)
def _leaf(paper: str) -> Gid:
    """The certificate at the head of a chain; the same few are read again with every statement."""
    return gids.read_chain(paper.encode())[0]


def read(envelope: dsse.Envelope) -> Statement:
    """What an envelope's payload says; nobody is believed yet. Raises `BadStatement`."""
    if envelope.kind != KIND:
        raise BadStatement("malformed", f"expected {KIND}, got {envelope.kind!r:.80}")
    try:
        return _read(dsse.loads(envelope.payload))
    except BadPaper as error:
        raise BadStatement("malformed", f"not a statement: {error.sentence}") from None
    except (BadArgument, KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadStatement("malformed", f"not a statement: {type(error).__name__} {error!s:.160}") from None


def _read(said: Any) -> Statement:
    if not isinstance(said, dict) or said.get("type") != "plfed-statement":
        raise BadArgument("expected an object of type plfed-statement")
    if said.get("spec") != SPEC:
        raise BadArgument(f"spec: expected {SPEC}, got {said.get('spec')!r:.20}")
    statement = Statement(
        hrn=Hrn.parse(said["hrn"]),
        name=_text(said["name"], "name"),
        turn=_count(said["turn"], "turn"),
        version=_count(said["version"], "version"),
        issued=_time(said["issued"], "issued"),
        expires=_time(said["expires"], "expires"),
        refresh_hint=_count(said["refresh_hint"], "refresh_hint"),
        identity=_keys(said["identity"], "identity"),
        signer=_text(said["signer"], "signer", _PEM),
        tickets=_keys(said["tickets"], "tickets"),
        pgp=_keys(said["pgp"], "pgp"),
        endpoints={_text(k, "endpoints"): _address(v, "endpoints") for k, v in _object(said["endpoints"]).items()},
        ca=_text(said["ca"], "ca", _PEM),
        capabilities=tuple(_text(each, "capabilities") for each in _list(said["capabilities"], 64)),
        revoked=tuple(map(_revoked, _list(said["revoked"], MOST_REVOKED))),
        views={_text(k, "views"): _view(v) for k, v in _object(said["views"]).items()},
    )
    _must_be_sound(statement)
    return statement


def _must_be_sound(said: Statement) -> None:
    if not said.identity or said.turn < 1:
        raise BadArgument("expected an identity key, and a turn from 1")
    if not said.issued < said.expires <= said.issued + MOST_LIFE:
        raise BadArgument(f"expected to end within {MOST_LIFE:.0f} s after it was issued")
    for gid in said.gids:
        if gid.hrn != said.hrn or not gid.certifies:
            raise BadArgument(f"identity: expected certificates of {said.hrn}, got one of {gid.urn}")
    for key in said.tickets:
        keys.load_public(key.paper.encode())
    for key in said.pgp:
        if len(openpgp.each(key.paper.encode())) != 1:
            raise BadArgument("pgp: expected one key in each")
    for each in said.revoked:
        if not said.hrn.governs(Hrn.parse(each.hrn)):
            raise BadArgument(f"revoked: {said.hrn} speaks for names below its own, not for {each.hrn}")


def _keys(said: Any, name: str) -> tuple[Key, ...]:
    found = tuple(Key(_text(each["state"], name), _text(each["paper"], name, _PEM)) for each in _list(said, MOST_KEYS))
    if wrong := [key.state for key in found if key.state not in STATES]:
        raise BadArgument(f"{name}: expected a state out of {', '.join(STATES)}, got {wrong[0]!r:.40}")
    return found


def _revoked(said: Any) -> Revoked:
    key = _text(said["key"], "revoked").removeprefix("pgp:")
    if not 16 <= len(key) <= 64 or not set(key) <= _HEX:
        raise BadArgument(f"revoked: expected a key's fingerprint in hex, got {key!r:.80}")
    return Revoked(str(said["key"]), _text(said["hrn"], "revoked"), _time(said["at"], "at"), _text(said["why"], "why"))


def _view(said: Any) -> View:
    digest = _text(said["sha256"], "sha256")
    if len(digest) != 64 or not set(digest) <= _HEX:
        raise BadArgument(f"views: expected a SHA-256 in hex, got {digest!r:.80}")
    return View(_address(said["url"], "url", relative=True), _count(said["octets"], "octets"), digest)


def _text(said: Any, name: str, most: int = _TEXT) -> str:
    if not isinstance(said, str) or len(said) > most:
        raise BadArgument(f"{name}: expected text of at most {most} characters, got {said!r:.40}")
    if any(ord(character) < 32 and character not in "\n\t" for character in said) or "\x7f" in said:
        raise BadArgument(f"{name}: expected text that can be printed, got {said!r:.40}")
    return said


def _address(said: Any, name: str, relative: bool = False) -> str:
    """An address on the web, which we are going to ask: https or http, and nothing of ours like a socket or a file."""
    text = _text(said, name)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadArgument(f"{name}: expected an address like https://host/path, got {text!r:.80}: {error}") from None
    sound = text.isascii() and text.isprintable() and " " not in text and "@" not in parts.netloc
    whole = parts.scheme in ("https", "http") and bool(host)
    if text and not (sound and (whole or (relative and not parts.scheme and not parts.netloc))):
        raise BadArgument(f"{name}: expected an address like https://host/path, got {text!r:.80}")
    return text


def _count(said: Any, name: str) -> int:
    if type(said) is not int or not 0 <= said < 2**53:
        raise BadArgument(f"{name}: expected a number from 0, got {said!r:.40}")
    return said


def _time(said: Any, name: str) -> float:
    if type(said) not in (int, float) or not 0 <= said < 2**53:
        raise BadArgument(f"{name}: expected seconds since the epoch, got {said!r:.40}")
    return float(said)


def _list(said: Any, most: int) -> list[Any]:
    if not isinstance(said, list) or len(said) > most:
        raise BadArgument(f"expected an array of at most {most}, got {said!r:.40}")
    return said


def _object(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict) or len(said) > 32:
        raise BadArgument(f"expected an object of at most 32 members, got {said!r:.40}")
    return said
