"""Time that a jump of the clock does not move."""

from twisted.trial.unittest import SynchronousTestCase

from pl_conf.steady import SLACK, SteadyTime
from tests.pl_conf.samples import DAY, HOUR, NOW


class AClockThatJumps(SynchronousTestCase):
    def setUp(self) -> None:
        self.wall, self.elapsed = NOW, 1000.0
        self.time = SteadyTime(lambda: self.wall, lambda: self.elapsed)

    def go_on(self, seconds: float) -> None:
        self.wall += seconds
        self.elapsed += seconds

    def test_neither_hours_nor_years_of_jump_move_the_time_of_expiry(self) -> None:
        for jump in (-10 * 365 * DAY, -HOUR, -SLACK - 1, SLACK + 1, HOUR, 10 * 365 * DAY):
            self.setUp()
            self.wall += jump
            self.go_on(10.0)
            self.assertEqual((NOW + 10.0, True), (self.time.now(), self.time.in_doubt), f"jump of {jump} s")

    def test_a_clock_put_right_is_believed_again_at_once(self) -> None:
        self.wall += HOUR
        self.assertTrue(self.time.in_doubt)
        self.wall -= HOUR
        self.assertFalse(self.time.in_doubt)

    def test_an_authority_that_confirms_the_wall_clock_ends_the_doubt(self) -> None:
        self.wall += DAY
        self.time.confirm(NOW + DAY + 20)
        self.assertEqual((NOW + DAY, False), (self.time.now(), self.time.in_doubt))

    def test_an_authority_that_contradicts_the_wall_clock_does_not(self) -> None:
        self.wall += DAY
        self.time.confirm(NOW + HOUR)
        self.assertEqual((NOW, True), (self.time.now(), self.time.in_doubt))

    def test_a_clock_that_gains_a_minute_every_minute_gains_little_of_the_counted_time(self) -> None:
        for _ in range(60):
            self.wall += 120.0
            self.elapsed += 60.0
            self.time.now()
        self.assertLess(self.time.now() - (NOW + HOUR), 0.011 * HOUR)

    def test_it_follows_the_wall_clock_where_they_differ_by_little(self) -> None:
        self.wall += 1.0
        self.go_on(1000.0)
        self.assertEqual(self.wall, self.time.now())


class AfterARestart(SynchronousTestCase):
    def believed(self, last: float, wall: float) -> float:
        time = SteadyTime(lambda: wall, lambda: 5.0)
        time.resume(last, longest_off=7 * DAY)
        return time.now()

    def test_a_clock_that_went_back_while_the_node_was_off_is_in_doubt(self) -> None:
        self.assertEqual(NOW, self.believed(NOW, NOW - HOUR))

    def test_a_clock_that_is_years_ahead_of_the_last_run_is_in_doubt(self) -> None:
        self.assertEqual(NOW, self.believed(NOW, NOW + 3650 * DAY))

    def test_some_days_of_being_off_are_days(self) -> None:
        self.assertEqual(NOW + 3 * DAY, self.believed(NOW, NOW + 3 * DAY))

    def test_the_first_run_of_all_believes_the_clock_it_finds(self) -> None:
        self.assertEqual(NOW, self.believed(0.0, NOW))
