"""Searches by destination, slice, port, prefix and time, from twenty clients at once, find what brute force finds."""

from ipaddress import IPv4Network, IPv6Network

from twisted.trial.unittest import SynchronousTestCase

from tests.auditd.searched import made, searched, searches

FLOWS = 20_000


class TwentyClients(SynchronousTestCase):
    def test_two_hundred_random_searches_are_answered_with_exact_counts(self) -> None:
        found = searched(FLOWS, 200, 20)
        self.assertEqual(200, len(found.seconds))
        self.assertEqual([], found.wrong[:3])

    def test_the_searches_are_of_every_kind_and_find_something(self) -> None:
        every = made(FLOWS)
        asked = searches(every, 200)
        for name in ("slice", "port", "protocol", "skew"):
            self.assertGreater(sum(bool(getattr(search, name)) for search in asked), 10, name)
        for kind in (IPv4Network, IPv6Network):
            prefixes = [search.to for search in asked if isinstance(search.to, kind)]
            self.assertGreater(len({network.prefixlen for network in prefixes}), 5)
        counts = [search.brute(every)[0] for search in asked]
        self.assertGreater(min(counts), 0)
        self.assertGreater(max(counts), 100)
