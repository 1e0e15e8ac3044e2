"""What one peer may cost here (T6, T8): octets, rows written within an hour, calls within a minute, and no more."""

from twisted.trial.unittest import SynchronousTestCase

from planetlab import ask
from planetlab.both.allowance import HOUR, Allowance, Counted, Spending
from planetlab.both.asking import Signature
from planetlab.copies import Plan
from planetlab.errors import Forbidden, PeerError
from planetlab.names import Hrn
from tests.peering.ground import Peered, Served, Static, objects, serve_static

CAMPUS = Hrn(("campus",))


class Counting(SynchronousTestCase):
    def test_what_is_older_than_the_span_counts_no_more(self) -> None:
        counted = Counted(60.0)
        counted.add(1, 5, 1000.0)
        counted.add(1, 5, 1029.0)
        self.assertEqual([10, 10, 0], [counted.used(1, 1000.0 + after) for after in (29, 59, 91)])

    def test_each_peer_has_its_own(self) -> None:
        counted = Counted(60.0)
        counted.add(1, 5, 1000.0)
        self.assertEqual([5, 0], [counted.used(peer, 1000.0) for peer in (1, 2)])

    def test_at_no_time_is_less_counted_than_was_used_in_half_the_span(self) -> None:
        counted, uses = Counted(60.0), [1000.0 + 7 * step for step in range(60)]
        for now in uses:
            counted.add(1, 1, now)
            lately, since = (sum(now - then < span for then in uses if then <= now) for span in (30.0, 60.0))
            self.assertTrue(lately <= counted.used(1, now) <= since, now)

    def test_a_clock_that_was_set_back_holds_nobody_up(self) -> None:
        counted = Counted(60.0)
        counted.add(1, 5, 1000.0)
        self.assertEqual(0, counted.used(1, 10.0))

    def test_more_than_the_allowance_is_refused_and_is_not_counted(self) -> None:
        spending = Spending(Allowance(changes=10, calls=2, objects=1))
        spending.change(1, 6, 1000.0)
        for _ in range(5):
            self.assertRaises(PeerError, spending.change, 1, 5, 1000.0)
        spending.change(1, 4, 1000.0)
        spending.change(2, 10, 1000.0)
        spending.change(1, 10, 1000.0 + 2 * HOUR)
        for _ in range(2):
            spending.call(1, "epfl", 1000.0)
        self.assertRaises(Forbidden, spending.call, 1, "epfl", 1059.0)
        self.assertRaises(PeerError, spending.take_objects, {"Node": {1: {}, 2: {}}})

    def test_a_plan_says_how_many_rows_it_writes(self) -> None:
        plan = Plan({"Node": (1, 2)}, {"Site": ((3, {}),)}, {}, {"slice_node": frozenset({(1, 2)})}, {})
        self.assertEqual(4, plan.size)


class Spends(Peered):
    """``plc`` as an operator who grants little."""

    async def begin(self, hrn: str) -> Served:
        made = Served(hrn, self.base, self.clock)
        file = made.path / "slice_authority.toml"
        file.write_text(f"peer_changes = 60\npeer_octets = 60_000\npeer_calls = 5\n{file.read_text()}")
        self.addCleanup(made.stop)
        await made.start()
        return made

    async def test_who_flips_its_objects_at_each_poll_is_stopped_within_the_hour(self) -> None:
        static = Static(CAMPUS, self.clock.now(), objects("campus", 20))
        await serve_static(self, static)
        await self.plc.call("AcceptPeer", static.say().decode(), static.words)
        await self.plc.call("RefreshPeer", "Static campus")
        said = ""
        for flip in range(10):
            static.version += 1
            static.objects = objects("campus", 20, first=1 + 9 * (flip % 2))
            static.say()
            try:
                await self.plc.call("RefreshPeer", "Static campus")
            except ask.Refused as error:
                said = str(error)
                break
        self.assertIn("within the hour; at most 60 are written", said)
        book = await self.plc.book("campus")
        self.assertEqual((20, 1), (book["objects"]["nodes"], book["failures"]))
        self.assertIn("within the hour", book["trouble"])
        self.clock.advance(2 * HOUR)
        await self.plc.call("RefreshPeer", "Static campus")
        self.assertEqual(0, (await self.plc.book("campus"))["failures"])

    async def test_an_answer_larger_than_the_operator_grants_is_not_read(self) -> None:
        static = Static(CAMPUS, self.clock.now(), objects("campus", 1000))
        await serve_static(self, static)
        await self.plc.call("AcceptPeer", static.say().decode(), static.words)
        self.assertIn("at most 60000 are read", await self.refused(self.plc.call("RefreshPeer", "Static campus")))

    async def test_a_peer_that_calls_all_the_time_is_told_to_come_back_later_and_others_are_not(self) -> None:
        await self.meet()
        secret = (self.epfl.path / "pgp.sec").read_bytes()
        calling = ask.Ask(
            self.plc.place.url("sa", "PLCAPI"),
            ca=str(self.plc.path / "ca.pem"),
            auth=Signature("PlanetLab epfl", secret, "GetPeerName", "plc", self.clock.now()),
        )
        for _ in range(5):
            self.assertEqual("PlanetLab plc", await calling.call("GetPeerName"))
        self.assertIn("more than 5 times in a minute", await self.refused(calling.call("GetPeerName")))
        await self.plc.call("GetPeerBooks")
        self.clock.advance(121.0)
        self.assertEqual("PlanetLab plc", await calling.call("GetPeerName"))
