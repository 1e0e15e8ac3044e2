"""The benches of the push and of polling run, small, and what they claim of each node is so."""

from twisted.trial.unittest import SynchronousTestCase

from bench import fleet, polls


class Bench(SynchronousTestCase):
    def test_a_slice_comes_to_every_node_and_those_that_fail_are_replaced_and_named(self) -> None:
        told = fleet.pushed(6, 2)
        self.assertEqual(["node0.plc.example", "node1.plc.example"], told["replaced"])
        self.assertIn("6 slivers in", told["line"])

    def test_a_poll_tells_each_node_of_its_own_changes_only_and_of_none_in_few_octets(self) -> None:
        """That a node is told of nothing new, and of a change where there is one, the bench itself insists on."""
        self.assertLess(polls.measured(12, 3)["octets"], 400)
