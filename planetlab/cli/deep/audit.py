"""The audit's sealed logs on a node and in an archive, and its counters against the kernel's."""

import pathlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import treq
from attrs import frozen
from cryptography.hazmat.primitives.asymmetric import ec

from planetlab import flowlog, keys
from planetlab.errors import BadArgument

PATIENCE = 10.0  # seconds for an answer or a command
PART, FEW = 0.01, 20  # of packets, and packets, by which two counters read one after the other may differ
SENT = 9  # of the columns of /proc/net/dev, packets sent
COUNTED = ("plfed_audit_frames_total", "plfed_audit_dropped_total", "plfed_audit_foreign_total")


def sealed(folder: pathlib.Path, key: ec.EllipticCurvePublicKey) -> tuple[list[str], int]:
    """Rule 9: what is wrong with the chain in ``folder`` and the files that it tells of; and how long it is."""
    chain = [path.read_bytes() for path in sorted(folder.glob("*.manifest"))]
    good, troubles = flowlog.checked(chain, key)
    wrong = [f"{folder}: segment {trouble.number}: {trouble.what}" for trouble in troubles]
    for manifest in good:
        for path in (folder / manifest.file, folder / f"{manifest.number:06d}.parquet"):
            if path.exists():
                try:
                    flowlog.fits(manifest, path.read_bytes())
                except BadArgument as error:
                    wrong.append(f"{path}: {error}")
    return wrong, len(chain)


def own_key(audit: pathlib.Path) -> ec.EllipticCurvePublicKey | None:
    """The key by which a node's audit seals; None before it has one."""
    path = audit / "log.key"
    key = keys.load_private(path.read_bytes()) if path.exists() else None
    return key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else None


def archived(archive: pathlib.Path, audits: Mapping[str, pathlib.Path]) -> Iterator[str]:
    """Rule 9: what is wrong with an archive's chains, and where they are not those of the nodes that are here."""
    for folder in sorted(path for path in archive.iterdir() if path.is_dir()):
        pem = folder / "key.pem"
        if not pem.exists():
            continue
        key = keys.load_public(pem.read_bytes())
        if not isinstance(key, ec.EllipticCurvePublicKey):
            yield f"{pem} is no P-256 key"
            continue
        yield from sealed(folder, key)[0]
        newest = max(folder.glob("*.manifest"), default=None)
        audit = audits.get(folder.name)
        if newest is not None and audit is not None:
            own = audit / "log" / newest.name
            if not own.exists() or own.read_bytes() != newest.read_bytes():
                yield f"{newest} is not what {folder.name} has sealed under that number"


@frozen
class Counted:
    """Packets that left a node: as the audit counted them, and as the kernel did."""

    audit: float
    kernel: float


async def counted(metrics: str, interfaces: Sequence[str], enter: Sequence[str], reactor: Any) -> Counted:
    """Both counters now. Raises `OSError` or what keeps the audit's page from us."""
    response = await treq.get(metrics, timeout=PATIENCE, persistent=False, reactor=reactor)
    text = (await response.content()).decode()
    seen = dict(line.split()[:2] for line in text.splitlines() if line.startswith("plfed_audit_"))
    done = subprocess.run(
        [*enter, "cat", "/proc/net/dev"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )  # a namespace is entered by a program
    if done.returncode:
        raise OSError(done.stderr.strip()[:200])
    lines = (line.partition(":") for line in done.stdout.splitlines())
    kernel = sum(float(rest.split()[SENT]) for name, _, rest in lines if name.strip() in interfaces)
    return Counted(sum(float(seen.get(name, 0.0)) for name in COUNTED), kernel)


def differ(before: Counted, after: Counted) -> Iterator[str]:
    """Rule 8: by how much the audit counted otherwise than the kernel, between two looks."""
    audit, kernel = after.audit - before.audit, after.kernel - before.kernel
    if audit >= 0 and abs(audit - kernel) > kernel * PART + FEW:
        yield f"the audit counted {audit:.0f} packets, the kernel {kernel:.0f}"
