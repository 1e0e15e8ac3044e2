"""Rows become flows: exact keys, exact sums, whatever the order, the crowd or the clock."""

import random

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd import rows
from auditd.flows import Flows
from auditd.rows import Rows

SECOND = 1_000_000


def udp(to: str = "192.0.2.7", at: int = 0, **fields: int) -> Rows:
    return rows.row("10.0.0.1", to, proto=17, first=at, last=at, octets=60, **fields)


def sums(found: Rows) -> dict[tuple[int, ...], tuple[int, int]]:
    """Packets and octets by the whole key."""
    keys = map(tuple, rows.words(found).tolist())
    return dict(zip(keys, zip(found["packets"].tolist(), found["octets"].tolist(), strict=True), strict=True))


class CountingTooMany(SynchronousTestCase):
    def test_a_flood_of_new_flows_keeps_memory_bounded_and_every_packet_counted(self) -> None:
        flows = Flows(seed=9, most=1000)
        for second in range(20):
            flood = rows.empty(5000)
            flood["d_lo"] = rows.MAPPED + np.arange(5000) + 5000 * second
            flood["proto"], flood["packets"], flood["octets"], flood["slice"] = 17, 1, 60, 16 + second % 2
            flows.see(flood)
        self.assertLess(len(flows), 1010)
        self.assertEqual(100_000, int(flows.all()["packets"].sum()))
        self.assertEqual(99_000, flows.folded)
        by_slice = [int(flows.all()["packets"][flows.all()["slice"] == number].sum()) for number in (16, 17)]
        self.assertEqual([50_000, 50_000], by_slice)

    def test_flows_known_before_a_flood_go_on_under_their_own_key(self) -> None:
        flows = Flows(seed=9, most=10)
        flows.see(udp())
        flows.see(np.concatenate([udp(f"192.0.3.{n}") for n in range(50)] + [udp()]))
        known = flows.all()[flows.all()["d_lo"] == udp()["d_lo"][0]]
        self.assertEqual([2], known["packets"].tolist())

    def test_flows_whose_mixes_collide_stay_apart(self) -> None:
        class Colliding(Flows):
            pass

        original = rows.mix
        self.patch(rows, "mix", lambda keys, seed: original(keys, seed) & np.uint64(3))
        flows = Colliding(seed=9)
        sent = np.concatenate([udp(f"192.0.2.{n % 200}", ports=n % 3) for n in range(1200)])
        flows.see(sent[:700])
        flows.see(sent[700:])
        self.assertEqual(600, len(flows))
        self.assertEqual([2] * 600, flows.all()["packets"].tolist())

    def test_the_smallest_flows_of_a_turn_lose_their_addresses_and_never_their_counts(self) -> None:
        many = np.concatenate([udp(f"192.0.2.{n}", packets=n + 1, tag=5) for n in range(100)])
        kept, gone = rows.folded(many, 10)
        self.assertEqual((11, 90), (len(kept), gone))
        self.assertEqual(int(many["packets"].sum()), int(kept["packets"].sum()))
        nameless = kept[kept["how"] & rows.HOW_FOLDED > 0]
        self.assertEqual([(0, 5)], [(int(r["d_lo"]), int(r["tag"])) for r in nameless])


class CountingFlows(SynchronousTestCase):
    def test_sums_are_those_of_a_plain_dictionary(self) -> None:
        chance = random.Random(5)
        flows, expected = Flows(seed=chance.getrandbits(64)), dict[tuple[int, ...], tuple[int, int]]()
        for _ in range(60):
            batch = np.concatenate(
                [
                    udp(f"192.0.2.{chance.randrange(8)}", ports=chance.randrange(30), slice=chance.randrange(16, 19))
                    for _ in range(chance.randrange(1, 80))
                ]
            )
            flows.see(batch)
            for key in map(tuple, rows.words(batch).tolist()):
                packets, octets = expected.get(key, (0, 0))
                expected[key] = (packets + 1, octets + 60)
        self.assertEqual(expected, sums(flows.all()))

    def test_two_slices_with_one_five_tuple_are_two_flows(self) -> None:
        flows = Flows(seed=1)
        flows.see(np.concatenate([udp(slice=16), udp(slice=17)]))
        self.assertEqual([1, 1], flows.all()["packets"].tolist())

    def test_first_last_and_flags_are_of_the_whole_flow_in_any_order(self) -> None:
        flows = Flows(seed=1)
        for at, flags in ((5, 0x10), (2, 0x02), (9, 0x01)):
            flows.see(rows.row("10.0.0.1", "192.0.2.7", proto=6, first=at, last=at, flags=flags))
        (flow,) = flows.all()
        self.assertEqual((2, 9, 0x13), (flow["first"], flow["last"], flow["flags"]))

    def test_a_flow_ends_after_its_silence_and_not_before(self) -> None:
        flows = Flows(seed=1, idle=60.0)
        flows.see(udp(at=0))
        self.assertEqual(0, len(flows.ended(59.9)))
        self.assertEqual(1, len(flows.ended(60.0)))
        self.assertEqual(0, len(flows))

    def test_a_flow_that_lasts_goes_on_as_another_record_and_loses_no_packet(self) -> None:
        flows, ended = Flows(seed=1, idle=60.0, active=300.0), []
        for second in range(4000):
            flows.see(udp(at=second * SECOND))
            ended.append(flows.ended(float(second)))
        ended.append(flows.ended(5000.0))
        records = np.concatenate(ended)
        self.assertEqual(4000, int(records["packets"].sum()))
        self.assertEqual(14, len(records))
        self.assertLessEqual(int((records["last"] - records["first"]).max()), 300 * SECOND)

    def test_flows_that_others_leave_behind_are_still_found(self) -> None:
        flows = Flows(seed=1)
        flows.see(np.concatenate([udp(f"192.0.2.{n}", at=n * SECOND) for n in range(200)]))
        flows.ended(160.0)
        flows.see(np.concatenate([udp(f"192.0.2.{n}", at=200 * SECOND) for n in range(200)]))
        twice = flows.all()["packets"] == 2
        self.assertEqual((200, 99), (len(flows), int(twice.sum())))

    def test_late_knowledge_moves_a_flow_to_its_slice_and_joins_it_there(self) -> None:
        flows = Flows(seed=1)
        flows.see(np.concatenate([udp(tag=7), udp(tag=7, slice=16), udp("192.0.2.8", tag=8)]))
        unknown = (flows.all()["slice"] == 0) & (flows.all()["tag"] == 7)
        flows.claim(unknown, np.array([16], np.uint32))
        found = {(int(r["tag"]), int(r["slice"])): int(r["packets"]) for r in flows.all()}
        self.assertEqual({(7, 16): 2, (8, 0): 1}, found)
