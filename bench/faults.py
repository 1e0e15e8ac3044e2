"""``python -m bench.faults [--repeats 20] [WORD…]``: redeem, delete and renew, broken off at every point in every way.

Each run is a fresh node of two real processes. One of them is told to *kill* itself at a point, or to *raise* there; or
with the kill the power goes too: what was not synchronised is *lost*, or *torn*. Then both are started again, the
client repeats its call as the testbed's did, and what is written down is examined by the rules of the deep doctor:
nothing lost, doubled or half made, and an rcap that was answered is the one that holds. Words choose points and ways.
"""

import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xmlrpc.client import Binary, Fault

from attrs import frozen

from bench import power
from bench.forked import LOST, Authority, Node
from planetlab.cli.deep import books, files
from planetlab.cli.deep.examination import NODE_RULES
from planetlab.cli.deep.node import Node as Examined
from planetlab.cli.deep.places import look
from planetlab.cli.deep.slivers import remembered

REDEEMING = {
    "pl_conf": (
        "request.begun", "redeem.received", "redeem.verified", "redeem.admitted", "redeem.recorded",
        "redeem.instantiated", "redeem.answered", "answer.sent",
    ),
    "node_manager": (
        "sliver.journalled", "sliver.half", "sliver.made", "sliver.bound", "sliver.keys", "round.created",
        "round.started", "sliver.done", "answer.sent",
    ),
}  # fmt: skip
RENEWING = {
    "pl_conf": ("redeem.admitted", "redeem.recorded", "redeem.instantiated", "redeem.answered", "answer.sent"),
    "node_manager": ("sliver.journalled", "sliver.done", "answer.sent"),
}
DELETING = {
    "pl_conf": ("delete.journalled", "delete.released", "delete.recorded", "answer.sent"),
    "node_manager": ("release.journalled", "round.destroyed", "answer.sent"),
}
OPERATIONS = {"redeem": REDEEMING, "renew": RENEWING, "delete": DELETING}
WAYS = ("kill", "raise", "lost", "torn")
SETTLES = 15.0  # seconds in which a node is whole again


@frozen
class Case:
    """One point, of one process, in one operation, in one way."""

    operation: str
    process: str
    point: str
    way: str

    @property
    def words(self) -> set[str]:
        """By which it can be chosen."""
        return {self.operation, self.process, self.point, self.way}


def cases(words: Sequence[str] = (), ways: Sequence[str] = WAYS) -> Iterator[Case]:
    """Every case that has all the words."""
    for operation, points in OPERATIONS.items():
        for process, names in points.items():
            for point in names:
                for way in ways:
                    if (case := Case(operation, process, point, way)).words.issuperset(words):
                        yield case


def violations(path: Path) -> list[str]:
    """What the rules of the deep doctor find wrong with a node's folder."""
    place = look(path).nodes[0]
    seen = Examined(
        name=place.name, ledger=books.read_ledger(place.ledger), books=books.read_books(place.books),
        found=remembered(place), now=time.time(),
    )  # fmt: skip
    wrong = [f"{what}: {line}" for what, rule, _ in NODE_RULES for line in rule(seen)]
    return wrong + files.damaged([path])[0]


def settled(path: Path, expected: Mapping[str, str] | None = None, within: float = SETTLES) -> None:
    """Wait until a running node is whole, and its slivers in the states that are ``expected``, if it is said.

    Raises `AssertionError` with what is wrong for longer than ``within`` seconds.
    """
    until = time.monotonic() + within
    while wrong := [*violations(path), *_otherwise(path, expected)]:
        if time.monotonic() > until:
            raise AssertionError("; ".join(wrong))
        time.sleep(0.1)  # each look reads the books whole


def _otherwise(path: Path, expected: Mapping[str, str] | None) -> list[str]:
    found = remembered(look(path).nodes[0])
    return [] if expected is None or found == expected else [f"expected {expected}, found {found}"]


