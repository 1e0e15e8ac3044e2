"""Keys take each other's places in four steps; who follows the statements never meets a key that it does not know."""

import pathlib
import time

from twisted.trial.unittest import SynchronousTestCase

from planetlab import following, gids, keys, tickets
from planetlab.authority import book as books
from planetlab.authority import certifying, rotating
from planetlab.authority.speaking import Voice
from planetlab.cli import papers
from planetlab.errors import BadArgument, Conflict, NotFound
from planetlab.following import Known
from planetlab.names import Hrn, SliceName
from planetlab.refusals import BadTicket
from planetlab.tickets import Ticket
from planetlab.trust import Root, Roots

PLC, JAPAN = Hrn(("plc",)), Hrn(("plc", "japan"))


class Rotating(SynchronousTestCase):
    def setUp(self) -> None:
        self.base, self.now = pathlib.Path(self.mktemp()).absolute(), time.time()
        self.plc = self.made(PLC)
        self.pinned = Root.load(PLC, (self.plc / "gid.pem").read_bytes())
        self.voice = Voice(self.plc)
        self.known: Known = following.begin(self.voice.speak(self.now), self.now, self.fingerprint())

    def made(self, hrn: Hrn) -> pathlib.Path:
        return papers.make(self.base / str(hrn), hrn, ("127.0.0.1",)).folder

    def fingerprint(self) -> str:
        return self.voice.statement(self.now).fingerprint

    def follow(self) -> Root:
        """The root as a follower believes it after asking again."""
        self.now += 60
        sealed = self.voice.speak(self.now)
        self.known = following.follow(self.known, sealed, self.now, self.voice.turns())
        return self.pinned.heard(self.known.statement)

    def sealed(self, folder: pathlib.Path | None = None, chained: bool = True) -> bytes:
        folder = folder or self.plc
        key = keys.load_private((folder / "ticket.key").read_bytes())
        chain = tuple(gid.der for gid in gids.read_chain((folder / "ticket.pem").read_bytes())) if chained else ()
        ticket = Ticket(
            issuer=books.name_of(folder), slice=SliceName("princeton", "codeen"), slice_id=1, serial="1",
            expires=self.now + 3600, timestamp=self.now, chain=chain,
        )  # fmt: skip
        return tickets.seal_xmldsig(ticket, key)

    def opens(self, sealed: bytes, root: Root) -> bool:
        try:
            tickets.open_ticket(sealed, Roots((root,)), self.now)
        except BadTicket as error:
            self.assertIn(error.reason, ("revoked", "forged", "unknown-issuer"))
            return False
        return True

    def test_a_ticket_key_is_replaced_without_a_moment_in_which_a_ticket_fails(self) -> None:
        for chained in (True, False):
            old = self.sealed(chained=chained)
            rotating.prepare(self.plc, "ticket", self.now)
            root = self.follow()
            rotating.activate(self.plc, "ticket", self.now)
            new = self.sealed(chained=chained)
            self.assertNotEqual(old, new)
            for _ in range(2):  # before and after the follower hears of it
                self.assertEqual((True, True), (self.opens(old, root), self.opens(new, root)))
                root = self.follow()
            rotating.taint(self.plc, "ticket", self.now)
            root = self.follow()
            self.assertEqual((True, True), (self.opens(old, root), self.opens(new, root)))
            gone = rotating.revoke(self.plc, "ticket", self.now, "replaced")
            root = self.follow()
            self.assertEqual((False, True), (self.opens(old, root), self.opens(new, root)))
            self.assertFalse((self.plc / gone.place).exists())

    def test_the_keys_are_said_with_their_states(self) -> None:
        def states() -> list[str]:
            self.follow()
            return [key.state for key in self.known.statement.tickets]

        rotating.prepare(self.plc, "ticket", self.now)
        self.assertEqual(["active", "prepared"], states())
        rotating.activate(self.plc, "ticket", self.now)
        self.assertEqual(["retiring", "active"], states())
        rotating.taint(self.plc, "ticket", self.now)
        self.assertEqual(["tainted", "active"], states())
        rotating.revoke(self.plc, "ticket", self.now, "replaced")
        self.assertEqual(["active"], states())
        self.assertEqual(2, len(self.known.statement.revoked))  # the RSA key and the OpenPGP key

    def test_steps_out_of_order_change_nothing(self) -> None:
        before = books.load(self.plc)
        for step in (rotating.activate, rotating.taint):
            self.assertRaises(NotFound, step, self.plc, "ticket", self.now)
        self.assertRaises(NotFound, rotating.revoke, self.plc, "ticket", self.now, "x")
        active = before.of("ticket", "active").key
        error = self.assertRaises(Conflict, rotating.revoke, self.plc, "ticket", self.now, "x", active[:16])
        self.assertIn("prepare and activate another first", str(error))
        self.assertRaises(BadArgument, rotating.prepare, self.plc, "nothing", self.now)
        self.assertEqual(before, books.load(self.plc))
        rotating.prepare(self.plc, "ticket", self.now)
        self.assertRaises(Conflict, rotating.prepare, self.plc, "ticket", self.now)

    def test_the_identity_is_replaced_and_followers_take_every_turn(self) -> None:
        first = self.sealed()
        rotating.prepare(self.plc, "identity", self.now)
        root = self.follow()
        rotating.activate(self.plc, "identity", self.now)
        second = self.sealed()
        self.assertEqual((True, True), (self.opens(first, root), self.opens(second, root)))
        self.follow()
        rotating.taint(self.plc, "identity", self.now)
        self.follow()
        rotating.revoke(self.plc, "identity", self.now, "replaced")
        root = self.follow()
        self.assertEqual(3, self.known.statement.turn)
        self.assertEqual((False, True), (self.opens(first, root), self.opens(second, root)))

    def test_who_slept_through_several_turns_catches_up(self) -> None:
        for _ in range(3):
            rotating.prepare(self.plc, "identity", self.now)
            rotating.activate(self.plc, "identity", self.now)
            rotating.taint(self.plc, "identity", self.now)
            rotating.revoke(self.plc, "identity", self.now, "replaced")
        root = self.follow()
        self.assertEqual(7, self.known.statement.turn)
        self.assertTrue(self.opens(self.sealed(), root))

    def test_a_child_gets_its_new_identity_from_above(self) -> None:
        child = self.made(JAPAN)
        papers.install(papers.Papers(child), JAPAN, papers.certify(self.plc, certifying.request(child)))
        speaks = Voice(child)
        anchors = [self.pinned.gids[0]]
        known = following.begin(speaks.speak(self.now), self.now, anchors=anchors)
        self.assertIsNone(rotating.prepare(child, "identity", self.now))
        papers.install(papers.Papers(child), JAPAN, certifying.renew(self.plc, certifying.request(child), self.now))
        old = self.sealed(child)
        rotating.activate(child, "identity", self.now)
        known = following.follow(known, speaks.speak(self.now + 60), self.now + 60, speaks.turns())
        self.assertEqual([("retiring", 2), ("active", 2)], [(key.state, 2) for key in known.statement.identity])
        root = self.follow()
        self.assertEqual((True, True), (self.opens(old, root), self.opens(self.sealed(child), root)))

    def test_a_revoked_child_is_refused_by_all_who_follow_the_parent(self) -> None:
        child = self.made(JAPAN)
        papers.install(papers.Papers(child), JAPAN, papers.certify(self.plc, certifying.request(child)))
        sealed = self.sealed(child)
        self.assertTrue(self.opens(sealed, self.follow()))
        certifying.revoke(self.plc, JAPAN, self.now, "it left")
        self.assertFalse(self.opens(sealed, self.follow()))
