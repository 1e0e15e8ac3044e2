"""Leases in RSpec documents: reservable nodes and their times are offered, asked for, and told in manifests."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from planetlab.names import Hrn, Urn
from planetlab.rspecs import codec
from planetlab.rspecs.documents import Document, Kind, Lease
from planetlab.rspecs.versions import GENI3, SFA1, VERSIONS
from tests.geni.test_aggregate_3 import NODE1, NODE2, WANT, request
from tests.geni.world import CODEEN, PLC, GeniWorld
from tests.registry.world import ADMIN, NOW

STEP = 1800
NOON = (int(NOW) // STEP + 4) * STEP
URN2 = Urn.of(Hrn(("plc", "princeton", NODE2)), "node")
URN1 = Urn.of(Hrn(("plc", "princeton", NODE1)), "node")
MINE = Lease(slice=Urn.parse(CODEEN), start=float(NOON), steps=3, nodes=(URN2,))
BADARGS, EXISTS = 1, 17


class Leases(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = GeniWorld()
        self.world.node("node2")
        self.world.call("UpdateNode", ADMIN, NODE2, {"node_type": "reservable"})
        self.world.call("DeleteSliceFromNodes", ADMIN, self.world.slice_id, [NODE1])
        self.mine = self.world.credential("user")

    def offer(self) -> Document:
        return codec.read(self.world.value("user", "am3", "ListResources", self.mine, WANT), Kind.ADVERTISEMENT)

    def asking(self, *leases: Lease, version: Any = GENI3) -> str:
        return codec.write(evolve(codec.read(request(NODE2)), leases=leases), version)

    def taken(self) -> list[tuple[int, int]]:
        return [(row["t_from"], row["t_until"]) for row in self.world.call("GetLeases", ADMIN)]

    def refused(self, code: int, *leases: Lease) -> None:
        text = self.asking(*leases)
        self.assertEqual(code, self.world.code("user", "am3", "Allocate", CODEEN, self.mine, text, {}), leases)
        self.assertEqual([], self.world.value("admin", "sa", "lookup_members", "SLICE", CODEEN, [], {})[1:])

    def test_a_reservable_node_is_offered_as_exclusive_with_its_step_and_its_leases(self) -> None:
        self.world.call("AddLeases", ADMIN, [NODE2], "princeton_codeen", NOON, NOON + 3 * STEP)
        offer = self.offer()
        self.assertEqual({NODE1: (False, None), NODE2: (True, STEP)},
                         {node.hostname: (node.exclusive, node.granularity) for node in offer.nodes})  # fmt: skip
        self.assertEqual((MINE,), offer.leases)

    def test_a_lease_that_is_over_is_not_told(self) -> None:
        self.world.call("AddLeases", ADMIN, [NODE2], "princeton_codeen", NOON, NOON + STEP)
        self.world.clock.advance(NOON + 2 * STEP - NOW)
        self.assertEqual((), self.offer().leases)

    def test_a_request_in_any_spelling_takes_its_leases(self) -> None:
        for version in VERSIONS:
            self.world.value("user", "am3", "Allocate", CODEEN, self.mine, self.asking(MINE, version=version), {})
            self.assertEqual([(NOON, NOON + 3 * STEP)], self.taken(), str(version))
            self.world.value("user", "am3", "Delete", [CODEEN], self.mine, {})

    def test_a_manifest_tells_the_slices_leases(self) -> None:
        text = self.world.value(
            "user", "am2", "CreateSliver", CODEEN, self.world.text("user"), self.asking(MINE), [], {}
        )
        self.assertEqual((MINE,), codec.read(text, Kind.MANIFEST).leases)
        self.assertIn("<lease", codec.write(codec.read(text), SFA1))

    def test_what_is_anothers_at_that_time_refuses_the_whole_request(self) -> None:
        self.world.call("AddSlice", ADMIN, {"name": "princeton_other"})
        self.world.call("AddLeases", ADMIN, [NODE2], "princeton_other", NOON + STEP, NOON + 2 * STEP)
        self.refused(EXISTS, MINE)
        self.assertEqual([(NOON + STEP, NOON + 2 * STEP)], self.taken())
        self.assertEqual(12, self.world.code("user", "am3", "Status", [CODEEN], self.mine, {}))

    def test_leases_for_others_of_other_nodes_and_at_other_times_are_refused(self) -> None:
        self.refused(BADARGS, evolve(MINE, slice=Urn.parse(f"{PLC}:princeton+slice+other")))
        self.refused(BADARGS, evolve(MINE, nodes=(URN1,)))
        self.refused(BADARGS, evolve(MINE, nodes=(Urn.parse("urn:publicid:IDN+plc:princeton+node+nowhere.example"),)))
        self.refused(BADARGS, evolve(MINE, start=float(NOW - 10 * 86_400)))
        self.refused(BADARGS, evolve(MINE, steps=100_000))
        self.refused(BADARGS, evolve(MINE, start=4e9))
        self.assertEqual([], self.taken())
