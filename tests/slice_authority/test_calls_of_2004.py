"""The calls of 2004: what a slice was assigned then was a share of its nodes, and a time."""

import shutil
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.errors import BadArgument, NotFound
from planetlab.names import SliceName
from slice_authority import of_2004
from tests.world import World

DAY = 86_400


class AShare(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(time.time())  # certificates are made by commands, which read the machine's clock
        self.addCleanup(shutil.rmtree, self.world.folder)
        self.node = self.world.node()
        for name in ("princeton_small", "princeton_large"):
            self.world.plc.slice(name, "delegated")

    def assign(self, name: str, **shares: Any) -> int:
        now = self.world.clock.now()
        return self.world.run(of_2004.assign_shares(self.world.plc.ask().call, now, {"sliceName": name}, shares))

    def tags(self, name: str) -> dict[str, str]:
        rows = self.world.plc.call("GetSliceTags", {"name": name}, ["tagname", "value"])
        return {row["tagname"]: row["value"] for row in rows if row["tagname"] in of_2004.SHARED}

    def expires(self, name: str) -> int:
        (row,) = self.world.plc.call("GetSlices", [name], ["expires"])
        return int(row["expires"])

    def test_is_the_slivers_part_of_processor_and_link_in_proportion_to_the_others(self) -> None:
        for name, share in (("princeton_small", 30), ("princeton_large", 60)):
            self.assertEqual(1, self.assign(name, renewTime=DAY, share=share))
            self.assertEqual(0, self.node.redeem(self.world.plc.ticket(name))[0])
        found = self.node.manager.driver.look()
        wanted = [found[SliceName.parse(name)].sliver for name in self.node.slivers]
        specs = [sliver.rspec for sliver in wanted if sliver is not None]
        self.assertEqual([(60, 60), (30, 30)], [(spec.cpu_share, spec.net_share) for spec in specs])

    def test_is_replaced_by_the_next_one_and_left_alone_by_a_renewal_without(self) -> None:
        for said, expected in (({"share": 30}, "30"), ({"share": 30}, "30"), ({"share": 45}, "45"), ({}, "45")):
            self.assign("princeton_small", renewTime=60, **said)
            self.assertEqual({"cpu_share": expected, "net_share": expected}, self.tags("princeton_small"))

    def test_on_one_node_stays_what_was_said_for_that_node(self) -> None:
        self.world.plc.call("AddSliceToNodes", "princeton_small", [str(self.node.host)])
        self.world.plc.call("AddSliceTag", "princeton_small", "cpu_share", "7", str(self.node.host))
        self.assign("princeton_small", renewTime=60, share=30)
        wanted = {"name": "princeton_small", "tagname": list(of_2004.SHARED)}
        rows = self.world.plc.call("GetSliceTags", wanted, ["tagname", "value", "node_id"])
        said = sorted((row["tagname"], row["value"], row["node_id"] is None) for row in rows)
        self.assertEqual([("cpu_share", "30", True), ("cpu_share", "7", False), ("net_share", "30", True)], said)

    def test_that_one_node_has_already_becomes_that_of_all(self) -> None:
        self.world.plc.call("AddSliceToNodes", "princeton_small", [str(self.node.host)])
        self.world.plc.call("AddSliceTag", "princeton_small", "cpu_share", "30", str(self.node.host))
        self.assign("princeton_small", renewTime=60, share=30)
        rows = self.world.plc.call("GetSliceTags", {"name": "princeton_small", "tagname": "cpu_share"}, ["value"])
        self.assertEqual([{"value": "30"}] * 2, rows)

    def test_users_come_and_go(self) -> None:
        today, user = self.world.plc.ask().call, {"userList": [self.person()]}
        for call, there in ((of_2004.assign_users, 1), (of_2004.unassign_users, 0), (of_2004.unassign_users, 0)):
            self.assertEqual(1, self.world.run(call(today, {"sliceName": "princeton_small"}, user)))
            (row,) = self.world.plc.call("GetSlices", ["princeton_small"], ["person_ids"])
            self.assertEqual(there, len(row["person_ids"]))
        self.assertRaises(BadArgument, self.world.run, of_2004.unassign_users(today, {"sliceName": "x"}, {}))

    def person(self) -> str:
        person = {"email": "ann@princeton.example", "first_name": "Ann", "last_name": "Other"}
        self.world.plc.call("AddPerson", person)
        return person["email"]

    def test_of_a_slice_that_is_gone_is_refused_in_the_words_that_make_its_client_give_up(self) -> None:
        error = self.assertRaises(NotFound, self.assign, "princeton_gone", renewTime=DAY, share=30)
        self.assertIn("unknown within Planetlab", str(error))

    def test_that_is_none_is_refused_and_changes_neither_share_nor_time(self) -> None:
        before = self.expires("princeton_small")
        for share in (0, -1, 1001, True, "30", 30.0, None, [30]):
            self.assertRaises(BadArgument, self.assign, "princeton_small", renewTime=DAY, share=share)
        self.assertEqual((before, {}), (self.expires("princeton_small"), self.tags("princeton_small")))
