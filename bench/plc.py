"""A PLC to measure: both authorities as processes, their data set made through their interface or beside it, rounds."""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from mgmt_authority import service as management
from planetlab import keys, openpgp, tls, xmlrpc
from planetlab.both.desk import Desk
from planetlab.both.founding import found
from planetlab.both.greeting import Greeter
from planetlab.both.passwords import md5_crypt
from planetlab.calls import run as run_call
from planetlab.clock import WallClock
from planetlab.names import Hrn
from planetlab.registry.plc import Plc
from planetlab.registry.store import Store
from slice_authority import service as slicing

ADMIN = {"AuthMethod": "password", "Username": "root@plc.example", "AuthString": "bench"}
TICKS = os.sysconf("SC_CLK_TCK")
KEY = "ssh-rsa " + "A" * 372
BOTH = ("slice_authority", "mgmt_authority")

Ask = Callable[..., Any]
"""Calls a method as the administrator: its name, its arguments after the auth struct."""


@frozen
class Round:
    """What one round of one call gave: latencies in seconds, and CPU seconds of the servers."""

    latencies: tuple[float, ...]
    elapsed: float
    cpu: float

    @property
    def rate(self) -> float:
        """Calls per second."""
        return len(self.latencies) / self.elapsed

    def at(self, part: float) -> float:
        """The latency that this part of the calls stayed under, in ms."""
        return sorted(self.latencies)[min(len(self.latencies) - 1, int(part * len(self.latencies)))] * 1000

    @property
    def cpu_ms(self) -> float:
        """CPU of one call, in ms."""
        return self.cpu / len(self.latencies) * 1000


class Client:
    """One keep-alive connection; answers are read and not parsed while the clock runs."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, body: bytes) -> bytes:
        """The answer's octets."""
        self.connection.request("POST", "/PLCAPI/", body, {"Content-Type": "text/xml"})
        return self.connection.getresponse().read()

    def call(self, method: str, *args: Any) -> Any:
        """The answer's value, as the administrator."""
        return xmlrpc.loads_answer(self.post(xmlrpc.dumps_call(method, (ADMIN, *args))))


