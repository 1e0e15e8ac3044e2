"""One node's audit as a running service: capture, owners, journal, pages, each on its beat."""

import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from secrets import randbits
from typing import Any

from attrs import define, field
from twisted.internet.abstract import isIPAddress
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from auditd import disclosure, rows
from auditd.answers import Answers
from auditd.audit import Audit
from auditd.books import Books
from auditd.case_pages import CasePages
from auditd.collector import Collector, Source
from auditd.desk import Desk
from auditd.directory import Directory
from auditd.export import Exporter
from auditd.flows import Flows
from auditd.owners import KERNEL, Owners
from auditd.pages import Pages
from auditd.pauses import Pauses
from auditd.recovery import Journal, recovered
from auditd.sealing import Log, Sealer
from auditd.settings import Settings
from auditd.simulated import Player, recorded
from auditd.store import opened
from planetlab.alone import Alone
from planetlab.ask import Ask
from planetlab.clock import Clock
from planetlab.errors import BadSettings, PlanetLabError
from planetlab.files import signing_key
from planetlab.mail import Relay

TURN, OWNERS, WRITE, WATCH, DESK, WARM = 0.25, 0.5, 0.5, 0.5, 2.0, 20.0  # seconds between two rounds of each
CGROUP_ROOTS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_log = Logger()


def steady() -> int:
    """Microseconds of the steady clock."""
    return time.monotonic_ns() // 1000


def cgroup_id(path: str) -> int | None:
    """What packets carry for the cgroup at ``path``: the low half of its id; None when it is gone."""
    for root in CGROUP_ROOTS:
        if (root / "cgroup.procs").exists():
            try:
                return os.stat(root / path.lstrip("/")).st_ino & 0xFFFFFFFF
            except OSError:
                return None
    return None


def _secret(name: str, path: str) -> str:
    """What a secret file has, "" where none is set. Raises `BadSettings`."""
    try:
        return Path(path).read_text(encoding="utf-8").strip() if path else ""
    except (OSError, ValueError) as error:
        raise BadSettings(f"{name} {path}: cannot be read: {error}") from error


def made(settings: Settings) -> Audit:
    """An audit as ``settings`` say. Raises `BadSettings`."""
    try:
        own = frozenset(rows.read_pair(address) for address in (settings.address, *settings.addresses))
    except ValueError as error:
        raise BadSettings(f"address, addresses: expected IP addresses, {error}") from None
    for name, value, allowed in (
        ("capture", settings.capture, ("live", "simulated")),
        ("capture_senders", settings.capture_senders, ("auto", "kernel", "mark", "packet")),
        ("capture_forwarded", settings.capture_forwarded, ("interface", "mark")),
        ("disclosure", settings.disclosure, disclosure.LEVELS),
    ):
        if value not in allowed:
            raise BadSettings(f"{name}: expected {' or '.join(allowed)}, got {value!r}")
    flows = Flows(randbits(64), settings.idle, settings.active, settings.most_flows)
    return Audit(flows, Owners({KERNEL}, own))


