"""The owner's word, as rules over values."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from pl_conf.policy import DAY, Names, Policy, Root, Window, clock_time
from pl_conf.refusals import NotAdmitted
from planetlab.errors import BadArgument
from planetlab.names import SliceName
from tests.pl_conf.samples import CODEEN, EPFL, JAPAN, PLC, SURVEY, policy

THURSDAY = 0.0  # the 1st of January 1970


class WhomTheOwnerAdmits(SynchronousTestCase):
    def refused(self, policy: Policy, *who: object) -> str:
        error = self.assertRaises(NotAdmitted, policy.admits_name, *who)
        return str(error.reason.word)

    def test_an_authority_below_no_root_is_not_known(self) -> None:
        self.assertEqual("unknown-issuer", self.refused(Policy(), PLC, CODEEN))

    def test_a_name_that_only_begins_like_a_roots_is_not_below_it(self) -> None:
        self.assertEqual("unknown-issuer", self.refused(policy(), evolve(PLC, path=("plcx",)), CODEEN))

    def test_the_deepest_root_answers(self) -> None:
        both = policy(root=(Root(hrn="plc", gid="a"), Root(hrn="plc.japan", gid="b")))
        self.assertEqual("plc.japan", both.admits_name(JAPAN, CODEEN).hrn)

    def test_a_slice_on_the_barred_list_is_denied_by_pattern(self) -> None:
        self.assertEqual("denied", self.refused(policy(deny=Names(slices=("princeton_*",))), PLC, CODEEN))

    def test_a_barred_authority_bars_those_below_it(self) -> None:
        self.assertEqual("denied", self.refused(policy(deny=Names(authorities=("plc",))), JAPAN, CODEEN))

    def test_where_some_are_named_as_admitted_all_others_are_denied(self) -> None:
        only = policy(allow=Names(slices=("princeton_codeen",)))
        self.assertEqual("denied", self.refused(only, EPFL, SURVEY))
        self.assertEqual("plc", only.admits_name(PLC, CODEEN).hrn)

    def test_an_authority_uses_only_the_site_prefixes_it_was_granted(self) -> None:
        narrow = policy(root=(Root(hrn="epfl", gid="x", prefixes=("epfl*",)),))
        self.assertEqual("prefix", self.refused(narrow, EPFL, SURVEY))
        self.assertEqual("epfl", narrow.admits_name(EPFL, SliceName("epflinf", "x")).hrn)


class TimesOfTheWeek(SynchronousTestCase):
    def test_a_window_over_midnight_belongs_to_the_day_it_begins(self) -> None:
        night = Window(days=("thu",), start="22:00", end="06:00")
        hours = [hour for hour in range(48) if night.covers(THURSDAY + hour * 3600.0, PLC)]
        self.assertEqual([*range(22, 30)], hours)

    def test_a_window_for_one_authority_leaves_others_alone(self) -> None:
        window = Window(authority="epfl", pause=True)
        paused = policy(calendar=(window,))
        self.assertEqual((True, False), (paused.pauses(EPFL, THURSDAY), paused.pauses(PLC, THURSDAY)))

    def test_days_are_counted_right_for_a_week(self) -> None:
        fridays = Window(days=("fri",))
        self.assertEqual([1], [day for day in range(7) if fridays.covers(THURSDAY + day * DAY, PLC)])

    def test_what_is_no_time_of_day_is_refused(self) -> None:
        for text in ("24:01", "12", "12:60", "-1:00", "ab:cd", "1:5"):
            self.assertRaises(BadArgument, clock_time, text)

    def test_the_lowest_of_all_ceilings_counts_and_is_named(self) -> None:
        capped = policy(
            root=(Root(hrn="plc", gid="x", net_max_rate=5000),), calendar=(Window(net_max_rate=2000, start="08:00"),)
        )
        self.assertEqual((5000, "root plc net_max_rate"), capped.ceilings(capped.root[0], PLC, 0.0)["net_max_rate"])
        self.assertEqual((2000, "calendar 08:00-24:00"), capped.ceilings(capped.root[0], PLC, 40_000.0)["net_max_rate"])


class APolicyThatContradictsItself(SynchronousTestCase):
    def test_is_refused_with_the_key_to_blame(self) -> None:
        wrong = {
            "reserve": Policy(reserve=1.0),
            "root[0] (plc).subtree": Policy(root=(Root(hrn="plc", subtree="epfl", gid="x"),)),
            "root[0] (plc).share": Policy(root=(Root(hrn="plc", share=1.5, gid="x"),)),
            "root[0] (plc).auth": Policy(root=(Root(hrn="plc", auth="magic", gid="x"),)),
            "root[0] (plc)": Policy(root=(Root(hrn="plc"),)),
            "root.subtree": Policy(root=(Root(hrn="plc", gid="x"), Root(hrn="plc", gid="y"))),
            "calendar[0].days": Policy(calendar=(Window(days=("monday",)),)),
        }
        for where, said in wrong.items():
            self.assertEqual(where, self.assertRaises(BadArgument, said.check).where)

    def test_the_sample_policy_holds(self) -> None:
        policy().check()
