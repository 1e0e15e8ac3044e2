"""Slivers' own books held against the node's pages and the archive, at full size.

``python -m bench.audit truth`` runs all trials, ``python -m bench.truth A3`` one.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence

from bench.measure import Figure
from tests.auditd import searched, trials, truth

SLIVERS = int(os.environ.get("PLFED_BENCH_SLIVERS", "50"))
FLOWS = 200  # of each
ROUNDS = 100  # of slivers that come and go, three slices each
HOUR = int(os.environ.get("PLFED_BENCH_HOUR", "1000000"))  # flows in the hour that is searched
SEARCHES, CLIENTS, LIMIT = 200, 20, 0.300  # seconds at p95
SCANNED = int(os.environ.get("PLFED_BENCH_SCANNED", "300000"))  # flows that are pulled through a bad line
KILLS = int(os.environ.get("PLFED_BENCH_KILLS", "100"))


def _say(text: object) -> None:
    print(f"         {text}", file=sys.stderr, flush=True)


def _kept() -> Iterator[Figure]:
    node = truth.Node()
    try:
        begun = time.perf_counter()
        books = trials.kept(node, SLIVERS, FLOWS, 30.0)
        _say(f"A1 {SLIVERS} slivers, {len(books)} flows; the page: {trials.on_the_page(node, books, SLIVERS)}")
        _say(f"A1 the archive: {trials.in_the_archive(node, books)}")
        yield Figure(
            "hold a flow of the books against page and archive", (time.perf_counter() - begun) / len(books) * 1e6
        )
        begun = time.perf_counter()
        _say(f"A2 slivers made, renamed and destroyed, one port: {trials.come_and_gone(node, ROUNDS)}")
        _say(f"   {ROUNDS * 3 / (time.perf_counter() - begun):.1f} changes of a sliver a second")
    finally:
        node.close()


def _killed() -> Iterator[Figure]:
    node = truth.Node()
    try:
        begun = time.perf_counter()
        losses = trials.killed(node, KILLS)
    finally:
        node.close()
    for what in ("audit", "capture"):
        some = [loss for loss in losses if loss.what == what]
        worst, total = max(loss.seconds for loss in some), sum(loss.missing for loss in some)
        undeclared = sum(loss.undeclared for loss in some)
        _say(
            f"A3 {what} killed {len(some)} times: {total} flows missing in all, at most {worst:.2f} s of them at once, "
            f"{undeclared} of them undeclared"
        )
    yield Figure("kill, and go on", (time.perf_counter() - begun) / len(losses) * 1e6)


def _searched() -> Iterator[Figure]:
    found = searched.searched(HOUR, SEARCHES, CLIENTS, rounds=5)
    p50, p95 = found.slowest(0.5), found.slowest(0.95)
    _say(
        f"A4 {HOUR:,} flows in the hour, {SEARCHES} random searches by destination, slice, port, prefix and time from "
        f"{CLIENTS} clients, {len(found.seconds)} answers: p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms "
        f"({'met' if p95 <= LIMIT else 'MISSED'}: {LIMIT * 1000:.0f} ms), {len(found.wrong)} of them not what brute "
        f"force finds {found.wrong[:1] or ''}"
    )
    yield Figure("search the hour, one of 20 clients: p95", p95 * 1e6)


def _overrun() -> Iterator[Figure]:
    node = truth.Node({"ring_mib": 2})
    try:
        told = trials.overrun(node)
    finally:
        node.close()
    _say(
        f"A5 {told.sent} packets sent to a stopped capture: {told.seen} seen, {told.dropped} dropped and declared, "
        f"counts {'said to be' if told.at_least else 'NOT said to be'} at least"
    )
    yield from ()


def _pulled() -> Iterator[Figure]:
    node = truth.Node()
    try:
        begun = time.perf_counter()
        told = trials.pulled_through_a_bad_line(node, SCANNED)
    finally:
        node.close()
    _say(
        f"A6 {told.pulls} pulls of {told.sent:,} flows and more, each broken off, said twice or mixed up at another "
        f"64 kB ({told.rounds} rounds): the archive is the node's log, with no flow twice, after "
        f"{told.pulls - len(told.wrong)} of them {told.wrong or ''}"
    )
    yield Figure("pull a log through a bad line", (time.perf_counter() - begun) / told.pulls * 1e6)


PARTS = {"A1": _kept, "A3": _killed, "A4": _searched, "A5": _overrun, "A6": _pulled}  # A2 is of the first's node


def figures(names: Sequence[str] = ()) -> Iterator[Figure]:
    """The trials that are named, or all; their figure is how long they took for each of what they held."""
    if why := truth.refused():
        _say(f"truth: not here: {why}")
        return
    for name in names or PARTS:
        yield from PARTS[name]()


if __name__ == "__main__":
    for each in figures(sys.argv[1:]):
        print(f"truth    {each.line}", flush=True)
