"""Where the reference images lie, and what of the node itself goes into a sliver."""

import re
import shutil
from pathlib import Path

from node_manager.drivers import DriverError

INIT = "catatonit"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_FAMILY = re.compile(r"[a-z0-9]+-[a-z]*[0-9.]+-(?:i386|x86_64)")  # as PLCs name them: planetlab-f14-x86_64


def image(images: str, name: str) -> Path:
    """The directory of reference image ``name``. Raises `DriverError`, which tells the names there are.

    A PLC names a slice's family by distribution, release and architecture, also where nobody chose one; for those the
    node does not have the default stands in.
    """
    path = Path(images, name)
    if _FAMILY.fullmatch(name) and not path.exists():
        path = Path(images, "default")
    if not _NAME.fullmatch(name) or not (path / "etc").is_dir():
        there = ", ".join(sorted(entry.parent.name for entry in Path(images).glob("*/etc"))) or "none"
        raise DriverError(f"no reference image {name[:64]!r} in {images} (there: {there}); `make image` builds them")
    return path.resolve()


def init_program() -> str:
    """The program that is the first process of each sliver and reaps the others; bound in, so images need none."""
    found = shutil.which(INIT, path="/usr/bin:/sbin:/usr/sbin:/usr/libexec/podman:/usr/local/bin")
    if not found:
        raise DriverError(f"{INIT} is not installed")
    return found
