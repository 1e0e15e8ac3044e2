"""A node of two real processes on loopback: pl_conf, and the node manager with slivers that are only remembered."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from xmlrpc.client import ServerProxy

from pl_conf.policy import Policy
from planetlab import settings
from tests.pl_conf.world import EPFL_SIGNS, PLC_SIGNS
from tests.ports import free_port
from tests.waiting import until

ROOT = Path(__file__).parents[2]
SOON = 90.0  # seconds that a process has to begin or to end, on a machine that is busy


class Node:
    """The two processes and their files; `stop` ends both whatever state they are in."""

    def __init__(self, **said: Any) -> None:
        self.place = Path(mkdtemp(dir=os.environ.get("TMPDIR")))
        self.port, self.keys_port = free_port(), free_port()
        roots = tuple(signer.write(self.place) for signer in (PLC_SIGNS, EPFL_SIGNS))
        settings.write(Policy(root=roots), self.place / "owner.toml")
        self._write(
            "node_manager.toml",
            socket=f"unix:{self.place}/nm.sock:mode=666",
            tcp="",
            sensors="",
            slicestat="",
            books=f"{self.place}/books.db",
            remembered=f"{self.place}/slivers",
            driver="memory",
            pl_conf=f"unix:{self.place}/pl_conf.sock",
            pl_conf_uid=os.getuid(),
            owner_uids=[os.getuid()],
        )
        self._write(
            "pl_conf.toml",
            **{
                "hrn": "plc.princeton.node1\\\\.plc\\\\.example",
                "hostname": "node1.plc.example",
                "policy": "owner.toml",
                "ledger": "ledger.db",
                "deletions": "deletions.log",
                "listen": [f"tcp:{self.port}:interface=127.0.0.1"],
                "listen_keys": [f"tcp:{self.keys_port}:interface=127.0.0.1"],
                "socket": f"unix:{self.place}/pl_conf.sock:mode=666",
                "listen_operator": "",
                "node_manager": f"unix:{self.place}/nm.sock",
                "reconcile": 1.0,
                "watch": 0.2,
                **said,
            },
        )
        self.manager: subprocess.Popen[bytes] | None = None
        self.conf: subprocess.Popen[bytes] | None = None

    def _write(self, name: str, **said: Any) -> None:
        lines = (f"{key} = {_toml(value)}" for key, value in said.items())
        (self.place / name).write_text("\n".join(lines) + "\n")

    def start_manager(self) -> None:
        self.manager = self._start("node_manager", "node_manager.toml", {})
        self._wait(self.manager, lambda: (self.place / "nm.sock").exists(), "node_manager")

    def start_conf(self, failpoint: str = "") -> None:
        more = {"PLFED_TESTING": "1", "PLFED_FAILPOINT": failpoint} if failpoint else {}
        self.conf = self._start("pl_conf", "pl_conf.toml", more)
        self._wait(self.conf, self._answers, "pl_conf")

    def _start(self, package: str, config: str, more: dict[str, str]) -> "subprocess.Popen[bytes]":
        env = {name: value for name, value in os.environ.items() if not name.startswith("PLFED_")}
        with (self.place / f"{package}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", package, "--config", str(self.place / config)],
                env={**env, **more}, cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
                return True
        except OSError:
            return False

    def _wait(self, process: "subprocess.Popen[bytes]", ready: Any, package: str) -> None:
        def begun() -> Any:
            assert process.poll() is None, f"{package} ended: {self.log(package)[-2000:]}"
            return ready()

        until(begun, lambda: f"{package} begins: {self.log(package)[-2000:]}")

    def log(self, package: str) -> str:
        return (self.place / f"{package}.log").read_text()

    def proxy(self) -> "Client":
        return Client(f"http://127.0.0.1:{self.port}/")

    def ended(self) -> int:
        """How pl_conf ended, once it has."""
        assert self.conf is not None
        return self.conf.wait(SOON)

    def stop(self) -> None:
        for process in (self.conf, self.manager):
            if process is None or process.poll() is not None:
                continue
            process.terminate()
            try:
                process.wait(SOON)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Client:
    """The stock client, with a connection for each call that is closed after it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            with ServerProxy(self._url) as proxy:
                return getattr(proxy, name)(*args)

        return call


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)
