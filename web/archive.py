"""The archive's pages: who sent to an address, when, from which node; beyond the hour that the nodes' own pages know.

Each answer says which hours of which nodes it rests on. Only who names an address reads it: a question has to name a
destination no wider than a /24 or a /48, or a slice, and then destinations are shown by /24 and /48.
"""

import json
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any
from urllib.parse import parse_qsl, urlencode

from attrs import asdict, frozen
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from planetlab import audit_statements as statements
from planetlab import keys
from planetlab.clock import Clock
from planetlab.errors import BadArgument, PlanetLabError
from planetlab.prefixes import read_network
from planetlab.units import parse_moment
from web import render, stating
from web.pages import Column, stamp
from web.questions import Question
from web.store import Archive

DAY = 86400.0
SHOWN = 60  # flows on the page for people; programs get up to a thousand
LONGEST = 31 * DAY  # seconds that one question may span
_log = Logger()
_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "icmpv6": 58, "sctp": 132}
_PORTED = frozenset({6, 17, 33, 132, 136})  # TCP, UDP, DCCP, SCTP, UDP-Lite
_NAMES = {number: name for name, number in _PROTOCOLS.items()}
_COLUMNS = tuple(
    Column(name, label, "count" if name in ("packets", "octets") else "text")
    for name, label in (
        ("first", "First"), ("last", "Last"), ("node", "Node"), ("slice", "Slice"), ("protocol", "Protocol"),
        ("source", "From"), ("destination", "To"), ("packets", "Packets"), ("octets", "Octets"),
    )
)  # fmt: skip
_HEADERS = {**render.FORM_HEADERS, "Cache-Control": "no-store"}


@frozen
class Asked:
    """A question, and whether destinations are shown whole."""

    question: Question
    whole: bool


def read(query: dict[str, str], now: float) -> Asked | None:
    """The question of a query; None when nothing is asked. Raises `BadArgument`."""
    if not any(query.get(name) for name in ("to", "slice")):
        if any(query.values()):
            raise BadArgument("expected an address or prefix, or a slice's name", "to")
        return None
    since, until = _moment(query, "from", now - DAY), _moment(query, "until", now)
    if not since < until <= since + LONGEST:
        raise BadArgument(f"expected a time after from, at most {LONGEST / DAY:g} days later", "until")
    to = read_network(query["to"].strip(), "to") if query.get("to") else None
    whole = to is not None and to.prefixlen >= (24 if to.version == 4 else 48)
    if not whole and not query.get("slice"):
        raise BadArgument("expected an address, or a prefix of at least 24 (IPv4) or 48 (IPv6) bits", "to")
    question = Question(
        since=since, until=until, to=to, slice=query.get("slice", "")[:64], node=query.get("node", "")[:255],
        port=_number(query, "port", 65535), protocol=_protocol(query), skew=float(_number(query, "skew", 3600) or 120),
    )  # fmt: skip
    return Asked(question, whole)


def _moment(query: dict[str, str], name: str, otherwise: float) -> float:
    text = query.get(name, "").strip()
    return parse_moment(text, name) if text else otherwise


def _number(query: dict[str, str], name: str, most: int) -> int | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or int(text[:9]) > most:
        raise BadArgument(f"expected a number, 0 to {most}, got {text[:40]!r}", name)
    return int(text)


def _protocol(query: dict[str, str]) -> int | None:
    text = query.get("protocol", "").strip().lower()
    return _PROTOCOLS[text] if text in _PROTOCOLS else _number(query, "protocol", 255)


def flow(row: dict[str, Any], whole: bool) -> dict[str, Any]:
    """A row of the archive as a struct; ``whole``: with the destination's whole address."""
    ends = {}
    for side, hi, lo in (("source", "s_hi", "s_lo"), ("destination", "d_hi", "d_lo")):
        address = _address(row[hi], row[lo])
        veiled = side == "destination" and not whole
        ends[side] = str(ip_network(f"{address}/{_wide(address)}", strict=False)) if veiled else str(address)
    return {
        "node": row["node"], "slice": row["slice"] or f"({row['kind']})", "authority": row["authority"],
        "first": row["first"] / 1e6, "last": row["last"] / 1e6, "protocol": row["proto"], **ends,
        "source_port": row["sport"], "destination_port": row["dport"], "tcp_flags": row["flags"],
        "packets": row["packets"], "octets": row["octets"],
    }  # fmt: skip


def _end(row: dict[str, Any], side: str) -> str:
    """An address or prefix with its port, where the protocol has ports."""
    address, port = str(row[side]), row[f"{side}_port"]
    if row["protocol"] not in _PORTED:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _wide(address: IPv4Address | IPv6Address) -> int:
    return 24 if address.version == 4 else 48


def _address(hi: int, lo: int) -> IPv4Address | IPv6Address:
    low = lo % (1 << 64)
    if hi == 0 and low >> 32 == 0xFFFF:
        return IPv4Address(low & 0xFFFFFFFF)
    return IPv6Address((hi % (1 << 64)) << 64 | low)


_KINDS = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "statement": "text/plain; charset=utf-8",
    "pem": "application/x-pem-file",
}


def _of_more(found: dict[str, Any]) -> str:
    """What a caption says where not all flows are shown."""
    return f": {SHOWN} of {len(found['flows'])} or more" if len(found["flows"]) > SHOWN else ""


def _statement_link(query: dict[str, str]) -> str:
    """Where the answer to a query is to be had as a signed statement; "" when it names no address."""
    kept = {name: value for name, value in query.items() if value and name != "slice"}
    return f"/archive.statement?{urlencode(kept)}" if kept.get("to") else ""


