"""Every accessor, by every role, on own and others' objects: what it gives, what it keeps, whom it refuses."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.records.accessors import ACCESSORS, Accessor
from tests.plcapi.campus import Campus

OWN = {"Site": "site", "Node": "node", "Interface": "interface", "Person": "member_id", "Slice": "slice"}
OTHER = {"Site": "mit", "Node": "node2", "Interface": "interface2", "Person": "user2_id", "Slice": "mit_slice"}
NAMES = {
    "Site": "princeton", "Node": "node1.princeton.example", "Interface": "192.0.2.17",
    "Person": "member@princeton.example", "Slice": "princeton_codeen",
}  # fmt: skip
UNKNOWN = {**dict.fromkeys(NAMES, "no-such-name"), "Interface": "203.0.113.77"}
ROLES = {"admin": "admin", "pi": "pi", "tech": "tech", "member": "user", "user": "user", "node": "node"}
MAY_ON_OWN = {
    "Site": {"admin", "pi", "tech", "member", "user"},
    "Node": {"admin", "pi", "tech", "member", "user", "node"},
    "Interface": {"admin", "pi", "tech", "member", "user"},
    "Person": {"admin", "member"},
    "Slice": {"admin", "pi", "member"},
}
"""Who is near enough to the object of `OWN`: at its site; the person itself; in the slice or a PI of its site."""


class Accessors(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()

    def got(self, row: Accessor, said: Any, who: str = "admin") -> Any:
        return self.campus.call(f"Get{row.noun}{row.suffix}", self.campus.auth(who, said), said)

    def set(self, row: Accessor, said: Any, value: str) -> Any:
        return self.campus.call(f"Set{row.noun}{row.suffix}", self.campus.auth("admin"), said, value)

    def test_what_is_set_is_given_by_number_and_by_name_to_every_role(self) -> None:
        for row in ACCESSORS:
            own, name = self.campus.ids[OWN[row.noun]], self.name_of(row.noun)
            if row.tag != "hrn":
                self.assertIsNone(self.got(row, own), row)
            for said, value in ((own, "one"), (name, "zwei & <é>"), (own, "")):
                self.assertEqual(value, self.set(row, said, value), row)
                self.assertEqual([value] * 2, [self.got(row, own), self.got(row, name)], row)
            for who in ROLES:
                self.assertEqual("", self.got(row, own, who), (row, who))

    def test_a_kind_of_tags_is_as_the_table_has_it(self) -> None:
        for row in ACCESSORS:
            self.set(row, self.campus.ids[OWN[row.noun]], "x")
            (kind,) = self.campus.call("GetTagTypes", self.campus.auth("admin"), [row.tag])
            self.assertEqual((row.category, set(row.writers)), (kind["category"], set(kind["roles"])), row)

    def test_who_may_set_is_who_the_table_lists_and_stands_near(self) -> None:
        for row in ACCESSORS:
            for things, near in ((OWN, MAY_ON_OWN[row.noun]), (OTHER, {"admin"})):
                for who, role in ROLES.items():
                    expected = 103 if role not in row.writers else 0 if who in near else 108
                    number = self.campus.ids[things[row.noun]]
                    code = self.campus.code(who, f"Set{row.noun}{row.suffix}", number, f"by {who}")
                    self.assertEqual(expected, code, (row, who, things[row.noun]))

    def test_strangers_neither_get_nor_set(self) -> None:
        for row in ACCESSORS:
            own = self.campus.ids[OWN[row.noun]]
            for who in ("anonymous", "nobody"):
                self.assertEqual(103, self.campus.code(who, f"Get{row.noun}{row.suffix}", own), row)
                self.assertEqual(103, self.campus.code(who, f"Set{row.noun}{row.suffix}", own, "x"), row)

    def test_what_is_not_there_has_no_value_and_takes_none(self) -> None:
        for row in ACCESSORS:
            for said in (99_999, UNKNOWN[row.noun], -1, 0):
                self.assertIsNone(self.got(row, said), row)
                self.assertEqual(102, self.campus.code("admin", f"Set{row.noun}{row.suffix}", said, "x"), row)

    def test_values_of_other_types_are_refused_nil_too(self) -> None:
        for row in ACCESSORS:
            own = self.campus.ids[OWN[row.noun]]
            for value in (None, 1, True, 2.5, ["x"], {"x": "y"}):
                self.assertEqual(102, self.campus.code("admin", f"Set{row.noun}{row.suffix}", own, value), (row, value))
            for said in ([], [own], {}, 1.5):
                self.assertEqual(102, self.campus.code("admin", f"Get{row.noun}{row.suffix}", said), (row, said))

    def test_exposed_ones_are_fields_and_filters_and_the_others_are_not(self) -> None:
        for row in ACCESSORS:
            own, key = self.campus.ids[OWN[row.noun]], f"{row.noun.lower()}_id"
            self.set(row, own, f"value of {row.tag}")
            asked = ({row.tag: f"value of {row.tag}"}, [key, row.tag])
            if row.exposed:
                rows = self.campus.call(f"Get{row.noun}s", self.campus.auth("admin"), *asked)
                self.assertEqual([{key: own, row.tag: f"value of {row.tag}"}], rows)
                self.assertEqual(0, self.campus.code("admin", f"Update{row.noun}", own, {row.tag: "start"}))
                kept = (
                    f"value of {row.tag}" if row.noun == "Site" else "start"
                )  # UpdateSite ignores what it does not know
                self.assertEqual(kept, self.got(row, own))
            else:
                self.assertEqual(102, self.campus.code("admin", f"Get{row.noun}s", *asked), row)

    def name_of(self, noun: str) -> str:
        return NAMES[noun] if noun != "Person" else str(self.campus.who["member"]["Username"])
