"""Reference images are made once, whole or not at all."""

import os
import tempfile
from pathlib import Path

from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import DriverError
from node_manager.drivers.container.images import image
from node_manager.images.__main__ import main
from node_manager.images.debian import sources
from node_manager.images.flavours import FLAVOURS

DEB822 = """\
Types: deb
# a comment
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://example.org/other
Suites: nodistro
Components: main
"""


class Folder(SynchronousTestCase):
    """A directory that goes after the test."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)


class AptSources(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.etc = self.folder
        (self.etc / "sources.list.d").mkdir()

    def test_stanzas_of_this_release_are_taken_and_others_left(self) -> None:
        (self.etc / "sources.list.d/debian.sources").write_text(DEB822)
        self.assertEqual([DEB822.split("\n\n")[0].replace("# a comment\n", "")], sources("bookworm", self.etc))

    def test_lines_of_the_older_form_become_stanzas(self) -> None:
        (self.etc / "sources.list").write_text(
            "# deb http://x bookworm main\n"
            "deb [arch=amd64 signed-by=/k.gpg] http://deb.debian.org/debian bookworm main contrib\n"
            "deb-src http://deb.debian.org/debian bookworm main\n"
            "deb http://example.org/debian bullseye main\n"
        )
        told = "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm\nComponents: main contrib\n"
        self.assertEqual([told + "Signed-By: /k.gpg"], sources("bookworm", self.etc))


class Flavours(Folder):
    def test_one_and_only_one_is_the_default(self) -> None:
        self.assertEqual(1, sum("default" in flavour.aliases for flavour in FLAVOURS))

    def test_every_one_is_found_by_a_name_that_the_driver_accepts(self) -> None:
        for flavour in FLAVOURS:
            error = self.assertRaises(DriverError, image, str(self.folder), flavour.name)
            self.assertIn(f"no reference image '{flavour.name}'", str(error))

    def test_a_family_of_an_old_plc_that_is_not_here_is_served_with_the_default(self) -> None:
        (self.folder / "default/etc").mkdir(parents=True)
        for family in ("planetlab-f14-x86_64", "planetlab-f8-i386", "onelab-c5-i386", "lxc-f24-x86_64"):
            self.assertEqual(self.folder / "default", image(str(self.folder), family))


class MakingAnImage(Folder):
    def run_it(self, *words: str) -> str:
        told = CliRunner().invoke(main, words, catch_exceptions=False)
        return told.output

    def test_is_refused_to_others_than_root(self) -> None:
        if not os.geteuid():
            self.skipTest("we are root")
        self.assertIn("only root", self.run_it("build", "--dir", str(self.folder)))

    def test_happens_once(self) -> None:
        if os.geteuid():
            self.skipTest("making an image: not root")
        folder = str(self.folder)
        self.assertIn("made in", self.run_it("build", "--dir", folder, "--flavour", "busybox"))
        self.assertIn("is there", self.run_it("build", "--dir", folder, "--flavour", "busybox"))
        self.assertIn("made in", self.run_it("build", "--dir", folder, "--flavour", "busybox", "--again"))
        self.assertTrue((Path(folder, "busybox/bin/sh")).is_symlink())
        self.assertEqual(Path(folder, "busybox").resolve(), image(folder, "busybox"))
