"""Daily byte caps, by the numbers the last original gave."""

from twisted.trial.unittest import SynchronousTestCase

from node_manager.caps import Caps, Meter, caps, ceiling, guaranteed, slowed
from node_manager.drivers import Stats
from planetlab.rspec import ResourceSpec
from planetlab.units import DAY

DEFAULT = ResourceSpec()
NOON = 1_800_000_000.0


def ordinary(kib: int, elapsed: float) -> int | None:
    return ceiling(kib * 1024, DEFAULT.net_thresh_kbyte, DEFAULT.net_max_kbyte, DEFAULT.net_min_rate, elapsed)


class ReferenceNumbers(SynchronousTestCase):
    def test_at_the_threshold_after_an_hour(self) -> None:
        self.assertEqual(104_347, ordinary(9_492_187, 3600.0))

    def test_one_kib_short_of_the_days_amount_is_held_at_the_minimum(self) -> None:
        self.assertEqual(1000, ordinary(10_546_874, 3600.0))

    def test_exempt_destinations_at_their_threshold_at_half_the_day(self) -> None:
        rspec = DEFAULT
        used = 28_476_562 * 1024
        self.assertEqual(
            600_000, ceiling(used, rspec.net_i2_thresh_kbyte, rspec.net_i2_max_kbyte, rspec.net_i2_min_rate, 43_200.0)
        )

    def test_below_the_threshold_nobody_is_slowed(self) -> None:
        self.assertIsNone(ordinary(9_492_186, 3600.0))

    def test_a_minimum_of_900000_of_a_million_becomes_250000(self) -> None:
        self.assertEqual(250_000, guaranteed(ResourceSpec(net_min_rate=900_000), 1_000_000).net_min_rate)

    def test_at_the_very_end_of_the_day_there_is_no_division_by_nothing(self) -> None:
        self.assertEqual(1000, ordinary(9_500_000, DAY))


class CountingADay(SynchronousTestCase):
    def test_what_was_sent_before_is_not_counted_again_after_a_restart_of_the_counter(self) -> None:
        meter = Meter(since=NOON).see(Stats(sent=1000), NOON + 10).see(Stats(sent=300), NOON + 20)
        self.assertEqual(1300, meter.sent)

    def test_a_recreated_slice_goes_on_with_what_it_had(self) -> None:
        """The original multiplied its bytes by a thousand."""
        meter = Meter(since=NOON, sent=5000, last_sent=5000)
        self.assertEqual(5000, meter.see(Stats(sent=0), NOON + 10).sent)

    def test_a_new_day_begins_with_nothing_and_lifts_the_cap(self) -> None:
        meter = Meter(since=NOON, sent=10**12, last_sent=10**12, is_told=True)
        later = meter.see(Stats(sent=10**12 + 5), NOON + DAY)
        self.assertEqual((0, NOON + DAY, False), (later.sent, later.since, later.is_told))
        self.assertEqual(Caps(), caps(later, DEFAULT, NOON + DAY))

    def test_a_clock_that_went_back_begins_a_new_day(self) -> None:
        self.assertEqual(0, Meter(since=NOON, sent=7).see(Stats(), NOON - 1).sent)


class SlowingDown(SynchronousTestCase):
    def test_the_cap_is_bound_and_told(self) -> None:
        meter = Meter(since=NOON, sent=9_492_187 * 1024)
        at = caps(meter, DEFAULT, NOON + 3600)
        self.assertEqual((104, 1_000_000), (slowed(DEFAULT, at).net_max_rate, slowed(DEFAULT, at).net_i2_max_rate))
        self.assertEqual("to 104 kbit/s for ordinary destinations", str(at))

    def test_nobody_is_sped_up_and_no_limit_is_limited(self) -> None:
        self.assertEqual(8, slowed(ResourceSpec(net_max_rate=8), Caps(ordinary=104)).net_max_rate)
        self.assertEqual(104, slowed(ResourceSpec(net_max_rate=-1), Caps(ordinary=104)).net_max_rate)
