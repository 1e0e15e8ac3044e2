"""`/optout`: who wants no packets from this testbed says so here, once for all of its nodes.

The connection proves the address, as for a pause on a node's own page; it may speak for a /24 or a /48 around it. The
list is public (`/optouts.json`): each node polls it and drops what slices send there. It ends by itself, and whoever
made an entry can end it sooner.
"""

import json
from secrets import token_urlsafe
from typing import Any

from attrs import frozen
from twisted.web.resource import Resource
from twisted.web.server import Request

from planetlab.clock import Clock
from planetlab.errors import BadArgument, Forbidden, NotFound, PlanetLabError
from planetlab.prefixes import around, own_network
from planetlab.readers import fields, sent, viewer
from planetlab.redact import one_line
from web import render
from web.books import OptOut, OptOuts
from web.pages import stamp

DAY = 86400.0
A_DAY, ALL_A_DAY, MOST = 5, 500, 20_000  # new ones of one network and of all; in force at once
MOST_FORM, MOST_WORDS = 8192, 500  # bytes; characters
_STATUS = ((NotFound, 404), (BadArgument, 400), (Forbidden, 403), (PlanetLabError, 500))


@frozen
class Rules:
    """What may be asked of the list. ``days``: how long an entry holds."""

    books: OptOuts
    days: float

    def make(self, form: dict[str, str], viewer: str, now: float) -> OptOut:
        """Make an entry. Raises `BadArgument`, `Forbidden`."""
        network, widest = own_network(form.get("prefix", ""), viewer, "prefix"), str(around(viewer))
        if self.books.made_since(now - DAY, widest) >= A_DAY or self.books.made_since(now - DAY) >= ALL_A_DAY:
            raise Forbidden(f"expected at most {A_DAY} new entries of one network in a day; write to us instead")
        if len(self.books.in_force(now)) >= MOST:
            raise Forbidden("the list is full; write to us instead")
        why = one_line(form.get("why", "").strip(), MOST_WORDS)
        made = OptOut(
            token=token_urlsafe(24), prefix=str(network), asked_from=widest, made=now, until=now + self.days * DAY,
            why=why,
        )  # fmt: skip
        self.books.add(made)
        return made

    def find(self, token: str) -> OptOut:
        """The entry that a link opens. Raises `NotFound`."""
        found = self.books.by_token(token) if len(token) <= 64 else None
        if found is None:
            raise NotFound("expected the link of an entry; there is none of this one", "optout")
        return found


class OptOutPages(Resource):
    """`/optout`, `/optout/<token>` and `/optouts.json`."""

    isLeaf = True

    def __init__(self, name: str, rules: Rules, clock: Clock) -> None:
        super().__init__()
        self._name, self._rules, self._clock = name, rules, clock

    def render(self, request: Request) -> bytes:
        """Answer one request."""
        now = self._clock.now()
        path = request.path.decode("ascii", "replace").strip("/")
        try:
            if request.method not in (b"GET", b"HEAD", b"POST"):
                raise BadArgument("expected GET, HEAD or POST", "method")
            if path == "optouts.json":
                return self._send(request, 200, "application/json", json.dumps(self._list(now)).encode())
            token = path.removeprefix("optout").strip("/")
            if request.method == b"POST":
                return self._post(request, token, now)
            return self._page(request, self._rules.find(token) if token else None, now)
        except PlanetLabError as error:
            status = next(code for kind, code in _STATUS if isinstance(error, kind))
            return self._page(request, None, now, status, str(error))

    def _list(self, now: float) -> dict[str, Any]:
        entries = self._rules.books.in_force(now)
        return {"now": now, "optouts": [{"prefix": prefix, "until": until} for prefix, until in entries]}

    def _post(self, request: Request, token: str, now: float) -> bytes:
        form = fields(sent(request, MOST_FORM))
        if token:
            self._rules.books.end(self._rules.find(token).token, now)
        else:
            token = self._rules.make(form, viewer(request), now).token
        request.setHeader("Location", f"/optout/{token}")
        return self._send(request, 303, "text/plain", b"see the entry\n")

    def _page(self, request: Request, entry: OptOut | None, now: float, status: int = 200, error: str = "") -> bytes:
        who = viewer(request)
        body = render.html(
            "optout", name=self._name, here="/optout", stamp=stamp(now), twin="/optouts.json",
            title="No packets, please", viewer=who, widest=str(around(who)) if who else "", error=error, entry=entry,
            holds=entry is not None and entry.until > now, until=stamp(entry.until) if entry else "",
            days=self._rules.days, count=len(self._rules.books.in_force(now)),
        )  # fmt: skip
        return self._send(request, status, "text/html; charset=utf-8", body)

    def _send(self, request: Request, status: int, kind: str, body: bytes) -> bytes:
        request.setResponseCode(status)
        for header, value in {**render.FORM_HEADERS, "Cache-Control": "no-store"}.items():
            request.setHeader(header, value)
        request.setHeader("Content-Type", kind)
        request.setHeader("Content-Length", str(len(body)))
        return body if request.method != b"HEAD" else b""
