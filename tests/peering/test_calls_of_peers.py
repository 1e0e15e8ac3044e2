"""A peer that is called cannot call others in the caller's name (T2, T8): each call says for whom it is, and when."""

from typing import Any

from twisted.internet import reactor

from planetlab import call_signing
from planetlab.ask import Ask
from planetlab.both.asking import Signature
from tests.peering.ground import Peered

_NOT: dict[str, str] = {}


class CallsOfPeers(Peered):
    async def setUp(self) -> None:
        await super().setUp()
        await self.meet()

    async def called(self, audience: str = "", time: float | None = None, bent: dict[str, str] = _NOT) -> Any:
        """What plc answers to a call that epfl has signed for this audience at this time."""
        secret, now = (self.epfl.path / "pgp.sec").read_bytes(), self.clock.now() if time is None else time
        signed = Signature("PlanetLab epfl", secret, "GetPeerName", audience, now).struct(())
        ask = Ask(self.plc.place.url("sa", "PLCAPI"), ca=str(self.plc.path / "ca.pem"), reactor=reactor)
        return await ask.call("GetPeerName", {**signed, **bent})

    async def test_a_call_for_this_authority_made_now_is_answered(self) -> None:
        self.assertEqual("PlanetLab plc", await self.called("plc"))
        self.assertEqual("PlanetLab plc", await self.called("plc", self.clock.now() - call_signing.SLACK + 9))

    async def test_what_was_signed_for_another_is_nothing_here(self) -> None:
        self.assertIn("signed for evil, and this is plc", await self.refused(self.called("evil")))
        for bent in ({"audience": "plc"}, {"audience": "plc", "time": str(int(self.clock.now()))}):
            self.assertIn("does not verify", await self.refused(self.called("evil", bent=bent)))

    async def test_the_old_form_is_taken_of_nobody_who_says_that_it_can_do_better(self) -> None:
        self.assertIn("signed for nobody in particular", await self.refused(self.called()))

    async def test_what_was_signed_at_another_time_is_over(self) -> None:
        for time in (self.clock.now() - 400, self.clock.now() + 400, 0.0):
            self.assertIn("from this clock", await self.refused(self.called("plc", time)))
        for text in ("", "-1", "nan", "1e9", "9" * 40, "\u0661\u0662"):
            self.assertIn("from this clock", await self.refused(self.bent(text)))

    async def bent(self, time: str) -> Any:
        secret = (self.epfl.path / "pgp.sec").read_bytes()
        signature = call_signing.sign(secret, "GetPeerName", call_signing.bound((), "plc", time))
        said = {"AuthMethod": "gpg", "name": "PlanetLab epfl", "audience": "plc", "time": time, "signature": signature}
        ask = Ask(self.plc.place.url("sa", "PLCAPI"), ca=str(self.plc.path / "ca.pem"), reactor=reactor)
        return await ask.call("GetPeerName", said)

    async def test_refreshes_go_on_as_before(self) -> None:
        await self.plc.call("RefreshPeer", "PlanetLab epfl")
        book = await self.plc.book("epfl")
        self.assertEqual(("", 0), (book["trouble"], book["failures"]))
        self.assertIn(call_signing.BOUND, book["capabilities"])
