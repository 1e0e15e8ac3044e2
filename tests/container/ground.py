"""The ground on which slivers are tried: a node's network and a world behind it, an image, drivers that are cleared.

Everything has a name of its own per process, so that several runs do not meet. The image is busybox, and perl, which
every Debian has: it opens sockets and makes system calls from inside.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import Sliver
from node_manager.drivers.container.driver import ContainerDriver
from node_manager.drivers.container.probe import missing
from node_manager.drivers.container.settings import ContainerSettings
from node_manager.images import busybox
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec
from tests.container import wires

CODEEN = SliceName.parse("princeton_codeen")
SIRIUS = SliceName.parse("princeton_sirius")
PLC = Hrn.parse("plc")
STRANGER = "192.0.2.1"  # somebody in the world
NODE = "192.0.2.10"  # the node's one address, as the world sees it

_PREFIX = f"plft{os.getpid()}"
_PERL = "/usr/bin/perl"


def ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, capture_output=True)


def within(netns: str, *command: str) -> str:
    """What ``command`` prints in the network namespace."""
    entered = ("nsenter", f"--net=/run/netns/{netns}", *command)
    return subprocess.run(entered, check=True, capture_output=True, text=True).stdout


def put_program(image: Path, program: str) -> None:
    """A program of this machine, with its libraries."""
    told = subprocess.run(("ldd", program), check=True, capture_output=True, text=True).stdout
    for name in (program, *(word for word in told.split() if word.startswith("/"))):
        (image / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(name), image / name[1:])


def put_perl(image: Path) -> None:
    """Perl with its smallest set of modules."""
    put_program(image, _PERL)
    for folder in glob.glob("/usr/lib/*/perl-base"):
        shutil.copytree(folder, image / folder[1:])


class Ground(SynchronousTestCase):
    """A node's network with uplink ``up0``, a world with one stranger, and an image."""

    netns: ClassVar[str] = f"{_PREFIX}n"
    world: ClassVar[str] = f"{_PREFIX}w"
    top: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        if os.geteuid():
            raise unittest.SkipTest("real slivers: not root")
        cls.top = Path(tempfile.mkdtemp(prefix="plfed-slivers."))
        cls.addClassCleanup(shutil.rmtree, cls.top)
        try:
            cls._lay()
            lacking = missing(cls.settings(cls.top / "probe"))
        except (OSError, subprocess.CalledProcessError, busybox.NoBusybox) as error:
            lacking = [str(error)]
        if lacking:
            cls.doClassCleanups()
            raise unittest.SkipTest(f"real slivers: {'; '.join(lacking)}")

    @classmethod
    def _lay(cls) -> None:
        busybox.build(cls.top / "images" / "default")
        put_perl(cls.top / "images" / "default")
        for name in (cls.netns, cls.world):
            ip("netns", "add", name)
            cls.addClassCleanup(ip, "netns", "del", name)
        ip("link", "add", "up0", "netns", cls.netns, "type", "veth", "peer", "name", "up1", "netns", cls.world)
        for name, link, address in ((cls.netns, "up0", NODE), (cls.world, "up1", STRANGER)):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
            ip("-n", name, "link", "set", link, "up")
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", cls.netns, "route", "add", "default", "via", STRANGER)

    @classmethod
    def settings(cls, work: Path) -> ContainerSettings:
        return ContainerSettings(
            work=str(work),
            images=str(cls.top / "images"),
            netns=cls.netns,
            uplink="up0",
            cgroup=f"/{_PREFIX}",
            first_uid=0x60000000 + (os.getpid() % 500 << 20),  # apart from other runs and from a node's own slivers
            most=15,
            pool=0,
        )

    def driver(self, **settings: Any) -> ContainerDriver:
        """A driver without slivers; whatever the test makes is gone after it."""
        return self.driver_over(Path(tempfile.mkdtemp(dir=self.top)), **settings)

    def driver_over(self, work: Path, **settings: Any) -> ContainerDriver:
        """A driver over the slivers of another that had the same work directory."""
        driver = ContainerDriver(evolve(self.settings(work), **settings), now=lambda: 1000.0)
        self.addCleanup(self._clear, driver)
        return driver

    def running(self, driver: ContainerDriver, name: SliceName = CODEEN, **stated: Any) -> Sliver:
        sliver = self.sliver(name, **stated)
        driver.create(sliver)
        driver.start(name)
        return sliver

    def sliver(self, name: SliceName = CODEEN, **stated: Any) -> Sliver:
        return Sliver(**{"slice": name, "authority": PLC, "rspec": ResourceSpec(), **stated})

    def said(self, driver: ContainerDriver, command: str, name: SliceName = CODEEN) -> str:
        """What a shell command prints inside the sliver, both streams, without the last line's end."""
        return driver.enter(name, ("/bin/sh", "-c", command)).output.strip()

    def near(self, expected: float, actual: float, within: float) -> None:
        """Claim that ``actual`` is ``expected``, give or take ``within``."""
        self.assertTrue(abs(expected - actual) <= within, f"expected {expected} ± {within}, got {actual}")

    @contextmanager
    def program(self, netns: str, *words: str) -> Iterator[Callable[[], Any]]:
        """A program of `wires` in the namespace, ready; what is given tells its answer after the end of the block.

        Its input ends with the block: what it shall hear has been sent by then, however slow the machine is.
        """
        command = ("nsenter", f"--net=/run/netns/{netns}", sys.executable, wires.__file__, *words)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdin and running.stdout
            told: list[str] = []
            self.assertEqual("ready\n", running.stdout.readline())
            yield lambda: json.loads(told[0])
            running.stdin.close()
            told.append(running.stdout.read())

    def forge(self, name: SliceName, *words: str) -> None:
        """Send forged packets from within the sliver's network, with powers that no sliver has."""
        pid = next(self.top.glob(f"*/slivers/{name}/init.pid")).read_text("ascii").strip()
        command = ("nsenter", f"--target={pid}", "--net", sys.executable, wires.__file__, "forge", *words)
        subprocess.run(command, check=True)

    @staticmethod
    def _clear(driver: ContainerDriver) -> None:
        with suppress(RuntimeError):  # closed by the test
            for name in driver.look():
                driver.destroy(name)
        driver.close()
