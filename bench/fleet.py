"""One slice pushed to a fleet: a thousand nodes in two processes, each with its own TLS port, ledger and books.

The slivers are only remembered; tickets, verification, admission, TLS and every write are real. A few nodes do not
answer, and are replaced by spare ones.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred, execute

from bench.measure import Figure
from node_manager.books import Books
from node_manager.drivers.memory import MemoryDriver
from node_manager.node import Node
from node_manager.records import Record
from node_manager.settings import Settings as NodeSettings
from pl_conf.dialect import PAIRS, Greeter
from pl_conf.methods import public
from pl_conf.node import Sliver
from pl_conf.service import PlConf
from pl_conf.settings import Settings
from planetlab import certificates, keys, tls
from planetlab.ask import Ask
from planetlab.cli.redeem import redeem
from planetlab.clock import WallClock
from planetlab.gate import listen
from planetlab.names import Hrn, SliceName
from planetlab.serve import ApiResource, Limits, hardened_site
from planetlab.ticket import Ticket, User
from planetlab.tickets import seal_xmldsig

NODES, FAILING, WORKERS = 1000, 10, 2
HERE = Path(__file__).parents[1]  # where this package is found
PLC = Hrn(("plc",))
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJk user@example.org"


class Beside:
    """A node manager in the same process as its pl_conf."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def instantiate(self, record: Mapping[str, Any]) -> str:
        return await self._node.instantiate(Record.read(record))

    async def release(self, rcap: str) -> None:
        await self._node.release(rcap)

    async def slivers(self) -> list[Sliver]:
        return []

    async def call(self, name: str, *args: Any) -> Any:
        raise NotImplementedError(name)


def worker(place: Path, first: int, count: int) -> None:
    """Serve ``count`` nodes until stdin ends; says their ports as one line of JSON."""

    from twisted.internet import reactor as installed

    reactor: Any = installed
    begun: list[float] = []

    async def begin() -> None:
        secure = tls.server_options(place / "node.pem", place / "node.key")
        ports = {}
        for number in range(first, first + count):
            ports[f"node{number}.plc.example"] = await _serve_node(reactor, place, number, secure)
        print(json.dumps(ports), flush=True)
        begun.append(_used())
        reactor.callInThread(lambda: (sys.stdin.read(), reactor.callFromThread(reactor.stop)))

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(begin()))
    reactor.run()
    print(f"fleet    {count} nodes used {_used() - begun[0]:.1f} s of processor", file=sys.stderr)


