"""When a thing was made and when it was last updated: who writes these times, and who does not."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.plcapi.campus import Campus, Id, Row
from tests.registry.world import ADMIN, NOW

LATER = int(NOW) + 60


class Times(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()
        self.campus.clock.advance(60)

    def updated(self, plural: str, thing: str) -> Any:
        rows = self.campus.call(f"Get{plural}", ADMIN, [self.campus.ids[thing]], ["last_updated"])
        return rows[0]["last_updated"]

    def test_only_sites_persons_and_nodes_are_updated_by_being_made(self) -> None:
        for expected, plural, thing in (
            (int(NOW), "Sites", "mit"),
            (int(NOW), "Persons", "pi_id"),
            (int(NOW), "Nodes", "node"),
            (None, "Interfaces", "interface"),
            (None, "PCUs", "pcu"),
        ):
            self.assertEqual(expected, self.updated(plural, thing), plural)

    def test_each_update_is_one_even_if_it_says_nothing(self) -> None:
        for method, plural, thing in (
            ("UpdateSite", "Sites", "site"),
            ("UpdatePerson", "Persons", "member_id"),
            ("UpdateNode", "Nodes", "node"),
            ("UpdateInterface", "Interfaces", "interface"),
            ("UpdatePCU", "PCUs", "pcu"),
        ):
            self.assertEqual(1, self.campus.call(method, ADMIN, self.campus.ids[thing], {}))
            self.assertEqual(LATER, self.updated(plural, thing), method)

    def test_what_a_node_says_of_itself_is_none(self) -> None:
        for row in (
            Row("node", "ReportRunlevel", ({"run_level": "boot"},), 1),
            Row("node", "BootUpdateNode", ({},), 1),
            Row("node", "BootUpdateNode", ({"boot_state": "boot"},), 1),
            Row("admin", "GenerateNodeConfFile", (Id("node"),), None),
        ):
            self.campus.answer(row)
            self.assertEqual(int(NOW), self.updated("Nodes", "node"), row.method)
