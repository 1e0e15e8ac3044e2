"""The archive of flows: sealed segments of many nodes as files, and questions to all of them at once.

Each node has a folder: its key as it was first seen, its manifests, its Parquet files. Nothing gets in that the node's
key has not signed. DuckDB answers; only files whose time fits a question are opened. An answer always says which hours
of which nodes there are, for "nothing was found" means little without.
"""

import os
import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import flowlog, keys
from planetlab.errors import BadArgument, Unavailable
from planetlab.flowlog import Manifest, Tampered

MOST = 1000  # rows of an answer
_NODE = re.compile(r"[a-z0-9][a-z0-9.-]{0,253}", re.ASCII)
_FOUR = 0xFFFF << 32
Network = IPv4Network | IPv6Network


@frozen(kw_only=True)
class Question:
    """What is looked for. Times are seconds since the epoch; ``skew`` is how far clocks may differ."""

    since: float
    until: float
    to: Network | None = None
    slice: str = ""
    port: int | None = None  # of the destination
    protocol: int | None = None
    node: str = ""
    skew: float = 120.0


def network(text: str, where: str) -> Network:
    """An address or prefix. Raises `BadArgument`."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        expected = "expected an IPv4 or IPv6 address or prefix, like 192.0.2.7 or 2001:db8::/48"
        raise BadArgument(f"{expected}, got {text[:80]!r}", where) from None


@define(eq=False)
class NodeLog:
    """What the archive has of one node."""

    folder: Path
    name: str
    manifests: dict[int, Manifest] = field(factory=dict, init=False)
    head: str = field(default="", init=False)  # digest of the newest manifest

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        chain = [path.read_bytes() for path in sorted(self.folder.glob("*.manifest"))]
        if chain:
            good, _ = flowlog.checked(chain, self.key())
            self.manifests = {manifest.number: manifest for manifest in good}
            self.head = flowlog.digest(chain[-1])

    def key(self) -> ec.EllipticCurvePublicKey:
        """The node's key as it was first seen. Raises `Unavailable` when none was."""
        path = self.folder / "key.pem"
        if not path.exists():
            raise Unavailable(f"no key of {self.name} was seen yet")
        key = keys.load_public(path.read_bytes())
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key

    def meet(self, pem: str) -> None:
        """Keep the key at first sight. Raises `Tampered` when another one was there."""
        path = self.folder / "key.pem"
        if not path.exists():
            if not isinstance(keys.load_public(pem.encode()), ec.EllipticCurvePublicKey):
                raise Tampered(f"{self.name}: expected a P-256 key")
            _durably(path, pem.encode())
        elif path.read_text() != pem:
            raise Tampered(f"{self.name} shows another key than before; an operator has to look at this")

    def expected(self) -> int:
        """The number of the next segment."""
        return max(self.manifests, default=0) + 1

    def file(self, manifest: Manifest) -> Path:
        """Where the segment's file lies, or shall."""
        return self.folder / f"{manifest.number:06d}.parquet"

    def add(self, data: bytes) -> Manifest:
        """Take in the next manifest. Raises `Tampered` unless it follows the one before."""
        manifest = flowlog.opened(data, self.key())
        if manifest.number != self.expected():
            raise Tampered(f"{self.name}: expected segment {self.expected()}, got {manifest.number}")
        if self.head and manifest.previous != self.head:
            raise Tampered(f"{self.name}: segment {manifest.number} does not follow the one before it")
        _durably(self.folder / f"{manifest.number:06d}.manifest", data)
        self.manifests[manifest.number] = manifest
        self.head = flowlog.digest(data)
        return manifest

    def take(self, manifest: Manifest, part: Path) -> None:
        """Take in a segment's file. Raises `Tampered`, and deletes it, unless it is the one that was sealed."""
        try:
            flowlog.fits(manifest, part.read_bytes())
        except Tampered:
            part.unlink()
            raise
        part.rename(self.file(manifest))

    def wanting(self) -> list[Manifest]:
        """The segments whose files are not here."""
        return [manifest for manifest in self.manifests.values() if not self.file(manifest).exists()]


