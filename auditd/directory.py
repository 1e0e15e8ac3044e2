"""What the authority's public pages say that a node needs: who wants no packets, and what slices are for.

Polled; what was learned last stays in force, also over a restart and while those pages are away. An entry that speaks
for more than a /24 or a /48 is not honoured: a list that was tampered with must not silence a node.
"""

import json
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.client import ResponseNeverReceived

from auditd.clean import line
from planetlab import lines
from planetlab.alone import Alone
from planetlab.errors import PlanetLabError, Unreachable
from planetlab.lines import Collect
from planetlab.prefixes import WIDEST
from planetlab.tls import PemSource

PATIENCE = 20.0  # seconds for one answer
MOST = 8 << 20  # bytes of an answer
MOST_OPTOUTS, MOST_SLICES = 20_000, 50_000
_log = Logger()


@define(eq=False)
class Directory:
    """One authority's public pages, as a node knows them. ``url`` "": there are none."""

    url: str
    file: Path  # where the opt-out list is kept
    reactor: Any
    changed: Callable[[], None] = lambda: None
    ca: PemSource | None = None
    optouts: tuple[str, ...] = field(default=(), init=False)
    listed: frozenset[str] = field(default=frozenset(), init=False)  # the same, to look one up
    refused: int = field(default=0, init=False)  # entries that speak for too much, or are none
    asked: float = field(default=0.0, init=False)  # when the list was last had; seconds since the epoch, 0 for never
    error: str = field(default="", init=False)
    purposes: dict[str, tuple[str, str]] = field(factory=dict, init=False)  # a slice's description and page
    _asking: Alone = field(factory=lambda: Alone("asking the authority's pages"), init=False)

    def __attrs_post_init__(self) -> None:
        try:
            self._take(json.loads(self.file.read_bytes())) if self.url else None
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError) as error:
            _log.error("{file} cannot be read, it is asked for anew: {error}", file=str(self.file), error=error)

    def look(self, now: float) -> None:
        """Ask, unless an answer is still awaited."""
        if self.url:
            self._asking.begin(lambda: self._look(now))

    async def _look(self, now: float) -> None:
        before = self.optouts
        try:
            told = await self._get("optouts.json")
            self._take(told)
            self.asked, self.error = now, ""
            if self.optouts != before or not self.file.exists():
                beside = self.file.with_suffix(".tmp")
                beside.write_text(json.dumps(told))
                beside.rename(self.file)
                self.changed()
            self._learn(await self._get("slices.json"))
        except (PlanetLabError, OSError, ValueError, TypeError, KeyError) as error:
            told = line(str(error) or type(error).__name__, 200)
            if told != self.error:
                _log.warn(
                    "the authority's pages at {url} do not tell what is needed: {error}", url=self.url, error=told
                )
            self.error = told

    def _take(self, told: dict[str, Any]) -> None:
        """Take in an opt-out list. Raises `ValueError`, `TypeError`, `KeyError` for what is none."""
        good: set[str] = set()
        listed = list(told["optouts"])[:MOST_OPTOUTS]
        for each in listed:
            try:
                network = ip_network(str(each["prefix"]))
            except ValueError:
                continue
            if network.prefixlen >= WIDEST[network.version]:
                good.add(str(network))
        self.refused = len(listed) - len(good)
        self.optouts, self.listed = tuple(sorted(good)), frozenset(good)

    def _learn(self, slices: list[dict[str, Any]]) -> None:
        self.purposes = {
            str(each["name"]): (line(each.get("description") or "", 1000), _page(each.get("url")))
            for each in slices[:MOST_SLICES]
        }

    async def _get(self, name: str) -> Any:
        url = f"{self.url.rstrip('/')}/{name}"
        try:
            try:
                response = await self._ask(url)
            except ResponseNeverReceived:  # the connection was kept for longer than the server keeps it
                response = await self._ask(url)
            if response.code != 200:
                raise Unreachable(f"{url}: expected status 200, got {response.code}")
            collect = Collect(MOST)
            response.deliverBody(collect)
            collect.done.addTimeout(PATIENCE, self.reactor)
            return json.loads(await collect.done)
        except (PlanetLabError, ValueError):
            raise
        except Exception as error:  # every way in which a server can be away
            raise Unreachable(f"{url}: {type(error).__name__}: {error}") from error

    def _ask(self, url: str) -> Deferred[Any]:
        agent = lines.line(self.reactor, url.startswith("https:"), self.ca, None).agent
        return agent.request(b"GET", url.encode()).addTimeout(PATIENCE, self.reactor)


def _page(url: object) -> str:
    """An address that leads to a page, or ""."""
    told = line(url or "", 254)
    return told if told.startswith(("http://", "https://")) else ""
