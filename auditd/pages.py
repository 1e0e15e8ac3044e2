"""The node's pages for strangers, as one Twisted resource.

An address names a page; its ending (``.json``, ``.csv``, ``.txt``) how it is told. Nothing is kept of a reader: no
cookie, no script, no other site. What cannot be answered is told with the argument's name, what was expected and what
came.
"""

import hashlib
import json
import re
from collections.abc import Callable, Hashable, Iterator
from hmac import compare_digest
from itertools import chain, islice
from typing import Any, cast
from urllib.parse import quote, unquote, urlencode

from attrs import define
from twisted.web.http import CACHED, Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.static import File

from auditd import disclosure, notices
from auditd.answers import PAGE, Answer, Answers
from auditd.asking import Query
from auditd.case_pages import CasePages, SeeOther
from auditd.clean import line
from auditd.render import KEPT, KINDS, Renderer
from auditd.sealing import Log
from auditd.sending import LARGEST, Lately, Sending, in_few_turns
from auditd.settings import Settings
from auditd.standing import MUCH
from auditd.stating import statement
from planetlab import keys
from planetlab.audit_statements import signed
from planetlab.errors import BadArgument, Forbidden, NotFound, PlanetLabError, Unavailable
from planetlab.readers import fields, sent, viewer

MOST_PATH = 300  # characters
MOST_SAID = 100  # characters of what is asked after the ?
ROWS = ("40", "20", "10", "5")  # on a page; fewer where they are long
MOST_FORM = 64 << 10  # bytes
_LOG_FILE = re.compile(r"\d{6}(-[0-9TZ]{10,20})?\.(manifest|parquet)", re.ASCII)
SHARED = ("", "index", "slices", "destinations", "summary", "health", "to", "slice")  # what all readers see alike
AT_ONCE = 4  # pieces of an answer
MOST_LARGE = 16  # answers that are that large and on their way; of others a piece at a time is held in memory
FORMS = ("paste", "complain", "pause", "case")  # what may be sent to
Clocks = Callable[[], tuple[int, int]]  # microseconds: steady, wall


_STATUS = (
    (disclosure.Closed, 401), (NotFound, 404), (BadArgument, 400), (Forbidden, 403), (Unavailable, 503),
    (PlanetLabError, 500),
)  # fmt: skip
_TITLES = {
    400: "That cannot be asked", 401: "Not for everybody", 403: "That is not allowed", 404: "There is no such page",
}  # fmt: skip


@define
class _Asked:
    """A request, read."""

    path: str  # without its ending
    ending: str
    query: Query
    viewer: str
    page: int = 1
    rows: int = PAGE  # on a page of the table
    posted: bool = False
    listed: bool = True  # whether lists of everything are for this reader


