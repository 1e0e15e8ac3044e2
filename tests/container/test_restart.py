"""A node manager that dies and comes again finds its root slivers as they were, and every handle still opens."""

import os
import socket
from pathlib import Path
from typing import Any, ClassVar

from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, SIRIUS
from tests.container.managed import Managed
from tests.ports import free_port
from tests.waiting import until


class ADoorThatDied(Managed):
    """The node manager's sshd goes with it, so that the next one finds the port free."""

    port = free_port()
    stated: ClassVar[dict[str, Any]] = {"ssh": f"127.0.0.1:{port}"}

    def setUp(self) -> None:
        if not os.access("/usr/sbin/sshd", os.X_OK):
            self.skipTest("the door: openssh-server is not installed")
        super().setUp()

    def banner(self) -> bytes:
        """What is said at the port; b"" when nobody listens."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5.0) as connection:
                return connection.recv(4)
        except OSError:
            return b""

    def until(self, expected: bytes) -> None:
        until(lambda: self.banner() == expected, lambda: f"{expected!r} is said, not {self.banner()!r}")

    def test_nobody_stands_there_until_the_next_node_manager_opens_it(self) -> None:
        self.until(b"SSH-")
        self.manager.kill()
        self.manager.communicate()
        self.until(b"")
        self.launch()
        self.until(b"SSH-")


class ANodeManagerThatDied(Managed):
    def firsts(self) -> dict[str, str]:
        """The number of each sliver's first process."""
        return {path.parent.name: path.read_text() for path in Path(self.work).glob("slivers/slivers/*/init.pid")}

    def handles(self) -> tuple[object, ...]:
        owners = [(each["slice"], each["kind"], each["tag"]) for each in self.call("GetOwners", 0)["owners"]]
        rcaps = {each["name"]: each["rcap"] for each in self.call("Slivers")}
        return self.call("GetXIDs"), sorted(owners), rcaps, self.firsts()

    def test_finds_its_slivers_running_with_the_same_handles_and_serves_them(self) -> None:
        self.said(self.node, "sleep 1234 >/dev/null 2>&1 & echo kept > /run/kept")
        before = self.handles()
        self.manager.kill()
        self.manager.communicate()
        self.launch()
        self.assertEqual(before, self.handles())
        self.assertEqual({str(CODEEN), str(SIRIUS)}, before[0].keys())  # type: ignore[attr-defined]  # GetXIDs' answer
        self.assertIn("1234", self.said(self.node, "cat /run/kept; ps -o args"))
        self.assertEqual(self.rcaps[CODEEN], self.instantiate(CODEEN, rspec=ResourceSpec(rlimits={"nproc_hard": 33})))
        self.assertEqual(before[3], self.firsts())
        self.call("Release", self.rcaps[CODEEN])
        self.assertEqual([SIRIUS], list(self.node.look()))
