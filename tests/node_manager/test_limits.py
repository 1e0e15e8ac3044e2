"""The owner's ceilings, the promises within a grant, and what pools add."""

from twisted.trial.unittest import SynchronousTestCase

from node_manager.limits import Ceilings, bounded, promised, spread
from node_manager.pools import Share, Span
from planetlab.rspec import ResourceSpec


class UnderTheOwnersCeilings(SynchronousTestCase):
    def test_a_wish_above_the_ceiling_is_cut_and_told(self) -> None:
        rspec, cuts = bounded(ResourceSpec(net_max_rate=50_000), Ceilings(net_max_rate=10_000))
        self.assertEqual(10_000, rspec.net_max_rate)
        self.assertEqual(["net_max_rate 50000 cut to 10000 by the owner"], list(map(str, cuts)))

    def test_no_limit_is_above_any_ceiling(self) -> None:
        rspec, cuts = bounded(ResourceSpec(net_max_rate=-1), Ceilings(net_max_rate=10_000))
        self.assertEqual(
            (10_000, "net_max_rate no limit cut to 10000 by the owner"), (rspec.net_max_rate, str(cuts[0]))
        )

    def test_a_ceiling_on_what_nobody_asked_for_binds_and_is_no_cut(self) -> None:
        rspec, cuts = bounded(ResourceSpec(), Ceilings(nproc_hard=200))
        self.assertEqual((200, ()), (rspec.rlimit("nproc"), cuts))

    def test_a_wish_below_the_ceiling_stays(self) -> None:
        rspec = ResourceSpec(disk_max=5, rlimits={"rss_hard": 7})
        self.assertEqual((rspec, ()), bounded(rspec, Ceilings(disk_max=10, rss_hard=10)))

    def test_bounding_twice_changes_nothing_more(self) -> None:
        ceilings = Ceilings(net_max_rate=10, rss_hard=3, cpu_share=1, disk_max=9)
        once, _ = bounded(ResourceSpec(cpu_share=9), ceilings)
        self.assertEqual((once, ()), bounded(once, ceilings))


class PromisesInAGrant(SynchronousTestCase):
    def test_only_guarantees_need_room(self) -> None:
        share = promised(ResourceSpec(cpu_share=500, net_max_rate=10**6, cpu_pct=20, cpu_cores="2b"), Span())
        expected = {"cpu_pct": 20, "cpu_cores": 2, "net_min_rate": 1, "net_i2_min_rate": 1, "slivers": 1}
        self.assertEqual(expected, share.amounts)

    def test_negative_wishes_take_no_room(self) -> None:
        share = promised(ResourceSpec(cpu_pct=-5, net_min_rate=-1, net_i2_min_rate=-1), Span())
        self.assertEqual({"slivers": 1}, share.amounts)

    def test_ports_come_from_their_tag_and_nonsense_in_it_is_skipped(self) -> None:
        share = promised(ResourceSpec(tags={"ports": "53, 640,x,0,99999999999,-1,"}), Span())
        self.assertEqual(frozenset({53, 640}), share.ports)


class BoundPools(SynchronousTestCase):
    def test_they_add_to_the_grant(self) -> None:
        more = [Share({"cpu_pct": 25}), Share({"cpu_pct": 5, "net_min_rate": 2000})]
        rspec = spread(ResourceSpec(cpu_pct=10), more, [])
        self.assertEqual((40, 2001), (rspec.cpu_pct, rspec.net_min_rate))

    def test_what_is_given_on_is_taken_off(self) -> None:
        self.assertEqual(4, spread(ResourceSpec(cpu_pct=10), [], [Share({"cpu_pct": 6})]).cpu_pct)

    def test_none_change_nothing(self) -> None:
        rspec = ResourceSpec()
        self.assertIs(rspec, spread(rspec, [], []))
