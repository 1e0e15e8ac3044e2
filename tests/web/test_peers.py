"""How a peer is said to be, in one word, and how old what is known of it."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from web import pages, peers

HEARD = {"state": "active", "alarm": "", "failures": 0, "frozen": False, "age": 4, "objects_age": 9}


def how(**more: Any) -> str:
    return peers.how({**HEARD, **more})


class APeer(SynchronousTestCase):
    def test_the_worst_that_is_true_is_said(self) -> None:
        self.assertEqual("fresh", how())
        self.assertEqual("silent", how(failures=1))
        self.assertEqual("over", how(failures=1, frozen=True))
        self.assertEqual("suspended", how(failures=1, frozen=True, state="suspended"))
        self.assertEqual("alarm", how(failures=1, frozen=True, state="suspended", alarm="two statements"))

    def test_one_of_the_plc_api_alone_has_no_statement_and_is_as_old_as_its_objects(self) -> None:
        self.assertEqual("fresh", how(age=-1))
        self.assertEqual("never heard", how(age=-1, objects_age=-1))

    def test_every_word_is_explained_on_the_page(self) -> None:
        for word in peers.WORDS:
            self.assertIn(f"{word}: ", peers.PEERS.caption)

    def test_ages_are_said_in_the_largest_unit_of_which_there_are_two(self) -> None:
        said = {-1: "never", 0: "0 s ago", 119: "119 s ago", 120: "2 min ago", 7199: "119 min ago", 7200: "2 h ago",
                172_799: "47 h ago", 172_800: "2 d ago"}  # fmt: skip
        self.assertEqual(list(said.values()), [pages.age(seconds) for seconds in said])

    def test_an_answer_of_another_shape_breaks_no_row(self) -> None:
        (row,) = pages.told(peers.PEERS, peers.prepared([{"peername": None, "age": "x", "objects": [1]}]))
        self.assertEqual(("", -1, 0, "never heard"), (row["peername"], row["age"], row["objects"], row["how"]))
