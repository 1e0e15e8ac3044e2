"""A node and the wire in front of it, as network namespaces that end with the test; as root, or in a user namespace.

Nothing is named and nothing is left: a namespace lives as long as the process that holds it.
"""

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

NODE, WIRE, NODE6, WIRE6 = "10.77.0.1", "10.77.0.2", "fd77::1", "fd77::2"
SLIVERS = "10.128.0.0/16"  # what slivers send from; the wire knows the way back


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")


class Place:
    """One network namespace."""

    def __init__(self, inside: tuple[str, ...] = ()) -> None:
        """``inside``: the words that enter the namespace in which this one is made."""
        own_user = () if os.geteuid() == 0 or inside else ("-U", "-r")
        self._holder = subprocess.Popen(
            [*inside, "unshare", *own_user, "-n", "sh", "-c", "echo $$; exec sleep 900"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None and self._holder.stderr is not None
        first = self._holder.stdout.readline().strip()
        if not first:
            raise OSError(f"a network namespace is refused: {self._holder.stderr.read().strip()}")
        user = () if os.geteuid() == 0 else ("-U", "--preserve-credentials")
        self.pid = first
        self.enter: tuple[str, ...] = ("nsenter", "-t", first, *user, "-n")
        self.ip("link", "set", "lo", "up")

    def ip(self, *words: str) -> None:
        """Configure by ip(8)."""
        _run(*self.enter, "ip", *words)

    def start(self, program: str, *arguments: str, before: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
        """Start a Python program in here."""
        return subprocess.Popen(
            [*before, *self.enter, sys.executable, "-c", textwrap.dedent(program), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, program: str, *arguments: str, before: tuple[str, ...] = ()) -> str:
        """Run a Python program in here to its end; its output."""
        child = self.start(program, *arguments, before=before)
        out, error = child.communicate(timeout=120)
        if child.returncode:
            raise OSError(error[-500:])
        return out

    def close(self) -> None:
        """End the namespace."""
        self._holder.kill()
        self._holder.communicate()


class Ground:
    """A node with an uplink to the wire."""

    def __init__(self) -> None:
        self.node = Place()
        self.places = [self.node]
        try:
            self.wire = Place(() if os.geteuid() == 0 else self.node.enter)
            self.places.append(self.wire)
            self.node.ip("link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", self.wire.pid)
            for place, four, six in ((self.node, NODE, NODE6), (self.wire, WIRE, WIRE6)):
                place.ip("link", "set", "up0", "up")
                place.ip("addr", "add", f"{four}/24", "dev", "up0")
                place.ip("-6", "addr", "add", f"{six}/64", "dev", "up0", "nodad")
            self.wire.ip("route", "add", SLIVERS, "via", NODE)
        except OSError:
            self.close()
            raise

    def sliver_address(self, address: str) -> None:
        """Give the node an address that a sliver sends from."""
        self.node.ip("addr", "add", f"{address}/32", "dev", "lo")

    def sliver(self, number: int) -> Place:
        """A sliver with a network of its own, behind the node's interface ``v<number>``."""
        place = Place(() if os.geteuid() == 0 else self.node.enter)
        self.places.append(place)
        self.node.ip("link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", place.pid)
        self.node.ip("addr", "add", f"10.128.{number}.1/24", "dev", f"v{number}")
        self.node.ip("link", "set", f"v{number}", "up")
        place.ip("addr", "add", f"10.128.{number}.2/24", "dev", "eth0")
        place.ip("link", "set", "eth0", "up")
        place.ip("route", "add", "default", "via", f"10.128.{number}.1")
        self.node.run("open('/proc/sys/net/ipv4/ip_forward', 'w').write('1')")
        return place

    def close(self) -> None:
        """Leave nothing."""
        for place in reversed(self.places):
            place.close()


def refused() -> str:
    """Why there can be no ground here; "" when there can."""
    try:
        ground = Ground()
    except (OSError, subprocess.SubprocessError) as error:
        return f"network namespaces cannot be made here: {error}"
    ground.close()
    return ""


REFUSED = refused()


class WithGround(SynchronousTestCase):
    """A test on a ground of its own."""

    if REFUSED:
        skip = REFUSED

    def setUp(self) -> None:
        self.ground = Ground()
        self.addCleanup(self.ground.close)


class Capture:
    """The capture program, run for a while; what it wrote."""

    def __init__(self, place: Place, *options: str) -> None:
        self._child = subprocess.Popen(
            [*place.enter, sys.executable, "-m", "auditd.capture", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._child.stdout is not None and self._child.stderr is not None
        os.set_blocking(self._child.stdout.fileno(), True)
        self._out = b""
        self.error = ""
        while b"PLFC" not in self._out:  # its hello: from now on it sees everything
            more = os.read(self._child.stdout.fileno(), 1 << 16)
            if not more:
                self.error = self._child.stderr.read().decode()
                break
            self._out += more

    @property
    def pid(self) -> int:
        return self._child.pid

    def until(self, enough: Any) -> bytes:
        """All that was written until ``enough`` says so of it."""
        assert self._child.stdout is not None
        while not enough(self._out):
            more = os.read(self._child.stdout.fileno(), 1 << 20)
            if not more:
                break
            self._out += more
        return self._out

    def close(self) -> None:
        """End it."""
        self._child.kill()
        self._child.communicate()


@contextlib.contextmanager
def capturing(place: Place, *options: str) -> Iterator[Capture]:
    """The capture program on ``place``'s uplink."""
    capture = Capture(place, "--interface", "up0", *options)
    try:
        yield capture
    finally:
        capture.close()
