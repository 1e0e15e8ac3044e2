"""Searches by destination, slice, port, prefix and time, from twenty clients at once, find what brute force finds."""

import json
import socket
import time
from ipaddress import IPv4Network, IPv6Network

from twisted.trial.unittest import SynchronousTestCase

from tests.auditd.searched import Search, made, searched, searches, serving
from tests.auditd.world import NOON

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


class ASlowReader(SynchronousTestCase):
    def test_a_large_answer_comes_whole_to_a_reader_that_does_not_read_at_once(self) -> None:
        whole = Search(to=IPv6Network("2001:db8::/48"), since=0, until=NOON * 1_000_000)
        count = whole.brute(made(FLOWS))[0]
        self.assertGreater(count, 1000)
        with serving(FLOWS) as port, socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", port))
            reader.sendall(b"GET /to/2001:db8::/48.json?from=0 HTTP/1.0\r\n\r\n")
            time.sleep(0.5)  # so that the server has to wait for room
            data = b""
            while more := reader.recv(65536):
                data += more
        told = json.loads(data.partition(b"\r\n\r\n")[2])
        self.assertGreater(len(data), 500_000)
        self.assertEqual((count, count), (told["flow_count"], len(told["flows"])))
