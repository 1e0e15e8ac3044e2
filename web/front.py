"""The pages as a twisted.web resource: asked of the authority, kept for a few seconds, shown as HTML or as JSON.

An authority that is slow or silent gets the reader a page that says so, with 503, and never an empty table: what could
not be asked is not the same as what is not there. The last good answer is not passed off as a new one.
"""

import json
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from planetlab.ask import Ask
from planetlab.errors import PeerError, Refused
from web import pages, peers, render
from web.pages import PAGES, Page, Row
from web.peers import PEERS

_TABLES = {**PAGES, PEERS.path: PEERS}

_MIME = {
    "html": b"text/html; charset=utf-8",
    "json": b"application/json",
    "css": b"text/css",
    "pem": b"application/x-pem-file",
}


@define(eq=False)
class Records:
    """The authority's records as the pages need them; an answer is asked for once in ``fresh`` seconds."""

    ask: Ask
    now: Callable[[], float]
    fresh: float
    _kept: dict[str, tuple[float, list[Row]]] = field(factory=dict)

    async def of(self, page: Page) -> tuple[float, list[Row]]:
        """When the records of ``page`` were asked for, and what they are, as told. Raises `PeerError`."""
        kept = self._kept.get(page.path)
        if kept is None or not 0 <= self.now() - kept[0] < self.fresh:
            asked = self.now()
            found = await self.ask.call(page.method, *page.arguments)
            found = peers.prepared(found) if page is PEERS else found
            kept = self._kept[page.path] = (asked, pages.told(page, found))
        return kept


@define
class Answer:
    """What is sent: a body of a kind, with a status."""

    kind: str
    body: bytes
    code: int = 200


class Front(Resource):
    """All pages of one authority."""

    isLeaf = True
    log = Logger()

    def __init__(self, name: str, plcapi: str, ca: bytes, records: Records, elsewhere: tuple[str, ...] = ()) -> None:
        """``elsewhere``: what else is served here for strangers, of "archive" and "optout"."""
        super().__init__()
        self.name, self.plcapi, self.ca, self.records = name, plcapi, ca, records
        self.elsewhere = elsewhere

    def render_GET(self, request: Request) -> int:
        """Answer once the authority has."""
        gone: list[Failure] = []
        request.notifyFinish().addErrback(gone.append)
        path = request.path.decode("ascii", "replace")
        answer = Deferred.fromCoroutine(self.answer(path))
        answer.addErrback(self._defect)
        answer.addCallback(self._send, request, gone)
        answer.addErrback(lambda failure: self.log.failure("a page could not be sent", failure))
        return NOT_DONE_YET

    async def answer(self, path: str) -> Answer:
        """The page at ``path``, or one that says why there is none."""
        if path == "/style.css":
            return Answer("css", render.style())
        if path == "/ca.pem":
            return Answer("pem", self.ca)
        kind = "json" if path.endswith(".json") else "html"
        name = path.removesuffix(".json").strip("/")
        if name not in ("", "index", *_TABLES):
            return self._trouble("Not here", "There is no page at this address.", "The menu has all there are.", 404)
        try:
            return await (self._table(_TABLES[name], kind) if name in _TABLES else self._front(kind))
        except PeerError as error:
            self.log.warn("the authority was asked in vain: {error}", error=str(error))
            reason = "The authority did not answer just now, so nothing can be said about its records."
            return self._trouble("No answer", reason, "Try again in a minute.", 503)

    async def _front(self, kind: str) -> Answer:
        found = {page.path: await self.records.of(page) for page in PAGES.values()}
        counts = {path: len(rows) for path, (_, rows) in found.items()}
        known = await self._peers()
        counts |= {"peers": len(known), "peers_fresh": sum(row["how"] == peers.FRESH for row in known)}
        counts["up"] = sum(row["boot_state"] == "boot" for row in found["nodes"][1])
        asked = min(when for when, _ in found.values())
        if kind == "json":
            return self._json({"name": self.name, "plcapi": self.plcapi, "asked": asked, **counts})
        return self._html(
            "front", "/", asked, "/index.json", title=f"Welcome to {self.name}", counts=counts, plcapi=self.plcapi,
            elsewhere=self.elsewhere,
        )  # fmt: skip

    async def _peers(self) -> list[Row]:
        """The peers; none where the authority that is asked keeps no books of them."""
        try:
            return (await self.records.of(PEERS))[1]
        except Refused as error:
            self.log.info("no peers are shown: {error}", error=str(error))
            return []

    async def _table(self, page: Page, kind: str) -> Answer:
        asked, rows = await self.records.of(page)
        if kind == "json":
            return self._json(rows)
        values = {"title": page.title, "caption": page.caption, "columns": page.columns, "rows": rows}
        return self._html("table", f"/{page.path}", asked, f"/{page.path}.json", **values)

    def _html(self, template: str, here: str, asked: float, twin: str, **values: Any) -> Answer:
        frame = {"name": self.name, "here": here, "stamp": pages.stamp(asked), "twin": twin}
        return Answer("html", render.html(template, **frame, **values))

    def _json(self, value: Any) -> Answer:
        return Answer("json", json.dumps(value, indent=1).encode())

    def _trouble(self, title: str, reason: str, remedy: str, code: int) -> Answer:
        page = self._html("trouble", "", self.records.now(), "", title=title, reason=reason, remedy=remedy)
        return Answer("html", page.body, code)

    def _defect(self, failure: Failure) -> Answer:
        self.log.failure("a page could not be made", failure)
        reason = "This page could not be made; what went wrong is in the log of this service."
        return self._trouble("Our mistake", reason, "Its operators can see it there.", 500)

    def _send(self, answer: Answer, request: Request, gone: list[Failure]) -> None:
        if gone:
            return
        request.setResponseCode(answer.code)
        for header, value in render.HEADERS.items():
            request.setHeader(header, value)
        if answer.code != 200:
            request.setHeader("Cache-Control", "no-store")
        request.setHeader("Content-Type", _MIME[answer.kind])
        request.setHeader("Content-Length", str(len(answer.body)))
        request.write(answer.body)
        request.finish()
