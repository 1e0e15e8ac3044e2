"""From a ticket to a sliver and back: refusals change nothing, answers stay the same, ends are remembered."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pl_conf import agreeing
from pl_conf.policy import Names, Root
from pl_conf.refusals import BY_WORD, REASONS, NotAdmitted
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec
from planetlab.tickets import Ticket
from tests.pl_conf.samples import CODEEN, DAY, EPFL, HOUR, KEY, NODE, NOW, PLC, SURVEY, ticket
from tests.pl_conf.world import EPFL_SIGNS, PLC_SIGNS, STRANGER_SIGNS, World, now


class ARefusedTicket(SynchronousTestCase):
    """Each is refused with its own number, in both codecs where it has both, and nothing changes."""

    def setUp(self) -> None:
        self.world = World(self)

    def refused(self, sealed: bytes) -> str:
        before = self.world.state()
        error = self.assertRaises(NotAdmitted, now, self.world.redeemer.redeem(sealed, "push"))
        self.assertEqual(before, self.world.state())
        self.assertEqual(BY_WORD[error.reason.word].number, error.code)
        receipt = self.world.ledger.receipts()[-1]
        self.assertEqual(("refused", error.code), (receipt.deed, receipt.reason))
        self.world.elapsed += 1.0
        self.world.clock.advance(1.0)
        return str(error.reason.word)

    def refused_in_both(self, said: Ticket, word: str) -> None:
        for sealed in (PLC_SIGNS.xmldsig(said), PLC_SIGNS.openpgp(said)):
            self.assertEqual(word, self.refused(sealed))

    def test_forged_by_somebody_with_another_key(self) -> None:
        self.assertEqual("forged", self.refused(STRANGER_SIGNS.xmldsig(ticket())))
        self.assertEqual("forged", self.refused(STRANGER_SIGNS.openpgp(ticket())))

    def test_of_an_authority_that_the_owner_does_not_trust(self) -> None:
        self.assertEqual("unknown-issuer", self.refused(PLC_SIGNS.xmldsig(ticket(issuer=Hrn(("emulab",))))))

    def test_signed_by_a_trusted_authority_for_anothers_slice(self) -> None:
        self.assertEqual("forged", self.refused(EPFL_SIGNS.xmldsig(ticket())))

    def test_for_a_name_outside_the_subtree_that_the_root_counts_for(self) -> None:
        narrow = Root(hrn="plc", subtree="plc.princeton", ticket_key="plc.pem")
        self.world.change_policy(root=(narrow,))
        self.world.rules.load()
        self.assertEqual("wrong-subtree", self.refused(PLC_SIGNS.xmldsig(ticket(slice=SliceName("tokyo", "x")))))

    def test_expired(self) -> None:
        self.refused_in_both(ticket(timestamp=NOW - 9 * DAY, expires=NOW - HOUR), "expired")

    def test_expired_a_moment_ago_though_clocks_may_differ_by_more(self) -> None:
        self.refused_in_both(ticket(expires=NOW - 1), "expired")

    def test_not_yet_valid(self) -> None:
        self.refused_in_both(ticket(not_before=NOW + HOUR), "not-yet-valid")

    def test_of_a_slice_that_plc_instantiates_when_somebody_brings_it(self) -> None:
        """The original refused it ("Only PLC can create non delegated slivers"), and had made the sliver."""
        for kind in ("plc-instantiated", "nm-controller"):
            self.refused_in_both(ticket(instantiation=kind), "not-delegated")
        self.assertIn("Only PLC can create non delegated slivers", self.world.ledger.receipts()[-1].text)

    def test_for_other_nodes(self) -> None:
        self.refused_in_both(ticket(audience=(EPFL,)), "wrong-audience")

    def test_with_any_byte_of_it_changed(self) -> None:
        sealed = PLC_SIGNS.xmldsig(ticket())
        for at in range(0, len(sealed), 37):
            changed = sealed[:at] + bytes([sealed[at] ^ 0x01]) + sealed[at + 1 :]
            if changed.strip() != sealed.strip():
                self.assertIn(
                    self.refused(changed), ("malformed", "forged", "wrapped", "unknown-issuer", "too-large", "unsigned")
                )

    def test_larger_than_a_ticket_may_be(self) -> None:
        self.assertEqual("too-large", self.refused(b"<" * ((1 << 20) + 1)))

    def test_that_is_none(self) -> None:
        for nothing in (b"", b"hello", b"<ticket/>", b"\x00" * 100):
            self.assertIn(self.refused(nothing), ("malformed", "unsigned", "wrapped"))

    def test_signed_by_the_old_algorithm_where_the_owner_has_not_allowed_it(self) -> None:
        from planetlab import keys
        from planetlab.tickets import seal_xmldsig

        key = keys.new_rsa()
        (self.world.place / "old.pem").write_bytes(keys.public_pem(key.public_key()))
        for legacy in (False, True):
            self.world.change_policy(root=(Root(hrn="plc", ticket_key="old.pem", legacy=legacy),))
            self.world.rules.load()
            sealed = seal_xmldsig(ticket(), key, legacy=True)
            if legacy:
                now(self.world.redeemer.redeem(sealed, "push"))
            else:
                self.assertEqual("legacy-algorithm", self.refused(sealed))

    def test_of_a_deleted_sliver(self) -> None:
        sealed = PLC_SIGNS.xmldsig(ticket())
        wish = now(self.world.redeemer.redeem(sealed, "push"))
        now(self.world.redeemer.delete(wish.rcap, "its holder deleted it"))
        self.assertEqual("replayed-after-delete", self.refused(sealed))
        older = PLC_SIGNS.xmldsig(ticket(serial="plc-0", timestamp=NOW - HOUR))
        self.assertEqual("replayed-after-delete", self.refused(older))

    def test_of_a_deleted_sliver_after_a_restart_and_from_another_codec(self) -> None:
        wish = now(self.world.redeemer.redeem(PLC_SIGNS.xmldsig(ticket()), "push"))
        now(self.world.redeemer.delete(wish.rcap, "its holder deleted it"))
        self.world.restart()
        self.assertEqual("replayed-after-delete", self.refused(PLC_SIGNS.openpgp(ticket())))

    def test_older_than_the_one_in_force(self) -> None:
        now(self.world.redeemer.redeem(PLC_SIGNS.xmldsig(ticket(serial="plc-2", timestamp=NOW)), "push"))
        self.refused_in_both(ticket(), "older-than-known")

    def test_of_a_slice_that_the_owner_bars(self) -> None:
        self.world.change_policy(deny=Names(slices=("princeton_*",)))
        self.world.rules.load()
        self.assertEqual("denied", self.refused(PLC_SIGNS.xmldsig(ticket())))

    def test_whose_name_another_authority_has_here(self) -> None:
        now(self.world.redeemer.redeem(PLC_SIGNS.xmldsig(ticket()), "push"))
        self.assertEqual("name-taken", self.refused(EPFL_SIGNS.xmldsig(ticket(issuer=EPFL, serial="epfl-1"))))

    def test_by_the_thousand_fills_no_disk(self) -> None:
        for _ in range(700):
            self.assertRaises(NotAdmitted, now, self.world.redeemer.redeem(b"rubbish", "push"))
        self.assertEqual(500, len(self.world.ledger.receipts(most=1000)))

    def test_reasons_have_numbers_of_their_own(self) -> None:
        self.assertEqual(len(REASONS), len({reason.number for reason in REASONS}))
        self.assertEqual(len(REASONS), len({reason.word for reason in REASONS}))


class ATicketThatIsTaken(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)

    def redeem(self, sealed: bytes) -> str:
        return now(self.world.redeemer.redeem(sealed, "push")).rcap

    def test_gives_the_same_rcap_however_often_it_comes(self) -> None:
        sealed = PLC_SIGNS.xmldsig(ticket())
        rcaps = {self.redeem(sealed) for _ in range(3)}
        self.world.restart()
        rcaps.add(self.redeem(sealed))
        self.assertEqual((1, [("Instantiate", "princeton_codeen")]), (len(rcaps), self.world.node.calls))

    def test_is_renewed_by_a_newer_one_under_the_same_rcap(self) -> None:
        first = self.redeem(PLC_SIGNS.xmldsig(ticket()))
        self.world.pass_time(DAY)
        newer = ticket(serial="plc-2", timestamp=NOW + DAY, expires=NOW + 57 * DAY)
        self.assertEqual(first, self.redeem(PLC_SIGNS.openpgp(newer)))
        self.assertEqual(NOW + 57 * DAY, self.world.node.there["plc", "princeton_codeen"]["expires"])
        self.assertEqual(["created", "renewed"], [each.deed for each in self.world.ledger.receipts()])

    def test_keeps_its_bytes_as_evidence(self) -> None:
        sealed = PLC_SIGNS.openpgp(ticket())
        self.redeem(sealed)
        self.assertEqual([sealed], [wish.sealed for wish in self.world.ledger.wishes()])

    def test_lets_its_users_in_at_once(self) -> None:
        self.redeem(PLC_SIGNS.xmldsig(ticket()))
        self.assertEqual(f"{KEY}\n".encode(), self.world.keys.text("princeton_codeen"))

    def test_for_this_node_by_its_authoritys_name_or_its_own(self) -> None:
        for audience in ((NODE,), (PLC,), (EPFL, NODE)):
            self.setUp()
            self.redeem(PLC_SIGNS.xmldsig(ticket(audience=audience)))
            self.assertEqual(["princeton_codeen"], self.world.node.names)

    def test_deleted_twice_is_deleted(self) -> None:
        rcap = self.redeem(PLC_SIGNS.xmldsig(ticket()))
        for _ in range(2):
            now(self.world.redeemer.delete(rcap, "its holder deleted it"))
        self.assertEqual(([], None), (self.world.node.names, self.world.keys.text("princeton_codeen")))

    def test_an_rcap_that_never_was_cannot_be_deleted(self) -> None:
        error = self.assertRaises(NotAdmitted, now, self.world.redeemer.delete("f" * 32, ""))
        self.assertEqual("unknown-rcap", error.reason.word)

    def test_comes_back_after_a_deletion_by_a_newer_ticket(self) -> None:
        rcap = self.redeem(PLC_SIGNS.xmldsig(ticket()))
        now(self.world.redeemer.delete(rcap, "its holder deleted it"))
        self.redeem(PLC_SIGNS.xmldsig(ticket(serial="plc-2", timestamp=NOW)))
        self.assertEqual(["princeton_codeen"], self.world.node.names)

    def gate(self) -> "Deferred[None]":
        """What each sliver waits for from now on before it is made."""
        gate: Deferred[None] = Deferred()
        instantiate = self.world.node.instantiate

        async def slow(record: Any) -> str:
            await gate
            return await instantiate(record)

        self.world.redeemer.manager = _But(self.world.node, slow)  # type: ignore[assignment]  # all of it but one call
        return gate

    def test_two_at_once_for_one_slice_make_one_sliver(self) -> None:
        sealed = PLC_SIGNS.xmldsig(ticket())
        gate = self.gate()
        both = [Deferred.fromCoroutine(self.world.redeemer.redeem(sealed, "push")) for _ in range(2)]
        gate.callback(None)
        rcaps = {self.successResultOf(each).rcap for each in both}
        self.assertEqual((1, 1), (len(rcaps), len(self.world.node.calls)))

    def test_two_at_once_do_not_take_the_last_place_both(self) -> None:
        self.world.change_policy(max_slivers=1)
        self.world.rules.load()
        gate = self.gate()
        other = ticket(slice=SliceName("princeton", "other"), serial="plc-7")
        sealed = [PLC_SIGNS.xmldsig(said) for said in (ticket(), other)]
        both = [Deferred.fromCoroutine(self.world.redeemer.redeem(each, "push")) for each in sealed]
        refused = self.failureResultOf(both[1], NotAdmitted)
        gate.callback(None)
        self.successResultOf(both[0])
        self.assertEqual(("too-many", 1), (refused.value.reason.word, len(self.world.node.names)))

    def test_guarantees_add_up_over_renewals_and_deletions(self) -> None:
        rcap = self.redeem(PLC_SIGNS.xmldsig(ticket(rspec=ResourceSpec(cpu_pct=60))))
        newer = ticket(serial="plc-2", timestamp=NOW, rspec=ResourceSpec(cpu_pct=80))
        self.redeem(PLC_SIGNS.xmldsig(newer))
        other = PLC_SIGNS.xmldsig(ticket(slice=SliceName("princeton", "x"), serial="x", rspec=ResourceSpec(cpu_pct=20)))
        error = self.assertRaises(NotAdmitted, self.redeem, other)
        self.assertEqual("over-share", error.reason.word)
        now(self.world.redeemer.delete(rcap, "its holder deleted it"))
        self.redeem(other)
        self.world.restart()
        self.assertEqual({PLC: {"slivers": 1, "cpu_pct": 20, "net_min_rate": 1}}, self.world.ledger.totals())


class _But:
    """The scripted node, but for one call."""

    def __init__(self, node: object, instantiate: object) -> None:
        self._node = node
        self.instantiate = instantiate

    def __getattr__(self, name: str) -> object:
        return getattr(self._node, name)


class ANodeManagerThatFails(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)
        self.sealed = PLC_SIGNS.xmldsig(ticket())

    def refused(self) -> str:
        error = self.assertRaises(NotAdmitted, now, self.world.redeemer.redeem(self.sealed, "push"))
        return str(error.reason.word)

    def test_by_refusing_leaves_nothing_begun(self) -> None:
        self.world.node.refusing = 1
        self.assertEqual(("node-refused", []), (self.refused(), self.world.ledger.begun()))

    def test_by_refusing_after_it_made_a_part_has_it_taken_back(self) -> None:
        instantiate = self.world.node.instantiate

        async def half(record: Any) -> str:
            await instantiate(record)
            raise NotAdmitted("node-refused", "the node manager says: no room on the disk")

        self.world.redeemer.manager = _But(self.world.node, half)  # type: ignore[assignment]  # all of it but one call
        self.assertEqual(("node-refused", []), (self.refused(), self.world.ledger.begun()))
        self.assertEqual([], self.world.node.names)

    def test_by_silence_leaves_what_was_begun_to_be_finished(self) -> None:
        self.world.node.silent = 1
        self.assertEqual(("node-silent", 1), (self.refused(), len(self.world.ledger.begun())))
        now(agreeing.recover(self.world.redeemer))
        self.assertEqual(([], ["princeton_codeen"]), (self.world.ledger.begun(), self.world.node.names))

    def test_by_silence_after_the_deed_gives_the_same_rcap_at_the_retry(self) -> None:
        self.world.node.deaf_after = 1
        self.assertEqual("node-silent", self.refused())
        made = self.world.node.there["plc", "princeton_codeen"]["rcap"]
        self.assertEqual(made, now(self.world.redeemer.redeem(self.sealed, "push")).rcap)
        self.assertEqual([], self.world.ledger.begun())

    def test_by_silence_and_the_ticket_expires_meanwhile_leaves_no_sliver(self) -> None:
        self.world.node.deaf_after = 1
        self.refused()
        self.world.pass_time(57 * DAY)
        self.world.restart()
        now(agreeing.recover(self.world.redeemer))
        self.assertEqual(([], [], []), (self.world.node.names, self.world.ledger.wishes(), self.world.ledger.begun()))

    def test_at_a_deletion_finishes_it_later(self) -> None:
        rcap = now(self.world.redeemer.redeem(self.sealed, "push")).rcap
        self.world.node.silent = 1
        self.assertRaises(NotAdmitted, now, self.world.redeemer.delete(rcap, "its holder deleted it"))
        self.world.restart()
        now(agreeing.recover(self.world.redeemer))
        self.assertEqual(([], []), (self.world.node.names, self.world.ledger.wishes()))

    def test_by_losing_everything_is_told_again_and_the_creators_rcap_still_holds(self) -> None:
        rcap = now(self.world.redeemer.redeem(self.sealed, "push")).rcap
        self.world.node.there.clear()
        self.assertEqual([], now(agreeing.agree(self.world.redeemer)))
        self.assertEqual(["princeton_codeen"], self.world.node.names)
        now(self.world.redeemer.delete(rcap, "its holder deleted it"))
        self.assertEqual([], self.world.node.names)

    def test_by_losing_everything_is_not_told_of_what_is_deleted_meanwhile(self) -> None:
        """The agreement wrote back what it had read before the deletion, and the old ticket's sliver was here again."""
        other = PLC_SIGNS.xmldsig(ticket(slice=SliceName("princeton", "later"), serial="2"))
        rcaps = [now(self.world.redeemer.redeem(each, "push")).rcap for each in (self.sealed, other)]
        self.world.node.there.clear()
        instantiate = self.world.node.instantiate

        async def slow(record: Any) -> str:
            handle = await instantiate(record)
            await self.world.redeemer.delete(rcaps[1], "its holder deleted it")
            return f"{handle[:-1]}x"

        self.world.redeemer.manager = _But(self.world.node, slow)  # type: ignore[assignment]  # all of it but one call
        now(agreeing.agree(self.world.redeemer))
        self.assertEqual(["princeton_codeen"], [str(wish.slice) for wish in self.world.ledger.wishes()])
        error = self.assertRaises(NotAdmitted, now, self.world.redeemer.redeem(other, "push"))
        self.assertEqual("replayed-after-delete", error.reason.word)

    def test_by_having_a_sliver_that_no_ticket_stands_behind_is_found_out(self) -> None:
        now(self.world.redeemer.redeem(self.sealed, "push"))
        (self.world.place / "ledger.db").unlink()
        self.world.restart()
        self.assertEqual(["princeton_codeen"], [each.name for each in now(agreeing.agree(self.world.redeemer))])


