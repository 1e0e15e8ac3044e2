"""What must not be forgotten even when the ledger is put back from a copy: which slivers were deleted, up to when.

A second file beside the ledger, one line per deletion, each with a checksum, each on the disk before the ledger says
so. A ledger restored from yesterday therefore still refuses the tickets that were deleted today. When both files are
put back together (a snapshot of the whole disk) nothing on the node can know of it; then the tickets' own expiry, and
the authority's list of deleted slices, are what is left.
"""

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from attrs import asdict, frozen

from planetlab.errors import BadArgument
from planetlab.names import Hrn, SliceName

MOST_LINE = 4096  # bytes; longer lines were not written by us


@frozen(kw_only=True)
class Gone:
    """A sliver that was deleted here; tickets issued up to then do not bring it back.

    ``issued`` and ``expires`` are the highest of the tickets that were seen; ``until`` is when no such ticket can still
    be valid. Seconds since the epoch.
    """

    authority: Hrn
    slice: SliceName
    rcap: str = ""
    serial: str = ""
    issued: float = 0.0
    expires: float = 0.0
    at: float = 0.0
    until: float = 0.0
    why: str = ""

    def bars(self, issued: float, expires: float) -> bool:
        """Whether a ticket of this slice is from before the deletion."""
        return issued <= self.issued if issued and self.issued else expires <= self.expires


def line_of(gone: Gone) -> bytes:
    """A line of the file: checksum, blank, JSON."""
    said = {**asdict(gone, recurse=False), "authority": str(gone.authority), "slice": str(gone.slice)}
    text = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def read_line(line: bytes) -> Gone | None:
    """What a line says; None when it is torn or not ours."""
    checksum, _, text = line.rstrip(b"\n").partition(b" ")
    if len(line) > MOST_LINE or not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        said = json.loads(text)
        return Gone(**{**said, "authority": Hrn.parse(said["authority"]), "slice": SliceName.parse(said["slice"])})
    except (ValueError, TypeError, KeyError, BadArgument):
        return None


class Memory:
    """The file. Not for two processes at once; the ledger's lock sees to that."""

    def __init__(self, path: Path | None) -> None:
        """Use ``path``, or none at all (for a node that is itself only in memory)."""
        self._path = path

    def read(self) -> tuple[list[Gone], int]:
        """Every deletion in the file, the latest of each slice, and how many lines could not be read."""
        if self._path is None or not self._path.exists():
            return [], 0
        lines = self._path.read_bytes().splitlines(keepends=True)
        read = [read_line(line) for line in lines]
        latest = {(gone.authority, gone.slice): gone for gone in read if gone is not None}
        return list(latest.values()), sum(gone is None for gone in read)

    def add(self, *deletions: Gone) -> None:
        """Write deletions through to the disk. Raises `OSError` when it cannot be."""
        if self._path is not None:
            with self._path.open("ab") as file:
                if file.tell() and not _ends_whole(self._path):
                    file.write(b"\n")  # a torn line of an earlier crash must not swallow this one
                file.writelines(map(line_of, deletions))
                file.flush()
                os.fsync(file.fileno())

    def rewrite(self, kept: Iterable[Gone]) -> None:
        """Replace the file by these deletions, so that it does not grow for ever."""
        if self._path is None:
            return
        part = self._path.with_name(self._path.name + ".part")
        with part.open("wb") as file:
            file.writelines(line_of(gone) for gone in kept)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
