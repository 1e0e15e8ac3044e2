"""Handing leases on: what the authority answers wrongly changes nothing, what is told twice is told once."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pl_conf.refusals import NotAdmitted
from pl_conf.reserving import LOOK_EVERY, Reserving
from planetlab.errors import PeerError, Refused
from tests.pl_conf.samples import NOW
from tests.pl_conf.world import now

LEASE = {"name": "princeton_codeen", "t_from": 1_800_000_000, "t_until": 1_800_003_600}


class Told:
    """A node manager that is told reservations, and may be silent."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.silent = False

    async def call(self, name: str, *args: Any) -> Any:
        if self.silent:
            raise NotAdmitted("node-silent", "it does not answer (told to)")
        self.calls.append((name, *args))


class HandingOn(SynchronousTestCase):
    def setUp(self) -> None:
        self.manager, self.word, self.ticks = Told(), "as told", 0.0
        self.answers: dict[str, Any] = {"GetNodes": [{"node_type": "reservable"}], "GetLeases": [LEASE]}
        self.asked: list[str] = []
        self.reserving = Reserving(7, lambda: self.manager, lambda: self.word)  # type: ignore[arg-type,return-value]  # scripted

    async def ask(self, name: str, *args: Any) -> Any:
        self.asked.append(name)
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def once(self) -> None:
        now(self.reserving.once(self.ask, NOW, self.ticks))

    def test_nonsense_changes_nothing(self) -> None:
        self.once()
        for answer in (None, 7, "x", [7], [{"name": "x"}], [{**LEASE, "t_from": "soon"}], PeerError("it broke off")):
            self.answers["GetLeases"] = answer
            self.assertRaises(PeerError, self.once)
        self.ticks = LOOK_EVERY
        for answer in (None, [], [7], Refused(103, "no")):
            self.answers["GetNodes"] = answer
            self.assertRaises(PeerError, self.once)
        self.assertEqual([("Reserve", "lease_or_idle", [LEASE])], self.manager.calls)

    def test_is_done_once_and_again_when_it_was_not_heard(self) -> None:
        self.manager.silent = True
        self.assertRaises(NotAdmitted, self.once)
        self.manager.silent = False
        for _ in range(3):
            self.once()
        self.assertEqual([("Reserve", "lease_or_idle", [LEASE])], self.manager.calls)

    def test_follows_the_owners_word(self) -> None:
        self.once()
        for word in ("lease_or_shared", "none"):
            self.word = word
            self.once()
        self.assertEqual(
            [
                ("Reserve", "lease_or_idle", [LEASE]),
                ("Reserve", "lease_or_shared", [LEASE]),
                ("Reserve", "none", []),
            ],
            self.manager.calls,
        )

    def test_asks_for_no_leases_of_a_node_that_cannot_be_reserved_and_seldom_whether_it_can(self) -> None:
        self.answers["GetNodes"] = [{"node_type": "regular"}]
        for _ in range(5):
            self.once()
        self.assertEqual(["GetNodes"], self.asked)
        self.ticks = LOOK_EVERY
        self.once()
        self.assertEqual(["GetNodes", "GetNodes"], self.asked)
