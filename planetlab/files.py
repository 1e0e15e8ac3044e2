"""Files that a service makes for itself: a crash leaves the old one or the new one; keys are for its eyes only."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import keys
from planetlab.errors import BadSettings


def durably(path: Path, data: bytes) -> None:
    """Write a file; it is on disk when this returns, and was never there in part."""
    beside = path.with_suffix(".tmp")
    with open(beside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def signing_key(path: Path, what: str) -> ec.EllipticCurvePrivateKey:
    """A service's P-256 key; made, readable to its owner only, when there is none. Raises `BadSettings`."""
    try:
        if not path.exists():
            with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(keys.private_pem(keys.new_p256()))
        key = keys.load_private(path.read_bytes())
    except OSError as error:
        raise BadSettings(f"{what} {path}: {error.strerror}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadSettings(f"{what} {path}: expected a P-256 key")
    return key
