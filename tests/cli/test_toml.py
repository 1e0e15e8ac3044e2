"""What is written as TOML reads back the same."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.toml import dumps

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = TEXT | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.floats(allow_nan=False)
VALUE = PLAIN | st.lists(PLAIN, max_size=4)
TABLE = st.dictionaries(TEXT, VALUE, max_size=4)
DOCUMENT = st.dictionaries(TEXT, VALUE | TABLE | st.lists(TABLE, min_size=1, max_size=3), max_size=6)


class Toml(SynchronousTestCase):
    def test_what_TOML_cannot_say_is_an_error(self) -> None:
        self.assertIn("NoneType", str(self.assertRaises(TypeError, dumps, {"key": None})))

    @given(DOCUMENT)
    def test_reads_back_the_same(self, document: dict[str, Any]) -> None:
        self.assertEqual(document, tomllib.loads(dumps(document)))

    def test_tables_stand_after_plain_values(self) -> None:
        text = dumps({"table": {"a": 1}, "roots": [{"hrn": "plc"}, {"hrn": "epfl"}], "plain": "x"})
        self.assertEqual('plain = "x"\n\n[table]\na = 1\n\n[[roots]]\nhrn = "plc"\n\n[[roots]]\nhrn = "epfl"\n', text)
