"""Pools give no more than they have, for no longer than they last."""

import math

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from node_manager.pools import FOREVER, NoRoom, Pool, Share, Span, bind, fitted, left, over, peak, split
from planetlab.errors import BadArgument, Forbidden
from planetlab.names import SliceName

CODEEN = SliceName.parse("princeton_codeen")
SIRIUS = SliceName.parse("princeton_sirius")
NODE = Pool(
    rcap="r" * 32,
    share=Share({"cpu_pct": 90, "slivers": 10}, frozenset({53, 640}), Span(0.0, 1000.0)),
    holder="pl_conf",
)


def part(cpu: int, start: float = 0.0, end: float = 1000.0, rcap: str = "a" * 32) -> Pool:
    return split(NODE, [], Share({"cpu_pct": cpu}, span=Span(start, end)), rcap, "princeton_sirius", now=0.0)


class SplittingAPool(SynchronousTestCase):
    def test_more_than_is_left_is_refused_with_what_is_left(self) -> None:
        error = self.assertRaises(
            NoRoom, split, NODE, [part(60)], Share({"cpu_pct": 31}, span=Span(0, 1000)), "b", "x", 0.0
        )
        self.assertEqual("cpu_pct: 31 asked, 30 left (percent of the node's processors)", str(error))

    def test_all_that_is_left_is_given(self) -> None:
        given = split(NODE, [part(60)], Share({"cpu_pct": 30}, span=Span(0, 1000)), "b", "x", 0.0)
        self.assertEqual({"cpu_pct": 30}, given.share.amounts)

    def test_a_kind_that_the_pool_does_not_have_is_refused(self) -> None:
        error = self.assertRaises(
            NoRoom, split, NODE, [], Share({"net_min_rate": 1}, span=Span(0, 1000)), "b", "x", 0.0
        )
        self.assertIn("net_min_rate: 1 asked, 0 left", str(error))

    def test_best_effort_is_never_refused_however_full_the_pool_is(self) -> None:
        given = split(NODE, [part(90)], Share(span=Span(0, 1000)), "b", "x", 0.0)
        self.assertEqual({}, given.share.amounts)

    def test_parts_at_different_times_have_the_same_resource_after_each_other(self) -> None:
        first = part(90, 0.0, 500.0)
        second = split(NODE, [first], Share({"cpu_pct": 90}, span=Span(500, 1000)), "b", "x", 0.0)
        self.assertEqual(Span(500, 1000), second.share.span)

    def test_a_reservation_to_come_keeps_others_out_of_its_time(self) -> None:
        later = part(90, 500.0, 600.0)
        self.assertRaises(NoRoom, split, NODE, [later], Share({"cpu_pct": 1}, span=Span(0, 1000)), "b", "x", 0.0)

    def test_a_part_cannot_outlast_its_pool(self) -> None:
        error = self.assertRaises(Forbidden, split, NODE, [], Share(span=Span(0, 1001)), "b", "x", 0.0)
        self.assertIn("the pool lasts from 0 to 1000", str(error))

    def test_a_pool_whose_time_is_over_gives_nothing(self) -> None:
        error = self.assertRaises(Forbidden, split, NODE, [], Share(span=Span(0, 1000)), "b", "x", 1003.0)
        self.assertIn("ended 3 s ago", str(error))

    def test_a_sliver_may_give_on_what_it_has_but_not_the_right_to_be(self) -> None:
        whole = evolve(part(10), share=Share({"cpu_pct": 10, "slivers": 1}, span=Span(0, 1000)))
        bound = bind(whole, CODEEN, 0.0)
        self.assertEqual(
            {"cpu_pct": 4}, split(bound, [], Share({"cpu_pct": 4}, span=Span(0, 1000)), "b", "x", 0.0).share.amounts
        )
        self.assertRaises(NoRoom, split, bound, [], Share({"slivers": 1}, span=Span(0, 1000)), "b", "x", 0.0)

    def test_a_port_is_given_once(self) -> None:
        dns = split(NODE, [], Share(ports=frozenset({53}), span=Span(0, 1000)), "b", "x", 0.0)
        error = self.assertRaises(
            NoRoom, split, NODE, [dns], Share(ports=frozenset({53}), span=Span(0, 1000)), "c", "y", 0.0
        )
        self.assertIn("ports: 53 asked", str(error))

    def test_a_port_that_the_owner_never_gave_is_refused(self) -> None:
        self.assertRaises(NoRoom, split, NODE, [], Share(ports=frozenset({22}), span=Span(0, 1000)), "b", "x", 0.0)

    def test_parts_never_promise_more_than_the_whole_at_any_moment(self) -> None:
        parts: list[Pool] = []
        for number in range(400):  # a fixed mixture of lengths and amounts
            start, length, cpu = (number * 37) % 900, 10 + (number * 53) % 300, 1 + (number * 7) % 40
            wanted = Share({"cpu_pct": cpu}, span=Span(float(start), float(min(1000, start + length))))
            try:
                parts.append(split(NODE, parts, wanted, str(number), "x", 0.0))
            except NoRoom:
                continue
        for moment in range(1000):
            held = sum(
                p.share.amounts.get("cpu_pct", 0) for p in parts if p.share.span.start <= moment < p.share.span.end
            )
            self.assertLessEqual(held, 90)
        self.assertGreater(len(parts), 20)


