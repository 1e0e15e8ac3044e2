"""The node's OpenSSH server, with our accounts instead of the node's.

It runs in a mount table of its own, in which the door's directory lies where `enter` expects it and the generated
tables lie over the node's; nothing on the node itself changes, and all of it ends with the process.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from node_manager import forward
from node_manager.door import enter
from planetlab.errors import Unavailable

PROGRAM = "/usr/sbin/sshd"
WHERE = "/srv"  # where the door's directory is seen by sshd and `enter`; every Debian has it
_PYTHON = "/usr/bin/python3"
ENTER = f"exec {_PYTHON} -IS {WHERE}/enter.py"  # the command of a slice's account
SOCKET = "nodemanager.api"  # in the door's directory, where the node manager answers controllers
FORWARD = f"exec {_PYTHON} -IS {WHERE}/forward.py {WHERE}/{SOCKET}"  # the command of a controller's

_CONFIG = """\
ListenAddress {address}
Port {port}
HostKey {where}/host_ed25519
PidFile none
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
DenyUsers root sshd
AuthorizedKeysFile {where}/keys/%u
StrictModes no
PermitUserEnvironment no
PermitUserRC no
PermitTunnel no
X11Forwarding no
AllowAgentForwarding no
AllowStreamLocalForwarding no
AllowTcpForwarding no
GatewayPorts no
PrintMotd no
PrintLastLog no
MaxStartups 50:30:200
LoginGraceTime 30
ClientAliveInterval 60
ClientAliveCountMax 3
AcceptEnv LANG
Subsystem sftp sftp-server
"""
_MOUNTS = """
set -e
mount --make-rprivate /
mount --bind "$1" {where}
for table in passwd group shadow; do mount --bind {where}/$table /etc/$table; done
mkdir -p /run/sshd
exec "$2" -D -e -f {where}/sshd_config
"""

_WITH_US = ("setpriv", "--pdeathsig", "TERM")  # a node manager that is killed leaves no sshd at its port


class Sshd:
    """One sshd over one door directory."""

    def __init__(self, folder: Path, address: str, port: int, netns: str = "") -> None:
        """``netns``: path of the network namespace to listen in, "" for our own. Raises `Unavailable`."""
        for program in (PROGRAM, _PYTHON, "/usr/bin/ssh-keygen"):
            if not os.access(program, os.X_OK):
                raise Unavailable(f"no sshd: {program} is missing; the packages are openssh-server and python3")
        self._folder = folder
        self._netns = netns
        self._process: subprocess.Popen[bytes] | None = None
        self._lay_out(address, port)

    def start(self) -> None:
        """Start it unless it runs; its words go to ``sshd.log`` in the directory."""
        if self.runs:
            return
        enter = ("nsenter", f"--net={self._netns}") if self._netns else ()
        script = _MOUNTS.format(where=WHERE)
        with (self._folder / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(
                (*_WITH_US, *enter, "unshare", "--mount", "sh", "-c", script, "door", str(self._folder), PROGRAM),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )

    @property
    def runs(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self, within: float = 3.0) -> None:
        """End it; who is inside stays until his connection ends."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _lay_out(self, address: str, port: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        for program in (enter, forward):
            copy = self._folder / f"{program.__name__.rpartition('.')[2]}.py"
            shutil.copyfile(str(program.__file__), copy)
            copy.chmod(0o644)
        key = self._folder / "host_ed25519"
        if not key.exists():
            command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key))
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        config = _CONFIG.format(address=address, port=port, where=WHERE)
        (self._folder / "sshd_config").write_text(config, "utf-8")