@define(eq=False)
class Service:
    """Everything that runs."""

    settings: Settings
    reactor: Any
    clock: Clock
    audit: Audit = field(init=False)
    source: Source = field(init=False)
    pages: Pages = field(init=False)
    desk: Desk = field(init=False)
    directory: Directory = field(init=False)
    log: Log = field(init=False)
    sealer: Sealer = field(init=False)
    steady: Callable[[], int] = steady
    _journal: Journal = field(init=False)
    _exporter: Exporter | None = field(init=False)
    _stamp: int = field(default=0, init=False)
    _asking: Alone = field(factory=lambda: Alone("asking the node manager for owners"), init=False)
    _loops: list[LoopingCall] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.audit = made(self.settings)
        store = opened(Path(self.settings.data_dir))
        recovered(self.audit, store, *self.clocks())
        self._journal = Journal(self.audit, store)
        if self.settings.capture == "simulated":
            messages = recorded(self.settings.recording)
            self.source = Player(self.audit, self.reactor, self.steady, messages)
        else:
            self.source = Collector(self.audit, self.settings, self.reactor, self.steady)
        self._exporter = self._export()
        folder = Path(self.settings.data_dir)
        self.directory = Directory(
            self.settings.authority_pages, folder / "optouts.json", self.reactor, self._enforce,
            self.settings.authority_ca or None,
        )  # fmt: skip
        answers = Answers(self.audit, self.settings, self._aside, self.directory)
        self.desk = self._desk(answers)
        self.log = Log(
            folder / "log",
            signing_key(folder / "log.key", "log key"),
            _secret("log_token_file", self.settings.log_token_file),
        )
        self.sealer = Sealer(self.audit, self.settings, self.log, self.reactor, self.clocks)
        token = _secret("reader_token_file", self.settings.reader_token_file)
        self.pages = Pages(answers, self.clocks, CasePages(self.desk), self.log, token)

    def _aside(self, work: Callable[[], Any], told: Callable[[Any], None]) -> None:
        """Do ``work`` in a thread."""
        done = deferToThreadPool(self.reactor, self.reactor.getThreadPool(), work)
        done.addCallback(told).addErrback(lambda failure: _log.failure("a sum could not be made", failure))

    def _enforce(self) -> None:
        """Let the kernel keep the opt-out list as it is now."""
        self.desk.enforce(self.clock.now())

    def _desk(self, answers: Answers) -> Desk:
        """The desk for strangers' cases."""
        said = self.settings
        own, pauses = (said.address, *said.addresses), None
        if said.pauses and said.capture == "live":
            pauses = Pauses(said.capture_prefix, own, self.reactor)
        relay = None
        if said.mail_relay:
            host, _, port = said.mail_relay.rpartition(":")
            if not host or not port.isdigit():
                raise BadSettings(f"mail_relay: expected host:port, got {said.mail_relay!r}")
            relay = Relay(host, int(port), said.mail_from or f"audit@{said.node}", self.reactor)
        return Desk(
            said, answers, Books(Path(said.data_dir) / "cases.db"), pauses, relay, lambda: self.directory.optouts
        )

    def clocks(self) -> tuple[int, int]:
        """Both clocks, at one moment: microseconds, steady and since the epoch."""
        return self.steady(), round(self.clock.now() * 1e6)

    def start(self) -> None:
        """Begin."""
        self.source.start()
        self.desk.enforce(self.clock.now())
        for every, work in (
            (TURN, self.turn),
            (OWNERS, self.ask_owners),
            (WRITE, self.write),
            (WATCH, self.source.watch),
            (DESK, self.seal),
            (DESK, lambda: self.desk.look(self.clock.now())),
            (WARM, self.pages.warm),
            (self.settings.authority_period, lambda: self.directory.look(self.clock.now())),
        ):
            loop = LoopingCall(self._guarded, work)
            loop.clock = self.reactor
            loop.start(every)
            self._loops.append(loop)

    def _guarded(self, work: Callable[[], Any]) -> None:
        """A round that fails is told in the log, and does not end the ones after it."""
        try:
            work()
        except Exception:  # one round's defect, whatever it is, must not end the rounds after it
            _log.failure("a round of the audit failed")

    def why_not(self) -> str:
        """Why there is no capture just now; "" when there is."""
        if self.audit.blind_since(self.steady()) is None:
            return ""
        return f"nothing is captured: {self.source.error or 'the capture has not begun'}"

    def turn(self) -> None:
        """What time brings."""
        now, wall = self.clocks()
        self.audit.clock(now, wall)
        ended = self.audit.turn(now)
        if self._exporter is not None:
            self._exporter.export(ended, wall / 1e6)

    def _export(self) -> Exporter | None:
        """Who sends flows to a collector, where one is set. Raises `BadSettings`."""
        if not self.settings.export:
            return None
        kind, _, where = self.settings.export.partition(":")
        host, _, port = where.rpartition(":")
        protocol = {"ipfix": 10, "netflow9": 9}.get(kind)
        if protocol is None or not isIPAddress(host) or not port.isdigit():
            expected = "expected ipfix:address:port or netflow9:address:port"
            raise BadSettings(f"export: {expected}, got {self.settings.export!r}")
        out = self.reactor.listenUDP(0, DatagramProtocol())
        domain = zlib.crc32(self.settings.node.encode()) & 0x7FFFFFFF
        return Exporter(protocol, domain, lambda data: out.write(data, (host, int(port))))

    def seal(self) -> None:
        """Seal what is due. A simulated capture leaves no log."""
        if self.settings.segment_seconds and self.settings.capture == "live":
            self.sealer.look()

    def write(self) -> None:
        """Put what came on disk."""
        self._journal.write(self.steady())
        self.source.kept()

    def ask_owners(self) -> None:
        """Ask the node manager whose packets are whose, unless an answer is still awaited."""
        self._asking.begin(self._owners)

    async def _owners(self) -> None:
        asked = self.steady()
        try:
            ask = Ask(f"unix:{self.settings.nm_socket}", timeout=5.0, tries=1, reactor=self.reactor)
            told = await ask.call("GetOwners", self._stamp)
            stamp, owners = int(told["stamp"]), list(told["owners"])
        except (PlanetLabError, KeyError, TypeError, ValueError) as error:
            if not self.audit.owners_error:
                _log.warn("the node manager does not tell owners: {error}", error=error)
            self.audit.owners_error = str(error) or type(error).__name__
            return
        if stamp < self._stamp:  # its books are new: ask for everything
            self._stamp = 0
            return
        self._stamp = stamp
        self.audit.learn(owners, asked, cgroup_id)

    async def stop(self) -> None:
        """End the capture, and write down the last."""
        for loop in self._loops:
            loop.stop()
        await self.source.stop()
        self.turn()
        self._journal.close(self.steady())
        self.desk.books.close()
