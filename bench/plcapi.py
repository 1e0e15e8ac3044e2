"""Speed of the PLC API: both authorities as processes, filled through their own interface, asked by 1 and 8 clients.

Rate and latencies depend on what else the machine does; CPU per request (both servers and their store) does not, and is
what the targets speak of. ``python -m bench.plcapi [SCALE]``: 1 is the data set that the original was measured with.
"""

import http.client
import os
import secrets
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

from bench.measure import Figure
from planetlab import auth_text, keys, openpgp, tls, xmlrpc
from planetlab.both.founding import found
from planetlab.both.passwords import md5_crypt
from planetlab.names import Hrn
from planetlab.registry.plc import Plc

ADMIN = {"AuthMethod": "password", "Username": "root@plc.example", "AuthString": "bench"}
SECONDS = 3.0
TICKS = os.sysconf("SC_CLK_TCK")
KEY = "ssh-rsa " + "A" * 372

# CPU ms per request, database and server together: the original as deployed, and its stand-alone form.
ORIGINAL = {
    "AuthCheck": (10.4, 1.4),
    "GetNodes by hostname": (14.6, 2.8),
    "GetNodes all fields": (270.0, 251.1),
    "GetSlices all": (51.1, 36.8),
    "GetPersons all": (95.7, 82.3),
    "GetSlivers one node": (76.8, 48.9),
    "GetSliceTicket": (33.7, 23.0),
    "AddSlice": (23.3, 8.6),
    "AddSliceToNodes 50": (33.0, 18.3),
}
TARGETS = {name: 0.2 if " all" in name else 0.1 for name in ORIGINAL}


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
def authorities() -> Iterator[tuple[dict[str, int], list[int]]]:
    """A slice and a management authority in a folder of their own; their plain ports and process numbers."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ports = _write(place)
        services = [
            subprocess.Popen(
                [sys.executable, "-m", name, "--config", str(place / f"{name}.toml"), "--log-level", "error"]
            )
            for name in ("slice_authority", "mgmt_authority")
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
    ports = {"slice_authority": _free(), "mgmt_authority": _free()}
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
        time.sleep(0.1)
    raise RuntimeError(f"nobody listens at port {port}")


def fill(sa: Client, ma: Client, scale: float) -> float:
    """Make the data set through the interface; how many seconds it took."""
    began = time.perf_counter()
    sites, nodes, people, slices = (max(1, int(count * scale)) for count in (300, 1000, 1000, 500))
    spread = min(50, nodes)
    for i in range(sites):
        said = {"name": f"Site {i}", "abbreviated_name": f"S{i}", "login_base": f"site{i}", "max_slices": 1000}
        sa.call("AddSite", said)
    for i in range(nodes):
        ma.call("AddNode", f"site{i % sites}", {"hostname": f"n{i}.site{i % sites}.example.org", "boot_state": "boot"})
        ma.call(
            "AddInterface", i + 1, {"type": "ipv4", "method": "dhcp", "ip": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"}
        )
        ma.call("AddNodeTag", i + 1, "arch", "x86_64" if i % 3 else "i386")
    password = md5_crypt("user", "saltsalt")
    for i in range(people):
        email = f"p{i}@site{i % sites}.example.org"
        said = {"email": email, "first_name": "Per", "last_name": f"Son{i}", "password": password}
        number = sa.call("AddPerson", said)
        sa.call("UpdatePerson", number, {"enabled": True})
        sa.call("AddPersonToSite", number, f"site{i % sites}")
        for role in ("user", "pi") if i < sites else ("user", "tech") if i < 2 * sites else ("user",):
            sa.call("AddRoleToPerson", role, number)
        sa.call("AddPersonKey", number, {"key_type": "ssh", "key": f"{KEY} {email}"})
    for i in range(slices):
        number = sa.call(
            "AddSlice", {"name": f"site{i % sites}_s{i}", "url": "https://x.example/", "description": "bench"}
        )
        sa.call("AddSliceToNodes", number, [1 + (i * 7 + n) % nodes for n in range(spread)])
        for n in range(3):
            sa.call("AddPersonToSlice", 3 + (i * 3 + n) % people, number)
        for tag, value in (("cpu_pct", "25"), ("net_max_rate", "1000"), *((("vsys", "x"),) if i % 5 == 0 else ())):
            sa.call("AddSliceTag", number, tag, value)
    return time.perf_counter() - began


def beside(port: int, pids: list[int], heavy: Callable[[], bytes], light: Callable[[], bytes]) -> Round:
    """Small calls while one client asks for a whole listing again and again."""
    until = time.perf_counter() + SECONDS + 1

    def work() -> None:
        client = Client(port)
        while time.perf_counter() < until:
            client.post(heavy())

    thread = threading.Thread(target=work)
    thread.start()
    measured_ = run(port, pids, light, 1)
    thread.join()
    return measured_


def poll(ma: Client, sa: Client) -> bytes:
    """A node's call that finds nothing new."""
    ma.call("UpdateNode", 1, {"key": "bench"})

    def signed(since: int) -> bytes:
        auth = {"AuthMethod": "hmac", "node_id": 1, "value": auth_text.sign("bench", (since,))}
        return xmlrpc.dumps_call("GetNodeTickets", (auth, since))

    first = xmlrpc.loads_answer(sa.post(signed(0)))
    return signed(first["stamp"])


