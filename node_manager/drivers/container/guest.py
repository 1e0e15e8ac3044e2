"""What PlanetLab puts into every sliver: its user and keys, its name, its script.

The Unix account has the slice's name, group ``slices``, and may become root by sudo. Of a file that the slice may have
changed (passwd, group, shadow) only the missing line is added.
"""

import os
from collections.abc import Sequence

from node_manager.drivers import Sliver
from node_manager.drivers.container.inside import Inside

USER, GROUP = 1000, 1001  # ids inside; the group's number is the one PlanetLab's images had
SCRIPT = "/etc/rc.d/init.d/vinit.slice"
VINIT = "/etc/rc.d/init.d/vinit"
_LOG = "/var/log/vinit"
_RESOLVER = "/etc/resolv.conf"

_VINIT = f"""#!/bin/sh
# Runs the slice's own script: vinit start|stop|restart
slice=$(cat /etc/slicename)
[ -x {SCRIPT} ] || exit 0
echo "$(date) vinit $1 $slice" >>{_LOG}
exec {SCRIPT} "$1" "$slice" </dev/null >>{_LOG} 2>&1
"""


def furnish(files: Inside, sliver: Sliver, nameservers: Sequence[str]) -> None:
    """Put everything in place; done twice it changes nothing. Raises `OSError`, or `DriverError` on hostile paths."""
    name = str(sliver.slice)
    for path in ("/dev", "/proc", "/sys", "/run"):
        files.insist(path)
    for path in ("/etc", "/home", "/var/log"):
        files.directory(path)
    home = f"/home/{name}"
    _add(files, "/etc/group", "slices", f"slices:x:{GROUP}:")
    _add(files, "/etc/passwd", name, f"{name}:x:{USER}:{GROUP}:{name}:{home}:/bin/sh")
    _add(files, "/etc/shadow", name, f"{name}:*:14610::::::", mode=0o640)
    files.directory(home, 0o755, USER, GROUP)
    files.directory("/etc/sudoers.d", 0o750)
    files.write("/etc/sudoers.d/slice", f"{name} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    files.write("/etc/slicename", f"{name}\n")
    files.write("/etc/slicefamily", f"{sliver.vref}\n")
    if not files.read(_RESOLVER):
        files.write(_RESOLVER, "".join(f"nameserver {address}\n" for address in nameservers))
    put_keys(files, sliver)
    put_initscript(files, sliver)


def put_keys(files: Inside, sliver: Sliver) -> None:
    """The users' keys, as a whole."""
    folder = f"/home/{sliver.slice}/.ssh"
    files.directory(folder, 0o700, USER, GROUP)
    files.write(f"{folder}/authorized_keys", "".join(f"{key}\n" for key in sliver.keys), 0o600, USER, GROUP)


def put_initscript(files: Inside, sliver: Sliver) -> None:
    """The slice's script and the program that runs it; an empty script is taken away."""
    files.directory(os.path.dirname(SCRIPT))
    files.write(VINIT, _VINIT, 0o755)
    if sliver.initscript:
        files.write(SCRIPT, sliver.initscript, 0o755)
    else:
        files.remove(SCRIPT)


def vinit(verb: str) -> tuple[str, ...]:
    """The command that runs the slice's script with ``verb``, in the background."""
    return ("/bin/sh", "-c", f"{VINIT} {verb} </dev/null >/dev/null 2>&1 &")


def _add(files: Inside, path: str, name: str, line: str, mode: int = 0o644) -> None:
    text = files.read(path) or ""
    if not any(row.startswith(f"{name}:") for row in text.splitlines()):
        files.write(path, text.rstrip("\n") + "\n" * bool(text.strip()) + line + "\n", mode)
