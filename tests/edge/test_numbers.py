"""A list of numbers that is at hand as text is written as the list would be."""

from twisted.trial.unittest import SynchronousTestCase

from planetlab.xmlrpc import Numbers, Written, dumps_answer


class NumbersAsText(SynchronousTestCase):
    def test_it_is_written_as_the_list(self) -> None:
        for numbers in ([], [7], [3, 1, 2], [0, -5, 2**31 - 1]):
            said = ",".join(map(str, numbers))
            self.assertEqual(dumps_answer({"a": numbers}), dumps_answer({"a": Numbers(said)}))
            self.assertEqual(dumps_answer([numbers]), dumps_answer([Numbers(said)]))

    def test_what_was_written_before_is_sent_as_it_is(self) -> None:
        value = [{"a": "<x>", "b": [1, 2], "c": None}, {"a": "y", "b": [], "c": True}]
        self.assertEqual(dumps_answer(value), dumps_answer(Written(value)))
        self.assertEqual(dumps_answer([value]), dumps_answer([Written(value)]))
        self.assertRaises(OverflowError, Written, [2**31])
