"""What a node with books (`truth.Node`) is put through: everything kept, slivers that come and go, kills, overruns."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from tests.auditd.truth import NODE, TOKEN, Node, Sent, Verdict, judged

_BAD_LINE = pathlib.Path(__file__).parents[1] / "web" / "bad_line.py"
_LATE = 60.0  # seconds that a page may take on a busy machine; it is a second on a quiet one


def name(number: int) -> str:
    """The slice of a sliver."""
    return f"site{number % 7}_slice{number}"


def kept(node: Node, slivers: int, flows: int, seconds: float, at_once: int = 10) -> list[Sent]:
    """Every sliver sends ``flows`` flows of every kind, two of which last ``seconds``; the books."""
    books: list[Sent] = []
    for first in range(0, slivers, at_once):
        some = range(first, min(first + at_once, slivers))
        children = [node.sending("flows", str(node.make(name(n))), str(n), str(flows), str(seconds)) for n in some]
        for number, child in zip(some, children, strict=True):
            out, _ = child.communicate(timeout=600)
            books += [Sent(name(number), *line) for line in json.loads(out)]
    return books


def pages(slivers: int) -> list[str]:
    """The pages on which all of `kept` stands."""
    paths = [[f"/to/10.99.{n}.0/24.json", f"/to/fd99:0:0:0:0:0:{n + 1:x}:0/112.json"] for n in range(slivers)]
    return [path for both in paths for path in both]


def on_the_page(node: Node, books: list[Sent], slivers: int) -> Verdict:
    """Books held against the node's pages."""
    return _at_last(lambda: judged(books, node.flows(pages(slivers))))


def _at_last(look: Callable[[], Verdict]) -> Verdict:
    """The first verdict that is whole, or the last one within the time that a page may take."""
    end = time.monotonic() + _LATE
    while not (verdict := look()).whole and time.monotonic() < end:
        time.sleep(0.5)  # a look at all pages takes the node some work
    return verdict


def in_the_archive(node: Node, books: list[Sent]) -> Verdict:
    """Books held against what the archive pulled."""
    over = time.time() + 3.0  # by then every flow has ended
    node.until(lambda: node.sealed_until() > over)
    return judged(books, node.archived(sorted({sent.slice for sent in books})))


def come_and_gone(node: Node, rounds: int) -> Verdict:
    """Slivers made, renamed and destroyed, several a second; each pair sends from one port within 10 ms."""
    puppet = node.sending("orders")
    assert puppet.stdin is not None and puppet.stdout is not None and puppet.stdout.readline() == "ready\n"
    rest = str(node.top)

    def send(who: str, to: int, count: int) -> Sent:
        order = {"group": str(node.group(who)), "leave": rest, "port": 5555, "to": f"10.99.200.{to % 250 + 1}"}
        puppet.stdin.write(json.dumps({**order, "to_port": 7000 + to, "count": count}) + "\n")
        puppet.stdin.flush()
        moments.append(json.loads(puppet.stdout.readline()))
        return Sent(who, 17, "10.77.0.1", 5555, order["to"], 7000 + to, count, 48 * count)

    books: list[Sent] = []
    moments: list[tuple[float, float]] = []
    for number in range(rounds):
        one, other, third = (f"site{number % 7}_{word}{number}" for word in ("one", "other", "third"))
        node.make(one)
        node.make(other)
        books += [send(one, 2 * number, 3), send(other, 2 * number, 4)]
        node.rename(one, third)
        books.append(send(third, 2 * number + 1, 2))
        node.destroy(other)
        node.destroy(third)
    gaps = [moments[at + 1][0] - moments[at][1] for at in range(0, len(moments), 3)]
    print(f"one port passed to another slice after {sorted(gaps)[len(gaps) // 2] * 1e3:.1f} ms (median)")
    return _at_last(lambda: judged(books, node.flows(["/to/10.99.200.0/24.json"])))


@frozen
class Pulls:
    """What the archive had of a node after pulls through a line that breaks off, repeats itself and mixes things up."""

    sent: int  # flows that a slice sent
    flows: int  # that the archive had after the last pull
    pulls: int  # each into a new archive, with another harm at another boundary of ``piece`` bytes
    rounds: int  # that they took, all in all
    wrong: list[list[Any]]  # those after which the archive was not what the node has sealed


