"""pl_conf put together: its files, ports, polls and timers on one node.

Nothing waits for anybody at the start: the ports answer as soon as the ledger is open, what an earlier run left begun
is settled as soon as the node manager answers, and authorities are asked when they can be. Each timer's work that
fails is logged and counted, and comes again.
"""

import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from pl_conf import agreeing, lease_ports
from pl_conf.dialect import PAIRS, Greeter
from pl_conf.directory import Directory
from pl_conf.entries import Receipt
from pl_conf.feed import Guards
from pl_conf.figures import DOUBT, SLIVERS
from pl_conf.keys import Keys, KeySensor
from pl_conf.ledger import Ledger
from pl_conf.methods import local, public
from pl_conf.news import News, fetching
from pl_conf.node import NodeManager, Remote
from pl_conf.owner import Owner
from pl_conf.policy import RELAYED, SESSION, Root
from pl_conf.poll import Poll, Session
from pl_conf.redeem import Redeemer
from pl_conf.relayed import Relayed
from pl_conf.reserving import Reserving
from pl_conf.rules import OwnersRules
from pl_conf.settings import Settings
from pl_conf.steady import SteadyTime
from pl_conf.witness import Witness
from planetlab import ask, tls
from planetlab.clock import Clock
from planetlab.errors import BadSettings, PlanetLabError
from planetlab.failpoints import failpoint
from planetlab.launch import Running
from planetlab.names import Hrn, SliceName
from planetlab.serve import PLC, ApiResource, Limits, hardened_site

log = Logger()

HOUR = 3600.0
REPORT, REPORT_AFTER = "ReportRunlevel", 5.0  # seconds from the start, so that the first poll has a session
WITNESS_AFTER = 10.0  # seconds from the start
OF_NODES = (REPORT, "GetSlivers", "GetNodes", "GetInterfaces")  # calls of the half of an authority that knows nodes
BASE64 = 4 / 3  # how much larger a ticket is on the wire
CALL = 65_536  # octets of a call beside its ticket


