"""What nobody foresaw stays where it is: in its round, in a slice that takes its time, in a name that is another's."""

import threading
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from node_manager import figures
from node_manager.drivers import Sliver
from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec
from tests.node_manager.test_node import Generous, NodeTest
from tests.node_manager.test_service import ServiceTest
from tests.node_manager.world import CODEEN, EPFL, SIRIUS, World, record

PATIENCE = 60.0  # seconds, on a machine that is busy


class ASurpriseInARound(ServiceTest):
    """One bare ``except`` stood around the original's whole loop: after a surprise there was no second round."""

    async def test_is_counted_and_the_next_round_comes(self) -> None:
        driver: Any = self.manager.driver
        looks: list[int] = []
        look = driver.look

        def surprising() -> Any:
            looks.append(1)
            if len(looks) == 1:
                raise ZeroDivisionError("nobody thought of this")
            return look()

        before = figures.ROUNDS_CUT._value.get()
        driver.look = surprising
        for _ in range(2):
            await self.manager._guarded(self.manager._round)
        self.assertEqual((1, 2), (figures.ROUNDS_CUT._value.get() - before, len(looks)))
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual({}, await self.nm.call("GetXIDs"))


class ASliverThatTakesItsTime(ServiceTest):
    """In the original each call held one lock, and a slow ``vuseradd`` made every caller and the poll wait."""

    async def test_holds_up_no_other_slice_and_no_other_call(self) -> None:
        driver: Any = self.manager.driver
        go, create = threading.Event(), driver.create
        self.addCleanup(go.set)

        def slow(sliver: Sliver) -> Any:
            if sliver.slice == CODEEN:
                go.wait(PATIENCE)
            return create(sliver)

        driver.create = slow
        waiting = Deferred.fromCoroutine(self.nm.call("Instantiate", record().wire()))
        others = [SliceName("princeton", f"s{number}") for number in range(3)]
        await gatherResults(
            [Deferred.fromCoroutine(self.nm.call("Instantiate", record(name).wire())) for name in others]
        )
        self.assertEqual({str(name) for name in others}, set(await self.nm.call("GetXIDs")))
        self.assertFalse(waiting.called)
        go.set()
        self.assertEqual(32, len(await waiting))

    async def test_has_its_record_seen_by_others_meanwhile(self) -> None:
        driver: Any = self.manager.driver
        go, create = threading.Event(), driver.create
        self.addCleanup(go.set)
        driver.create = lambda sliver: (go.wait(PATIENCE), create(sliver))[1]
        waiting = Deferred.fromCoroutine(self.nm.call("Instantiate", record(keys=("ssh-ed25519 A a",)).wire()))
        seen: dict[str, str] = {}
        for _ in range(int(PATIENCE * 20)):
            seen = await self.nm.call("GetSSHKeys")
            if seen:
                break
            await deferLater(reactor, 0.05)  # type: ignore[arg-type]  # Twisted's module is the reactor
        self.assertEqual(({"princeton_codeen": "ssh-ed25519 A a"}, False), (seen, waiting.called))
        go.set()
        await waiting


class TheSliceCalledDefault(NodeTest):
    """A slice of that name carried settings of the whole node, whoever it belonged to."""

    def test_of_another_authority_means_nothing_to_the_node(self) -> None:
        driver = Generous()
        world = World(driver)
        default = record(
            SliceName("pl", "default"), EPFL, instantiation="nm-controller", rspec=ResourceSpec(net_max_rate=-1)
        )
        self.done(world.node.instantiate(default))
        self.done(world.node.instantiate(record(SIRIUS)))
        self.done(world.node.sample())
        driver.sent = 9_492_187 * 1024
        world.later(3600.0)
        self.done(world.node.sample())
        self.assertEqual(104, driver.look()[SIRIUS].sliver.rspec.net_max_rate)  # type: ignore[union-attr]  # it is made
