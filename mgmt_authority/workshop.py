"""Where boot media are made: files below one folder, images by the packaged tools ``xorriso`` and ``mtools``.

An image holds the operator's boot CD material, if there is a folder of it, and the node's ``plnode.txt``. An ISO is
bootable when the material holds ``isolinux/isolinux.bin``. No name from outside reaches a shell, a path outside of the
folder, or a link: each part of a path is opened from the one before it, and no link is followed.
"""

import os
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen

from mgmt_authority.media import YOUNG
from planetlab.errors import BadArgument, PlanetLabError, Unavailable

PATIENCE = 120.0  # seconds for one run of a tool
USB_SPARE = 1024 * 1024  # octets beyond the files of a usb image: its tables, and room for what a boot writes
HEADS = SECTORS = 32  # of a usb image, as sticks of its size say it
TRACK = HEADS * SECTORS * 512  # octets
LEAST_TRACKS = 45  # 22 MiB: below that mformat makes a FAT12, which not every BIOS boots from
TOOLS = {"iso": ("xorriso", "xorriso"), "usb": ("mformat", "mtools")}
LOADER = "isolinux/isolinux.bin"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@frozen
class Workshop:
    """The folder that media are written to (None: they are only returned), and the folder of boot CD material."""

    work: Path | None = None
    material: Path | None = None

    def version(self) -> str:
        """The version of the boot CD material."""
        said = self.material / "version" if self.material else None
        return said.read_text("utf-8").strip()[:64] if said and said.is_file() else "none"

    def must_have(self, image: str, generic: bool) -> None:
        """Raise `Unavailable` without the tool for this kind of image, `PlanetLabError` without material for it."""
        tool, package = TOOLS[image]
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed here; the operator must install the package {package}")
        if generic and self.material is None:
            raise PlanetLabError("no boot CD material is configured; the operator must set boot_cd")

    def must_be_free(self, parts: tuple[str, ...], now: float) -> None:
        """Raise `BadArgument` when the file is there and young, or its place is no place for it."""
        with self._folder(parts[:-1]) as folder:
            try:
                there = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return
        if not stat.S_ISREG(there.st_mode):
            raise BadArgument("there is something at this name that is no file", "filename")
        if now - there.st_mtime < YOUNG:
            raise BadArgument(f"this file was made less than {YOUNG:.0f} s ago; take that one, or wait", "filename")

    def image(self, kind: str, plnode: str | None, arguments: str) -> bytes:
        """The octets of an ``iso`` or ``usb`` image. Raises `PlanetLabError` with what the tool said."""
        with tempfile.TemporaryDirectory(prefix="medium-") as folder:
            tree = Path(folder, "tree")
            if self.material:
                shutil.copytree(self.material, tree, symlinks=False)
            else:
                tree.mkdir()
            if plnode is not None:
                (tree / "plnode.txt").write_text(plnode, "utf-8")
            if arguments:
                (tree / "kargs.txt").write_text(f"{arguments}\n", "utf-8")
            made = Path(folder, f"medium.{kind}")
            (_iso if kind == "iso" else _usb)(tree, made)
            return made.read_bytes()

    def keep(self, parts: tuple[str, ...], data: bytes) -> str:
        """Write a file, whole or not at all, and give its path."""
        with self._folder(parts[:-1]) as folder:
            fresh = f"{parts[-1][:200]}.{secrets.token_hex(6)}.part"
            try:
                with os.fdopen(os.open(fresh, _FRESH, 0o600, dir_fd=folder), "wb") as out:
                    out.write(data)
                    out.flush()
                    os.fsync(out.fileno())
                os.rename(fresh, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
            except OSError as error:
                _forget(fresh, folder)
                raise PlanetLabError(f"the medium could not be written: {error.strerror}") from error
        assert self.work is not None
        return str(self.work.joinpath(*parts))

    @contextmanager
    def _folder(self, parts: tuple[str, ...]) -> Iterator[int]:
        """The folder below the work directory, made where it is not there, without following a link."""
        if self.work is None:
            raise PlanetLabError("no work directory is configured; the operator must set media")
        try:
            here = os.open(self.work, _FOLDER)
        except OSError as error:
            raise PlanetLabError(f"the work directory cannot be used: {error.strerror}") from error
        try:
            for part in parts:
                here = _below(here, part)
            yield here
        finally:
            os.close(here)


def _below(here: int, part: str) -> int:
    try:
        with suppress(FileExistsError):
            os.mkdir(part, 0o700, dir_fd=here)
        below = os.open(part, _FOLDER, dir_fd=here)
    except OSError as error:
        raise BadArgument(f"{part!r} is no folder that a medium can be put in: {error.strerror}", "filename") from None
    os.close(here)
    return below


def _forget(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _iso(tree: Path, made: Path) -> None:
    boots: list[str] = []
    if (tree / LOADER).is_file():
        boots = ["-b", LOADER, "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
    _run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "PLANETLAB", *boots, "-o", str(made), str(tree))


def _usb(tree: Path, made: Path) -> None:
    octets = sum(path.stat().st_size + 4096 for path in tree.rglob("*")) + USB_SPARE
    tracks = max(LEAST_TRACKS, -(-octets // TRACK))
    _run(
        "mformat",
        "-C",
        "-i",
        str(made),
        "-h",
        str(HEADS),
        "-s",
        str(SECTORS),
        "-t",
        str(tracks),
        "-v",
        "PLANETLAB",
        "::",
    )
    content = sorted(str(path) for path in tree.iterdir())
    if content:
        _run("mcopy", "-s", "-Q", "-i", str(made), *content, "::/")


def _run(*words: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise Unavailable(f"{words[0]} is not installed here; the operator must install it") from None
    except subprocess.TimeoutExpired:
        raise PlanetLabError(f"{words[0]} did not end within {PATIENCE:.0f} s") from None
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
        raise PlanetLabError(f"{words[0]} made no medium: {said}")
