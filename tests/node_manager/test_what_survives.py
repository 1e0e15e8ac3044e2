"""What survives the end of the node manager, of the machine, of its disks, and of a slice: a row of a table each.

The originals' table, with what they lost kept: handles of delegated slivers at a restart, delegated slivers at a
reboot, bytes counted at a reboot.
"""

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from node_manager.books import Books
from node_manager.caps import Meter
from node_manager.drivers import State, Stats
from node_manager.drivers.memory import MemoryDriver
from node_manager.identity import Caller
from node_manager.records import DELEGATED
from planetlab.rspec import ResourceSpec
from tests.node_manager.world import CODEEN, KEY, NOON, PL_CONF, SIRIUS, UTAH, World, record

CONTROLLER = Caller(5001, "utah_nmcontrol")
OTHER_KEY = KEY.replace("user@", "other@")


class Surviving(SynchronousTestCase):
    """One sliver that its authority wants, one of a controller's, a loan, and bytes that were sent."""

    def setUp(self) -> None:
        self.world = World()
        self.polled = record(rspec=ResourceSpec(net_max_rate=5000), slice_id=7)
        delegation = {"attributes": {"delegations": "utah_nmcontrol"}}
        self.delegated = record(UTAH, instantiation=DELEGATED, keys=(KEY,), slice_id=8, **delegation)
        self.rcaps = {
            each.name: self.call(PL_CONF, "Instantiate", each.wire()) for each in (self.polled, self.delegated)
        }
        self.call(Caller(5002, str(CODEEN)), "SetLoans", str(CODEEN), [[str(UTAH), "net_max_rate", 1000]])
        self.world.driver.stats = lambda name: Stats(sent=10**6)
        self.sample()

    def call(self, caller: Caller, name: str, *args: Any) -> Any:
        def given() -> Any:
            value = self.world.call(caller, name, *args)
            return Deferred.fromCoroutine(value) if hasattr(value, "send") else value

        return self.successResultOf(maybeDeferred(given))

    def sample(self) -> None:
        self.world.later(10.0)
        self.successResultOf(Deferred.fromCoroutine(self.world.node.sample()))

    def round(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.world.node.round()))

    def states(self) -> dict[Any, State]:
        return {name: found.state for name, found in self.world.driver.look().items()}

    def restart(self) -> None:
        self.world = self.world.restarted()
        self.round()

    def reboot(self) -> None:
        """Every process ends, the kernel's counters begin at nothing."""
        self.world.driver.halt()
        self.world.driver.stats = lambda name: Stats(sent=500)
        self.restart()


class ARestart(Surviving):
    def test_leaves_records_rcaps_loans_and_running_slivers(self) -> None:
        self.restart()
        self.assertEqual({CODEEN: State.RUNNING, UTAH: State.RUNNING}, self.states())
        again = {each.name: self.call(PL_CONF, "Instantiate", each.wire()) for each in (self.polled, self.delegated)}
        self.assertEqual(self.rcaps, again)
        self.assertEqual(4000, self.world.driver.look()[CODEEN].sliver.rspec.net_max_rate)

    def test_leaves_a_controller_its_handles_without_another_create(self) -> None:
        """The last original skipped delegated slivers after its restart, and Start, Stop and ReCreate failed."""
        self.restart()
        for method, state in (("Stop", State.STOPPED), ("Start", State.RUNNING), ("ReCreate", State.RUNNING)):
            self.assertEqual(1, self.call(CONTROLLER, method, str(UTAH)))
            self.assertEqual(state, self.states()[UTAH], method)

    def test_leaves_new_keys_and_limits_their_way_to_a_delegated_sliver(self) -> None:
        self.restart()
        newer = record(
            UTAH, instantiation=DELEGATED, keys=(OTHER_KEY,), slice_id=8, timestamp=NOON + 20,
            rspec=ResourceSpec(cpu_share=9),
        )  # fmt: skip
        self.call(PL_CONF, "Instantiate", newer.wire())
        sliver = self.world.driver.look()[UTAH].sliver
        self.assertEqual(((OTHER_KEY,), 9), (sliver.keys, sliver.rspec.cpu_share))

    def test_counts_on(self) -> None:
        before = self.world.books.meters[CODEEN]
        self.restart()
        self.assertEqual(before, self.world.books.meters[CODEEN])


class AReboot(Surviving):
    def test_brings_back_what_ran_delegated_or_not(self) -> None:
        """A delegated sliver stayed down after a reboot until its controller happened to call Create."""
        self.reboot()
        self.assertEqual({CODEEN: State.RUNNING, UTAH: State.RUNNING}, self.states())

    def test_leaves_stopped_what_its_controller_stopped(self) -> None:
        self.call(CONTROLLER, "Stop", str(UTAH))
        self.reboot()
        self.assertEqual({CODEEN: State.RUNNING, UTAH: State.STOPPED}, self.states())

    def test_leaves_destroyed_what_its_controller_destroyed(self) -> None:
        self.call(CONTROLLER, "Destroy", str(UTAH))
        self.reboot()
        self.assertEqual({CODEEN: State.RUNNING}, self.states())
        self.assertEqual(1, self.call(CONTROLLER, "Create", str(UTAH)))

    def test_does_not_give_a_slice_its_day_anew(self) -> None:
        """Counters began at nothing, and with them the period: a slice could send its day's amount again."""
        before = self.world.books.meters[CODEEN]
        self.reboot()
        self.sample()
        meter = self.world.books.meters[CODEEN]
        self.assertEqual((before.since, before.sent + 500), (meter.since, meter.sent))


class AReinstall(Surviving):
    def test_leaves_nothing_here_and_all_comes_from_those_who_ask(self) -> None:
        clock = self.world.clock.at
        self.world = World(MemoryDriver(now=lambda: clock), Books(), clock)
        self.round()
        self.assertEqual(({}, {}), (self.states(), self.world.books.entries))
        self.call(PL_CONF, "Instantiate", self.polled.wire())
        self.assertEqual({CODEEN: State.RUNNING}, self.states())


class ASliceDeletedAndMadeAgain(Surviving):
    def test_has_no_loans_and_no_files_and_the_bytes_of_its_day(self) -> None:
        """Its bytes were multiplied by a thousand on their way back."""
        meter = self.world.books.meters[CODEEN]
        self.call(PL_CONF, "Release", self.rcaps[CODEEN])
        self.assertNotIn(CODEEN, self.states())
        self.world.later(10.0)
        newer = record(slice_id=7, timestamp=NOON + 30)
        self.assertNotEqual(self.rcaps[CODEEN], self.call(PL_CONF, "Instantiate", newer.wire()))
        self.assertEqual((), self.world.books.entries[CODEEN].loans)
        self.world.driver.stats = lambda name: Stats(sent=300)
        self.sample()
        again = self.world.books.meters[CODEEN]
        self.assertEqual((meter.since, meter.sent + 300), (again.since, again.sent))

    def test_a_day_later_begins_with_nothing(self) -> None:
        self.world.later(2 * 86400.0)
        self.world.driver.stats = lambda name: Stats(sent=10**6 + 50)
        self.sample()
        self.assertEqual(0, self.world.books.meters.get(UTAH, Meter(since=0.0)).sent)
        self.assertNotIn(SIRIUS, self.world.books.meters)
