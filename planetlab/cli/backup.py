"""``plfed backup`` and ``plfed restore``: an authority's folder as one file, copied while its services run.

Databases are copied through SQLite, so each is of one moment; each copy is read through before it counts. The file
holds every secret of the authority, so only its owner may read it. Left out is what is no record: logs, locks, sockets,
copies that an upgrade put aside, and the archive of flows, which is large and seals itself.
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import sqlite3
import stat
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import click

from planetlab.cli import place
from planetlab.cli.books import damage
from planetlab.cli.maintenance import SETTINGS
from planetlab.cli.run import errors_told
from planetlab.cli.say import Voice, as_json, pasted
from planetlab.errors import BadSettings

LIST = "backup.json"  # the first member: what the others are
SQLITE = b"SQLite format 3\0"
NO_RECORDS = ("log", "archive")  # folders
PASSING = re.compile(r".*(-wal|-shm|-journal|\.tmp|\.version-\d+)")  # of a running process, or put aside
QUOTED_PATH = re.compile(r'"(/[^"\\]*)"')
PIECE = 1 << 20  # octets that are copied at once


@click.command("backup")
@click.argument("directory", type=click.Path(path_type=pathlib.Path, exists=True, file_okay=False))
@click.argument("file", type=click.Path(path_type=pathlib.Path))
@as_json
@errors_told
def backup(directory: pathlib.Path, file: pathlib.Path, as_json: bool) -> None:
    """Copy the authority in DIRECTORY into FILE, while it runs or not: keys, settings, records."""
    path = directory.resolve()
    if not any((path / name).exists() for name in SETTINGS):
        raise BadSettings(f"{path} is no authority's folder: expected {SETTINGS[0]}; a node is set up anew instead")
    with tempfile.TemporaryDirectory(dir=file.absolute().parent, prefix=".plfed-") as beside:
        told = _written(path, pathlib.Path(beside))
        os.replace(pathlib.Path(beside) / "copy", file)
    value = {"file": str(file.absolute()), "files": len(told["files"]), "made": told["made"]}
    voice = Voice(as_json)
    voice.result(value, [f"{len(told['files'])} files of {path} are in {file}", "It holds every key: keep it secret."])


def _written(path: pathlib.Path, beside: pathlib.Path) -> dict[str, Any]:
    """Write ``beside/copy``; what is in it."""
    sources: dict[str, pathlib.Path] = {}
    for number, source in enumerate(_records(path)):
        sources[str(source.relative_to(path))] = _copied(source, beside / str(number))
    told = {"dir": str(path), "made": time.time(), "files": {name: _digest(each) for name, each in sources.items()}}
    with tarfile.open(beside / "copy", "w:gz", compresslevel=6) as tar:
        text = json.dumps(told, indent=1).encode()
        member = tarfile.TarInfo(LIST)
        member.size, member.mode = len(text), 0o600
        tar.addfile(member, io.BytesIO(text))
        for name, source in sources.items():
            tar.add(source, name, recursive=False)
    os.chmod(beside / "copy", 0o600)
    return told


def _records(path: pathlib.Path) -> Iterator[pathlib.Path]:
    for source in sorted(path.rglob("*")):
        inside = source.relative_to(path)
        if source.is_symlink() or not source.is_file() or inside.parts[0] in NO_RECORDS:
            continue
        if source.name != "lock" and not PASSING.fullmatch(source.name) and source.stat().st_size:  # locks are empty
            yield source


def _copied(source: pathlib.Path, to: pathlib.Path) -> pathlib.Path:
    """A copy of one moment: of a database by SQLite. Raises `BadSettings` when it is not sound."""
    with source.open("rb") as file:
        is_database = file.read(len(SQLITE)) == SQLITE
    if is_database:
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(to)) as new:
            old.backup(new)
        wrong = damage(to)
        if wrong:
            raise BadSettings(
                f"{source} is damaged ({wrong[0]}): keep the last good copy; `plfed doctor --deep` says more"
            )
    else:
        shutil.copyfile(source, to)
    os.chmod(to, stat.S_IMODE(source.stat().st_mode))
    return to


def _digest(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@click.command("restore")
@click.argument("file", type=click.Path(path_type=pathlib.Path, exists=True, dir_okay=False))
@click.argument("directory", type=click.Path(path_type=pathlib.Path))
@as_json
@errors_told
def restore(file: pathlib.Path, directory: pathlib.Path, as_json: bool) -> None:
    """Put what `plfed backup` wrote to FILE into DIRECTORY, which must be new or empty."""
    path = directory.resolve()
    if path.exists() and any(path.iterdir()):
        raise BadSettings(f"{path} is not empty: name another folder, or move this one aside")
    try:
        with tarfile.open(file, "r:gz") as tar:
            told = _listed(tar)
            with tempfile.TemporaryDirectory(dir=place.folder(path.parent), prefix=".plfed-") as beside:
                whole = place.folder(pathlib.Path(beside) / "whole")
                _unpacked(tar, told, whole, path)
                os.rename(whole, path)  # all of it at once, over an empty folder at most
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, ValueError, KeyError, TypeError) as error:
        raise BadSettings(f"{file} is not what `plfed backup` writes: {error}") from error
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(told["made"]))
    value = {"dir": str(path), "files": len(told["files"]), "made": told["made"]}
    lines = [f"{len(told['files'])} files of {made} are in {path}", f"next: {pasted('up', path)}"]
    Voice(as_json).result(value, lines)


def _listed(tar: tarfile.TarFile) -> dict[str, Any]:
    """What is in it. Raises `ValueError`, `KeyError` or `TypeError`."""
    first = tar.extractfile(LIST)
    told: dict[str, Any] = json.loads(first.read(1 << 20) if first else b"")
    if not isinstance(told["dir"], str) or not isinstance(told["made"], (int, float)):
        raise ValueError(f"{LIST} does not say of which folder and when")
    for name in told["files"]:
        if pathlib.PurePosixPath(name).is_absolute() or ".." in pathlib.PurePosixPath(name).parts:
            raise ValueError(f"{name!r} would lie outside")
    return told


def _unpacked(tar: tarfile.TarFile, told: dict[str, Any], whole: pathlib.Path, path: pathlib.Path) -> None:
    """Write every file that is listed, as it was; settings name ``path``, the folder where they are from now on."""
    for name, digest in told["files"].items():
        member, to = tar.getmember(name), whole / name
        source = tar.extractfile(member)
        if source is None:
            raise ValueError(f"{name} is no file")
        place.folder(to.parent)
        with to.open("xb") as file:
            os.fchmod(file.fileno(), member.mode & 0o600 | member.mode & 0o044)
            shutil.copyfileobj(source, file, PIECE)
        if _digest(to) != digest:
            raise ValueError(f"{name} is not as it was written")
        if to.suffix == ".toml":
            to.write_text(_moved(to.read_text(encoding="utf-8"), told["dir"], path), encoding="utf-8")


def _moved(settings: str, old: str, path: pathlib.Path) -> str:
    """Settings that named files below the folder ``old``, however it was spelled, and now name those below ``path``."""

    def here(found: re.Match[str]) -> str:
        inside = os.path.normpath(found[1])
        is_ours = inside == old or inside.startswith(f"{old}/")
        return f'"{path}{inside.removeprefix(old)}"' if is_ours else found[0]

    return QUOTED_PATH.sub(here, settings)
