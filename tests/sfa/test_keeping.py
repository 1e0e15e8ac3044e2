"""Whom the interfaces believe, and as whom they sign, follows the authority's folder and its books while they run."""

import pathlib
import shutil
import tempfile
import uuid
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from planetlab import gids, keys
from planetlab.credentials import open_credential
from planetlab.errors import BadSettings
from planetlab.names import Hrn
from planetlab.refusals import BadCredential, BadPaper
from planetlab.trust import Root, Roots
from slice_authority.sfa.identity import Identity, Kept, trusted_in
from tests.registry.world import NOW, days
from tests.sfa.world import (
    SLICE,
    SfaWorld,
    aggregates,
    ann,
    anns_slice,
    by_itself,
    identity,
    key,
    public,
    root,
    showing,
)


class Folder(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.place)

    def write(self, name: str, own: str, roots: tuple[Root, ...] = ()) -> Kept:
        self.put(name, own)
        files = (self.place / "gid.pem", self.place / "authority.key")
        return Kept(lambda: Identity.load(Hrn((name,)), *files, None, lambda store: Roots(roots)), files)

    def put(self, name: str, own: str) -> gids.Gid:
        gid = gids.make_root(Hrn((name,)), key(own), uuid.UUID(int=9), NOW - 60)
        (self.place / "authority.key").write_bytes(keys.private_pem(key(own)))
        (self.place / "gid.pem").write_bytes(gid.pem)
        return gid


class AnIdentity(Folder):
    def test_a_key_that_is_not_the_certificates_is_refused_at_start(self) -> None:
        self.put("plc", "plc")
        (self.place / "authority.key").write_bytes(keys.private_pem(key("eve")))
        files = (self.place / "gid.pem", self.place / "authority.key")
        error = self.assertRaises(BadSettings, Identity.load, Hrn(("plc",)), *files, None, None)
        self.assertIn("expected the key of the certificate", str(error))
        other = self.assertRaises(BadSettings, Identity.load, Hrn(("epfl",)), *files, None, None)
        self.assertIn("expected the certificate of epfl", str(other))

    def test_a_new_key_signs_from_the_next_look_on_and_what_was_signed_before_still_counts(self) -> None:
        kept = self.write("plc", "plc")
        old = kept.now.chain[0]
        world = SfaWorld(sfa=kept)
        before = world.on("user", SLICE, "slice")
        new = self.put("plc", "second")
        both = Root(hrn=Hrn(("plc",)), gid=new, others=(old,))
        kept.look()
        kept.now = evolve(kept.now, roots=(both,))
        after = world.on("user", SLICE, "slice")
        signers = [self.signer(world, text) for text in (before, after)]
        self.assertEqual([keys.fingerprint(public("plc")), keys.fingerprint(public("second"))], signers)
        for text in (before, after):
            self.assertEqual(1, world.am(by_itself("user"), "DeleteSliver", SLICE, [text]))
        revoked = evolve(both, revoked=frozenset({keys.fingerprint(public("plc"))}))
        kept.now = evolve(kept.now, roots=(revoked,))
        self.assertRaises(BadPaper, world.am, by_itself("user"), "DeleteSliver", SLICE, [before])
        self.assertEqual(1, world.am(by_itself("user"), "DeleteSliver", SLICE, [after]))

    def signer(self, world: SfaWorld, text: str) -> str:
        opened = open_credential(text.encode(), world.store(world.plc.sfa.now.trust), NOW)
        assert opened.signer is not None
        return keys.fingerprint(opened.signer.key)

    def test_papers_that_are_half_written_leave_those_in_use(self) -> None:
        kept = self.write("plc", "plc")
        before = kept.now
        (self.place / "gid.pem").write_bytes(b"-----BEGIN CERT")
        self.assertRaises(BadSettings, kept.look)
        self.assertIs(before, kept.now)
        self.put("plc", "plc")
        kept.look()


class TrustedRoots(Folder):
    def test_a_folder_of_certificates_is_read_and_other_files_are_passed_over(self) -> None:
        (self.place / "epfl.gid").write_bytes(root("epfl").pem)
        (self.place / "README").write_text("no certificate")
        self.assertEqual([Hrn(("epfl",))], [one.hrn for one in trusted_in(self.place)])

    def test_a_certificate_that_certifies_nobody_is_an_error_that_names_the_file(self) -> None:
        (self.place / "ann.pem").write_bytes(ann()[0].pem)
        self.assertIn("ann.pem", str(self.assertRaises(BadSettings, trusted_in, self.place)))


class WhoStopsToCount(SynchronousTestCase):
    """A peer that is suspended or leaves: its papers count in no call that begins after it."""

    def setUp(self) -> None:
        self.now: list[Root] = []
        self.believe()
        sfa = Identity((root("plc"),), key("plc"), identity("plc").roots, lambda store: Roots(self.now))
        self.world = SfaWorld(sfa=sfa)

    def believe(self, **more: Any) -> None:
        self.now[:] = [Root(hrn=Hrn(("epfl",)), gid=root("epfl"), **more)]

    def status(self) -> Any:
        asked = [anns_slice()], {"geni_slice_urn": "epfl.lab.cdn"}
        return self.world.am(showing(ann()), "ListResources", *asked)["code"]["geni_code"]

    def test_suspended_resumed_removed(self) -> None:
        self.assertEqual(0, self.status())
        self.believe(suspended="a person looks into it")
        self.assertRaises(BadCredential, self.status)
        self.believe()
        self.assertEqual(0, self.status())
        self.believe(revoked=frozenset({keys.fingerprint(public("epfl"))}))
        self.assertRaises(BadCredential, self.status)
        self.now.clear()
        self.assertRaises(BadCredential, self.status)

    def test_a_users_key_that_its_authority_has_revoked_is_refused_at_once(self) -> None:
        self.believe(revoked=frozenset({keys.fingerprint(public("ann"))}))
        error = self.world.refusal(showing(ann()), "ListSlices", [anns_slice()], api=aggregates)
        self.assertEqual("revoked", getattr(error, "reason", ""), str(error))
        self.world.clock.advance(days(1))
