"""Journeys through a federation in memory: the story, and the ways in which it must go wrong."""

import shutil
import time

from twisted.trial.unittest import SynchronousTestCase

from planetlab import failpoints
from tests.world import World


class Journeys(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(time.time())  # certificates are made by commands, which read the machine's clock
        self.addCleanup(shutil.rmtree, self.world.folder)
        self.node = self.world.node()

    def test_a_delegated_ticket_becomes_a_sliver_and_goes_when_it_is_given_back(self) -> None:
        name = self.world.plc.slice("princeton_codeen")
        code, value = self.node.redeem(self.world.plc.ticket(name))
        self.assertEqual((0, [name]), (code, self.node.slivers), value)
        self.assertEqual(0, self.node.delete(value[0])[0])
        self.assertEqual([], self.node.slivers)

    def test_the_same_ticket_again_gives_the_same_rcap(self) -> None:
        ticket = self.world.plc.ticket(self.world.plc.slice("princeton_codeen"))
        self.assertEqual(self.node.redeem(ticket), self.node.redeem(ticket))

    def test_a_deleted_sliver_does_not_come_back_with_its_old_ticket(self) -> None:
        ticket = self.world.plc.ticket(self.world.plc.slice("princeton_codeen"))
        _, value = self.node.redeem(ticket)
        self.node.delete(value[0])
        code, reason = self.node.redeem(ticket)
        self.assertNotEqual(0, code)
        self.assertEqual([], self.node.slivers, reason)

    def test_a_ticket_of_a_child_authority_is_taken_by_its_chain(self) -> None:
        name = self.world.japan.slice("tokyo_corelab")
        self.assertEqual(0, self.node.redeem(self.world.japan.ticket(name))[0])
        self.assertEqual([name], self.node.slivers)

    def test_a_ticket_of_an_independent_root_is_taken_where_the_owner_trusts_it(self) -> None:
        name = self.world.epfl.slice("lausanne_survey")
        self.assertEqual(0, self.node.redeem(self.world.epfl.ticket(name))[0])
        self.assertEqual([name], self.node.slivers)

    def test_a_ticket_changed_in_any_of_some_places_is_refused_and_nothing_changes(self) -> None:
        ticket = self.world.plc.ticket(self.world.plc.slice("princeton_codeen"))
        for place in range(40, len(ticket), len(ticket) // 40):
            forged = ticket[:place] + bytes([ticket[place] ^ 1]) + ticket[place + 1 :]
            code, reason = self.node.redeem(forged)
            self.assertNotEqual(0, code, f"octet {place}")
            self.assertTrue(reason)
        self.assertEqual([], self.node.slivers)

    def test_a_ticket_whose_time_is_over_is_refused(self) -> None:
        ticket = self.world.plc.ticket(self.world.plc.slice("princeton_codeen"))
        self.world.pass_(60 * 86400.0)
        code, reason = self.node.redeem(ticket)
        self.assertNotEqual(0, code)
        self.assertIn("expired", reason)

    def test_the_node_fetches_tickets_of_slices_that_its_authority_puts_there(self) -> None:
        name = self.world.plc.slice("princeton_probe", "plc-instantiated", str(self.node.host))
        self.world.wait(12.0)
        self.assertEqual([name], self.node.slivers)

    def test_a_node_whose_ledger_is_lost_is_whole_after_one_poll(self) -> None:
        name = self.world.plc.slice("princeton_probe", "plc-instantiated", str(self.node.host))
        self.world.wait(12.0)
        self.node.stop()
        for file in self.node.folder.glob("ledger.db*"):
            file.unlink()
        self.node.start()
        self.world.wait(12.0)
        self.assertEqual([name], [str(wish.slice) for wish in self.node.pl_conf.ledger.wishes()])
        self.assertEqual([name], self.node.slivers)

    def test_the_node_knows_the_nodes_of_its_authority(self) -> None:
        other = self.world.plc.call("AddNode", "plc", {"hostname": "node2.plc.example", "boot_state": "boot"})
        face = {"type": "ipv4", "method": "static", "ip": "10.9.8.7", "is_primary": True, "netmask": "255.0.0.0"}
        face |= {"gateway": "10.0.0.1", "network": "10.0.0.0", "broadcast": "10.255.255.255", "dns1": "10.0.0.1"}
        self.world.plc.call("AddInterface", other, face)
        self.world.wait(12.0)
        self.assertEqual(",node1.plc.example\n10.9.8.7,node2.plc.example\n", self.node.manager.books.fact("nodes"))

    def test_a_report_that_was_broken_off_comes_again(self) -> None:
        self.addCleanup(failpoints.arm, "")
        for number, point in enumerate(("report.begun", "report.sent"), 1):
            failpoints.arm(f"{point}:raise")
            self.world.wait(6.0)
            self.assertEqual(number, self.node.pl_conf.failures["report"])
            self.world.pass_(600.0)
            self.world.wait(6.0)
            (row,) = self.world.plc.call("GetNodes", [str(self.node.host)], ["run_level"])
            self.assertEqual(("boot", number), (row["run_level"], self.node.pl_conf.failures["report"]), point)
            self.world.pass_(594.0)
        self.flushLoggedErrors(failpoints.Failed)
