"""Loans, by the numbers of the last original."""

from twisted.trial.unittest import SynchronousTestCase

from node_manager.loans import Loan, effective, read_loans
from planetlab.errors import BadArgument
from planetlab.names import SliceName
from planetlab.rspec import LOANABLE

A, B, C = (SliceName.parse(f"princeton_{letter}") for letter in "abc")


def rates(*loans: tuple[SliceName, SliceName, int], given: int = 1_000_000) -> tuple[dict[SliceName, int], int]:
    """Maximum rates after ``loans`` (lender, recipient, amount), and how many loans were skipped."""
    grants = {name: {"net_max_rate": given} for name in (A, B, C)}
    has, skipped = effective(grants, [(lender, Loan(to, "net_max_rate", amount)) for lender, to, amount in loans])
    return {name: has[name]["net_max_rate"] for name in (A, B, C)}, len(skipped)


class EffectiveGrants(SynchronousTestCase):
    def test_of_two_loans_of_600000_out_of_a_million_the_first_counts_and_the_second_is_skipped(self) -> None:
        self.assertEqual(({A: 400_000, B: 1_600_000, C: 1_000_000}, 1), rates((A, B, 600_000), (A, C, 600_000)))

    def test_the_largest_single_loan_leaves_the_minimum(self) -> None:
        self.assertEqual(({A: 8, B: 1_999_992, C: 1_000_000}, 0), rates((A, B, 999_992)))

    def test_one_more_than_the_largest_loan_is_skipped(self) -> None:
        self.assertEqual(({A: 1_000_000, B: 1_000_000, C: 1_000_000}, 1), rates((A, B, 999_993)))

    def test_what_is_borrowed_cannot_be_lent_on(self) -> None:
        self.assertEqual(({A: 400_000, B: 1_600_000, C: 1_000_000}, 1), rates((A, B, 600_000), (B, C, 1_000_000)))

    def test_a_loan_to_nobody_here_is_skipped_and_costs_nothing(self) -> None:
        stranger = SliceName.parse("mit_x")
        self.assertEqual(({A: 1_000_000, B: 1_000_000, C: 1_000_000}, 1), rates((A, stranger, 5)))

    def test_nothing_is_made_or_lost_by_lending(self) -> None:
        has, _ = rates((A, B, 600_000), (B, C, 999_000), (C, A, 5), (A, C, 399_992))
        self.assertEqual(3_000_000, sum(has.values()))

    def test_the_minima_are_those_of_the_last_original(self) -> None:
        kept = {"cpu_pct": 0, "cpu_share": 1, "net_min_rate": 0, "net_max_rate": 8}
        kept |= {"net_i2_min_rate": 0, "net_i2_max_rate": 8, "net_share": 1}
        self.assertEqual(kept, LOANABLE)


class ReadingLoans(SynchronousTestCase):
    def test_a_non_empty_list_is_read(self) -> None:
        """The last originals failed on every one, by a misnamed variable."""
        self.assertEqual((Loan(A, "cpu_pct", 25),), read_loans([["princeton_a", "cpu_pct", 25]]))

    def test_what_is_printed_is_read_back(self) -> None:
        loan = Loan(A, "net_share", 2)
        self.assertEqual(loan, Loan.read(loan.wire()))

    def test_disk_is_never_lent(self) -> None:
        error = self.assertRaises(BadArgument, read_loans, [["princeton_a", "disk_max", 1]])
        self.assertIn("'disk_max' cannot be lent", str(error))

    def test_hostile_loans_are_refused_with_the_originals_text(self) -> None:
        hostile = (
            5, "x", {}, [5], [[]], [["princeton_a", "cpu_pct"]], [["princeton_a", "cpu_pct", 1, 2]],
            [["princeton_a", "cpu_pct", -1]], [["princeton_a", "cpu_pct", True]], [["princeton_a", "cpu_pct", "1"]],
            [[7, "cpu_pct", 1]], [["princeton_a", [], 1]], [["princeton_a", "cpu_pct", 2**40]],
            [["a_b", "cpu_pct", 1]] * 300,
        )  # fmt: skip
        for value in hostile:
            error = self.assertRaises(BadArgument, read_loans, value)
            self.assertIn("the second argument must be a well-formed loan specification", str(error))