class Peaks(SynchronousTestCase):
    def test_what_ends_when_another_begins_does_not_add_up(self) -> None:
        shares = [Share({"cpu_pct": 5}, span=Span(0, 10)), Share({"cpu_pct": 7}, span=Span(10, 20))]
        self.assertEqual({"cpu_pct": 7}, peak(shares, Span(0, 20)))

    def test_only_the_asked_time_counts(self) -> None:
        shares = [Share({"cpu_pct": 5}, span=Span(0, 10)), Share({"cpu_pct": 7}, span=Span(10, 20))]
        self.assertEqual({"cpu_pct": 5}, peak(shares, Span(0, 10)))

    def test_a_part_that_ended_gives_back(self) -> None:
        self.assertEqual(90, left(NODE, [part(60, 0.0, 500.0)], Span(500, 600)).amounts["cpu_pct"])


class Binding(SynchronousTestCase):
    def test_binding_twice_to_the_same_sliver_changes_nothing(self) -> None:
        once = bind(part(10), CODEEN, 0.0)
        self.assertEqual(once, bind(once, CODEEN, 0.0))

    def test_a_pool_serves_one_sliver_only(self) -> None:
        error = self.assertRaises(Forbidden, bind, bind(part(10), CODEEN, 0.0), SIRIUS, 0.0)
        self.assertEqual("the pool is bound to princeton_codeen", str(error))

    def test_a_name_outside_the_pools_prefixes_is_refused(self) -> None:
        error = self.assertRaises(Forbidden, bind, evolve(part(10), prefixes=("plj_",)), CODEEN, 0.0)
        self.assertIn("plj_", str(error))

    def test_the_sliver_becomes_the_holder(self) -> None:
        self.assertEqual("princeton_codeen", bind(part(10), CODEEN, 0.0).holder)


class EndingPools(SynchronousTestCase):
    def test_parts_end_with_their_pool_and_before_it(self) -> None:
        child = evolve(part(1, rcap="c" * 32), share=Share(span=Span(0, 2000)))
        self.assertEqual([child, NODE], over([NODE, child], 1000.0))

    def test_nothing_ends_before_its_time(self) -> None:
        self.assertEqual([], over([NODE, part(1)], 999.0))


class ReadingAShare(SynchronousTestCase):
    def test_what_is_printed_is_read_back(self) -> None:
        share = Share({"cpu_pct": 5, "slivers": 1}, frozenset({53, 80}), Span(5.0, 17.0))
        self.assertEqual(share, Share.read(share.wire(), Span()))

    def test_hostile_amounts_are_refused_by_name(self) -> None:
        for hostile in (-1, 2**31, 1.5, True, "5", None, [], {}):
            error = self.assertRaises(BadArgument, Share.read, {"cpu_pct": hostile}, Span())
            self.assertIn("cpu_pct", str(error))

    def test_hostile_times_are_refused_by_name(self) -> None:
        for hostile in (math.nan, math.inf, -1.0, 1e300, "soon", True, None):
            error = self.assertRaises(BadArgument, Share.read, {"end": hostile}, Span())
            self.assertIn("end", str(error))

    def test_an_end_before_the_start_is_refused(self) -> None:
        self.assertRaises(BadArgument, Share.read, {"start": 10, "end": 10}, Span())

    def test_an_unknown_member_is_named(self) -> None:
        self.assertIn("cpu_pct", str(self.assertRaises(BadArgument, Share.read, {"cpu": 1}, Span())))

    def test_hostile_ports_are_refused(self) -> None:
        for hostile in (0, 65536, "53", None, True):
            self.assertRaises(BadArgument, Share.read, {"ports": [hostile]}, Span())
        self.assertRaises(BadArgument, Share.read, {"ports": 53}, Span())
        self.assertRaises(BadArgument, Share.read, {"ports": [1] * 2000}, Span())

    def test_times_left_out_are_the_pools(self) -> None:
        self.assertEqual(Span(3.0, 9.0), Share.read({}, Span(3.0, 9.0)).span)
        self.assertEqual(FOREVER, Share.read({}, Span()).span.end)

    def test_a_fraction_of_the_node_is_rounded_down(self) -> None:
        self.assertEqual({"cpu_pct": 4}, fitted(0.05, Share({"cpu_pct": 99, "cpu_cores": 3})).amounts)