def pulled_through_a_bad_line(node: Node, flows: int, piece: int = 65_536) -> Pulls:
    """One slice scans, so that there is something to pull; then `tests.web.bad_line` does all its harms."""
    sending = node.sending("scan", str(node.make("site1_scanning")), "202", str(flows))
    sent = int(json.loads(sending.communicate(timeout=300)[0]))
    over = time.time() + 3.0  # by then every flow has ended
    node.until(lambda: node.sealed_until() > over)
    words = [NODE, f"http://127.0.0.1:{node.port}", TOKEN, str(node.folder / "data" / "log"), str(piece)]
    done = subprocess.run(
        [sys.executable, str(_BAD_LINE), *words], capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode or not done.stdout:
        raise OSError(f"the pulls ended badly: {done.stderr[-1500:]}")
    had, pulls = json.loads(done.stdout)
    wrong = [pull for pull in pulls if not (pull[2] > 0 and pull[3] > 1 and pull[4])]
    return Pulls(sent, had, len(pulls), sum(pull[3] for pull in pulls), wrong)


@frozen
class Loss:
    """What one kill cost."""

    what: str
    missing: int  # flows
    seconds: float  # that they span, at the pace they were sent
    undeclared: int  # of them, outside of every gap that the page declares


@define
class _Killing:
    node: Node
    gaps: list[tuple[float, float]] = field(factory=list)
    kills: list[tuple[str, float]] = field(factory=list)

    def kill(self, turn: int) -> None:
        """Kill the audit, or its capture, and wait until it goes on."""
        if turn % 2:
            self.kills.append(("audit", time.time()))
            self.node.kill()
            self.node.start()
        else:
            pid = self.node.json("/health.json")["capture"]["pid"]
            self.kills.append(("capture", time.time()))
            os.kill(pid, signal.SIGKILL)
            self.node.until(lambda: self.node.json("/health.json")["capture"].get("pid", pid) != pid)
        time.sleep(1.2)  # some ticks that are seen lie between two kills
        self.gaps += [(gap["since"], gap["until"]) for gap in self.node.json("/index.json")["gaps"]]


def killed(node: Node, times: int) -> list[Loss]:
    """Kill audit and capture in turn while a flow is sent each 10 ms; what each kill cost."""
    ticker = node.sending("ticks", str(node.make("site1_ticking")), "150")
    assert ticker.stdin is not None and ticker.stdout is not None
    path = node.folder / "ticks"
    with open(path, "w", encoding="utf-8") as file:
        pump = threading.Thread(target=lambda: file.writelines(ticker.stdout), daemon=True)
        pump.start()
        time.sleep(2.0)  # some ticks before the first kill
        killing = _Killing(node)
        for turn in range(times):
            killing.kill(turn)
        ticker.stdin.close()
        ticker.wait(timeout=60)
        pump.join(60)
    ticks = [json.loads(line) for line in path.read_text().splitlines()]
    time.sleep(2.0)  # the last ticks come to the pages
    seen: set[tuple[int, int]] = set()
    for address in range(1, ticks[-1][2] // 5000 + 2):
        found = node.json(f"/to/10.99.150.{address}.json")["flows"]
        seen |= {(flow["source_port"], flow["destination_port"]) for flow in found if flow["slice"] == "site1_ticking"}
    missing = [tick for tick in ticks if (tick[1], tick[2] % 5000 + 1) not in seen]
    pace = (ticks[-1][0] - ticks[0][0]) / len(ticks)
    losses = []
    for at, (what, moment) in enumerate(killing.kills):
        following = killing.kills[at + 1][1] if at + 1 < len(killing.kills) else 4e9
        mine = [tick for tick in missing if (at == 0 or tick[0] >= moment - 1.1) and tick[0] < following - 1.1]
        outside = [tick for tick in mine if not any(since <= tick[0] <= until for since, until in killing.gaps)]
        losses.append(Loss(what, len(mine), len(mine) * pace, len(outside)))
    return losses


@frozen
class Overrun:
    """What became of more than the ring holds."""

    sent: int
    seen: int
    dropped: int
    at_least: bool  # whether the page says that its counts are


def overrun(node: Node, count: int = 40_000) -> Overrun:
    """Stop the capture while more is sent than its ring holds."""
    node.make("site1_flooding")
    puppet = node.sending("orders")
    assert puppet.stdin is not None and puppet.stdout is not None and puppet.stdout.readline() == "ready\n"
    pid = node.json("/health.json")["capture"]["pid"]
    order: dict[str, Any] = {"group": str(node.group("site1_flooding")), "leave": str(node.top), "port": 6666}
    os.kill(pid, signal.SIGSTOP)
    puppet.stdin.write(json.dumps({**order, "to": "10.99.201.1", "to_port": 7, "count": count}) + "\n")
    puppet.stdin.flush()
    puppet.stdout.readline()
    os.kill(pid, signal.SIGCONT)

    def seen() -> int:
        flows = node.json("/to/10.99.201.1.json")["flows"]
        return sum(flow["packets"] for flow in flows if flow["slice"] == "site1_flooding")

    def dropped() -> int:
        return int(node.json("/health.json")["dropped"])

    node.until(lambda: seen() + dropped() >= count)
    return Overrun(count, seen(), dropped(), node.json("/index.json")["at_least"])
