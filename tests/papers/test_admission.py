"""Whether an authentic ticket may be redeemed here and now."""

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from planetlab.gids import SLACK
from planetlab.names import Hrn
from planetlab.refusals import REASONS, BadTicket
from planetlab.tickets import Memory, Ticket, Verdict, admit
from tests.papers.authorities import CODEEN, NODE, NOW, PLC

V3 = attrs.evolve(CODEEN, timestamp=0.0, not_before=0.0, serial="v3-aa")


class Admitting(SynchronousTestCase):
    def refused(self, reason: str, ticket: Ticket, memory: Memory | None = None, now: float = NOW) -> str:
        before = attrs.asdict(memory) if memory else None
        error = self.assertRaises(BadTicket, admit, ticket, NODE, now, memory)
        self.assertEqual(reason, error.reason)
        self.assertTrue(str(error).endswith(REASONS[reason]), "who can mend it is said")
        self.assertEqual(before, attrs.asdict(memory) if memory else None)
        return error.sentence

    def test_an_expired_one_is_refused_with_the_slack_in_the_text(self):
        ticket = attrs.evolve(CODEEN, expires=NOW - SLACK - 7)
        told = "ticket 7f3a of princeton_codeen by plc expired 307 s ago (slack 300 s)"
        self.assertEqual(told, self.refused("expired", ticket))
        self.assertEqual(Verdict.NEW, admit(attrs.evolve(CODEEN, expires=NOW - SLACK + 1), NODE, NOW))

    def test_one_that_is_not_yet_valid_is_refused_with_the_slack_in_the_text(self):
        told = self.refused("not-yet-valid", attrs.evolve(CODEEN, not_before=NOW + 400))
        self.assertIn("is valid 400 s from now (slack 300 s)", told)
        self.refused("not-yet-valid", attrs.evolve(CODEEN, timestamp=NOW + 301))
        admit(attrs.evolve(CODEEN, not_before=NOW + 299, timestamp=NOW + 299), NODE, NOW)

    def test_one_for_other_nodes_is_refused(self):
        for names in (("plc.utah",), ("epfl",), ("plc.princeton.planetlab1",), ("plc.prince", "plc.utah.n1")):
            ticket = attrs.evolve(CODEEN, audience=tuple(map(Hrn.parse, names)))
            self.refused("wrong-audience", ticket)
        for named in (PLC, NODE, Hrn.parse("plc.princeton")):
            admit(attrs.evolve(CODEEN, audience=(Hrn.parse("epfl"), named)), NODE, NOW)

    def test_a_replay_after_the_delete_is_refused_and_a_newer_one_is_not(self):
        for ticket in (CODEEN, V3):
            memory = Memory().redeemed(ticket).forgotten()
            self.refused("replayed-after-delete", ticket, memory)
            self.refused("replayed-after-delete", attrs.evolve(ticket, serial="other"), memory)
            older = attrs.evolve(
                ticket, serial="b", timestamp=max(0.0, ticket.timestamp - 5), expires=ticket.expires - 5
            )
            self.refused("replayed-after-delete", older, memory)
            newer = attrs.evolve(ticket, serial="c", timestamp=ticket.timestamp and NOW, expires=ticket.expires + 5)
            self.assertEqual(Verdict.NEW, admit(newer, NODE, NOW, memory))
            again = memory.redeemed(newer)
            self.refused("replayed-after-delete", ticket, again)

    def test_the_deleted_flag_alone_spends_a_ticket(self):
        memory = Memory(serial="7f3a", timestamp=CODEEN.timestamp, expires=CODEEN.expires, deleted=True)
        self.refused("replayed-after-delete", CODEEN, memory)

    def test_an_older_one_is_refused_and_the_same_one_is_the_same(self):
        memory = Memory().redeemed(CODEEN)
        self.assertEqual(Verdict.AGAIN, admit(CODEEN, NODE, NOW, memory))
        self.refused("older-than-known", attrs.evolve(CODEEN, serial="b", timestamp=CODEEN.timestamp - 0.001), memory)
        self.assertEqual(Verdict.NEWER, admit(attrs.evolve(CODEEN, serial="b", timestamp=NOW), NODE, NOW, memory))

    def test_expiry_does_not_go_backwards_without_a_newer_time_of_issue(self):
        memory = Memory().redeemed(V3)
        self.refused("older-than-known", attrs.evolve(V3, serial="b", expires=V3.expires - 1), memory)
        self.assertEqual(Verdict.NEWER, admit(attrs.evolve(V3, serial="b", expires=V3.expires + 1), NODE, NOW, memory))
        shortened = attrs.evolve(CODEEN, serial="b", timestamp=NOW, expires=CODEEN.expires - 1)
        self.assertEqual(Verdict.NEWER, admit(shortened, NODE, NOW, Memory().redeemed(CODEEN)))

    def test_what_the_last_whole_answer_did_not_hold_is_over(self):
        memory = Memory(watermark=NOW - 1)
        self.refused("older-than-known", CODEEN, memory)
        self.assertEqual(Verdict.NEW, admit(attrs.evolve(CODEEN, timestamp=NOW), NODE, NOW, memory))
        self.assertEqual(Verdict.AGAIN, admit(CODEEN, NODE, NOW, memory.redeemed(CODEEN)))

    @given(st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=12))
    def test_a_deleted_tickets_serial_never_works_again(self, story):
        memory = Memory()
        spent = set()
        for issued, delete in story:
            ticket = attrs.evolve(CODEEN, serial=f"s{issued}", timestamp=NOW - 100 + issued)
            try:
                verdict = admit(ticket, NODE, NOW, memory)
            except BadTicket:
                continue
            self.assertNotIn(ticket.serial, spent)
            if verdict is not Verdict.AGAIN:
                memory = memory.redeemed(ticket)
            if delete:
                spent.add(memory.serial)
                memory = memory.forgotten()
