"""A node of two real processes that begin in milliseconds: forked from one that has read the program already.

Each is a process of its own with its own files, ports and death; only the reading of modules is saved.
"""

import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xmlrpc.client import Fault

import twisted.internet
from attrs import define, field
from cryptography.hazmat.primitives.asymmetric import ec

import node_manager.__main__
import node_manager.service
import pl_conf.__main__
import pl_conf.service  # read before the fork
from planetlab import certificates, failpoints, keys, xmlrpc
from planetlab.cli.toml import dumps
from planetlab.names import Hrn, SliceName
from planetlab.ticket import Ticket, User
from planetlab.tickets import seal_xmldsig
from tests import sockets
from tests.ports import free_port

PLC = Hrn(("plc",))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJk user@example.org"
BEGIN, END = 30.0, 20.0  # seconds that a process may take
MAINS = {"node_manager": node_manager.__main__.main, "pl_conf": pl_conf.__main__.main}
LOST = (OSError, HTTPException, ssl.SSLError)  # the ways to lose an answer
NOTHING: Mapping[str, str] = MappingProxyType({})


@define
class Authority:
    """Whose tickets the node takes, and who certifies its address."""

    place: Path
    key: ec.EllipticCurvePrivateKey = field(factory=keys.new_p256)

    def __attrs_post_init__(self) -> None:
        now = time.time()
        ca = certificates.make_ca(PLC, now)
        server = certificates.issue(ca, ["127.0.0.1"], now)
        (self.place / "ca.pem").write_bytes(ca.certificate_pem)
        (self.place / "node.pem").write_bytes(server.certificate_pem)
        (self.place / "node.key").write_bytes(server.key_pem)
        (self.place / "plc.pem").write_bytes(keys.public_pem(self.key.public_key()))

    def ticket(self, label: str, serial: str = "", age: float = 5.0, days: float = 1.0) -> bytes:
        """A ticket of princeton_LABEL, issued a moment ago."""
        issued = time.time() - age
        users = tuple(User(number, f"user{number}@plc.example", (KEY,)) for number in (1, 2))
        ticket = Ticket(
            issuer=PLC, slice=SliceName("princeton", label), slice_id=7, serial=serial or label, users=users,
            expires=issued + days * 86400, timestamp=issued, instantiation="delegated",
        )  # fmt: skip
        return seal_xmldsig(ticket, self.key)


