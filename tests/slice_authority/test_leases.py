"""Leases: on the grid, never two at once, by those who may; and how they are asked for by time."""

from twisted.trial.unittest import SynchronousTestCase

from planetlab.errors import BadArgument
from slice_authority import lease_times
from tests.registry.world import NOW, Princeton

HALF = 1800
NOON = int(NOW) // HALF * HALF + HALF  # the first moment on the grid after the world's now


class Times(SynchronousTestCase):
    def test_what_is_no_time_is_refused(self):
        for wrong in (
            "tomorrow",
            "2026-13-01 00:00",
            "2026-02-30 00:00",
            "2026-01-01 25:00",
            "2026-01-01",
            "1",
            -(2**31) - 1,
            2**31,
        ):
            self.assertRaises(BadArgument, lease_times.read, wrong, "t_from")

    def test_every_spelling_of_a_moment_is_that_moment(self):
        for said in (
            1795257000,
            "2026-11-21 10:30",
            "2026-11-21 10:30:00",
            "2026-11-21 10:30 UTC",
            "2026-11-21T10:30:00",
        ):
            self.assertEqual(1795257000, lease_times.read(said, "t_from"))

    def test_a_begin_moves_up_and_an_end_down(self):
        self.assertEqual([1800, 1800, 3600], [lease_times.later(t, 1800) for t in (1, 1800, 1801)])
        self.assertEqual([0, 1800, 1800], [lease_times.earlier(t, 1800) for t in (1799, 1800, 3599)])

    def test_two_of_three_make_a_lease(self):
        there = {"t_from": 3600, "t_until": 7200}
        self.assertEqual((3600, 9000), lease_times.changed(there, {"duration": 5400}, 1800))
        self.assertEqual((1800, 5400), lease_times.changed(there, {"t_from": 1800, "duration": 3600}, 1800))
        self.assertEqual((7200, 9000), lease_times.changed(there, {"t_until": 9000, "duration": 1800}, 1800))
        self.assertEqual((5400, 9000), lease_times.changed(there, {"t_until": 9000, "duration": 0}, 1800))
        self.assertEqual((3600, 7200), lease_times.changed(there, {"duration": 0}, 1800))


class Leasing(SynchronousTestCase):
    def setUp(self):
        self.world = Princeton()
        self.nodes = [self.world.node(f"lab{i}", node_type="reservable") for i in range(3)]
        self.one = self.world.slice_id

    def add(self, nodes=None, start=NOON, end=NOON + 2 * HALF, by=None, one=None):
        return self.world.call("AddLeases", by or self.world.user, nodes or self.nodes, one or self.one, start, end)

    def code(self, name, *args, by=None):
        return self.world.refused(name, by or self.world.user, *args)[0]

    def test_who_is_not_in_the_slice_may_not(self):
        self.world.site("cornell")
        for role in ("user", "pi"):
            stranger = self.world.person(f"far{role}", role, site="cornell")
            self.assertEqual(108, self.code("AddLeases", self.nodes, self.one, NOON, NOON + HALF, by=stranger))
        self.assertEqual(103, self.code("AddLeases", self.nodes, self.one, NOON, NOON + HALF, by=self.world.tech))

    def test_a_shared_node_and_one_that_is_not_there_are_refused(self):
        self.assertEqual(102, self.code("AddLeases", [self.world.node_id], self.one, NOON, NOON + HALF))
        for none in (99, [99, 98], [], "LAB0.princeton.example"):
            self.assertEqual(102, self.code("AddLeases", none, self.one, NOON, NOON + HALF))
        self.assertEqual(102, self.code("AddLeases", self.nodes, self.one, "soon", NOON + HALF))
        self.assertEqual([], self.world.call("GetLeases", self.world.user))

    def test_of_many_nodes_those_that_are_there_are_leased(self):
        told = self.add([*self.nodes[:2], 99, self.nodes[0]])
        self.assertEqual((2, []), (len(told["new_ids"]), told["errors"]))

    def test_what_overlaps_is_an_error_of_its_node_and_the_next_node_is_not_skipped(self):
        self.add([self.nodes[0]])
        told = self.add(start=NOON + HALF, end=NOON + 3 * HALF)
        self.assertEqual(2, len(told["new_ids"]))
        self.assertEqual(1, len(told["errors"]))
        self.assertIn("lab0.princeton.example: overlapping lease", told["errors"][0])
        self.assertEqual([], self.add([self.nodes[0]], NOON + 2 * HALF, NOON + 3 * HALF)["errors"])

    def test_what_is_empty_on_the_grid_is_an_error_of_its_node(self):
        told = self.add([self.nodes[0]], NOON + 1, NOON + HALF)
        self.assertEqual([], told["new_ids"])
        self.assertIn("nothing is left", told["errors"][0])

    def test_a_lease_lies_on_the_grid_however_it_was_asked_for(self):
        number = self.add("lab0.princeton.example", NOON + 1, NOON + 3 * HALF + 7)["new_ids"][0]
        there = self.world.get("Leases", number)
        self.assertEqual(
            (NOON + HALF, NOON + 3 * HALF, 2 * HALF), (there["t_from"], there["t_until"], there["duration"])
        )
        self.assertEqual(
            ("princeton_codeen", "reservable", False), (there["name"], there["node_type"], there["expired"])
        )
        self.assertEqual(HALF, self.world.call("GetLeaseGranularity", {"AuthMethod": "anonymous"}))

    def test_leases_move_unless_they_would_touch_another(self):
        first = self.add([self.nodes[0]])["new_ids"]
        second = self.add([self.nodes[0]], NOON + 2 * HALF, NOON + 3 * HALF)["new_ids"]
        told = self.world.call("UpdateLeases", self.world.user, first, {"duration": 3 * HALF})
        self.assertEqual(([], 1), (told["updated_ids"], len(told["errors"])))
        self.assertEqual(102, self.code("UpdateLeases", first, {"t_from": 0, "t_until": 1, "duration": 1}))
        for none in (99, [99], []):
            self.assertEqual(102, self.code("UpdateLeases", none, {"duration": HALF}))
        told = self.world.call("UpdateLeases", self.world.user, [*first, 99], {"duration": HALF})
        self.assertEqual({"updated_ids": first, "errors": []}, told)
        told = self.world.call(
            "UpdateLeases", self.world.user, second[0], {"t_until": NOON + 9 * HALF, "duration": HALF}
        )
        self.assertEqual(second, told["updated_ids"])
        self.assertEqual(NOON + 8 * HALF, self.world.get("Leases", second[0])["t_from"])

    def test_techs_may_call_and_fail_the_slices_rule(self):
        number = self.add([self.nodes[0]])["new_ids"]
        self.assertEqual(108, self.code("DeleteLeases", number, by=self.world.tech))
        self.assertEqual(108, self.code("UpdateLeases", number, {"duration": HALF}, by=self.world.tech))

    def test_leases_go_all_or_none_and_a_number_alone_will_do(self):
        numbers = self.add()["new_ids"]
        for wrong in ([numbers[0], 99], [numbers[0]] * 2, 99):
            self.assertEqual(102, self.code("DeleteLeases", wrong))
        self.assertEqual(1, self.world.call("DeleteLeases", self.world.user, []))
        self.assertEqual(3, len(self.world.call("GetLeases", self.world.user)))
        self.assertEqual(1, self.world.call("DeleteLeases", self.world.user, numbers[0]))
        self.assertEqual(1, self.world.call("DeleteLeases", self.world.user, numbers[1:]))
        self.assertEqual([], self.world.call("GetLeases", {"AuthMethod": "anonymous"}))

    def test_a_node_is_told_of_the_leases_of_the_next_day(self):
        self.add([self.nodes[0]])
        self.add([self.nodes[0]], NOON + 60 * HALF, NOON + 61 * HALF)
        told = self.world.call("GetSlivers", self.world.admin, self.nodes[0])
        self.assertEqual("lease_or_idle", told["reservation_policy"])
        self.assertEqual(
            [{"slice_id": self.one, "t_from": NOON, "t_until": NOON + 2 * HALF, "name": "princeton_codeen"}],
            told["leases"],
        )

    def test_a_node_that_is_shared_again_hides_its_leases(self):
        self.add([self.nodes[0]])
        self.world.call("UpdateNode", self.world.admin, self.nodes[0], {"node_type": "regular"})
        self.assertEqual([], self.world.call("GetLeases", self.world.user))


