"""The archive of flows: sealed segments of many nodes as files, and questions to all of them at once.

Each node has a folder: its key as it was first seen, its manifests, its Parquet files. An hour that is over is merged:
one file with the flows of all nodes, sorted by destination, so that a question for an address opens little of it. Its
seal says which segments it holds; so a node that comes late is merged in later, and nothing counts twice.

DuckDB answers; only files whose time fits a question are opened. An answer always says which hours of which nodes
there are, for "nothing was found" means little without.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from attrs import define, field
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import flowlog, hour_files
from planetlab.errors import BadArgument, Unavailable
from planetlab.files import signing_key
from planetlab.flowlog import Manifest, Tampered
from web.hours import Hour, Hours, file_of
from web.nodelog import HOUR, NodeLog
from web.questions import Question, conditions

MOST = 1000  # rows of an answer
LATE = 900.0  # seconds after its end at which an hour is merged: nodes seal some minutes after it
LONGEST = HOUR  # microseconds that a flow record may span
_FORMAT = "plfed-hour-1"
Sealing = Callable[[Path], Path]
"""Seals an hour's file while it is still beside its place; gives where the seal lies."""
_NODE = re.compile(r"[a-z0-9][a-z0-9.-]{0,253}", re.ASCII)
# As the nodes' programs write them; a file with other columns is not taken in.
_SEGMENT = {
    "first": "BIGINT", "last": "BIGINT", "node": "VARCHAR", "slice": "VARCHAR", "authority": "VARCHAR",
    "kind": "VARCHAR", "proto": "SMALLINT", "s_hi": "BIGINT", "s_lo": "BIGINT", "sport": "INTEGER", "d_hi": "BIGINT",
    "d_lo": "BIGINT", "dport": "INTEGER", "flags": "SMALLINT", "packets": "BIGINT", "octets": "BIGINT",
    "frames": "BIGINT", "how": "SMALLINT",
}  # fmt: skip
_SAME = ", ".join(name for name in _SEGMENT if name not in ("first", "last", "frames"))
# Of a merged hour: what lies close together is stated as a difference, which packs to little or nothing.
MERGED = f"first, last - first AS lasted, {_SAME}, packets - frames AS saved"
_UNMERGED = f"first, first + lasted AS last, {_SAME}, packets - saved AS frames"
_PLAIN = f"first, last, {_SAME}, frames"


