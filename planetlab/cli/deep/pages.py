"""Every public page, asked as a stranger asks it: it answers 200, and its HTML is whole."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import treq

MOST = 60  # pages of one site
LONGEST = 4 << 20  # bytes of a page
PATIENCE = 15.0  # seconds for a page
EMPTY = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
CLOSED_BY_NEXT = frozenset(
    ("p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "colgroup")
)  # need no end tag
ELSEWHERE = ("login", "logout", "form")  # parts of addresses that are not for everybody, or do something


class Page(HTMLParser):
    """Reads a page as a browser does, and notes what is open that was not closed, and where links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.links: list[str] = []
        self._open: list[str] = []
        self._ids: set[str] = set()
        if not text.lstrip().lower().startswith("<!doctype html"):
            self.wrong.append("it does not begin with <!DOCTYPE html>")
        self.feed(text)
        self.close()
        self.wrong += [f"<{tag}> is not closed" for tag in self._open if tag not in CLOSED_BY_NEXT | {"html", "body"}]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if len(said) < len(attrs):
            self.wrong.append(f"<{tag}> says an attribute twice")
        if (own := said.get("id")) is not None:
            if own in self._ids:
                self.wrong.append(f"the id {own} is there twice")
            self._ids.add(own)
        if tag == "a" and (href := said.get("href")):
            self.links.append(href)
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself, in SVG."""

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open[-1] != tag and self._open[-1] in CLOSED_BY_NEXT:
            self._open.pop()
        if not self._open or self._open[-1] != tag:
            self.wrong.append(f"</{tag}> closes what is not open")
        else:
            self._open.pop()


async def walk(start: str, reactor: Any) -> tuple[list[str], int]:
    """Rule 12: what is wrong with the pages that can be reached from ``start`` on its site, and how many were read."""
    wrong: list[str] = []
    seen, todo = {start}, [start]
    for url in todo:
        links, found = await _read(url, reactor)
        wrong += [f"{url}: {line}" for line in found]
        for link in _inside(start, url, links):
            if link not in seen and len(todo) < MOST:
                seen.add(link)
                todo.append(link)
    return wrong, len(todo)


async def _read(url: str, reactor: Any) -> tuple[list[str], list[str]]:
    try:
        response = await treq.get(url, timeout=PATIENCE, persistent=False, reactor=reactor)
        body = await treq.content(response)
    except Exception as error:  # whatever keeps a page from us is what is to be told
        return [], [str(error) or type(error).__name__]
    if response.code != 200:
        return [], [f"it answers {response.code}"]
    kind = (response.headers.getRawHeaders("content-type") or [""])[0]
    if not kind.startswith("text/html"):
        return [], []
    if len(body) > LONGEST:
        return [], [f"it has {len(body)} bytes"]
    page = Page(body.decode(errors="replace"))
    return page.links, page.wrong


def _inside(start: str, url: str, links: list[str]) -> Iterator[str]:
    """The links that stay on the site and are for everybody to follow."""
    for link in links:
        whole = urldefrag(urljoin(url, link)).url
        if urlsplit(whole).netloc == urlsplit(start).netloc and not any(part in whole for part in ELSEWHERE):
            yield whole
