"""The GENI interfaces on loopback, over TLS, with clients' certificates as ``openssl`` makes them."""

import functools
import pathlib
import shutil
import sqlite3
import ssl
import subprocess
import tempfile
import xmlrpc.client
from typing import Any

from attrs import evolve
from cryptography.hazmat.primitives import serialization
from twisted.internet import defer, reactor, threads
from twisted.trial.unittest import TestCase

from planetlab import tls
from planetlab.both.desk import Desk
from planetlab.both.greeting import Greeter, Maintenance
from planetlab.serve import hardened_site, listen
from slice_authority.sfa import listening
from slice_authority.sfa.alerts import Alerts
from slice_authority.sfa.places import Places
from tests.edge.example import CA, SERVER
from tests.geni.world import GeniWorld
from tests.registry.world import ADMIN


@functools.cache
def made(name: str) -> bytes:
    """A key and a certificate that it signed itself, as openssl makes them, once per run."""
    words = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout - -out -"
    return subprocess.run(words.split(), check=True, capture_output=True).stdout


def openssl(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Both in one file."""
    where = folder / f"{name}.pem"
    where.write_bytes(made(name))
    return where


def ssh_key(pem: pathlib.Path) -> str:
    """The public half of a key, as it is registered."""
    key = serialization.load_pem_private_key(pem.read_bytes(), None)
    form = serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, form).decode()


class Client:
    """A program that calls by XML-RPC, shows a certificate, and does not look at the server's, as the field's do."""

    def __init__(self, certificate: pathlib.Path) -> None:
        self.certificate = certificate
        self._proxies: list[Any] = []

    @property
    def pem(self) -> str:
        """The certificate alone."""
        return "-----BEGIN CERTIFICATE" + self.certificate.read_text().split("-----BEGIN CERTIFICATE", 1)[1]

    def at(self, url: str) -> Any:
        """A proxy of the interface at this address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(self.certificate)
        self._proxies.append(xmlrpc.client.ServerProxy(url, context=context))
        return self._proxies[-1]

    def close(self) -> None:
        """End its connections."""
        for proxy in self._proxies:
            proxy("close")()


class Served(TestCase):
    """A PLC with a PI and a user whose keys ``openssl`` made, served while a test runs."""

    timeout = 60

    async def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.world = GeniWorld()
        self.clients = {}
        for name in ("alice", "bob"):
            roles = ("pi", "user") if name == "alice" else ("user",)
            auth = self.world.person(name, *roles, site="princeton")
            pem = openssl(self.folder, name)
            self.world.call("AddPersonKey", auth, auth["Username"], {"key_type": "ssh", "key": ssh_key(pem)})
            self.clients[name] = Client(pem)
        self.world.node("node2")
        self.world.call("UpdateSite", ADMIN, "princeton", {"max_slices": 10})
        self.desk = self._desk()
        alerts = Alerts.of(self.desk, self.world.clock.now)
        self.ports = [
            await self._listen(tree(self.desk, alerts)) for tree in (listening.registry_tree, listening.aggregate_tree)
        ]
        self.registry, self.aggregate = (f"https://localhost:{port.getHost().port}/" for port, _ in self.ports)
        places = Places(host="localhost", registry=self.registry, aggregate=self.aggregate)
        self.desk._plc = evolve(self.desk._plc, sfa_places=places)

    def _desk(self) -> Desk:
        """The registry of the world in a file, served by threads."""
        path = self.folder / "registry.db"
        assert self.world.desk._shared is not None
        with sqlite3.connect(path) as copy:
            self.world.desk._shared.backup(copy)
        copy.close()
        desk = Desk(str(path), "slice", self.world.plc, Greeter(Maintenance()), self.world.clock, reactor)  # type: ignore[arg-type]  # the module stands for it
        desk.start()
        return desk

    async def _listen(self, tree: Any) -> Any:
        site = hardened_site(tree, reactor, listening.LIMITS)
        options = tls.visitor_options(SERVER.certificate_pem, SERVER.key_pem, CA.certificate_pem)
        port = await defer.ensureDeferred(listen(reactor, "tcp:0:interface=127.0.0.1", site, options))
        return port, site

    async def tearDown(self) -> None:
        for client in self.clients.values():
            client.close()
        for port, site in self.ports:
            await port.stopListening()
            done = site.drain()
            site.abort()
            await done
        self.desk.stop()

    def elsewhere(self, function: Any, *args: Any) -> Any:
        """Run a blocking client in a thread."""
        return threads.deferToThread(function, *args)
