"""An authority certifies names below its own, each once, and revokes them for everybody who listens."""

import functools
import pathlib
import time

from twisted.trial.unittest import SynchronousTestCase

from planetlab import gids, keys
from planetlab.authority import book as books
from planetlab.authority import certifying
from planetlab.authority.speaking import Voice
from planetlab.both.founding import found
from planetlab.cli import papers
from planetlab.errors import Conflict, NotFound
from planetlab.names import Hrn
from planetlab.refusals import BadGid
from planetlab.registry.plc import Plc

PLC = Hrn(("plc",))


@functools.cache
def spare_key(number: int) -> bytes:
    return keys.public_pem(keys.accepted(keys.new_p256().public_key()))


def asked(hrn: str, number: int = 0) -> bytes:
    return f"{hrn}\n".encode() + spare_key(number)


class Certifying(SynchronousTestCase):
    def setUp(self) -> None:
        self.base, self.now = pathlib.Path(self.mktemp()).absolute(), time.time()
        self.plc = papers.make(self.base / "plc", PLC, ("127.0.0.1",)).folder

    def certified(self) -> list[str]:
        return [each.hrn for each in books.load(self.plc).certified if each.counts(self.now)]

    def test_only_names_below_its_own(self) -> None:
        for hrn in ("plc", "epfl", "plcx.japan", r"plc\.japan", "PLC.japan"):
            error = self.assertRaises(BadGid, certifying.certify, self.plc, asked(hrn), self.now)
            self.assertEqual("wrong-subtree", error.reason)
        self.assertEqual([], self.certified())

    def test_a_name_is_given_once(self) -> None:
        certifying.certify(self.plc, asked("plc.japan"), self.now)
        error = self.assertRaises(Conflict, certifying.certify, self.plc, asked("plc.japan", 1), self.now)
        self.assertIn("plc.japan is certified with another key", str(error))

    def test_asked_again_with_the_same_key_it_gives_another_certificate_for_the_same_name(self) -> None:
        certifying.certify(self.plc, asked("plc.japan"), self.now)
        certifying.certify(self.plc, asked("plc.japan"), self.now)
        self.assertEqual(["plc.japan", "plc.japan"], self.certified())

    def test_names_that_read_like_one_that_is_given_are_refused(self) -> None:
        certifying.certify(self.plc, asked("plc.lille"), self.now)
        for hrn in ("plc.Lille", "plc.1ille", "plc.lil-le", r"plc.lille\.", "plc.li1le"):
            error = self.assertRaises(Conflict, certifying.certify, self.plc, asked(hrn, 1), self.now)
            self.assertIn("reads like plc.lille", str(error))
        certifying.certify(self.plc, asked("plc.lilles", 1), self.now)

    def test_names_below_a_certified_authority_are_its_own_to_give(self) -> None:
        certifying.certify(self.plc, asked("plc.japan"), self.now)
        error = self.assertRaises(Conflict, certifying.certify, self.plc, asked("plc.japan.tokyo", 1), self.now)
        self.assertIn("ask plc.japan", str(error))

    def test_two_authorities_never_share_a_key(self) -> None:
        certifying.certify(self.plc, asked("plc.japan"), self.now)
        error = self.assertRaises(Conflict, certifying.certify, self.plc, asked("plc.korea"), self.now)
        self.assertIn("that of plc.japan", str(error))

    def test_a_sites_name_is_not_given_to_an_authority(self) -> None:
        found(str(self.plc / "registry.db"), Plc(hrn=PLC, slice_prefix="pl"), "root@plc.example", "secret", self.now)
        for hrn in ("plc.pl", "plc.pl.lab"):
            error = self.assertRaises(Conflict, certifying.certify, self.plc, asked(hrn), self.now)
            self.assertIn("plc.pl is a site of plc", str(error))
        certifying.certify(self.plc, asked("plc.japan"), self.now)

    def test_what_is_revoked_is_said_and_its_key_does_not_come_back(self) -> None:
        certifying.certify(self.plc, asked("plc.japan"), self.now)
        certifying.revoke(self.plc, Hrn.parse("plc.japan"), self.now, "it left")
        said = Voice(self.plc).statement(self.now)
        self.assertEqual([("plc.japan", "it left")], [(each.hrn, each.why) for each in said.revoked])
        error = self.assertRaises(Conflict, certifying.certify, self.plc, asked("plc.japan"), self.now)
        self.assertIn("was revoked", str(error))
        certifying.certify(self.plc, asked("plc.japan", 1), self.now)
        self.assertRaises(NotFound, certifying.revoke, self.plc, Hrn.parse("plc.korea"), self.now, "x")

    def test_renewing_takes_a_new_key_and_leaves_the_old_in_force_until_it_is_revoked(self) -> None:
        error = self.assertRaises(NotFound, certifying.renew, self.plc, asked("plc.japan"), self.now)
        self.assertIn("certify it first", str(error))
        certifying.certify(self.plc, asked("plc.japan"), self.now)
        chain = gids.read_chain(certifying.renew(self.plc, asked("plc.japan", 1), self.now))
        self.assertEqual(
            "plc", str(gids.verify(chain, gids.read_chain((self.plc / "gid.pem").read_bytes()), self.now).hrn)
        )
        self.assertEqual(2, len(self.certified()))
        old = keys.fingerprint(keys.load_public(spare_key(0)))
        certifying.revoke(self.plc, Hrn.parse("plc.japan"), self.now, "replaced", old[:12])
        self.assertEqual(
            [keys.fingerprint(chain[0].key)], [each.key for each in books.load(self.plc).named(chain[0].hrn, self.now)]
        )

    def test_authorities_are_certified_to_any_depth_each_by_the_one_above(self) -> None:
        above, hrn = self.plc, PLC
        for leaf in ("asia", "japan", "kanto", "tokyo", "todai"):
            hrn = hrn.child(leaf)
            made = papers.make(self.base / str(hrn), hrn, ("127.0.0.1",))
            papers.install(made, hrn, papers.certify(above, made.request.read_bytes()))
            above = made.folder
        chain = gids.read_chain((above / "ticket.pem").read_bytes())
        root = gids.read_chain((self.plc / "gid.pem").read_bytes())
        self.assertEqual("plc", str(gids.verify(chain, root, self.now).hrn))
        self.assertEqual("plc.asia.japan.kanto.tokyo.todai", str(chain[0].hrn))

    def test_the_book_of_a_folder_that_had_none_states_the_keys_that_are_there(self) -> None:
        (self.plc / books.FILE).unlink()
        self.assertEqual(
            [("identity", "active"), ("ticket", "active")], [(h.use, h.state) for h in books.load(self.plc).held]
        )
