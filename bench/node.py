"""The node: what a sliver costs from its ticket to its running, over the real sockets, with each driver.

``PLFED_BENCH_SLIVERS`` says how many are to be alive at once, 1,000 unless told.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from attrs import frozen

from bench import sliver_steps
from bench.measure import Amount, Figure
from bench.node_under import NodeUnder, network, slice_name
from node_manager.drivers.container.look import allocated

ALIVE = int(os.environ.get("PLFED_BENCH_SLIVERS", "1000"))
ONE_BY_ONE, AT_ONCE = 30, 8

# OSDI 2006 and NSDI 2004, on a Pentium of 1.2 GHz
PAPER_CALLS, PAPER_WARM = 0.15, 9.66  # seconds
PAPER_DISK = 29e6  # bytes


def figures() -> Iterator[Figure | Amount]:
    """One figure after the other."""
    with network() as netns:
        for driver in ("memory", "container"):
            with tempfile.TemporaryDirectory() as place:
                try:
                    node = NodeUnder(Path(place), driver, netns if driver == "container" else "")
                except RuntimeError as reason:
                    print(f"node     no figures for {driver}: {reason}", file=sys.stderr)
                    continue
                try:
                    yield from _of(node, driver)
                finally:
                    node.clear()
                    node.end()
                if driver == "container":
                    yield from sliver_steps.figures(Path(place, "steps"), netns)


def _of(node: NodeUnder, driver: str) -> Iterator[Figure | Amount]:
    rcaps: list[str] = [node.redeem(node.ticket(0))]  # warm
    tickets = {number: node.ticket(number) for number in range(1, ALIVE)}
    real = driver == "container"

    def make(number: int) -> float:
        began = time.perf_counter()
        rcaps.append(node.redeem(tickets[number]))
        return time.perf_counter() - began

    yield from _spread(f"{driver}: acquire, SplitPool and Bind together", _pools(node), PAPER_CALLS)
    before = _Used.by(node)
    began = time.perf_counter()
    one_by_one = [make(number) for number in range(1, ONE_BY_ONE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        many = list(pool.map(make, range(ONE_BY_ONE, ALIVE)))
    took = time.perf_counter() - began
    yield from _spread(f"{driver}: ticket to running sliver, one by one", one_by_one, PAPER_WARM)
    yield from _spread(f"{driver}: the same, {AT_ONCE} at once", many, PAPER_WARM)
    yield Amount(f"{driver}: {ALIVE} slivers alive, in all", took, "s", PAPER_WARM * ALIVE if real else 0.0)
    yield from _held(node, driver, before)
    yield Figure(f"{driver}: a round in which nothing changed, of {ALIVE}", _round(node) * 1e6)
    yield from _spread(f"{driver}: a renewal", [_timed(partial(node.redeem, node.ticket(n))) for n in range(20)])
    if real:
        with suppress(FileNotFoundError):  # no ssh on this machine
            node.ssh(slice_name(0))
            someones = [partial(node.ssh, slice_name(number)) for number in (1, 2, 3, ALIVE // 2, ALIVE - 1)]
            yield from _spread("container: ssh into a slice, a command and out", list(map(_timed, someones)))
    began = time.perf_counter()
    each = [_timed(partial(node.call, "Release", rcap)) for rcap in rcaps[:ONE_BY_ONE]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(partial(node.call, "Release"), rcaps[ONE_BY_ONE:]))
    yield from _spread(f"{driver}: stop and destroy, one by one", each)
    yield Amount(f"{driver}: stop and destroy all {ALIVE}", time.perf_counter() - began, "s")


def _pools(node: NodeUnder) -> list[float]:
    """Seconds of the three calls, again and again; what they made is given back outside of the time."""
    took = []
    for _ in range(30):
        began = time.perf_counter()
        pool = node.call("acquire", {"cpu_pct": 1})
        part = node.call("SplitPool", pool, {"cpu_pct": 1})
        node.call("Bind", part, str(slice_name(0)))
        took.append(time.perf_counter() - began)
        node.call("Release", part)
        node.call("Release", pool)
    return took


@frozen(kw_only=True)
class _Used:
    """Memory and disk, bytes."""

    manager: int  # of the node manager alone
    firsts: int  # of all first processes, each alone
    count: int  # of first processes
    disk: int  # slivers' files and descriptions
    machine: int  # memory of everything, the kernel's own too

    @classmethod
    def by(cls, node: NodeUnder) -> "_Used":
        work = node.place / "slivers"
        firsts = [int(path.read_text("ascii")) for path in work.glob("slivers/*/init.pid")]
        with open("/proc/meminfo", encoding="ascii") as rows:
            free = next(int(row.split()[1]) * 1024 for row in rows if row.startswith("MemAvailable"))
        return cls(
            manager=_private(node.manager),
            firsts=sum(map(_private, firsts)),
            count=len(firsts),
            disk=allocated(work / "slivers") + max(map(allocated, _pools_of(node.manager)), default=0),
            machine=-free,
        )


def _private(pid: int) -> int:
    """Bytes of memory that only this process has."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return sum(int(row.split()[1]) * 1024 for row in rows if row.startswith("Private_"))


def _pools_of(manager: int) -> list[Path]:
    """The slivers' pool, as the node manager's threads see it; only they have it mounted."""
    return [path for path in Path(f"/proc/{manager}/task").glob("*/root/srv/pool") if path.is_dir()]


def _held(node: NodeUnder, driver: str, before: _Used) -> Iterator[Amount]:
    after = _Used.by(node)
    many = ALIVE - 1
    yield Amount(
        f"{driver}: node manager's memory per idle sliver", (after.manager - before.manager) / many / 1e6, "MB"
    )
    if driver == "container":
        firsts = after.firsts / max(1, after.count) / 1e6
        yield Amount("container: first process's own memory per idle sliver", firsts, "MB")
        yield Amount(
            "container: all of the machine's per idle sliver", (after.machine - before.machine) / many / 1e6, "MB"
        )
        yield Amount("container: disk per idle sliver", (after.disk - before.disk) / many / 1e6, "MB", PAPER_DISK / 1e6)


def _round(node: NodeUnder) -> float:
    """Seconds of the node manager's last round, once one has ended that began after everything was made."""
    time.sleep(25.0)  # two rounds and a half
    return node.metric("plfed_node_round_seconds")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _spread(what: str, seconds: list[float], paper: float = 0.0) -> Iterator[Figure]:
    ordered = sorted(seconds)
    yield Figure(f"{what}, p50", ordered[len(ordered) // 2] * 1e6, paper * 1e6)
    yield Figure(f"{what}, p99", ordered[int(len(ordered) * 0.99)] * 1e6, paper * 1e6)
