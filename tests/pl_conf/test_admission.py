"""Whether a believed ticket may have its sliver here, and what the owner leaves of what it asks."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pl_conf.admission import Standing, admit, asked, in_order, is_redelivery, told
from pl_conf.entries import gone_of
from pl_conf.policy import Ceilings, Names, Policy, Root, Window
from pl_conf.refusals import NotAdmitted
from planetlab.rspec import ResourceSpec
from planetlab.tickets import Ticket, Verdict
from tests.pl_conf.samples import CODEEN, DAY, EPFL, NODE, NOW, PLC, SURVEY, policy, ticket, wish


class ATicketThatIsRefused(SynchronousTestCase):
    def refused(self, said: Ticket, standing: Standing | None = None, owner: Policy | None = None) -> tuple[str, str]:
        standing = standing or Standing()
        error = self.assertRaises(NotAdmitted, admit, said, standing, owner or policy(), NODE, NOW)
        return error.reason.word, str(error)

    def test_while_the_owner_has_paused_the_node(self) -> None:
        self.assertEqual("paused", self.refused(ticket(), owner=policy(paused=True))[0])

    def test_when_its_slice_is_barred(self) -> None:
        self.assertEqual("denied", self.refused(ticket(), owner=policy(deny=Names(slices=(str(CODEEN),))))[0])

    def test_when_its_slice_is_not_for_nodes(self) -> None:
        self.assertEqual("not-for-nodes", self.refused(ticket(instantiation="not-instantiated"))[0])

    def test_when_another_authority_has_the_name_here(self) -> None:
        word, text = self.refused(ticket(issuer=EPFL), Standing(other=wish()))
        self.assertEqual(("name-taken", True), (word, "plc has a slice princeton_codeen" in text))

    def test_when_its_sliver_was_deleted_after_it_was_issued(self) -> None:
        gone = gone_of(wish(), NOW, "its holder deleted it")
        self.assertEqual("replayed-after-delete", self.refused(ticket(), Standing(gone=gone))[0])

    def test_when_it_was_never_here_but_was_issued_before_the_deletion_that_the_authority_tells(self) -> None:
        gone = gone_of(wish(), NOW, "plc says so", barred=NOW + 200)
        said = ticket(serial="plc-2", timestamp=NOW + 100)
        self.assertEqual("replayed-after-delete", self.refused(said, Standing(gone=gone))[0])

    def test_when_a_newer_one_is_in_force(self) -> None:
        older = ticket(timestamp=NOW - 61, serial="plc-0")
        self.assertEqual("older-than-known", self.refused(older, Standing(held=wish()))[0])

    def test_when_it_tells_no_time_of_issue_and_would_move_the_expiry_back(self) -> None:
        older = ticket(timestamp=0.0, expires=NOW + 55 * DAY, serial="digest-1")
        self.assertEqual("older-than-known", self.refused(older, Standing(held=wish(issued=0.0)))[0])

    def test_when_it_runs_longer_than_the_owner_grants(self) -> None:
        owner = policy(root=(Root(hrn="plc", gid="x", max_lifetime=30.0),))
        self.assertEqual("too-long", self.refused(ticket(), owner=owner)[0])
        admit(ticket(expires=NOW + 29 * DAY), Standing(), owner, NODE, NOW)

    def test_when_its_authority_has_all_the_slivers_it_is_granted(self) -> None:
        there = {EPFL: {"slivers": 2}}
        said = ticket(issuer=EPFL, slice=SURVEY)
        self.assertEqual("too-many", self.refused(said, Standing(totals=there))[0])
        admit(ticket(), Standing(totals=there), policy(), NODE, NOW)

    def test_when_the_node_has_all_the_slivers_that_the_owner_admits(self) -> None:
        full = Standing(totals={PLC: {"slivers": 1}})
        self.assertEqual("too-many", self.refused(ticket(), full, policy(max_slivers=1))[0])

    def test_when_its_guarantees_do_not_fit_in_its_authoritys_share(self) -> None:
        said = ticket(issuer=EPFL, slice=SURVEY, rspec=ResourceSpec(cpu_pct=10))
        word, text = self.refused(said)
        self.assertEqual(("over-share", True), (word, "0 of 9 percent" in text))

    def test_best_effort_is_never_over_the_share(self) -> None:
        nothing = policy(root=(Root(hrn="plc", gid="x", share=0.0),))
        admit(ticket(), Standing(), nothing, NODE, NOW)

    def test_its_own_older_guarantees_do_not_stand_in_the_way_of_a_renewal(self) -> None:
        record: dict[str, Any] = {"keys": [], "rspec": {"enabled": 1, "cpu_pct": 80}}
        held = wish(told=record)
        said = ticket(timestamp=NOW, rspec=ResourceSpec(cpu_pct=85))
        admit(said, Standing(held=held), policy(), NODE, NOW)


class TheOrderOfTickets(SynchronousTestCase):
    def test_the_same_bytes_are_known_again(self) -> None:
        held = Standing(held=wish())
        self.assertEqual((True, False), (is_redelivery(b"sealed", held), is_redelivery(b"sealed2", held)))

    def test_a_newer_one_is_in_order_after_a_deletion_and_after_an_older_one(self) -> None:
        gone = gone_of(wish(), NOW, "its holder deleted it")
        self.assertEqual(
            Verdict.NEW, in_order(ticket(timestamp=NOW - 59, serial="plc-2"), Standing(gone=gone), NODE, NOW)
        )
        newer = ticket(timestamp=NOW - 59, expires=NOW + DAY, serial="plc-2")
        self.assertEqual(Verdict.NEWER, in_order(newer, Standing(held=wish()), NODE, NOW))


class WhatTheOwnerLeaves(SynchronousTestCase):
    def test_each_ceiling_that_bites_is_named_with_its_rule(self) -> None:
        owner = policy(sliver=Ceilings(net_max_rate=10_000, disk_max=5_000_000))
        bound, notes = told(asked(ticket()), owner, NOW)
        self.assertEqual((10_000, 5_000_000), (bound["rspec"]["net_max_rate"], bound["rspec"]["disk_max"]))
        self.assertIn("net_max_rate 1000000 -> 10000 by sliver.net_max_rate", notes)

    def test_no_limit_is_brought_under_the_ceiling_too(self) -> None:
        owner = policy(sliver=Ceilings(net_max_rate=10_000))
        bound, _ = told(asked(ticket(rspec=ResourceSpec(net_max_rate=-1))), owner, NOW)
        self.assertEqual(10_000, bound["rspec"]["net_max_rate"])

    def test_a_slice_barred_since_stands_still_and_lets_nobody_in(self) -> None:
        bound, _ = told(asked(ticket()), policy(deny=Names(authorities=("plc",))), NOW)
        self.assertEqual((0, []), (bound["rspec"]["enabled"], bound["keys"]))

    def test_an_authority_trusted_no_more_leaves_slivers_that_stand_still(self) -> None:
        bound, _ = told(asked(ticket()), Policy(), NOW)
        self.assertEqual((0, []), (bound["rspec"]["enabled"], bound["keys"]))

    def test_a_pause_stops_but_keeps_the_keys(self) -> None:
        record = asked(ticket())
        for owner in (policy(paused=True), policy(calendar=(Window(pause=True),))):
            bound, _ = told(record, owner, NOW)
            self.assertEqual((0, record["keys"]), (bound["rspec"]["enabled"], bound["keys"]))

    def test_what_was_asked_is_left_as_it_was(self) -> None:
        record = asked(ticket())
        told(record, policy(paused=True), NOW)
        self.assertEqual((asked(ticket()), 1), (record, record["rspec"]["enabled"]))

    def test_the_record_names_what_the_ticket_names(self) -> None:
        record = asked(ticket())
        expected = ("princeton_codeen", "plc", 17, "delegated", "plc-1")
        names = ("name", "authority", "slice_id", "instantiation", "serial")
        self.assertEqual(expected, tuple(record[name] for name in names))
        self.assertEqual(PLC, ticket().issuer)
