"""The numbers of refusals are what the page says they are."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pl_conf.refusals import BY_WORD, REASONS, table
from planetlab.refusals import REASONS as PAPERS

PAGE = Path(__file__).parents[2] / "docs" / "refusals.md"


class TheTable(SynchronousTestCase):
    def test_stands_on_the_page_as_it_is_in_force(self) -> None:
        self.assertIn(table(), PAGE.read_text(encoding="utf-8"))

    def test_has_a_number_for_every_way_in_which_a_paper_is_not_believed(self) -> None:
        of_other_papers = {"not-permitted", "rolled-back", "two-faced", "turn-skipped"}
        self.assertEqual(set(), PAPERS.keys() - BY_WORD.keys() - of_other_papers)

    def test_goes_up_without_a_number_twice(self) -> None:
        numbers = [reason.number for reason in REASONS]
        self.assertEqual(sorted(set(numbers)), numbers)
