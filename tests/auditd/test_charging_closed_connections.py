"""What the kernel says by itself for a connection that is closed is charged to who had it, and never to another."""

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd import rows
from auditd.closings import Closings
from auditd.owners import KERNEL, LINGER
from auditd.rows import Rows

S = 1_000_000
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CODEEN, CORAL = 4711, 4712  # tags


def said(tag: int, flags: int, first: int, last: int = 0, port: int = 40_000, **fields: int) -> Rows:
    return rows.row(
        "10.77.0.1", "10.77.0.2", proto=6, ports=port << 16 | 2000, tag=tag, flags=flags, first=first,
        last=last or first, **fields,
    )  # fmt: skip


class ClosedConnections(SynchronousTestCase):
    def setUp(self) -> None:
        self.closings = Closings(5, bits=10)

    def turn(self, *pieces: Rows) -> list[int]:
        """The tags that rows have in the end."""
        found = np.concatenate(pieces)
        self.closings.settle(found)
        return [int(tag) for tag in found["tag"]]

    def test_of_a_connection_that_nobody_had_nothing_is_guessed(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S, port=40_001))
        self.assertEqual([0, KERNEL], self.turn(said(0, ACK, 2 * S), said(KERNEL, RST, 2 * S)))

    def test_of_an_open_connection_the_kernel_says_nothing_by_itself_so_nothing_is_remembered(self) -> None:
        self.turn(said(CODEEN, ACK | PSH, 1 * S))
        self.assertEqual([0], self.turn(said(0, ACK, 2 * S)))

    def test_what_has_data_or_opens_or_closes_has_a_socket_of_its_own(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S))
        for flags in (ACK | PSH, SYN, SYN | ACK, FIN | ACK):
            self.assertEqual([0], self.turn(said(0, flags, 2 * S)))

    def test_the_kernels_memory_is_over_after_its_time(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S))
        self.assertEqual([0], self.turn(said(0, ACK, 1 * S + LINGER + 1)))
        self.assertEqual([CODEEN], self.turn(said(0, ACK, 1 * S + LINGER)))

    def test_another_slice_that_takes_the_port_has_it_from_its_first_packet_on(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S))
        self.assertEqual([CORAL], self.turn(said(CORAL, SYN, 3 * S)))
        self.assertEqual([0], self.turn(said(0, ACK, 2 * S)))  # said before, told after: it is not the other's
        self.turn(said(CORAL, ACK | FIN, 5 * S))
        self.assertEqual([CORAL], self.turn(said(0, ACK, 6 * S)))

    def test_within_one_turn_it_is_the_one_who_had_it_then(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S))
        self.assertEqual([CODEEN, CORAL], self.turn(said(0, ACK, 2 * S), said(CORAL, SYN | FIN | ACK, 3 * S, 4 * S)))
        self.assertEqual([CORAL], self.turn(said(0, ACK, 5 * S)))

    def test_what_was_said_while_the_port_changed_hands_is_nobodys(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S))
        self.assertEqual([0], self.turn(said(0, ACK, 2 * S, 4 * S), said(CORAL, SYN | FIN | ACK, 3 * S))[:1])

    def test_the_nodes_own_program_that_takes_the_port_has_it_too(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S))
        self.turn(said(KERNEL, SYN, 2 * S))
        self.assertEqual([0, KERNEL], self.turn(said(0, ACK, 3 * S), said(KERNEL, ACK, 3 * S)))

    def test_an_older_kernel_says_it_in_the_roots_name(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S))
        self.assertEqual([CODEEN, CODEEN], self.turn(said(KERNEL, ACK, 2 * S), said(KERNEL, RST, 3 * S)))

    def test_answers_to_the_other_ends_repeated_words_keep_it_alive(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S))
        for second in (40, 80, 120):
            self.assertEqual([CODEEN], self.turn(said(0, ACK, second * S)))

    def test_it_may_come_with_what_closed_the_connection(self) -> None:
        self.assertEqual([CODEEN] * 2, self.turn(said(0, ACK, 2 * S), said(CODEEN, ACK | FIN, 1 * S)))

    def test_what_lost_its_ports_is_left_alone(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S))
        found = self.turn(*(said(0, ACK, 2 * S, how=how) for how in (1, 2, 4)))
        self.assertEqual([0, 0, 0], found)

    def test_datagrams_have_no_connections(self) -> None:
        self.turn(said(CODEEN, ACK | FIN, 1 * S))
        datagram = said(0, 0, 2 * S)
        datagram["proto"] = rows.UDP
        self.assertEqual([0], self.turn(datagram))

    def test_a_million_closed_connections_take_no_more_room_and_none_is_charged_to_another(self) -> None:
        chance = np.random.default_rng(1)
        before = self.closings._table.nbytes
        for turn in range(20):
            many = np.repeat(said(0, ACK | FIN, turn * S), 50_000)
            many["s_lo"] = chance.integers(0, 1 << 62, len(many))
            many["tag"] = 2 + many["s_lo"] % 1000
            late = many[:2000].copy()
            late["tag"], late["flags"] = 0, ACK
            both = np.concatenate([many, late])
            self.closings.settle(both)
            told = both["tag"][len(many) :]
            self.assertTrue(((told == 0) | (told == 2 + late["s_lo"] % 1000)).all())
        self.assertEqual(before, self.closings._table.nbytes)
