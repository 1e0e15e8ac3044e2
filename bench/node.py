"""The node: what a sliver costs from its record to its running, over the real socket, with each driver."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from bench.measure import Figure
from node_manager.records import Record
from node_manager.settings import Settings
from planetlab import xmlrpc
from planetlab.names import Hrn, SliceName
from planetlab.settings import dumps

IMAGES = Path(os.environ.get("PLFED_IMAGES", "/var/lib/plfed/images"))
KEYS = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJk user@example.org",)
NETNS = f"plfed-bench-{os.getpid()}"
MANY = {"memory": 1000, "container": 100}


class Manager:
    """A node manager of its own, and calls to it."""

    def __init__(self, place: Path, driver: str, netns: str) -> None:
        self.socket = place / "nm.sock"
        me = os.getuid()
        config = place / "nm.toml"
        config.write_text(
            dumps(
                Settings(
                    socket=f"unix:{self.socket}:mode=666",
                    tcp="",
                    sensors="",
                    slicestat="",
                    driver=driver,
                    books=str(place / "books.db"),
                    work=str(place / "slivers"),
                    images=str(IMAGES),
                    max_slivers=2000,
                    pl_conf_uid=me,
                    owner_uids=(me,),
                    at_once=8,
                    cgroup="plfed-bench",
                    netns=netns,
                    uplink="up0",
                )  # fmt: skip
            )
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "node_manager", "--config", str(config)], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr
        said = ""
        while "ready" not in (line := self.process.stderr.readline()):
            if not line:
                raise RuntimeError(said)
            said = line.strip()
        Thread(target=self.process.stderr.read, daemon=True).start()  # a full pipe would hold it up

    def call(self, method: str, *args: Any) -> Any:
        """One call on a connection of its own."""
        body = xmlrpc.dumps_call(method, args)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60.0)
            connection.connect(str(self.socket))
            connection.sendall(b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        return xmlrpc.loads_answer(answer.partition(b"\r\n\r\n")[2])

    def sliver(self, number: int) -> str:
        """The rcap of a new sliver."""
        now = time.time()
        name = SliceName("bench", f"s{number}")
        record = Record(name=name, authority=Hrn(("plc",)), expires=now + 9e5, timestamp=now, keys=KEYS)
        return str(self.call("Instantiate", record.wire()))

    def end(self) -> None:
        """End the process; what slivers there are, stay."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def figures() -> Iterator[Figure]:
    """One figure after the other. Real slivers have a network namespace of their own, so nothing of ours is shaped."""
    if os.getuid() == 0:
        _ip("netns", "add", NETNS)
        _ip("-n", NETNS, "link", "add", "up0", "type", "veth", "peer", "name", "up1")
        _ip("-n", NETNS, "link", "set", "up0", "up")
    try:
        yield from _figures()
    finally:
        if os.getuid() == 0:
            _ip("netns", "del", NETNS)


def _ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True)


def _figures() -> Iterator[Figure]:
    for driver in MANY:
        with tempfile.TemporaryDirectory() as place:
            try:
                manager = Manager(Path(place), driver, NETNS if driver == "container" else "")
            except RuntimeError as reason:
                print(f"node     no figures for {driver}: {reason}", file=sys.stderr)
                continue
            try:
                yield from _of(manager, driver)
            finally:
                for each in manager.call("Slivers"):
                    manager.call("Release", each["rcap"])
                manager.end()


def _of(manager: Manager, driver: str) -> Iterator[Figure]:
    most = MANY[driver]
    rcaps = [manager.sliver(0)]

    def make(number: int) -> None:
        rcaps.append(manager.sliver(number))

    calls = [_timed(lambda: _pool(manager)) for _ in range(30)]
    yield from _spread(f"{driver}: acquire, SplitPool, Bind, GetRspec and Release together", calls)
    one_by_one = most // 10
    yield from _spread(
        f"{driver}: record to running sliver, one by one",
        [_timed(partial(make, n)) for n in range(1, one_by_one)],
    )
    began = time.perf_counter()
    with ThreadPoolExecutor(8) as eight:
        times = list(eight.map(lambda n: _timed(partial(make, n)), range(one_by_one, most)))
    yield from _spread(f"{driver}: the same, eight at once", times)
    yield Figure(f"{driver}: each of {most} slivers, eight at once", (time.perf_counter() - began) / len(times) * 1e6)
    yield from _spread(f"{driver}: a renewal", [_timed(partial(manager.sliver, n)) for n in range(20)])
    yield from _spread(
        f"{driver}: stop and destroy", [_timed(partial(manager.call, "Release", rcap)) for rcap in rcaps]
    )


def _pool(manager: Manager) -> None:
    pool = manager.call("acquire", {"cpu_pct": 1})
    part = manager.call("SplitPool", pool, {"cpu_pct": 1})
    manager.call("Bind", part, "bench_s0")
    manager.call("GetRspec", part)
    manager.call("Release", pool)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _spread(what: str, seconds: list[float]) -> Iterator[Figure]:
    ordered = sorted(seconds)
    yield Figure(f"{what}, p50", ordered[len(ordered) // 2] * 1e6)
    yield Figure(f"{what}, p99", ordered[int(len(ordered) * 0.99)] * 1e6)
