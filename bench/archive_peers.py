"""The archive's flows in nfdump's files, and in SQLite with indexes made for the questions; and the archive's figures.

What peers were given stays in the folder, and a later run asks it again. Each answers the four questions in its own
words, and its answers are held against ours. A question that takes minutes is asked once, with its progress told, and
given up after `asking.PATIENCE`.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from bench import made_flows
from bench.archive_nfdump import Nfdump
from bench.archive_sqlite import Sqlite
from bench.asking import PATIENCE, Peer, TooLong, Watch, best
from bench.made_flows import FIRST_SLICE, HOURS, NODES, SLICES

Report = Callable[..., None]
_SLICE = {made_flows.slice_name(number): number for number in range(FIRST_SLICE, FIRST_SLICE + SLICES)}
_NODE = {made_flows.node_name(number): number for number in range(NODES)}
# What peers tell of our answers' columns; nodes and slices by number.
_TOLD = {
    "who": ("slice", "node", "first", "last", "packets", "octets", "flows"),
    "many": ("slice", "destinations", "packets"),
    "ports": ("proto", "port", "flows", "packets"),
    "octets": ("slice", "hour", "octets"),
}


def compare(
    folder: Path, flows: int, address: Any, asks: dict[str, Callable[[], list[dict[str, Any]]]],
    ours: dict[str, float], report: Report, patience: float = PATIENCE,
) -> bool:  # fmt: skip
    """Fill both, where an earlier run has not, and ask them; whether all that can be compared is equal.

    ``asks``: the archive's questions, the first of which is for ``address``; ``ours``: its figures on the same flows,
    which lie in ``folder``. Figures are seconds, the best of three after one that warms; of what takes long fewer.
    """
    answers = {name: _rows(_TOLD[name], ask()) for name, ask in asks.items()}
    equal = True
    peers: tuple[Peer, ...] = (Nfdump(folder / "nfdump"), Sqlite(folder / "peer.sqlite"))
    for peer in peers:
        if peer.lacking:
            report(peer.name, "skipped", peer.lacking)
            continue
        report(peer.name, f"{flows:,} flows", peer.settings)
        _fill(peer, folder / f"{peer.name}.filled", flows // HOURS, report)
        for what, octets in peer.octets().items():
            report(
                f"{peer.name}: bytes a flow, {what}",
                f"{octets / flows:.1f}",
                f"ratio {octets / flows / ours['size']:.1f}",
            )
        for name, ask in peer.asks(address).items():
            equal &= _ask(f"{peer.name}: {name}", ask, ours[name], answers[name], patience, report)
        peer.close()
    return equal


def _rows(columns: Iterable[str], answer: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Our answer as peers give theirs."""
    numbers = {"slice": _SLICE, "node": _NODE}
    return sorted(tuple(numbers.get(name, {}).get(row[name], row[name]) for name in columns) for row in answer)


def _ask(
    what: str, ask: Callable[[Watch], list[tuple[Any, ...]] | int], ours: float, expected: list[tuple[Any, ...]],
    patience: float, report: Report,
) -> bool:  # fmt: skip
    watch = partial(Watch, what, patience)

    def once() -> list[tuple[Any, ...]] | int:
        watching = watch()
        try:
            return ask(watching)
        finally:
            watching.end()

    try:
        seconds, rows = best(once)
    except TooLong:
        report(what, f"> {patience:,.0f} s", f"ratio {patience / ours:,.3g} at least")
        return True
    told = f"ratio {seconds / ours:,.3g}"
    equal = isinstance(rows, int) or sorted(rows) == expected
    if isinstance(rows, int):
        count = sum(row[-1] for row in expected) if what.endswith(": who") else len(expected)
        told += f", {rows:,} rows" + (f" for our {count:,}" if rows != count else "")
    else:
        told += f", {len(rows):,} rows, {'equal' if equal else 'NOT EQUAL'}"
    report(what, f"{seconds * 1000:,.1f} ms", told)
    return equal


def _fill(peer: Peer, mark: Path, each: int, report: Report) -> None:
    """Give a peer ``each`` flows of every hour, unless an earlier run did; ``mark`` says so."""
    sort = {"flows": each, "settings": peer.settings}
    found = json.loads(mark.read_text()) if mark.exists() else {}
    if {name: found.get(name) for name in sort} == sort:
        peer.open()
        report(
            f"{peer.name}: filling", f"{found['rate']:,.0f} k flows/s", "by an earlier run, whose files are asked again"
        )
        return
    mark.unlink(missing_ok=True)
    bed, took = made_flows.testbed(), 0.0
    peer.begin()
    for number in range(HOURS):
        made = made_flows.hour(bed, number, each)
        began = time.perf_counter()
        peer.fill(*made, number)
        took += time.perf_counter() - began
        print(f"\r{peer.name}: hour {number + 1} of {HOURS}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    began = time.perf_counter()
    peer.filled()
    rate = each * HOURS / (took + time.perf_counter() - began) / 1000
    mark.write_text(json.dumps({**sort, "rate": rate}))
    report(f"{peer.name}: filling", f"{rate:,.0f} k flows/s")
