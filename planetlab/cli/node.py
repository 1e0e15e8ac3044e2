"""A node's folder: the settings of its three services, its owner's policy, its key."""

import os
import pathlib
from typing import Any

from attrs import frozen

from planetlab.cli.authority import service
from planetlab.cli.facts import has_sshd
from planetlab.cli.place import PASSAGE, folder, socket_path, write
from planetlab.cli.processes import Program
from planetlab.cli.toml import dumps
from planetlab.names import Hostname, Hrn

READABLE = 0o644


@frozen(kw_only=True)
class TrustedRoot:
    """A root that the owner trusts: the folder of its public papers, its share, and where it is polled, if at all."""

    hrn: Hrn
    papers: pathlib.Path
    share: float
    poll: str = ""
    relayed_by: pathlib.Path | None = None  # the folder of the authority that is polled instead, and passes on

    def policy(self) -> dict[str, Any]:
        """What the owner's policy says of it."""
        said: dict[str, Any] = {
            "hrn": str(self.hrn),
            "ticket_key": str(self.papers / "ticket.pub.pem"),
            "gid": str(self.papers / "gid.pem"),
            "pgp": str(self.papers / "pgp.pub"),
            "share": self.share,
        }
        if not self.poll:
            return said
        auth = {"auth": "relayed"} if self.relayed_by else {}
        return {**said, "poll": self.poll, "ca": str((self.relayed_by or self.papers) / "ca.pem"), **auth}


@frozen(kw_only=True)
class Inside:
    """Where a node's slivers and packets are: a network namespace with its uplink, and how a program gets there."""

    netns: str = ""
    uplink: str = "eth0"
    enter: tuple[str, ...] = ()
    address: str = ""  # of the uplink, as strangers see it
    capture: bool = True  # whether capturing is permitted there; else the audit reads a recorded stream and says so


@frozen(kw_only=True)
class AuditWishes:
    """Who pulls the node's sealed log, how often it is sealed, and who takes letters about complaints."""

    token: pathlib.Path | None = None  # what the archive shows
    archive_url: str = ""
    relay: str = ""  # host:port
    segment_seconds: float = 3600.0
    idle: float = 60.0  # seconds of silence that end a flow
    active: float = 300.0  # seconds after which a flow goes on as another record

    def settings(self) -> dict[str, Any]:
        """What the audit's settings say of it."""
        said = {name: getattr(self, name) for name in ("segment_seconds", "idle", "active", "archive_url")}
        said["mail_relay"] = self.relay
        return {**said, **({"log_token_file": str(self.token)} if self.token else {})}


