"""The node's pages for strangers, as one Twisted resource.

An address names a page; its ending (``.json``, ``.csv``, ``.txt``) how it is told. Nothing is kept of a reader: no
cookie, no script, no other site. What cannot be answered is told with the argument's name, what was expected and what
came.
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, unquote

from attrs import define, field
from twisted.web.http import Request
from twisted.web.resource import Resource

from auditd import notices
from auditd.answers import PAGE, Answer, Answers, Query
from auditd.clean import line
from auditd.render import KINDS, Renderer
from auditd.settings import Settings
from planetlab.errors import BadArgument, NotFound, PlanetLabError

MOST_PATH = 300  # characters
Clocks = Callable[[], tuple[int, int]]  # microseconds: steady, wall


@define
class _Asked:
    """A request, read."""

    path: str  # without its ending
    ending: str
    query: Query
    viewer: str
    page: int = field(default=1)


class Pages(Resource):
    """Everything below the root of the node's address."""

    isLeaf = True

    def __init__(self, answers: Answers, clocks: Clocks) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # twisted
        self._answers = answers
        self._clocks = clocks
        self._renderer = Renderer(answers.settings)
        self._plain: dict[str, Callable[[Settings, int], str]] = {
            "/.well-known/probing.txt": notices.probing,
            "/.well-known/security.txt": notices.security,
            "/security.txt": notices.security,
            "/robots.txt": lambda settings, wall: notices.ROBOTS,
        }

    def render(self, request: Request) -> bytes:
        """Answer one request."""
        self._heads(request)
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"Allow", b"GET, HEAD")
            return self._send(
                request, 405, "text/plain", f"method: expected GET or HEAD, got {line(request.method, 20)}\n"
            )
        steady, wall = self._clocks()
        self._answers.audit.show(steady)
        path = unquote(request.path.decode("ascii", "replace"), errors="replace")
        if make := self._plain.get(path):
            return self._send(request, 200, "text/plain", make(self._answers.settings, wall))
        ending = "html"
        try:
            asked = _read(path, request)
            ending = asked.ending
            if path == "/to/" and "address" in asked.query:
                return self._redirect(request, f"/to/{quote(asked.query['address'].strip()[:100], safe=':/')}")
            answer = self._answer(asked, steady, wall)
            told = self._told(answer, asked, steady, wall)
        except PlanetLabError as error:
            answer = self._refusal(error, path)
            asked = _Asked(path="", ending=ending if ending != "csv" else "txt", query={}, viewer="")
            told = self._told(answer, asked, steady, wall)
        return self._send(request, answer.status, KINDS[asked.ending], told)

    def _answer(self, asked: _Asked, steady: int, wall: int) -> Answer:
        answers, common = self._answers, (asked.viewer, asked.query, steady, wall)
        first, _, rest = asked.path.removeprefix("/").partition("/")
        if not rest and first in ("", "index"):
            return answers.front(*common)
        if not rest and first in ("slices", "destinations", "summary", "health"):
            page: Callable[..., Answer] = getattr(answers, first)
            return page(*common)
        if first == "to" and rest:
            return answers.to(rest, *common)
        if first == "slice" and rest:
            return answers.slice(rest, *common)
        raise NotFound(f"expected a page that is named on the front page, got {line(asked.path, 80)!r}", "address")

    def _told(self, answer: Answer, asked: _Asked, steady: int, wall: int) -> str:
        if asked.ending == "json":
            return self._renderer.json(answer)
        if asked.ending == "csv":
            if not answer.columns:
                raise NotFound(f"{asked.path}.csv: this page is no table; expected .json or .txt", "address")
            return self._renderer.csv(answer)
        state = self._answers.state(steady, wall)
        if asked.ending == "txt":
            return self._renderer.txt(answer, state)
        pages = max(1, -(-len(answer.table) // PAGE))
        if asked.page > pages:
            raise NotFound(f"expected 1 to {pages}, got {asked.page}", "page")
        return self._renderer.html(answer, state, asked.page, asked.path if asked.path != "/" else "/index")

    def _refusal(self, error: PlanetLabError, path: str) -> Answer:
        argument = getattr(error, "where", "") or "address"
        status = 404 if isinstance(error, NotFound) else 400 if isinstance(error, BadArgument) else 500
        got = line(path.rpartition("/")[2], 60) if argument == "address" else ""
        told = {"error": {"argument": argument, "detail": line(error.detail, 300), "status": status}}
        facts: dict[str, Any] = {"argument": argument, "said": line(error.detail, 300), "got": got}
        titles = {400: "That cannot be asked", 404: "There is no such page"}
        return Answer(
            template="error.html", title=titles.get(status, "No answer"), json=told, facts=facts, status=status,
            columns=("argument", "detail"), table=[{"argument": argument, "detail": told["error"]["detail"]}],
        )  # fmt: skip

    def _heads(self, request: Request) -> None:
        for name, value in (
            ("Content-Security-Policy", self._renderer.policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
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


def _read(path: str, request: Request) -> _Asked:
    """Path, ending and query of a request. Raises `BadArgument`."""
    if len(path) > MOST_PATH:
        raise BadArgument(f"expected at most {MOST_PATH} characters, got {len(path)}", "address")
    bare, dot, ending = path.rpartition(".")
    if not dot or ending not in KINDS:
        wanted = request.getHeader("accept") or ""
        bare, ending = path, "txt" if wanted.startswith("text/plain") else "html"
    args = request.args or {}
    query = {name.decode("ascii", "replace"): values[0].decode("utf-8", "replace") for name, values in args.items()}
    page = query.get("page", "1")
    if not page.isascii() or not page.isdigit() or not 1 <= int(page[:9]) <= 1_000_000:
        raise BadArgument(f"expected a page's number, 1 or more, got {line(page, 40)!r}", "page")
    return _Asked(bare or "/", ending, query, _viewer(request), int(page))


def _viewer(request: Request) -> str:
    """The reader's address, IPv4 written as such; "" when it has none."""
    host = getattr(request.getClientAddress(), "host", "") or ""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
