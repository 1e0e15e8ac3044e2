"""A slice authority that is killed while it takes over a peer's objects has taken over all of them, or none."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from twisted.internet import reactor, threads
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater

from planetlab import ask
from planetlab.auth import Password
from planetlab.errors import PeerError
from planetlab.names import Hrn
from planetlab.registry.opening import connect
from planetlab.settings import write
from slice_authority.settings import Settings
from tests.registry.peers import NOW, Federated, key

ROOT = Path(__file__).parents[2]
POINTS = {"refresh.before-commit": 0, "refresh.after-commit": 1}
"""Where it is killed, and how many nodes of the peer there are afterwards."""


class Begun(Federated):
    """plc's slice authority is begun as a process of its own, which dies at a place while it takes over epfl."""

    timeout = 120

    def settings(self):
        folder = Path(self.plc.path).parent
        files = {
            "server.pem": self.plc.server.certificate_pem,
            "server.key": self.plc.server.key_pem,
            "ca.pem": self.plc.ca.certificate_pem,
            "pgp.sec": key("plc"),
        }
        for name, data in files.items():
            (folder / name).write_bytes(data)
        stated = Settings(
            hrn=Hrn.parse("plc"),
            registry=Path(self.plc.path),
            certificate=folder / "server.pem",
            key=folder / "server.key",
            ca=folder / "ca.pem",
            pgp_secret=folder / "pgp.sec",
            listen=("tcp:0:interface=127.0.0.1",),
            name=self.plc.name,
        )
        write(stated, folder / "sa.toml")
        return folder / "sa.toml"

    async def killed_at(self, settings, point):
        folder = settings.parent
        (folder / "clock").write_text(str(NOW - time.time()))
        testing = {"PLFED_TESTING": "1", "PLFED_FAILPOINT": f"{point}:kill", "PLFED_CLOCK_FILE": str(folder / "clock")}
        env = {**os.environ, **testing}
        words = [sys.executable, "-m", "slice_authority", "--config", str(settings), "--log-json"]
        with open(folder / "log", "wb") as log:
            running = subprocess.Popen(words, cwd=ROOT, env=env, stderr=log, stdout=log)
        try:
            port = await self.port_of(running, folder / "log")
            client = ask.Ask(
                f"https://127.0.0.1:{port}/PLCAPI/",
                ca=self.plc.ca.certificate_pem,
                auth=Password("root@plc.example", "root's own"),
                tries=1,
                reactor=reactor,
            )
            await self.refused(client.call("RefreshPeer", self.epfl.name), PeerError)
            self.assertEqual(-9, await threads.deferToThread(running.wait, 20))
        finally:
            running.kill()
            running.wait()

    async def port_of(self, running, log):
        for _ in range(600):
            found = re.search(rb"127\.0\.0\.1:(\d+)", log.read_bytes())
            if found:
                return int(found[1])
            self.assertIsNone(running.poll(), log.read_bytes())
            await ensureDeferred(_pause())
        raise self.failureException(f"it does not serve: {log.read_bytes()!r}")


class Killed(Begun):
    async def test_what_a_kill_leaves_is_the_state_before_or_the_state_after(self):
        settings = self.settings()
        for point, nodes in POINTS.items():
            await self.killed_at(settings, point)
            self.assertEqual([nodes] * 3, self.counted(), point)
        await self.plc.refresh(self.epfl)
        self.assertEqual([1, 1, 1], self.counted())

    def counted(self):
        connection = connect(self.plc.path, "both", reads_only=True)
        try:
            text = "SELECT count(*) FROM {} WHERE peer_id = 1"
            return [connection.execute(text.format(t)).fetchone()[0] for t in ("nodes", "slices", "keys")]
        finally:
            connection.close()


async def _pause():
    await deferLater(reactor, 0.1)
