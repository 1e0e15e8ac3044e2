"""The made flows in nfdump's files: sent to nfcapd over UDP as IPFIX, the slice as ingress interface.

No faster than nfcapd reads them are flows sent to it, and a datagram that is lost all the same ends the run. Each hour
is a file, as nfcapd rotates them by default for a site that keeps hours; one nfdump reads those that a question is for.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from auditd import export
from auditd.rows import Rows
from bench.asking import LEAST, SLICE, TooLong, Watch
from bench.made_flows import BEGIN, HOUR

_PAUSE = 16  # datagrams between two looks at what nfcapd has still to read
_MOST_WAITING = 60_000  # bytes of those; its socket has room for more
_LOOK = 0.5  # seconds between two looks at a dump that goes on


def _waiting(port: int) -> tuple[int, int] | None:
    """Bytes that lie in the socket of a port on loopback, and datagrams that found no room; None: nobody listens."""
    for line in Path("/proc/net/udp").read_text("ascii").splitlines():
        words = line.split()
        if words[1].endswith(f":{port:04X}"):
            return int(words[4].partition(":")[2], 16), int(words[-1])
    return None


def _file(number: int) -> str:
    """What nfcapd calls the file of an hour."""
    return f"nfcapd.{time.strftime('%Y%m%d%H%M', time.gmtime(BEGIN + number * HOUR))}"


class Nfdump:
    """nfcapd and nfdump, with a folder."""

    name = "nfdump"
    settings = "IPFIX to nfcapd -z (LZ4), a file for each hour, one nfdump -R for a question"

    def __init__(self, folder: Path) -> None:
        self.lacking = "" if shutil.which("nfcapd") else "nfcapd (package nfdump) is not installed"
        self._folder = folder

    def open(self) -> None:
        """Nothing is needed to read files."""

    def begin(self) -> None:
        """Begin anew."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

    def fill(self, found: Rows, node: Any, number: int) -> None:
        """Send an hour's flows to a collector of its own, so that hours are files of their own."""
        place = self._folder / "part"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        words = ["nfcapd", "-w", str(place), "-p", str(port), "-b", "127.0.0.1", "-t", "86400", "-B", "64000000", "-z"]
        collector = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while _waiting(port) is None:
                time.sleep(0.02)  # until it listens
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.connect(("127.0.0.1", port))
                now = BEGIN + (number + 1) * HOUR
                sender.send(export.templates(10, 7, 0, now))
                for count, (data, _) in enumerate(export.messages(found, 10, 7, 0, now)):
                    sender.send(data)
                    while count % _PAUSE == 0 and (_waiting(port) or (0, 0))[0] > _MOST_WAITING:
                        time.sleep(0.0005)  # so that its buffer does not run over
            while (waiting := _waiting(port) or (0, 0))[0]:
                time.sleep(0.02)  # until it has read what its socket holds
        finally:
            collector.send_signal(signal.SIGTERM)
            collector.wait(timeout=60)
        if waiting[1]:
            raise OSError(f"nfcapd: {waiting[1]} datagrams found no room in its socket")
        (made,) = place.glob("nfcapd.2*")  # it rotates at midnight, or not while this runs
        made.rename(self._folder / _file(number))

    def filled(self) -> None:
        """Nothing more is needed."""

    def octets(self) -> dict[str, int]:
        """Bytes on disk."""
        return {"its files": sum(path.stat().st_size for path in self._folder.glob("nfcapd.2*"))}

    def asks(self, address: Any) -> dict[str, Callable[[Watch], int]]:
        """The four questions; each gives how many rows its answer has: what it tells is less than what ours do."""
        awk = ["awk", f"{{n[$1]++}} END {{for (s in n) if (n[s] > {LEAST}) print s}}"]

        def who(watch: Watch) -> int:
            found = self._dump(watch, 10, 16, [f"dst ip {address}"], "%ts")
            return sum(line < "2026-01-10 16" for line in found)  # each began before the end

        def octets(watch: Watch) -> int:
            return sum(len(self._dump(watch, n, n, ["-A", "inif"], "%in %byt")) for n in range(24))

        return {
            "who": who,
            "many": lambda watch: len(self._dump(watch, 0, 23, ["-A", "inif,dstip"], "%in %da", awk)),
            "ports": lambda watch: len(self._dump(watch, 0, 23, ["-A", "proto,dstport", f"in if {SLICE}"], "%pr %dp")),
            "octets": octets,
        }

    def _dump(
        self, watch: Watch, first: int, last: int, words: list[str], form: str, through: list[str] | None = None
    ) -> list[str]:
        """Lines of one nfdump over the files of some hours; ``through`` a program that reads them."""
        files = f"{self._folder}/{_file(first)}:{_file(last)}"
        command = ["nfdump", "-R", files, "-q", "-N", *words, "-o", f"fmt:{form}"]
        utc = {**os.environ, "TZ": "UTC"}
        dump = subprocess.Popen(command, stdout=subprocess.PIPE, env=utc)
        reader = subprocess.Popen(through or ["cat"], stdin=dump.stdout, stdout=subprocess.PIPE, text=True)
        assert dump.stdout is not None
        dump.stdout.close()  # so that the dump learns when its reader ends
        try:
            while True:
                try:
                    told = reader.communicate(timeout=_LOOK)[0]
                    break
                except subprocess.TimeoutExpired:
                    watch.look()
        except TooLong:
            for each in (dump, reader):
                each.kill()
            raise
        finally:
            reader.wait()
            if dump.wait() > 0:
                raise OSError(f"{' '.join(command)}: ended with {dump.returncode}")
        return [line.strip() for line in told.splitlines() if line.strip()]

    def close(self) -> None:
        """Nothing is open."""
