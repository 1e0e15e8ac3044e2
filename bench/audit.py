"""The audit: packets to flows, beside scapy's own dissection and what programs of the system are installed."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import numpy as np

from auditd import rows, walker
from auditd.flows import Flows
from auditd.hour import Hour, Question
from auditd.rows import Rows
from bench.measure import Figure, figure

PACKETS = int(os.environ.get("PLFED_BENCH_PACKETS", "400000"))
SNAP = 96  # bytes of each packet in the file
_SCAPY = 20_000  # packets that scapy is given: it needs some 150 us for each

# Read by a child, so that the CPU seconds are its own: packets of the file, and CPU seconds without the imports.
_OURS = """
import sys, time
from auditd.capture import Reading
from auditd.capture_file import batches, opened
from auditd.flows import Flows
began = time.process_time()
flows, reading = Flows(seed=77, most=10**7), Reading(99)
with open(sys.argv[1], "rb", buffering=0) as file:
    form = opened(file)
    for batch in batches(file, form):
        reading.see(batch)
        flows.see(reading.taken(), distinct=True)
print(reading.counts.frames, len(flows), time.process_time() - began)
"""
_COMPILED = """
import sys, time
from auditd.capture import Reading
from auditd.capture_file import opened, walked
from auditd.walker import Walker
import numpy
walker, reading = Walker(77, 20), Reading(99)
walker.pcap(numpy.zeros(100, numpy.uint8), 0, 14, 1)  # compile before the clock runs
walker.taken()
began, flows = time.process_time(), 0
with open(sys.argv[1], "rb", buffering=0) as file:
    form = opened(file)
    for found in walked(file, form, walker, lambda batch: reading.see(batch)):
        flows += len(found)
print(sys.argv[2], flows, time.process_time() - began)
"""
_SCAPYS = """
import itertools, sys, time
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import PcapReader
began, flows, count = time.process_time(), {}, 0
for packet in itertools.islice(PcapReader(sys.argv[1]), int(sys.argv[2])):
    count += 1
    ip = packet.getlayer(IP) or packet.getlayer(IPv6)
    ports = packet.getlayer(TCP) or packet.getlayer(UDP)
    key = (ip.src, ip.dst, ip.payload.name, getattr(ports, "sport", 0), getattr(ports, "dport", 0))
    flows[key] = flows.get(key, 0) + 1
