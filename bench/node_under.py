"""A node of its own for measuring: a node manager and pl_conf as processes, and an authority whose tickets it takes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import urlopen
from xmlrpc.client import Binary, Fault, ServerProxy

from node_manager.settings import Settings
from pl_conf.settings import Settings as PlConfSettings
from planetlab import keys
from planetlab.names import Hrn, SliceName
from planetlab.settings import dumps
from planetlab.ticket import Ticket, User
from planetlab.tickets import seal_xmldsig
from tests import sockets
from tests.ports import free_port

IMAGES = Path(os.environ.get("PLFED_IMAGES", "/var/lib/plfed/images"))
MOST = 2000  # slivers that the node has room for
CLEARED = 300.0  # seconds in which all slivers are gone
_PLC = Hrn(("plc",))


class NodeUnder:
    """Its processes, and calls to them."""

    def __init__(self, place: Path, driver: str, netns: str) -> None:
        """Raises `RuntimeError` with the last words of a process that does not come up."""
        self.socket, self.place = place / "nm.sock", place
        self.ssh_port, self._port, self._operator = free_port(), free_port(), free_port()
        me = os.getuid()
        self._key = keys.new_p256()
        self._user_key = _ssh_key(place / "user_key")
        manager = Settings(
            socket=f"unix:{self.socket}:mode=666", tcp="", sensors="", slicestat="",
            operator=f"tcp:{self._operator}:interface=127.0.0.1", driver=driver, books=str(place / "books.db"),
            work=str(place / "slivers"), images=str(IMAGES), max_slivers=MOST, pl_conf_uid=me, owner_uids=(me,),
            at_once=8, cgroup="plfed-bench", netns=netns, uplink="up0",
            ssh=f"127.0.0.1:{self.ssh_port}" if driver == "container" else "",
        )  # fmt: skip
        (place / "plc.pem").write_bytes(keys.public_pem(self._key.public_key()))
        (place / "owner.toml").write_text(f'[[root]]\nhrn = "plc"\nticket_key = "{place}/plc.pem"\n')
        pl_conf = PlConfSettings(
            hrn="plc.princeton.node1\\.plc\\.example", hostname="node1.plc.example", policy=str(place / "owner.toml"),
            ledger=str(place / "ledger.db"), deletions=str(place / "deletions.log"), listen_keys=(),
            listen=(f"tcp:{self._port}:interface=127.0.0.1",), socket=f"unix:{place}/pl_conf.sock:mode=666",
            listen_operator="", node_manager=f"unix:{self.socket}", report="", burst=100_000,
        )  # fmt: skip
        self._processes: list[subprocess.Popen[str]] = []
        try:
            for package, settings in (("node_manager", manager), ("pl_conf", pl_conf)):
                (place / f"{package}.toml").write_text(dumps(settings))
                self._start(package)
        except BaseException:  # a signal too: they are in sessions of their own, and nobody else would end them
            self.end()
            raise
        self.manager = self._processes[0].pid

    def _start(self, package: str) -> None:
        command = [sys.executable, "-m", package, "--config", str(self.place / f"{package}.toml")]
        # in a session of its own, since it has to clean up after a Ctrl-C that all of ours get
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self._processes.append(process)
        assert process.stderr
        said = ""
        while "ready" not in (line := process.stderr.readline()):
            if not line:
                raise RuntimeError(said)
            said = line.strip()
        Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would hold it up

    def call(self, method: str, *args: Any) -> Any:
        """One call of the node manager's, on a connection of its own."""
        return sockets.call(self.socket, method, *args)

    def ticket(self, number: int) -> bytes:
        """A ticket for a slice of this number."""
        now = time.time()
        user = User(1, "user@plc.example", (self._user_key,))
        ticket = Ticket(
            issuer=_PLC, slice=slice_name(number), slice_id=number, serial=f"{number}-{now}", expires=now + 9e5,
            timestamp=now, users=(user,),
        )  # fmt: skip
        return seal_xmldsig(ticket, self._key)

    def redeem(self, ticket: bytes) -> str:
        """Bring a ticket to pl_conf; gives the rcap once users can log in."""
        with ServerProxy(f"http://127.0.0.1:{self._port}/", allow_none=True) as node:
            answer: Any = node.create_sliver(Binary(ticket))
        code, value = answer
        if code:
            raise RuntimeError(f"{code} {value}")
        return str(value[0])

    def ssh(self, name: SliceName) -> None:
        """Log into a slice and run `true` there."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"]
        words = [word for option in options for word in ("-o", option)]
        where = ["-p", str(self.ssh_port), "-i", str(self.place / "user_key"), f"{name}@127.0.0.1", "true"]
        subprocess.run(["ssh", *words, *where], check=True, stdin=subprocess.DEVNULL)

    def metric(self, name: str) -> float:
        """A figure that the node manager tells its operator."""
        with urlopen(f"http://127.0.0.1:{self._operator}/metrics") as page:
            rows = (line.split() for line in page.read().decode().splitlines())
            return next(float(row[1]) for row in rows if row and row[0] == name)

    def clear(self) -> None:
        """Leave no sliver, whoever made it and however far that had come. Raises `RuntimeError` for what is left."""
        self._end(self._processes.pop())  # pl_conf would have them made again
        until = time.monotonic() + CLEARED
        while there := [each for each in self.call("Slivers") if each["state"] != "stray"]:
            if time.monotonic() > until:
                raise RuntimeError(f"{len(there)} slivers are left, {there[0]['name']} one of them")
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda each: self._release(each["rcap"]), there))

    def _release(self, rcap: str) -> None:
        with suppress(Fault, OSError):  # it takes longer; the next look shows
            self.call("Release", rcap)

    def end(self) -> None:
        """End the processes; what slivers there are, stay."""
        while self._processes:
            self._end(self._processes.pop())

    def _end(self, process: "subprocess.Popen[str]") -> None:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def slice_name(number: int) -> SliceName:
    """The slice of this number."""
    return SliceName("bench", f"s{number}")


def _ssh_key(path: Path) -> str:
    with suppress(FileNotFoundError):  # without ssh-keygen nobody logs in either
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)), check=True)
        return path.with_suffix(".pub").read_text().strip()
    return "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJk user@example.org"


@contextmanager
def network() -> Iterator[str]:
    """A network namespace with an interface ``up0``, so that nothing of this machine's own network is shaped."""
    if os.getuid():
        yield ""
        return
    name = f"plfed-bench-{os.getpid()}"
    try:
        subprocess.run(("ip", "netns", "add", name), check=True)
        for words in ("add up0 type veth peer name up1", "set up0 up"):
            subprocess.run(("ip", "-n", name, "link", *words.split()), check=True)
        yield name
    finally:
        subprocess.run(("ip", "netns", "del", name), check=True)
