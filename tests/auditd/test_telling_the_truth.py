"""What slivers wrote in their own books is what pages and archive tell; small runs of `bench.truth`."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.auditd import trials, truth

try:
    import duckdb
except ImportError:
    duckdb = None


class Books(SynchronousTestCase):
    skip = truth.refused() or None

    def node(self, **settings: Any) -> truth.Node:
        node = truth.Node(settings)
        self.addCleanup(node.close)
        return node


class TheBooks(Books):
    def test_books_page_and_archive_agree_on_every_flow_and_whose_it_is(self) -> None:
        if duckdb is None:
            self.skipTest("the package duckdb is not installed")
        node = self.node()
        books = trials.kept(node, slivers=4, flows=40, seconds=6.0, at_once=4)
        self.assertEqual(160, len(books))
        page = trials.on_the_page(node, books, 4)
        self.assertTrue(page.whole, page)
        archive = trials.in_the_archive(node, books)
        self.assertTrue(archive.whole, archive)

    def test_a_line_that_breaks_off_repeats_itself_and_mixes_things_up_costs_the_archive_no_flow(self) -> None:
        if duckdb is None:
            self.skipTest("the package duckdb is not installed")
        pulls = trials.pulled_through_a_bad_line(self.node(), flows=20_000, piece=16_384)
        self.assertEqual([], pulls.wrong)
        self.assertGreaterEqual(pulls.pulls, 4)
        self.assertGreaterEqual(pulls.flows, pulls.sent)

    def test_slivers_that_come_and_go_with_one_port_are_told_apart(self) -> None:
        node = self.node()
        verdict = trials.come_and_gone(node, rounds=12)
        self.assertTrue(verdict.whole, verdict)

    def test_what_a_kill_loses_is_a_second_at_most_and_is_declared(self) -> None:
        losses = trials.killed(self.node(), times=2)
        for loss in losses:
            self.assertLessEqual(loss.seconds, 1.0, loss)
            self.assertEqual(0, loss.undeclared, loss)

    def test_what_the_capture_cannot_keep_up_with_is_counted_and_declared(self) -> None:
        told = trials.overrun(self.node(ring_mib=2))
        self.assertGreater(told.dropped, 0)
        self.assertIn(told.seen + told.dropped - told.sent, range(6))  # the kernel's own, to find its neighbours
        self.assertTrue(told.at_least)
