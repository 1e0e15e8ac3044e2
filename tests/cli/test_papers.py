"""An authority's papers: made once, secret where they must be, and each chain leads to its root."""

import pathlib
import time

from twisted.trial.unittest import SynchronousTestCase

from planetlab import gids, keys
from planetlab.cli import papers
from planetlab.errors import BadSettings, PlanetLabError
from planetlab.names import Hrn

PLC, JAPAN, EPFL = Hrn(("plc",)), Hrn(("plc", "japan")), Hrn(("epfl",))


class Papers(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = pathlib.Path(self.mktemp()).absolute()

    def made(self, hrn: Hrn) -> papers.Papers:
        return papers.make(self.base / str(hrn), hrn, ("127.0.0.1",))

    def child(self) -> papers.Papers:
        root, child = self.made(PLC), self.made(JAPAN)
        papers.install(child, JAPAN, papers.certify(root.folder, child.request.read_bytes()))
        return child

    def test_an_authority_is_certified_below_its_own_name_only(self) -> None:
        other, child = self.made(EPFL), self.made(JAPAN)
        error = self.assertRaises(PlanetLabError, papers.certify, other.folder, child.request.read_bytes())
        self.assertIn("names below its own only", str(error))

    def test_a_certificate_of_another_is_not_installed(self) -> None:
        root, child = self.made(PLC), self.made(JAPAN)
        error = self.assertRaises(BadSettings, papers.install, child, JAPAN, root.gid.read_bytes())
        self.assertIn("expected plc.japan", str(error))
        self.assertFalse(child.gid.exists())

    def test_a_request_that_is_none_is_refused(self) -> None:
        root = self.made(PLC)
        for request in (b"", b"plc.x", b"plc.x\nkey", b"..\n"):
            self.assertRaises(PlanetLabError, papers.certify, root.folder, request)

    def test_secrets_are_for_their_owner_alone(self) -> None:
        root = self.made(PLC)
        modes = {path.name: path.stat().st_mode & 0o777 for path in root.folder.iterdir()}
        for name in ("authority.key", "ticket.key", "server.key", "ca.key", "pgp.sec"):
            self.assertEqual(0o600, modes[name], name)
        self.assertEqual(0o644, modes["gid.pem"])

    def test_what_is_there_stays(self) -> None:
        first = {path.name: path.read_bytes() for path in self.made(PLC).folder.iterdir()}
        again = {path.name: path.read_bytes() for path in self.made(PLC).folder.iterdir()}
        self.assertEqual(first, again)

    def test_the_ticket_key_of_a_child_leads_to_the_root(self) -> None:
        child = self.child()
        chain = gids.read_chain((child.folder / "ticket.pem").read_bytes())
        root = gids.read_chain((self.base / "plc" / "gid.pem").read_bytes())
        self.assertEqual(PLC, gids.verify(chain, root, time.time()).hrn)
        self.assertEqual(("ticket", JAPAN), (chain[0].urn.name, chain[0].hrn))
        self.assertFalse(chain[0].certifies)

    def test_the_ticket_key_and_its_public_half_belong_together(self) -> None:
        folder = self.made(PLC).folder
        private = keys.load_private((folder / "ticket.key").read_bytes())
        public = keys.load_public((folder / "ticket.pub.pem").read_bytes())
        self.assertTrue(keys.same(public, keys.accepted(private.public_key())))
