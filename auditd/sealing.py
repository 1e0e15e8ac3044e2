"""Sealing: each hour of flows becomes a segment with a signed manifest, and the log stays within its budget.

A segment has the flows whose last packet fell into its hour. It is made some minutes later, when all of them have
ended and late owners are known. A crash in between costs nothing: without its manifest a file is no segment, and is
made anew.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger

from auditd import tell
from auditd.audit import Audit
from auditd.clean import line
from auditd.settings import Settings
from planetlab import flowlog, keys
from planetlab.alone import Alone
from planetlab.failpoints import failpoint
from planetlab.files import durably
from planetlab.flowlog import START, Manifest

PATIENCE = 60_000_000  # microseconds after the start until which a capture is waited for
LAG = 60.0  # seconds beyond idle and active time-outs, for owners that are told late
_log = Logger()


class _Writer(ProcessProtocol):
    def __init__(self) -> None:
        self.done: Deferred[str] = Deferred()
        self._said = b""

    def errReceived(self, data: bytes) -> None:
        self._said += data[:2000]

    def processEnded(self, reason: Any) -> None:
        failed = reason.value.exitCode != 0
        self.done.callback(line(self._said.strip().rpartition(b"\n")[2], 200) or "it ended badly" if failed else "")


@define(eq=False)
class Log:
    """The sealed segments of one node, in one folder."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    token: str = ""  # what the archive shows to pull; "" lets nobody
    manifests: list[Manifest] = field(factory=list, init=False)
    head: str = field(default=START, init=False)

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for leftover in (*self.folder.glob("*.tmp"), *self.folder.glob("*.rows")):
            leftover.unlink()
        chain = [path.read_bytes() for path in sorted(self.folder.glob("*.manifest"))]
        self.manifests, troubles = flowlog.checked(chain, self.key.public_key())
        for trouble in troubles:
            _log.error("the log's segment {number}: {what}", number=trouble.number, what=trouble.what)
        if chain:
            self.head = flowlog.digest(chain[-1])

    def following(self) -> int:
        """The number of the next segment."""
        return self.manifests[-1].number + 1 if self.manifests else 1

    def add(self, manifest: Manifest) -> None:
        """Write a manifest; its file must be there."""
        data = flowlog.sealed(manifest, self.key)
        path = self.folder / f"{manifest.number:06d}.manifest"
        durably(path, data)
        failpoint("segment.sealed")
        self.manifests.append(manifest)
        self.head = flowlog.digest(data)

    def index(self) -> dict[str, Any]:
        """What there is to pull."""
        return {
            "head": self.head,
            "key": keys.public_pem(self.key.public_key()).decode(),
            "segments": [
                {"number": each.number, "file": each.file, "octets": each.octets, "sha256": each.sha256,
                 "rows": each.rows, "since": each.since / 1e6, "until": each.until / 1e6,
                 "kept": (self.folder / each.file).exists()}
                for each in self.manifests
            ],
        }  # fmt: skip

    def trim(self, now: float, days: float, budget: int) -> None:
        """Delete the oldest files, older than ``days`` or beyond ``budget`` bytes; their manifests stay."""
        kept = 0
        for manifest in reversed(self.manifests):
            path = self.folder / manifest.file
            if path.exists():
                kept += manifest.octets
                if kept > budget or now - manifest.until / 1e6 > days * 86400:
                    path.unlink()


@define(eq=False)
class Sealer:
    """Seals what is due, one segment at a time."""

    audit: Audit
    settings: Settings
    log: Log
    reactor: Any
    clocks: Callable[[], tuple[int, int]]
    error: str = field(default="", init=False)
    _sealing: Alone = field(factory=lambda: Alone("the sealing of a segment"), init=False)
    _started: int = field(default=0, init=False)  # steady microseconds
    _begun: int = field(default=0, init=False)  # where the first segment begins

    def look(self) -> None:
        """Seal the next segment when it is due."""
        self._sealing.begin(self._seal)

    def _span(self) -> tuple[int, int]:
        """The next segment's begin and end: whole hours (or whatever a segment's length is) of the wall clock."""
        length = int(self.settings.segment_seconds * 1e6)
        if self.log.manifests:
            since = self.log.manifests[-1].until
        else:
            self._begun = self._begun or self.clocks()[1] // length * length
            since = self._begun
        return since, (since // length + 1) * length

    def _delivered(self) -> int:
        """Up to when there is nothing more to come: what a capture held while the audit was away comes late."""
        steady, wall = self.clocks()
        self._started = self._started or steady
        if not self.audit.heard:
            return 0 if steady - self._started < PATIENCE else wall
        capturing = self.audit.blind_since(steady) is None
        return min(wall, self.audit.timeline.wall(self.audit.through)) if capturing else wall

    async def _seal(self) -> None:
        wall = self._delivered()
        since, until = self._span()
        lag = self.settings.active + self.settings.idle + LAG
        if wall < until + (self.settings.segment_lag or lag) * 1e6:
            return
        number = self.log.following()
        moment = tell.moment(since)[:19].replace("-", "").replace(":", "")
        name = f"{number:06d}-{moment}Z.parquet"
        found = self.audit.hour.ended(since, until)
        if error := await self._write(found, name):
            if error != self.error:
                _log.error("segment {number} could not be written: {error}", number=number, error=error)
            self.error = error
            return
        self.error = ""
        failpoint("segment.written")
        data = (self.log.folder / name).read_bytes()
        gaps = tuple(
            {"lack": str(gap.lack), "since": gap.since, "until": gap.until, "reason": gap.reason, "frames": gap.frames}
            for gap in self.audit.gaps.during(since, until)
        )
        self.log.add(
            Manifest(
                node=self.settings.node,
                number=number,
                since=since,
                until=until,
                rows=len(found),
                file=name,
                octets=len(data),
                sha256=flowlog.digest(data),
                previous=self.log.head,
                gaps=gaps[-1000:],
            )  # fmt: skip
        )
        self.log.trim(wall / 1e6, self.settings.log_days, self.settings.log_mib << 20)
        _log.info("sealed segment {number}: {rows} flows", number=number, rows=len(found))

    async def _write(self, found: Any, name: str) -> str:
        """Write a segment's file by the program that does; why not, or ""."""
        bare, target = self.log.folder / "sealing.rows", self.log.folder / f"{name}.tmp"
        bare.write_bytes(found.tobytes())
        there = set(map(int, np.unique(found["slice"])))
        senders = self.audit.owners.senders().items()
        names = {number: (sender.slice, sender.authority, "slice") for sender, number in senders if number in there}
        told = json.dumps({1: ("", "", "node"), 0: ("", "", "unknown"), **names})
        writer = _Writer()
        words = [sys.executable, "-m", "auditd.segments", str(bare), told, self.settings.node, str(target)]
        self.reactor.spawnProcess(writer, words[0], words, env=None)
        error = await writer.done
        bare.unlink(missing_ok=True)
        if not error:
            os.rename(target, self.log.folder / name)
        return error