class _Query(dict[str, str]):
    """What was asked; what was not is empty."""

    def __missing__(self, name: str) -> str:
        return ""


class ArchivePages(Resource):
    """`/archive`: a form and its answer, also as JSON."""

    isLeaf = True
    PATHS = ("/archive", "/archive.json", "/archive.statement", "/archive.pem")

    def __init__(self, name: str, archive: Archive, clock: Clock, reactor: Any) -> None:
        super().__init__()
        self._name, self._archive, self._clock, self._reactor = name, archive, clock, reactor
        self._key = archive.key

    def render_GET(self, request: Request) -> int:
        """Answer in a thread: a question may take a second."""
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        query = dict(parse_qsl(request.uri.partition(b"?")[2].decode("ascii", "replace"), max_num_fields=50))
        kind = request.path.rpartition(b".")[2].decode("ascii", "replace")
        kind = kind if kind in _KINDS else "html"
        work = {"pem": self.key, "statement": self.stated}.get(kind, self.answer)
        done: Deferred[Any] = deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), work, query, kind == "json", self._clock.now()
        )
        done.addErrback(self._defect).addCallback(self._send, request, kind, gone)
        return NOT_DONE_YET

    def answer(self, query: dict[str, str], as_json: bool, now: float) -> tuple[int, bytes]:
        """Status and body."""
        try:
            asked = read(query, now)
            found = self._found(asked) if asked else {"flows": [], "senders": [], "coverage": []}
        except PlanetLabError as error:
            code = 400 if isinstance(error, BadArgument) else 503
            told = {"argument": getattr(error, "where", ""), "detail": error.detail, "status": code}
            if as_json:
                return code, json.dumps({"error": told}).encode()
            return code, self._page(query, now, {"flows": [], "senders": [], "coverage": []}, str(error), bool(query))
        if as_json:
            return 200, json.dumps({**found, "now": now}).encode()
        return 200, self._page(query, now, found, "", asked is not None)

    def key(self, query: dict[str, str], as_json: bool, now: float) -> tuple[int, bytes]:
        """The public key of the archive's statements."""
        return 200, keys.public_pem(self._key.public_key())

    def stated(self, query: dict[str, str], as_json: bool, now: float) -> tuple[int, bytes]:
        """A signed statement on what was sent to an address."""
        try:
            if (asked := read(query, now)) is None:
                raise BadArgument("expected an address or prefix", "to")
            told = stating.statement(self._archive, asked.question, f"the archive of {self._name}", now)
        except PlanetLabError as error:
            where = getattr(error, "where", "")
            return 400 if isinstance(error, BadArgument) else 503, f"{where}: {error.detail}\n".encode()
        return 200, statements.signed(told, self._key)

    def _found(self, asked: Asked) -> dict[str, Any]:
        question = asked.question
        senders = self._archive.senders(question)
        told = {name: value for name, value in asdict(question).items() if value not in (None, "")}
        return {
            "question": {name: str(value) if name == "to" else value for name, value in told.items()},
            "senders": [{**row, "first": row["first"] / 1e6, "last": row["last"] / 1e6} for row in senders],
            "flows": [flow(row, asked.whole) for row in self._archive.search(question)],
            "coverage": self._archive.coverage(question),
        }

    def _page(self, query: dict[str, str], now: float, found: dict[str, Any], error: str, asked: bool) -> bytes:
        shown = [
            {
                **row,
                "first": stamp(row["first"]),
                "last": stamp(row["last"]),
                "protocol": _NAMES.get(row["protocol"], str(row["protocol"])),
                "source": _end(row, "source"),
                "destination": _end(row, "destination"),
            }
            for row in found["flows"][:SHOWN]
        ]
        hours = sum(each["here"] for each in found["coverage"])
        gaps = sum(len(each["gaps"]) for each in found["coverage"])
        return render.html(
            "archive", name=self._name, here="/archive", stamp=stamp(now), title="Flows of all nodes",
            twin=f"/archive.json?{urlencode({name: value for name, value in query.items() if value})}" if asked else "",
            caption=f"Flows, latest first{_of_more(found)}", columns=_COLUMNS, rows=shown, query=_Query(query),
            error=error, asked=asked, hours=hours, gaps=gaps, statement=_statement_link(query),
            nodes=sorted({each["node"] for each in found["coverage"] if each["here"]}),
        )  # fmt: skip

    def _defect(self, failure: Failure) -> tuple[int, bytes]:
        _log.failure("the archive could not answer", failure)
        return 500, b'{"error": {"detail": "this answer could not be made", "status": 500}}'

    def _send(self, answer: tuple[int, bytes], request: Request, kind: str, gone: list[Failure]) -> None:
        if gone:
            return
        code, body = answer
        request.setResponseCode(code)
        for header, value in _HEADERS.items():
            request.setHeader(header, value)
        request.setHeader("Content-Type", _KINDS["json" if code == 500 else kind])
        request.setHeader("Content-Length", str(len(body)))
        request.write(body)
        request.finish()


class Both(Resource):
    """The authority's pages, and below `/archive` and `/optout` those of the archive and of the opt-out list."""

    isLeaf = True

    def __init__(self, pages: Resource, archive: Resource | None, optouts: Resource | None) -> None:
        super().__init__()
        self._pages, self._archive, self._optouts = pages, archive, optouts

    def render(self, request: Request) -> Any:
        """Hand the request on."""
        path = request.path.decode("ascii", "replace").rstrip("/")
        if self._archive is not None and path in ArchivePages.PATHS:
            return self._archive.render(request)
        if self._optouts is not None and (path in ("/optout", "/optouts.json") or path.startswith("/optout/")):
            return self._optouts.render(request)
        return self._pages.render(request)
