"""Rows wait for the node manager, a moment; what it tells later is put right."""

from twisted.trial.unittest import SynchronousTestCase

from auditd.audit import WAIT
from auditd.owners import Sender
from tests.auditd.world import ADDRESSES, CODEEN, CORAL, NOON, VICTIM, S, World, sent

TAG = ADDRESSES[CODEEN]


def window(name: str, since: float, until: float | None = None, tag: str = TAG) -> dict[str, object]:
    """A struct as the node manager tells it."""
    told: dict[str, object] = {"slice": name, "authority": "plc", "kind": "address", "tag": tag, "from": since}
    return told if until is None else {**told, "until": until}


class Settling(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def slices(self) -> dict[str, int]:
        return {struct["slice"]: struct["packets"] for struct in self.world.json("/slices.json")}

    def test_a_tag_that_changes_hands_is_charged_to_each_for_its_own_time_only(self) -> None:
        audit = self.world.audit
        self.world.steady = 1010.0
        self.world.see(sent(CODEEN, at=1009.0), sent(CODEEN, at=1009.5, packets=4), sent(CODEEN, at=1009.8, packets=7))
        told = [window(CODEEN, NOON - 86400.0, NOON + 9.4), window(CORAL, NOON + 9.6)]
        audit.learn(told, int(self.world.steady * S))
        self.assertEqual({CODEEN: 5, CORAL: 7}, self.slices())

    def test_two_slices_with_one_address_and_one_port_ten_milliseconds_apart_are_not_mixed(self) -> None:
        audit = self.world.audit
        for change in range(100):
            owner = (CODEEN, CORAL)[change % 2]
            begun = 1000.0 + change * 0.02
            self.world.steady = begun + 0.02
            self.world.see(sent(TAG, at=begun + 0.001), sent(TAG, at=begun + 0.009))
            before = [window((CODEEN, CORAL)[(change + 1) % 2], NOON + begun - 1000.02, NOON + begun - 1000.0)]
            audit.learn([*(before if change else [window(CODEEN, NOON - 86400.0, NOON)]),
                         window(owner, NOON + begun - 1000.0)], int(self.world.steady * S))  # fmt: skip
        self.assertEqual({CODEEN: 100, CORAL: 100}, self.slices())

    def test_rows_do_not_wait_for_ever_for_a_node_manager_that_is_silent(self) -> None:
        self.world.steady = 1005.0
        self.world.see(sent("10.128.0.3", at=1005.0))
        self.assertEqual({"(unknown)": 1}, self.slices())
        self.world.steady += WAIT / S
        self.world.turn()
        self.assertEqual(1, len(self.world.audit.flows))
        self.assertEqual({"(unknown)": 1}, self.slices())

    def test_a_slice_that_is_known_goes_on_while_the_node_manager_is_silent(self) -> None:
        self.world.steady = 1100.0
        self.world.see(sent(CODEEN, at=1100.0))
        self.assertEqual({CODEEN: 1}, self.slices())

    def test_late_knowledge_reaches_open_flows_and_those_that_ended(self) -> None:
        self.world.steady = 1005.0
        self.world.see(sent("10.128.0.3", at=1005.0))
        self.world.later(100)
        self.world.see(sent("10.128.0.3", at=1105.0, packets=2))
        self.world.later(5)
        self.assertEqual({"(unknown)": 3}, self.slices())
        self.assertEqual(1, len(self.world.audit.flows))
        self.world.audit.learn([window("tum_late", NOON - 60.0, tag="10.128.0.3")], int(self.world.steady * S))
        self.world.later(1)
        self.assertEqual({"tum_late": 3}, self.slices())

    def test_owners_that_say_nothing_of_use_are_passed_over(self) -> None:
        odd = [
            {}, None, 7, {"slice": "a_b"}, window(CODEEN, float("nan"), tag="10.0.0.9"),
            {**window(CODEEN, 0.0), "kind": "smoke"}, {**window(CODEEN, 0.0), "from": "noon"},
            {**window(CODEEN, 0.0), "tag": "10.0.0.300"},
        ]  # fmt: skip
        self.assertEqual(0, self.world.audit.learn(odd, int(self.world.steady * S)))

    def test_a_page_tells_of_packets_within_a_second(self) -> None:
        self.world.steady = 1000.6
        self.world.see(sent(CODEEN, at=1000.5))
        self.assertEqual([1], [flow["packets"] for flow in self.world.json(f"/to/{VICTIM}.json")["flows"]])

    def test_slices_of_one_name_and_two_authorities_are_two(self) -> None:
        told = {**window(CODEEN, NOON - 60.0, tag="10.128.0.9"), "authority": "epfl"}
        self.world.audit.learn([told], int(self.world.steady * S))
        self.world.see(sent(CODEEN, at=1000), sent("10.128.0.9", at=1000))
        self.world.later(1)
        structs = self.world.json("/slices.json")
        self.assertEqual([(CODEEN, "epfl"), (CODEEN, "plc")], sorted((s["slice"], s["authority"]) for s in structs))
        self.assertIn(Sender(CODEEN, "epfl"), self.world.audit.owners.senders())
