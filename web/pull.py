"""Pulling the nodes' sealed logs into the archive: what is new, piece by piece, and nothing that was not sealed.

A file is asked for from where an earlier try broke off. A node that is slow, silent or wrong costs its own round only;
what it has sealed meanwhile is there at the next.
"""

import json
from typing import Any

from attrs import define, field
from treq.client import HTTPClient
from twisted.logger import Logger
from twisted.web.client import Agent, HTTPConnectionPool

from planetlab.alone import Alone
from planetlab.errors import PlanetLabError, Unreachable
from planetlab.flowlog import MOST_MANIFEST, Manifest, Tampered
from web.nodelog import NodeLog
from web.store import Archive

PATIENCE = 60.0  # seconds for one answer
MOST_INDEX = 8 << 20  # bytes
MOST_SEGMENT = 1 << 30
_log = Logger()


@define(eq=False)
class Puller:
    """Pulls from nodes' audit pages. ``nodes``: host name to the address of its pages."""

    archive: Archive
    nodes: dict[str, str]
    token: str
    reactor: Any
    errors: dict[str, str] = field(factory=dict, init=False)  # why a node could not be pulled from
    _client: HTTPClient = field(init=False)
    _pulling: Alone = field(factory=lambda: Alone("a round of pulls"), init=False)

    def __attrs_post_init__(self) -> None:
        pool = HTTPConnectionPool(self.reactor, persistent=False)
        self._client = HTTPClient(Agent(self.reactor, connectTimeout=10, pool=pool))

    def start_round(self) -> None:
        """Pull from all, unless an earlier round goes on."""
        self._pulling.begin(self.round)

    async def round(self) -> None:
        """Pull from all nodes, one after the other."""
        for name, url in self.nodes.items():
            try:
                await self.pull(name, url)
                self.errors.pop(name, None)
            except PlanetLabError as error:
                self.errors[name] = str(error)
                _log.warn("{node} could not be pulled from: {error}", node=name, error=error)
            except Exception:  # the other nodes are pulled from all the same
                self.errors[name] = "it could not be pulled from; the log has why"
                _log.failure("{node} could not be pulled from", node=name)

    async def pull(self, name: str, url: str) -> int:
        """Pull what is new from one node; how many segments came. Raises `Tampered`, `Unreachable`."""
        log = self.archive.node(name)
        index = self._index(await self._get(f"{url.rstrip('/')}/log/index.json", MOST_INDEX))
        log.meet(index["key"])
        numbers = [each["number"] for each in index["segments"]]
        if log.manifests and max(log.manifests) not in numbers:
            raise Tampered(f"{name}: segment {max(log.manifests)} was there before, and is not now")
        for number in sorted(number for number in numbers if number >= log.expected()):
            log.add(await self._get(f"{url.rstrip('/')}/log/{number:06d}.manifest", MOST_MANIFEST))
        kept = {each["number"] for each in index["segments"] if each["kept"]}
        came = 0
        for manifest in log.wanting():
            if manifest.number in kept:
                await self._file(log, manifest, f"{url.rstrip('/')}/log/{manifest.file}")
                came += 1
        return came

    def _index(self, data: bytes) -> dict[str, Any]:
        try:
            told = json.loads(data)
            numbers = [int(each["number"]) for each in told["segments"]]
            assert isinstance(told["key"], str) and len(numbers) == len(set(numbers))
            assert all(isinstance(each["kept"], bool) for each in told["segments"])
        except (ValueError, KeyError, TypeError, AssertionError):
            raise Tampered("expected an index of segments with a key") from None
        return dict(told)

    async def _file(self, log: NodeLog, manifest: Manifest, url: str) -> None:
        part = log.folder / f"{manifest.number:06d}.part"
        have = part.stat().st_size if part.exists() else 0
        if manifest.octets > MOST_SEGMENT:
            raise Tampered(f"segment {manifest.number} claims {manifest.octets} bytes: expected at most {MOST_SEGMENT}")
        if have < manifest.octets:
            await self._get(url, manifest.octets - have, have, part)
        if part.stat().st_size < manifest.octets:
            raise Unreachable(f"segment {manifest.number} came in part; the rest is for the next round")
        self.archive.admit(log, manifest, part)

    async def _get(self, url: str, most: int, start: int = 0, into: Any = None) -> bytes:
        headers: dict[bytes | str, bytes | str] = {"Authorization": f"Bearer {self.token}"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            response = await self._client.get(url, headers=headers, timeout=PATIENCE)
        except Exception as error:  # every way in which a node can be away
            raise Unreachable(f"{url}: {type(error).__name__}: {error}") from error
        if response.code not in (200, 206) or (start and response.code != 206):
            raise Unreachable(f"{url}: expected status {206 if start else 200}, got {response.code}")
        got: list[bytes] = []
        size = 0
        file = open(into, "ab") if into is not None else None  # noqa: SIM115  # closed below, whatever comes

        def keep(data: bytes) -> None:
            nonlocal size
            size += len(data)
            if size > most:
                raise Unreachable(f"{url}: more than the {most} bytes that were expected")
            if file is not None:
                file.write(data)
            else:
                got.append(data)

        try:
            await response.collect(keep)
        except PlanetLabError:
            raise
        except Exception as error:  # every way in which an answer can break off
            raise Unreachable(f"{url}: broke off after {size} bytes: {type(error).__name__}") from error
        finally:
            if file is not None:
                file.close()
        return b"".join(got)
