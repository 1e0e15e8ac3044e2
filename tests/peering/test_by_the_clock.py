"""Peers are asked by the clock; those that are dead hold up neither the others nor anybody's calls."""

import time

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import deferLater

from planetlab.both import hearing
from planetlab.names import Hrn
from tests.peering.ground import Peered, Served, Static, objects, serve_static
from tests.peering.test_static_and_hostile import serve_silent

DEAD = "abcdefghjkmnpqrstuvw"  # more than are asked at the same time


class ByTheClock(Peered):
    async def setUp(self) -> None:
        self.patch(hearing, "PATIENCE", 1.0)
        await super().setUp()
        self.asking = Served("plc.japan", self.base, self.clock)
        evolve(self.asking.place, refresh_every=1).write_settings()
        self.addCleanup(self.asking.stop)
        await self.asking.start()

    async def test_the_dead_are_asked_less_and_less_and_the_living_every_time(self) -> None:
        where = await serve_silent(self)
        for letter in DEAD:
            name = f"dead{letter}"
            dead = Static(Hrn((name,)), self.clock.now(), objects(name, 1), url=where)
            await self.asking.call("AcceptPeer", dead.say().decode(), dead.words)
        alive = Static(Hrn(("alive",)), self.clock.now(), objects("alive", 3))
        await serve_static(self, alive)
        await self.asking.call("AcceptPeer", alive.say().decode(), alive.words)
        slowest = 0.0
        while not (await self.asking.book("alive"))["objects"]:
            begun = time.monotonic()
            await self.asking.call("GetSites", {}, ["site_id"])
            slowest = max(slowest, time.monotonic() - begun)
            await deferLater(reactor, 0.05)
        self.assertLess(slowest, 5.0)
        while not all(row["failures"] for row in await self.asking.call("GetPeerBooks") if row["hrn"] != "alive"):
            await deferLater(reactor, 0.1)
        asked = alive.asked
        for _ in range(2):
            alive.version += 1
            alive.objects = objects("alive", 3 + alive.version)
            alive.say()
            while (await self.asking.book("alive"))["objects"]["nodes"] != 3 + alive.version:
                await deferLater(reactor, 0.1)
        self.assertGreater(alive.asked, asked)
        failures = [row["failures"] for row in await self.asking.call("GetPeerBooks") if row["hrn"] != "alive"]
        self.assertLess(max(failures), 8)
        for letter in DEAD:
            await self.asking.call("SuspendPeer", f"dead{letter}")
        await deferLater(reactor, 2.0)  # who was being asked when it was suspended is given up
