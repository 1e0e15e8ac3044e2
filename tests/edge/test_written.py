"""What is text already is sent as the value would be: written column by column or beforehand, octet for octet."""

import random

from twisted.trial.unittest import SynchronousTestCase

from planetlab import xml_rows
from planetlab.xmlrpc import Written, answer_pieces, dumps_answer

NUMBERS = (0, 1, -1, 2**31 - 1, -(2**31))
TEXTS = ("", "x", "a & b", "<&>", "50%", "%s", "\x00\r\n\ud800", "é\u2028")


class WrittenBefore(SynchronousTestCase):
    def test_a_value_is_sent_as_it_was_written(self) -> None:
        value = [{"a": "<x>", "b": [1, 2], "c": None}, {"a": "y", "b": [], "c": True}]
        self.assertEqual(dumps_answer(value), dumps_answer(Written.of(value)))
        self.assertEqual(dumps_answer(value), b"".join(answer_pieces(Written.of(value))))
        self.assertEqual(dumps_answer([value]), dumps_answer([Written.of(value)]))
        self.assertRaises(OverflowError, Written.of, [2**31])


class ColumnByColumn(SynchronousTestCase):
    def listed(self, names: list[str], rows: list[tuple]) -> bytes:
        members = [(name, xml_rows.plain) for name in names]
        return dumps_answer(Written(xml_rows.listing(members, rows)))

    def test_any_mixture_of_values_is_written_as_its_rows_would_be(self) -> None:
        chance = random.Random(7)
        for count in (0, 1, 2, xml_rows.ROWS, xml_rows.ROWS + 1, 200):
            for some in ((None,), NUMBERS, TEXTS[:2], TEXTS, (None, *NUMBERS, *TEXTS, True, 2.5)):
                names = ["first", "<second> 5%", "third"]
                rows = [tuple(chance.choice(some) for _ in names) for _ in range(count)]
                expected = dumps_answer([dict(zip(names, row, strict=True)) for row in rows])
                self.assertEqual(expected, self.listed(names, rows))

    def test_rows_of_nothing_are_empty_structs(self) -> None:
        self.assertEqual(dumps_answer([{}, {}]), self.listed([], [(), ()]))

    def test_a_number_that_an_int_of_XML_RPC_does_not_hold_is_refused(self) -> None:
        self.assertRaises(OverflowError, self.listed, ["n"], [(1,), (2**31,)])

    def test_booleans_are_kept_as_numbers_and_sent_as_booleans(self) -> None:
        for column in ((0, 1, 1), (1, None), (2,)):
            rows = [(value,) for value in column]
            expected = dumps_answer([{"on": None if value is None else bool(value)} for value in column])
            self.assertEqual(expected, dumps_answer(Written(xml_rows.listing([("on", xml_rows.flags)], rows))))

    def test_lists_of_numbers_are_written_as_lists(self) -> None:
        for numbers in ([], [7], [3, 1, 2], [0, -5, 2**31 - 1]):
            joined = xml_rows.BETWEEN_INTS.join(map(str, numbers))
            self.assertEqual(xml_rows.array_of(tuple(numbers)), xml_rows.array_of_ints(joined))