class Node:
    """The two processes, working in ``path``; their logs are in ``logs``."""

    def __init__(self, authority: Authority, path: Path, logs: Path, environment: Mapping[str, str] = NOTHING) -> None:
        self.authority, self.path, self.logs = authority, path, logs
        self.port, self.environment = free_port(), dict(environment)
        self.pids: dict[str, int] = {}
        self.uids: dict[str, int] = {}  # by name, as which user a process runs; for root only
        self._tls = ssl.create_default_context(cafile=str(authority.place / "ca.pem"))
        self._write()

    def _write(self) -> None:
        there, me = self.path, os.getuid()
        root = {"hrn": "plc", "ticket_key": str(self.authority.place / "plc.pem")}
        (there / "owner.toml").write_text(dumps({"root": [root]}))
        manager = {
            "socket": f"unix:{there}/nm.sock:mode=666", "tcp": "", "sensors": "", "slicestat": "", "driver": "memory",
            "books": f"{there}/books.db", "remembered": f"{there}/slivers", "pl_conf": f"unix:{there}/pl_conf.sock",
            "pl_conf_uid": me, "owner_uids": [me], "round_every": 0.5, "stray_grace": 2.0,
        }  # fmt: skip
        (there / "node_manager.toml").write_text(dumps(manager))
        conf = {
            "hrn": "plc.princeton.node1", "hostname": "node1.plc.example", "policy": "owner.toml", "listen": [],
            "ledger": "ledger.db", "deletions": "deletions.log", "listen_keys": [], "listen_operator": "",
            "listen_tls": [f"tcp:{self.port}:interface=127.0.0.1"], "socket": f"unix:{there}/pl_conf.sock:mode=666",
            "certificate": str(self.authority.place / "node.pem"), "node_manager": f"unix:{there}/nm.sock",
            "private_key": str(self.authority.place / "node.key"), "reconcile": 0.5, "timeout": 5.0, "burst": 10_000,
            "orphan_grace": 2.0,
        }  # fmt: skip
        (there / "pl_conf.toml").write_text(dumps(conf))

    def start(self, failpoint_at: Mapping[str, str] = NOTHING) -> None:
        """Begin both that do not run; ``failpoint_at`` arms one of them, by name, as PLFED_FAILPOINT would."""
        if "node_manager" not in self.pids:
            self._fork("node_manager", failpoint_at.get("node_manager", ""))
            self._until(lambda: _answers(socket.AF_UNIX, f"{self.path}/nm.sock"), "node_manager")
        if "pl_conf" not in self.pids:
            self._fork("pl_conf", failpoint_at.get("pl_conf", ""))
            self._until(lambda: _answers(socket.AF_INET, ("127.0.0.1", self.port)), "pl_conf")

    def _fork(self, name: str, armed: str) -> None:
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            self.pids[name] = pid
            return
        code = 70
        try:
            log = os.open(self.logs / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for descriptor in (1, 2):
                os.dup2(log, descriptor)
            os.environ.update(self.environment)
            failpoints.arm(armed)
            sys.modules.pop("twisted.internet.reactor", None)  # a library has one made while it is read; that one is
            vars(twisted.internet).pop("reactor", None)  # shared with whoever else was forked
            if uid := self.uids.get(name):
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            sys.argv = [name, "--config", str(self.path / f"{name}.toml")]
            MAINS[name]()
            code = 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        finally:
            os._exit(code)

    def _until(self, ready: Callable[[], bool], name: str) -> None:
        until = time.monotonic() + BEGIN
        while not ready():
            if self.ended(name, 0.0) is not None or time.monotonic() > until:
                raise AssertionError(f"{name} did not begin: {self.log(name)[-2000:]}")
            time.sleep(0.005)  # between two looks at what another process does

    def log(self, name: str) -> str:
        """What a process has said."""
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def ended(self, name: str, within: float = END) -> int | None:
        """How a process ended: its code, or minus the signal; None if it runs on after ``within`` seconds."""
        until = time.monotonic() + within
        while name in self.pids:
            pid, status = os.waitpid(self.pids[name], os.WNOHANG)
            if pid:
                del self.pids[name]
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= until:
                return None
            time.sleep(0.002)  # between two looks; waitpid knows no time-out
        return None

    def stop(self, number: int = signal.SIGKILL) -> None:
        """End both, by default as if they were killed."""
        for pid in self.pids.values():
            os.kill(pid, number)
        for name in list(self.pids):
            if self.ended(name) is None:
                os.kill(self.pids[name], signal.SIGKILL)
                self.ended(name)

    def call(self, method: str, *args: Any, timeout: float = 10.0) -> Any:
        """One call of the public interface, over TLS. Raises `Fault`, or one of `LOST`."""
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self._tls)
        try:
            connection.request("POST", "/", xmlrpc.dumps_call(method, args), {"Content-Type": "text/xml"})
            return xmlrpc.loads_answer(connection.getresponse().read())
        finally:
            connection.close()

    def ask(self, name: str, method: str, *args: Any, timeout: float = 10.0) -> Any:
        """One call of a service's socket, as the owner. Raises `Fault`, or one of `LOST`."""
        file = {"node_manager": "nm.sock", "pl_conf": "pl_conf.sock"}[name]
        return sockets.call(f"{self.path}/{file}", method, *args, timeout=timeout)

    def insist(self, method: str, *args: Any, within: float = 30.0) -> Any:
        """The value of a call that is repeated until it goes well, as its clients do; the last refusal after that."""
        until = time.monotonic() + within
        while True:
            try:
                code, value = self.call(method, *args)
                if code == 0:
                    return value
                said = f"{code} {value}"
            except (*LOST, Fault) as error:
                said = repr(error)
            if time.monotonic() > until:
                raise AssertionError(f"{method} does not go well: {said}")
            time.sleep(0.1)  # as a client that tries again


def _answers(family: socket.AddressFamily, address: Any) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(address) == 0