class PlConf:
    """The service on its files; `start` makes it heard. Methods find everything they work on here."""

    def __init__(
        self,
        settings: Settings,
        place: Path,
        reactor: Any,
        clock: Clock,
        elapsed: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        """Read the owner's rules and open the ledger. Raises `BadSettings`.

        ``place`` is where relative paths begin, ``elapsed`` counts seconds without ever being set, ``chance`` gives
        numbers from 0 to 1.
        """
        self.settings, self.place, self.reactor = settings, place, reactor
        self._elapsed, self._chance, self._clock = elapsed, chance, clock
        self.time = SteadyTime(clock.now, elapsed)
        self.rules = OwnersRules(place / settings.policy, Hrn.parse(settings.hrn), self.time, settings.most_ticket)
        self.rules.load()
        self.ledger = Ledger.open(place / settings.ledger, place / settings.deletions)
        self.time.resume(float(self.ledger.about("believed", "0")), settings.longest_off)
        self.keys = Keys()
        for wish in self.ledger.wishes():
            self.keys.change(wish.slice, wish.keys)
        self.manager: NodeManager = Remote(ask.Ask(settings.node_manager, timeout=settings.timeout, reactor=reactor))
        self.redeemer = Redeemer(self.ledger, self.manager, self.rules, self.time, self._keys_changed)
        self.redeemer.is_cloned = lambda: any(poll.is_cloned for poll in self.polls.values())
        self.owner = Owner(self.rules, self.redeemer, self._policy_changed)
        self.witness = Witness(self.ledger, self.time.wall)
        self.reserving = Reserving(settings.node_id, lambda: self.manager, lambda: self.rules.policy.reservations)
        self.directory = Directory(lambda: self.manager)
        self.polls: dict[str, Poll] = {}
        kept = place / f"{settings.ledger}.statements"
        self.news = News(kept, self.time.wall, fetching(reactor, settings.timeout))
        self.news.load()
        self.rules.heard = self.news.applied
        self.failures: dict[str, int] = {}
        self._orphans: dict[str, float] = {}
        self._delayed: dict[str, IDelayedCall] = {}
        self._stopping = False
        self._unseen = ""

    async def start(self, running: Running[Settings]) -> None:
        """Listen and begin. Raises `PlanetLabError`, one line, for a port that cannot be had."""
        said = self.settings
        greeter = Greeter(self, said)
        limits = Limits(body=int(said.most_ticket * BASE64) + CALL, per_peer=100)
        outside = hardened_site(ApiResource(public, greeter.public, PAIRS, limits=limits), self.reactor, limits)
        inside = hardened_site(ApiResource(local, greeter.local, PLC, limits=limits), self.reactor, limits)
        sensor = hardened_site(KeySensor(self.keys), self.reactor, Limits(body=1024, per_peer=100))
        secure = None
        if said.listen_tls:
            secure = tls.server_options(self.place / said.certificate, self.place / said.private_key)
        if said.dslice.is_on:
            await lease_ports.serve(running, said.dslice, self.place, self.redeemer, lambda: self.rules.agents)
        for where in said.listen_keys:
            await running.listen(where, sensor)
        await running.listen(said.socket, inside)
        await running.operator(said.listen_operator)
        for where in said.listen:
            await running.listen(where, outside)
        for where in said.listen_tls:
            await running.listen(where, outside, secure)
        running.why_not = self.why_not
        running.reloads.append(self._reload_soon)
        running.at_end(self.close)
        self._every("settle", 0.0, said.reconcile, self._agree)
        self._every("sweep", said.sweep, said.sweep, self._sweep)
        self._every("watch", said.watch, said.watch, self._watch)
        self._every("forget", HOUR, HOUR, self._forget)
        self._take_up_news()
        self._every("statements", 0.0, said.period, self._hear)
        if said.node_id:
            self._every("reserve", REPORT_AFTER, said.lease_period, self._reserve)
        if said.node_id and said.directory_every:
            self._every("directory", REPORT_AFTER, said.directory_every, self._list_nodes)
        if said.report:
            self._every("report", REPORT_AFTER, said.report_every, self._report)
        if said.witness_every:
            self._every("witness", WITNESS_AFTER, said.witness_every, self._witness)
        self._policy_changed()

    def close(self) -> None:
        """End the timers, close the files."""
        self._stopping = True
        for delayed in self._delayed.values():
            if delayed.active():
                delayed.cancel()
        self.ledger.set_about("believed", repr(self.time.now()))
        self.ledger.close()

    # timers

    def _every(self, name: str, first: float, then: float, work: Callable[[], Awaitable[Any]]) -> None:
        async def run() -> None:
            await self._try(name, work)
            self._later(name, then, run)

        self._later(name, first, run)

    async def _try(self, name: str, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            await work()
        except PlanetLabError as error:
            self.failures[name] = self.failures.get(name, 0) + 1
            log.warn("{name}: {text}", name=name, text=str(error))
        except Exception:  # a timer must live; what failed is counted, and comes again
            self.failures[name] = self.failures.get(name, 0) + 1
            log.failure("{name} failed", name=name)

    def _later(self, name: str, seconds: float, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if not self._stopping:
            self._delayed[name] = self.reactor.callLater(seconds, lambda: Deferred.fromCoroutine(run()))

    async def _agree(self) -> None:
        """Settle what is begun, then bring the node manager to what the ledger says."""
        await self.owner.settle()
        await agreeing.recover(self.redeemer)
        orphans = {sliver.rcap: sliver for sliver in await agreeing.agree(self.redeemer) if sliver.rcap}
        now = self._elapsed()
        self._orphans = {rcap: self._orphans.get(rcap, now) for rcap in orphans}
        for rcap, since in self._orphans.items():
            if now - since >= self.settings.orphan_grace:
                sliver = orphans[rcap]
                log.warn("ending {slice} of {authority}: no ticket here stands behind it", slice=sliver.name,
                         authority=sliver.authority)  # fmt: skip
                await self.manager.release(rcap)
                text = "no ticket here stands behind it"
                self.ledger.note(
                    Receipt(at=self._clock.now(), authority=sliver.authority, slice=sliver.name, source="node",
                            deed="deleted", text=text)
                )  # fmt: skip

    async def _sweep(self) -> None:
        """End what has expired, begin and end what the calendar says, write down what time it is believed to be."""
        await agreeing.expire(self.redeemer)
        await agreeing.rebind(self.redeemer)
        SLIVERS.set(len(self.ledger.wishes()))
        DOUBT.set(self.time.in_doubt)
        self.ledger.set_about("believed", repr(self.time.now()))

    async def _watch(self) -> None:
        try:
            changed, self._unseen = self.rules.changed(), ""
        except BadSettings as error:
            if str(error) != self._unseen:  # once, not every two seconds
                log.error("the owner's rules stay as they were: {text}", text=str(error))
            changed, self._unseen = False, str(error)
        if changed:
            await self.reload()

    async def _forget(self) -> None:
        self.ledger.forget(self.time.now())

    def _reload_soon(self) -> None:
        self._later("reload", 0.0, lambda: self._try("reload", self.reload))

    async def reload(self) -> None:
        """Read the owner's file again; one that cannot be used leaves the old word in force."""
        try:
            changed = await self.owner.reload()
        except BadSettings as error:
            with contextlib.suppress(BadSettings):
                self.rules.skip()
            log.error("the owner's rules stay as they were: {text}", text=str(error))
        else:
            log.info("the owner's rules are read again; {n} slivers changed", n=changed)

    # what authorities say of themselves

    async def _hear(self) -> None:
        """Ask for statements; what is new applies at once, to what is here too."""
        if await self.news.ask(self.rules.policy, self.rules.pinned, self.rules.path.parent, self._own_session()):
            self._take_up_news()
            await agreeing.rebind(self.redeemer)

    def _take_up_news(self) -> None:
        self.rules.hear()
        self.rules.judge((wish.digest, wish.sealed) for wish in self.ledger.wishes())

    def _own_session(self) -> Session | None:
        """The session at the authority that this node belongs to; None while it polls none."""
        node = Hrn.parse(self.settings.hrn)
        own = [poll.source for poll in self.polls.values() if poll.root.name.governs(node)]
        return next((source for source in own if isinstance(source, Session)), None)

    # polls

    def _keys_changed(self, name: SliceName, said: tuple[str, ...] | None) -> None:
        self.keys.change(name, said)
        for poll in self.polls.values():
            if said is None and poll.is_crowded:
                poll.again()

    def _policy_changed(self) -> None:
        """Begin and end polls as the roots now say."""
        polled = [root for root in self.rules.policy.root if root.poll and root.auth == SESSION]
        polled += [root for root in self.rules.policy.root if root.auth == RELAYED]
        wanted = {root.hrn: root for root in polled}
        if not self.settings.node_id:
            wanted = {}
        for name in [name for name, poll in self.polls.items() if wanted.get(name) != poll.root]:
            del self.polls[name]
            if (delayed := self._delayed.pop(f"poll {name}", None)) is not None and delayed.active():
                delayed.cancel()
        for name, root in wanted.items():
            if name not in self.polls:
                self._begin_polling(root)
            else:
                self.polls[name].again()

    def _begin_polling(self, root: Root) -> None:
        said = self.settings
        guards = Guards(answers=said.absent_answers, shrink=said.shrink_limit)
        source = self._session(root) if root.auth == SESSION else Relayed(root.hrn, self._own_session)
        poll = Poll(root, source, self.redeemer, guards, said.most_ticket)
        self.polls[root.hrn] = poll

        async def run() -> None:
            if self.polls.get(root.hrn) is poll:
                await poll.once()
                self._later(f"poll {root.hrn}", poll.delay(said.period, said.jitter, self._chance()), run)

        self._later(f"poll {root.hrn}", min(said.period, said.jitter / 10) * self._chance(), run)

    def _session(self, root: Root) -> Session:
        """How this node speaks to the authority of ``root``. Raises `BadSettings` for a key that cannot be read.

        A node has one session at its authority, which both halves of it know; reports go by the session of the polls.
        """
        said = self.settings
        ca = self.rules.path.parent / root.ca if root.ca else None
        slices = self._openly(root)
        report_ca = self.place / said.report_ca if said.report_ca else ca
        beside = root.poll.removesuffix("SA/") + "PLCAPI/" if root.poll.endswith("SA/") else root.poll
        url = beside if said.report in ("", "auto") else said.report
        nodes = ask.Ask(url, ca=report_ca, timeout=said.timeout, tries=1, reactor=self.reactor)
        key = _secret(self.place / said.node_key)

        async def begin() -> str:
            return str(await slices.as_(ask.NodeKey(said.node_id, key)).call("GetSession"))

        async def call(session: str, name: str, *args: Any) -> Any:
            half = nodes if name in OF_NODES else slices
            return await half.as_(ask.Session(session)).call(name, *args)

        return Session(begin, call)

    async def _reserve(self) -> None:
        """Hand the leases of this node's own authority on to the node manager."""
        node = Hrn.parse(self.settings.hrn)
        for poll in self.polls.values():
            if poll.root.name.governs(node) and isinstance(poll.source, Session):
                await self.reserving.once(poll.source.call, self.time.now(), self._elapsed())

    async def _list_nodes(self) -> None:
        """Tell the node manager which nodes its authority knows."""
        node = Hrn.parse(self.settings.hrn)
        for poll in self.polls.values():
            if poll.root.name.governs(node) and isinstance(poll.source, Session):
                await self.directory.once(poll.source.call)

    async def _report(self) -> None:
        """Say to this node's own authority that it runs, so that others see it in the list of nodes."""
        node = Hrn.parse(self.settings.hrn)
        for poll in self.polls.values():
            if poll.root.name.governs(node) and isinstance(poll.source, Session):
                failpoint("report.begun")
                await poll.source.call(REPORT, {"run_level": "boot"})
                failpoint("report.sent")

    async def _witness(self) -> None:
        """Testify for every root that is polled, whatever becomes of the others."""
        for poll in list(self.polls.values()):
            await self._try(f"witness {poll.root.hrn}", partial(self._testify, poll))

    async def _testify(self, poll: Poll) -> None:
        """Put what was redeemed here into the public, and look whether it was given out in public."""
        root, name = poll.root, poll.root.name
        if name.governs(Hrn.parse(self.settings.hrn)) and isinstance(poll.source, Session):
            await self.witness.report(poll.source.call)
        trusted = self.rules.roots.find(name)
        if trusted is not None and root.auth != RELAYED:  # what passes tickets on keeps another log
            await self.witness.look(name, self._openly(root).call, trusted.keys)

    def _openly(self, root: Root) -> ask.Ask:
        """The slice authority of ``root``, called by nobody in particular."""
        ca = self.rules.path.parent / root.ca if root.ca else None
        return ask.Ask(root.poll, ca=ca, timeout=self.settings.timeout, tries=1, reactor=self.reactor)

    # health

    def why_not(self) -> str:
        """What an operator should look at; empty when all is well."""
        wrong = [poll.trouble for poll in self.polls.values() if poll.trouble]
        if self.time.in_doubt:
            wrong.append("the clock of this node is in doubt")
        if begun := len(self.ledger.begun()):
            wrong.append(f"{begun} operations are begun and not ended")
        return "; ".join(wrong)


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: the node's key cannot be read: {error}") from error
