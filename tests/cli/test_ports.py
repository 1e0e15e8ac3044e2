"""Ports for a demo: a busy one is passed over, not an error."""

import socket

from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.ports import HIGHEST, next_free
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
