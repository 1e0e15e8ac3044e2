"""A node manager that runs as a process, over real slivers on the ground."""

import signal
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from pathlib import Path
from typing import Any, ClassVar

from node_manager.records import Record
from node_manager.settings import Settings
from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec
from planetlab.settings import dumps
from tests.container.ground import CODEEN, PLC, SIRIUS, Ground
from tests.waiting import until


class Managed(Ground):
    """A node manager with two slivers; ``node`` is a driver beside it, to look inside."""

    stated: ClassVar[dict[str, Any]] = {}  # settings beside the usual ones
    wishes: ClassVar[dict[SliceName, ResourceSpec]] = {
        CODEEN: ResourceSpec(capabilities="NET_RAW"),
        SIRIUS: ResourceSpec(),
    }

    def setUp(self) -> None:
        work = self.work = Path(tempfile.mkdtemp(dir=self.top))
        plain = self.settings(work / "slivers")
        self.socket = work / "nm.sock"
        settings = Settings(
            socket=f"unix:{self.socket}:mode=666",
            tcp="",
            sensors="",
            slicestat="",
            driver="container",
            books=str(work / "books.db"),
            work=plain.work,
            images=plain.images,
            netns=plain.netns,
            uplink=plain.uplink,
            cgroup=plain.cgroup,
            **self.stated,
        )
        (work / "nm.toml").write_text(dumps(settings))
        self.launch()
        try:
            self.node = self.driver_over(work / "slivers", first_uid=0)
        finally:
            self.addCleanup(self.end)  # before the slivers' end: its next round would make them again
        self.rcaps: dict[SliceName, str] = {}
        for name, rspec in self.wishes.items():
            self.rcaps[name] = self.instantiate(name, rspec=rspec)

    def launch(self) -> None:
        """Start the node manager, and wait until it is ready."""
        command = (sys.executable, "-m", "node_manager", "--config", str(self.work / "nm.toml"))
        with tempfile.NamedTemporaryFile(dir=self.work, suffix=".log", delete=False) as log:
            self.log = Path(log.name)  # no pipe: who does not read one holds up who writes to it
            self.manager = subprocess.Popen(command, stderr=log)
        until(self._is_ready, "the node manager is ready")

    def _is_ready(self) -> bool:
        told = self.log.read_text("utf-8")
        self.assertIsNone(self.manager.poll(), f"the node manager ended: {told}")
        return "ready" in told

    def instantiate(self, name: SliceName, **stated: Any) -> str:
        """Have it make a sliver, or bind it to other things; gives its rcap."""
        now = time.time()
        record = Record(
            name=name, authority=PLC, expires=now + 1000, timestamp=now, instantiation="delegated", **stated
        )
        return str(self.call("Instantiate", record.wire() | {"create": True}))

    def call(self, method: str, *args: Any) -> Any:
        body = xmlrpc.client.dumps(args, method).encode()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket))
            connection.sendall(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        return xmlrpc.client.loads(answer.partition(b"\r\n\r\n")[2])[0][0]

    def end(self) -> None:
        self.manager.send_signal(signal.SIGTERM)
        self.manager.communicate(timeout=60)