class AskingByTime(SynchronousTestCase):
    def setUp(self):
        self.world = Princeton()
        node = self.world.node("lab", node_type="reservable")
        for start, end in ((0, 2), (2, 4), (100, 102)):
            self.world.call(
                "AddLeases", self.world.user, node, self.world.slice_id, NOON + start * HALF, NOON + end * HALF
            )

    def told(self, **said):
        found = self.world.call(
            "GetLeases", self.world.user, {name.replace("no_", "~"): value for name, value in said.items()}
        )
        return [(row["t_from"] - NOON) // HALF for row in found]

    def test_what_is_no_time_or_two_ways_at_once_is_refused(self):
        for wrong in (
            {"alive": 1.5},
            {"alive": [1, 2, 3]},
            {"alive": [2, 1]},
            {"day": "1"},
            {"day": 1.5},
            {"day": 1, "clip": 1},
            {"clip": None},
            {"when": 1},
        ):
            self.assertRaises(BadArgument, self.world.call, "GetLeases", self.world.user, wrong)

    def test_alive_is_at_a_time_or_between_two(self):
        self.assertEqual([0], self.told(alive=NOON))
        self.assertEqual([2], self.told(alive=NOON + 3 * HALF))
        self.assertEqual([0, 2], self.told(alive=NOON + 2 * HALF))
        self.assertEqual([0, 2], self.told(alive=[NOON + HALF, NOON + 3 * HALF]))
        self.assertEqual([2, 100], self.told(no_alive=NOON))

    def test_clip_is_from_a_time_on_or_between_two(self):
        self.assertEqual([2, 100], self.told(clip=NOON + 3 * HALF))
        self.assertEqual([0, 2], self.told(clip=[NOON, NOON + 50 * HALF]))
        self.assertEqual([100], self.told(no_clip=[NOON, NOON + 50 * HALF]))

    def test_day_is_this_day_or_the_next_ones(self):
        self.assertEqual([0, 2, 100], self.told(day=0))
        self.assertEqual([0, 2], self.told(day=1))
        self.assertEqual([0, 2, 100], self.told(day=3))

    def test_time_and_fields_together_narrow(self):
        self.assertEqual([0], self.told(day=3, t_from=NOON))
        self.assertEqual([], self.told(day=1, name="princeton_other"))
