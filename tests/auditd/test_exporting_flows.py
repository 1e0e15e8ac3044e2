"""Flows for other people's collectors: what nfcapd reads back is what was exported, flow for flow."""

import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd import export, rows
from auditd.rows import Rows
from tests.waiting import until

COUNT = 500
MOST_UNREAD = 32_768  # octets in the collector's socket, which the kernel lets hold 200 KB
NOW = int(time.time())


def flows() -> Rows:
    """Flows of both versions, of every kind of protocol."""
    chance = np.random.default_rng(5)
    found = rows.empty(2 * COUNT)
    found[:COUNT] = rows.row("192.0.2.10", "198.51.100.0", proto=6, flags=0x1B)
    found[COUNT:] = rows.row("2001:db8::10", "2001:db8:1::", proto=17)
    found["d_lo"] += np.arange(2 * COUNT).astype(np.uint64)
    found["ports"] = chance.integers(1, 1 << 32, 2 * COUNT)
    found["packets"] = chance.integers(1, 1000, 2 * COUNT)
    found["octets"] = found["packets"] * 100
    found["slice"] = chance.integers(16, 40, 2 * COUNT)
    found["first"] = (NOW - 5) * 1_000_000
    found["last"] = found["first"] + chance.integers(0, 4_000_000, 2 * COUNT)
    return found


class Exporting(SynchronousTestCase):
    def test_no_message_is_longer_than_a_frame_and_all_records_are_there(self) -> None:
        for protocol in (9, 10):
            told = list(export.messages(flows(), protocol, 7, 0, NOW))
            self.assertLessEqual(max(len(data) for data, _ in told), export.MOST)
            steps = sum(step for _, step in told)
            self.assertEqual(2 * COUNT if protocol == 10 else len(told), steps)

    def test_nothing_to_export_is_no_message(self) -> None:
        self.assertEqual([], list(export.messages(rows.empty(), 10, 7, 0, NOW)))

    @unittest.skipIf(shutil.which("nfcapd") is None, "nfcapd (package nfdump) is not installed")
    def test_nfcapd_reads_back_every_flow_of_both_protocols(self) -> None:
        for protocol in (9, 10):
            with tempfile.TemporaryDirectory() as name:
                folder = pathlib.Path(name)
                self.collect(folder, protocol)
                expected, actual = self.expected(), self.dumped(folder)
                self.assertEqual((0, 0), (len(expected - actual), len(actual - expected)), protocol)

    def collect(self, folder: pathlib.Path, protocol: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        collector = subprocess.Popen(
            ["nfcapd", "-w", str(folder), "-p", str(port), "-b", "127.0.0.1", "-t", "86400", "-B", "4000000"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            until(lambda: self.unread(port) == 0, "nfcapd listens")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.connect(("127.0.0.1", port))
                sender.send(export.templates(protocol, 7, 0, NOW))
                for data, _ in export.messages(flows(), protocol, 7, 1, NOW):
                    sender.send(data)
                    # a collector that is overrun loses datagrams: the kernel's buffer is small
                    until(lambda: self.unread(port) < MOST_UNREAD, "nfcapd reads")
            until(lambda: self.unread(port) == 0, "nfcapd has read all")
        finally:
            collector.send_signal(signal.SIGTERM)
            collector.wait(timeout=60)

    def unread(self, port: int) -> int:
        """Octets that wait in the collector's socket. Raises `OSError` when there is none."""
        for line in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]:
            words = line.split()
            if words[1].endswith(f":{port:04X}"):
                return int(words[4].partition(":")[2], 16)
        raise ConnectionRefusedError("nobody listens")

    def dumped(self, folder: pathlib.Path) -> set[tuple[str, ...]]:
        form = "fmt:%sa,%sp,%da,%dp,%pr,%pkt,%byt,%in"
        done = subprocess.run(
            ["nfdump", "-R", str(folder), "-q", "-N", "-6", "-o", form], capture_output=True, text=True, timeout=60
        )
        return {tuple(cell.strip() for cell in line.split(",")) for line in done.stdout.splitlines() if line.strip()}

    def expected(self) -> set[tuple[str, ...]]:
        found = set()
        for flow in flows():
            source = rows.address(int(flow["s_hi"]), int(flow["s_lo"]))
            to = rows.address(int(flow["d_hi"]), int(flow["d_lo"]))
            ports, numbers = int(flow["ports"]), (int(flow[name]) for name in ("proto", "packets", "octets", "slice"))
            found.add((str(source), str(ports >> 16), str(to), str(ports & 0xFFFF), *map(str, numbers)))
        return found
