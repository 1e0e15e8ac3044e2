"""A disk whose power can be cut: what programs synchronised is there afterwards, of the rest some, a part, or nothing.

``power.c`` is preloaded into the programs and keeps beside their folder each file as it was last synchronised. A cut
then makes the folder what it may be after a real one: *lost* leaves what was synchronised and nothing else; *torn*
takes each sector of what was not at random from before or after, and each new name or its absence.
"""

import random
import shutil
import subprocess
from pathlib import Path

PLACE = "PLFED_POWER_PLACE"  # the folder that a program with the library goes on in
SECTOR = 512  # bytes that a disk writes as a whole
VOLATILE = "-shm"  # SQLite's index of its log, which is memory


def build(folder: Path) -> Path:
    """The library to preload. Raises `OSError` where there is no C compiler, or it fails."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise OSError("a disk whose power can be cut needs a C compiler (apt-get install gcc libc6-dev)")
    made = folder / "power.so"
    source = str(Path(__file__).with_name("power.c"))
    done = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), source, "-ldl"], capture_output=True, text=True
    )
    if done.returncode:
        raise OSError(f"{source}: {done.stderr.strip()[:500]}")
    return made


class Disk:
    """One folder with its power supply. `environment` is for the programs that work in ``path``."""

    def __init__(self, place: Path) -> None:
        self.path, self._shadow, self._flag = place / "disk", place / "synchronised", place / "full"
        self.path.mkdir(parents=True)
        self._shadow.mkdir()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PLFED_POWER_DIR": str(self.path),
            "PLFED_POWER_SHADOW": str(self._shadow),
            "PLFED_POWER_FULL": str(self._flag),
        }

    def settled(self) -> None:
        """Everything that lies in the folder now is on the disk."""
        shutil.rmtree(self._shadow)
        shutil.copytree(self.path, self._shadow, ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
        for listed in self._shadow.parent.glob("synchronised.*"):
            listed.unlink()

    def fill(self, full: bool) -> None:
        """Let the disk be full, or have room again."""
        if full:
            self._flag.touch()
        else:
            self._flag.unlink(missing_ok=True)

    def cut(self, how: str, chance: random.Random) -> None:
        """Cut the power, ``how`` being lost or torn; nobody may be running in the folder any more."""
        renamed = self._renamed()
        names = {path.relative_to(self.path) for path in self.path.rglob("*") if path.is_file()}
        names |= {path.relative_to(self._shadow) for path in self._shadow.rglob("*") if path.is_file()}
        for name in sorted(names):
            before, after = _content(self._shadow / name), _content(self.path / name)
            if name.name.endswith(VOLATILE):
                left = None
            elif how == "lost":
                left = before
            elif f"/{name}" in renamed:
                left = chance.choice((before, after))  # a name is the old file's or the new one's
            else:
                left = _torn(before, after, chance)
            _put(self.path / name, left)
        for path in self.path.rglob("*.sock*"):
            path.unlink()
        self.settled()

    def _renamed(self) -> set[str]:
        listed = self._shadow.with_name("synchronised.renamed")
        return {line.split("\t")[1] for line in listed.read_text().splitlines()} if listed.exists() else set()


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _put(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _torn(before: bytes | None, after: bytes | None, chance: random.Random) -> bytes | None:
    """Each sector of a file from before or after, and its end anywhere between."""
    if before == after or after is None:
        return chance.choice((before, after))
    if before is None and chance.random() < 0.5:
        return None
    old = before or b""
    size = chance.randint(min(len(old), len(after)), max(len(old), len(after)))
    pieces = [
        chance.choice((old[at : at + SECTOR], after[at : at + SECTOR])).ljust(SECTOR, b"\0")
        for at in range(0, size, SECTOR)
    ]
    return b"".join(pieces)[:size]
