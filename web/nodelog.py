"""What the archive has of one node: its key as it was first seen, its manifests, and the files that came with them.

Nothing gets in that the node's key has not signed, and no manifest that does not follow the one before it.
"""

from collections.abc import Iterator
from pathlib import Path

from attrs import define, field
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import flowlog, keys
from planetlab.errors import Unavailable
from planetlab.files import durably
from planetlab.flowlog import Manifest, Tampered

HOUR = 3_600_000_000  # microseconds


@define(eq=False)
class NodeLog:
    """The log of one node."""

    folder: Path
    name: str
    manifests: dict[int, Manifest] = field(factory=dict, init=False)
    head: str = field(default="", init=False)  # digest of the newest manifest
    merged: set[int] = field(factory=set, init=False)  # segments that an hour of all nodes holds
    horizon: int = field(default=0, init=False)  # microseconds; what ended before it is kept no longer
    _by_hour: dict[int, list[Manifest]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        chain = [path.read_bytes() for path in sorted(self.folder.glob("*.manifest"))]
        if chain:
            good, _ = flowlog.checked(chain, self.key())
            for manifest in good:
                self._know(manifest)
            self.head = flowlog.digest(chain[-1])

    def _know(self, manifest: Manifest) -> None:
        self.manifests[manifest.number] = manifest
        for hour in range(manifest.since // HOUR, max(manifest.until - 1, manifest.since) // HOUR + 1):
            self._by_hour.setdefault(hour, []).append(manifest)

    def during(self, since: float, until: float) -> Iterator[Manifest]:
        """The segments that touch these hours, oldest first. Microseconds."""
        told: set[int] = set()
        for hour in range(int(since // HOUR), int(until // HOUR) + 1):
            for manifest in self._by_hour.get(hour, ()):
                if manifest.number not in told and manifest.until >= since and manifest.since <= until:
                    told.add(manifest.number)
                    yield manifest

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
            durably(path, pem.encode())
        elif path.read_text() != pem:
            raise Tampered(f"{self.name} shows another key than before; an operator has to look at this")

    def expected(self) -> int:
        """The number of the next segment."""
        return max(self.manifests, default=0) + 1

    def file(self, manifest: Manifest) -> Path:
        """Where the segment's file lies, or shall."""
        return self.folder / f"{manifest.number:06d}.parquet"

    def digest(self, number: int) -> str:
        """The digest of a manifest."""
        return flowlog.digest((self.folder / f"{number:06d}.manifest").read_bytes())

    def has(self, manifest: Manifest) -> bool:
        """Whether the segment's flows are here, in its own file or in an hour of all nodes."""
        return manifest.number in self.merged or self.file(manifest).exists()

    def add(self, data: bytes) -> Manifest:
        """Take in the next manifest. Raises `Tampered` unless it follows the one before."""
        manifest = flowlog.opened(data, self.key())
        if manifest.number != self.expected():
            raise Tampered(f"{self.name}: expected segment {self.expected()}, got {manifest.number}")
        if self.head and manifest.previous != self.head:
            raise Tampered(f"{self.name}: segment {manifest.number} does not follow the one before it")
        if not manifest.since <= manifest.until <= manifest.since + 24 * HOUR:
            raise Tampered(f"{self.name}: segment {manifest.number} spans no time, or more than a day")
        durably(self.folder / f"{manifest.number:06d}.manifest", data)
        self._know(manifest)
        self.head = flowlog.digest(data)
        return manifest

    def wanting(self) -> list[Manifest]:
        """The segments whose flows are not here, and would be kept."""
        return [each for each in self.manifests.values() if each.until > self.horizon and not self.has(each)]
