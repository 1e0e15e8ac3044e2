"""An hour of flows behind a node's pages, searched by many clients at once, and by brute force beside them.

``python -m tests.auditd.searched COUNT`` serves the pages of a node that has that many; `searched` starts it, and asks.
"""

import contextlib
import http.client
import json
import os
import pathlib
import queue
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
from attrs import define, field, frozen
from twisted.internet.threads import deferToThread
from twisted.web.server import Site

from auditd import rows
from auditd.answers import Answers
from auditd.pages import Pages
from auditd.rows import Rows
from bench import made_flows
from tests.auditd.world import NOON, World

ROOT = pathlib.Path(__file__).parents[2]
Mask = npt.NDArray[np.bool_]


def made(count: int) -> Rows:
    """Flows that ended in the hour before noon; the number of a slice is its place in `made_flows`."""
    found, _ = made_flows.hour(made_flows.testbed(), 0, count)
    shift = NOON * 1_000_000 - int(found["last"].max())
    found["last"] += shift
    found["first"] += shift
    return found


@frozen(kw_only=True)
class Search:
    """What is asked. Times are microseconds since the epoch."""

    to: IPv4Network | IPv6Network
    since: int
    until: int
    skew: int = 0  # seconds
    slice: int = 0  # 0: any
    port: int = 0  # 0: any
    protocol: int = 0  # 0: any

    @property
    def path(self) -> str:
        """The page that answers."""
        asked = {"from": f"{self.since / 1e6:.6f}", "until": f"{self.until / 1e6:.6f}"}
        if self.skew:
            asked["skew"] = str(self.skew)
        if self.slice:
            asked["slice"] = made_flows.slice_name(self.slice)
        if self.port:
            asked["port"] = str(self.port)
        if self.protocol:
            asked["protocol"] = str(self.protocol)
        return f"/to/{self.to}.json?{urlencode(asked)}"

    def brute(self, every: Rows) -> tuple[int, dict[str, tuple[int, int]]]:
        """How many flows fit, and packets and octets by slice: every record is looked at, in plain words."""
        fits = _within(self.to, every["d_hi"], every["d_lo"])
        fits &= (every["last"] >= self.since - self.skew * 1_000_000) & (
            every["first"] <= self.until + self.skew * 1_000_000
        )
        if self.slice:
            fits &= every["slice"] == self.slice
        if self.port:
            fits &= (every["ports"] // 65536 == self.port) | (every["ports"] % 65536 == self.port)
        if self.protocol:
            fits &= every["proto"] == self.protocol
        some = every[fits]
        names = ("s_hi", "s_lo", "d_hi", "d_lo", "ports", "proto", "slice")
        flows = {tuple(int(each[name]) for name in names) for each in some}
        sums: dict[str, tuple[int, int]] = {}
        for each in some:
            name = made_flows.slice_name(int(each["slice"]))
            packets, octets = sums.get(name, (0, 0))
            sums[name] = (packets + int(each["packets"]), octets + int(each["octets"]))
        return len(flows), sums


def _within(to: IPv4Network | IPv6Network, hi: Any, lo: Any) -> Mask:
    """Whether the first bits of each address are the network's."""
    number, bits = int(to.network_address), to.prefixlen
    if isinstance(to, IPv4Network):
        rest = np.uint64(32 - bits)
        same = (lo & np.uint64(0xFFFFFFFF)) >> rest == np.uint64(number >> (32 - bits))
        return np.asarray(same & (hi == 0) & (lo >> np.uint64(32) == np.uint64(0xFFFF)))
    same = hi >> np.uint64(64 - min(bits, 63)) == np.uint64((number >> 64) >> (64 - min(bits, 63)))
    if bits >= 64:
        same = hi == np.uint64(number >> 64)
    if bits > 64:
        same &= lo >> np.uint64(128 - bits) == np.uint64((number & (1 << 64) - 1) >> (128 - bits))
    return np.asarray(same)


def searches(every: Rows, count: int, seed: int = 4) -> list[Search]:
    """Random searches that find something: by destination, slice, port, prefix, time with a skew, and all of them."""
    chance, found = random.Random(seed), []
    begin, end = (NOON - 3600) * 1_000_000, NOON * 1_000_000
    for number in range(count):
        one = every[chance.randrange(len(every))]
        address = rows.address(int(one["d_hi"]), int(one["d_lo"]))
        whole, kind = address.max_prefixlen, number % 6
        bits = chance.randrange(8 if whole == 32 else 49, whole) if kind in (3, 5) else whole
        since, until, skew = begin, end, 0
        if kind >= 4:
            since = int(one["first"]) - chance.randrange(600_000_000)
            until, skew = int(one["last"]) + chance.randrange(600_000_000), chance.choice((0, 5, 300))
        ported = int(one["proto"]) in (rows.TCP, rows.UDP)
        found.append(
            Search(
                to=ip_network(f"{address}/{bits}", strict=False), since=since, until=until, skew=skew,
                slice=int(one["slice"]) if kind in (1, 5) else 0,
                port=int(one["ports"]) & 0xFFFF if ported and kind in (2, 5) else 0,
                protocol=int(one["proto"]) if ported and kind == 2 else 0,
            )
        )  # fmt: skip
    return found


@define
class Found:
    """How the searches went."""

    seconds: list[float] = field(factory=list)  # of each answer
    wrong: list[str] = field(factory=list)  # pages whose counts are not brute force's

    def slowest(self, share: float) -> float:
        """The seconds that this share of all answers took at most."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * share))]


@contextlib.contextmanager
def serving(flows: int) -> Iterator[int]:
    """The pages of a node with so many flows; the port at which they are."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.auditd.searched", str(flows)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.communicate()


def searched(flows: int, count: int, clients: int, rounds: int = 1) -> Found:
    """Ask ``count`` searches of a node with so many flows, each ``rounds`` times, by so many clients at once."""
    every = made(flows)
    asked = searches(every, count)
    expected = [search.brute(every) for search in asked]
    found, waiting = Found(), queue.SimpleQueue[int]()
    for number in (n for _ in range(rounds) for n in range(count)):
        waiting.put(number)

    def client(port: int) -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            path, began = asked[number].path, time.perf_counter()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as answer:
                    told = _told(answer.read())
            except (OSError, ValueError, http.client.HTTPException) as error:
                found.wrong.append(f"{path}: {error!r}")
                continue
            found.seconds.append(time.perf_counter() - began)
            if told != expected[number]:
                found.wrong.append(f"{path}: expected {expected[number]}, got {told}")

    with serving(flows) as port:
        crowd = [threading.Thread(target=client, args=(port,)) for _ in range(clients)]
        for each in crowd:
            each.start()
        for each in crowd:
            each.join()
    return found


def _told(data: bytes) -> tuple[int, dict[str, tuple[int, int]]]:
    """What a page says of the same."""
    told = json.loads(data)
    return told["flow_count"], {each["slice"]: (each["packets"], each["octets"]) for each in told["slices"]}


def node(count: int) -> World:
    """A node with so many flows in its hour."""
    world, found = World(), made(count)
    names = [made_flows.slice_name(made_flows.FIRST_SLICE + n) for n in range(made_flows.SLICES)]
    world.own(also=[{"slice": name, "authority": "plc", "kind": "mark", "tag": str(n), "from": NOON - 9000.0}
                    for n, name in enumerate(names, made_flows.FIRST_SLICE)])  # fmt: skip
    numbers = {sender.slice: n for sender, n in world.audit.owners.senders().items()}
    table = np.array([0] * made_flows.FIRST_SLICE + [numbers[name] for name in names], np.uint32)
    found["slice"] = table[found["slice"]]
    for at in range(0, count, 60_000):
        world.audit.hour.add(found[at : at + 60_000], world.steady)
    return world


def main(count: int) -> None:
    """Serve the pages of `node`; prints the port."""
    reactor: Any = import_module("twisted.internet.reactor")  # a program of its own, so it is chosen here
    world, began = node(count), time.monotonic()
    steady, wall = world.clocks()

    def clocks() -> tuple[int, int]:
        passed = int(1e6 * (time.monotonic() - began))
        return steady + passed, wall + passed

    def aside(work: Any, told: Any) -> None:
        deferToThread(work).addCallback(told)

    pages = Pages(Answers(world.audit, world.settings, aside), clocks)
    port = reactor.listenTCP(0, Site(pages), interface="127.0.0.1")
    print(port.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
