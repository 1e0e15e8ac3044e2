"""An authority's folder: its papers, its settings, and the programs that serve it."""

import pathlib
import sys
from typing import Any

from attrs import frozen

from planetlab.cli import papers
from planetlab.cli.place import folder, write
from planetlab.cli.processes import Program
from planetlab.cli.toml import dumps
from planetlab.names import Hrn

READABLE = 0o644


@frozen(kw_only=True)
class AuthorityPlace:
    """One authority's folder, and everything its settings are made of."""

    path: pathlib.Path
    hrn: Hrn
    name: str
    ports: dict[str, int]
    host: str = "127.0.0.1"  # the name or address that its certificate is for
    listen: str = "127.0.0.1"
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

    def write_settings(self) -> None:
        """Write the settings of the three services."""
        write(self.path / "slice_authority.toml", dumps(self.slice_authority()), READABLE)
        write(self.path / "mgmt_authority.toml", dumps(self.mgmt_authority()), READABLE)

    def slice_authority(self) -> dict[str, Any]:
        """The slice authority's settings."""
        return {}

    def mgmt_authority(self) -> dict[str, Any]:
        """The management authority's settings."""
        return {}

    def programs(self, logs: pathlib.Path) -> list[Program]:
        """What serves this authority."""
        return [
            service(package, self.path / f"{package}.toml", f"{package} {self.hrn}", logs)
            for package in ("slice_authority", "mgmt_authority")
        ]


def service(
    package: str, settings: pathlib.Path, name: str, logs: pathlib.Path, before: tuple[str, ...] = ()
) -> Program:
    """One service as a program to run, with its settings and its log."""
    command = (*before, sys.executable, "-m", package, "--config", str(settings), "--log-json")
    return Program(name, command, folder(logs) / f"{name.replace(' ', '-')}.log")
