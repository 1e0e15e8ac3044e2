"""How a pool of slivers' files is divided, and who keeps a floor when it is full."""

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers.container.floors import Division
from node_manager.drivers.container.quotas import Taken

MIB = 1 << 20
SMALL, LARGE = Division(256 * MIB), Division(4096 * MIB)


class APool(SynchronousTestCase):
    def test_keeps_a_reserve_that_no_number_of_slivers_can_take(self) -> None:
        for division in (Division(128 * MIB), SMALL, LARGE):
            self.assertLess(division.common, division.size)
            self.assertLessEqual(division.most, division.common)
        self.assertEqual((192 * MIB, 128 * MIB, MIB), (SMALL.common, SMALL.most, SMALL.floor))
        self.assertEqual((3584 * MIB, 2048 * MIB, 4 * MIB), (LARGE.common, LARGE.most, LARGE.floor))

    def test_with_room_has_everybody_in_the_crowd(self) -> None:
        taken = {"a": Taken(100 * MIB, joined=True), "b": Taken(0, joined=True), "c": Taken(MIB, joined=False)}
        self.assertEqual(frozenset(), SMALL.apart(taken, 100 * MIB))

    def test_that_is_full_lets_those_that_have_little_have_their_floors(self) -> None:
        taken = {"a": Taken(128 * MIB, True), "b": Taken(63 * MIB, True), "c": Taken(MIB // 2, True)}
        self.assertEqual(frozenset({"c"}), SMALL.apart(taken, 192 * MIB))

    def test_gives_no_more_floors_than_half_of_its_reserve_has_and_first_to_those_that_have_least(self) -> None:
        taken = {f"s{n:03}": Taken(n * 1024, True) for n in range(100)} | {"z": Taken(128 * MIB, True)}
        apart = SMALL.apart(taken, 192 * MIB)
        self.assertEqual([f"s{n:03}" for n in range(32)], sorted(apart))
        self.assertLessEqual(len(apart) * SMALL.floor, SMALL.reserve // 2)

    def test_takes_no_floor_back_before_there_is_room_for_what_was_written_on_it(self) -> None:
        taken = {"a": Taken(128 * MIB, True), "c": Taken(MIB, False), "d": Taken(0, True)}
        self.assertEqual(frozenset({"c"}), SMALL.apart(taken, 180 * MIB))
        self.assertEqual(frozenset(), SMALL.apart(taken, 128 * MIB))
