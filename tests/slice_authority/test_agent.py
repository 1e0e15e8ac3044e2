"""The agent of 2003: its texts in their order, its tickets good at a node, its list of nodes from the registry."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pl_conf.agents import Agent as Trusted
from pl_conf.leases import Leases
from planetlab import dslice, keys
from planetlab.clock import SetClock
from planetlab.dslice_ports import Fault
from slice_authority.agent import MAX_LEASE, Agent, announcing
from tests.pl_conf.samples import DAY, NOW, PLC
from tests.pl_conf.world import World, now
from tests.registry.world import Princeton

SIGNS, NODE_KEY = keys.new_rsa(), keys.new_rsa()
HOLDER = "c" * 40
UP = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


class Tickets(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = SetClock(NOW)
        self.up = list(UP)

        async def up() -> list[str]:
            return list(self.up)

        self.agent = Agent(SIGNS, MAX_LEASE, self.clock.now, up, lambda listed: listed.reverse())

    def ask(self, name: str = "utah_dsl", count: int = 1, seconds: int = 3600, ips: Any = "0.0.0.0") -> list[str]:
        return now(self.agent.newtickets(HOLDER, name, count, seconds, ips))

    def refused(self, *said: Any) -> str:
        return str(self.assertRaises(Fault, self.ask, *said))

    def test_are_refused_in_the_words_and_the_order_of_then(self) -> None:
        self.assertEqual("Login root already exists", self.refused("root", 0, 0))
        self.assertEqual("Slice name 1st is a bad name", self.refused("1st", 0, 0))
        self.assertEqual("Requested negative #tickets: 0.", self.refused("utah", 0, 0))
        self.assertEqual("Wanted 4 tickets. 3 available.", self.refused("utah", 4, 0))
        self.assertEqual("Requested negative lease length: 0", self.refused("utah", 1, 0))
        self.assertEqual(
            f"Requested lease length {MAX_LEASE + 1}, max is {MAX_LEASE}", self.refused("utah", 1, MAX_LEASE + 1)
        )
        self.assertEqual("Wanted 1 tickets. 0 available.", self.refused("utah", 1, 60, ["10.9.9.9"]))
        self.assertEqual([], self.agent.gettickets())

    def test_are_for_the_listed_nodes_that_are_up_in_the_order_of_the_list(self) -> None:
        papers = [
            dslice.open_paper(text.encode(), "ticket", SIGNS.public_key())
            for text in self.ask(count=2, ips=["10.0.0.3", "10.9.9.9", "10.0.0.3", "10.0.0.1"])
        ]
        self.assertEqual(["10.0.0.3", "10.0.0.1"], [paper.ip for paper in papers])
        self.assertEqual(
            {(HOLDER, "utah_dsl", NOW, NOW + 3600)}, {(p.principle, p.slice, p.start, p.end) for p in papers}
        )

    def test_are_for_any_nodes_by_chance(self) -> None:
        (text,) = self.ask()
        self.assertEqual("10.0.0.3", dslice.open_paper(text.encode(), "ticket", SIGNS.public_key()).ip)

    def test_are_outstanding_until_their_time_is_over(self) -> None:
        self.ask()
        self.assertEqual((1, ["utah_dsl"]), (len(self.agent.gettickets()), self.agent.getslices()))
        self.clock.advance(3600.0)
        self.assertEqual(([], []), (self.agent.gettickets(), self.agent.getslices()))

    def test_make_a_sliver_on_the_node_that_they_are_for(self) -> None:
        world = World(self)
        leases = Leases("10.0.0.2", NODE_KEY, world.redeemer, lambda: (Trusted(PLC, SIGNS.public_key()),))
        (ticket,) = self.ask(ips="10.0.0.2")
        now(leases.newleasevm(HOLDER, ticket, "", "ssh-rsa AAAA utah"))
        self.assertEqual(["utah_dsl"], world.node.names)


class NodesThatAnnounceThemselves(SynchronousTestCase):
    def test_are_those_that_boot_and_were_heard_of_lately(self) -> None:
        world = Princeton()
        heard, silent, broken = world.node_id, world.node("silent"), world.node("broken")
        for at, node in enumerate((heard, silent, broken), 1):
            said = {"method": "static", "type": "ipv4", "is_primary": True, "ip": f"128.112.139.{at}"}
            more = {"netmask": "255.255.255.0", "network": "128.112.139.0", "broadcast": "128.112.139.255"}
            world.call(
                "AddInterface", world.admin, node, {**said, **more, "gateway": "128.112.139.254", "dns1": "8.8.8.8"}
            )
        for node in (heard, broken):
            world.call("ReportRunlevel", world.admin, {"run_level": "boot"}, node)
        world.call("UpdateNode", world.admin, broken, {"boot_state": "disabled"})
        self.assertEqual(["128.112.139.1"], world.desk.job_now(announcing))
        world.clock.advance(DAY)
        self.assertEqual([], world.desk.job_now(announcing))
