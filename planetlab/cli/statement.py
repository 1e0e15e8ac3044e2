"""``plfed statement``: check what a node or an archive has signed about what it sent, and what an archive keeps."""

import pathlib
import sys
from collections.abc import Callable
from typing import Any

import click
from attrs import asdict
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import audit_statements as statements
from planetlab import hour_files, keys
from planetlab.cli.run import errors_told
from planetlab.cli.say import Voice, as_json
from planetlab.errors import BadSettings

KEY_FILE = click.Path(path_type=pathlib.Path, exists=True, dir_okay=False)


@click.group("statement")
def group() -> None:
    """Check signed answers of nodes and archives."""


def _check(name: str, of: str, key: str) -> Callable[[Callable[..., None]], click.Command]:
    """The frame of a check ``name``: of a ``file`` or a ``folder``, against a key, told to people or programs."""
    kinds = {"file_okay": of == "file", "dir_okay": of == "folder"}
    options = (
        click.argument(of, type=click.Path(path_type=pathlib.Path, exists=True, **kinds)),
        click.option("--key", "key_file", required=True, type=KEY_FILE, help=f"PEM file: {key}."),
        as_json,
    )

    def framed(check: Callable[..., None]) -> click.Command:
        command = errors_told(check)
        for option in reversed(options):
            command = option(command)
        return group.command(name)(command)

    return framed


def _p256(file: pathlib.Path) -> ec.EllipticCurvePublicKey:
    key = keys.load_public(file.read_bytes())
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadSettings(f"{file}: expected a P-256 key")
    return key


@_check("verify", "file", "the public key of who states it, as its /key.pem gives it")
def verify(file: pathlib.Path, key_file: pathlib.Path, as_json: bool) -> None:
    """Check that FILE is what the holder of the key has stated, and say what that is and what was not seen.

    Ends with 1 when it is not.
    """
    key = _p256(key_file)
    try:
        told = statements.verified(file.read_bytes(), key)
    except statements.Unproven as error:
        click.echo(f"NOT PROVEN: {error}", err=True)
        sys.exit(1)
    gaps = [
        f"not seen: {gap.get('node') or 'all nodes'}, {gap['since']:.0f} to {gap['until']:.0f}: {gap['reason']}"
        for gap in told.gaps
    ]
    whole: dict[str, Any] = {**asdict(told), "complete": told.complete, "sentence": told.sentence}
    Voice(as_json).result(whole, [f"Signed by {told.by}: {told.sentence}", *gaps])


@_check("hours", "folder", "the archive's public key, as its /archive.pem gives it")
def hours(folder: pathlib.Path, key_file: pathlib.Path, as_json: bool) -> None:
    """Check every merged hour in an archive's FOLDER: its file, its seal, and the nodes' manifests that it was made of.

    Ends with 1 when one is not as it was sealed.
    """
    good: list[dict[str, Any]] = []
    wrong: list[dict[str, Any]] = []
    for path, found in hour_files.checked(folder, _p256(key_file)):
        if isinstance(found, hour_files.Trouble):
            wrong.append({"hour": found.where, "what": found.what})
        else:
            good.append({"hour": str(path.parent.relative_to(folder)), "segments": len(found.segments)})
    lines = [f"{len(good)} hours are as they were sealed, of {sum(each['segments'] for each in good)} segments"]
    Voice(as_json).result({"good": good, "wrong": wrong}, lines + [f"WRONG {w['hour']}: {w['what']}" for w in wrong])
    if wrong:
        sys.exit(1)
