"""Network namespaces for a demo's nodes, and one outside them that plays the rest of the Internet.

Each node has a namespace with an uplink; the other end of the uplink is in the ``world``, where a stranger's address
answers. A namespace lives as long as something refers to it: here, a file descriptor of this process, so that it goes
when this process goes, however that ends. Without root everything happens inside one user namespace.
"""

import ipaddress
import os
import subprocess
from collections.abc import Iterable, Sequence

from attrs import define, frozen

from planetlab.errors import Unavailable

STRANGER = "198.51.100.7"  # from TEST-NET-2, RFC 5737: nobody's
UPLINK = "up0"
WITHIN = 10.0  # seconds that any one command of ours may take


@frozen
class Namespaces:
    """A network namespace, and the user namespace that owns it when we are not root."""

    net: int
    user: int | None = None

    @property
    def path(self) -> str:
        """Where the network namespace can be opened while this process lives."""
        return f"/proc/{os.getpid()}/fd/{self.net}"

    @property
    def enter(self) -> tuple[str, ...]:
        """What to put before a command that shall run inside."""
        user = () if self.user is None else (f"--user=/proc/{os.getpid()}/fd/{self.user}", "--preserve-credentials")
        return ("nsenter", *user, f"--net={self.path}", "--")

    def run(self, *command: str, lines: Iterable[str] = (), files: tuple[int, ...] = ()) -> str:
        """Run a command inside, with ``lines`` as its input. Raises `Unavailable` with what it said."""
        return run((*self.enter, *command), "".join(f"{line}\n" for line in lines), files)


@define
class Network:
    """The world, and a namespace per node by host name."""

    world: Namespaces
    nodes: dict[str, Namespaces]

    def close(self) -> None:
        """Let go of all of it; the kernel removes what nobody else holds."""
        for namespaces in (*self.nodes.values(), self.world):
            os.close(namespaces.net)
        if self.world.user is not None:
            os.close(self.world.user)


def run(command: Sequence[str], text: str = "", files: tuple[int, ...] = ()) -> str:
    """Run a command of the system, which inherits ``files``. Raises `Unavailable` in one line with what it said."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=WITHIN, check=False, pass_fds=files
        )
    except (FileNotFoundError, PermissionError) as error:  # the latter for a folder of PATH that we may not read
        raise Unavailable(f"{command[0]} is missing: install the packages of README's first lines") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{' '.join(command)} took more than {WITHIN:.0f} s") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().replace("\n", "; ")
        raise Unavailable(f"{' '.join(command)}: {said or f'code {done.returncode}'}")
    return done.stdout


def make(hostnames: Sequence[str], sliver_nets: Sequence[str]) -> Network:
    """Namespaces for ``hostnames``, joined to a world which knows that each one's slivers are in its ``sliver_nets``.

    Raises `Unavailable` with the kernel's reason where namespaces are not permitted.
    """
    world = _outermost()
    network = Network(world, {})
    try:
        world.run("ip", "-batch", "-", lines=["link set lo up", f"addr add {STRANGER}/32 dev lo"])
        for number, (hostname, net) in enumerate(zip(hostnames, sliver_nets, strict=True), start=1):
            network.nodes[hostname] = _node(world, number, net)
    except BaseException:
        network.close()
        raise
    return network


def uplink_address(number: int) -> str:
    """The address of the node of this number on its uplink."""
    return str(ipaddress.IPv4Address("10.200.0.0") + 4 * number + 2)


def _outermost() -> Namespaces:
    """A new namespace that everything else stands in, in a user namespace of its own unless we are root."""
    as_root = os.geteuid() == 0
    options = ("--net",) if as_root else ("--user", "--map-root-user", "--net")
    return _unshared(("unshare", *options), ("net",) if as_root else ("net", "user"))


def _node(world: Namespaces, number: int, sliver_net: str) -> Namespaces:
    inside = _unshared((*world.enter, "unshare", "--net"), ("net",))
    node = Namespaces(inside.net, world.user)
    far, near = f"n{number}", uplink_address(number)
    gateway = str(ipaddress.IPv4Address(near) - 1)
    # An inherited descriptor: from inside the user namespace the kernel does not let anyone look at ours.
    handed = f"/proc/self/fd/{node.net}"
    world.run("ip", "link", "add", far, "type", "veth", "peer", "name", UPLINK, "netns", handed, files=(node.net,))
    node.run(
        "ip",
        "-batch",
        "-",
        lines=[
            "link set lo up",
            f"addr add {near}/30 dev {UPLINK}",
            f"link set {UPLINK} up",
            f"route add default via {gateway}",
        ],
    )
    world.run(
        "ip",
        "-batch",
        "-",
        lines=[f"addr add {gateway}/30 dev {far}", f"link set {far} up", f"route add {sliver_net} via {near}"],
    )
    return node


def _unshared(prefix: tuple[str, ...], kinds: tuple[str, ...]) -> Namespaces:
    """Make namespaces with a short-lived process, and keep them by their descriptors."""
    try:
        process = subprocess.Popen(
            (*prefix, "cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
    except (FileNotFoundError, PermissionError) as error:
        raise Unavailable(f"{prefix[0]} is missing: install the packages of README's first lines") from error
    with process:
        assert process.stdin and process.stdout and process.stderr
        try:
            process.stdin.write(b"?")
            if not process.stdout.read(1):
                raise Unavailable(process.stderr.read().decode(errors="replace").strip() or "no namespace was made")
            opened = [os.open(f"/proc/{process.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds]
        except OSError as error:
            raise Unavailable(f"{' '.join(prefix)}: {error}") from error
        finally:
            process.stdin.close()
    return Namespaces(*opened)
