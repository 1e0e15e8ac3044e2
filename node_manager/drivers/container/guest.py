"""What PlanetLab puts into every sliver: its user and keys, its name, its script.

The Unix account has the slice's name, group ``slices``, and may become root by sudo. Of a file that the slice may have
changed (passwd, group, shadow) only the missing line is added.
"""

import os
from collections.abc import Sequence

from node_manager.drivers import Sliver
from node_manager.drivers.container.bundle import API
from node_manager.drivers.container.console import CONSOLE
from node_manager.drivers.container.inside import Inside
from planetlab.failpoints import failpoint

USER, GROUP = 1000, 1001  # ids inside; the group's number is the one PlanetLab's images had
SCRIPT = "/etc/rc.d/init.d/vinit.slice"
VINIT = "/etc/rc.d/init.d/vinit"
_LOG = "/var/log/vinit"  # the name that the script's words had
_SOCKETS = ("/tmp/nodemanager.api", "/tmp/sliver_mgr.api", "/tmp/node_mgr.api", "/tmp/node_mgr_api")
_RESOLVER = "/etc/resolv.conf"

_VINIT = f"""#!/bin/sh
# Runs the slice's own script: vinit start|stop|restart
slice=$(cat /etc/slicename)
[ -x {SCRIPT} ] || exit 0
echo "$(date) vinit $1 $slice" >>{CONSOLE}
exec {SCRIPT} "$1" "$slice" </dev/null >>{CONSOLE} 2>&1
"""


def furnish(files: Inside, sliver: Sliver, hostname: str, nameservers: Sequence[str]) -> None:
    """Put everything in place; done twice it changes nothing. Raises `OSError`, or `DriverError` on hostile paths.

    ``hostname`` resolves inside, so that sudo need not wait for a name server that does not know it.
    """
    name = str(sliver.slice)
    for path in ("/dev", "/proc", "/sys", "/run"):
        files.insist(path)
    for path in ("/etc", "/home", "/var/log"):
        files.directory(path)
    home, bash = f"/home/{name}", "/bin/bash" if files.status("/bin/bash") else "/bin/sh"
    _add(files, "/etc/hosts", f"127.0.1.1\t{hostname}", "")
    _add(files, "/etc/group", "slices:", f"x:{GROUP}:")
    _add(files, "/etc/passwd", f"{name}:", f"x:{USER}:{GROUP}:{name}:{home}:{bash}")
    _add(files, "/etc/shadow", f"{name}:", "*:14610::::::", mode=0o640)
    files.directory(home, 0o755, USER, GROUP)
    files.directory("/etc/sudoers.d", 0o750)
    files.write("/etc/sudoers.d/slice", f"{name} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    files.write("/etc/slicename", f"{name}\n")
    files.write("/etc/slicefamily", f"{sliver.vref}\n")
    if not files.read(_RESOLVER):
        files.write(_RESOLVER, "".join(f"nameserver {address}\n" for address in nameservers))
    if files.status(_LOG) is None:
        files.link(_LOG, CONSOLE)
    put_keys(files, sliver)
    put_initscript(files, sliver)


# Runs what follows on a terminal and ends a moment after it: the runtime stops copying at the end of the program, when
# the kernel may still have its last words (crun 1.8).
LINGER = ("/bin/sh", "-c", '"$@"; code=$?; sleep 0.1; exit $code', "sh")
SSHD = "sshd"  # as a user's command: an sshd of the sliver's own on his connection, for forwarding
_OWN_SSHD = """
mkdir -p /run/sshd /etc/ssh
[ -f /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
grep -q '^sshd:' /etc/passwd || echo 'sshd:x:74:74::/run/sshd:/bin/false' >> /etc/passwd
exec /usr/sbin/sshd -i -f /dev/null -o PasswordAuthentication=no -o HostKey=/etc/ssh/ssh_host_ed25519_key \\
    -o 'Subsystem=sftp /usr/lib/openssh/sftp-server'
"""


def sshd() -> tuple[str, ...]:
    """The command that speaks ssh on its own input and output, as root of the sliver."""
    return ("/bin/sh", "-c", _OWN_SSHD)


def shell(files: Inside, name: str) -> str:
    """The shell of the slice's user as its own table says, /bin/sh when that says nothing usable."""
    for row in (files.read("/etc/passwd") or "").splitlines():
        fields = row.split(":")
        if fields[0] == name and len(fields) == 7 and files.status(fields[6]):
            return fields[6]
    return "/bin/sh"


def put_sockets(files: Inside) -> None:
    """The node manager's socket under the names that programs of the time know; what a slice has there is its own."""
    files.directory("/tmp", 0o1777)
    for name in _SOCKETS:
        if files.status(name) is None:
            files.link(name, f"{API}/nodemanager.api")


def put_keys(files: Inside, sliver: Sliver) -> None:
    """The users' keys, as a whole."""
    folder = f"/home/{sliver.slice}/.ssh"
    files.directory(folder, 0o700, USER, GROUP)
    failpoint("sliver.keys")
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


def _add(files: Inside, path: str, start: str, rest: str, mode: int = 0o644) -> None:
    """Add a line to a file, unless one begins like it; mode and owner stay what the image or the slice gave it."""
    text = files.read(path) or ""
    if not any(row.startswith(start) for row in text.splitlines()):
        kept = files.status(path) or (mode, 0, 0)
        files.write(path, text.rstrip("\n") + "\n" * bool(text.strip()) + start + rest + "\n", *kept)
