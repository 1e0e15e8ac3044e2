"""The owner's policy file on disk, the keys it names, and what they make of a ticket's bytes.

The file is read at the start, on SIGHUP, and when it has changed. One that cannot be used leaves the last word in
force, and says so in the log; at the start it is an error.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from attrs import define, field
from twisted.logger import Logger

from pl_conf.agents import Agent
from pl_conf.policy import DAY, Policy, Root
from pl_conf.refusals import BY_WORD, NotAdmitted
from pl_conf.steady import SteadyTime
from planetlab import keys, openpgp, settings, tickets, trust, xmldsig
from planetlab.errors import BadArgument, BadSettings, DatabaseError
from planetlab.names import Hrn
from planetlab.refusals import BadPaper
from planetlab.tickets import Ticket

log = Logger()

CUTTING = frozenset({"revoked", "suspended", "forged", "chain-broken"})
"""Refusals that a ticket which was believed once meets only when its authority, or the peering with it, has changed."""


@define
class OwnersRules:
    """The owner's word as it stands. ``node`` is this node's name, for tickets that name whom they are for."""

    path: Path
    node: Hrn
    time: SteadyTime
    most_bytes: int
    policy: Policy = field(factory=Policy, init=False)
    agents: tuple[Agent, ...] = field(default=(), init=False)
    roots: trust.Roots = field(factory=trust.Roots, init=False)
    pinned: tuple[trust.Root, ...] = field(default=(), init=False)
    cut: dict[str, str] = field(factory=dict, init=False)  # digests of tickets that count no more, and why
    heard: Callable[[tuple[trust.Root, ...]], tuple[trust.Root, ...]] = field(default=lambda roots: roots, init=False)
    _seen: tuple[int, int] = field(default=(0, 0), init=False)

    def load(self) -> None:
        """Read the file and the keys it names. Raises `BadSettings`; then nothing has changed."""
        seen = self._look()
        policy = settings.read(Policy, self.path)
        self._use(policy)
        self._seen = seen

    def _use(self, policy: Policy) -> None:
        try:
            policy.check()
        except BadArgument as error:
            raise BadSettings(f"{self.path}: {error}") from error
        pinned = tuple(self._root(root) for root in policy.root)
        self.agents = tuple(self._agent(root) for root in policy.root if root.dslice)
        self.pinned = pinned
        self.hear()
        self.policy = policy

    def hear(self) -> None:
        """Take up what the authorities say of their keys, beside what the owner has pinned."""
        roots = self.heard(self.pinned)
        self.roots = trust.Roots(roots)

    def judge(self, wishes: Iterable[tuple[str, bytes]]) -> None:
        """Look again at tickets that are in force, by digest: a key behind them may have been revoked since."""
        self.cut = {}
        for digest, sealed in wishes:
            verdict = self._verdict(sealed, self.time.wall())
            if isinstance(verdict, NotAdmitted) and verdict.reason.word in CUTTING:
                self.cut[digest] = str(verdict)

    def say(self, policy: Policy) -> None:
        """Make ``policy`` the owner's word, in the file too.

        Raises `BadSettings`, or `DatabaseError` where the file cannot be written; then nothing has changed.
        """
        before = self.policy
        self._use(policy)
        try:
            settings.write(policy, self.path)
        except (BadSettings, OSError) as error:
            self._use(before)
            raise DatabaseError(f"{self.path}: the owner's word cannot be written: {error}") from error
        self._seen = self._look()

    def say_for_now(self, policy: Policy) -> None:
        """Make ``policy`` the owner's word until the next start or the next change of the file."""
        self._use(policy)

    def changed(self) -> bool:
        """Whether the file is another than the one that was read."""
        return self._look() != self._seen

    def skip(self) -> None:
        """Do not look at the file again until it changes once more."""
        self._seen = self._look()

    def _look(self) -> tuple[int, int]:
        try:
            stat = self.path.stat()
        except OSError as error:
            raise BadSettings(f"{self.path}: the owner's rules cannot be read: {error.strerror}") from error
        return stat.st_mtime_ns, stat.st_ino

    def _root(self, root: Root) -> trust.Root:
        try:
            return trust.Root.load(
                root.name,
                gid=self._file(root.gid),
                ticket_keys=tuple(self._file(path) for path in (root.ticket_key,) if path),
                pgp_keys=tuple(self._file(path) for path in (root.pgp,) if path),
                subtree=root.reach,
                legacy=root.legacy,
            )
        except (BadArgument, BadPaper, ValueError) as error:
            raise BadSettings(f"{self.path}: root {root.hrn}: {error}") from error

    def _agent(self, root: Root) -> Agent:
        try:
            return Agent(root.name, keys.load_public(self._file(root.dslice)))
        except (BadArgument, BadPaper, ValueError) as error:
            raise BadSettings(f"{self.path}: root {root.hrn}: dslice: {error}") from error

    def _file(self, name: str) -> bytes:
        path = self.path.parent / name
        try:
            return path.read_bytes() if name else b""
        except OSError as error:
            raise BadSettings(f"{self.path}: {path} cannot be read: {error.strerror}") from error

    def believe(self, sealed: bytes) -> Ticket:
        """The ticket in these bytes, if it holds for this node now. Raises `NotAdmitted`.

        While the clock is in doubt a ticket has to be valid by both counts of the time.
        """
        if len(sealed) > self.most_bytes:
            raise NotAdmitted("too-large", f"the ticket has {len(sealed)} bytes; this node reads {self.most_bytes}")
        wall = self.time.wall()
        if not self.time.in_doubt:
            return self._believe_at(sealed, wall)
        steady = self.time.now()
        verdicts = [self._verdict(sealed, moment) for moment in (wall, steady)]
        by_wall, by_count = verdicts
        if isinstance(by_wall, Ticket) and isinstance(by_count, Ticket):
            return by_wall
        if isinstance(by_wall, NotAdmitted) and isinstance(by_count, NotAdmitted):
            raise by_wall
        apart = (wall - steady) / DAY
        raise NotAdmitted(
            "clock", f"this node's clock is {apart:+.2f} days off its own count of time; ask again when it is right"
        )

    def testify(self, sealed: bytes) -> None:
        """While the clock is in doubt: let a ticket fresh from an authority say that it is right after all.

        A ticket's time of issue is no later than its authority's present, so it is heard for a clock that went on,
        not for one that went back.
        """
        if self.time.in_doubt:
            ticket = self._verdict(sealed, self.time.wall())
            if isinstance(ticket, Ticket) and ticket.timestamp > self.time.now():
                self.time.confirm(ticket.timestamp)

    def _verdict(self, sealed: bytes, now: float) -> Ticket | NotAdmitted:
        try:
            return self._believe_at(sealed, now)
        except NotAdmitted as refusal:
            return refusal

    def _believe_at(self, sealed: bytes, now: float) -> Ticket:
        try:
            ticket = tickets.open_ticket(sealed, self.roots, now)
            tickets.admit(ticket, self.node, now)
        except BadPaper as error:
            word = error.reason if error.reason in BY_WORD else "bad-content"
            raise NotAdmitted(word, str(error)) from error
        except BadArgument as error:
            raise NotAdmitted("bad-content", str(error)) from error
        root = self.roots.find(ticket.issuer)
        if root is not None and root.legacy and _is_legacy(sealed):
            log.warn("{slice}: a ticket of {root} is signed the old way", slice=ticket.slice, root=root.hrn)
        return ticket


def _is_legacy(sealed: bytes) -> bool:
    """Whether a ticket that was opened is signed by an algorithm that only the legacy switch lets pass."""
    codec = tickets.codec_of(sealed)
    return xmldsig.examine(sealed).legacy if codec == "xmldsig" else openpgp.read(sealed).legacy
