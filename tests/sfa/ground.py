"""Two PLCs whose slice authorities run as processes of their own; callers' certificates are made by openssl."""

import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import xmlrpc.client
from contextlib import suppress
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from planetlab.both.desk import Desk
from planetlab.both.greeting import Greeter, Maintenance
from planetlab.calls import dispatch
from planetlab.cli.authority import AuthorityPlace
from planetlab.cli.facts import PLACES_OF_AUTHORITY
from planetlab.cli.toml import dumps
from planetlab.clock import WallClock
from planetlab.names import Hrn
from planetlab.registry.plc import Plc
from tests.ports import free_port
from tests.registry.world import NODE_KEY, quick, whole
from tests.waiting import until

PASSWORD = "root's own"


def openssl(*words: str) -> str:
    """What the command says; an error of its is ours."""
    return subprocess.run(["openssl", *words], check=True, capture_output=True, text=True, timeout=60).stdout


class Person:
    """Somebody with a key, and a certificate that nobody but the key's owner signed."""

    def __init__(self, folder: pathlib.Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.key, self.own = folder / f"{name}.key", folder / f"{name}.cert"
        openssl("genrsa", "-out", str(self.key), "2048")
        openssl(
            "req", "-x509", "-new", "-key", str(self.key), "-days", "5", "-subj", f"/CN={name}", "-out", str(self.own)
        )

    @property
    def ssh(self) -> str:
        """The public half as it stands in authorized_keys."""
        key: Any = load_pem_private_key(self.key.read_bytes(), None)
        return str(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())

    def context(self, certificate: pathlib.Path | None = None) -> ssl.SSLContext:
        """TLS as the field's clients have it: a client certificate, and no check of the server's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(certificate or self.own, self.key)
        return context

    def at(self, url: str, certificate: pathlib.Path | None = None) -> Any:
        """Python's own client, with nil allowed as all SFA clients have it."""
        return xmlrpc.client.ServerProxy(url, allow_none=True, context=self.context(certificate))


class Authority:
    """One PLC with its slice authority's process, a site, two people, a slice and some nodes."""

    def __init__(self, folder: pathlib.Path, hrn: str) -> None:
        self.folder, self.hrn, name = folder, hrn, Hrn.parse(hrn)
        self.ports = {where: free_port() for where in dict.fromkeys((*PLACES_OF_AUTHORITY, *self.interfaces))}
        self.place = AuthorityPlace(path=folder / hrn, hrn=name, name=f"PlanetLab {hrn}", ports=self.ports)
        self.place.write()
        self.place.write_settings()
        self.place.found(f"root@{hrn}.example", PASSWORD)
        self.user, self.pi = Person(folder, f"{hrn}-user"), Person(folder, f"{hrn}-pi")
        self._populate(name)
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, which: str) -> str:
        """Where one of the interfaces is."""
        return f"https://127.0.0.1:{self.ports[which]}/"

    def _populate(self, name: Hrn) -> None:
        desk = Desk(str(self.place.registry), "both", Plc(hrn=name), Greeter(Maintenance()), WallClock())
        root = {"AuthMethod": "password", "Username": f"root@{self.hrn}.example", "AuthString": PASSWORD}

        def call(what: str, *args: Any) -> Any:
            method = whole.find(what)
            return desk.run_now(
                method, lambda: dispatch(whole, what, (root, *args), lambda m, a: desk.greet(m, a, "127.0.0.1"))
            )

        site = call("AddSite", {"name": "Lab", "abbreviated_name": "LAB", "login_base": "lab", "max_slices": 5})
        for person, role in ((self.user, "user"), (self.pi, "pi")):
            email = f"{role}@{self.hrn}.example"
            said = {"email": email, "first_name": role, "last_name": "L", "password": quick("own")}
            number = call("AddPerson", said)
            call("UpdatePerson", number, {"enabled": True})
            call("AddRoleToPerson", role, number)
            call("AddPersonToSite", number, site)
            call("AddPersonKey", number, {"key_type": "ssh", "key": person.ssh})
        self.hosts = [f"node{number}.{self.hrn}.example" for number in (1, 2)]
        for host in self.hosts:
            number = call("AddNode", site, {"hostname": host, "boot_state": "boot"})
            call("UpdateNode", number, {"key": NODE_KEY})
        call("AddSlice", {"name": "lab_cdn", "url": "https://cdn.example/", "description": "a cache"})
        call("AddPersonToSlice", f"user@{self.hrn}.example", "lab_cdn")
        desk.stop()

    def start(self, *others: "Authority") -> None:
        """Run the slice authority, believing the others' roots and knowing where they are."""
        roots = self.folder / f"{self.hrn}-roots"
        roots.mkdir()
        for other in others:
            shutil.copy(other.place.path / "gid.pem", roots / f"{other.hrn}.gid")

        def known(which: str) -> list[dict[str, str]]:
            return [{"hrn": o.hrn, "url": o.url(which), "ca": str(o.place.path / "ca.pem")} for o in others]

        sfa = {
            **{where: f"tcp:{self.ports[where]}:interface=127.0.0.1" for where in self.interfaces},
            "host": "127.0.0.1",
            "trusted_roots": str(roots),
            "registries": known("registry"),
            "aggregates": known("aggregate"),
        }
        settings = self.folder / f"{self.hrn}.toml"
        settings.write_text(dumps({**self.place.slice_authority(), "sfa": sfa}))
        command = [sys.executable, "-m", "slice_authority", "--config", str(settings)]
        with (self.folder / f"{self.hrn}.log").open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out)

    interfaces = ("registry", "aggregate", "slice_interface")

    def wait(self) -> None:
        """Until it answers."""
        log = self.folder / f"{self.hrn}.log"

        def answers() -> bool:
            assert self.process is not None and self.process.poll() is None, log.read_text()[-3000:]
            with suppress(xmlrpc.client.Error), self.user.at(self.url("registry")) as proxy:
                proxy.GetVersion()
                return "ready" in log.read_text()
            return False

        until(answers, lambda: f"{self.hrn} answers: {log.read_text()[-3000:]}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


class Ground:
    """plc and epfl, who believe each other."""

    def __init__(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="plfed-sfa-"))
        self.plc, self.epfl = Authority(self.folder, "plc"), Authority(self.folder, "epfl")
        try:
            self.plc.start(self.epfl)
            self.epfl.start(self.plc)
            self.plc.wait()
            self.epfl.wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the processes, and leave nothing."""
        for one in (self.plc, self.epfl):
            one.stop()
        shutil.rmtree(self.folder)
