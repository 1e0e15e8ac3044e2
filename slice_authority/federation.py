"""The slice authority's own word: its statement said anew when it must be, and its keys taken up as they change.

The authority's folder is looked at every few seconds. A key that was activated there signs from the next look on; what
an authority below has revoked is said on, so that whoever follows a root hears it of the whole subtree.
"""

import json
import os
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import Request

from planetlab import dsse, gids, keys, statements
from planetlab.authority import book as books
from planetlab.authority.speaking import ABOUT, Voice
from planetlab.both import hearing
from planetlab.both.desk import Desk
from planetlab.errors import BadSettings, PlanetLabError
from planetlab.registry import peer_papers
from planetlab.registry.store import Store
from planetlab.statements import Revoked, Statement
from planetlab.trust import Root
from slice_authority.issuing import Sealer, Sealers, carried

log = Logger()

LOOK_EVERY = 2.0  # seconds
SPEAK_EVERY = 3600.0  # seconds, also when nothing has changed: a statement that is never said anew ends
WATCHED = (books.FILE, ABOUT, "gid.pem", "statement.pem", "ticket.pem", "ticket.key", "pgp.sec", "ca.pem")


@define
class Federation:
    """An authority's folder as its server works on it; ``sealers`` signs its tickets."""

    folder: Path
    sealers: Sealers
    legacy: bool = False
    sealed: bytes = b""
    root: Root | None = None
    above: tuple[gids.Gid, ...] = ()
    _seen: tuple[Any, ...] = field(default=(), init=False)
    _spoken: float = field(default=0.0, init=False)

    async def look(self, desk: Desk) -> None:
        """Take up what changed in the folder, or below; say it. A change half done is seen again at the next look."""
        seen = self._stats()
        below, now = await desk.look(lambda store: (_below(store), store.now))
        if (seen, below) == self._seen and now < self._spoken + SPEAK_EVERY and self.sealed:
            return
        self.say(now, below)
        if self._take_up():
            await desk.job(peer_papers.reissue)
        self._seen = (seen, below)

    def say(self, now: float, below: tuple[Revoked, ...] = ()) -> None:
        """Say it now."""
        self.sealed = Voice(self.folder).speak(now, below)
        said = self.statement
        own, *above = gids.read_chain((self.folder / "gid.pem").read_bytes())
        self.root, self.above = Root(hrn=said.hrn, gid=own).heard(said), tuple(above)
        self._spoken = now

    @property
    def statement(self) -> Statement:
        """What was said last."""
        return statements.read(dsse.read(self.sealed, statements.MOST_BYTES))

    @property
    def turns(self) -> bytes:
        """The statements that began turns, as they are served."""
        return json.dumps([sealed.decode() for sealed in Voice(self.folder).turns()]).encode()

    def _take_up(self) -> bool:
        """Sign with the key that is active now; whether it is another than before."""
        chain = gids.read_chain((self.folder / "ticket.pem").read_bytes())
        before: Sealer | None = self.sealers.current
        key, pgp = self.folder / "ticket.key", self.folder / "pgp.sec"
        sealer = Sealer.load(chain[0].hrn, key, pgp, carried(chain), self.legacy)
        if not keys.same(keys.accepted(sealer.ticket_key.public_key()), chain[0].key):
            raise BadSettings(f"{self.folder}: ticket.key and ticket.pem do not belong together yet")
        self.sealers.current = sealer
        changed = before is not None and (before.pgp_secret, before.chain) != (sealer.pgp_secret, sealer.chain)
        if changed:
            log.info("tickets are signed with key {key} from now on", key=keys.fingerprint(chain[0].key)[:16])
        return changed

    def _stats(self) -> tuple[Any, ...]:
        found = []
        for name in WATCHED:
            try:
                stat = os.stat(self.folder / name)
                found.append((name, stat.st_mtime_ns, stat.st_ino))
            except OSError:
                found.append((name, 0, 0))
        return tuple(found)


def _below(store: Store) -> tuple[Revoked, ...]:
    """What authorities below this one have revoked, as far as each speaks for names of its own."""
    own = store.plc.hrn
    found: dict[str, Revoked] = {}
    for paper in peer_papers.every(store):
        if paper.hrn != own and own.governs(paper.hrn):
            found |= {each.key: each for each in hearing.known(paper.statement).statement.revoked}
    return tuple(sorted(found.values()))


class Document(Resource):
    """A signed paper, by GET."""

    isLeaf = True

    def __init__(self, federation: Federation, name: str) -> None:
        super().__init__()
        self._federation, self._name = federation, name

    def render_GET(self, request: Request) -> bytes:
        """The paper's bytes."""
        request.setHeader(b"Content-Type", b"application/json")
        request.setHeader(b"Cache-Control", b"no-cache")
        return bytes(self._federation.sealed if self._name == "statement" else self._federation.turns)


def tree(federation: Federation) -> Resource:
    """What stands below ``/federation``."""
    root = Resource()
    for name in ("statement", "turns"):
        root.putChild(f"{name}.json".encode(), Document(federation, name))
    return root


def of(folder: Path | None, seal: Sealer | None, now: float, legacy: bool) -> tuple[Federation | None, Sealers]:
    """The federation of an authority's folder, having spoken; None without one. Raises `BadSettings`."""
    sealers = Sealers(seal)
    if folder is None:
        return None, sealers
    federation = Federation(folder, sealers, legacy)
    try:
        federation.say(now)
    except (PlanetLabError, OSError) as error:
        raise BadSettings(f"federation: {folder}: {error}") from error
    return federation, sealers
