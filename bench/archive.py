"""The archive on many flows: size, the standing questions, merging an hour, and other stores on the same rows.

``python -m bench.archive --flows 100e6 --dir DIR`` makes the flows there once; a later run with DIR asks again.
With ``--peers`` nfdump (fed by nfcapd over UDP) and SQLite get the same flows, and are asked the same; what they were
given stays in DIR too (23 GB in all, of 100 million flows). With ``--cluster`` the same questions go through the
portable layer to Spark, a master and two workers.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import duckdb
from attrs import evolve, frozen

from auditd import rows
from bench import archive_cluster, archive_peers, made_flows
from bench.asking import LEAST, SLICE, best
from bench.made_flows import BEGIN, HOUR, HOURS, NODES, Testbed
from bench.measure import Figure
from planetlab import flowlog, keys
from planetlab.flowlog import START, Manifest
from web import store
from web.hours import Hour, file_of
from web.questions import Question
from web.store import Archive

LIMITS = {"who": 0.050, "ports": 1.0, "many": 3.0, "octets": 2.0}  # seconds, on 100 million flows
MERGE_LIMIT, SIZE_LIMIT = 6.0, 18.0  # seconds; bytes
_NAMES = {"who": "who sent to X in 6 hours", "many": f"slices with over {LEAST} destinations in 24 h",
          "ports": "ports of a slice in 24 h", "octets": "bytes per slice per hour in 24 h"}  # fmt: skip


@frozen
class Asked:
    """The questions, with what the flows made them ask for."""

    who: Question
    day: Question
    slice: Question

    def ask(self, archive: Archive) -> dict[str, Callable[[], list[dict[str, Any]]]]:
        """Each question, to be asked of ``archive``."""
        return {
            "who": lambda: archive.senders(self.who),
            "many": lambda: archive.many_destinations(self.day, LEAST),
            "ports": lambda: archive.ports(self.slice),
            "octets": lambda: archive.by_hour(self.day),
        }


class Tables:
    """Rows of a made hour as a table with names, in an engine of its own."""

    def __init__(self) -> None:
        self.engine = duckdb.connect(config={"threads": 2})
        for table, count, name in (
            ("nodes", NODES, made_flows.node_name),
            ("slices", made_flows.FIRST_SLICE + made_flows.SLICES, made_flows.slice_name),
        ):
            self.engine.execute(f"CREATE TABLE {table} (number INTEGER, name VARCHAR)")
            self.engine.executemany(f"INSERT INTO {table} VALUES (?, ?)", [[n, name(n)] for n in range(count)])

    def show(self, bed: Testbed, number: int, count: int) -> None:
        """Make the hour, and let it be seen as ``flows``: columns as segments have them."""
        found, node = made_flows.hour(bed, number, count)
        icmp = (found["proto"] == rows.ICMP) | (found["proto"] == rows.ICMP6)
        made = {
            name: found[name].astype("i8")
            for name in ("first", "last", "proto", "flags", "packets", "octets", "frames", "how")
        }
        made |= {name: found[name].copy().view("i8") for name in ("s_hi", "s_lo", "d_hi", "d_lo")}
        made["sport"] = ((found["ports"] >> 16) * ~icmp).astype("i4")
        made["dport"] = (found["ports"] & 0xFFFF).astype("i4")
        made["node_number"], made["slice_number"] = node.astype("i4"), found["slice"].astype("i4")
        self.engine.register("made", made)
        self.engine.execute(
            "CREATE OR REPLACE VIEW flows AS SELECT first, last, nodes.name AS node, slices.name AS slice, "
            "'plc' AS authority, 'slice' AS kind, proto::SMALLINT AS proto, s_hi, s_lo, sport, d_hi, d_lo, dport, "
            "flags::SMALLINT AS flags, packets, octets, frames, how::SMALLINT AS how FROM made "
            "JOIN nodes ON node_number = nodes.number JOIN slices ON slice_number = slices.number"
        )


def build(folder: Path, flows: int) -> None:
    """Make the archive's files: all hours but the last merged, the last as each node's segment."""
    bed, tables, archive = made_flows.testbed(), Tables(), folder / "archive"
    places = Archive(archive)
    for number in range(HOURS):
        tables.show(bed, number, flows // HOURS)
        at = BEGIN // HOUR + number
        if number < HOURS - 1:
            hour = Hour(file_of(places.folder, at), at * HOUR * 1_000_000, frozenset())
            store.write_hour(tables.engine, f"SELECT {store.MERGED} FROM flows", [], hour, places.sealing(hour))
        else:
            seal(tables, places, at)
        print(f"\rhour {number + 1} of {HOURS}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    places.close()
    (folder / "made.json").write_text(json.dumps({"flows": flows // HOURS * HOURS}))


def seal(tables: Tables, archive: Archive, at: int) -> None:
    """Seal the table's hour as 300 nodes would, and take it into the archive."""
    since = at * HOUR * 1_000_000
    tables.engine.execute("CREATE OR REPLACE TABLE sealing AS SELECT * FROM flows")
    for number in range(NODES):
        name, key = made_flows.node_name(number), keys.new_p256()
        log = archive.node(name)
        log.meet(keys.public_pem(key.public_key()).decode())
        part = log.folder / "made.part"
        tables.engine.execute(
            f"COPY (SELECT * FROM sealing WHERE node = '{name}' ORDER BY d_hi, d_lo, first) TO '{part}' "
            "(FORMAT parquet, COMPRESSION zstd)"
        )
        count = tables.engine.execute(f"SELECT count(*) FROM read_parquet('{part}')").fetchall()[0][0]
        data = part.read_bytes()
        manifest = Manifest(
            node=name, number=1, since=since, until=since + HOUR * 1_000_000, rows=count, file="x.parquet",
            octets=len(data), sha256=hashlib.sha256(data).hexdigest(), previous=START,
        )  # fmt: skip
        log.add(flowlog.sealed(manifest, key))
        archive.admit(log, manifest, part)


