"""The small language for asking, on its own and against a real registry."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.conditions import Senseless
from planetlab.errors import BadArgument, DatabaseError
from planetlab.filters import Compare, Every, HasAll, Like, Not, Some, parse
from planetlab.records.sites import SITE
from planetlab.records.slices import SLICE
from planetlab.registry.compile import select
from tests.registry.world import ADMIN, Princeton


class Reading(SynchronousTestCase):
    def test_an_unknown_field_key_and_sort_field_are_refused_by_name(self) -> None:
        for said in ({"colour": 1}, {"-BY": "name"}, {"-SORT": "colour"}, {"-SORT": 3}, {"password": "x"}):
            self.assertRaises(BadArgument, parse, SITE, said)

    def test_a_value_of_another_type_is_refused(self) -> None:
        for said in ({"name": 3}, {"site_id": "3"}, {"enabled": 1}, {"latitude": 1}, {"name": [1]}, {"-LIMIT": "5"}):
            self.assertRaises(BadArgument, parse, SITE, said)

    def test_a_list_is_asked_with_a_prefix_only_and_only_a_list(self) -> None:
        for said in ({"slice_ids": [3]}, {"&name": "x"}):
            self.assertIsInstance(parse(SITE, said).where, Senseless)
            self.assertRaises(DatabaseError, select, SITE, parse(SITE, said), ("site_id",))

    def test_prefixes_combine_in_any_order(self) -> None:
        self.assertEqual(Not(Compare("site_id", "<=", 3)), parse(SITE, {"~[site_id": 3}).where)
        self.assertEqual(Not(Compare("site_id", "<=", 3)), parse(SITE, {"[~site_id": 3}).where)

    def test_conditions_join_by_and_unless_or_is_said(self) -> None:
        said = {"site_id": 1, "name": "x*"}
        parts = (Compare("site_id", "=", 1), Like("name", "x%"))
        self.assertEqual(Every(parts), parse(SITE, said).where)
        self.assertEqual(Some(parts), parse(SITE, {**said, "-AND": 1, "-OR": 0}).where)

    def test_a_scalar_after_all_of_counts_as_a_list(self) -> None:
        self.assertEqual(HasAll("node_ids", (3,)), parse(SLICE, {"&node_ids": 3}).where)

    def test_a_pattern_made_to_be_slow_is_refused(self) -> None:
        self.assertRaises(BadArgument, parse, SITE, {"name": "*a" * 40})


class Asking(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = Princeton()
        for name in ("cornell", "epfl", "utokyo"):
            self.world.site(name, max_slices=len(name), url=None if name == "epfl" else f"https://{name}.example/")

    def names(self, said: Any, **more: Any) -> list[str]:
        rows = self.world.call(
            "GetSites", ADMIN, said if not isinstance(said, dict) else {**said, **more}, ["login_base"]
        )
        return [row["login_base"] for row in rows]

    def test_each_form(self) -> None:
        for expected, said in (
            (["cornell"], {"login_base": "cornell"}),
            ([], {"login_base": "Cornell"}),
            (["cornell"], {"login_base": "CORN*"}),
            (["cornell", "epfl"], {"login_base": ["cornell", "epf%"]}),
            (["epfl"], {"login_base": ["cornell", "epfl"], "url": None}),
            (["pl", "princeton", "cornell", "utokyo"], {"~login_base": "epfl"}),
            (["epfl"], {"<max_slices": 6}),
            (["epfl", "utokyo"], {"[max_slices": 6}),
            (["pl", "princeton"], {">max_slices": 7}),
            (["pl", "princeton", "cornell"], {"]max_slices": 7}),
            (["princeton"], {"&slice_ids": [1]}),
            ([], {"&slice_ids": [1, 2]}),
            (["princeton"], {"|slice_ids": [1, 2]}),
            (["pl", "cornell", "epfl", "utokyo"], {"|slice_ids": []}),
            (["princeton"], {"~&slice_ids": []}),
            ([], {"login_base": []}),
            (["pl", "princeton", "cornell", "epfl", "utokyo"], {"~login_base": []}),
            (["pl", "princeton", "cornell", "epfl", "utokyo"], {}),
            (["cornell", "utokyo"], {"login_base": "cornell", "max_slices": 6, "-OR": 1}),
            (["princeton"], {"hrn": "plc.princ*"}),
            ([], []),
            (["epfl", "princeton"], ["epfl", "princeton"]),
            (["princeton", "epfl"], [2, "epfl"]),
            ([], [[]] and ["2"]),
            (["princeton"], 2),
            (["princeton"], "princeton"),
        ):
            self.assertEqual(sorted(expected), sorted(self.names(said)), said)

    def test_sorting_and_clipping(self) -> None:
        self.assertEqual(["utokyo", "princeton"], self.names({"-SORT": "-login_base", "-LIMIT": 2}))
        self.assertEqual(["epfl", "pl"], self.names({"-SORT": "login_base", "-LIMIT": 2, "-OFFSET": 1}))
        self.assertEqual(["utokyo", "epfl"], self.names({"<max_slices": 7, "-SORT": ["-max_slices"]}))

    def test_nil_sorts_as_the_last_of_all(self) -> None:
        self.world.call("UpdateSite", ADMIN, "princeton", {"url": None})
        self.assertEqual({"epfl", "princeton"}, set(self.names({"-SORT": "url"})[-2:]))
        self.assertEqual({"epfl", "princeton"}, set(self.names({"-SORT": "-url"})[:2]))
        self.assertEqual(self.names({"-SORT": "url"}), self.names({"-SORT": ["+url", "+site_id"]}))

    def test_the_order_is_the_same_each_time(self) -> None:
        self.assertEqual(self.names(None), self.names({}))

    def test_a_boolean_is_no_identifier(self) -> None:
        self.assertEqual(106, self.world.refused("GetSites", ADMIN, True)[0])

    def test_letters_of_every_script_fold(self) -> None:
        self.world.site("eth", name="Zürich")
        self.assertEqual(["eth"], self.names({"name": "ZÜR*"}))

    def test_an_exposed_tag_is_filtered_without_being_asked_for(self) -> None:
        self.assertEqual(["epfl"], self.names({"hrn": "plc.epfl"}))

    def test_return_fields_are_exactly_those_asked_for(self) -> None:
        self.assertEqual([{"site_id": 2, "hrn": "plc.princeton"}],
                         self.world.call("GetSites", ADMIN, ["princeton"], ["site_id", "hrn"]))  # fmt: skip
        self.assertEqual([{}], self.world.call("GetSites", ADMIN, ["princeton"], []))
        code, text = self.world.refused("GetSites", ADMIN, None, ["colour", "site_id", "taste"])
        self.assertEqual((102, True), (code, "colour, taste" in text))
