"""The owner's hand on the node while it runs."""

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pl_conf.policy import DAYS, Window
from pl_conf.refusals import NotAdmitted
from planetlab.errors import BadArgument, BadSettings, NotFound
from planetlab.rspec import ResourceSpec
from tests.pl_conf.samples import CODEEN, EPFL, NOW, SURVEY, ticket
from tests.pl_conf.world import EPFL_SIGNS, PLC_SIGNS, World, now


class AnOwner(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)
        self.owner = self.world.owner
        now(self.world.redeemer.redeem(PLC_SIGNS.xmldsig(ticket()), "push"))
        now(self.world.redeemer.redeem(EPFL_SIGNS.xmldsig(ticket(issuer=EPFL, slice=SURVEY, serial="epfl-1")), "push"))

    def running(self) -> list[str]:
        return sorted(name for (_, name), told in self.world.node.there.items() if told["rspec"]["enabled"])

    def told(self, name: str = "princeton_codeen") -> dict[str, Any]:
        return next(told for (_, each), told in self.world.node.there.items() if each == name)

    def test_cannot_read_in_a_file_that_makes_no_sense_and_the_old_word_stays(self) -> None:
        path = self.world.place / "owner.toml"
        for text in (
            "paused = 7",
            "no such key = true",
            "reserve = 2.0",
            "[[root]]\nhrn = 'plc'\nticket_key = 'lost.pem'",
        ):
            path.write_text(text)
            error = self.assertRaises(BadSettings, now, self.owner.reload())
            self.assertIn("owner.toml", str(error))
            self.assertEqual(2, len(self.running()))

    def test_pauses_everything_and_lets_it_run_again_without_asking_any_authority(self) -> None:
        self.assertEqual((2, []), (now(self.owner.pause(True)), self.running()))
        fresh = PLC_SIGNS.xmldsig(ticket(serial="plc-2", timestamp=NOW))
        error = self.assertRaises(NotAdmitted, now, self.world.redeemer.redeem(fresh, "push"))
        self.assertEqual("paused", error.reason.word)
        self.assertEqual((2, 2), (now(self.owner.pause(False)), len(self.running())))

    def test_has_the_node_manager_stop_all_in_one_step_and_again_when_it_was_silent(self) -> None:
        def steps() -> list[str]:
            return [name for name, _ in self.world.node.calls if name in ("Pause", "Resume")]

        call = self.world.node.call

        async def silent(name: str, *args: Any) -> Any:
            raise NotAdmitted("node-silent", "the node manager does not answer (told to)")

        self.world.node.call = silent  # type: ignore[method-assign]  # the scripted node's
        now(self.owner.pause(True))
        self.assertEqual(([], []), (steps(), self.running()))
        self.world.node.call = call  # type: ignore[method-assign]  # the scripted node's
        for _ in range(2):
            now(self.owner.settle())
        now(self.owner.pause(False))
        now(self.owner.settle())
        self.assertEqual(["Pause", "Resume"], steps())

    def test_and_who_holds_a_sliver_is_told_why_it_stands_still_and_who_can_change_that(self) -> None:
        redeemer = self.world.redeemer
        rcap = now(redeemer.redeem(PLC_SIGNS.xmldsig(ticket()), "push")).rcap

        def why() -> str:
            return str(now(redeemer.state(rcap))["why"])

        self.assertEqual("", why())
        now(self.owner.pause(True))
        self.assertIn("plfed owner resume", why())
        now(self.owner.pause(False))
        self.assertEqual("", why())
        now(self.owner.deny("princeton_codeen"))
        self.assertEqual(
            "the owner has barred princeton_codeen of plc from this node; the node's owner can change that", why()
        )
        now(self.owner.allow("princeton_codeen"))
        now(self.owner.calendar([{"days": list(DAYS), "pause": True}]))
        self.assertIn("calendar", why())
        now(self.owner.calendar([]))
        suspended = ticket(serial="plc-2", timestamp=NOW, rspec=ResourceSpec(enabled=0))
        now(redeemer.redeem(PLC_SIGNS.xmldsig(suspended), "push"))
        self.assertIn("plc has suspended it", why())
        error = self.assertRaises(NotAdmitted, now, redeemer.state("0" * 32))
        self.assertEqual("unknown-rcap", error.reason.word)

    def test_pause_outlives_a_restart(self) -> None:
        now(self.owner.pause(True))
        self.world.restart()
        self.assertTrue(self.world.rules.policy.paused)

    def test_bars_one_slice_and_only_that_and_its_users(self) -> None:
        now(self.owner.deny("princeton_codeen"))
        self.assertEqual((["lausanne_survey"], []), (self.running(), self.told()["keys"]))
        self.assertEqual(b"", self.world.keys.text("princeton_codeen"))
        now(self.owner.allow("princeton_codeen"))
        self.assertEqual((2, 1), (len(self.running()), len(self.told()["keys"])))

    def test_bars_an_authority(self) -> None:
        now(self.owner.deny("epfl"))
        self.assertEqual(["princeton_codeen"], self.running())

    def test_caps_one_authority_and_each_sliver(self) -> None:
        now(self.owner.cap("epfl", "net_max_rate", 2000))
        now(self.owner.cap("", "disk_max", 1000))
        rates = (self.told("lausanne_survey")["rspec"]["net_max_rate"], self.told()["rspec"]["net_max_rate"])
        self.assertEqual(((2000, 1_000_000), 1000), (rates, self.told()["rspec"]["disk_max"]))

    def test_cannot_cap_what_is_no_key_or_no_root(self) -> None:
        self.assertRaises(BadArgument, now, self.owner.cap("", "colour", 1))
        self.assertRaises(BadArgument, now, self.owner.cap("plc", "legacy", 1))
        self.assertRaises(NotFound, now, self.owner.cap("emulab", "share", 1))

    def test_cannot_cap_by_an_amount_that_makes_no_sense_and_the_old_word_stays(self) -> None:
        before = self.world.rules.policy
        for most in (float("nan"), float("inf"), -1.0, 2.0**31):
            for authority, key in (("", "net_max_rate"), ("plc", "net_max_rate")):
                self.assertRaises(BadArgument, now, self.owner.cap(authority, key, most))
        error = self.assertRaises(BadArgument, now, self.owner.cap("plc", "share", 7.0))
        self.assertIn("expected a fraction from 0 to 1, got 7.0", str(error))
        self.assertEqual(before, self.world.rules.policy)

    def test_sets_times_of_the_week_that_begin_and_end_by_the_clock(self) -> None:
        now(self.owner.calendar([{"pause": True, "start": "00:00", "end": "24:00", "authority": "epfl"}]))
        self.assertEqual(["princeton_codeen"], self.running())
        self.assertEqual((Window(pause=True, authority="epfl"),), self.world.rules.policy.calendar)
        for wrong in ({"pause": 1}, {"colour": "red"}, {"start": "25:00"}, {"days": ["monday"]}):
            self.assertRaises((BadArgument, BadSettings), now, self.owner.calendar([wrong]))

    def test_is_given_a_receipt_of_everything_that_changed(self) -> None:
        now(self.owner.pause(True))
        now(self.owner.pause(False))
        deeds = [receipt.deed for receipt in self.world.ledger.receipts()]
        self.assertEqual(["created", "created", "paused", "paused", "policy", "resumed", "resumed", "policy"], deeds)

    def test_edits_the_file_by_hand_and_it_is_noticed(self) -> None:
        self.assertFalse(self.world.rules.changed())
        self.world.change_policy(paused=True)
        os.utime(self.world.place / "owner.toml", (1, 1))
        self.assertTrue(self.world.rules.changed())
        now(self.owner.reload())
        self.assertEqual(([], False), (self.running(), self.world.rules.changed()))

    def test_sees_the_whole_word_by_the_files_keys(self) -> None:
        shown = self.owner.show()
        self.assertEqual(["plc", "epfl"], [root["hrn"] for root in shown["root"]])
        self.assertEqual(CODEEN, ticket().slice)
