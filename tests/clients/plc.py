"""A PLC whose two authorities run as processes of their own, for clients that know nothing of plfed."""

import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import xmlrpc.client
from contextlib import suppress
from typing import Any

from planetlab.cli.authority import AuthorityPlace
from planetlab.cli.facts import PLACES_OF_AUTHORITY
from planetlab.names import Hrn
from tests.ports import free_port

READY_WITHIN = 90.0  # seconds; a busy machine is slow
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
        deadline = time.monotonic() + READY_WITHIN
        while True:
            with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=5):
                return
            said = (self.folder / "log").read_text()[-2000:]
            assert self.process.poll() is None and time.monotonic() < deadline, f"{url} does not answer: {said}"
            time.sleep(0.1)

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
        self.process.wait(30)
        shutil.rmtree(self.folder)
