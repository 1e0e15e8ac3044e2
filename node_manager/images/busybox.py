"""The smallest image: busybox under all its names, and the files that make a Unix system of it."""

import shutil
import subprocess
from pathlib import Path

_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/shadow": "root:*:14610:0:99999:7:::\n",
    "etc/shells": "/bin/sh\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n",
    "etc/profile": "export PATH=/usr/sbin:/usr/bin:/sbin:/bin\n",
}
_DIRECTORIES = (
    "bin", "dev", "etc", "home", "lib", "proc", "root", "run", "sbin", "sys", "tmp", "usr/bin", "usr/sbin", "var/log",
    "var/tmp",
)  # fmt: skip


class NoBusybox(Exception):
    """There is no static busybox on this machine."""


def build(target: Path) -> None:
    """Make the tree at ``target``, which does not exist yet. Raises `NoBusybox`."""
    program = shutil.which("busybox")
    if program is None or b"Dynamic" in _kind(program):
        raise NoBusybox("no statically linked busybox; Debian's package is busybox-static")
    for name in _DIRECTORIES:
        (target / name).mkdir(parents=True, exist_ok=True)
    for name, mode in (("tmp", 0o1777), ("var/tmp", 0o1777), ("root", 0o700)):
        (target / name).chmod(mode)
    shutil.copy(program, target / "bin/busybox")
    applets = subprocess.run([program, "--list-full"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        link = target / applet
        if not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to("/bin/busybox")
    for name, text in _FILES.items():
        (target / name).write_text(text, "utf-8")
    (target / "etc/shadow").chmod(0o600)


def _kind(program: str) -> bytes:
    """``Dynamic`` when the program names a loader of shared libraries (ELF segment PT_INTERP)."""
    head = Path(program).read_bytes()[:4096]
    return b"Dynamic" if b"ld-linux" in head or b"/ld-musl" in head else b"static"
