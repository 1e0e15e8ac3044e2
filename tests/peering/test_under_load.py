"""Keys take over, are revoked, and a peer is removed while tickets are asked for and redeemed without a pause.

No honest call fails meanwhile; what was revoked is refused within one poll of the node.
"""

import time
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater

from planetlab.authority import certifying, rotating
from planetlab.cli import papers
from tests.peering.ground import Peered
from tests.peering.node import PERIOD, Node

ENOUGH = 10  # honest calls
PATIENCE = 120.0  # seconds for anything that shall come about


class UnderLoad(Peered):
    timeout = 180

    async def setUp(self) -> None:
        await super().setUp()
        await self.meet()
        self.node = Node("n1.princeton.example", self.plc, {self.plc: 0.8, self.epfl: 0.1})
        self.addCleanup(self.node.stop)
        self.honest, self.failed, self.loading = 0, [], True
        await self.delegated("princeton_load")
        await self.node.start()

    async def delegated(self, name: str) -> None:
        """A slice of plc's whose holder brings its tickets."""
        fields = {"name": name, "url": "http://x.example/", "description": "d", "instantiation": "delegated"}
        await self.plc.call("AddSlice", fields)
        await self.plc.call("AddSliceToNodes", name, ["n1.princeton.example"])

    async def load(self) -> None:
        """Ask for a new ticket and bring it to the node, again and again; every other one in the other form."""
        ask = evolve(self.plc.ask.repeatable, tries=3)
        while self.loading:
            form = ("SliceGetTicket", "GetSliceTicket")[self.honest % 2]
            code, value = await self.node.redeem(await ask.call(form, "princeton_load"))
            self.clock.advance(0.01)  # tickets are ordered by their time of issue
            self.honest += 1
            if code != 0:
                self.failed.append(value)

    async def under_load(self, work: Any) -> None:
        """Do ``work`` while the load goes on, and hold that none of it failed."""
        load: Deferred[None] = ensureDeferred(self.load())
        try:
            await work
            await self.until(lambda: self.honest > ENOUGH)
        finally:
            self.loading = False
            await load
        self.assertEqual([], self.failed)

    async def until(self, claim: Any) -> None:
        """Wait until a claim holds."""
        end = time.monotonic() + PATIENCE
        while not claim():
            self.assertLess(time.monotonic(), end, "it never came about")
            await deferLater(reactor, 0.02)

    async def polls(self, count: int) -> None:
        """Let the node ask for statements so many times."""
        for _ in range(count):
            await self.node.pl_conf._hear()

    async def last_use(self, sealed: str, since: float, word: str) -> None:
        """Bring a ticket again and again until it is refused; the last use was within one poll.

        Of the polls that are counted one was under way, and one may have come before the authority saw its folder.
        """
        last, value, asked = since, None, self.node.asked
        while True:
            code, value = await self.node.redeem(sealed)
            if code != 0:
                break
            last = time.monotonic()
            self.assertLess(last - since, PATIENCE, "it was never refused")
            await deferLater(reactor, 0.02)
        self.assertIn(word, str(value))
        self.assertLessEqual(self.node.asked - asked, 3)
        print(f"last use {last - since:.2f} s after; a poll is {PERIOD} s")

    async def test_ticket_keys_take_over_and_are_revoked(self) -> None:
        await self.delegated("princeton_old")
        old = await self.plc.call("SliceGetTicket", "princeton_old")
        self.assertEqual(0, (await self.node.redeem(old))[0])
        before = (await self.plc.call("GetInvitation"))["statement"]

        async def rotate() -> None:
            for step in (rotating.prepare, rotating.activate, rotating.taint):
                step(self.plc.path, "ticket", self.clock.now())
                await self.changed(before)
                await self.polls(1)
                self.assertEqual(0, (await self.node.redeem(old))[0])
            rotating.revoke(self.plc.path, "ticket", self.clock.now(), "replaced")
            begun = time.monotonic()
            await self.last_use(old, begun, "revoked")
            await self.until(lambda: self.node.slivers["princeton_old"] is False)
            self.assertTrue(self.node.slivers["princeton_load"])

        await self.under_load(rotate())
        new = await self.plc.call("SliceGetTicket", "princeton_old")
        self.assertEqual(0, (await self.node.redeem(new))[0])
        await self.until(lambda: self.node.slivers["princeton_old"])

    async def changed(self, before: str) -> None:
        """Wait until the authority has seen its folder."""
        version = (await self.says(self.plc)).version
        self.clock.advance(1.0)
        while (await self.plc.call("GetInvitation"))["statement"] == before:
            await deferLater(reactor, 0.02)
        self.assertGreater(version, 0)
        await deferLater(reactor, 0.1)

    async def test_an_authority_below_that_is_revoked_is_refused_within_one_poll(self) -> None:
        japan = await self.begin("plc.japan")
        certified = certifying.certify(self.plc.path, certifying.request(japan.path), self.clock.now())
        papers.install(papers.Papers(japan.path), japan.hrn, certified)
        await japan.populate("todai")
        await japan.call("UpdateSlice", "todai_one", {"instantiation": "delegated"})
        sealed = await japan.call("SliceGetTicket", "todai_one")
        self.assertEqual(0, (await self.node.redeem(sealed))[0])  # the chain alone, no word with the node's owner

        async def revoke() -> None:
            certifying.revoke(self.plc.path, japan.hrn, self.clock.now(), "it left")
            begun = time.monotonic()
            await self.last_use(sealed, begun, "revoked")
            await self.until(lambda: self.node.slivers["todai_one"] is False)

        await self.under_load(revoke())

    async def test_a_peer_is_suspended_resumed_and_removed(self) -> None:
        await self.epfl.call("RefreshPeer", "PlanetLab plc")
        await self.epfl.call("AddSliceToNodes", "lausanne_one", ["n1.princeton.example"])
        await self.plc.call("RefreshPeer", "PlanetLab epfl")
        await self.until(lambda: self.node.slivers.get("lausanne_one"))  # pulled, from a root that knows no such node
        await self.epfl.call("UpdateSlice", "lausanne_one", {"instantiation": "delegated"})
        pushed = await self.epfl.call("SliceGetTicket", "lausanne_one")
        self.assertEqual(0, (await self.node.redeem(pushed))[0])

        async def part() -> None:
            await self.plc.call("SuspendPeer", "epfl")
            await self.last_use(pushed, time.monotonic(), "suspended")
            await self.until(lambda: self.node.slivers["lausanne_one"] is False)
            await self.plc.call("ResumePeer", "epfl")
            await self.until(lambda: self.node.slivers["lausanne_one"])
            self.assertEqual(0, (await self.node.redeem(pushed))[0])
            await self.plc.call("DeletePeer", "PlanetLab epfl")
            await self.last_use(pushed, time.monotonic(), "ended its peering")
            await self.until(lambda: self.node.slivers["lausanne_one"] is False)

        await self.under_load(part())

    async def test_the_owner_changes_shares_while_it_runs_and_sees_receipts(self) -> None:
        await self.epfl.call("UpdateSlice", "lausanne_one", {"instantiation": "delegated"})
        await self.epfl.call("AddSliceTag", "lausanne_one", "net_min_rate", "5000")
        guaranteed = await self.epfl.call("SliceGetTicket", "lausanne_one")

        async def grant() -> None:
            await self.node.policy(epfl=0.0)
            await self.until(lambda: self.node.pl_conf.rules.policy.root[1].share == 0.0)
            code, value = await self.node.redeem(guaranteed)
            self.assertEqual((224, True), (code, "over-share" in str(value) or "does not fit" in str(value)))
            await self.node.policy(epfl=0.1)
            await self.until(lambda: self.node.pl_conf.rules.policy.root[1].share == 0.1)
            self.assertEqual(0, (await self.node.redeem(guaranteed))[0])

        await self.under_load(grant())
        receipts = self.node.pl_conf.ledger.receipts()
        said = [(one.deed, one.slice) for one in receipts]
        self.assertIn(("refused", "lausanne_one"), said)
        self.assertIn(("created", "lausanne_one"), said)
        self.assertIn("policy", {one.deed for one in receipts})
