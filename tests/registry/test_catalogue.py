"""Every method of the original's last release is here, with its arguments, types, roles and result, on its half."""

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mgmt_authority import service as ma
from planetlab import introspection
from planetlab.both import old_rows
from planetlab.methods import Method
from slice_authority import service as sa

DATA = Path(__file__).parents[1] / "data"
FACTS = json.loads((DATA / "plcapi.json").read_text())
HALVES = {"SA": [sa.api], "MA": [ma.api], "BOTH": [sa.api, ma.api]}


def declared(name: str) -> Method:
    """The method as the half that it belongs to declares it."""
    return HALVES[FACTS[name]["half"]][0][name]


class Catalogue(SynchronousTestCase):
    def test_all_304_methods_are_there_four_of_them_answered_by_the_interface_itself(self) -> None:
        self.assertEqual(304, len(FACTS) + len(introspection.NAMES))
        missing = [
            f"{name} ({facts['half']})"
            for name, facts in FACTS.items()
            if any(name not in half for half in HALVES[facts["half"]])
        ]
        self.assertEqual([], missing)

    def test_roles_and_ways_to_authenticate_are_the_same(self) -> None:
        for name, facts in FACTS.items():
            method = declared(name)
            self.assertEqual(facts["roles"], sorted(role.value for role in method.roles), name)
            self.assertEqual(facts["auth"], list(method.auth or ()), name)
            self.assertEqual(facts["status"], method.status, name)

    def test_the_arguments_have_the_same_names_count_and_types(self) -> None:
        for name, facts in FACTS.items():
            ours = [[argument.name, argument.optional, argument.shape.text()] for argument in declared(name).accepts]
            self.assertEqual(facts["accepts"], ours, name)

    def test_the_results_have_the_same_types(self) -> None:
        for name, facts in FACTS.items():
            self.assertEqual(facts["returns"], declared(name).returns.text(), name)

    def test_every_name_of_older_releases_is_answered_or_named_with_the_reason(self) -> None:
        removed = set(json.loads((DATA / "plcapi_removed.json").read_text()))
        answered = removed & (sa.old.keys() | sa.older.keys() | ma.older.keys())
        self.assertEqual(set(), removed - answered - old_rows.NOT_MAPPED.keys())
        self.assertEqual(set(), answered & old_rows.NOT_MAPPED.keys())
        self.assertGreaterEqual(len(answered), 115)

    def test_each_has_a_sentence(self) -> None:
        for name in FACTS:
            self.assertRegex(declared(name).doc, r"^[A-Z][^\n]+\.", name)

    def test_what_both_halves_answer_is_one_declaration(self) -> None:
        for name in sa.api.keys() & ma.api.keys():
            self.assertEqual(sa.api[name].signatures(), ma.api[name].signatures(), name)
            self.assertEqual("BOTH", FACTS[name]["half"], name)
