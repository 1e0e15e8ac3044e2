"""The audit: packets to flows, beside what else does that. ``python -m bench.audit [speed] [live] [memory] [truth]``.

* speed: one capture of 4 million packets, read by ours (compiled, and by columns), by nfpcapd, softflowd, argus, tshark
  and scapy; tcpdump's bare reading is the limit of libpcap. Packets per second of CPU time, the best of three rounds.
  (Debian: nfdump softflowd argus-server tshark tcpdump.)
* live: a veth pair, packets sent as fast as two processes can, each sender's counted (root).
* memory: of a million live flows.
* truth: slivers' books, page and archive held together, with kills and overruns (root; see `bench.truth`).
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_network
from pathlib import Path

import numpy as np
from attrs import frozen

from auditd import rows, walker
from auditd.flows import Flows
from auditd.hour import Hour
from auditd.question import Question
from auditd.rows import Rows
from bench import live, truth
from bench.measure import Figure, figure
from bench.traffic import pcap

PACKETS = int(os.environ.get("PLFED_BENCH_PACKETS", "4000000"))
FEW = 100_000  # packets that the slowest are given: they need up to 150 us for each
ROUNDS = 3

# Read by a child, so that CPU seconds (without the imports) and memory are its own.
_COLUMNS = """
import resource, sys, time
from auditd.capture_file import batches, opened
from auditd.capture_reading import Reading
from auditd.flows import Flows
began, least = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
flows, reading = Flows(seed=77, most=10**7), Reading(99)
with open(sys.argv[1], "rb", buffering=0) as file:
    for batch in batches(file, opened(file)):
        reading.see(batch)
        for part in reading.parts():
            flows.see(part, distinct=True)
cpu = time.process_time() - began
print(reading.counts.frames, len(flows), cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - least)
"""
_COMPILED = """
import resource, sys, time
from auditd.capture_file import opened, walked
from auditd.capture_reading import Reading
from auditd.walker import ready
least = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
walker, reading = ready(77, 20), Reading(99)  # machine code is made, or read from its file, before the clock runs
began, flows = time.process_time(), 0
with open(sys.argv[1], "rb", buffering=0) as file:
    for found in walked(file, opened(file), walker, reading.see):
        flows += len(found)
cpu = time.process_time() - began
print(walker.frames, flows + len(reading.taken()), cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - least)
"""
_SCAPYS = """
import itertools, sys, time
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import PcapReader
began, flows, count = time.process_time(), {}, 0
for packet in PcapReader(sys.argv[1]):
    count += 1
    ip = packet.getlayer(IP) or packet.getlayer(IPv6)
    ports = packet.getlayer(TCP) or packet.getlayer(UDP)
    key = (ip.src, ip.dst, ip.payload.name, getattr(ports, "sport", 0), getattr(ports, "dport", 0))
    flows[key] = flows.get(key, 0) + 1
print(count, len(flows), time.process_time() - began, 0)
"""
# Ours by both paths and scapy's full dissection: are the flows the same, with all that is counted?
_SAME = """
import sys
import numpy as np
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import PcapReader
from auditd import rows, walker
from auditd.capture_file import batches, opened, walked
from auditd.capture_reading import Reading
def scapys(packet):
    ip = packet.getlayer(IP) or packet.getlayer(IPv6)
    proto, head = (ip.proto if IP in packet else ip.nh), ip.payload.original[:4]
    number = int.from_bytes(head, "big") if proto in (6, 17) else int.from_bytes(head[:2], "big")
    flags = int(packet[TCP].flags) if TCP in packet else 0
    moment = round(float(packet.time) * 1e6)
    octets = packet.wirelen - 14
    return rows.row(ip.src, ip.dst, proto=proto, ports=number, flags=flags, octets=octets, first=moment, last=moment)
