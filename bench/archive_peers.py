"""The same flows in nfdump's files, filled by nfcapd over UDP, and in SQLite with three indexes; and in the archive.

They get the hours that are asked about: nfdump never opens the others, and SQLite does not gain by them. Each peer
answers the four questions in its own words; its answers are counted against ours. No faster than nfcapd reads them are
flows sent to it, and a datagram that is lost all the same ends the run.
"""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from auditd import export
from auditd.rows import Rows
from bench import archive, made_flows
from bench.made_flows import BEGIN, HOUR, HOURS
from web.questions import halves, signed
from web.store import Archive

Report = Callable[..., None]
ASKED = 25  # hours: the questions are of the first day, and what began in it ended an hour later at the latest
_SLICE = made_flows.FIRST_SLICE + 7
_PAUSE = 16  # datagrams between two looks at what nfcapd has still to read
_MOST_WAITING = 60_000  # bytes of those; its socket has room for more
_NAMES = (
    "last", "first", "node", "slice", "proto", "s_hi", "s_lo", "d_hi", "d_lo", "sport", "dport", "flags", "packets",
    "octets",
)  # fmt: skip


def compare(folder: Path, flows: int, ours: dict[str, float], report: Report) -> None:
    """Fill both, where an earlier run has not, and ask all three.

    ``ours``: the archive's figures on the same flows, which lie in ``folder``. Figures are seconds, the best of three
    after one that warms; of what takes long fewer (see `archive.best`).
    """
    home = Archive(folder / "archive")
    asked = archive.questions(home)
    expected = {name: len(ask()) for name, ask in asked.ask(home).items()}
    expected["who"] = sum(struct["flows"] for struct in home.senders(asked.who))
    home.close()
    assert asked.who.to is not None
    address = asked.who.to[0]
    count = flows // HOURS * ASKED
    report("nfdump and SQLite: flows of the day that is asked about", f"{count:,}", f"of {flows:,}")
    for peer in (_Nfdump(folder / "nfdump"), _Sqlite(folder / "peer.sqlite")):
        if peer.lacking:
            report(peer.name, "skipped", peer.lacking)
            continue
        _fill(peer, folder / f"{peer.name.partition(',')[0]}.filled", flows // HOURS, report)
        size = peer.octets() / count
        report(f"{peer.name}: bytes a flow", f"{size:.1f}", f"ratio {size / ours['size']:.1f}")
        for name, ask in peer.asks(address).items():
            seconds, rows = archive.best(ask)
            told = f"ratio {seconds / ours[name]:,.3g}"
            if rows != expected[name]:  # nfdump's files of a day lack what went on past midnight
                told += f", {rows} rows for our {expected[name]}"
            report(f"{peer.name}: {name}", f"{seconds * 1000:,.1f} ms", told)
        peer.close()


def _fill(peer: "_Sqlite | _Nfdump", mark: Path, each: int, report: Report) -> None:
    """Give a peer ``each`` flows of every hour, unless an earlier run did; ``mark`` says so."""
    if mark.exists():
        peer.open()
        report(f"{peer.name}: filling", f"{float(mark.read_text()):,.0f} k flows/s", "in an earlier run")
        return
    bed, took, given = made_flows.testbed(), 0.0, 0
    peer.begin()
    for number in range(ASKED):
        if not peer.has(number):
            made = made_flows.hour(bed, number, each)
            began = time.perf_counter()
            peer.fill(*made, number)
            took, given = took + time.perf_counter() - began, given + each
        print(f"\r{peer.name}: hour {number + 1} of {ASKED}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    began = time.perf_counter()
    peer.filled()
    rate = given / (took + time.perf_counter() - began) / 1000
    mark.write_text(str(rate))
    report(f"{peer.name}: filling", f"{rate:,.0f} k flows/s")


def _waiting(port: int) -> tuple[int, int] | None:
    """Bytes that lie in the socket of a port on loopback, and datagrams that found no room; None: nobody listens."""
    for line in Path("/proc/net/udp").read_text("ascii").splitlines():
        words = line.split()
        if words[1].endswith(f":{port:04X}"):
            return int(words[4].partition(":")[2], 16), int(words[-1])
    return None


class _Sqlite:
    name = "SQLite, 3 indexes"
    lacking = ""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> None:
        """Read the file, or begin it."""
        self._db = sqlite3.connect(self._path, isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000; PRAGMA threads = 2;"
        )

    def begin(self) -> None:
        """Begin anew."""
        self._path.unlink(missing_ok=True)
        self.open()
        self._db.execute(f"CREATE TABLE flows ({', '.join(f'{name} INTEGER' for name in _NAMES)})")

    def has(self, number: int) -> bool:
        """A file that was not finished was begun anew."""
        return False

    def fill(self, found: Rows, node: Any, number: int) -> None:
        """Add an hour's flows."""
        numbers = ("last", "first", "slice", "proto", "flags", "packets", "octets")
        column = {name: found[name].astype("i8").tolist() for name in numbers}
        column |= {name: found[name].copy().view("i8").tolist() for name in ("s_hi", "s_lo", "d_hi", "d_lo")}
        column["node"] = node.tolist()
        column["sport"], column["dport"] = (found["ports"] >> 16).tolist(), (found["ports"] & 0xFFFF).tolist()
        self._db.execute("BEGIN")
        marks = ", ".join("?" * len(_NAMES))
        self._db.executemany(
            f"INSERT INTO flows VALUES ({marks})", zip(*(column[name] for name in _NAMES), strict=True)
        )
        self._db.execute("COMMIT")

    def filled(self) -> None:
        """Make the indexes."""
        for name, columns in (("by_destination", "d_lo, d_hi, last"), ("by_slice", "slice, last"), ("by_time", "last")):
            self._db.execute(f"CREATE INDEX {name} ON flows ({columns})")
        self._db.execute("ANALYZE")

    def octets(self) -> int:
        """Bytes on disk."""
        return self._path.stat().st_size

    def asks(self, address: Any) -> dict[str, Callable[[], Any]]:
        """The four questions; each gives how many rows its answer has."""
        hi, lo = map(signed, halves(address))
        day = f"last >= {BEGIN * 1_000_000} AND first <= {(BEGIN + 24 * HOUR) * 1_000_000}"
        since, until = (BEGIN + 10 * HOUR) * 1_000_000, (BEGIN + 16 * HOUR) * 1_000_000 - 1
        rows = {
            "who": "SELECT slice, node, min(first), max(last), sum(packets), count(*) FROM flows WHERE "
            f"d_lo = {lo} AND d_hi = {hi} AND last >= {since} AND first <= {until} GROUP BY slice, node",
            "many": "SELECT slice, count(*) AS n FROM (SELECT DISTINCT slice, d_hi, d_lo FROM flows WHERE "
            f"{day}) GROUP BY slice HAVING n > {archive.LEAST}",
            "ports": f"SELECT proto, dport, count(*) FROM flows WHERE slice = {_SLICE} AND {day} GROUP BY proto, dport",
            "octets": f"SELECT slice, last / 3600000000, sum(octets) FROM flows WHERE {day} GROUP BY 1, 2",
        }

        def ask(name: str) -> int:
            told = self._db.execute(rows[name]).fetchall()
            return sum(row[-1] for row in told) if name == "who" else len(told)

        return {name: partial(ask, name) for name in rows}

    def close(self) -> None:
        """Let the file go."""
        self._db.close()


class _Nfdump:
    name = "nfdump"

    def __init__(self, folder: Path) -> None:
        self.lacking = "" if shutil.which("nfcapd") else "nfcapd (package nfdump) is not installed"
        self._folder = folder

    def open(self) -> None:
        """Nothing is needed to read files."""

    def begin(self) -> None:
        """Hours that are there stay."""

    def has(self, number: int) -> bool:
        """Whether an earlier run gave it that hour."""
        return (self._folder / f"{number:02d}").exists()

    def fill(self, found: Rows, node: Any, number: int) -> None:
        """Send an hour's flows to a collector of its own, so that hours are files of their own."""
        place = self._folder / f"{number:02d}.part"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        words = ["nfcapd", "-w", str(place), "-p", str(port), "-b", "127.0.0.1", "-t", "86400", "-B", "64000000", "-z"]
        collector = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while _waiting(port) is None:
                time.sleep(0.02)  # until it listens
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.connect(("127.0.0.1", port))
                now = BEGIN + (number + 1) * HOUR
                sender.send(export.templates(10, 7, 0, now))
                for count, (data, _) in enumerate(export.messages(found, 10, 7, 0, now)):
                    sender.send(data)
                    while count % _PAUSE == 0 and (_waiting(port) or (0, 0))[0] > _MOST_WAITING:
                        time.sleep(0.0005)  # so that its buffer does not run over
            while (waiting := _waiting(port) or (0, 0))[0]:
                time.sleep(0.02)  # until it has read what its socket holds
        finally:
            collector.send_signal(signal.SIGTERM)
            collector.wait(timeout=60)
        if waiting[1]:
            raise OSError(f"nfcapd: {waiting[1]} datagrams found no room in its socket")
        place.rename(self._folder / f"{number:02d}")

    def filled(self) -> None:
        """Nothing more is needed."""

    def octets(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self._folder.rglob("nfcapd*"))

    def asks(self, address: Any) -> dict[str, Callable[[], Any]]:
        """The four questions; the slice stands in the ingress interface."""

        def dump(hours: range, words: list[str], form: str) -> list[str]:
            lines: list[str] = []
            for number in hours:
                place = str(self._folder / f"{number:02d}")
                command = ["nfdump", "-R", place, "-q", "-N", *words, "-o", f"fmt:{form}"]
                utc = {**os.environ, "TZ": "UTC"}
                done = subprocess.run(command, capture_output=True, text=True, check=True, env=utc)
                lines += [f"{number} {line.strip()}" for line in done.stdout.splitlines() if line.strip()]
            return lines

        def many() -> int:
            pairs = {line.split(" ", 1)[1] for line in dump(range(24), ["-A", "inif,dstip"], "%in %da")}
            return sum(count > archive.LEAST for count in Counter(pair.split()[0] for pair in pairs).values())

        def ports() -> int:
            told = dump(range(24), ["-A", "proto,dstport", f"in if {_SLICE}"], "%pr %dp")
            return len({line.split(" ", 1)[1] for line in told})

        def who() -> int:
            found = dump(range(10, 17), [f"dst ip {address}"], "%ts")
            return sum(line.split(" ", 1)[1] < "2026-01-10 16" for line in found)  # each began before the end

        return {"who": who, "many": many, "ports": ports,
                "octets": lambda: len(dump(range(24), ["-A", "inif"], "%in %byt"))}  # fmt: skip

    def close(self) -> None:
        """Nothing is open."""
