"""Setting the clock of a node bends no flow, ends none, and is told."""

from twisted.trial.unittest import SynchronousTestCase

from auditd.hour import SEALING
from auditd.timeline import DRIFT, Timeline
from tests.auditd.world import CODEEN, NOON, VICTIM, S, World, sent

HOUR, TEN_YEARS = 3600, 315_360_000


class TheClockIsSet(SynchronousTestCase):
    def test_a_flow_across_a_step_keeps_its_length_and_both_its_packets(self) -> None:
        for step in (1, -1, 300, -300, HOUR, -HOUR, TEN_YEARS, -TEN_YEARS):
            world = World()
            world.see(sent(CODEEN, at=1000))
            world.later(10)
            world.ahead += step
            world.turn()
            world.later(10)
            world.see(sent(CODEEN, at=1020))
            world.later(1)
            (flow,) = world.json(f"/to/{VICTIM}.json?from=0")["flows"]
            self.assertEqual((2, 20.0), (flow["packets"], flow["last"] - flow["first"]), step)
            self.assertEqual(NOON, flow["first"])

    def test_a_step_ends_no_flow(self) -> None:
        world = World()
        world.see(sent(CODEEN, at=1000))
        world.later(5)
        world.ahead += TEN_YEARS
        world.turn()
        self.assertEqual(1, len(world.audit.flows))

    def test_a_step_of_a_second_or_more_is_declared(self) -> None:
        world = World()
        world.ahead += HOUR
        world.turn()
        (gap,) = world.json("/index.json")["gaps"]
        self.assertEqual(("clock", "the clock was set forward by 3600.000 s"), (gap["lack"], gap["reason"]))

    def test_owners_told_in_the_time_before_a_step_own_what_was_sent_before_it(self) -> None:
        timeline = Timeline()
        timeline.observe(1000 * S, NOON * S)
        timeline.observe(2000 * S, (NOON + 1000 + HOUR) * S)
        self.assertEqual(1500 * S, timeline.steady(NOON + 500.0))
        self.assertEqual(2500 * S, timeline.steady(NOON + 1500.0 + HOUR))


class TimePasses(SynchronousTestCase):
    def test_drift_is_no_step(self) -> None:
        timeline = Timeline()
        for second in range(10_000):
            self.assertEqual(0, timeline.observe(second * S, NOON * S + second * (S + 50)))
        self.assertLessEqual(abs(timeline.wall(9_999 * S) - (NOON * S + 9_999 * (S + 50))), DRIFT + 50)

    def test_rows_told_in_wall_time_come_back_to_the_steady_clock(self) -> None:
        timeline = Timeline()
        timeline.observe(1000 * S, NOON * S)
        row = sent(CODEEN, at=1234.5)
        self.assertEqual(row.tolist(), timeline.steadied(timeline.walled(row)).tolist())

    def test_no_record_of_a_flow_that_lasts_for_hours_is_left_out_of_what_is_sealed(self) -> None:
        world = World()
        sealed, begin, count = [], NOON, 3 * HOUR // 20
        for number in range(count + 60):
            if number < count:
                world.see(sent(CODEEN, at=world.steady))
            world.later(20)
            if world.steady - 1000 >= begin - NOON + HOUR + 400:  # an hour is sealed when its last record has ended
                sealed.append(world.audit.hour.ended(begin * S, (begin + HOUR) * S))
                begin += HOUR
        self.assertEqual([180, 180, 180], [int(found["packets"].sum()) for found in sealed])
        self.assertGreater(sum(map(len, sealed)), 30)

    def test_what_is_older_than_an_hour_is_gone_from_the_page(self) -> None:
        world = World()
        world.see(sent(CODEEN, at=1000))
        world.later(3599)
        self.assertEqual(1, len(world.json(f"/to/{VICTIM}.json")["flows"]))
        world.later(2)
        self.assertEqual(0, len(world.json(f"/to/{VICTIM}.json")["flows"]))
        world.later(400 + SEALING)
        self.assertEqual(0, len(world.audit.hour))
