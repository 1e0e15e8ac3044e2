"""Slivers' own books held against the node's pages and the archive, at full size; ``python -m bench.audit truth``."""

import os
import sys
import time
from collections.abc import Iterator

from bench.measure import Figure
from tests.auditd import trials, truth

SLIVERS = int(os.environ.get("PLFED_BENCH_SLIVERS", "50"))
FLOWS = 200  # of each
ROUNDS = 100  # of slivers that come and go, three slices each
KILLS = int(os.environ.get("PLFED_BENCH_KILLS", "100"))


def _say(text: object) -> None:
    print(f"         {text}", file=sys.stderr, flush=True)


def figures() -> Iterator[Figure]:
    """One trial after the other; their figure is how long they took for each of what they held."""
    if why := truth.refused():
        _say(f"truth: not here: {why}")
        return
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
    yield from _killed()
    yield from _overrun()


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