def told(found):
    names = ["s_hi", "s_lo", "d_hi", "d_lo", "proto", "ports", "flags", "packets", "octets", "first", "last"]
    return sorted(zip(*(found[name].tolist() for name in names)))
expected = told(rows.joined(np.concatenate([scapys(packet) for packet in PcapReader(sys.argv[1])])))
reading = Reading(1)
with open(sys.argv[1], "rb", buffering=0) as file:
    for batch in batches(file, opened(file)):
        reading.see(batch)
paths = {"by columns": told(reading.taken())}
if walker.numba is not None:
    odd = Reading(2)
    with open(sys.argv[1], "rb", buffering=0) as file:
        found = list(walked(file, opened(file), walker.Walker(3), odd.see))
    paths["compiled"] = told(rows.joined(np.concatenate([*found, odd.taken()])))
for name, actual in paths.items():
    if actual != expected:
        sys.exit(f"{name}: other flows than scapy's")
print(f"{len(expected)} flows, the same by scapy's full dissection and {' and '.join(paths)}")
"""
LIMIT = "tcpdump"
PEERS = {
    "nfpcapd": ("-r", "{file}", "-w", "{folder}", "-e", "3600,60"),
    "softflowd": ("-r", "{file}", "-n", "127.0.0.1:9", "-v", "9", "-m", "1000000"),
    "argus": ("-r", "{file}", "-w", "{folder}/out.argus"),
    LIMIT: ("-q", "-r", "{file}", "-w", "/dev/null"),  # makes no flows: how fast a file can be read at all
}
LEAST = {"ours, compiled": 8, "ours, by columns": 2}  # times the fastest of the peers
SLOW = {"tshark": ("-q", "-n", "-r", "{file}", "-z", "conv,tcp", "-z", "conv,udp")}


@frozen
class Read:
    """How a file was read."""

    packets: int
    cpu: float  # seconds
    flows: int = 0
    memory: int = 0  # KiB more than before

    @property
    def rate(self) -> float:
        """Packets per second of CPU time."""
        return self.packets / self.cpu


def _child(words: list[str]) -> tuple[float, str]:
    """CPU seconds of a program, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, capture_output=True, text=True, timeout=1200, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise OSError(f"{words[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def _ours(code: str, file: Path) -> Read:
    count, flows, cpu, memory = _child([sys.executable, "-c", code, str(file)])[1].split()
    return Read(int(count), float(cpu), int(flows), int(memory))


def _peer(name: str, arguments: Sequence[str], file: Path, folder: Path, count: int) -> Read:
    cpu, _ = _child([name, *(word.format(file=file, folder=folder) for word in arguments)])
    return Read(count, cpu)


def reading(folder: Path) -> dict[str, Read]:
    """Packets of one file to flows by everything that is here, the best of three rounds."""
    whole, part = folder / "traffic.pcap", folder / "few.pcap"
    pcap(whole, PACKETS)
    pcap(part, FEW)
    best: dict[str, Read] = {}

    def note(name: str, read: Read) -> None:
        best[name] = max(best.get(name, read), read, key=lambda each: each.rate)

    for _ in range(ROUNDS):
        if walker.numba is not None:
            note("ours, compiled", _ours(_COMPILED, whole))
        note("ours, by columns", _ours(_COLUMNS, whole))
        for name, arguments in PEERS.items():
            if shutil.which(name):
                note(name, _peer(name, arguments, whole, folder, PACKETS))
    for name, arguments in SLOW.items():
        if shutil.which(name):
            note(name, _peer(name, arguments, part, folder, FEW))
    note("scapy's full dissection", _ours(_SCAPYS, part))
    return best


def speed() -> Iterator[Figure]:
    """Figures and ratios of `reading`, and whether the flows are scapy's."""
    with tempfile.TemporaryDirectory() as name:
        best = reading(Path(name))
        pcap(Path(name) / "few.pcap", 10_000)
        _, same = _child([sys.executable, "-c", _SAME, str(Path(name) / "few.pcap")])
    peers = {name: read.rate for name, read in best.items() if name in PEERS and name != LIMIT}
    fastest = max(peers, key=lambda each: peers[each], default="")
    for name, read in sorted(best.items(), key=lambda pair: -pair[1].rate):
        yield Figure(f"read a packet of a pcap file into a flow: {name}", 1e6 / read.rate)
        beside = f"{read.rate / peers[fastest]:6.2f} x {fastest}" if fastest else ""
        more = f"; {read.flows} flows, {read.memory >> 10} MiB more than at its start" if name in LEAST else ""
        if fastest and name in LEAST:
            more += f" ({'met' if read.rate >= LEAST[name] * peers[fastest] else 'MISSED'}: {LEAST[name]} x)"
        print(f"         {name:<24} {read.rate:>12,.0f} packets per CPU second {beside}{more}", file=sys.stderr)
    for name in (*PEERS, *SLOW):
        if name not in best:
            print(f"         {name} is not installed, so there is no figure of it", file=sys.stderr)
    if walker.numba is None:
        print("         numba is not installed, so there is no figure of the compiled path", file=sys.stderr)
    print(f"         first 10,000 packets: {same.strip()}", file=sys.stderr)


_MEMORY = """
import resource, sys
import numpy as np
from auditd import rows
from auditd.flows import Flows
from auditd.hour import Hour
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
flows, hour, count = Flows(5, most=10**7), Hour(), int(sys.argv[1])
before = resident()
for begin in range(0, count, 50_000):
    some = rows.empty(50_000)
    some["d_lo"] = rows.MAPPED + begin + np.arange(50_000)
    some["s_lo"], some["proto"], some["packets"] = rows.MAPPED | 1, 17, 1
    flows.see(some, distinct=True)
table = resident() - before
hour.show_open(flows.all())
print(len(flows), table / len(flows), (resident() - before) / len(flows))
"""


def memory() -> Iterator[Figure]:
    """What a million live flows take, as they are counted and as pages read them."""
    _, out = _child([sys.executable, "-c", _MEMORY, "1000000"])
    count, table, shown = out.split()
    print(
        f"         {count} live flows: {float(table) * int(count) / 2**20:,.0f} MiB ({float(table):.0f} bytes each), "
        f"{float(shown) * int(count) / 2**20:,.0f} MiB with the copy that pages read",
        file=sys.stderr,
    )
    pieces = _pieces(200_000, 100_000)
    one = figure("count 200,000 rows into 100,000 flows", lambda: Flows(seed=5).see(pieces))
    yield Figure("count a row into its flow", one.microseconds / len(pieces))
    hour = Hour()
    for start in range(0, 1_000_000, 50_000):
        hour.add(_pieces(50_000, 1_000_000), start / 1e4)
    question = Question(to=ip_network("0.0.3.0/24"))
    yield figure("who sent to a /24, of 1,000,000 flow records", lambda: hour.ask(question))


def _pieces(count: int, flows: int) -> Rows:
    chance = np.random.default_rng(1)
    found = rows.empty(count)
    found["d_lo"] = np.uint64(rows.MAPPED) | chance.integers(0, flows, count).astype(np.uint64)
    found["s_lo"], found["proto"], found["packets"], found["octets"] = rows.MAPPED | 1, 17, 1, 60
    found["first"] = found["last"] = int(time.time() * 1e6)
    return found


def figures() -> Iterator[Figure]:
    """One figure after the other, without what needs root."""
    yield from speed()
    yield from memory()


PARTS = {"speed": speed, "live": live.figures, "memory": memory, "truth": truth.figures}


def main(arguments: Sequence[str]) -> None:
    """Print the parts that are named, or all."""
    if unknown := set(arguments) - set(PARTS):
        sys.exit(f"bench.audit: there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for name in arguments or PARTS:
        for each in PARTS[name]():
            print(f"{name:<8} {each.line}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
