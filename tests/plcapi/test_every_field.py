"""Every field of every listing, asked by every operator for what a row of it holds, and sorted by."""

from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.records.fields import Field
from tests.plcapi.campus import Campus
from tests.registry.test_hostile import LISTINGS

HAS, LACKS, WRONG, DB = "the row", "not the row", 102, 106
NOUNS = {LISTINGS[name].name: (name, LISTINGS[name]) for name in sorted(LISTINGS, key=len, reverse=True)}
STRUCTS = "pcu_protocol_types"  # a list of structs, which nothing is compared with


def asked(said: Field, value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Conditions on a field of which a row holds ``value``, and what comes of each."""
    is_pattern = isinstance(value, str) and "%" in value
    yield "~", None, LACKS if value is None else HAS
    if said.links:
        nothing = value == []
        yield "", value, LACKS if nothing else DB
        yield "~", value, HAS if nothing else DB
        yield from ((prefix, value, HAS) for prefix in ("&", "|"))
        if not said.as_one:
            yield "", None, WRONG
            yield "", [value], DB if nothing else HAS
    elif value is None:
        yield "", None, HAS if said.nil else WRONG
    else:
        yield "", None, LACKS if said.nil else WRONG
        yield from (("", given, HAS) for given in (value, [value, value]))
        yield from ((prefix, value, HAS) for prefix in ("[", "]", "~<" if not is_pattern else ""))
        yield from (("~" + prefix, value, LACKS) for prefix in ("", "[", "]"))
        yield from ((prefix, value, HAS if is_pattern else DB) for prefix in ("&", "|"))


class EveryField(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()

    def call(self, name: str, said: Any) -> Any:
        code, rows = self.campus.told("admin", name, said)
        return code or rows

    def test_what_a_row_holds_finds_it(self) -> None:
        wrong, tried = [], 0
        for name, record in NOUNS.values():
            row = next(iter(self.call(name, None)), {})
            for said in (field for field in record.fields if field.name in row and field.name != STRUCTS):
                for prefix, value, expected in asked(said, row[said.name]):
                    got = self.call(name, {prefix + said.name: value})
                    told = got if isinstance(got, int) else HAS if row in got else LACKS
                    tried += 1
                    if told != expected:
                        wrong.append((name, prefix + said.name, value, "expected", expected, "got", told))
        self.assertEqual([], wrong)
        self.assertGreater(tried, 2000)

    def test_sorting_by_it_gives_all_rows_with_nil_as_the_last_of_all(self) -> None:
        for name, record in NOUNS.values():
            rows = self.call(name, None)
            for said in (field for field in record.fields if field.name in (rows or [{}])[0]):
                for sign in ("", "-"):
                    got = self.call(name, {"-SORT": sign + said.name})
                    self.assertEqual(sorted(map(repr, rows)), sorted(map(repr, got)), (name, sign + said.name))
                    if said.name != STRUCTS:
                        held = [row[said.name] for row in got if not said.links]
                        keys = [(value is None, value or said.kind()) for value in held]
                        self.assertEqual(sorted(keys, reverse=bool(sign)), keys, (name, sign + said.name))