def once(case: Case, authority: Authority, place: Path, seed: int) -> None:
    """One run. Raises `AssertionError` that says what is not as it must be."""
    disk = power.Disk(place)
    node = Node(authority, disk.path, place, disk.environment if case.way in ("lost", "torn") else {})
    disk.settled()
    try:
        first, again, rcap = _prepared(case, authority, node)
        node.start({case.process: f"{case.point}:{'raise' if case.way == 'raise' else 'kill'}"})
        answered = _tried(node, first)
        if case.way == "raise":
            node.stop()  # so that what it holds in memory cannot help it
        else:
            ended = node.ended(case.process)
            assert ended == -9, f"{case.point} was not passed: it ended with {ended}"
        if case.way in ("lost", "torn"):
            node.stop()
            disk.cut(case.way, random.Random(seed))
        node.start()
        _after(case, node, first, again, rcap, answered)
    finally:
        node.stop()


def _prepared(case: Case, authority: Authority, node: Node) -> tuple[tuple[str, Any], tuple[str, Any] | None, str]:
    """The call that is broken off, the one that must be refused afterwards, and the rcap there is before."""
    old = authority.ticket("broken", "old", age=60.0)
    if case.operation == "redeem":
        return ("create_sliver", Binary(old)), None, ""
    node.start()
    rcap = node.insist("create_sliver", Binary(old))[0]
    node.stop()
    if case.operation == "renew":
        return ("create_sliver", Binary(authority.ticket("broken", "new"))), None, rcap
    return ("delete_sliver", rcap), ("create_sliver", Binary(old)), rcap


def _tried(node: Node, call: tuple[str, Any]) -> Any:
    """The value that the client got before the process died, or None."""
    try:
        code, value = node.call(*call)
    except (*LOST, Fault):
        return None
    return value if code == 0 else None


def _after(
    case: Case, node: Node, call: tuple[str, Any], refused: tuple[str, Any] | None, rcap: str, answered: Any
) -> None:
    values = [node.insist(*call) for _ in range(2)]
    if case.operation == "delete":
        assert refused is not None
        code, text = node.call(*refused)
        assert code == 208, f"a deleted sliver's ticket is answered with {code} {text}"
    else:
        known = {value[0] for value in values} | ({answered[0]} if answered else set()) | ({rcap} if rcap else set())
        assert len(known) == 1, f"{len(known)} rcaps for one sliver"
    expected = {} if case.operation == "delete" else {"princeton_broken": "running"}
    settled(node.path, expected)


def main(arguments: Sequence[str]) -> int:
    """Every chosen case, again and again; prints a line for each, and 1 if any run was not as it must be."""
    words = list(arguments)
    repeats = int(words.pop(words.index("--repeats") + 1)) if "--repeats" in words else 20
    chosen = list(cases([word for word in words if word != "--repeats"]))
    top = Path(os.environ.get(power.PLACE) or tempfile.mkdtemp(prefix="plfed-faults-"))
    if "LD_PRELOAD" not in os.environ and any(case.way in ("lost", "torn") for case in chosen):
        environment = {**os.environ, "LD_PRELOAD": str(power.build(top)), power.PLACE: str(top)}
        os.execve(sys.executable, [sys.executable, "-m", "bench.faults", *arguments], environment)
    try:
        return _all(chosen, repeats, top, print)
    finally:
        shutil.rmtree(top)


def _all(chosen: Sequence[Case], repeats: int, top: Path, say: Callable[[str], Any]) -> int:
    authority, runs, wrong = Authority(top), 0, Counter[str]()
    began = time.monotonic()
    for case in chosen:
        failed = []
        for number in range(repeats):
            place = Path(tempfile.mkdtemp(dir=top))
            runs += 1
            try:
                once(case, authority, place, number)
            except AssertionError as error:
                failed.append(f"run {number}: {error}")
            shutil.rmtree(place)
        wrong[case.way] += len(failed)
        said = "; ".join(failed)[:500] or f"{repeats} of {repeats} whole"
        say(f"{case.operation:<7} {case.process:<13} {case.point:<20} {case.way:<6} {said}")
    seconds = time.monotonic() - began
    say(f"{runs} runs in {seconds:.0f} s; {sum(wrong.values())} not as they must be {dict(+wrong) or ''}")
    return 1 if sum(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
