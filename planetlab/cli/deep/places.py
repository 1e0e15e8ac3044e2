"""What is in a folder: the places of authorities and nodes, as `plfed init`, `plfed node init` and demos make them."""

import json
import pathlib
import tomllib
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

NODE, AUTHORITY = "pl_conf.toml", "slice_authority.toml"
_UNSAID: Mapping[str, Any] = {}


@frozen(kw_only=True)
class NodePlace:
    """One node's folder. The settings are those of its services, by name, as their files say them."""

    path: pathlib.Path
    pl_conf: Mapping[str, Any]
    node_manager: Mapping[str, Any] = _UNSAID
    auditd: Mapping[str, Any] = _UNSAID

    @property
    def name(self) -> str:
        """Its host name."""
        return str(self.pl_conf.get("hostname") or self.path.name)

    def file(self, said: Any, usual: str) -> pathlib.Path:
        """The path that a setting names, relative to the folder."""
        return self.path / str(said or usual)

    @property
    def ledger(self) -> pathlib.Path:
        """pl_conf's ledger."""
        return self.file(self.pl_conf.get("ledger"), "/var/lib/plfed/pl_conf/ledger.db")

    @property
    def books(self) -> pathlib.Path:
        """The node manager's books."""
        return self.file(self.node_manager.get("books"), "/var/lib/plfed/node/books.db")

    @property
    def socket(self) -> pathlib.Path:
        """The node manager's socket."""
        said = str(self.pl_conf.get("node_manager") or "unix:/tmp/nodemanager.api")
        return self.path / said.removeprefix("unix:").partition(":")[0]

    @property
    def audit(self) -> pathlib.Path:
        """The audit's folder."""
        return self.file(self.auditd.get("data_dir"), "audit")


@frozen(kw_only=True)
class AuthorityPlace:
    """One authority's folder."""

    path: pathlib.Path
    settings: Mapping[str, Any]
    web: Mapping[str, Any] = _UNSAID

    @property
    def name(self) -> str:
        """Its hrn, or its folder's name."""
        return str(self.settings.get("hrn") or self.path.name)

    @property
    def registry(self) -> pathlib.Path:
        """Its registry."""
        return self.path / str(self.settings.get("registry") or "registry.db")


@frozen(kw_only=True)
class Places:
    """Everything below one folder; ``facts`` is what a demo says of itself, if it is one."""

    top: pathlib.Path
    nodes: tuple[NodePlace, ...] = ()
    authorities: tuple[AuthorityPlace, ...] = ()
    facts: Mapping[str, Any] = field(factory=dict)

    @property
    def logs(self) -> list[pathlib.Path]:
        """Every log of a service."""
        return sorted(self.top.rglob("log/*.log"))


def read(path: pathlib.Path) -> dict[str, Any]:
    """The settings in a file; none where there is no file."""
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def look(top: pathlib.Path) -> Places:
    """What is below ``top``."""
    facts = top / "facts.json"
    return Places(
        top=top,
        nodes=tuple(
            NodePlace(
                path=path.parent,
                pl_conf=read(path),
                node_manager=read(path.with_name("node_manager.toml")),
                auditd=read(path.with_name("auditd.toml")),
            )
            for path in sorted(top.rglob(NODE))
        ),
        authorities=tuple(
            AuthorityPlace(path=path.parent, settings=read(path), web=read(path.with_name("web.toml")))
            for path in sorted(top.rglob(AUTHORITY))
        ),
        facts=json.loads(facts.read_text(encoding="utf-8")) if facts.exists() else {},
    )
