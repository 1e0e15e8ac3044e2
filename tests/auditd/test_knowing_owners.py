"""Whose a packet is: by windows of time, and never by guess."""

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd import rows
from auditd.owners import EARLY, LINGER, NODE, UNKNOWN, Kind, Owners, Sender, read_tag
from auditd.rows import Rows

CODEEN, CORAL = Sender("princeton_codeen", "plc"), Sender("nyu_coral", "epfl")
S = 1_000_000


def at(first: int, last: int = 0, source: str = "10.0.0.1", **fields: int) -> Rows:
    return rows.row(source, "192.0.2.7", first=first, last=last or first, **fields)


class Unknown(SynchronousTestCase):
    def setUp(self) -> None:
        self.owners = Owners()

    def test_a_tag_that_nobody_owned_stays_unknown_and_is_told_bare(self) -> None:
        self.assertEqual([UNKNOWN], self.owners.resolve(at(5 * S, tag=4711)).tolist())
        self.assertEqual("(unknown cgroup:4711)", self.owners.label(UNKNOWN, 4711, 2))
        self.assertEqual("(unknown interface:12)", self.owners.label(UNKNOWN, 1 << 31 | 12, 2))
        self.assertEqual("(unknown mark:9)", self.owners.label(UNKNOWN, 3 << 30 | 9, 2))

    def test_rows_that_reach_from_one_owners_window_into_anothers_are_nobodys(self) -> None:
        self.owners.learn(Kind.ADDRESS, rows.read_pair("10.0.0.1"), CODEEN, 0, 50 * S)
        self.owners.learn(Kind.ADDRESS, rows.read_pair("10.0.0.1"), CORAL, 50 * S + 10_000, None)
        names = [self.owners.sender(n) for n in self.owners.resolve(
            np.concatenate([at(49 * S), at(49 * S, 51 * S), at(50 * S + 5_000), at(50 * S + 10_000)])
        ).tolist()]  # fmt: skip
        self.assertEqual([CODEEN, None, CODEEN, CORAL], names)

    def test_an_address_is_nobodys_before_and_long_after_its_window(self) -> None:
        self.owners.learn(Kind.ADDRESS, rows.read_pair("10.0.0.1"), CODEEN, 100 * S, 200 * S)
        numbers = self.owners.resolve(np.concatenate([at(100 * S - 1), at(200 * S + LINGER + 1)]))
        self.assertEqual([UNKNOWN, UNKNOWN], numbers.tolist())

    def test_an_owner_of_a_kind_or_a_form_that_is_not_known_is_no_tag(self) -> None:
        for kind, text in ((Kind.ADDRESS, "10.0.0"), (Kind.MARK, "seven"), (Kind.CGROUP, "/gone")):
            self.assertIsNone(read_tag(kind, text, lambda path: None))


class Known(SynchronousTestCase):
    def setUp(self) -> None:
        self.owners = Owners()

    def one(self, row: Rows) -> Sender | None:
        return self.owners.sender(int(self.owners.resolve(row)[0]))

    def test_each_kind_of_tag_names_its_slice(self) -> None:
        self.owners.link(12, "v1")
        for kind, tag, row in (
            (Kind.CGROUP, 4711, at(5 * S, tag=4711)),
            (Kind.INTERFACE, "v1", at(5 * S, tag=1 << 31 | 12)),
            (Kind.MARK, 9, at(5 * S, tag=3 << 30 | 9)),
            (Kind.ADDRESS, rows.read_pair("2001:db8::5"), at(5 * S, source="2001:db8::5")),
        ):
            self.assertIsNone(self.one(row))
            self.owners.learn(kind, tag, CODEEN, 0, None)
            self.assertEqual(CODEEN, self.one(row), kind)

    def test_an_interface_is_also_told_by_what_was_captured_on_it(self) -> None:
        self.owners.link(12, "v1")
        self.owners.learn(Kind.INTERFACE, "v1", CODEEN, 0, None)
        self.assertEqual(CODEEN, self.one(at(5 * S, iface=12)))

    def test_what_the_kernel_says_outweighs_a_source_address_that_the_sender_wrote_itself(self) -> None:
        self.owners.learn(Kind.CGROUP, 4711, CODEEN, 0, None)
        self.owners.learn(Kind.ADDRESS, rows.read_pair("10.0.0.1"), CORAL, 0, None)
        self.assertEqual(CODEEN, self.one(at(5 * S, tag=4711)))

    def test_the_nodes_own_packets_are_a_row_of_their_own(self) -> None:
        owners = Owners({1, 99}, frozenset({rows.read_pair("10.0.0.1")}))
        found = np.concatenate([at(0, tag=1), at(0, tag=99), at(0), at(0, source="10.0.0.2"), at(0, tag=98)])
        self.assertEqual([NODE, NODE, NODE, UNKNOWN, UNKNOWN], owners.resolve(found).tolist())

    def test_a_sliver_that_is_gone_owns_what_the_kernel_still_sends_for_it(self) -> None:
        self.owners.learn(Kind.CGROUP, 4711, CODEEN, 10 * S, 20 * S)
        self.assertEqual(CODEEN, self.one(at(20 * S + LINGER, tag=4711)))

    def test_a_tag_that_is_never_used_twice_is_its_owners_from_a_little_before_it_was_told(self) -> None:
        self.owners.learn(Kind.CGROUP, 4711, CODEEN, 10 * S, None)
        self.assertEqual(CODEEN, self.one(at(10 * S - EARLY, tag=4711)))
        self.assertIsNone(self.one(at(10 * S - EARLY - 1, tag=4711)))

    def test_the_end_of_a_window_is_the_same_window(self) -> None:
        self.assertTrue(self.owners.learn(Kind.MARK, 9, CODEEN, 10 * S, None))
        self.assertTrue(self.owners.learn(Kind.MARK, 9, CODEEN, 10 * S + 3, 20 * S))
        self.assertFalse(self.owners.learn(Kind.MARK, 9, CODEEN, 10 * S + 3, 20 * S))
        self.assertEqual(1, len(list(self.owners.windows())))

    def test_a_slice_that_is_renamed_has_two_windows_and_no_packet_under_the_wrong_name(self) -> None:
        renamed = Sender("princeton_codeen2", "plc")
        self.owners.learn(Kind.CGROUP, 4711, CODEEN, 0, 30 * S)
        self.owners.learn(Kind.CGROUP, 4711, renamed, 30 * S, None)
        self.assertEqual([CODEEN, renamed], [self.one(at(t, tag=4711)) for t in (30 * S - 1, 30 * S)])

    def test_windows_that_ended_long_ago_are_forgotten(self) -> None:
        self.owners.learn(Kind.MARK, 9, CODEEN, 10 * S, 20 * S)
        self.owners.learn(Kind.MARK, 10, CODEEN, 10 * S, None)
        self.owners.forget(30 * S)
        self.assertEqual([10], [tag for _, tag, _ in self.owners.windows()])
