"""The audit as it runs on a node: real packets of processes, its own node manager's word, and pages over HTTP."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from auditd import rows
from auditd.store import Store
from tests.auditd import ground
from tests.auditd.ground import WIRE, WIRE6, WithGround
from tests.auditd.test_capturing import BURST
from tests.ports import free_port
from tests.waiting import until

ADDRESSES = {"princeton_codeen": "10.128.0.1", "nyu_coral": "10.128.0.2"}
NM = pathlib.Path(__file__).parent / "nm.py"

SLIVER = """
import json, random, socket, struct, sys
source, seed = sys.argv[1], int(sys.argv[2])
chance, ledger = random.Random(seed), {}
for number in range(200):
    port, count, size = chance.randrange(2000, 9000), chance.randrange(1, 6), chance.choice((20, 400, 4000))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind((source, 0))
    for _ in range(count):
        sender.sendto(b"x" * size, ("10.77.0.2", port))
    pieces = -(-(size + 8) // 1480)
    key = f"{sender.getsockname()[1]} {port}"
    packets, octets = ledger.get(key, (0, 0))
    ledger[key] = (packets + count * pieces, octets + count * (size + 8 + 20 * pieces))
    sender.close()
print(json.dumps(ledger))
"""


class Audited(WithGround):
    """A node on its ground, with an audit that runs as a process."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        super().setUp()
        for address in ADDRESSES.values():
            self.ground.sliver_address(address)
        self.port = free_port()
        self.own(ADDRESSES)
        self.manager = self.start(str(NM), str(self.folder / "nm.sock"), str(self.folder / "owners"))
        assert self.manager.stdout is not None
        if self.manager.stdout.readline() != b"ready\n":
            self.fail(self.manager.communicate()[1].decode())
        self.begin()

    def start(self, *words: str, **more: str) -> "subprocess.Popen[bytes]":
        """Start a program of ours, with ``more`` in its environment."""
        environment = {**os.environ, **more}
        child = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        return child

    def own(self, addresses: dict[str, str]) -> None:
        owners = [
            {"slice": name, "authority": "plc", "kind": "address", "tag": address, "from": time.time() - 3600}
            for name, address in addresses.items()
        ]
        (self.folder / "owners").write_text(json.dumps(owners))

    def begin(self, failpoint: str = "", **more: Any) -> None:
        """Start the audit and wait until it captures."""
        settings = {
            "node": "node1.plc.example", "address": ground.NODE, "data_dir": "data", "nm_socket": "nm.sock",
            "listen": [f"tcp:{self.port}:interface=127.0.0.1"], "capture_prefix": list(self.ground.node.enter),
            "capture_interfaces": ["up0"], "ring_mib": 4, **more,
        }  # fmt: skip
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        (self.folder / "audit.toml").write_text("\n".join(lines))
        armed = {"PLFED_TESTING": "1", "PLFED_FAILPOINT": failpoint} if failpoint else {}
        self.audit = self.start("-m", "auditd", "--config", str(self.folder / "audit.toml"), **armed)
        self.until(lambda: self.json("/index.json")["capturing"])

    def json(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return json.load(answer)

    def form(self, path: str, fields: dict[str, str]) -> Any:
        """Send a form; what its answer tells, and where it stands."""
        data = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, timeout=60) as answer:
            return {**json.load(answer), "path": urllib.parse.urlsplit(answer.url).path}

    def until(self, true: Callable[[], Any]) -> None:
        """Wait until something holds."""
        until(true, "what a test waits for")

    def on_disk(self) -> int:
        """UDP packets in the journal."""
        store = Store(self.folder / "data" / "journal.db")
        try:
            return sum(int(found["packets"][found["proto"] == rows.UDP].sum()) for found in store.pieces())
        finally:
            store.close()

    def packets(self) -> dict[str, int]:
        """UDP packets to the wire by slice, as the page tells."""
        told = self.json(f"/to/{WIRE}.json?protocol=udp")["slices"]
        return {struct["slice"]: struct["packets"] for struct in told}


class TheLedger(Audited):
    def test_the_page_has_every_flow_of_the_generators_own_ledger_under_its_slice(self) -> None:
        children = {
            name: self.ground.node.start(SLIVER, address, str(seed))
            for seed, (name, address) in enumerate(ADDRESSES.items())
        }
        ledger = {
            (name, *map(int, key.split())): tuple(counts)
            for name, child in children.items()
            for key, counts in json.loads(child.communicate(timeout=60)[0]).items()
        }
        self.assertGreater(len(ledger), 390)

        def page() -> dict[tuple[Any, ...], tuple[int, int]]:
            flows = self.json(f"/to/{WIRE}.json")["flows"]
            return {
                (flow["slice"], flow["source_port"], flow["destination_port"]): (flow["packets"], flow["octets"])
                for flow in flows
                if flow["protocol"] == "UDP"
            }

        self.until(lambda: sum(p for p, _ in page().values()) >= sum(p for p, _ in ledger.values()))
        self.assertEqual(ledger, page())

    def test_ipv6_is_on_the_page(self) -> None:
        self.ground.node.run(BURST, ground.NODE6, WIRE6, "53", "5")
        self.until(lambda: self.json(f"/to/{WIRE6}.json")["flows"])
        (flow,) = self.json(f"/to/{WIRE6}.json?port=53")["flows"]
        self.assertEqual((5, ground.NODE6, 53), (flow["packets"], flow["source"], flow["destination_port"]))


class AfterAKill(Audited):
    def kill_capture(self) -> int:
        pid = int(self.json("/health.json")["capture"]["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def counted(self, name: str, packets: int) -> bool:
        return self.packets().get(name) == packets

    def captured_anew(self, killed: int) -> bool:
        return bool(self.json("/health.json")["capture"].get("pid", killed) != killed)

    def test_a_killed_capture_leaves_its_ring_to_the_next_one_and_what_may_be_missing_is_declared(self) -> None:
        for turn in range(1, 4):
            self.ground.node.run(BURST, ADDRESSES["nyu_coral"], WIRE, "33434", "10")
            self.until(partial(self.counted, "nyu_coral", 10 * turn))
            before, killed = time.time(), self.kill_capture()
            self.ground.node.run(BURST, ADDRESSES["princeton_codeen"], WIRE, "33434", "7")  # while nobody reads
            self.until(partial(self.captured_anew, killed))
            after = time.time()
            gaps = [gap for gap in self.json("/index.json")["gaps"] if gap["lack"] == "loss"]
            self.assertTrue(any(g["since"] <= before <= g["until"] <= after for g in gaps), gaps)
        self.until(lambda: self.packets() == {"nyu_coral": 30, "princeton_codeen": 21})

    def test_a_killed_audit_goes_on_with_what_it_had_and_with_what_was_sent_meanwhile(self) -> None:
        self.ground.node.run(BURST, ADDRESSES["nyu_coral"], WIRE, "33434", "10")
        self.until(lambda: self.packets() == {"nyu_coral": 10})
        pid = self.json("/health.json")["capture"]["pid"]
        killed = time.time()
        self.audit.kill()
        self.audit.wait()
        self.ground.node.run(BURST, ADDRESSES["nyu_coral"], WIRE, "33434", "3")
        self.begin()
        self.assertEqual(pid, self.json("/health.json")["capture"]["pid"])
        self.until(lambda: self.packets() == {"nyu_coral": 13})
        before, gap = self.json("/index.json")["gaps"]
        self.assertEqual("restart", gap["lack"])
        self.assertEqual("the audit was not running; the capture went on, and nothing is missing", gap["reason"])
        self.assertTrue(gap["since"] <= killed <= gap["until"], gap)
        self.assertEqual(("blind", "the audit had not begun"), (before["lack"], before["reason"]))

    def test_when_audit_and_capture_are_killed_what_was_on_disk_is_there_and_the_rest_is_declared(self) -> None:
        self.ground.node.run(BURST, ADDRESSES["nyu_coral"], WIRE, "33434", "10")
        self.until(lambda: self.packets() == {"nyu_coral": 10})
        self.until(lambda: self.on_disk() == 10)
        pid, killed = int(self.json("/health.json")["capture"]["pid"]), time.time()
        self.audit.kill()
        os.kill(pid, signal.SIGKILL)
        self.audit.wait()
        self.begin()
        self.assertEqual({"nyu_coral": 10}, self.packets())
        gaps = [gap for gap in self.json("/index.json")["gaps"] if gap["reason"] == "the audit was not running"]
        self.assertTrue(gaps and gaps[0]["since"] <= killed and gaps[-1]["until"] >= killed, gaps)
        self.ground.node.run(BURST, ADDRESSES["nyu_coral"], WIRE, "33434", "5")
        self.until(lambda: self.packets() == {"nyu_coral": 15})

    def test_it_ends_in_time_and_takes_its_capture_along(self) -> None:
        pid = int(self.json("/health.json")["capture"]["pid"])
        begun = time.monotonic()
        self.audit.terminate()
        self.assertEqual(0, self.audit.wait(timeout=60))
        self.assertLess(time.monotonic() - begun, 5.0)
        self.assertRaises(ProcessLookupError, os.kill, pid, 0)


class KnowingLate(Audited):
    def test_a_slice_that_is_told_after_the_fact_gets_its_packets(self) -> None:
        self.ground.sliver_address("10.128.0.3")
        self.ground.node.run(BURST, "10.128.0.3", WIRE, "33434", "7")
        self.until(lambda: set(self.packets()) - {"princeton_codeen", "nyu_coral"})
        self.assertNotIn("tum_late", self.packets())
        self.own({**ADDRESSES, "tum_late": "10.128.0.3"})
        self.until(lambda: self.packets().get("tum_late") == 7)


class Failing(SynchronousTestCase):
    def test_settings_that_cannot_be_are_told_in_one_line(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder, "audit.toml")
            config.write_text('node = "n.example"\naddress = "192.0.2.300"\ndata_dir = "d"\n')
            done = subprocess.run(
                [sys.executable, "-m", "auditd", "--config", str(config)], capture_output=True, text=True, timeout=60
            )
            told = [line for line in done.stderr.splitlines() if line.startswith("plfed-audit:")]
            self.assertEqual(2, done.returncode)
            self.assertEqual(1, len(told))
            self.assertIn("expected IP addresses", told[0])
            self.assertNotIn("Traceback", done.stderr)
