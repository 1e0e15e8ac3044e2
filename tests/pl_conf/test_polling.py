"""Polls: what they bring, what their failure leaves alone, and that authorities never purge each other."""

import random
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pl_conf import agreeing
from pl_conf.feed import Guards
from pl_conf.poll import Poll, Session
from pl_conf.refusals import NotAdmitted
from planetlab.errors import PeerError, Refused, Unreachable
from planetlab.names import SliceName
from planetlab.tickets import Ticket
from tests.pl_conf.samples import CODEEN, DAY, EPFL, HOUR, NOW, PLC, SURVEY, ticket
from tests.pl_conf.world import EPFL_SIGNS, PLC_SIGNS, Signer, World, now


def direct(**said: Any) -> Ticket:
    return ticket(**{"instantiation": "plc-instantiated", **said})


class Authority:
    """A slice authority as a node polls it, with a clock of its own; ``wrong`` makes its next answer."""

    def __init__(self, signs: Signer, skew: float = 0.0) -> None:
        self.signs = signs
        self.skew = skew
        self.stamp = 0
        self.listed: dict[SliceName, bytes] = {}
        self.since: dict[SliceName, int] = {}  # when each was listed last
        self.deleted: dict[SliceName, int] = {}
        self.delegated: set[SliceName] = set()  # has them still, though their nodes fetch no ticket
        self.wondered: list[list[str]] = []
        self.lost = 0
        self.asked: list[int] = []
        self.wrong: Callable[[], Any] | None = None
        self.clock: Callable[[], float] = lambda: 0.0  # what it says the time is; 0 for an authority that does not say

    def issue(self, name: SliceName, at: float, **said: Any) -> bytes:
        self.stamp += 1
        sealed = self.signs.xmldsig(
            direct(
                issuer=self.signs.hrn,
                slice=name,
                serial=f"{self.signs.hrn}-{self.stamp}",
                timestamp=at + self.skew,
                expires=at + self.skew + 30 * DAY,
                **said,
            )
        )
        self.listed[name], self.since[name] = sealed, self.stamp
        self.deleted.pop(name, None)
        return sealed

    def drop(self, name: SliceName, by_name: bool = True) -> None:
        self.stamp += 1
        self.listed.pop(name, None)
        if by_name:
            self.deleted[name] = self.stamp

    async def fetch(self, since: int) -> Any:
        self.asked.append(since)
        if self.wrong is not None:
            return self.wrong()
        if since == self.stamp:
            return {"stamp": self.stamp, "unchanged": True, "now": self.clock()}
        known = since if 0 < since <= self.stamp else 0
        changed = [sealed for name, sealed in self.listed.items() if self.since.get(name, 0) > known or not known]
        deleted = [str(name) for name, at in self.deleted.items() if at > known]
        return {"stamp": self.stamp, "tickets": changed, "deleted": deleted, "now": self.clock()}

    async def alive(self, names: list[str]) -> set[str]:
        self.wondered.append(names)
        return {str(name) for name in {*self.listed, *self.delegated}} & set(names)

    async def time(self) -> float:
        self.asked.append(TIME)
        return self.clock()


TIME = -814  # in the list of what was asked: the time


