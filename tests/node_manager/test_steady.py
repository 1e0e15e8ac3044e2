"""A jump of the clock moves no deadline by itself (reliability T17)."""

from twisted.trial.unittest import SynchronousTestCase

from node_manager.steady import ACCEPTED, AWAY, Steady

NOON = 1_800_000_000.0
YEAR = 365 * 86400.0


class JumpsOfTheClock(SynchronousTestCase):
    def jumped(self, by: float) -> tuple[Steady, float]:
        steady = Steady(NOON, 0.0)
        steady.see(NOON + 10, 10.0)
        return steady, steady.see(NOON + 20 + by, 20.0)

    def test_no_jump_moves_believed_time(self) -> None:
        for by in (3600.0, -3600.0, 10 * YEAR, -10 * YEAR, 301.0, -61.0):
            steady, believed = self.jumped(by)
            self.assertLess(abs(NOON + 20 - believed), 1.0)
            self.assertTrue(steady.is_doubtful)

    def test_a_leap_second_and_small_corrections_are_taken_as_they_are(self) -> None:
        for by in (1.0, -1.0, 30.0):
            steady, believed = self.jumped(by)
            self.assertEqual((NOON + 20 + by, False), (believed, steady.is_doubtful))

    def test_time_goes_on_while_the_clock_is_in_doubt(self) -> None:
        steady, _ = self.jumped(10 * YEAR)
        self.assertLess(abs(NOON + 1020 - steady.see(NOON + 1020 + 10 * YEAR, 1020.0)), 1.0)

    def test_a_clock_set_right_again_is_believed_at_once(self) -> None:
        steady, _ = self.jumped(3600.0)
        self.assertEqual((NOON + 30, False), (steady.see(NOON + 30, 30.0), steady.is_doubtful))

    def test_an_authority_that_says_the_same_ends_the_doubt(self) -> None:
        steady, _ = self.jumped(3600.0)
        self.assertTrue(steady.witness(NOON + 3600))
        self.assertEqual(NOON + 3630, steady.see(NOON + 3630, 30.0))

    def test_an_authority_that_says_otherwise_does_not(self) -> None:
        steady, _ = self.jumped(3600.0)
        self.assertFalse(steady.witness(NOON))

    def test_a_moved_clock_is_believed_when_nobody_objects_for_a_day(self) -> None:
        steady, _ = self.jumped(3600.0)
        steady.see(NOON + 3600 + ACCEPTED + 20, ACCEPTED + 20)
        self.assertFalse(steady.is_doubtful)

    def test_a_clock_that_runs_twice_too_fast_is_found_out(self) -> None:
        steady, believed = Steady(NOON, 0.0), 0.0
        for tick in range(1, 361):
            believed = steady.see(NOON + 20.0 * tick, 10.0 * tick)
        self.assertTrue(steady.is_doubtful)
        self.assertLess(abs(NOON + 3600 - believed), 0.02 * 3600)

    def test_a_slowly_corrected_clock_stays_believed(self) -> None:
        steady = Steady(NOON, 0.0)
        for tick in range(1, 10_000):
            steady.see(NOON + 10.05 * tick, 10.0 * tick)
        self.assertFalse(steady.is_doubtful)


class AfterARestart(SynchronousTestCase):
    def test_a_clock_that_moved_years_while_the_node_was_off_is_doubted(self) -> None:
        steady = Steady(NOON + 10 * YEAR, 0.0, last=NOON)
        self.assertEqual(NOON + 5, steady.see(NOON + 10 * YEAR + 5, 5.0))

    def test_a_clock_that_went_back_is_doubted(self) -> None:
        self.assertEqual(NOON + 5, Steady(NOON - YEAR, 0.0, last=NOON).see(NOON - YEAR + 5, 5.0))

    def test_some_days_of_absence_are_believed(self) -> None:
        steady = Steady(NOON + AWAY - 1, 0.0, last=NOON)
        self.assertFalse(steady.is_doubtful)
