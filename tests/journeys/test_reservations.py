"""Leases from the authority to the slivers: who has a node at a time, by both policies, and by the owner's own."""

import shutil
import time

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import State
from tests.world import World

HOUR = 3600


class AReservableNode(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(time.time())  # certificates are made by commands, which read the machine's clock
        self.addCleanup(shutil.rmtree, self.world.folder)
        self.node = self.world.node()
        self.world.plc.call("UpdateNode", str(self.node.host), {"node_type": "reservable"})
        for name in ("princeton_codeen", "princeton_coral"):
            self.world.plc.slice(name, "plc-instantiated", str(self.node.host))
        self.begin = (int(self.world.clock.now()) // HOUR + 1) * HOUR

    def lease(self, name: str, begin: int, hours: int = 1) -> int:
        told = self.world.plc.call("AddLeases", str(self.node.host), name, begin, begin + hours * HOUR)
        self.assertEqual([], told["errors"])
        return int(told["new_ids"][0])

    def running(self) -> list[str]:
        found = self.node.manager.driver.look()
        return sorted(str(name) for name, each in found.items() if each.state is State.RUNNING)

    def at(self, moment: float) -> list[str]:
        """Who runs some seconds after ``moment``; what leads there is passed in steps."""
        while self.world.clock.now() < moment:
            self.world.pass_(min(1800.0, moment - self.world.clock.now()))
            self.world.wait(1.0)
        self.world.wait(62.0)
        return self.running()

    def say(self, word: str) -> None:
        """The owner's word on reservations."""
        path = self.node.folder / "owner.toml"
        path.write_text(f'reservations = "{word}"\n{path.read_text()}')

    def test_has_nobody_outside_leases_and_the_holder_alone_during_one(self) -> None:
        self.lease("princeton_codeen", self.begin)
        self.lease("princeton_coral", self.begin + HOUR)
        self.assertEqual([], self.at(self.world.clock.now()))
        self.assertEqual(["princeton_codeen"], self.at(self.begin))
        self.assertEqual(["princeton_coral"], self.at(self.begin + HOUR))
        self.assertEqual([], self.at(self.begin + 2 * HOUR))

    def test_is_shared_outside_leases_where_its_owner_says_so(self) -> None:
        self.say("lease_or_shared")
        self.lease("princeton_codeen", self.begin)
        everybody = ["princeton_codeen", "princeton_coral"]
        self.assertEqual(everybody, self.at(self.world.clock.now()))
        self.assertEqual(["princeton_codeen"], self.at(self.begin))
        self.assertEqual(everybody, self.at(self.begin + HOUR))

    def test_hears_of_no_lease_where_its_owner_says_so(self) -> None:
        self.say("none")
        self.lease("princeton_codeen", self.begin)
        self.assertEqual(["princeton_codeen", "princeton_coral"], self.at(self.begin))

    def test_goes_by_what_it_was_told_while_its_authority_is_silent(self) -> None:
        self.lease("princeton_codeen", self.begin)
        self.at(self.world.clock.now())
        del self.world.reactor.listening["/plc"]
        self.assertEqual(["princeton_codeen"], self.at(self.begin))
        self.assertEqual([], self.at(self.begin + HOUR))

    def test_is_free_again_when_its_lease_is_deleted(self) -> None:
        number = self.lease("princeton_codeen", self.begin, hours=3)
        self.assertEqual(["princeton_codeen"], self.at(self.begin))
        self.world.plc.call("DeleteLeases", [number])
        self.assertEqual([], self.at(self.begin + HOUR))

    def test_of_another_type_runs_everybody(self) -> None:
        self.world.plc.call("UpdateNode", str(self.node.host), {"node_type": "regular"})
        self.assertEqual(["princeton_codeen", "princeton_coral"], self.at(self.begin))
