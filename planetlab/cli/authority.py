"""An authority's folder: its papers, its settings, and the programs that serve it."""

import pathlib
import secrets
import sys
import time
from typing import Any

from attrs import frozen

from planetlab.authority import speaking
from planetlab.both.founding import found
from planetlab.cli import papers
from planetlab.cli.facts import PLACES_OF_SFA
from planetlab.cli.place import folder, write
from planetlab.cli.processes import Program
from planetlab.cli.toml import dumps
from planetlab.names import Hrn
from planetlab.registry.plc import Plc

READABLE = 0o644
CAPABILITIES = ("plcapi", "view", "tickets/xmldsig", "tickets/openpgp", "forward", "bound-calls")
ARCHIVE_PERIOD = 10.0  # seconds between two pulls of what nodes have sealed


@frozen(kw_only=True)
class AuthorityPlace:
    """One authority's folder, and everything its settings are made of."""

    path: pathlib.Path
    hrn: Hrn
    name: str
    ports: dict[str, int]
    host: str = "127.0.0.1"  # the name or address that its certificate is for
    listen: str = "127.0.0.1"
    domain: str = "localhost.localdomain"  # of the addresses that mails come from
    relay: str = ""  # the mail server, host:port
    refresh_every: int = 0  # seconds between two copies of the peers' objects; 0: only when asked
    neighbours: tuple["AuthorityPlace", ...] = ()  # whose SFA interfaces are told and asked beside our own
    archived: tuple[tuple[str, str], ...] = ()  # nodes whose sealed logs are pulled: host name, address of its pages
    plain: bool = False  # whether the whole API is served in clear, on loopback, for clients without our CA

    @property
    def registry(self) -> pathlib.Path:
        """The file of its records."""
        return self.path / "registry.db"

    def endpoint(self, name: str, address: str | None = None) -> str:
        """Where the service of this name listens."""
        return f"tcp:{self.ports[name]}:interface={address or self.listen}"

    def url(self, name: str, path: str) -> str:
        """Where it is called."""
        return f"https://{self.host}:{self.ports[name]}/{path}/"

    def write(self) -> papers.Papers:
        """Make the papers that are missing, and write the settings."""
        folder(self.path)
        return papers.make(self.path, self.hrn, (self.host,))

    def found(self, email: str, password: str) -> bool:
        """Make the registry with its first rows and the first administrator; whether it was not there before."""
        if self.registry.exists():
            return False
        plc = Plc(hrn=self.hrn, name=self.name, slice_prefix=self.prefix, maintenance_user=self.maintenance)
        found(str(self.registry), plc, email, password, time.time())
        return True

    @property
    def archive_token(self) -> pathlib.Path:
        """The file with what the archive shows to its nodes."""
        return self.path / "archive.token"

    @property
    def prefix(self) -> str:
        """The login base of the operators' own site."""
        return self.hrn.leaf

    @property
    def maintenance(self) -> str:
        """The account of the operators' own programs, such as the web pages."""
        return f"maint@{self.domain}"

    def write_settings(self) -> None:
        """Write the settings of the three services; those that hold the programs' password are secret."""
        secret = self.path / "maintenance.password"
        if not secret.exists():
            write(secret, secrets.token_urlsafe(24))
        if self.archived and not self.archive_token.exists():
            write(self.archive_token, secrets.token_urlsafe(24))
        own = {"maintenance_user": self.maintenance, "maintenance_password": secret.read_text()}
        endpoints = {
            "statement": self.url("sa", "federation").rstrip("/") + "/statement.json",
            "plcapi": self.url("sa", "PLCAPI"),
            "sa": self.url("sa", "SA"),
            "ma": self.url("ma", "MA"),
        }
        speaking.write_about(self.path, self.name, endpoints, CAPABILITIES)
        write(self.path / "slice_authority.toml", dumps({**self.slice_authority(), **own}))
        write(self.path / "mgmt_authority.toml", dumps({**self.mgmt_authority(), **own}))
        write(self.path / "web.toml", dumps(self.web()), READABLE)

    def slice_authority(self) -> dict[str, Any]:
        """The slice authority's settings."""
        return {
            **self._common("sa", "ma", "MA"),
            "ticket_key": str(self.path / "ticket.key"),
            "ticket_chain": str(self.path / "ticket.pem"),
            "pgp_secret": str(self.path / "pgp.sec"),
            "federation": str(self.path),
            "sfa": self._sfa(),
        }

    def _sfa(self) -> dict[str, Any]:
        """Where the SFA interfaces listen, and what they know of others."""

        def known(name: str) -> list[dict[str, str]]:
            return [
                {"hrn": str(one.hrn), "url": f"https://{one.host}:{one.ports[name]}/", "ca": str(one.path / "ca.pem")}
                for one in self.neighbours
            ]

        return {
            **{name: self.endpoint(name) for name in PLACES_OF_SFA},
            "host": self.host,
            "registries": known("registry"),
            "aggregates": known("aggregate"),
        }

    def mgmt_authority(self) -> dict[str, Any]:
        """The management authority's settings."""
        return {**self._common("ma", "sa", "SA"), "pgp_secret": str(self.path / "pgp.sec")}

    def _common(self, own: str, other: str, path: str) -> dict[str, Any]:
        return {
            "hrn": str(self.hrn),
            "name": self.name,
            "slice_prefix": self.prefix,
            "registry": str(self.registry),
            "certificate": str(self.path / "server.pem"),
            "key": str(self.path / "server.key"),
            "ca": str(self.path / "ca.pem"),
            "listen": [self.endpoint(own)],
            "plain": [self.endpoint("plain", "127.0.0.1")] if self.plain and own == "sa" else [],
            "operator": self.endpoint(f"{own}_operator", "127.0.0.1"),
            "sibling": self.url(other, path),
            "support": f"support@{self.domain}",
            "boot_mail": f"boot@{self.domain}",
            "web_host": self.host,
            "relay": self.relay,
            **({"refresh_every": self.refresh_every} if own == "sa" and self.refresh_every else {}),
        }

    def web(self) -> dict[str, Any]:
        """The settings of the pages."""
        return {
            "name": str(self.hrn),
            "plcapi": self.url("sa", "PLCAPI"),
            "ca": str(self.path / "ca.pem"),
            "username": self.maintenance,
            "password_file": str(self.path / "maintenance.password"),
            "listen": [self.endpoint("web")],
            "operator_listen": self.endpoint("web_operator", "127.0.0.1"),
            **(self._archive() if self.archived else {}),
        }

    def _archive(self) -> dict[str, Any]:
        return {
            "archive_dir": str(folder(self.path / "archive")),
            "archive_nodes": [f"{host} {pages}" for host, pages in self.archived],
            "archive_token_file": str(self.archive_token),
            "archive_period": ARCHIVE_PERIOD,
        }

    def programs(self, logs: pathlib.Path) -> list[Program]:
        """What serves this authority."""
        return [
            service(package, self.path / f"{package}.toml", f"{package} {self.hrn}", logs)
            for package in ("slice_authority", "mgmt_authority", "web")
        ]


def service(
    package: str, settings: pathlib.Path, name: str, logs: pathlib.Path, before: tuple[str, ...] = ()
) -> Program:
    """One service as a program to run, with its settings and its log."""
    command = (*before, sys.executable, "-m", package, "--config", str(settings), "--log-json")
    return Program(name, command, folder(logs) / f"{name.replace(' ', '-')}.log")
