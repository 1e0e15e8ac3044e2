"""How fast one address may call."""

from twisted.trial.unittest import SynchronousTestCase

from pl_conf.rates import MOST_ADDRESSES, Rates


class ABucket(SynchronousTestCase):
    def test_holds_back_who_calls_too_fast_and_nobody_else(self) -> None:
        rates = Rates(rate=2.0, burst=3)
        self.assertEqual([True, True, True, False], [rates.admits("a", 0.0) for _ in range(4)])
        self.assertTrue(rates.admits("b", 0.0))

    def test_fills_again_with_time(self) -> None:
        rates = Rates(rate=2.0, burst=3)
        for _ in range(4):
            rates.admits("a", 0.0)
        self.assertEqual([True, False], [rates.admits("a", 0.5), rates.admits("a", 0.5)])

    def test_never_holds_more_than_the_burst(self) -> None:
        rates = Rates(rate=2.0, burst=3)
        rates.admits("a", 0.0)
        self.assertEqual(3, sum(rates.admits("a", 1e6) for _ in range(10)))

    def test_remembers_only_so_many_addresses(self) -> None:
        rates = Rates(rate=1.0, burst=1)
        for n in range(MOST_ADDRESSES + 100):
            rates.admits(str(n), 0.0)
        self.assertEqual(MOST_ADDRESSES, len(rates._levels))
