"""A line between a node and the archive that breaks off, says things twice or mixes them up, at every 64 kB of a file.

``python -m tests.web.bad_line NODE URL TOKEN LOG [BYTES]`` pulls what the pages of NODE at URL seal, through such a
line, once for each harm and place, into an archive that is made anew each time, and holds it against the files in LOG.
"""

import http.client
import http.server
import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from attrs import define, field, frozen
from twisted.internet.defer import Deferred

from planetlab.flowlog import digest
from web.pull import Puller
from web.questions import Question
from web.store import Archive

PIECE = 65_536  # bytes, unless said otherwise
HARMS = ("broken off", "said twice", "mixed up")
ROUNDS = 2  # that a harmed file costs at most: one ends early, one finds that what came is not what was sealed
ALWAYS = Question(since=0.0, until=4e9)


def harmed(data: bytes, harm: str, at: int, piece: int = PIECE) -> bytes:
    """What comes of a file when the line does ``harm`` at the boundary ``at``."""
    before, after = data[at - piece : at], data[at : at + piece]
    if harm == "broken off":
        return data[:at]
    if harm == "said twice":
        return data[:at] + before + data[at:]
    return data[: at - piece] + after + before + data[at + piece :]


class Line(http.server.ThreadingHTTPServer):
    """Passes on what is asked, and does its harm to each segment's file once, or whenever it has that many bytes left.

    The index comes with the newest segment first.
    """

    daemon_threads = True

    def __init__(self, url: str, piece: int = PIECE) -> None:
        self.piece = piece
        super().__init__(("127.0.0.1", 0), _Passing)
        self.upstream = urlsplit(url).netloc
        self.harm, self.at, self.every = "", 0, False
        self.done: set[str] = set()  # files that were harmed already
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def begin(self, harm: str, at: int, every: bool = False) -> None:
        """From now on this harm at this place; ``every``: of each answer, not only of a file's first."""
        self.harm, self.at, self.every, self.done = harm, at, every, set()

    def told(self, path: str, data: bytes) -> bytes:
        """What comes through of an answer."""
        if path.endswith("index.json"):
            index = json.loads(data)
            return json.dumps({**index, "segments": index["segments"][::-1]}).encode()
        if not path.endswith(".parquet") or len(data) <= self.at or (path in self.done and not self.every):
            return data
        self.done.add(path)
        return harmed(data, self.harm, self.at, self.piece)


class _Passing(http.server.BaseHTTPRequestHandler):
    server: Line
    passed: ClassVar[tuple[str, ...]] = ("Authorization", "Range")

    def do_GET(self) -> None:
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
        asked = {name: self.headers[name] for name in self.passed if name in self.headers}
        upstream.request("GET", self.path, headers=asked)
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        told = self.server.told(self.path, data)
        self.send_response(answer.status)
        promised = max(len(data), len(told)) if self.path.endswith(".parquet") else len(told)
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *told: Any) -> None:
        """Say nothing."""


@frozen
class Pulled:
    """What became of a pull through such a line."""

    harm: str
    at: int  # byte of each file at which it happened
    files: int  # that it happened to
    rounds: int  # until everything was there; 0: it never was
    same: bool  # whether the archive has the node's files, byte for byte, and as many flows

    @property
    def well(self) -> bool:
        """Whether the harm was done, and did none."""
        return self.files > 0 and self.rounds > 1 and self.same


@define
class Trials:
    """Pulls of one node's log through a bad line. ``sealed``: the folder in which the node keeps it."""

    node: str
    line: Line
    token: str
    sealed: Path
    reactor: Any
    pulled: list[Pulled] = field(factory=list, init=False)
    flows: int = field(default=0, init=False)  # in the log, and so in each archive

    async def run(self) -> None:
        """Every harm at every boundary, then a line that never lets through more than one piece."""
        sizes = [path.stat().st_size for path in self.sealed.glob("*.parquet")]
        piece = self.line.piece
        for harm in HARMS:
            for at in range(piece, max(sizes), piece):
                await self._once(harm, at, 1 + ROUNDS * len(sizes))
        await self._once("broken off", piece, sum(size // piece + 1 for size in sizes), every=True)

    async def _once(self, harm: str, at: int, rounds: int, every: bool = False) -> None:
        sealed = set(self.sealed.glob("*.parquet"))  # the node goes on sealing; what it had by now has to come
        self.line.begin(harm, at, every)
        with tempfile.TemporaryDirectory() as folder:
            archive = Archive(Path(folder))
            puller = Puller(archive, {self.node: self.line.url}, self.token, self.reactor)
            needed = 0
            for number in range(1, rounds + 1):
                await puller.round()
                if not puller.errors and not archive.node(self.node).wanting():
                    needed = number
                    break
            await puller.round()  # once more: what is there does not come twice
            same = self._same(archive, sealed)
            archive.close()
        self.pulled.append(Pulled(harm, at, len(self.line.done), needed, same))

    def _same(self, archive: Archive, sealed: set[Path]) -> bool:
        log = archive.node(self.node)
        here = [(self.sealed / manifest.file, manifest) for manifest in log.manifests.values()]
        here = [(path, manifest) for path, manifest in here if log.file(manifest).exists()]
        bytewise = all(log.file(manifest).read_bytes() == path.read_bytes() for path, manifest in here)
        hashes = all(digest(path.read_bytes()) == manifest.sha256 for path, manifest in here)
        self.flows = int(archive.totals(ALWAYS)["flows"])
        whole = sealed <= {path for path, _ in here}
        return whole and bytewise and hashes and self.flows == sum(manifest.rows for _, manifest in here)


def main(node: str, url: str, token: str, log: str, piece: str = str(PIECE)) -> None:
    """Run all trials; prints them as JSON."""
    from twisted.internet import reactor  # a program of its own, so the reactor is chosen here

    trials = Trials(node, Line(url, int(piece)), token, Path(log), reactor)
    run = Deferred.fromCoroutine(trials.run())
    run.addErrback(lambda failure: failure.printTraceback())
    run.addBoth(lambda _: reactor.stop())
    reactor.run()
    print(json.dumps([trials.flows, [[p.harm, p.at, p.files, p.rounds, p.same] for p in trials.pulled]]))


if __name__ == "__main__":
    main(*sys.argv[1:])
