"""A node whose slivers keep books of what they send, so that the audit's pages and archive can be held against them.

Slivers are processes in cgroups of their own, on a `Ground`; the audit runs as it does on a node, with a node manager's
word for whose a cgroup is. `bench.truth` runs it at full size, `test_telling_the_truth` at a small one.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attrs import define, field, frozen

from tests.auditd import ground
from tests.auditd.ground import Ground
from tests.ports import free_port
from tests.waiting import until

NODE = "node1.plc.example"
NM = pathlib.Path(__file__).parent / "nm.py"
GENERATOR = pathlib.Path(__file__).parent / "generator.py"
TOKEN = "open sesame"
V2 = next((p for p in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(f"{p}/cgroup.procs")), "")
PATIENCE = 120.0  # seconds, on a machine that is busy
# Everything behind these is the wire's own, so each sliver has its own destinations.
FAR, FAR6 = "10.99.0.0/16", "fd99::/32"
_ANSWERING = """
import socketserver, threading
class Visit(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(65536):
            pass
class Server(socketserver.ThreadingTCPServer):
    request_queue_size, daemon_threads, allow_reuse_address = 512, True, True
server = Server(("0.0.0.0", 2000), Visit)
print("ready", flush=True)
server.serve_forever()
"""
_ARCHIVED = """
import json, pathlib, sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from web.pull import Puller
from web.store import Archive, Question
from ipaddress import ip_network
from web.archive import flow
archive = Archive(pathlib.Path(sys.argv[1]))
puller = Puller(archive, {sys.argv[2]: sys.argv[3]}, sys.argv[4], reactor)
found = []
async def look():
    await puller.round()
    for slice_name in json.loads(sys.argv[5]):
        question = Question(since=0.0, until=4e9, slice=slice_name)
        found.extend(flow(row, True) for row in archive.search(question, 100_000))
Deferred.fromCoroutine(look()).addErrback(lambda failure: failure.printTraceback()).addBoth(lambda _: reactor.stop())
reactor.run()
if puller.errors:
    sys.exit(str(puller.errors))
print(json.dumps(found))
"""


@frozen
class Sent:
    """A flow in a sliver's own books. ``more``: packets that may have followed when the books were closed."""

    slice: str
    protocol: int
    source: str
    source_port: int | None
    destination: str
    destination_port: int | None
    packets: int
    octets: int
    more: int = 0

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from other flows, but for whose it is."""
        return self.protocol, self.source, self.source_port, self.destination, self.destination_port


def refused() -> str:
    """Why this cannot be done here; "" when it can."""
    if os.geteuid() != 0:
        return "asks the kernel for senders, which needs root (bpf)"
    if not V2:
        return "there is no cgroup v2 hierarchy here"
    return ground.REFUSED


@define
class Node:
    """One node with slivers. Close it in the end."""

    settings: dict[str, Any] = field(factory=dict)
    folder: pathlib.Path = field(init=False)
    audit: Any = field(default=None, init=False)  # the process
    port: int = field(default=0, init=False)
    _ground: Ground = field(factory=Ground, init=False)
    _owners: list[dict[str, Any]] = field(factory=list, init=False)
    _groups: dict[str, pathlib.Path] = field(factory=dict, init=False)
    _children: "list[subprocess.Popen[Any]]" = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="plfed-truth-"))
        self.top = pathlib.Path(V2, self.folder.name)
        try:
            self.top.mkdir()
            self._far()
            self._tell()
            self._wait_ready(self._spawn([sys.executable, str(NM), str(self.folder / "nm.sock"), str(self._file)]))
            self._wait_ready(self._spawn([*self._ground.wire.enter, sys.executable, "-c", _ANSWERING]))
            self.port = free_port()
            self.start()
        except BaseException:
            self.close()
            raise

    top: pathlib.Path = field(init=False)

    @property
    def _file(self) -> pathlib.Path:
        return self.folder / "owners"

    def _far(self) -> None:
        node, wire = self._ground.node, self._ground.wire
        wire.ip("route", "add", "local", FAR, "dev", "lo")
        wire.ip("-6", "route", "add", "local", FAR6, "dev", "lo")
        node.ip("route", "add", FAR, "via", ground.WIRE)
        node.ip("-6", "route", "add", FAR6, "via", ground.WIRE6)

    def _spawn(self, words: list[str], **more: Any) -> "subprocess.Popen[Any]":
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, **more)
        self._children.append(child)
        return child

    def _wait_ready(self, child: "subprocess.Popen[Any]") -> None:
        assert child.stdout is not None
        if child.stdout.readline() != "ready\n":
            raise OSError(f"{child.args} did not begin")

    # The audit

    def start(self) -> None:
        """Start the audit, and wait until it captures."""
        (self.folder / "token").write_text(TOKEN)
        settings = {
            "node": NODE, "address": ground.NODE, "addresses": [ground.NODE6], "data_dir": "data",
            "nm_socket": "nm.sock", "listen": [f"tcp:{self.port}:interface=127.0.0.1"], "log_token_file": "token",
            "capture_prefix": list(self._ground.node.enter), "capture_interfaces": ["up0"], "capture_senders": "kernel",
            "idle": 2.0, "active": 5.0, "segment_seconds": 5.0, "segment_lag": 9.0, "pauses": False, **self.settings,
        }  # fmt: skip
        config = self.folder / "audit.toml"
        config.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items()))
        with open(self.folder / "audit.log", "ab") as log:
            self.audit = subprocess.Popen([sys.executable, "-m", "auditd", "--config", str(config)], stderr=log)
        self.until(lambda: self.json("/index.json")["capturing"])

    def kill(self) -> None:
        """Kill the audit, as a power cut would."""
        self.audit.kill()
        self.audit.wait()

    def json(self, path: str) -> Any:
        """What a page tells a program."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return json.load(answer)

    def until(self, true: Callable[[], Any], patience: float = PATIENCE) -> None:
        """Wait until something holds."""
        until(true, "what a trial waits for", patience)

    # Slivers

    def make(self, name: str) -> pathlib.Path:
        """A sliver; gives its cgroup."""
        group = self.top / f"{name}-{len(self._owners)}"
        group.mkdir()
        self._groups[name] = group
        self._own(name, group)
        return group

    def _own(self, name: str, group: pathlib.Path) -> None:
        tag = str(group.stat().st_ino & 0xFFFFFFFF)
        self._owners.append({"slice": name, "authority": "plc", "kind": "cgroup", "tag": tag, "from": time.time()})
        self._tell()

    def rename(self, name: str, other: str) -> None:
        """From now on the sliver is of another name."""
        group = self._groups.pop(name)
        self._end(name)
        self._groups[other] = group
        self._own(other, group)

    def destroy(self, name: str) -> None:
        """Nobody is in the sliver any more; end it."""
        self._groups.pop(name).rmdir()
        self._end(name)
        self._tell()

    def _end(self, name: str) -> None:
        next(o for o in reversed(self._owners) if o["slice"] == name)["until"] = time.time()

    def _tell(self) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(self._owners))
        beside.rename(self._file)

    def group(self, name: str) -> pathlib.Path:
        """A sliver's cgroup."""
        return self._groups[name]

    def sending(self, *words: str) -> "subprocess.Popen[Any]":
        """The generator, in the node's network."""
        return self._spawn([*self._ground.node.enter, sys.executable, str(GENERATOR), *words])

    def flows(self, paths: Iterable[str]) -> Iterator[dict[str, Any]]:
        """The flows of pages."""
        for path in paths:
            yield from self.json(path)["flows"]

    def archived(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Pull what is sealed into an archive, and read it back from there."""
        words = [str(self.folder / "archive"), NODE, f"http://127.0.0.1:{self.port}", TOKEN, json.dumps(list(names))]
        done = subprocess.run(
            [sys.executable, "-c", _ARCHIVED, *words], capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode:
            raise OSError(f"the archive cannot be read: {done.stderr[:1500]}")
        return list(json.loads(done.stdout))

    def sealed_until(self) -> float:
        """Up to when the log is sealed."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/log/index.json", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return max((each["until"] for each in json.load(answer)["segments"]), default=0.0)

    def close(self) -> None:
        """Leave nothing."""
        if self.audit is not None:
            self.audit.terminate()  # so that it takes its capture along
            self.audit.wait(timeout=60)
        for child in self._children:
            child.kill()
            child.wait()
            for pipe in filter(None, (child.stdin, child.stdout)):
                pipe.close()
        self._ground.close()
        time.sleep(0.1)  # cgroups are empty a moment after their processes are gone
        for group in self._groups.values():
            group.rmdir()
        if self.top.exists():
            self.top.rmdir()
        shutil.rmtree(self.folder)


def told(flows: Iterable[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, tuple[int, int]]]:
    """By key: by slice, packets and octets, of pages' or of the archive's flows."""
    found: dict[tuple[Any, ...], dict[str, tuple[int, int]]] = {}
    for flow in flows:
        proto = flow["protocol_number"] if "protocol_number" in flow else flow["protocol"]
        ports = flow["source_port"], flow["destination_port"]
        key = (proto, flow["source"], *((None, None) if proto in (1, 58) else ports))
        key = (key[0], key[1], key[2], flow["destination"], key[3])
        by_slice = found.setdefault(key, {})
        packets, octets = by_slice.get(flow["slice"], (0, 0))
        by_slice[flow["slice"]] = (packets + flow["packets"], octets + flow["octets"])
    return found


@define
class Verdict:
    """Books held against what is told."""

    right: int = 0
    missing: list[Sent] = field(factory=list)
    blamed: list[tuple[Sent, str]] = field(factory=list)  # on another slice
    unknown: list[Sent] = field(factory=list)  # told, and said to be nobody's for certain
    miscounted: list[tuple[Sent, tuple[int, int]]] = field(factory=list)

    def __str__(self) -> str:
        return (
            f"{self.right} right, {len(self.missing)} missing, {len(self.blamed)} under another slice, "
            f"{len(self.unknown)} unknown, {len(self.miscounted)} miscounted"
        ) + "".join(f"\n  {each}" for each in [*self.missing, *self.blamed, *self.unknown, *self.miscounted][:4])

    @property
    def whole(self) -> bool:
        """Whether everything was right."""
        return not (self.missing or self.blamed or self.unknown or self.miscounted)


def judged(books: Iterable[Sent], flows: Iterable[dict[str, Any]]) -> Verdict:
    """Hold ``books`` against flows that were told. One five-tuple may stand in the books of several slices."""
    verdict, by_key = Verdict(), told(flows)
    owners: dict[tuple[Any, ...], set[str]] = {}
    books = list(books)
    for sent in books:
        owners.setdefault(sent.key, set()).add(sent.slice)
    for sent in books:
        by_slice = by_key.get(sent.key, {})
        verdict.blamed += [
            (sent, name) for name in by_slice if not name.startswith("(") and name not in owners[sent.key]
        ]
        if sent.slice not in by_slice:
            (verdict.unknown if any(name.startswith("(") for name in by_slice) else verdict.missing).append(sent)
            continue
        packets, octets = by_slice[sent.slice]
        if sent.packets <= packets <= sent.packets + sent.more and (sent.more or octets == sent.octets):
            verdict.right += 1
        else:
            verdict.miscounted.append((sent, (packets, octets)))
    return verdict
