"""A node whose clock jumps, both ways and by any amount, in the middle of anything: nothing ends, nothing doubles."""

import random
import shutil
import time

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import State
from planetlab.clock import SetClock
from tests.world import World

HOUR, YEAR = 3600.0, 365.25 * 86400.0
GRID = (1.0, 61.0, 300.0, HOUR, 86400.0, 10 * YEAR)
JUMPS = 200


class NodesClock(SetClock):
    """The world's clock, and how far this node's is off."""

    def __init__(self, world: SetClock) -> None:
        self._world, self.off = world, 0.0

    def now(self) -> float:
        return self._world.now() + self.off


class AJump(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(time.time())  # certificates are made by commands, which read the machine's clock
        self.addCleanup(shutil.rmtree, self.world.folder)
        self.clock = NodesClock(self.world.clock)
        self.node = self.world.node(clock=self.clock)
        for number in range(3):
            self.world.plc.slice(f"princeton_polled{number}", "plc-instantiated", str(self.node.host))
        pushed = self.world.plc.ticket(self.world.plc.slice("princeton_pushed"))
        self.rcap = self.node.redeem(pushed)[1][0]
        self.world.wait(12.0)
        self.names = ["princeton_polled0", "princeton_polled1", "princeton_polled2", "princeton_pushed"]
        self.assertEqual(self.names, self.running())

    def running(self) -> list[str]:
        found = self.node.manager.driver.look()
        return sorted(str(name) for name, each in found.items() if each.state is State.RUNNING)

    def sweep(self) -> None:
        """Everything that looks at the time: expiry, settling, a round, a sample."""
        conf, manager = self.node.pl_conf, self.node.manager.node
        for work in (conf._sweep, conf._agree, manager.round, manager.sample):
            self.world.run(work())

    def test_ends_no_sliver_by_any_step_of_the_grid_and_is_forgotten_when_it_is_mended(self) -> None:
        for step in (*GRID, *(-step for step in GRID)):
            self.clock.off = step
            self.sweep()
            self.world.wait(11.0)
            self.assertEqual(self.names, self.running(), f"after a jump of {step:.0f} s")
            self.clock.off = 0.0
            self.sweep()
            ticket = self.world.plc.ticket("princeton_pushed")
            self.assertEqual((0, [self.rcap]), self.node.redeem(ticket), f"once {step:.0f} s are mended")

    def test_of_hours_refuses_what_is_new_by_that_reason_and_keeps_what_is_here(self) -> None:
        new = self.world.plc.ticket(self.world.plc.slice("princeton_new"))
        for step in (30 * 86400.0, -30 * 86400.0):
            self.clock.off = step
            self.sweep()
            code, text = self.node.redeem(new)
            self.assertNotEqual(0, code)
            self.assertRegex(text, "clock|expired|not yet valid")
            self.clock.off = 0.0
            self.sweep()
        self.assertEqual(0, self.node.redeem(new)[0])

    def test_in_the_middle_of_anything_two_hundred_times_loses_and_doubles_nothing(self) -> None:
        chance = random.Random(20)
        for number in range(JUMPS):
            self.clock.off = chance.choice((0.0, chance.choice(GRID) * chance.choice((1, -1))))
            chance.choice((self.sweep, lambda: self.world.wait(chance.uniform(0.1, 6.0)), self.renew))()
            self.assertEqual(self.names, self.running(), f"jump {number}, off by {self.clock.off:.0f} s")
        self.clock.off = 0.0
        self.sweep()
        ledger = self.node.pl_conf.ledger
        self.assertEqual(([], self.names), (ledger.begun(), sorted(str(wish.slice) for wish in ledger.wishes())))
        self.assertEqual([], ledger.all_gone())

    def renew(self) -> None:
        code, value = self.node.redeem(self.world.plc.ticket("princeton_pushed"))
        self.assertTrue(code or value == [self.rcap], value)
