"""What a thousand nodes that poll cost their PLC while nothing changes: over real TLS, a new connection for each poll.

A slice authority runs as it always does, on a registry with a thousand nodes and slices on each. Every node begins a
session with its key and fetches what is there; then all ask again by the stamp that they got, as pl_conf does, and the
processor time of the authority's process is read from the kernel before and after. At last one node gets a slice
that is nowhere else, and of all nodes only that one may be told of a change.
"""

import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.internet.threads import deferToThread

from bench.measure import Figure
from planetlab import xmlrpc
from planetlab.ask import Ask, NodeKey, Password, Session, each
from planetlab.cli.authority import AuthorityPlace
from planetlab.cli.facts import PLACES_OF_AUTHORITY
from planetlab.names import Hrn
from tests.ports import free_port

NODES, SLICES, EVERY = 1000, 20, 60.0  # nodes, slices on each, seconds between two polls of a node
ADMIN = "root@plc.example"
READY = 90.0  # seconds
AT_ONCE = 8  # connections; more from one address than an authority keeps open would be cut
TICK = os.sysconf("SC_CLK_TCK")
HERE = Path(__file__).parents[1]  # where this package is found


def used(pid: int) -> float:
    """Seconds of processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def authority(top: Path, word: str) -> AuthorityPlace:
    """A PLC's folder, with its first administrator."""
    ports = {name: free_port() for name in PLACES_OF_AUTHORITY}
    place = AuthorityPlace(path=top / "plc", hrn=Hrn(("plc",)), name="PLC", ports=ports, domain="plc.example")
    place.write()
    place.write_settings()
    place.found(ADMIN, word)
    return place


