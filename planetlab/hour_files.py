"""Merged hours on disk, checked: each with the seal beside it, and the seals against the chains of the nodes.

A seal lies beside the file that it is of under a name that has the file's digest; so a crash between writing one and
the other leaves a file with its seal, the old one or the new.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import flowlog, hour_seals, keys
from planetlab.errors import PlanetLabError
from planetlab.files import durably
from planetlab.flowlog import Tampered
from planetlab.hour_seals import Seal

FILES = "hours/day=*/hour=*/flows.parquet"


@frozen
class Trouble:
    """What is not as it was sealed, and where."""

    where: str
    what: str


def put(path: Path, begin: int, segments: tuple[tuple[str, int, str], ...], key: ec.EllipticCurvePrivateKey) -> Path:
    """Seal the file at ``path`` before it takes the place of ``flows.parquet``; gives where the seal lies."""
    octets, sha256 = _measured(path)
    place = path.with_name(f"{sha256}.seal")
    durably(place, hour_seals.sealed(Seal(begin=begin, octets=octets, sha256=sha256, segments=segments), key))
    return place


def only(path: Path, kept: Path) -> None:
    """Delete all seals beside ``path`` but ``kept``."""
    for each in path.parent.glob("*.seal"):
        if each != kept:
            each.unlink()


def seal_of(path: Path, key: ec.EllipticCurvePublicKey, thoroughly: bool = True) -> Seal:
    """The seal of a merged hour. Raises `Tampered` unless it is the file's; its content is read only ``thoroughly``."""
    octets, sha256 = _measured(path) if thoroughly else (path.stat().st_size, "")
    for place in sorted(path.parent.glob("*.seal")):
        if thoroughly and place.stem != sha256:
            continue
        try:
            seal = hour_seals.opened(place.read_bytes(), key)
        except Tampered:
            continue  # another may lie beside it
        if seal.octets == octets and place.stem == seal.sha256:
            return seal
    raise Tampered(f"{path.parent.parent.name}/{path.parent.name}: its file is not one that was sealed")


def _measured(path: Path) -> tuple[int, str]:
    with open(path, "rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def checked(folder: Path, key: ec.EllipticCurvePublicKey) -> Iterator[tuple[Path, Seal | Trouble]]:
    """Every merged hour of an archive's folder: its seal, or what is wrong with it."""
    chains = {each.parent.name: _honest(each.parent) for each in folder.glob("*/key.pem")}
    for path in sorted(folder.glob(FILES)):
        where = f"{path.parent.parent.name}/{path.parent.name}"
        try:
            seal = seal_of(path, key)
        except Tampered as error:
            yield path, Trouble(where, error.detail)
            continue
        wrong = [
            f"segment {number} of {node}" for node, number, digest in seal.segments
            if digest not in chains.get(node, ())
        ]  # fmt: skip
        yield path, Trouble(where, f"no honest manifest is here of {', '.join(wrong[:3])}") if wrong else seal


def _honest(folder: Path) -> set[str]:
    """The digests of the manifests that one node has signed."""
    found: set[str] = set()
    try:
        key = keys.load_public((folder / "key.pem").read_bytes())
    except (OSError, PlanetLabError):
        return found
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return found
    for path in sorted(folder.glob("*.manifest")):
        data = path.read_bytes()
        try:
            found.add(flowlog.digest(data) if flowlog.opened(data, key).node == folder.name else "")
        except Tampered:
            continue
    return found