def _durably(path: Path, data: bytes) -> None:
    beside = path.with_suffix(".tmp")
    with open(beside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


@define(eq=False)
class Archive:
    """The logs of all nodes in one folder."""

    folder: Path
    _nodes: dict[str, NodeLog] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for each in sorted(self.folder.iterdir()):
            if each.is_dir() and _NODE.fullmatch(each.name):
                self._nodes[each.name] = NodeLog(each, each.name)

    def node(self, name: str) -> NodeLog:
        """One node's log; made when there is none. Raises `BadArgument` for what is no host name."""
        if not _NODE.fullmatch(name):
            raise BadArgument(f"expected a host name, got {name[:80]!r}", "node")
        if name not in self._nodes:
            self._nodes[name] = NodeLog(self.folder / name, name)
        return self._nodes[name]

    def coverage(self, question: Question) -> list[dict[str, Any]]:
        """Which stretches of time there are, of which nodes, and what was not seen in them."""
        return [
            {"node": log.name, "since": m.since / 1e6, "until": m.until / 1e6, "rows": m.rows, "gaps": list(m.gaps),
             "here": log.file(m).exists()}
            for log, m in self._fitting(question)
        ]  # fmt: skip

    def _fitting(self, question: Question) -> Iterator[tuple[NodeLog, Manifest]]:
        since, until = (question.since - question.skew) * 1e6, (question.until + question.skew) * 1e6
        for name, log in self._nodes.items():
            for manifest in log.manifests.values():
                # a segment has the flows that ended in its time; one may have begun before, none is longer than an hour
                if question.node in ("", name) and manifest.until >= since and manifest.since <= until + 3600e6:
                    yield log, manifest

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
            "GROUP BY ALL ORDER BY packets DESC LIMIT ?",
            [MOST],
        )

    def many_destinations(self, question: Question, least: int) -> list[dict[str, Any]]:
        """The slices that sent to more than ``least`` addresses."""
        return self._asked(
            question,
            "SELECT slice, count(DISTINCT (d_hi, d_lo)) AS destinations, sum(packets)::BIGINT AS packets FROM flows "
            "GROUP BY slice HAVING destinations > ? ORDER BY destinations DESC",
            [least],
        )

    def ports(self, question: Question) -> list[dict[str, Any]]:
        """The ports that were sent to."""
        return self._asked(
            question,
            "SELECT proto, dport AS port, count(*) AS flows, sum(packets)::BIGINT AS packets FROM flows "
            "GROUP BY ALL ORDER BY flows DESC LIMIT ?",
            [70_000],
        )

    def by_hour(self, question: Question) -> list[dict[str, Any]]:
        """Octets of each slice in each hour."""
        return self._asked(
            question,
            "SELECT slice, (last // 3600000000) * 3600 AS hour, sum(octets)::BIGINT AS octets FROM flows "
            "GROUP BY ALL ORDER BY slice, hour",
            [],
        )

    def _asked(self, question: Question, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        files = [str(log.file(manifest)) for log, manifest in self._fitting(question) if log.file(manifest).exists()]
        if not files:
            return []
        import duckdb

        where, bound = _conditions(question)
        with duckdb.connect() as engine:
            engine.execute("SET threads = 2")
            made = engine.execute(
                f"WITH flows AS (SELECT * FROM read_parquet(?) WHERE {where}) {sql}", [files, *bound, *values]
            )
            names = [column[0] for column in made.description or ()]
            return [dict(zip(names, row, strict=True)) for row in made.fetchall()]


def _conditions(question: Question) -> tuple[str, list[Any]]:
    """A question as conditions over columns, and the values that are bound to them."""
    parts = ["last >= ?", "first <= ?"]
    values: list[Any] = [round((question.since - question.skew) * 1e6), round((question.until + question.skew) * 1e6)]
    if question.to is not None:
        (low_hi, low_lo), (high_hi, high_lo) = (_halves(question.to[at]) for at in (0, -1))
        if low_hi == high_hi:
            parts += ["d_hi = ?", *_between("d_lo", low_lo, high_lo, values, [low_hi])]
        else:
            parts += _between("d_hi", low_hi, high_hi, values, [])
    for column, value in (("slice", question.slice), ("node", question.node)):
        if value:
            parts.append(f"{column} = ?")
            values.append(value)
    for column, number in (("dport", question.port), ("proto", question.protocol)):
        if number is not None:
            parts.append(f"{column} = ?")
            values.append(number)
    return " AND ".join(parts), values


def _between(column: str, low: int, high: int, values: list[Any], before: list[Any]) -> list[str]:
    """A range of unsigned halves over a signed column: two ranges where it crosses the sign."""
    values += before
    if _signed(low) <= _signed(high):
        values += [_signed(low), _signed(high)]
        return [f"{column} BETWEEN ? AND ?"]
    values += [_signed(low), _signed(high)]
    return [f"({column} >= ? OR {column} <= ?)"]


def _halves(address: Any) -> tuple[int, int]:
    if address.version == 4:
        return 0, _FOUR | int(address)
    return int(address) >> 64, int(address) & (1 << 64) - 1


def _signed(half: int) -> int:
    """A 64-bit half as the files have it: two's complement."""
    return half - (1 << 64) if half >> 63 else half