print(count, len(flows), time.process_time() - began)
"""
PEERS = {
    "nfpcapd": ("-r", "{file}", "-w", "{folder}", "-e", "3600,60"),
    "softflowd": ("-r", "{file}", "-n", "127.0.0.1:9", "-v", "9", "-m", "1000000"),
    "argus": ("-r", "{file}", "-w", "{folder}/out.argus"),
    "tcpdump": ("-q", "-r", "{file}", "-w", "/dev/null"),  # makes no flows: how fast a file can be read at all
}


def traffic(count: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Frames of a node with many slices, cut to `SNAP`, and their lengths: flow sizes as the Pareto law has them."""
    chance = np.random.default_rng(seed)
    sizes = np.minimum(chance.pareto(1.05, count // 4) + 1, count // 40).astype(np.int64)
    flow = np.repeat(np.arange(len(sizes)), sizes)[:count]
    flow = np.concatenate([flow, chance.integers(0, len(sizes), count - len(flow))])
    chance.shuffle(flow)
    six = chance.random(len(sizes)) < 0.2
    proto = chance.choice(np.array([6, 17, 1], np.uint8), len(sizes), p=[0.74, 0.22, 0.04])
    length = np.where(chance.random(count) < 0.42, 78, 1500)
    frames = np.zeros((count, SNAP), np.uint8)
    port = chance.integers(1024, 65535, len(sizes)).astype(">u2").view(np.uint8).reshape(-1, 2)
    to = chance.integers(0, 1 << 32, len(sizes)).astype(">u4").view(np.uint8).reshape(-1, 4)
    for version, which in ((4, ~six[flow]), (6, six[flow])):
        of, part = flow[which], np.zeros((int(which.sum()), SNAP), np.uint8)
        start = 34 if version == 4 else 54
        part[:, 12:14] = (8, 0) if version == 4 else (0x86, 0xDD)
        part[:, 14] = 0x45 if version == 4 else 0x60
        part[:, 23 if version == 4 else 20] = np.where(version == 4, proto[of], np.where(proto[of] == 1, 58, proto[of]))
        part[:, 26 if version == 4 else 22] = 10
        part[:, start - 4 : start] = to[of]
        part[:, start : start + 2] = port[of]
        part[:, start + 3] = 80
        part[:, start + 12] = 0x50
        part[:, start + 13] = 0x10
        frames[which] = part
    return frames, length


def pcap(path: Path, count: int) -> None:
    """Write `traffic` as a pcap file."""
    frames, length = traffic(count)
    record = np.zeros((count, 16 + SNAP), np.uint8)
    moments = np.linspace(0, 240e6, count).astype(np.int64)
    heads = np.stack([1_760_000_000 + moments // 1_000_000, moments % 1_000_000, np.minimum(length, SNAP), length], 1)
    record[:, :16] = heads.astype("<u4").view(np.uint8)
    record[:, 16:] = frames
    kept = np.arange(16 + SNAP)[None, :] < (np.minimum(length, SNAP) + 16)[:, None]
    head = np.array([0xA1B2C3D4, 4 << 16 | 2, 0, 0, SNAP, 1], "<u4").tobytes()
    path.write_bytes(head + record[kept].tobytes())


def _child(words: list[str]) -> tuple[float, str]:
    """CPU seconds of a program, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise OSError(f"{words[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-200:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def _reading(file: Path, folder: Path) -> Iterator[Figure]:
    """Packets of one file to flows, by CPU time: ours, scapy's, and of what else is installed."""
    best: dict[str, tuple[int, float]] = {}
    for _ in range(3):
        tries = [("ours", _OURS, []), ("scapy's full dissection", _SCAPYS, [str(_SCAPY)])]
        if walker.numba is not None:
            tries.append(("ours, compiled", _COMPILED, [str(PACKETS)]))
        for name, code, arguments in tries:
            if name in best and "scapy" in name:
                continue
            _, told = _child([sys.executable, "-c", code, str(file), *arguments])
            count, flows, seconds = told.split()
            name = f"{name} ({flows} flows)" if "ours" in name else name
            best[name] = min(best.get(name, (0, 1e9)), (int(count), float(seconds)), key=lambda pair: pair[1])
        for name, arguments in PEERS.items():
            if shutil.which(name):
                words = [name, *(word.format(file=file, folder=folder) for word in arguments)]
                seconds, _ = _child(words)
                best[name] = min(best.get(name, (0, 1e9)), (PACKETS, seconds), key=lambda pair: pair[1])
    if walker.numba is None:
        print("audit    numba is not installed, so there is no figure of the compiled walker", file=sys.stderr)
    for name, (count, cpu) in best.items():
        yield Figure(f"read a packet of a pcap file into a flow: {name}", cpu / count * 1e6)
    for name in PEERS:
        if not shutil.which(name):
            print(f"audit    {name} is not installed, so there is no figure of it", file=sys.stderr)


def _pieces(count: int, flows: int) -> Rows:
    chance = np.random.default_rng(1)
    found = rows.empty(count)
    found["d_lo"] = np.uint64(rows.MAPPED) | chance.integers(0, flows, count).astype(np.uint64)
    found["s_lo"], found["proto"], found["packets"], found["octets"] = rows.MAPPED | 1, 17, 1, 60
    found["first"] = found["last"] = int(time.time() * 1e6)
    return found


def figures() -> Iterator[Figure]:
    """One figure after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pcap(folder / "traffic.pcap", PACKETS)
        yield from _reading(folder / "traffic.pcap", folder)
    pieces = _pieces(200_000, 100_000)
    one = figure("count 200,000 rows into 100,000 flows", lambda: Flows(seed=5).see(pieces))
    yield Figure("count a row into its flow", one.microseconds / len(pieces))
    hour = Hour()
    for start in range(0, 1_000_000, 50_000):
        hour.add(_pieces(50_000, 1_000_000), start / 1e4)
    question = Question(to=ip_network("0.0.3.0/24"))
    yield figure("who sent to a /24, of 1,000,000 flow records", lambda: hour.ask(question))