def _used() -> float:
    """Seconds of processor time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _serve_node(reactor: Any, place: Path, number: int, secure: tls.ServerTLS) -> int:
    name = f"node{number}.plc.example"
    folder = place / name
    folder.mkdir()
    settings = Settings(
        hrn=str(PLC.child("princeton", name)), hostname=name, policy=str(place / "owner.toml"),
        ledger=str(folder / "ledger.db"), deletions=str(folder / "deletions.log"), burst=10_000,
    )  # fmt: skip
    clock = WallClock()
    here = PlConf(settings, place, reactor, clock, time.monotonic, random.random)
    driver, books = MemoryDriver(now=clock.now), Books.at(str(folder / "books.db"))
    node = Node(NodeSettings(cores=4), books, driver, clock, time.monotonic, reactor, execute, _no_tickets)
    here.manager = here.redeemer.manager = Beside(node)
    limits = Limits(body=2 << 20)
    site = hardened_site(ApiResource(public, Greeter(here, settings).public, PAIRS, limits=limits), reactor, limits)
    port = await listen(reactor, "tcp:0:interface=127.0.0.1", site, secure)
    return int(port.getHost().port)  # type: ignore[attr-defined]  # it is TCP


async def _no_tickets(ticket: bytes) -> None:
    raise NotImplementedError


def figures() -> Iterator[Figure]:
    """The push, per node."""
    told = pushed(NODES, FAILING)
    print(f"fleet    {told['line']}", file=sys.stderr)
    yield Figure(f"a slice on {NODES} nodes, per node ({FAILING} replaced)", told["seconds"] / NODES * 1e6)


def pushed(nodes: int, failing: int) -> dict[str, Any]:
    """Bring a slice to so many nodes, of which some fail and are replaced: ``seconds``, ``replaced`` and a ``line``.

    Raises `RuntimeError` when a node that answered does not hold its sliver, or the wrong ones were replaced.
    """
    with tempfile.TemporaryDirectory() as text:
        place = Path(text)
        _papers(place)
        share = -(-(nodes + failing) // WORKERS)
        parts = [(first, min(share, nodes + failing - first)) for first in range(0, nodes + failing, share)]
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.fleet", text, *map(str, part)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=HERE,
            )  # fmt: skip
            for part in parts
        ]
        try:
            urls: dict[str, str] = {}
            for each in workers:
                assert each.stdout
                urls |= {
                    name: f"https://127.0.0.1:{port}/" for name, port in json.loads(each.stdout.readline()).items()
                }
            pusher = [sys.executable, "-m", "bench.fleet", text, str(nodes)]
            done = subprocess.run(pusher, input=json.dumps(urls), capture_output=True, text=True, cwd=HERE)
            if done.returncode:
                raise RuntimeError(done.stderr)
        finally:
            for each in workers:
                each.communicate()
        _must_be_whole(place, nodes)
        return dict(json.loads(done.stdout))


def _papers(place: Path) -> None:
    now = time.time()
    ca = certificates.make_ca(PLC, now)
    (place / "ca.pem").write_bytes(ca.certificate_pem)
    server = certificates.issue(ca, ["127.0.0.1"], now)
    (place / "node.pem").write_bytes(server.certificate_pem)
    (place / "node.key").write_bytes(server.key_pem)
    key = keys.new_p256()
    (place / "plc.pem").write_bytes(keys.public_pem(key.public_key()))
    (place / "owner.toml").write_text(f'[[root]]\nhrn = "plc"\nticket_key = "{place}/plc.pem"\n')
    users = tuple(User(number, f"user{number}@plc.example", (KEY,)) for number in range(1, 4))
    ticket = Ticket(
        issuer=PLC, slice=SliceName("princeton", "codeen"), slice_id=7, serial="1", expires=now + 86400,
        timestamp=now, users=users,
    )  # fmt: skip
    (place / "ticket.xml").write_bytes(seal_xmldsig(ticket, key))


def push(place: Path, urls: dict[str, str], most: int) -> None:
    """Bring the ticket to all nodes but the spare ones, and to a spare one for each that fails."""

    async def run(reactor: Any) -> None:
        sealed = (place / "ticket.xml").read_bytes()

        def asking(url: str) -> Ask:
            return Ask(url, ca=place / "ca.pem", tries=1, timeout=30.0, reactor=reactor)

        names = sorted(urls)
        spare = {name: urls[name] for name in names[most:]}
        chosen = {name: urls[name] for name in names[:most]}
        for name in names[: len(names) - most]:
            chosen[name] = "https://127.0.0.1:1/"
        began = time.perf_counter()
        first = await redeem(chosen, sealed, asking)
        failed = [each.node for each in first if not each.ok]
        second = await redeem({name: spare.pop(name) for name in sorted(spare)[: len(failed)]}, sealed, asking)
        seconds = time.perf_counter() - began
        good = [each for each in (*first, *second) if each.ok]
        line = f"{len(good)} slivers in {seconds:.1f} s; replaced: {', '.join(failed)}"
        if len(good) != most or failed != names[: len(names) - most]:
            raise SystemExit(f"{line}; {[each.line for each in first if not each.ok][:3]}")
        told = f"{line}; the pusher used {_used():.1f} s of processor"
        print(json.dumps({"seconds": seconds, "replaced": failed, "line": told}))

    task.react(run)


def _must_be_whole(place: Path, nodes: int) -> None:
    """All books hold the sliver they answered for. Raises `RuntimeError`."""
    whole = 0
    for folder in place.glob("node*.plc.example"):
        books = Books.at(str(folder / "books.db"))
        whole += all(entry.done for entry in books.entries.values()) and len(books.entries)
        books.close()
    if whole != nodes:
        raise RuntimeError(f"{whole} nodes hold their sliver, not {nodes}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        push(Path(sys.argv[1]), json.loads(sys.stdin.read()), int(sys.argv[2]))
    else:
        worker(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