class Pages(Resource):
    """Everything below the root of the node's address."""

    isLeaf = True

    def __init__(
        self, answers: Answers, clocks: Clocks, cases: CasePages | None = None, log: Log | None = None,
        reader_token: str = "",
    ) -> None:  # fmt: skip
        super().__init__()
        self._answers = answers
        self._clocks = clocks
        self._cases = cases
        self._log = log
        self._reader_token = reader_token  # what shows a reader of a closed node; "": nobody is one
        self._lately = Lately()
        self._large = 0  # answers of many bytes that are on their way
        can_pause = cases is not None and cases.desk.pauses is not None
        self._renderer = Renderer(answers.settings, cases is not None, can_pause)
        self._plain: dict[str, Callable[[Settings, int], str]] = {
            "/.well-known/probing.txt": notices.probing,
            "/.well-known/security.txt": notices.security,
            "/security.txt": notices.security,
            "/robots.txt": lambda settings, wall: notices.ROBOTS,
        }
        if log is not None:
            pem = keys.public_pem(log.key.public_key()).decode()
            self._plain["/key.pem"] = lambda settings, wall: pem

    def warm(self) -> None:
        """Make ready what readers ask for first."""
        self._answers.warm(self._clocks()[0])

    def render(self, request: Request) -> Any:
        """Answer one request."""
        self._heads(request)
        steady, wall = self._clocks()
        self._answers.audit.show(steady)
        path = unquote(request.path.decode("ascii", "replace"), errors="replace")
        allowed = "GET, HEAD, POST" if path.split("/")[1].partition(".")[0] in FORMS else "GET, HEAD"
        if request.method.decode("ascii", "replace") not in allowed.split(", "):
            request.setHeader(b"Allow", allowed.encode())
            told = f"method: expected {allowed} here, got {line(request.method, 20)}\n"
            return self._send(request, 405, "text/plain", told)
        if make := self._plain.get(path):
            return self._send(request, 200, "text/plain", make(self._answers.settings, wall))
        if self._log is not None and path.startswith("/log/"):
            return self._segment(self._log, request, path.removeprefix("/log/"))
        bare, ending = _ending(path, request)
        try:
            asked = _read(bare, ending, request)
            if self._closed(request):
                asked.listed = False
                disclosure.admit(asked.path, asked.viewer)
            if ending == "statement":
                return self._send(request, 200, KINDS[ending], self._stated(asked, steady, wall))
            name = self._shared(asked, request)
            if name is not None and (lately := self._lately.get(name, steady)):
                return self._whole(request, *lately)
            answer = self._answer(asked, steady, wall)
            if isinstance(answer, SeeOther):
                return self._redirect(request, answer.path)
            pieces = self._told(answer, asked, steady, wall)
            return self._pieces(request, name, steady, KINDS[asked.ending], pieces)
        except PlanetLabError as error:
            answer = self._refusal(error, path)
            if isinstance(error, disclosure.Closed) and self._reader_token:
                request.setHeader("WWW-Authenticate", 'Basic realm="readers of this page", charset="UTF-8"')
            ending = {"csv": "txt", "xarf": "json", "statement": "txt"}.get(ending, ending)
            asked = _Asked(path="", ending=ending, query={}, viewer="")
            told = "".join(self._told(answer, asked, steady, wall))
        return self._send(request, answer.status, KINDS[asked.ending], told)

    def _closed(self, request: Request) -> bool:
        """Whether this reader is told of their own address only."""
        shown = request.getHeader("authorization") or ""
        return self._answers.settings.disclosure == "closed" and not disclosure.shows(shown, self._reader_token)

    def _shared(self, asked: _Asked, request: Request) -> Hashable:
        """The name of an answer that is everybody's for a moment, where the hour holds much; else None."""
        first = asked.path.removeprefix("/").partition("/")[0]
        closed = self._answers.settings.disclosure == "closed"
        if closed or asked.posted or first not in SHARED or len(self._answers.audit.hour) < MUCH:
            return None
        own = first in ("", "index")
        return asked.path, asked.ending, *sorted(asked.query.items()), asked.viewer if own else ""

    def _pieces(self, request: Request, name: Hashable, steady: int, kind: str, pieces: Iterator[str]) -> Any:
        """Send an answer: a small one at once, a large one in pieces, between which others are answered."""
        in_few_turns(request)
        begun = "".join(islice(pieces, AT_ONCE if self._large < MOST_LARGE else 1))
        told = begun.encode("utf-8", "replace")
        if len(told) > LARGEST:
            self._large += 1
            request.notifyFinish().addBoth(self._sent)
        if (more := next(pieces, None)) is None:
            if name is not None:
                self._lately.put(name, steady, kind, told)
            return self._whole(request, kind, told)
        request.setHeader("Content-Type", f"{kind}; charset=utf-8")
        if request.method == b"HEAD":
            return b""
        # nothing is written before, or the transport may pause what it does not know yet, and resume what never paused
        request.registerProducer(Sending(request, chain([begun, more], pieces)), False)
        return NOT_DONE_YET

    def _sent(self, result: Any) -> None:
        self._large -= 1

    def _whole(self, request: Request, kind: str, body: bytes) -> bytes:
        """Send what is whole, or that the reader has it already."""
        request.setHeader("Content-Type", f"{kind}; charset=utf-8")
        if request.setETag(b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()) is CACHED:
            return b""
        request.setHeader("Content-Length", str(len(body)))
        return body

    def _answer(self, asked: _Asked, steady: int, wall: int) -> Answer | SeeOther:
        answers, common = self._answers, (asked.viewer, asked.query, steady, wall)
        first, _, rest = asked.path.removeprefix("/").partition("/")
        if asked.path == "/to/" and "address" in asked.query:
            more = urlencode([(name, asked.query[name][:60]) for name in KEPT if asked.query.get(name)])
            return SeeOther(f"/to/{quote(asked.query['address'].strip()[:100], safe=':/')}{more and '?'}{more}")
        if not rest and first in ("", "index"):
            return answers.front(*common, listed=asked.listed)
        if not rest and first in ("slices", "destinations", "summary", "health"):
            page: Callable[..., Answer] = getattr(answers, first)
            return page(*common)
        if not rest and first == "paste":
            return answers.paste(asked.query.get("lines", ""), *common)
        if first == "to" and rest:
            return answers.to(rest, *common)
        if first == "slice" and rest:
            return answers.slice(rest, *common)
        if self._cases is not None and first in ("complain", "pause", "case"):
            return self._case_answer(self._cases, asked, first, rest, steady, wall)
        raise NotFound(f"expected a page that is named on the front page, got {line(asked.path, 80)!r}", "address")

    def _stated(self, asked: _Asked, steady: int, wall: int) -> str:
        """A signed statement on what was sent to an address. Raises `NotFound` for pages that state nothing."""
        first, _, rest = asked.path.removeprefix("/").partition("/")
        if self._log is None or first != "to" or not rest:
            raise NotFound(f"{asked.path}.statement: expected /to/ an address or prefix", "address")
        return signed(statement(self._answers, rest, asked.query, steady, wall), self._log.key).decode()

    def _segment(self, log: Log, request: Request, name: str) -> bytes:
        """The sealed log, for who shows the token: its index, manifests and files, in parts when asked for in parts."""
        shown = (request.getHeader("authorization") or "").removeprefix("Bearer ").strip()
        if not log.token or not compare_digest(shown.encode(), log.token.encode()):
            request.setHeader("WWW-Authenticate", "Bearer")
            return self._send(request, 401, "text/plain", "expected the log's token: Authorization: Bearer …\n")
        if name == "index.json":
            return self._send(request, 200, "application/json", json.dumps(log.index()))
        if not _LOG_FILE.fullmatch(name) or not (log.folder / name).is_file():
            return self._send(request, 404, "text/plain", "expected a file that /log/index.json names\n")
        file = File(str(log.folder / name), defaultType="application/octet-stream")
        return cast(bytes, file.render_GET(request))

    def _case_answer(
        self, pages: CasePages, asked: _Asked, first: str, rest: str, steady: int, wall: int
    ) -> Answer | SeeOther:
        if first == "case" and rest:
            if asked.posted:
                return pages.act(rest, asked.query, wall, asked.ending)
            return pages.case(rest, steady, wall)
        if first == "case" or rest:
            raise NotFound("expected the link of a case, /case/ and what stands behind it", "case")
        if not asked.posted:
            return pages.form(asked.viewer, asked.query, steady, wall)
        does = pages.complain if first == "complain" else pages.pause
        return does(asked.viewer, asked.query, steady, wall, asked.ending)

    def _told(self, answer: Answer, asked: _Asked, steady: int, wall: int) -> Iterator[str]:
        if asked.ending == "json":
            return self._renderer.json(answer)
        if asked.ending == "xarf":
            if not (reports := answer.xarf()):
                raise NotFound(
                    f"{asked.path}.xarf: there is no flow to report; expected /to/ an address that was sent to"
                )
            return iter([self._renderer.xarf(reports)])
        if asked.ending == "csv":
            if not answer.columns:
                raise NotFound(f"{asked.path}.csv: this page is no table; expected .json or .txt", "address")
            return self._renderer.csv(answer)
        state = self._answers.state(steady, wall)
        if asked.ending == "txt":
            return iter([self._renderer.txt(answer, state)])
        pages = max(1, -(-len(answer.table) // asked.rows))
        if asked.page > pages:
            raise NotFound(f"expected 1 to {pages}, got {asked.page}", "page")
        path = asked.path if asked.path != "/" else "/index"
        query = {} if answer.status >= 400 else asked.query
        return iter([self._renderer.html(answer, state, asked.page, path, query, asked.rows)])

    def _refusal(self, error: PlanetLabError, path: str) -> Answer:
        argument = getattr(error, "where", "") or ("address" if isinstance(error, BadArgument) else "request")
        status = next(code for kind, code in _STATUS if isinstance(error, kind))
        got = line(path.rpartition("/")[2], 60) if argument == "address" else ""
        told = {"error": {"argument": argument, "detail": line(error.detail, 300), "status": status}}
        facts: dict[str, Any] = {"argument": argument, "said": line(error.detail, 300), "got": got}
        return Answer(
            template="error.html", title=_TITLES.get(status, "No answer"), json=told, facts=facts, status=status,
            columns=("argument", "detail"), table=[{"argument": argument, "detail": told["error"]["detail"]}],
        )  # fmt: skip

    def _heads(self, request: Request) -> None:
        for name, value in (
            ("Content-Security-Policy", self._renderer.policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),  # with no-referrer browsers hide from us that a form is our own
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cache-Control", "private, max-age=1"),
        ):
            request.setHeader(name, value)
        if self._answers.settings.capture == "simulated":
            request.setHeader("X-Simulated", "yes")

    def _redirect(self, request: Request, to: str) -> bytes:
        request.setHeader("Location", to)
        return self._send(request, 303, "text/plain", f"see {to}\n")

    def _send(self, request: Request, status: int, kind: str, text: str) -> bytes:
        body = text.encode("utf-8", "replace")
        request.setResponseCode(status)
        request.setHeader("Content-Type", f"{kind}; charset=utf-8")
        request.setHeader("Content-Length", str(len(body)))
        return body


def _ending(path: str, request: Request) -> tuple[str, str]:
    """A path without its ending, and the ending; without one it is what the reader accepts."""
    bare, dot, ending = path.rpartition(".")
    if dot and ending in KINDS:
        return bare, ending
    return path, "txt" if (request.getHeader("accept") or "").startswith("text/plain") else "html"


def _read(bare: str, ending: str, request: Request) -> _Asked:
    """What a request asks for. Raises `BadArgument`."""
    if len(bare) > MOST_PATH:
        raise BadArgument(f"expected at most {MOST_PATH} characters, got {len(bare)}", "address")
    args = request.args or {}
    query = {name.decode("ascii", "replace"): values[0].decode("utf-8", "replace") for name, values in args.items()}
    if request.method == b"POST":
        query |= _form(request)
    page = query.get("page", "1")
    if not page.isascii() or not page.isdigit() or not 1 <= int(page[:9]) <= 1_000_000:
        raise BadArgument(f"expected a page's number, 1 or more, got {line(page, 40)!r}", "page")
    rows = query.get("rows", str(PAGE))
    if rows not in ROWS:
        raise BadArgument(f"expected {', '.join(ROWS)}, got {line(rows, 40)!r}", "rows")
    for name in KEPT:
        if len(query.get(name, "")) > MOST_SAID:
            raise BadArgument(f"expected at most {MOST_SAID} characters, got {len(query[name])}", name)
    return _Asked(bare or "/", ending, query, viewer(request), int(page), int(rows), request.method == b"POST")


def _form(request: Request) -> Query:
    """What a form sent, or bare text as its ``lines``. Raises `BadArgument`; `Forbidden` for another site's form."""
    text = sent(request, MOST_FORM)
    bare = (request.getHeader("content-type") or "").startswith("text/plain")
    return {"lines": text} if bare else fields(text)
