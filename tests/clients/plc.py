"""A PLC whose two authorities run as processes of their own, for clients that know nothing of plfed."""

import functools
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import xmlrpc.client
from typing import Any

from planetlab.cli.authority import AuthorityPlace
from planetlab.cli.facts import PLACES_OF_AUTHORITY
from planetlab.names import Hrn
from tests.ports import free_port
from tests.waiting import until

PASSWORD = "root's own"
ADMIN = {"AuthMethod": "password", "Username": "root@plc.example", "AuthString": PASSWORD}


class RunningPlc:
    """Its folder, its addresses, and clients as they were written for the original."""

    def __init__(self) -> None:
        self.proxies: dict[bool, Any] = {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="plfed-plc-"))
        ports = {where: free_port() for where in PLACES_OF_AUTHORITY}
        name = Hrn.parse("plc")
        place = AuthorityPlace(
            path=self.folder / "plc", hrn=name, name="PlanetLab", ports=ports, plain=True, domain="plc.example"
        )
        place.write()
        place.write_settings()
        place.found(ADMIN["Username"], PASSWORD)
        self.plain = f"http://127.0.0.1:{ports['plain']}/PLCAPI/"
        self.secure, self.of_nodes = place.url("sa", "PLCAPI"), place.url("ma", "PLCAPI")
        self.ca = str(place.path / "ca.pem")
        command = [sys.executable, "-m", "planetlab.cli", "up", str(place.path)]
        only = ["--only", "slice_authority", "--only", "mgmt_authority"]
        with (self.folder / "log").open("wb") as out:
            self.process = subprocess.Popen([*command, *only], stdout=out, stderr=out)
        for which in ("sa_operator", "ma_operator"):
            self._until_answers(f"http://127.0.0.1:{ports[which]}/healthz")

    def _until_answers(self, url: str) -> None:
        def said() -> str:
            return (self.folder / "log").read_text()[-2000:]

        def answers() -> bool:
            assert self.process.poll() is None, said()
            with urllib.request.urlopen(url, timeout=60):
                return True

        until(answers, lambda: f"{url} answers: {said()}")

    @property
    def trust(self) -> ssl.SSLContext:
        """TLS that trusts this PLC's own CA, from the file that nodes have."""
        return ssl.create_default_context(cafile=self.ca)

    def proxy(self, secure: bool = True) -> Any:
        """Python's own client, with nil allowed as all of the original's clients have it.

        It connects anew: on a busy machine its last connection may have rested for longer than the server waits.
        """
        if secure not in self.proxies:
            url, more = (self.secure, {"context": self.trust}) if secure else (self.plain, {})
            self.proxies[secure] = xmlrpc.client.ServerProxy(url, allow_none=True, **more)
        self.proxies[secure]("close")()
        return self.proxies[secure]

    def stop(self) -> None:
        """End the processes, and leave nothing."""
        for proxy in self.proxies.values():
            proxy("close")()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        shutil.rmtree(self.folder)


@functools.cache
def running() -> RunningPlc:
    """The one PLC that all of a module's tests call, begun when it is first asked for."""
    return RunningPlc()


def stop_running() -> None:
    """End it, if it was begun: what such a module has as its `tearDownModule`."""
    if running.cache_info().currsize:
        running().stop()
        running.cache_clear()