def cpu_of(pids: list[int]) -> float:
    """Seconds of CPU that these processes have had."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def run(port: int, pids: list[int], bodies: Callable[[], bytes], clients: int, seconds: float = SECONDS) -> Round:
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


def cases(scale: float) -> dict[str, tuple[str, Callable[[], bytes]]]:
    """What is asked, by whom it is answered, and how a call is written."""
    sites, nodes, slices = (max(1, int(count * scale)) for count in (300, 1000, 500))

    def said(method: str, *args: Any) -> Callable[[], bytes]:
        body = xmlrpc.dumps_call(method, (ADMIN, *args))
        return lambda: body

    def add_slice() -> bytes:
        name = f"site{secrets.randbelow(sites)}_b{secrets.token_hex(6)}"
        return xmlrpc.dumps_call("AddSlice", (ADMIN, {"name": name}))

    def place() -> bytes:
        start, one = secrets.randbelow(nodes), 1 + secrets.randbelow(slices)
        names = [1 + (start + n) % nodes for n in range(min(50, nodes))]
        return xmlrpc.dumps_call("AddSliceToNodes", (ADMIN, one, names))

    ma, sa = "mgmt_authority", "slice_authority"
    host = f"n0.site{0 % sites}.example.org"
    return {
        "AuthCheck": (sa, said("AuthCheck")),
        "GetNodes by hostname": (ma, said("GetNodes", [host])),
        "GetNodes all fields": (ma, said("GetNodes")),
        "GetSlices all": (sa, said("GetSlices")),
        "GetPersons all": (sa, said("GetPersons")),
        "GetSlivers one node": (ma, said("GetSlivers", 1)),
        "GetSliceTicket": (sa, said("GetSliceTicket", 1)),
        "AddSliceToNodes 50": (sa, place),
        "AddSlice": (sa, add_slice),
    }


def figures() -> Iterator[Figure]:
    """CPU per request at a tenth of the data set, for `make bench`."""
    for name, alone, _ in measured(0.1, 1.0):
        yield Figure(f"PLC API: CPU of {name} (a tenth of the data)", alone.cpu_ms * 1000)


def measured(scale: float, seconds: float) -> Iterator[tuple[str, Round, Round]]:
    """Each call with 1 and with 8 clients."""
    with authorities() as (ports, pids):
        spent = fill(Client(ports["slice_authority"]), Client(ports["mgmt_authority"]), scale)
        print(f"filled in {spent:.1f} s", file=sys.stderr, flush=True)
        service, small = cases(scale)["AuthCheck"]
        busy = beside(ports[service], pids, cases(scale)["GetSlices all"][1], small)
        told = f"AuthCheck beside GetSlices: p50 {busy.at(0.5):.1f} ms, p99 {busy.at(0.99):.1f} ms"
        print(told, file=sys.stderr, flush=True)
        asked = poll(Client(ports["mgmt_authority"]), Client(ports["slice_authority"]))
        nothing = run(ports["slice_authority"], pids, lambda: asked, 1, seconds)
        told = f"a poll that finds nothing new: p50 {nothing.at(0.5):.2f} ms, CPU {nothing.cpu_ms:.2f} ms"
        print(told, file=sys.stderr, flush=True)
        for name, (service, bodies) in cases(scale).items():
            port = ports[service]
            yield name, run(port, pids, bodies, 1, seconds), run(port, pids, bodies, 8, seconds)


def main() -> None:
    """Print the table."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    print(f"{'call':<22}{'1: req/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'8: req/s':>10}{'p50':>8}{'p99':>8}{'CPU ms':>9}"
          f"{'deployed':>10}{'target':>8}{'alone/2':>9}")  # fmt: skip
    for name, one, eight in measured(scale, SECONDS):
        deployed, alone = ORIGINAL[name]
        met = "met" if one.cpu_ms <= deployed * TARGETS[name] and one.cpu_ms <= alone / 2 else "missed"
        print(f"{name:<22}{one.rate:>10.1f}{one.at(0.5):>9.1f}{one.at(0.99):>9.1f}{eight.rate:>10.1f}"
              f"{eight.at(0.5):>8.1f}{eight.at(0.99):>8.1f}{one.cpu_ms:>9.2f}{deployed:>10.1f}"
              f"{deployed * TARGETS[name]:>8.1f}{alone / 2:>9.1f}  {met}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
