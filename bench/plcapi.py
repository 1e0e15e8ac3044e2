"""Speed of the PLC API: both authorities as processes, filled through their own interface, asked by 1 and 8 clients.

Rate and latencies depend on what else the machine does; CPU per request (both servers and their store) does not, and is
what the targets speak of. ``python -m bench.plcapi [SCALE]``: 1 is the data set that the original was measured with.
``python -m bench.plcapi growth`` compares the CPU per returned row of that data set with one ten times as large.
"""

import multiprocessing
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.measure import Figure
from bench.plc import ADMIN, Client, Round, authorities, fill, fill_beside, run
from planetlab import auth_text, xmlrpc

SECONDS = 3.0

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
TAIL = 3.0  # times p50 that the p99 of small calls stays under
GROWTH = 1.3  # times the CPU per row of the small data set


def beside(port: int, pids: list[int], heavy: Callable[[], bytes], light: Callable[[], bytes]) -> Round:
    """Small calls while a client in another process asks for a whole listing again and again."""
    asking = multiprocessing.get_context("spawn").Process(target=ask_on, args=(port, heavy(), 2 * SECONDS + 2))
    asking.start()
    Client(port).post(heavy())
    time.sleep(2.0)  # until it has begun
    found = run(port, pids, light, 1, SECONDS)
    asking.join()
    return found


def ask_on(port: int, body: bytes, seconds: float) -> None:
    """Ask the same for some seconds."""
    client, until = Client(port), time.perf_counter() + seconds
    while time.perf_counter() < until:
        client.post(body)


def poll(ma: Client, sa: Client) -> bytes:
    """A node's call that finds nothing new."""
    ma.call("UpdateNode", 1, {"key": "bench"})

    def signed(since: int) -> bytes:
        auth = {"AuthMethod": "hmac", "node_id": 1, "value": auth_text.sign("bench", (since,))}
        return xmlrpc.dumps_call("GetNodeTickets", (auth, since))

    first = xmlrpc.loads_answer(sa.post(signed(0)))
    return signed(first["stamp"])


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
        sa, ma = _both(ports)
        say(f"filled in {fill(sa.call, ma.call, scale):.1f} s")
        service, small = cases(scale)["AuthCheck"]
        say_tail("alone", run(ports[service], pids, small, 1, SECONDS))
        for name in ("GetSlices all", "GetPersons all", "GetNodes all fields"):
            service, heavy = cases(scale)[name]
            say_tail(f"beside {name.split()[0]}", beside(ports[service], pids, heavy, small))
        sa, ma = _both(ports)  # the others have been idle for longer than a server waits
        asked = poll(ma, sa)
        nothing = run(ports["slice_authority"], pids, lambda: asked, 1, seconds)
        say(f"a poll that finds nothing new: p50 {nothing.at(0.5):.2f} ms, CPU {nothing.cpu_ms:.2f} ms")
        for name, (service, bodies) in cases(scale).items():
            port = ports[service]
            yield name, run(port, pids, bodies, 1, seconds), run(port, pids, bodies, 8, seconds)


def say_tail(what: str, one: Round) -> None:
    """Print what small calls met."""
    p50, p99 = one.at(0.5), one.at(0.99)
    met = "met" if p99 < TAIL * p50 else "missed"
    say(f"AuthCheck {what}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, p99/p50 {p99 / p50:.1f}  {met}")


def _both(ports: dict[str, int]) -> tuple[Client, Client]:
    return Client(ports["slice_authority"]), Client(ports["mgmt_authority"])


def per_row(scale: float, seconds: float) -> dict[str, float]:
    """CPU microseconds per returned row of the whole listings."""
    with authorities(lambda path: fill_beside(path, scale)) as (ports, pids):
        found = {}
        for name, (service, bodies) in cases(scale).items():
            if " all" in name:
                rows = len(xmlrpc.loads_answer(Client(ports[service]).post(bodies()), octets=1 << 28, values=1 << 26))
                found[name] = run(ports[service], pids, bodies, 1, seconds).cpu_ms * 1000 / rows
        return found


def growth(small: float, large: float, seconds: float) -> Iterator[tuple[str, float, float]]:
    """Each listing's CPU per row, in microseconds, of a small and of a large data set."""
    few, many = per_row(small, seconds), per_row(large, seconds)
    for name, cost in few.items():
        yield name, cost, many[name]


def say(line: str) -> None:
    """Print beside the table."""
    print(line, file=sys.stderr, flush=True)


def print_growth() -> None:
    """Print how the cost of a row grows from 1,000 nodes and 500 slices to ten times as many."""
    print(f"{'CPU per returned row':<22}{'small us':>10}{'large us':>10}{'ratio':>8}")
    for name, few, many in growth(1.0, 10.0, 2 * SECONDS):
        met = "met" if many < few * GROWTH else "missed"
        print(f"{name:<22}{few:>10.2f}{many:>10.2f}{many / few:>8.2f}  {met}", flush=True)


def print_speed(scale: float) -> None:
    """Print each call's rate, latencies and CPU beside what was measured of the original."""
    print(f"{'call':<22}{'1: req/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'8: req/s':>10}{'p50':>8}{'p99':>8}{'CPU ms':>9}"
          f"{'deployed':>10}{'target':>8}{'alone/2':>9}")  # fmt: skip
    for name, one, eight in measured(scale, SECONDS):
        deployed, alone = ORIGINAL[name]
        met = "met" if one.cpu_ms <= deployed * TARGETS[name] and one.cpu_ms <= alone / 2 else "missed"
        print(f"{name:<22}{one.rate:>10.1f}{one.at(0.5):>9.1f}{one.at(0.99):>9.1f}{eight.rate:>10.1f}"
              f"{eight.at(0.5):>8.1f}{eight.at(0.99):>8.1f}{one.cpu_ms:>9.2f}{deployed:>10.1f}"
              f"{deployed * TARGETS[name]:>8.1f}{alone / 2:>9.1f}  {met}", flush=True)  # fmt: skip


def main() -> None:
    """Print the table that is asked for."""
    if sys.argv[1:] == ["growth"]:
        print_growth()
    else:
        print_speed(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)


if __name__ == "__main__":
    main()