def questions(archive: Archive) -> Asked:
    """Six hours and a destination that was reached a few times in them; a day; a busy slice."""
    six = Question(since=BEGIN + 10 * HOUR, until=BEGIN + 16 * HOUR - 1e-6, skew=0.0)
    path = file_of(archive.folder, BEGIN // HOUR + 12)
    lo = duckdb.execute(
        "SELECT d_lo FROM read_parquet(?) WHERE d_hi = 0 GROUP BY d_lo HAVING count(*) BETWEEN 3 AND 6 ORDER BY d_lo "
        "LIMIT 1", [str(path)],
    ).fetchall()[0][0]  # fmt: skip
    address = rows.address(0, lo)
    who = Question(since=six.since, until=six.until, skew=0.0, to=ip_network(str(address)))
    day = Question(since=BEGIN, until=BEGIN + 24 * HOUR, skew=0.0)
    return Asked(who, day, evolve(day, slice=made_flows.slice_name(SLICE)))


def report(what: str, value: str, told: str = "") -> None:
    """One line."""
    print(f"{what:<58} {value:>16}  {told}".rstrip(), flush=True)


def against(limit: str, met: bool) -> str:
    """How a figure stands to its limit."""
    return f"{'met' if met else 'MISSED'} ({limit})"


def unmerged(folder: Path) -> Archive:
    """The archive, in which the last hour is as 300 nodes sealed it: what an earlier run made of it is gone."""
    archive = Archive(folder)
    merged = file_of(archive.folder, BEGIN // HOUR + HOURS - 1)
    archive.close()
    merged.unlink(missing_ok=True)
    return Archive(folder)


def merging(archive: Archive) -> float:
    """Merge the hour that 300 nodes sealed; seconds."""
    (hour,) = archive.due(BEGIN + (HOURS + 1) * HOUR)
    began = time.perf_counter()
    archive.merge(hour)
    return time.perf_counter() - began


def made(folder: Path) -> int:
    """How many flows were made there."""
    return int(json.loads((folder / "made.json").read_text())["flows"])


def hour_octets(archive: Archive) -> int:
    """Bytes of the merged hours."""
    return sum(path.stat().st_size for path in archive.folder.glob("hours/*/*/*"))


def measured(folder: Path, flows: int) -> Iterator[tuple[str, float]]:
    """Build when there is nothing, merge, ask; names and seconds (bytes for the size)."""
    if not (folder / "made.json").exists():
        build(folder, flows)
    archive = unmerged(folder / "archive")
    try:
        yield "merge", merging(archive)
        yield "size", hour_octets(archive) / made(folder)
        asked = questions(archive).ask(archive)
        for name, ask in asked.items():
            seconds, answer = best(ask)
            if not answer:
                raise OSError(f"{folder}: no answer to {_NAMES[name]}: were its files made by another version?")
            yield name, seconds
    finally:
        archive.close()


def figures() -> Iterator[Figure]:
    """A million flows, for `make bench`."""
    with tempfile.TemporaryDirectory() as folder:
        for name, value in measured(Path(folder), 1_000_000):
            if name != "size":
                yield Figure(f"archive of 1 M flows: {_NAMES.get(name, 'merging an hour of 300 nodes')}", value * 1e6)


def main() -> None:
    """Print the table."""
    reader = argparse.ArgumentParser(prog="bench.archive")
    reader.add_argument("--flows", type=float, default=1e6)
    reader.add_argument("--dir", type=Path, help="where the files are made, or were; else a folder that is deleted")
    reader.add_argument("--peers", action="store_true", help="give the flows to nfdump and SQLite too, and ask them")
    reader.add_argument("--cluster", action="store_true", help="ask Spark too")
    said = reader.parse_args()
    folder = said.dir or Path(tempfile.mkdtemp(prefix="bench-archive-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _main(folder, int(said.flows), said.peers, said.cluster)
    finally:
        if not said.dir:
            shutil.rmtree(folder)


def _main(folder: Path, flows: int, peers: bool, cluster: bool) -> None:
    ours: dict[str, float] = {}
    for name, value in measured(folder, flows):
        ours[name] = value
        if name == "size":
            report("bytes a flow", f"{value:.2f}", against(f"{SIZE_LIMIT:g}", value <= SIZE_LIMIT))
        elif name == "merge":
            limit = against(f"{MERGE_LIMIT:g} s", value <= MERGE_LIMIT)
            report(f"merging an hour of {NODES} nodes", f"{value:.2f} s", limit)
        else:
            limit = against(f"{LIMITS[name] * 1000:g} ms", value <= LIMITS[name])
            report(_NAMES[name], f"{value * 1000:.1f} ms", limit)
    archive = Archive(folder / "archive")
    asked = questions(archive)
    if cluster:
        archive_cluster.compare(archive, asked, best, report)
    if peers:
        assert asked.who.to is not None
        archive_peers.compare(folder, made(folder), asked.who.to[0], asked.ask(archive), ours, report)
    archive.close()


if __name__ == "__main__":
    main()
