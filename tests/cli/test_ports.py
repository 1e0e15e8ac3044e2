"""Ports for a demo: a busy one is passed over, not an error."""

import contextlib
import pathlib
import socket

from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.ports import HIGHEST, hold, is_free, next_free
from planetlab.errors import Unavailable


class Ports(SynchronousTestCase):
    def test_there_is_an_end_to_them_and_it_is_said(self) -> None:
        error = self.assertRaises(Unavailable, next_free, HIGHEST, {HIGHEST})
        self.assertIn("no free port from 65535 up", str(error))

    def test_a_busy_port_gives_the_next_free_one(self) -> None:
        with socket.socket() as busy:
            busy.bind(("127.0.0.1", 0))
            busy.listen(1)
            port = busy.getsockname()[1]
            self.assertGreater(next_free(port, set()), port)

    def test_a_port_given_away_already_is_passed_over(self) -> None:
        first = next_free(41_000, set())
        self.assertGreater(next_free(41_000, {first}), first)

    def test_a_held_port_goes_to_the_server_it_is_held_for_and_to_no_outgoing_connection(self) -> None:
        lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        port = next_free(lowest, set())
        with hold(port), socket.socket() as server:
            self.assertTrue(is_free(port))
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
            server.listen(1)
        with hold(port), socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(300)
            with contextlib.ExitStack() as made:
                picked = set()
                for _ in range(200):
                    outgoing = made.enter_context(socket.create_connection(listening.getsockname()))
                    picked.add(outgoing.getsockname()[1])
            self.assertNotIn(port, picked)
