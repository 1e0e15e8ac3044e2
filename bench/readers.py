"""Strangers at a node's pages: twenty readers at once while the hour holds a million flows.

``python -m bench.readers [flows] [readers] [seconds]`` prints p50 and p95 by page, and what a page costs in CPU.
The pages run in a process of their own, as on a node, and flows go on coming; the capture itself is not part of it.
"""

import http.client
import itertools
import os
import random
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from attrs import define, field
from twisted.web.server import Site

from auditd import rows
from auditd.__main__ import TURN
from auditd.answers import Answers
from auditd.pages import Pages
from auditd.rows import Rows
from bench import made_flows
from bench.measure import Figure
from tests.auditd.world import World

LIMIT = 0.300  # seconds at p95
_SERVER = "import sys; from bench.readers import serve; serve(int(sys.argv[1]))"
_BEAT = 0.25  # seconds between two deliveries of a capture
_PIECE = 1 << 18  # bytes that a reader takes at once
_OPEN = 60.0  # seconds at the end of the hour whose flows have not ended yet


def serve(count: int) -> None:
    """Serve the pages of a node whose last hour has ``count`` flows, and which goes on sending at that pace."""
    from twisted.internet import reactor as found_reactor  # here alone: the readers' process needs none
    from twisted.internet import task, threads

    reactor: Any = found_reactor  # a module by its type

    sys.setswitchinterval(TURN)
    world, found, some = a_full_hour(count)
    began, (steady, wall) = time.monotonic(), world.clocks()

    def clocks() -> tuple[int, int]:
        passed = int(1e6 * (time.monotonic() - began))
        return steady + passed, wall + passed

    def aside(work: Callable[[], Any], told: Callable[[Any], None]) -> None:
        threads.deferToThread(work).addCallback(told)

    chance = np.random.default_rng(3)

    def beat() -> None:
        now, today = clocks()
        sent = found[chance.integers(0, count, int(count / 3600 * _BEAT))]
        sent["ports"] = chance.integers(1 << 16, 1 << 32, len(sent))
        sent["first"] = sent["last"] = now
        world.audit.flows.see(sent)
        world.audit.clock(now, today)
        world.audit.turn(now)

    world.pages = Pages(Answers(world.audit, world.settings, aside), clocks)
    task.LoopingCall(beat).start(_BEAT)
    task.LoopingCall(world.pages.warm).start(20.0)
    port = reactor.listenTCP(0, Site(world.pages), interface="127.0.0.1")
    print(port.getHost().port, *some, flush=True)
    reactor.run()