@frozen(kw_only=True)
class NodePlace:
    """One node's folder, and everything its settings are made of."""

    path: pathlib.Path
    hostname: Hostname
    hrn: Hrn
    node_id: int
    key: str
    ports: dict[str, int]
    roots: tuple[TrustedRoot, ...]
    driver: str
    sliver_net: str
    inside: Inside
    images: str = "/var/lib/plfed/images"
    address: str = "127.0.0.1"  # where strangers and tickets come in
    poll_period: float = 600.0  # seconds
    poll_jitter: float = 300.0  # seconds
    authority_name: str = ""
    authority_url: str = ""
    contact: str = ""  # the mail domain of those who answer for the slices
    audit: AuditWishes = AuditWishes()
    cgroup: str = "plfed"
    initscript: str = ""  # what slivers run whose slice says nothing

    @property
    def socket(self) -> pathlib.Path:
        """The node manager's socket."""
        return self.path / "nm.sock"

    def endpoint(self, name: str, address: str = "127.0.0.1") -> str:
        """Where the service of this name listens."""
        return f"tcp:{self.ports[name]}:interface={address}"

    def write(self) -> None:
        """Write the settings of all services; secrets are for their owner alone."""
        folder(self.path, PASSAGE)  # the sockets are for every user of the node
        for name in ("state", "slivers", "audit"):
            folder(self.path / name)
        write(self.path / "node.key", self.key)
        if self.initscript:
            write(self.path / "initscript", self.initscript, READABLE)
        write(self.path / "owner.toml", dumps(self.policy()), READABLE)
        write(self.path / "node_manager.toml", dumps(self.node_manager()), READABLE)
        write(self.path / "pl_conf.toml", dumps(self.pl_conf()), READABLE)
        write(self.path / "auditd.toml", dumps(self.auditd()), READABLE)

    def policy(self) -> dict[str, Any]:
        """The owner's policy."""
        return {"reserve": 0.1, "root": [root.policy() for root in self.roots]}

    def node_manager(self) -> dict[str, Any]:
        """The node manager's settings."""
        return {
            "socket": f"unix:{socket_path(self.socket)}:mode=666",
            "tcp": self.endpoint("nm"),
            "sensors": self.endpoint("sensors"),
            "slicestat": self.endpoint("slicestat", self.address),
            "operator": self.endpoint("nm_operator"),
            "books": str(self.path / "state" / "books.db"),
            "hostname": str(self.hostname),
            "pl_conf_uid": os.getuid(),
            "pl_conf": f"http://{self.address}:{self.ports['pl_conf']}/",
            "owner_uids": [os.getuid()],
            "driver": self.driver,
            "sliver_net": self.sliver_net,
            "netns": self.inside.netns,
            "uplink": self.inside.uplink,
            "images": self.images,
            "initscript": str(self.path / "initscript") if self.initscript else "",
            "work": str(self.path / "slivers"),
            "cgroup": self.cgroup,
            "remembered": str(self.path / "state" / "remembered"),
            "round_every": 5.0,
            "stop_lasts": self.poll_period + self.poll_jitter,  # what its authority wants running runs again by a poll
            "mail_relay": self.audit.relay,
            **({"slice_mail": f"SLICE@{self.contact}"} if self.contact else {}),
            **({"ssh": f"{self.address}:{self.ports['ssh']}"} if has_sshd() else {}),
        }

    def pl_conf(self) -> dict[str, Any]:
        """pl_conf's settings."""
        state = self.path / "state"
        return {
            "hrn": str(self.hrn),
            "hostname": str(self.hostname),
            "node_id": self.node_id,
            "node_key": str(self.path / "node.key"),
            "policy": str(self.path / "owner.toml"),
            "ledger": str(state / "ledger.db"),
            "deletions": str(self.path / "deletions.log"),
            "listen": [self.endpoint("pl_conf", self.address)],
            "listen_keys": [self.endpoint("keys")],
            "socket": f"unix:{socket_path(self.path / 'pl_conf.sock')}:mode=666",
            "listen_operator": self.endpoint("pl_conf_operator"),
            "node_manager": f"unix:{self.socket}",
            "owner_uids": [os.getuid()],
            "period": self.poll_period,
            "jitter": self.poll_jitter,
            "lease_period": min(60.0, self.poll_period),
            "witness_every": self.poll_period,
            "report_every": self.poll_period,
        }

    def auditd(self) -> dict[str, Any]:
        """The audit's settings."""
        return {
            "node": str(self.hostname),
            "hrn": str(self.hrn),
            "address": self.inside.address or self.address,
            "data_dir": str(self.path / "audit"),
            "listen": [self.endpoint("audit", self.address)],
            "operator_listen": self.endpoint("audit_operator"),
            "nm_socket": str(self.socket),
            "capture": "live" if self.inside.capture else "simulated",
            "capture_prefix": list(self.inside.enter),
            "capture_interfaces": [self.inside.uplink],
            "authority_name": self.authority_name,
            "authority_url": self.authority_url,
            "authority_pages": self.authority_url,
            "authority_period": min(60.0, self.poll_period),
            **self.audit.settings(),
            "page_url": f"http://{self.address}:{self.ports['audit']}/",
            **({"slice_mail": f"SLICE@{self.contact}", "abuse_mail": f"abuse@{self.contact}"} if self.contact else {}),
        }

    def programs(self, logs: pathlib.Path) -> list[Program]:
        """What runs on this node, in the order in which it is needed."""
        return [
            service(package, self.path / f"{package}.toml", f"{package} {self.hostname}", logs)
            for package in ("node_manager", "pl_conf", "auditd")
        ]
