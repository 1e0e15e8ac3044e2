"""``plfed statement``: check what a node or an archive has signed about what it sent."""

import pathlib
import sys
from typing import Any

import click
from attrs import asdict
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import audit_statements as statements
from planetlab import keys
from planetlab.cli.run import errors_told
from planetlab.cli.say import Voice
from planetlab.errors import BadSettings


@click.group("statement")
def group() -> None:
    """Check signed answers of nodes and archives."""


@group.command("verify")
@click.argument("file", type=click.Path(path_type=pathlib.Path, exists=True, dir_okay=False))
@click.option("--key", "key_file", required=True, type=click.Path(path_type=pathlib.Path, exists=True, dir_okay=False),
              help="PEM file: the public key of who states it, as its /key.pem gives it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON value on standard output.")
@errors_told
def verify(file: pathlib.Path, key_file: pathlib.Path, as_json: bool) -> None:
    """Check that FILE is what the holder of the key has stated, and say what that is and what was not seen.

    Ends with 1 when it is not.
    """
    key = keys.load_public(key_file.read_bytes())
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise BadSettings(f"{key_file}: expected a P-256 key")
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