@contextmanager
def authorities(before: Callable[[str], None] = lambda path: None) -> Iterator[tuple[dict[str, int], list[int]]]:
    """A slice and a management authority in a folder of their own; their plain ports and process numbers.

    ``before`` is given the registry's path before they start.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ports = _write(place)
        before(str(place / "registry.db"))
        services = [
            subprocess.Popen(
                [sys.executable, "-m", name, "--config", str(place / f"{name}.toml"), "--log-level", "error"]
            )
            for name in BOTH
        ]
        try:
            for port in ports.values():
                _wait(port)
            yield ports, [service.pid for service in services]
        finally:
            for service in services:
                service.terminate()
                service.wait(10)


def _write(place: Path) -> dict[str, int]:
    now, hrn = time.time(), Hrn.parse("plc")
    ca = tls.make_ca(hrn, now)
    pair = tls.issue(ca, names=("127.0.0.1",), now=now)
    for name, data in (
        ("ca.pem", ca.certificate_pem),
        ("server.pem", pair.certificate_pem),
        ("server.key", pair.key_pem),
        ("ticket.key", keys.private_pem(keys.new_rsa())),
        ("pgp.sec", openpgp.new_key("bench <bench@plc.example>")),
    ):
        (place / name).write_bytes(data)
    password = md5_crypt(ADMIN["AuthString"], "saltsalt")
    found(str(place / "registry.db"), Plc(hrn=hrn), ADMIN["Username"], password, now)
    ports = {name: _free() for name in BOTH}
    secure = {name: _free() for name in ports}
    for name, port in ports.items():
        other = next(one for one in ports if one != name)
        lines = [
            'hrn = "plc"', f'registry = "{place}/registry.db"', f'certificate = "{place}/server.pem"',
            f'key = "{place}/server.key"', f'ca = "{place}/ca.pem"', f'plain = ["tcp:{port}:interface=127.0.0.1"]',
            f'listen = ["tcp:{secure[name]}:interface=127.0.0.1"]', f'sibling = "https://127.0.0.1:{secure[other]}/"',
        ]  # fmt: skip
        if name == "slice_authority":
            lines += [f'ticket_key = "{place}/ticket.key"', f'pgp_secret = "{place}/pgp.sec"']
        (place / f"{name}.toml").write_text("\n".join(lines))
    return ports


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)  # it has not begun to listen
    raise RuntimeError(f"nobody listens at port {port}")


def fill(sa: Ask, ma: Ask, scale: float) -> float:
    """Make the data set; how many seconds it took."""
    began = time.perf_counter()
    sites, nodes, people, slices = (max(1, int(count * scale)) for count in (300, 1000, 1000, 500))
    spread = min(50, nodes)
    for i in range(sites):
        said = {"name": f"Site {i}", "abbreviated_name": f"S{i}", "login_base": f"site{i}", "max_slices": 1000}
        sa("AddSite", said)
    for i in range(nodes):
        ma("AddNode", f"site{i % sites}", {"hostname": f"n{i}.site{i % sites}.example.org", "boot_state": "boot"})
        ma("AddInterface", i + 1, {"type": "ipv4", "method": "dhcp", "ip": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"})
        ma("AddNodeTag", i + 1, "arch", "x86_64" if i % 3 else "i386")
    password = md5_crypt("user", "saltsalt")
    for i in range(people):
        email = f"p{i}@site{i % sites}.example.org"
        said = {"email": email, "first_name": "Per", "last_name": f"Son{i}", "password": password}
        number = sa("AddPerson", said)
        sa("UpdatePerson", number, {"enabled": True})
        sa("AddPersonToSite", number, f"site{i % sites}")
        for role in ("user", "pi") if i < sites else ("user", "tech") if i < 2 * sites else ("user",):
            sa("AddRoleToPerson", role, number)
        sa("AddPersonKey", number, {"key_type": "ssh", "key": f"{KEY} {email}"})
    for i in range(slices):
        number = sa("AddSlice", {"name": f"site{i % sites}_s{i}", "url": "https://x.example/", "description": "bench"})
        sa("AddSliceToNodes", number, [1 + (i * 7 + n) % nodes for n in range(spread)])
        for n in range(3):
            sa("AddPersonToSlice", 3 + (i * 3 + n) % people, number)
        for tag, value in (("cpu_pct", "25"), ("net_max_rate", "1000"), *((("vsys", "x"),) if i % 5 == 0 else ())):
            sa("AddSliceTag", number, tag, value)
    return time.perf_counter() - began


def fill_beside(path: str, scale: float) -> None:
    """Make the data set by the same methods in this process and in one transaction, for large ones."""
    api = {method.name: method for part in (management.api, slicing.api) for method in part.values()}
    desk = Desk(path, "both", Plc(hrn=Hrn.parse("plc")), Greeter(), WallClock())

    def work(store: Store) -> None:
        def ask(name: str, *args: Any) -> Any:
            store.touched, store.message = [], ""
            method = api[name]
            return run_call(method, desk.greet(method, (ADMIN, *args), "127.0.0.1"), (ADMIN, *args))

        fill(ask, ask, scale)

    desk.job_now(work)
    desk.stop()


def cpu_of(pids: list[int]) -> float:
    """Seconds of CPU that these processes have had, with those that they started, living and ended."""
    total, waiting = 0, list(pids)
    while waiting:
        place = Path(f"/proc/{waiting.pop()}")
        total += sum(map(int, (place / "stat").read_text().rpartition(")")[2].split()[11:15]))
        waiting += [int(child) for task in place.glob("task/*/children") for child in task.read_text().split()]
    return total / TICKS


def run(port: int, pids: list[int], bodies: Callable[[], bytes], clients: int, seconds: float) -> Round:
    """Call for some seconds with this many clients."""
    latencies: list[float] = []
    Client(port).post(bodies())
    began, spent = time.perf_counter(), cpu_of(pids)
    until = began + seconds

    def work() -> None:
        client = Client(port)
        while time.perf_counter() < until:
            body = bodies()
            start = time.perf_counter()
            answer = client.post(body)
            latencies.append(time.perf_counter() - start)
            if b"<fault>" in answer[:200]:
                raise RuntimeError(answer[:500].decode())

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Round(tuple(latencies), time.perf_counter() - began, cpu_of(pids) - spent)
