"""The ground on which slivers are tried: a node's network and a world behind it, an image, drivers that are cleared.

Everything has a name of its own per process, so that several runs do not meet.
"""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from node_manager.drivers import Sliver
from node_manager.drivers.container.driver import ContainerDriver
from node_manager.drivers.container.probe import missing
from node_manager.drivers.container.settings import ContainerSettings
from node_manager.images import busybox
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec

CODEEN = SliceName.parse("princeton_codeen")
SIRIUS = SliceName.parse("princeton_sirius")
PLC = Hrn.parse("plc")
STRANGER = "192.0.2.1"  # somebody in the world
NODE = "192.0.2.10"  # the node's one address, as the world sees it

_PREFIX = f"plft{os.getpid()}"


def ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, capture_output=True)


def inside(netns: str, *command: str) -> str:
    """What ``command`` prints in the network namespace."""
    told = subprocess.run(
        ("nsenter", f"--net=/run/netns/{netns}", *command), check=True, capture_output=True, text=True
    )
    return told.stdout


class Ground(SynchronousTestCase):
    """A node's network with uplink ``up0``, a world with one stranger, and a busybox image."""

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
            busybox.build(cls.top / "images" / "default")
            for name in (cls.netns, cls.world):
                ip("netns", "add", name)
                cls.addClassCleanup(ip, "netns", "del", name)
        except (OSError, subprocess.CalledProcessError, busybox.NoBusybox) as error:
            cls.doClassCleanups()
            raise unittest.SkipTest(f"real slivers: {error}") from None
        ip("link", "add", "up0", "netns", cls.netns, "type", "veth", "peer", "name", "up1", "netns", cls.world)
        for name, link, address in ((cls.netns, "up0", NODE), (cls.world, "up1", STRANGER)):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
            ip("-n", name, "link", "set", link, "up")
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", cls.netns, "route", "add", "default", "via", STRANGER)
        if lacking := missing(cls.settings(cls.top / "probe")):
            cls.doClassCleanups()
            raise unittest.SkipTest(f"real slivers: {'; '.join(lacking)}")

    @classmethod
    def settings(cls, work: Path) -> ContainerSettings:
        return ContainerSettings(
            work=str(work), images=str(cls.top / "images"), netns=cls.netns, uplink="up0", cgroup=f"/{_PREFIX}"
        )

    def driver(self) -> ContainerDriver:
        """A driver without slivers; whatever the test makes is gone after it."""
        return self.driver_over(Path(tempfile.mkdtemp(dir=self.top)))

    def driver_over(self, work: Path) -> ContainerDriver:
        """A driver over the slivers of another that had the same work directory."""
        driver = ContainerDriver(self.settings(work), now=lambda: 1000.0)
        self.addCleanup(self._clear, driver)
        return driver

    def running(self, driver: ContainerDriver, name: SliceName = CODEEN, **stated: object) -> Sliver:
        sliver = self.sliver(name, **stated)
        driver.create(sliver)
        driver.start(name)
        return sliver

    def sliver(self, name: SliceName = CODEEN, **stated: object) -> Sliver:
        return Sliver(**{"slice": name, "authority": PLC, "rspec": ResourceSpec(), **stated})  # type: ignore[arg-type]

    def said(self, driver: ContainerDriver, command: str, name: SliceName = CODEEN) -> str:
        """What a shell command prints inside the sliver, both streams, without the last line's end."""
        return driver.enter(name, ("/bin/sh", "-c", command)).output.strip()

    @staticmethod
    def _clear(driver: ContainerDriver) -> None:
        for name in driver.look():
            driver.destroy(name)
        driver.close()
