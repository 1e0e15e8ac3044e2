"""What the trusted authorities say of their keys: asked again and again, followed, kept across restarts.

Each root's signed statement is fetched from beside its poll address, or comes through this node's own authority, which
also says which of its peers are suspended or gone. A statement that does not follow from the one before changes
nothing; an authority that is silent leaves the last one in force. No statement ever widens what the owner has said.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urljoin

from attrs import define, evolve, field
from twisted.logger import Logger

from pl_conf.policy import RELAYED, Policy, Root
from planetlab import dsse, following, statements, trust
from planetlab.ask import Ask, each
from planetlab.errors import BadArgument, BadSettings, PeerError, PlanetLabError
from planetlab.following import Known
from planetlab.gids import Gid
from planetlab.names import Hrn
from planetlab.refusals import BadPaper
from planetlab.statements import MOST_BYTES

log = Logger()

STATEMENT, TURNS = "/federation/statement.json", "turns.json"  # the turns stand beside the statement
AT_ONCE = 8
CUT = "suspended"  # the file of peers that do not count, beside the statements
OLD = "HTTP 404"  # what an authority answers that has no statements

Get = Callable[[str, Path | None], Awaitable[bytes]]
"""Fetches a document: its address, and the CA that its server is known by. Raises `PeerError`."""


class Session(Protocol):
    """A session of this node at its own authority."""

    async def call(self, name: str, *args: Any) -> Any:
        """One answer. Raises `PeerError`."""


@define
class News:
    """What was heard. ``kept`` is the folder of the last good statements; ``cut`` says why a peer does not count."""

    kept: Path
    now: Callable[[], float]
    get: Get
    known: dict[Hrn, Known] = field(factory=dict)
    cut: dict[Hrn, str] = field(factory=dict)
    troubles: dict[str, str] = field(factory=dict)

    def load(self) -> None:
        """Read what was kept. What is damaged is heard anew, from the owner's pinned certificate on."""
        for path in sorted(self.kept.glob("*.json")):
            try:
                known = following.again(path.read_bytes())
            except (OSError, BadPaper) as error:
                log.warn("{path} is not read: {text}", path=str(path), text=str(error))
            else:
                self.known[known.statement.hrn] = known
        with contextlib.suppress(FileNotFoundError):
            try:
                said = json.loads((self.kept / CUT).read_text(encoding="utf-8"))
                self.cut = {Hrn.parse(name): str(why) for name, why in said.items()}
            except (ValueError, AttributeError, BadArgument) as error:
                log.warn("{path} is not read: {text}", path=str(self.kept / CUT), text=str(error))

    def applied(self, roots: Iterable[trust.Root]) -> tuple[trust.Root, ...]:
        """The owner's roots as they are after what was heard."""
        found = []
        for root in roots:
            known = self.known.get(root.hrn)
            heard = root if known is None else root.heard(known.statement)
            found.append(evolve(heard, suspended=self.cut.get(root.hrn, "")))
        return tuple(found)

    async def ask(self, policy: Policy, pinned: Iterable[trust.Root], folder: Path, session: Session | None) -> bool:
        """Ask every root that has an address, and this node's own authority for the others; whether anything is new."""
        anchors = {root.hrn: root.gid for root in pinned if root.gid is not None}
        before = (dict(self.known), dict(self.cut))
        wanted = [root for root in policy.root if root.name in anchors]
        await each([root for root in wanted if address(root)], lambda root: self._one(root, anchors, folder), AT_ONCE)
        if session is not None:
            others = {str(root.name) for root in wanted if not address(root)}
            await self._by_session(session, others | {root.hrn for root in wanted if root.follows}, anchors, policy)
        return (self.known, self.cut) != before

    async def _one(self, root: Root, anchors: dict[Hrn, Gid], folder: Path) -> None:
        where = address(root)
        try:
            ca = folder / root.ca if root.ca else None
            sealed = await self.get(where, ca)
            turns: list[bytes] = []
            before = self.known.get(root.name)
            if before is not None and before.sealed != sealed and _turn(sealed) != before.statement.turn:
                turns = _texts(await self.get(urljoin(where, TURNS), ca))
            self._hear(root.name, sealed, turns, anchors[root.name])
        except (PlanetLabError, OSError) as error:
            self._trouble(root.hrn, str(error))
        else:
            self._trouble(root.hrn, "")

    async def _by_session(self, session: Session, names: set[str], anchors: dict[Hrn, Gid], policy: Policy) -> None:
        """What this node's own authority says of its peers; one that cannot tell changes nothing."""
        try:
            said = await session.call("GetNodePeers", sorted(names))
            peers, gone = said["peers"], set(said["gone"])
            states = {str(peer["hrn"]): (str(peer["state"]), str(peer["statement"]).encode()) for peer in peers}
        except (PeerError, KeyError, TypeError) as error:
            self._trouble("own authority", f"GetNodePeers: {error}")
            return
        self._trouble("own authority", "")
        follows = {str(root.name) for root in policy.root if root.follows}
        cut = {
            name: f"this node's authority has suspended {name}"
            for name, (state, _) in states.items()
            if state != "active"
        }
        cut |= {name: f"this node's authority has ended its peering with {name}" for name in gone if name in names}
        self._cut({Hrn.parse(name): why for name, why in cut.items() if name in follows})
        for name, (_, sealed) in states.items():
            hrn = Hrn.parse(name)
            if hrn in anchors and not any(address(root) for root in policy.root if root.name == hrn):
                try:
                    self._hear(hrn, sealed, [], anchors[hrn])
                except PlanetLabError as error:
                    self._trouble(name, str(error))
                else:
                    self._trouble(name, "")

    def _hear(self, hrn: Hrn, sealed: bytes, turns: list[bytes], anchor: Gid) -> None:
        before = self.known.get(hrn)
        if before is None:
            known = following.begin(sealed, self.now(), anchors=[anchor])
            if known.statement.hrn != hrn:
                raise BadArgument(f"expected a statement of {hrn}, got one of {known.statement.hrn}")
        else:
            known = following.follow(before, sealed, self.now(), turns)
        if before is None or known.sealed != before.sealed:
            self.known[hrn] = known
            name = hashlib.sha256(str(hrn).encode()).hexdigest()[:32]
            _write(self.kept / f"{name}.json", known.sealed)

    def _cut(self, cut: dict[Hrn, str]) -> None:
        """Keep who does not count, so that a restart while the authority is away does not let them in again."""
        if cut != self.cut:
            _write(self.kept / CUT, json.dumps({str(hrn): why for hrn, why in sorted(cut.items())}).encode())
        self.cut = cut

    def _trouble(self, who: str, text: str) -> None:
        """Say once what is wrong, and once that it is well again."""
        before = self.troubles.pop(who, "")
        if text:
            self.troubles[who] = text
        if text and not before:
            say = log.debug if OLD in text else log.warn
            say("the statement of {who} is not heard: {text}; the last one stays in force", who=who, text=text)
        elif before and not text:
            log.info("the statement of {who} is heard again", who=who)


def address(root: Root) -> str:
    """Where a root's statement is; empty for one that is not asked for it."""
    if root.statement:
        return root.statement
    asked = root.poll.startswith(("http://", "https://")) and root.auth != RELAYED
    return urljoin(root.poll, STATEMENT) if asked else ""


def fetching(reactor: Any, timeout: float) -> Get:
    """Documents over the network."""

    async def get(where: str, ca: Path | None) -> bytes:
        try:
            return await Ask(where, ca=ca, timeout=timeout, tries=1, reactor=reactor, most=MOST_BYTES * 4).get()
        except BadSettings as error:
            raise PeerError(str(error)) from error

    return get


def _write(path: Path, sealed: bytes) -> None:
    """Write a file of what was heard, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    with beside.open("wb") as file:
        file.write(sealed)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _turn(sealed: bytes) -> int:
    return statements.read(dsse.read(sealed, MOST_BYTES)).turn


def _texts(data: bytes) -> list[bytes]:
    said = dsse.loads(data)
    if not isinstance(said, list) or not all(isinstance(text, str) for text in said):
        raise PeerError("expected an array of statements")
    return [text.encode() for text in said]
