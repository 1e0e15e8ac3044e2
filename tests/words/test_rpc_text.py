"""Text to be signed: octet for octet what Python's own library writes, less its head, with short empty elements."""

import xmlrpc.client
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from planetlab import rpc_text
from planetlab.errors import BadArgument

UNFIT = ("\0", "\x1b", "\ud800", "\udfff", "\ufffe", "\uffff")
texts = some.text(some.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=40) | (
    some.sampled_from(["", "\n", "a\tb", "<&>]]>", "Ω é \U0001f600", "line\n" * 200, "\x85\u2028"])
)
values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**31), 2**31 - 1)
    | some.floats(allow_nan=False, allow_infinity=False)
    | texts
    | some.binary(max_size=200).map(xmlrpc.client.Binary),
    lambda inner: some.lists(inner, max_size=5) | some.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)


class Printing(SynchronousTestCase):
    @settings(deadline=None, max_examples=300)
    @given(values)
    def test_it_is_what_pythons_library_writes(self, value: Any) -> None:
        theirs = xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True)
        theirs = rpc_text.shortened(theirs.removeprefix("<?xml version='1.0'?>\n"))
        self.assertEqual(theirs.encode("ascii", "xmlcharrefreplace"), rpc_text.print_answer(value))

    @settings(deadline=None, max_examples=100)
    @given(values.filter(lambda value: not isinstance(value, xmlrpc.client.Binary)))
    def test_what_is_written_is_read(self, value: Any) -> None:
        self.assertEqual(_plain(value), rpc_text.parse_answer(rpc_text.print_answer(value)))

    def test_a_carriage_return_survives(self) -> None:
        self.assertEqual("a\rb\r\n", rpc_text.parse_answer(rpc_text.print_answer("a\rb\r\n")))

    def test_what_xml_cannot_carry_is_refused_wherever_it_stands(self) -> None:
        for unfit in UNFIT:
            text = f"before{unfit}after"
            for value in (text, [text], {"name": text}, {text: 1}, {"a": [{"b": (1, text)}]}):
                with self.assertRaises(BadArgument):
                    rpc_text.print_answer(value)

    def test_what_xmlrpc_cannot_say_is_refused(self) -> None:
        for value in (2**31, -(2**31) - 1, float("inf"), float("nan"), {1: 2}, object(), {1, 2}):
            with self.assertRaises(BadArgument):
                rpc_text.print_answer(value)


def _plain(value: Any) -> Any:
    """A value with the octets that a Binary holds."""
    if isinstance(value, xmlrpc.client.Binary):
        return value.data
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return value
