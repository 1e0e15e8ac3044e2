"""How long an answer that was dear is good."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers.container.recent import Recent


class AnAnswer(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.takes, self.asked = Clock(), 0.1, 0

    def recent(self, age: float = 0.0, most: float = 5.0) -> Recent[int]:
        def ask() -> int:
            self.clock.advance(self.takes)
            self.asked += 1
            return self.asked

        return Recent(ask, age, 20.0, most, clock=self.clock.seconds)

    def test_is_good_for_so_many_times_as_it_took(self) -> None:
        recent = self.recent()
        self.assertEqual((1, 1), (recent.get(), recent.get()))
        self.clock.advance(1.9)
        self.assertEqual(1, recent.get())
        self.clock.advance(0.2)
        self.assertEqual(2, recent.get())

    def test_of_a_machine_that_stood_still_meanwhile_is_not_good_for_minutes(self) -> None:
        recent, self.takes = self.recent(), 60.0
        self.assertEqual(1, recent.get())
        self.clock.advance(4.9)
        self.assertEqual(1, recent.get())
        self.clock.advance(0.2)
        self.assertEqual(2, recent.get())

    def test_that_cost_nothing_is_good_for_its_age(self) -> None:
        recent, self.takes = self.recent(age=3.0), 0.0
        recent.get()
        self.clock.advance(2.9)
        self.assertEqual(1, recent.get())
        self.clock.advance(0.2)
        self.assertEqual(2, recent.get())
