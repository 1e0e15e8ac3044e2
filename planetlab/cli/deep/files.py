"""What lies about: databases that are not whole, what was half written, what slivers left, and secrets in logs."""

import glob
import pathlib
import re
from collections.abc import Iterable, Iterator

from planetlab.cli import books

OLD = 60.0  # seconds after which a file that was to be renamed has been forgotten
HALF_WRITTEN = (".tmp", ".part", ".new")
CGROUPS = pathlib.Path("/sys/fs/cgroup")
SHORTEST = 16  # characters of a secret; what is shorter may be a word
PIECE = 1 << 20  # bytes of a log that are looked at together
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)-----END")
SECRET_FILES = ("*.key", "*.token", "*.password")


def damaged(places: Iterable[pathlib.Path]) -> tuple[list[str], int]:
    """Rule 11: what SQLite finds wrong with each database below the places, and how many there are."""
    files = sorted({file for place in places for file in place.rglob("*.db")})
    return [f"{file}: {line}" for file in files for line in books.damage(file)], len(files)


def half_written(places: Iterable[pathlib.Path], now: float) -> Iterator[str]:
    """Rule 11: files that were to be renamed when they are whole, and were not."""
    for place in places:
        for path in sorted(place.rglob("*")):
            if path.suffix in HALF_WRITTEN and path.is_file() and now - path.stat().st_mtime > OLD:
                yield f"{path} was never finished"


def left_behind(
    slivers: pathlib.Path, group: str, names: Iterable[str], cgroups: pathlib.Path = CGROUPS
) -> Iterator[str]:
    """Rule 11: mounts and control groups of slivers that are not there any more."""
    known = set(names)
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        point = pathlib.Path(line.split()[4])
        if point.is_relative_to(slivers) and not _is_of(point.relative_to(slivers).parts, known):
            yield f"{point} is still mounted"
    # one hierarchy, or one for each controller; glob.glob, for groups of others may go while we look
    of_both_kinds = glob.glob(f"{cgroups}/{group}/*_*") + glob.glob(f"{cgroups}/*/{group}/*_*")
    for path in map(pathlib.Path, sorted(of_both_kinds)):
        if path.is_dir() and path.name not in known:
            yield f"{path} is of a sliver that is gone"


def _is_of(parts: tuple[str, ...], names: set[str]) -> bool:
    return not any("_" in part for part in parts) or bool(names.intersection(parts))


def secrets_of(place: pathlib.Path) -> dict[str, str]:
    """What of the files in a place must be told to nobody, and where it stands."""
    found = {}
    for pattern in SECRET_FILES:
        for path in place.rglob(pattern):
            text = path.read_text(errors="replace").strip()
            key = _PEM.search(text)
            secret = max(key[1].split("\n"), key=len) if key else text
            if len(secret) >= SHORTEST and "\n" not in secret:
                found[secret] = str(path)
    return found


def told_in_logs(logs: Iterable[pathlib.Path], secrets: dict[str, str]) -> Iterator[str]:
    """Rule 13: secrets that stand in a log; each is named by where it belongs, not by itself."""
    told = {secret.encode(): where for secret, where in secrets.items()}
    longest = max(map(len, told), default=0)
    for log in logs:
        seen: set[str] = set()
        with log.open("rb") as file:
            rest = b""
            while piece := file.read(PIECE):
                text = rest + piece
                seen |= {where for secret, where in told.items() if secret in text}
                rest = text[-longest:]
        yield from (f"{log} tells the secret of {where}" for where in sorted(seen))