@define(eq=False)
class Archive:
    """The logs of all nodes in one folder."""

    folder: Path
    threads: int = 2
    key: ec.EllipticCurvePrivateKey = field(init=False)  # of its seals and statements
    _nodes: dict[str, NodeLog] = field(factory=dict, init=False)
    _hours: Hours = field(init=False)
    _engine: Any = field(default=None, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = signing_key(self.folder / "statements.key", "archive's key")
        for each in sorted(self.folder.iterdir()):
            if each.is_dir() and _NODE.fullmatch(each.name) and each.name != "hours":
                self._nodes[each.name] = NodeLog(each, each.name)
        self._hours = Hours(self.folder, self.key, self._held)
        self._hours.look()

    def _held(self, hour: Hour, here: bool) -> None:
        """Segments are in a merged hour, or are in none any more."""
        for name, number in hour.holds:
            if name in self._nodes:
                (self._nodes[name].merged.add if here else self._nodes[name].merged.discard)(number)

    def scrub(self) -> Hour | None:
        """Read through the merged hour that was not looked at longest; gives it if it is damaged."""
        return self._hours.scrub()

    def node(self, name: str) -> NodeLog:
        """One node's log; made when there is none. Raises `BadArgument` for what is no host name."""
        if not _NODE.fullmatch(name) or name == "hours":
            raise BadArgument(f"expected a host name, got {name[:80]!r}", "node")
        if name not in self._nodes:
            self._nodes[name] = NodeLog(self.folder / name, name)
        return self._nodes[name]

    def coverage(self, question: Question) -> list[dict[str, Any]]:
        """Which stretches of time there are, of which nodes, and what was not seen in them."""
        return [
            {"node": log.name, "since": m.since / 1e6, "until": m.until / 1e6, "rows": m.rows, "gaps": list(m.gaps),
             "here": log.has(m)}
            for log, m in self._fitting(question)
        ]  # fmt: skip

    def _fitting(self, question: Question) -> Iterator[tuple[NodeLog, Manifest]]:
        for name, log in list(self._nodes.items()):
            if question.node in ("", name):
                # a segment has the flows that ended in its time; one may have begun before
                for manifest in log.during(question.begin, question.end + LONGEST):
                    yield log, manifest

    def close(self) -> None:
        """Let the engine go."""
        with self._lock:
            if self._engine is not None:
                self._engine.close()
                self._engine = None

    def logs(self, question: Question) -> Iterator[NodeLog]:
        """The nodes that a question is about."""
        for name, log in list(self._nodes.items()):
            if question.node in ("", name):
                yield log

    # Taking in

    def admit(self, log: NodeLog, manifest: Manifest, part: Path) -> None:
        """Take in a segment's file. Raises `Tampered`, and deletes it, unless it is what was sealed and as all are."""
        try:
            flowlog.fits(manifest, part.read_bytes())
            if manifest.node != log.name:
                raise Tampered(f"{log.name}: its segment {manifest.number} is one of {manifest.node[:80]!r}")
            found = self._columns(part)
            if found != _SEGMENT:
                raise Tampered(f"{log.name}: segment {manifest.number} has other columns than flows have")
            count, others = self._cursor().execute(
                "SELECT count(*), count(*) FILTER (node <> ? OR last < ? OR last >= ?) FROM read_parquet(?)",
                [log.name, manifest.since, manifest.until, str(part)],
            ).fetchone()  # fmt: skip
            if count != manifest.rows or others:
                raise Tampered(f"{log.name}: segment {manifest.number} has flows of other nodes or times")
        except Tampered:
            part.unlink()
            raise
        part.rename(log.file(manifest))

    def _columns(self, part: Path) -> dict[str, str]:
        try:
            told = self._cursor().execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(part)]).fetchall()
        except Exception:  # whatever a hostile file makes the engine say: it is no segment
            return {}
        return {row[0]: row[1] for row in told}

    def due(self, now: float) -> list[int]:
        """The hours, by number since the epoch, that have segments which no merged file holds; oldest first."""
        latest = (now - LATE) * 1e6
        waiting = {
            manifest.since // HOUR
            for log in list(self._nodes.values())
            for manifest in list(log.manifests.values())
            if (manifest.since // HOUR + 1) * HOUR <= latest and _mergeable(log, manifest)
        }
        return sorted(waiting)

    def tidy(self, now: float, days: float, segment_days: float) -> int:
        """Merge the hours that are due, and delete what is too old; gives how many were merged."""
        numbers = self.due(now)
        for number in numbers:
            self.merge(number)
        self.trim(now, days, segment_days)
        self.scrub()
        return len(numbers)

    def merge(self, number: int) -> Hour:
        """Make or renew the file of an hour: what it held, and every segment that came since."""
        begin, old = number * HOUR, self._hours.checked(number)
        new = {
            (log.name, manifest.number): str(log.file(manifest))
            for log in list(self._nodes.values())
            for manifest in log.during(begin, begin + HOUR - 1)
            if manifest.since // HOUR == number and _mergeable(log, manifest)
        }
        hour = Hour(file_of(self.folder, number), begin, frozenset(new) | (old.holds if old else frozenset()))
        sources: list[str] = []
        bound: list[Any] = []
        if old is not None:
            sources.append("SELECT * FROM read_parquet(?, hive_partitioning = false)")
            bound.append(str(old.path))
        if new:
            sources.append(f"SELECT {MERGED} FROM read_parquet(?)")
            bound.append(sorted(new.values()))
        write_hour(self._cursor(), " UNION ALL BY NAME ".join(sources), bound, hour, self.sealing(hour))
        self._hours.keep(hour)
        return hour

    def sealing(self, hour: Hour) -> Sealing:
        """How this archive seals the file of an hour."""
        segments = tuple((name, number, self._nodes[name].digest(number)) for name, number in sorted(hour.holds))
        return lambda path: hour_files.put(path, hour.begin, segments, self.key)

    def trim(self, now: float, days: float, segment_days: float) -> None:
        """Delete flows older than ``days``, and nodes' own files of merged segments older than ``segment_days``."""
        horizon, own = (round((now - each * 86400) * 1e6) for each in (days, segment_days))
        self._hours.trim(horizon)
        for log in self._nodes.values():
            log.horizon = horizon
            for manifest in list(log.manifests.values()):
                old = manifest.until < (own if manifest.number in log.merged else horizon)
                if old:
                    log.file(manifest).unlink(missing_ok=True)

    # Asking

    def search(self, question: Question, most: int = MOST) -> list[dict[str, Any]]:
        """The flows that fit, latest first."""
        return self._asked(
            question,
            "SELECT node, slice, authority, kind, first, last, proto, s_hi, s_lo, sport, d_hi, d_lo, dport, flags, "
            "packets, octets, frames FROM flows ORDER BY last DESC LIMIT ?",
            [most],
        )

    def senders(self, question: Question) -> list[dict[str, Any]]:
        """Who sent there: by slice and node."""
        return self._asked(
            question,
            "SELECT slice, authority, kind, node, min(first) AS first, max(last) AS last, "
            "sum(packets)::BIGINT AS packets, sum(octets)::BIGINT AS octets, count(*) AS flows FROM flows "
            "GROUP BY ALL ORDER BY packets DESC, slice, node LIMIT ?",
            [MOST],
        )

    def totals(self, question: Question) -> dict[str, Any]:
        """How much was sent in all, and by which slices."""
        found = self._asked(
            question,
            "SELECT count(*) AS flows, coalesce(sum(packets), 0)::BIGINT AS packets, "
            "coalesce(sum(octets), 0)::BIGINT AS octets, "
            "list_sort(list(DISTINCT if(slice = '', '(' || kind || ')', slice))) AS slices FROM flows",
            [],
        )
        return found[0] if found else {"flows": 0, "packets": 0, "octets": 0, "slices": None}

    def many_destinations(self, question: Question, least: int) -> list[dict[str, Any]]:
        """The slices that sent to more than ``least`` addresses."""
        return self._asked(
            question,
            "SELECT slice, count(*) AS destinations, sum(packets)::BIGINT AS packets FROM "
            "(SELECT slice, d_hi, d_lo, sum(packets) AS packets FROM flows GROUP BY slice, d_hi, d_lo) "
            "GROUP BY slice HAVING destinations > ? ORDER BY destinations DESC, slice",
            [least],
        )

    def ports(self, question: Question) -> list[dict[str, Any]]:
        """The ports that were sent to: all of them, 65,536 of each protocol that has ports at the most."""
        return self._asked(
            question,
            "SELECT proto, dport AS port, count(*) AS flows, sum(packets)::BIGINT AS packets FROM flows "
            "GROUP BY ALL ORDER BY flows DESC, proto, port",
            [],
        )

    def by_hour(self, question: Question) -> list[dict[str, Any]]:
        """Octets of each slice in each hour."""
        return self._asked(
            question,
            "SELECT slice, hour, sum(octets)::BIGINT AS octets FROM flows GROUP BY ALL ORDER BY slice, hour",
            [],
        )

    def _asked(self, question: Question, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        sources, bound = self._sources(question)
        if not sources:
            return []
        made = self._cursor().execute(f"WITH flows AS ({' UNION ALL '.join(sources)}) {sql}", [*bound, *values])
        names = [column[0] for column in made.description or ()]
        return [dict(zip(names, row, strict=True)) for row in made.fetchall()]

    def _sources(self, question: Question) -> tuple[list[str], list[Any]]:
        """The files that may have an answer, as selects of flows, and what is bound in them."""
        where, values = conditions(question)
        time = ["last >= ?", "first <= ?"]
        merged = "CAST(epoch(day) AS BIGINT) + hour * 3600 AS hour"
        types = ", hive_partitioning = true, hive_types = {'day': DATE, 'hour': BIGINT}"
        numbers = range(question.begin // HOUR, (question.end + LONGEST) // HOUR + 1)
        hours = self._hours.among(numbers)
        segments = [
            str(log.file(manifest))
            for log, manifest in self._fitting(question)
            if manifest.number not in log.merged and log.file(manifest).exists()
        ]
        kinds = (
            ([str(h.path) for h in hours if h.whole(question)], f"{_UNMERGED}, {merged}", types, where),
            ([str(h.path) for h in hours if not h.whole(question)], f"{_UNMERGED}, {merged}", types, where + time),
            (segments, f"{_PLAIN}, (last // {HOUR}) * 3600 AS hour", "", where + time),
        )
        sources: list[str] = []
        bound: list[Any] = []
        for files, columns, more, asked in kinds:
            if files:
                inner = f"SELECT {columns} FROM read_parquet(?{more})"
                sources.append(f"SELECT * FROM ({inner}) WHERE {' AND '.join(asked) or 'true'}")
                bound += [files, *values, *([question.begin, question.end] if len(asked) > len(where) else [])]
        return sources, bound

    def _cursor(self) -> Any:
        """A cursor of the one engine: each question has its own, for each may be asked in a thread of its own.

        Raises `Unavailable` where DuckDB is not installed.
        """
        with self._lock:
            if self._engine is None:
                try:
                    import duckdb
                except ImportError:
                    raise Unavailable("the archive needs the package duckdb: pip install plfed[archive]") from None
                self._engine = duckdb.connect(config={"threads": self.threads})
                self._engine.execute("SET parquet_metadata_cache = true")
            return self._engine.cursor()


def write_hour(engine: Any, select: str, bound: Sequence[Any], hour: Hour, seal: Sealing) -> None:
    """Write an hour's file, sorted, all at once. ``select``: its rows, with `MERGED` columns; ``seal`` seals it."""
    told = json.dumps({"format": _FORMAT, "begin": hour.begin, "segments": sorted(hour.holds)})
    beside = hour.path.with_suffix(".tmp")
    beside.parent.mkdir(parents=True, exist_ok=True)
    engine.execute(
        f"COPY ({select} ORDER BY d_hi, d_lo, first) TO {_quoted(str(beside))} (FORMAT parquet, COMPRESSION zstd, "
        f"ROW_GROUP_SIZE 65536, WRITE_BLOOM_FILTER false, KV_METADATA {{plfed: {_quoted(told)}}})",
        bound,
    )
    with open(beside, "rb") as file:
        os.fsync(file.fileno())
    sealed = seal(beside)
    beside.rename(hour.path)
    hour_files.only(hour.path, sealed)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _mergeable(log: NodeLog, manifest: Manifest) -> bool:
    """Whether a segment lies within one hour of the wall clock, as merged ones must, and is here and not merged yet."""
    one_hour = manifest.until <= (manifest.since // HOUR + 1) * HOUR
    return one_hour and manifest.number not in log.merged and log.file(manifest).exists()
