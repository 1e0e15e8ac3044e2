"""A slice that sent its day's amount: its people are written to, once a day, whatever the mail server does."""

from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from node_manager.cap_letters import Capped, Postman, letter
from node_manager.caps import Caps, Meter
from node_manager.drivers import Stats
from planetlab.cli.mailbox import Mailbox
from planetlab.mail import Relay
from planetlab.rspec import ResourceSpec
from planetlab.units import DAY, KIB
from tests.connections import Watched
from tests.node_manager.world import CODEEN, NOON, PL_CONF, PLC, World, record

HOST, SLICES, WATCHERS = "node1.plc.example", "SLICE@slices.plc.example", "mom@plc.example"
METER = Meter(since=NOON, sent=9_492_187 * KIB)
CAPPED = Capped(name=CODEEN, authority=PLC, caps=Caps(ordinary=104), meter=METER, rspec=ResourceSpec())


class TheLetter(SynchronousTestCase):
    def test_has_the_subject_that_filters_know_and_says_what_since_and_until_when(self) -> None:
        told = letter(CAPPED, HOST, (WATCHERS,), NOON + 3600)
        self.assertEqual(f"pl_mom capped bandwidth of slice princeton_codeen on {HOST}", told.subject)
        for words in (
            "9,492,187 KiB",
            "low bandwidth",
            "10,546,875 KiB in 24 hours",
            "at 104 kbit/s",
            "began at 2027-",
        ):
            self.assertIn(words, told.text)
        self.assertNotIn("high bandwidth", told.text)
        both = letter(evolve(CAPPED, caps=Caps(104, 600)), HOST, (WATCHERS,), NOON)
        self.assertIn("high bandwidth", both.text)


class ASliceThatSentItsAmount(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.told: list[tuple[Capped, float]] = []
        self.world.node.watch.told = lambda capped, now: self.told.append((capped, now))
        instantiated = self.world.call(PL_CONF, "Instantiate", record(expires=NOON + 9 * DAY).wire())
        self.successResultOf(instantiated)
        self.sent = 0
        self.world.driver.stats = lambda name: Stats(sent=self.sent)
        self.sample()

    def sample(self, more: int = 0) -> None:
        self.sent += more
        self.world.later(10.0)
        self.successResultOf(_fired(self.world.node.sample()))

    def test_is_told_of_once_in_its_day_and_again_in_the_next(self) -> None:
        for _ in range(3):
            self.sample(9_492_187 * KIB)
        self.assertEqual([CODEEN], [capped.name for capped, _ in self.told])
        self.world.later(DAY)
        self.sample(1)
        self.assertEqual(1, len(self.told))
        self.sample(9_492_187 * KIB)
        self.assertEqual(2, len(self.told))

    def test_is_not_told_of_again_after_a_restart_in_its_day(self) -> None:
        self.sample(9_492_187 * KIB)
        again = self.world.restarted()
        again.node.watch.told = lambda capped, now: self.told.append((capped, now))
        again.later(10.0)
        self.successResultOf(_fired(again.node.sample()))
        self.assertEqual(1, len(self.told))


def _fired(work: Any) -> Any:
    return Deferred.fromCoroutine(work)


class ThePostman(TestCase):
    def postman(self, port: int) -> Postman:
        relay = Relay("127.0.0.1", port, f"support@{HOST}", reactor)
        return Postman(relay, HOST, SLICES, WATCHERS)

    async def test_keeps_what_a_relay_that_is_away_did_not_take_and_brings_it_when_it_is_back(self) -> None:
        away = self.postman(1)
        away.tell(CAPPED, NOON)
        await away.deliver(NOON)
        box = Mailbox()
        watched = Watched(box.smtp())
        port = reactor.listenTCP(0, watched, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        away.relay = Relay("127.0.0.1", port.getHost().port, f"support@{HOST}", reactor)
        await away.deliver(NOON + 10)
        await away.deliver(NOON + 20)
        self.assertEqual(
            [f"{CODEEN}@slices.plc.example", WATCHERS], sorted(one.recipients[0] for one in box.letters)[::-1]
        )
        for one in watched.ones:
            await one.gone

    async def test_does_not_bring_what_is_over(self) -> None:
        late = self.postman(1)
        late.tell(CAPPED, NOON)
        await late.deliver(NOON + DAY)
        self.assertEqual([], late._waiting)

    def test_without_a_relay_or_an_address_has_nothing_to_do(self) -> None:
        for postman in (Postman(None, HOST, SLICES, ""), Postman(self.postman(1).relay, HOST, "", "")):
            postman.tell(CAPPED, NOON)
            self.assertEqual([], postman._waiting)
