"""What a resource specification comes to on this kernel."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers.container.limits import Limits, limits
from node_manager.drivers.container.processors import Asks, cores, listed, read_list, weight
from node_manager.drivers.container.settings import ContainerSettings, Slot, group
from node_manager.drivers.container.shaping import Rates
from planetlab.rspec import ResourceSpec

NODE = ContainerSettings(work="/w", images="/i", node_cap=100e6, link_rate=1e9)


class LimitsOfASliver(SynchronousTestCase):
    def of(self, **stated: Any) -> Limits:
        return limits(ResourceSpec(**stated), NODE)

    def test_what_the_rspec_does_not_say_is_the_owners_default(self) -> None:
        bounds = self.of().bounds
        self.assertEqual((100, NODE.memory, NODE.processes), (bounds.weight, bounds.memory, bounds.processes))

    def test_memory_is_the_smallest_of_the_context_limits_in_pages(self) -> None:
        self.assertEqual(100 * 4096, self.of(rlimits={"rss_hard": 300, "as_hard": 100, "anon_hard": 200}).bounds.memory)

    def test_keep_and_unlimited_leave_the_owners_default(self) -> None:
        for value in (-1, -2):
            bounds = self.of(rlimits={"rss_hard": value, "nproc_hard": value}).bounds
            self.assertEqual((NODE.memory, NODE.processes), (bounds.memory, bounds.processes))

    def test_a_soft_limit_never_exceeds_the_hard_one(self) -> None:
        self.assertIn(("RLIMIT_NOFILE", 10, 10), self.of(rlimits={"nofile_hard": 10, "nofile_soft": 20}).rlimits)

    def test_rates_are_brought_into_what_the_node_has(self) -> None:
        self.assertEqual(Rates(least=1e6, most=100e6, share=2), self.of(net_min_rate=1000, net_share=2).ordinary)
        self.assertEqual(Rates(least=100e6, most=100e6), self.of(net_min_rate=10**6, net_max_rate=-1).ordinary)
        self.assertEqual(Rates(least=1000, most=1000, share=1), self.of(net_max_rate=0, net_share=0).ordinary)
        self.assertEqual(1e9, self.of(net_i2_max_rate=-1).exempt.most)

    def test_capabilities_beyond_ones_own_sliver_are_refused_by_name(self) -> None:
        asked = self.of(capabilities="NET_RAW,sys_ptrace,KILL,CAP_SYS_ADMIN,NET_ADMIN,nonsense")
        self.assertEqual(("capabilities (CAP_NET_ADMIN, CAP_NONSENSE, CAP_SYS_ADMIN)",), asked.unheld)
        self.assertEqual((("CAP_SYS_PTRACE",), True), (asked.capabilities.more, asked.capabilities.raw))

    def test_an_owner_may_keep_back_what_authorities_could_give(self) -> None:
        strict = evolve(NODE, capabilities=("SYS_PTRACE", "SYS_ADMIN"))
        asked = limits(ResourceSpec(capabilities="NET_RAW,SYS_PTRACE,SYS_ADMIN"), strict)
        self.assertEqual(("capabilities (CAP_NET_RAW, CAP_SYS_ADMIN)",), asked.unheld)
        self.assertEqual((("CAP_SYS_PTRACE",), False), (asked.capabilities.more, asked.capabilities.raw))

    def test_what_nothing_here_enforces_is_named(self) -> None:
        self.assertEqual((), self.of().unheld)
        asked = self.of(
            rlimits={"nsock_hard": 1, "cpu_soft": 2, "nproc_hard": 3, "shmem_min": 4}, sysctl={"sysctl.a": "1"}
        )
        self.assertEqual(("cpu_soft", "nsock_hard", "sysctl.a"), asked.unheld)
        asked = self.of(ip_addresses="192.0.2.7", tags={"ipv6_address": "2001:db8::7"})
        self.assertEqual(("ip_addresses", "ipv6_address"), asked.unheld)


class Processors(SynchronousTestCase):
    def test_one_core_always_stays_for_everybody(self) -> None:
        own, rest = cores({"a": Asks(cores=2), "b": Asks(cores=1), "c": Asks(cores=1)}, range(4))
        self.assertEqual(({"a": (2, 3), "b": (1,)}, (0,)), (own, rest))
        self.assertEqual(({}, (0,)), cores({"a": Asks(cores=1)}, [0]))

    def test_the_cores_of_everybody_come_on_top_where_that_is_asked(self) -> None:
        self.assertEqual(({"a": (0, 1)}, (0,)), cores({"a": Asks(cores=1, shared=True)}, range(2)))

    def test_who_has_a_guarantee_has_its_part_when_everybody_runs(self) -> None:
        shares = {"a": 100, "b": 100, "c": 300, "d": 1000}
        promised = {"a": 50, "b": 20}
        weights = {
            name: weight(share, promised.get(name, 0), sum(shares.values()), sum(promised.values()))
            for name, share in shares.items()
        }
        parts = {name: each / sum(weights.values()) for name, each in weights.items()}
        self.assertGreaterEqual(parts["a"], 0.50)
        self.assertGreaterEqual(parts["b"], 0.20)
        self.assertAlmostEqual(300 / 1000, parts["c"] / parts["d"])

    def test_all_that_is_promised_still_leaves_somebody_a_weight(self) -> None:
        self.assertLess(weight(100, 100, 1000, 100), 100_000)

    def test_lists_of_processors_are_read_as_the_kernel_writes_them(self) -> None:
        self.assertEqual((0, 1, 2, 3, 6), read_list("0-3,6\n"))
        self.assertEqual((0, 1, 2, 3, 6), read_list(listed(read_list("0-3,6"))))


class ASlot(SynchronousTestCase):
    def test_ids_of_neighbouring_slots_do_not_touch(self) -> None:
        self.assertEqual(65536, Slot(2).uid(NODE) - Slot(1).uid(NODE))

    def test_classes_of_bandwidth_are_those_of_the_originals_numbering(self) -> None:
        self.assertEqual((0x1ABC, 0x2ABC), (Slot(0xABC).ordinary, Slot(0xABC).exempt))

    def test_a_control_group_is_named_the_same_however_the_setting_is_written(self) -> None:
        for written in ("plfed", "/plfed", "/plfed/"):
            self.assertEqual("/plfed/a_b", group(evolve(NODE, cgroup=written), "a_b"))