def until_ready(place: AuthorityPlace, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the authority answers."""
    until = time.monotonic() + READY
    while True:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{place.ports['sa_operator']}/healthz"):
            return
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the authority did not begin; see {place.path}/log")
        time.sleep(0.1)  # it has not begun to listen


async def populate(place: AuthorityPlace, word: str, nodes: int, slices: int, reactor: Any) -> dict[int, str]:
    """A site, slices and nodes; gives the key of each node by its number."""
    sa, ma = (
        Ask(place.url(*names), ca=place.path / "ca.pem", auth=Password(ADMIN, word), timeout=60.0, reactor=reactor)
        for names in (("sa", "SA"), ("ma", "MA"))
    )
    site = {"name": "Princeton", "abbreviated_name": "P", "login_base": "princeton", "max_slices": slices + 1}
    await sa.call("AddSite", site)
    names = [f"princeton_s{number}" for number in range(slices)]
    for name in (*names, "princeton_alone"):
        await sa.call("AddSlice", {"name": name, "url": "http://x.example/", "description": "x"})
    keys: dict[int, str] = {}

    async def one(number: int) -> None:
        key = secrets.token_urlsafe(24)
        node = await ma.call("AddNode", "princeton", {"hostname": f"node{number}.plc.example", "boot_state": "boot"})
        await ma.call("UpdateNode", node, {"key": key})
        keys[node] = key

    _all_well(await each(range(nodes), one, at_once=AT_ONCE))
    for name in names:
        await sa.call("AddSliceToNodes", name, sorted(keys))
    return keys


def _all_well(outcomes: Any) -> None:
    failed = [outcome.error for outcome in outcomes if not outcome.ok]
    if failed:
        raise RuntimeError(f"{len(failed)} calls failed, the first with: {failed[0]}")


class Nodes:
    """The nodes' side of polling. No connection is kept: a minute after its last poll no node has one."""

    def __init__(self, place: AuthorityPlace, keys: dict[int, str], slices: int) -> None:
        self._keys, self._port, self._slices = keys, place.ports["sa"], slices
        self._tls = ssl.create_default_context(cafile=str(place.path / "ca.pem"))
        self._sessions: dict[int, Session] = {}
        self._stamps: dict[int, int] = {}

    def call(self, method: str, auth: NodeKey | Session | Password, *args: Any) -> Any:
        """One call on a connection of its own."""
        return xmlrpc.loads_answer(self._post(method, auth, *args))

    def _post(self, method: str, auth: NodeKey | Session | Password, *args: Any) -> bytes:
        connection = HTTPSConnection("127.0.0.1", self._port, timeout=60, context=self._tls)
        with closing(connection):
            body = xmlrpc.dumps_call(method, (auth.struct(args), *args))
            connection.request("POST", "/SA/", body, {"Content-Type": "text/xml"})
            return connection.getresponse().read()

    def begin(self, node: int) -> None:
        """A node's first poll."""
        self._sessions[node] = Session(str(self.call("GetSession", NodeKey(node, self._keys[node]))))
        answer = self.call("GetNodeTickets", self._sessions[node], 0)
        if len(answer["tickets"]) != self._slices:
            raise RuntimeError(f"node {node} was given {len(answer['tickets'])} tickets of {self._slices}")
        self._stamps[node] = answer["stamp"]

    def ask(self, node: int) -> tuple[bool, int]:
        """Another poll: whether it tells that nothing is new, and the length of the answer."""
        answer = self._post("GetNodeTickets", self._sessions[node], self._stamps[node])
        return bool(xmlrpc.loads_answer(answer).get("unchanged")), len(answer)

    def again(self, node: int) -> int:
        """A poll that must find nothing new; gives the length of the answer in bytes."""
        is_unchanged, octets = self.ask(node)
        if not is_unchanged:
            raise RuntimeError(f"node {node} was told of a change")
        return octets


def poll_all(place: AuthorityPlace, keys: dict[int, str], slices: int, pid: int, word: str) -> dict[str, float]:
    """Every node's first poll, two that find nothing new, and one after the first node got another slice.

    Gives seconds of the PLC for one of each of the first two kinds, and the longest answer that told of nothing new
    (``octets``). Raises `RuntimeError` when any node is told what is not so.
    """
    nodes, spent = Nodes(place, keys, slices), {}
    everybody = sorted(keys)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for what, work, rounds in (("first", nodes.begin, 1), ("unchanged", nodes.again, 2)):
            before = used(pid)
            for _ in range(rounds):
                said = list(threads.map(work, everybody))
            spent[what] = (used(pid) - before) / (rounds * len(keys))
        spent["octets"] = float(max(octets for octets in said if octets is not None))
        nodes.call("AddSliceToNodes", Password(ADMIN, word), "princeton_alone", everybody[:1])
        asked = list(threads.map(nodes.ask, everybody))
    told = [node for node, (is_unchanged, _) in zip(everybody, asked, strict=True) if not is_unchanged]
    if told != everybody[:1]:
        raise RuntimeError(f"of a change on one node {len(told)} were told: {told[:10]}")
    return spent


def measured(nodes: int, slices: int) -> dict[str, float]:
    """What `poll_all` gives, of a PLC that runs as it always does."""
    top = Path(tempfile.mkdtemp(prefix="plfed-polls-"))
    word = secrets.token_urlsafe(12)
    place = authority(top, word)
    services = []
    for name in ("mgmt_authority", "slice_authority"):
        with (top / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", name, "--config", str(place.path / f"{name}.toml"), "--log-level", "warn"]
            services.append(subprocess.Popen(command, stdout=log, stderr=log))
    try:
        until_ready(place, services[1])
        told = json.dumps({"ports": place.ports, "pid": services[1].pid, "nodes": nodes, "slices": slices})
        done = subprocess.run(
            [sys.executable, "-m", "bench.polls", str(top), told],
            input=word, capture_output=True, text=True, cwd=HERE,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return dict(json.loads(done.stdout))
    finally:
        for service in services:
            service.terminate()
        for service in services:
            service.wait(10)
        shutil.rmtree(top)


def figures() -> Iterator[Figure]:
    """The PLC's processor time for a node's first poll, and for one that finds nothing new."""
    spent = measured(NODES, SLICES)
    share = spent["unchanged"] * NODES / EVERY
    print(
        f"polls    {NODES} nodes every {EVERY:.0f} s, nothing new: {spent['unchanged'] * 1e3:.2f} ms of the PLC "
        f"each, TLS included = {share:.1%} of a core; the answer has {spent['octets']:.0f} bytes",
        file=sys.stderr,
    )
    yield Figure(f"a node's first poll, session and {SLICES} tickets, at the PLC", spent["first"] * 1e6)
    yield Figure("a poll that finds nothing new, at the PLC", spent["unchanged"] * 1e6)


def main(arguments: list[str]) -> None:
    """The nodes' side, in a process of its own; the administrator's password comes on stdin."""
    top, told, word = Path(arguments[0]), json.loads(arguments[1]), sys.stdin.read()
    place = AuthorityPlace(path=top / "plc", hrn=Hrn(("plc",)), name="PLC", ports=told["ports"], domain="plc.example")

    async def run(reactor: Any) -> None:
        keys = await populate(place, word, told["nodes"], told["slices"], reactor)
        print(json.dumps(await deferToThread(poll_all, place, keys, told["slices"], told["pid"], word)))

    task.react(run)


if __name__ == "__main__":
    main(sys.argv[1:])