def a_full_hour(count: int) -> tuple[World, Rows, list[str]]:
    """A node's audit after an hour of ``count`` flows, the flows, and some 500 of the addresses that they went to."""
    world = World()
    found, _ = made_flows.hour(made_flows.testbed(), 0, count)
    steady, wall = world.clocks()
    shift = wall - int(found["last"].max())
    found["last"] += shift
    found["first"] += shift
    common = {"authority": "plc", "kind": "mark", "from": wall / 1e6 - 9000}
    last = made_flows.FIRST_SLICE + made_flows.SLICES
    numbers = range(made_flows.FIRST_SLICE, last)
    world.own(also=[{"slice": made_flows.slice_name(n), "tag": str(n), **common} for n in numbers])
    ours = {sender.slice: n for sender, n in world.audit.owners.senders().items()}
    table = np.zeros(last, np.uint32)
    table[list(numbers)] = [ours[made_flows.slice_name(n)] for n in numbers]
    found["slice"] = table[found["slice"]]
    found = found[found["last"].argsort(kind="stable")]
    still_open = int(found["last"].searchsorted(wall - int(_OPEN * 1e6)))
    for begin, end in itertools.pairwise([*range(0, still_open, max(1, count // 720)), still_open]):
        world.audit.hour.add(found[begin:end], world.steady - (wall - int(found["last"][end - 1])) / 1e6)
    rest = found[still_open:].copy()
    rest["first"] += steady - wall
    rest["last"] += steady - wall
    world.audit.flows.see(rest)
    places = range(0, count, max(1, count // 500))
    return world, found, [str(rows.address(int(found["d_hi"][n]), int(found["d_lo"][n]))) for n in places]


def paths(addresses: list[str]) -> dict[str, list[str]]:
    """What readers ask for, by kind."""
    four = [each for each in addresses if ":" not in each]
    return {
        "/": ["/"],
        "/slices": ["/slices", "/slices?page=3", "/slices.json"],
        "/destinations": ["/destinations", "/destinations.csv"],
        "/summary": ["/summary"],
        "/slice": ["/slice/site16_slice0", "/slice/site23_slice7", "/slice/site46_slice30.json"],
        "/to/address": [f"/to/{each}" for each in addresses],
        "/to/address.json": [f"/to/{each}.json" for each in addresses],
        "/to/?port": [f"/to/{each}?port=443&protocol=tcp" for each in four],
        "/to/24": [f"/to/{each.rpartition('.')[0]}.0/24.json" for each in four],
        "/to/16": [f"/to/{'.'.join(each.split('.')[:2])}.0.0/16" for each in four],
        "/to/8": [f"/to/{each.split('.')[0]}.0.0.0/8.json" for each in four],
        "/to/0": ["/to/0.0.0.0/0", "/to/::/0.json", "/to/0.0.0.0/0.csv"],
    }


def measured(flows: int, readers: int, seconds: float) -> Iterator[tuple[str, float, float, int, float]]:
    """Kind, p50, p95 in seconds, how many answers; and at the end all together, with CPU seconds per answer."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER, str(flows)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port, *addresses = server.stdout.readline().split()
        kinds = paths(addresses)
        for each in kinds.values():
            _get(int(port), each[0])
        spent = _cpu(server.pid)
        times = _crowd(int(port), kinds, readers, time.monotonic() + seconds)
        spent = _cpu(server.pid) - spent
        for kind, taken in times.items():
            yield kind, _at(taken, 0.5), _at(taken, 0.95), len(taken), 0.0
        every = [one for taken in times.values() for one in taken]
        yield "all", _at(every, 0.5), _at(every, 0.95), len(every), spent / max(1, len(every))
    finally:
        server.terminate()
        server.wait()


@define(eq=False)
class _Reader:
    """One who asks for a page, reads it, and asks for the next."""

    port: int
    chance: random.Random
    kind: str = ""
    path: str = ""
    connection: socket.socket = field(factory=socket.socket)
    begun: float = 0.0
    read: bytearray = field(factory=bytearray)

    def ask(self, kinds: dict[str, list[str]]) -> None:
        """Ask for some page on a connection of its own."""
        self.kind = self.chance.choice(list(kinds))
        self.path = self.chance.choice(kinds[self.kind])
        self.begun, self.read = time.perf_counter(), bytearray()
        self.connection = socket.create_connection(("127.0.0.1", self.port))
        self.connection.sendall(f"GET {self.path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n".encode())

    def took(self) -> float | None:
        """Read what came: how long it took if that was the end, else None."""
        if piece := self.connection.recv(_PIECE):
            self.read += piece
            return None
        self.connection.close()
        head, _, body = self.read.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: (\d+)", head, re.IGNORECASE)
        whole = len(body) == int(length[1]) if length else body.endswith(b"\r\n0\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 ") or not whole:
            raise AssertionError(f"{self.path}: expected a whole page, got {bytes(self.read[:200])!r}")
        return time.perf_counter() - self.begun


def _crowd(port: int, kinds: dict[str, list[str]], readers: int, end: float) -> dict[str, list[float]]:
    """Seconds that each kind's answers took. One thread reads for all: else they would wait for each other."""
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    with selectors.DefaultSelector() as waiting:
        for seed in range(readers):
            reader = _Reader(port, random.Random(seed))
            reader.ask(kinds)
            waiting.register(reader.connection, selectors.EVENT_READ, reader)
        while waiting.get_map():
            for key, _ in waiting.select():
                if (took := key.data.took()) is None:
                    continue
                waiting.unregister(key.fileobj)
                times[key.data.kind].append(took)
                if time.monotonic() < end:
                    key.data.ask(kinds)
                    waiting.register(key.data.connection, selectors.EVENT_READ, key.data)
    return times


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise AssertionError(f"{path}: expected 200, got {answer.status}: {body[:200]!r}")
    return body


def _cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        told = file.read().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def _at(taken: list[float], share: float) -> float:
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * share))] if taken else 0.0


def figures() -> Iterator[Figure]:
    """All pages together, for `make bench`."""
    *_, (_, _, p95, _, cpu) = measured(1_000_000, 20, 5.0)
    yield Figure("20 readers at 1 M flows in the hour: p95", p95 * 1e6)
    yield Figure("20 readers at 1 M flows in the hour: CPU a page", cpu * 1e6)


def main() -> None:
    """Print the table."""
    given = [float(each) for each in sys.argv[1:]]
    flows, readers, seconds = [*given, *(1e6, 20.0, 10.0)[len(given) :]]
    for kind, p50, p95, count, cpu in measured(int(flows), int(readers), seconds):
        told = f"  {cpu * 1000:.1f} ms CPU each" if cpu else ""
        verdict = "met" if p95 <= LIMIT else "MISSED"
        print(f"{kind:<18} {count:>6} answers  p50 {p50 * 1000:>7.1f} ms  p95 {p95 * 1000:>7.1f} ms  {verdict}{told}")


if __name__ == "__main__":
    main()
