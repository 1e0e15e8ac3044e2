"""Who sees a node that takes only slices on its whitelist."""

from twisted.trial.unittest import SynchronousTestCase

from tests.plcapi.campus import Campus, Id, Row
from tests.registry.world import ADMIN


class Whitelists(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()
        self.campus.call("AddSliceToNodesWhitelist", ADMIN, "mit_cfs", ["mit1.princeton.example"])

    def seen(self, method: str, who: str) -> bool:
        rows = self.campus.answer(Row(who, method, ([Id("node2")], ["node_id"]), None))
        return bool(rows)

    def test_its_site_and_its_slices_members_and_nodes_see_it(self) -> None:
        for expected, who in (
            (True, "admin"), (True, "pi2"), (True, "tech2"), (True, "user2"), (True, "node2"),
            (False, "pi"), (False, "member"), (False, "node"), (False, "anonymous"),
        ):  # fmt: skip
            self.assertEqual(expected, self.seen("GetNodes", who), who)
        self.campus.call("AddPersonToSlice", ADMIN, "user@princeton.example", "mit_cfs")
        self.campus.call("AddSliceToNodes", ADMIN, "mit_cfs", ["mit1.princeton.example"])
        self.assertTrue(self.seen("GetNodes", "member"))

    def test_the_list_of_them_shows_those_of_ones_slices_only(self) -> None:
        self.campus.call("AddSliceToNodesWhitelist", ADMIN, "princeton_codeen", ["mit1.princeton.example"])
        for expected, who in (
            (True, "admin"), (True, "member"), (True, "node"),
            (False, "pi"), (False, "pi2"), (False, "node2"), (False, "anonymous"),
        ):  # fmt: skip
            self.assertEqual(expected, self.seen("GetWhitelist", who), who)