class YesterdaysLedger(SynchronousTestCase):
    def test_put_back_ends_what_was_deleted_since_and_refuses_its_tickets(self) -> None:
        world = World(self)
        sealed = PLC_SIGNS.xmldsig(ticket())
        wish = now(world.redeemer.redeem(sealed, "push"))
        world.ledger.close()
        copy = (world.place / "ledger.db").read_bytes()
        world.start()
        now(world.redeemer.delete(wish.rcap, "its holder deleted it"))
        world.ledger.close()
        for part in world.place.glob("ledger.db-*"):
            part.unlink()
        (world.place / "ledger.db").write_bytes(copy)
        world.start()
        self.assertEqual(1, len(world.ledger.wishes()))
        now(agreeing.recover(world.redeemer))
        self.assertEqual(([], []), (world.ledger.wishes(), world.node.names))
        error = self.assertRaises(NotAdmitted, now, world.redeemer.redeem(sealed, "push"))
        self.assertEqual("replayed-after-delete", error.reason.word)


class Expiry(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)
        now(self.world.redeemer.redeem(PLC_SIGNS.xmldsig(ticket(expires=NOW + DAY)), "push"))

    def test_comes_though_every_authority_is_silent(self) -> None:
        self.world.pass_time(DAY + 1)
        self.assertEqual(1, now(agreeing.expire(self.world.redeemer)))
        self.assertEqual(([], "expired"), (self.world.node.names, self.world.ledger.receipts()[-1].deed))

    def test_does_not_come_by_a_clock_that_jumps(self) -> None:
        for jump in (HOUR, 2 * DAY, 3650 * DAY, -2 * DAY, -3650 * DAY):
            self.world.clock.advance(jump)
            self.assertEqual(0, now(agreeing.expire(self.world.redeemer)), f"jump of {jump} s")
            self.world.clock.advance(-jump)

    def test_while_the_clock_is_in_doubt_a_new_ticket_is_refused_for_that_reason(self) -> None:
        self.world.clock.advance(3650 * DAY)
        fresh = PLC_SIGNS.xmldsig(ticket(slice=SURVEY, serial="plc-9"))
        error = self.assertRaises(NotAdmitted, now, self.world.redeemer.redeem(fresh, "push"))
        self.assertEqual("clock", error.reason.word)
        self.world.clock.advance(-3650 * DAY)
        now(self.world.redeemer.redeem(fresh, "push"))

    def test_a_renewal_comes_before_it(self) -> None:
        self.world.pass_time(HOUR)
        renewed = ticket(serial="plc-2", timestamp=NOW + HOUR, expires=NOW + 9 * DAY)
        now(self.world.redeemer.redeem(PLC_SIGNS.xmldsig(renewed), "push"))
        self.world.pass_time(DAY)
        self.assertEqual(
            (0, [CODEEN]), (now(agreeing.expire(self.world.redeemer)), [w.slice for w in self.world.ledger.wishes()])
        )