class Polls(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(self)
        self.plc, self.epfl = Authority(PLC_SIGNS), Authority(EPFL_SIGNS)
        self.begin()

    def begin(self) -> None:
        self.poll, self.other = self.poller(self.plc), self.poller(self.epfl)

    def poller(self, authority: Authority) -> Poll:
        root = self.world.rules.policy.root_for(authority.signs.hrn)
        assert root is not None
        return Poll(root, authority, self.world.redeemer, Guards(), 1 << 20)

    def once(self, poll: Poll | None = None) -> bool:
        return now((poll or self.poll).once())


class APollThatFails(Polls):
    def setUp(self) -> None:
        super().setUp()
        self.plc.issue(CODEEN, NOW)
        self.assertTrue(self.once())

    def test_leaves_the_last_wish_in_force_whatever_comes_instead(self) -> None:
        def unreachable() -> Any:
            raise Unreachable("connection refused")

        def refused() -> Any:
            raise Refused(111, "internal error")

        nonsense: list[Callable[[], Any]] = [
            unreachable,
            refused,
            lambda: None,
            lambda: {"stamp": 9, "tickets": "all"},
            lambda: {"stamp": 9, "tickets": [], "deleted": [{}]},
            lambda: {"stamp": 9, "tickets": []},
            lambda: {"stamp": 9, "tickets": ["<ticket/>"]},
            lambda: {"stamp": -5, "tickets": []},
        ]
        for wrong in nonsense:
            self.plc.wrong = wrong
            for _ in range(5):
                self.once()
            self.assertEqual(["princeton_codeen"], self.world.node.names)
        self.plc.wrong = None
        self.assertTrue(self.once())
        self.assertEqual(["princeton_codeen"], self.world.node.names)

    def test_comes_back_later_each_time_and_on_time_once_it_succeeds(self) -> None:
        self.plc.wrong = lambda: None
        delays = []
        for _ in range(4):
            self.once()
            delays.append(self.poll.delay(600.0, 300.0, 0.5))
        self.assertEqual([1350.0, 2550.0, 2550.0, 2550.0], delays)
        self.plc.wrong = None
        self.once()
        self.assertEqual(750.0, self.poll.delay(600.0, 300.0, 0.5))

    def test_ends_nothing_for_days_but_what_expires(self) -> None:
        self.plc.wrong = lambda: None
        for _ in range(7):
            self.world.pass_time(DAY)
            self.once()
            now(agreeing.expire(self.world.redeemer))
        self.assertEqual(["princeton_codeen"], self.world.node.names)


class APollThatFindsNothingNew(Polls):
    def test_asks_by_stamp_and_touches_neither_ledger_nor_node(self) -> None:
        self.plc.issue(CODEEN, NOW)
        self.once()
        before = self.world.state()
        for _ in range(3):
            self.once()
        self.assertEqual(([0, 1, 1, 1], before), (self.plc.asked, self.world.state()))


class ADoubtfulClock(Polls):
    def setUp(self) -> None:
        super().setUp()
        self.plc.issue(CODEEN, NOW)
        self.plc.clock = lambda: 0.0
        self.once()

    def test_is_believed_when_the_authority_has_the_same_time(self) -> None:
        self.world.clock.advance(40 * DAY)
        self.assertEqual(0, now(agreeing.expire(self.world.redeemer)))
        there = self.world.clock.now() - 20.0

        async def time() -> float:
            return there

        self.plc.time = time  # type: ignore[method-assign]  # the scripted PLC's
        self.once()
        self.assertEqual((False, 1), (self.world.time.in_doubt, now(agreeing.expire(self.world.redeemer))))
        self.assertIn(("Witness", str((there,))), self.world.node.calls)

    def test_is_not_believed_when_it_has_another_and_while_it_is_silent(self) -> None:
        self.world.clock.advance(40 * DAY)

        async def time() -> float:
            return NOW

        async def silent() -> float:
            raise Unreachable("no answer")

        for said in (time, silent):
            self.plc.time = said  # type: ignore[method-assign]  # the scripted PLC's
            self.once()
            self.assertEqual((True, 0), (self.world.time.in_doubt, now(agreeing.expire(self.world.redeemer))))

    def test_is_asked_about_only_while_it_is_in_doubt(self) -> None:
        self.once()
        self.assertNotIn(TIME, self.plc.asked)


class WhatAPollBrings(Polls):
    def test_a_reinstalled_node_is_whole_after_one_poll_but_for_the_delegated(self) -> None:
        self.plc.issue(CODEEN, NOW)
        pushed = PLC_SIGNS.xmldsig(ticket(slice=SliceName("princeton", "pushed"), serial="x-1", timestamp=NOW))
        self.once()
        now(self.world.redeemer.redeem(pushed, "push"))
        for path in self.world.place.glob("ledger.db*"):
            path.unlink()
        self.world.node.there.clear()
        self.world.restart()
        self.begin()
        self.once()
        self.assertEqual(["princeton_codeen"], self.world.node.names)
        now(self.world.redeemer.redeem(pushed, "push"))
        self.assertEqual(["princeton_codeen", "princeton_pushed"], self.world.node.names)

    def test_a_delegated_slice_waits_for_its_creator_then_follows_the_polls(self) -> None:
        first = self.plc.issue(CODEEN, NOW, instantiation="delegated")
        self.once()
        self.assertEqual([], self.world.node.names)
        now(self.world.redeemer.redeem(first, "push"))
        self.plc.issue(CODEEN, NOW + 1, instantiation="delegated", users=())
        self.once()
        self.assertEqual([()], [wish.keys for wish in self.world.ledger.wishes()])

    def test_a_ticket_that_time_may_mend_is_asked_for_again(self) -> None:
        self.plc.issue(CODEEN, NOW)
        self.world.node.silent = 1
        self.once()
        self.once()
        self.assertEqual(([0, 0], ["princeton_codeen"]), (self.plc.asked, self.world.node.names))

    def test_a_ticket_that_waits_for_room_is_asked_for_when_there_may_be_some(self) -> None:
        self.world.change_policy(max_slivers=1)
        self.world.rules.load()
        self.plc.issue(CODEEN, NOW)
        self.plc.issue(SliceName("princeton", "waiting"), NOW)
        self.once()
        self.once()
        self.assertEqual(([0, 2], True), (self.plc.asked, self.poll.is_crowded))
        now(self.world.redeemer.release(self.world.ledger.wishes()[0], "its holder deleted it"))
        self.poll.again()
        self.once()
        self.assertEqual(["princeton_waiting"], self.world.node.names)

    def test_an_authority_cannot_list_anothers_ticket(self) -> None:
        self.plc.listed[SURVEY] = self.epfl.issue(SURVEY, NOW)
        self.once()
        self.assertEqual([], self.world.node.names)


class DeletionGuards(Polls):
    def setUp(self) -> None:
        super().setUp()
        self.names = [SliceName("princeton", f"s{n}") for n in range(10)]
        for name in self.names:
            self.plc.issue(name, NOW)
        self.once()

    def there(self) -> int:
        return len(self.world.node.names)

    def test_an_empty_answer_deletes_nothing_however_often(self) -> None:
        for name in self.names:
            self.plc.drop(name, by_name=False)
        self.begin()
        for _ in range(5):
            self.once()
        self.assertEqual((10, True), (self.there(), bool(self.poll.alarm)))

    def test_an_answer_that_lost_most_of_them_deletes_nothing(self) -> None:
        for name in self.names[2:]:
            self.plc.drop(name, by_name=False)
        self.begin()
        for _ in range(5):
            self.once()
        self.assertEqual(10, self.there())

    def test_one_left_out_goes_with_the_second_whole_answer_that_leaves_it_out(self) -> None:
        self.plc.drop(self.names[0], by_name=False)
        self.once()
        self.assertEqual(10, self.there())
        self.begin()
        self.once()
        self.assertEqual(10, self.there())
        self.once()
        self.assertEqual(9, self.there())

    def test_one_deleted_by_name_goes_at_once_and_its_tickets_stay_out(self) -> None:
        unused = PLC_SIGNS.xmldsig(direct(slice=self.names[0], serial="late", timestamp=NOW + 1))
        self.world.pass_time(10.0)
        self.plc.clock = self.world.clock.now
        self.plc.drop(self.names[0])
        self.once()
        self.assertEqual(9, self.there())
        self.assertRaises(NotAdmitted, now, self.world.redeemer.redeem(unused, "push"))
        self.assertEqual(9, self.there())

    def test_a_slice_never_here_but_deleted_by_name_cannot_be_pushed_by_its_old_ticket(self) -> None:
        stray = SliceName("princeton", "stray")
        old = PLC_SIGNS.xmldsig(ticket(slice=stray, serial="old", timestamp=NOW + 1))
        self.world.pass_time(10.0)
        self.plc.clock = self.world.clock.now
        self.plc.drop(stray)
        self.once()
        self.assertRaises(NotAdmitted, now, self.world.redeemer.redeem(old, "push"))
        newer = PLC_SIGNS.xmldsig(ticket(slice=stray, serial="new", timestamp=NOW + 11))
        now(self.world.redeemer.redeem(newer, "push"))

    def test_a_delegated_sliver_goes_only_when_its_authority_has_the_slice_no_more(self) -> None:
        mine = SliceName("princeton", "mine")
        now(self.world.redeemer.redeem(PLC_SIGNS.xmldsig(ticket(slice=mine, serial="d-1", timestamp=NOW)), "push"))
        self.plc.delegated.add(mine)
        self.plc.drop(mine)
        self.once()
        self.assertEqual((11, [["princeton_mine"]]), (self.there(), self.plc.wondered))
        self.plc.delegated.clear()
        self.plc.drop(mine)
        self.once()
        self.assertEqual(10, self.there())

    def test_tickets_of_a_delegated_slice_are_not_barred_because_nodes_fetch_none(self) -> None:
        mine = SliceName("princeton", "mine")
        self.plc.delegated.add(mine)
        self.plc.drop(mine)
        self.once()
        now(self.world.redeemer.redeem(PLC_SIGNS.xmldsig(ticket(slice=mine, serial="d-1", timestamp=NOW)), "push"))
        self.assertEqual(11, self.there())

    def test_an_authority_that_cannot_say_whether_it_has_a_slice_ends_no_sliver_of_it(self) -> None:
        mine = SliceName("princeton", "mine")
        now(self.world.redeemer.redeem(PLC_SIGNS.xmldsig(ticket(slice=mine, serial="d-1", timestamp=NOW)), "push"))

        async def silent(names: list[str]) -> set[str]:
            raise Unreachable("no answer")

        self.plc.alive = silent  # type: ignore[method-assign]  # the scripted PLC's
        self.plc.drop(mine)
        self.assertEqual((False, 11), (self.once(), self.there()))

    def test_an_answer_with_a_stamp_that_went_back_ends_nothing_by_silence(self) -> None:
        self.plc.stamp = 3
        self.plc.listed.pop(self.names[0])
        for _ in range(4):
            self.begin()
            self.once()
        self.assertEqual((10, True), (self.there(), "after 10" in self.poll.alarm))

    def test_an_answer_with_an_unreadable_ticket_ends_nothing_by_silence(self) -> None:
        self.plc.listed[self.names[0]] = b"<ticket/>"
        for _ in range(4):
            self.begin()
            self.once()
        self.assertEqual(10, self.there())


class TwoAuthoritiesAnHourApart(Polls):
    def test_never_purge_each_other_in_a_thousand_interleavings(self) -> None:
        chance = random.Random(814)
        for late, tells_time in ((0, True), (0, False), (1, True), (1, False)):
            self.setUp()
            behind = (self.plc, self.epfl)[late]
            behind.skew = -HOUR
            for each in (self.plc, self.epfl) if tells_time else ():
                each.clock = lambda each=each: self.world.clock.now() + each.skew
            for step in range(250):
                self.world.pass_time(10.0)
                side = chance.choice(("plc", "epfl"))
                authority, poll = (self.plc, self.poll) if side == "plc" else (self.epfl, self.other)
                name = SliceName("princeton" if side == "plc" else "lausanne", f"s{chance.randrange(4)}")
                deed = chance.choice(("issue", "issue", "push", "drop", "poll", "poll"))
                if deed == "issue":
                    authority.issue(name, self.world.clock.now())
                elif deed == "push" and name in authority.listed:
                    now(self.world.redeemer.redeem(authority.listed[name], "push"))
                elif deed == "drop" and name in authority.listed:
                    authority.drop(name)
                others = {each for each in self.world.node.names if each.startswith("princeton") != (side == "plc")}
                self.assertTrue(self.once(poll), f"step {step}")
                still = {each for each in self.world.node.names if each.startswith("princeton") != (side == "plc")}
                self.assertEqual(others, still, f"step {step}: {side} {deed} {name}")
                own = {each for each in self.world.node.names if each.startswith("princeton") == (side == "plc")}
                self.assertEqual({str(each) for each in authority.listed}, own, f"step {step}: {side} {deed} {name}")


CORAL = SliceName("princeton", "coral")


class AClone(Polls):
    """Two machines from one snapshot, each as this node: each ends the other's session."""

    def setUp(self) -> None:
        super().setUp()
        self.world.redeemer.is_cloned = lambda: self.poll.is_cloned
        self.plc.issue(CODEEN, NOW - HOUR)
        self.once()

    def polls_beside_it(self, times: int) -> None:
        for _ in range(times):
            self.plc.lost += 1  # and calls between the polls find the session as this one left it
            self.once()

    def test_is_told_to_the_operator_and_makes_nothing_new_while_what_is_here_stays(self) -> None:
        self.polls_beside_it(2)
        self.assertEqual("", self.poll.trouble)
        self.polls_beside_it(1)
        self.assertIn("is it cloned?", self.poll.trouble)
        self.plc.issue(CORAL, NOW)
        self.polls_beside_it(1)
        self.assertEqual(["princeton_codeen"], self.world.node.names)
        pushed = PLC_SIGNS.xmldsig(ticket(slice=SliceName("princeton", "pushed"), serial="p"))
        error = self.assertRaises(NotAdmitted, now, self.world.redeemer.redeem(pushed, "push"))
        self.assertEqual("cloned", error.reason.word)
        self.plc.issue(CODEEN, NOW)
        self.polls_beside_it(1)
        self.assertEqual(NOW, self.world.ledger.wishes()[0].issued)

    def test_that_is_switched_off_leaves_the_node_as_it_was(self) -> None:
        self.polls_beside_it(4)
        self.plc.issue(CORAL, NOW)
        for _ in range(2):
            self.once()
        self.assertEqual(["princeton_codeen", "princeton_coral"], self.world.node.names)


class TheSession(SynchronousTestCase):
    def test_a_refused_session_is_fetched_anew_once(self) -> None:
        begun: list[str] = []

        async def begin() -> str:
            begun.append(f"s{len(begun)}")
            return begun[-1]

        async def ask(session: str, name: str, since: int) -> Any:
            if session == "s0" and since > 1:
                raise Refused(103, "session expired")
            return session

        session = Session(begin, ask)
        self.assertEqual(["s0", "s0", "s1", "s1"], [now(session.fetch(since)) for since in (0, 1, 2, 3)])

    def test_one_that_is_gone_is_counted(self) -> None:
        async def begin() -> str:
            return "mine"

        async def ask(session: str, name: str, since: int) -> Any:
            if since % 2:  # the other machine has begun one meanwhile
                raise Refused(103, "no such session")

        session = Session(begin, ask)
        now(session.fetch(0))
        for _ in range(3):
            self.assertRaises(Refused, now, session.fetch(1))
        self.assertEqual(3, session.lost)

    def test_a_refusal_of_the_new_one_too_is_a_failure(self) -> None:
        async def begin() -> str:
            return "s"

        async def ask(session: str, name: str, since: int) -> Any:
            raise Refused(103, "no")

        self.assertRaises(PeerError, now, Session(begin, ask).fetch(0))
        self.assertEqual((PLC, EPFL), (PLC_SIGNS.hrn, EPFL_SIGNS.hrn))
