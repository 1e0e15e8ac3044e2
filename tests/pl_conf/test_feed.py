"""What an authority's answer may do, and what its silence may not."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pl_conf.feed import Answer, Guards, read_answer, said_deleted, silence
from planetlab.errors import PeerError
from planetlab.names import SliceName
from tests.pl_conf.samples import CODEEN, EPFL, JAPAN, PLC, SURVEY, wish

MOST = 1 << 20


def some(count: int, **said: Any) -> list[Any]:
    names = [SliceName("princeton", f"s{n}") for n in range(count)]
    return [wish(slice=name, rcap=f"{n:032x}", **said) for n, name in enumerate(names)]


class AnAnswerThatIsNone(SynchronousTestCase):
    def test_is_a_failed_poll_whatever_it_is(self) -> None:
        wrong: list[Any] = [
            None,
            [],
            {},
            {"stamp": "7"},
            {"stamp": True, "tickets": []},
            {"stamp": 7},
            {"stamp": 7, "tickets": {}},
            {"stamp": 7, "tickets": [1]},
            {"stamp": 7, "tickets": ["x" * (MOST + 1)]},
            {"stamp": 7, "tickets": [], "deleted": ["../../etc"]},
            {"stamp": 7, "tickets": [], "deleted": [7]},
            {"stamp": 7, "tickets": [], "now": float("nan")},
            {"stamp": 7, "tickets": ["x"] * 10_001},
        ]
        for value in wrong:
            self.assertRaises(PeerError, read_answer, value, MOST)

    def test_a_good_one_is_read_with_tickets_as_text_or_bytes(self) -> None:
        value = {"stamp": 7, "tickets": ["a", b"b"], "deleted": ["princeton_codeen"], "now": 5, "more": "ignored"}
        read = Answer(stamp=7, tickets=(b"a", b"b"), deleted=(CODEEN,), now=5.0)
        self.assertEqual(read, read_answer(value, MOST))

    def test_unchanged_needs_nothing_else(self) -> None:
        self.assertTrue(read_answer({"stamp": 7, "unchanged": True}, MOST).unchanged)


class Silence(SynchronousTestCase):
    guards = Guards(answers=2, shrink=0.5)

    def test_an_empty_answer_ends_nothing_however_often_it_comes(self) -> None:
        heard = silence(set(), PLC, some(2, absent=50), self.guards)
        self.assertEqual(((), True), (heard.release, "0 of 2" in heard.alarm))

    def test_an_answer_shrunken_by_more_than_half_ends_nothing(self) -> None:
        wishes = some(10, absent=50)
        heard = silence({each.slice for each in wishes[:4]}, PLC, wishes, self.guards)
        self.assertEqual(((), True), (heard.release, "4 of 10" in heard.alarm))

    def test_one_slice_left_out_once_is_only_counted(self) -> None:
        wishes = some(3)
        heard = silence({wishes[0].slice, wishes[1].slice}, PLC, wishes, self.guards)
        self.assertEqual(((), {(PLC, wishes[2].slice): 1}), (heard.release, heard.absent))

    def test_left_out_of_two_whole_answers_in_a_row_it_ends(self) -> None:
        wishes = some(3, absent=1)
        heard = silence({wishes[0].slice, wishes[1].slice}, PLC, wishes, self.guards)
        self.assertEqual((wishes[2],), heard.release)

    def test_a_delegated_sliver_is_not_ended_by_silence(self) -> None:
        heard = silence({CODEEN}, PLC, [wish(), *some(1, absent=9, instantiation="delegated")], self.guards)
        self.assertEqual((), heard.release)

    def test_an_authority_says_nothing_by_not_naming_anothers_slices(self) -> None:
        others = [wish(authority=EPFL, feed="epfl", slice=SURVEY, absent=9), wish(feed="", absent=9)]
        heard = silence(set(), PLC, others, self.guards)
        self.assertEqual(((), {}, ""), (heard.release, heard.absent, heard.alarm))


class DeletionByName(SynchronousTestCase):
    def test_ends_an_authoritys_own_and_those_below_it_and_no_others(self) -> None:
        own, below, foreign = wish(), wish(authority=JAPAN), wish(authority=EPFL)
        told = Answer(stamp=1, deleted=(CODEEN,))
        self.assertEqual([own, below], said_deleted(told, PLC, [own, below, foreign]))
        self.assertEqual([foreign], said_deleted(told, EPFL, [own, below, foreign]))
