"""A million packets a second and more on a veth pair, from two processes, each of a slice: are all of them counted?

The senders hand the kernel 64 datagrams at once, which it cuts before the device; so every packet passes the egress
program and the packet ring by itself. They and the capture run real-time where that is permitted, the capture before
them. How many a second that gave is printed: on a machine with other work it is less.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np

from auditd import rows, stream, walker
from bench.measure import Figure
from tests.auditd import truth
from tests.auditd.ground import Capture, Ground

COUNT = int(os.environ.get("PLFED_BENCH_LIVE", "1500000"))
PACE = float(os.environ.get("PLFED_BENCH_PACE", "1100000"))  # packets a second that are sent at most, together
MILLION = 1e6  # packets a second that have to be reached
AT_ONCE = 64  # packets that the kernel is given in one call
_SENDER = """
import json, os, socket, sys, time
group, port, count, pace = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
with open(f"{group}/cgroup.procs", "w") as file:
    file.write(str(os.getpid()))
sender = socket.socket(type=socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_UDP, 103, 64)  # UDP_SEGMENT: bytes of each datagram
sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
payload = b"x" * (64 * 64)
try:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # so that a machine's other work does not slow it
except OSError:
    pass
print("ready", flush=True)
sys.stdin.readline()
began = time.time()
for turn in range(count // 64):
    sender.sendto(payload, ("10.77.0.9", port + turn % 500))
    ahead = began + (turn + 1) * 64 / pace - time.time()
    if ahead > 0.0005:
        time.sleep(ahead)  # the pace that was asked for
print(json.dumps([began, time.time()]), flush=True)
"""
_TAKES = """
import socket
listener = socket.create_server(("10.77.0.2", 2100))
print("ready", flush=True)
visitor, _ = listener.accept()
while visitor.recv(1 << 20):
    pass
"""
_GIVES = """
import json, socket, struct, sys
sender = socket.create_connection(("10.77.0.2", 2100))
sender.sendall(b"x" * int(sys.argv[1]))
sender.shutdown(socket.SHUT_WR)
sender.recv(1)
told = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
print(json.dumps([*struct.unpack_from("I", told, 136), *struct.unpack_from("Q", told, 200)]))  # segs_out, bytes_sent
"""
MUCH = 200_000_000  # bytes that one connection sends
SEGMENT_HEADS = 52  # bytes of IPv4 and TCP with time stamps
TERABYTES = 4e12 / 86400  # bytes a second of the whole testbed's 4 TB a day
MEAN = 682  # bytes of a packet of its mix


def _seconds(pid: int) -> float:
    """CPU seconds of a process."""
    told = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def _run(ground: Ground, groups: list[Path], hot_path: str) -> tuple[str, float]:
    """One run: what to say of it, and the capture's CPU microseconds a packet."""
    capture = Capture(
        ground.node, "--interface", "up0", "--ring-mib", "64", "--senders", "kernel", "--hot-path", hot_path
    )
    words = [*ground.node.enter, sys.executable, "-c", _SENDER]
    each = COUNT // len(groups) // AT_ONCE * AT_ONCE
    senders = [
        subprocess.Popen(
            [*words, str(group), str(10_000 * (at + 1)), str(each), str(PACE / len(groups))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for at, group in enumerate(groups)
    ]
    try:
        for sender in senders:
            assert sender.stdout is not None and sender.stdout.readline() == "ready\n"
        if hot_path == "compiled":
            capture.until(lambda data: b'"hot_path":"compiled"' in data)
        before, after = _seconds(capture.pid), [2**62]
        reading = ThreadPool(1).apply_async(capture.until, [lambda data: _through(data) > after[0]])
        for sender in senders:
            assert sender.stdin is not None
            sender.stdin.write("\n")
            sender.stdin.flush()
        times = [json.loads(sender.communicate(timeout=120)[0]) for sender in senders]
        after[0] = time.monotonic_ns() // 1000 + 300_000
        data = reading.get(timeout=60)
        cpu = _seconds(capture.pid) - before
    finally:
        capture.close()
    took = max(end for _, end in times) - min(begin for begin, _ in times)
    found, dropped = _read(data)
    tags = [group.stat().st_ino & 0xFFFFFFFF for group in groups]
    counted = [int(found["packets"][found["tag"] == tag].sum()) for tag in tags]
    sent = each * len(groups)
    told = (
        f"{hot_path}: {sent:,} packets at {sent / took / 1e6:.2f} million a second, {sent - sum(counted):,} not "
        f"counted, {dropped} dropped; {' and '.join(f'{n:,}' for n in counted)} of {each:,} under each slice "
        f"({'met' if counted == [each] * len(groups) and sent / took >= MILLION else 'MISSED'}: all, at a million)"
    )
    return told, cpu / sent * 1e6


def _cut(ground: Ground) -> str:
    """One connection sends much in frames that the device is to cut: what its kernel counted, and what we did."""
    server = ground.wire.start(_TAKES)
    capture = Capture(ground.node, "--interface", "up0", "--ring-mib", "64", "--senders", "kernel")
    try:
        assert server.stdout is not None and server.stdout.readline() == "ready\n"
        segments, octets = json.loads(ground.node.run(_GIVES, str(MUCH)))
        after = time.monotonic_ns() // 1000 + 300_000
        found, dropped = _read(capture.until(lambda data: _through(data) > after))
    finally:
        capture.close()
        server.kill()
        server.communicate()
    found = found[(found["proto"] == rows.TCP) & (found["ports"] & 0xFFFF == 2100)]
    packets, frames, counted = (int(found[name].sum()) for name in ("packets", "frames", "octets"))
    heads = counted - SEGMENT_HEADS * packets
    right = packets - segments in (0, 1, 2) and 0 <= heads - octets < 60 and not dropped
    return (
        f"segmentation offload: {packets:,} packets in {frames:,} frames, {heads:,} octets behind their heads; the "
        f"sender's kernel counts {segments:,} (and up to two that follow the close) and {octets:,}: "
        f"{'right' if right else 'WRONG'}"
    )


def _through(data: bytes) -> int:
    tail = data.rpartition(b'{"through":')[2]
    return int(tail.partition(b",")[0]) if tail[:1].isdigit() and b"," in tail else 0


def _read(data: bytes) -> tuple[rows.Rows, int]:
    messages = list(stream.Reader().feed(data))
    found = [message.rows for message in messages if message.kind is stream.Kind.ROWS]
    beats = [message.facts for message in messages if message.kind is stream.Kind.BEAT]
    return np.concatenate([rows.empty(), *found]), int(beats[-1]["dropped"])


def figures() -> Iterator[Figure]:
    """Both paths, if this may be done here."""
    if why := truth.refused():
        print(f"         live: not here: {why}", file=sys.stderr)
        return
    ground, groups = Ground(), [Path(truth.V2, f"plfed-live-{os.getpid()}-{n}") for n in range(2)]
    try:
        print(f"         {_cut(ground)}", file=sys.stderr)
        # cut before the device, and thrown away at the other end as somebody else's
        ground.node.ip("link", "set", "up0", "gso_max_segs", "1")
        ground.node.ip("neigh", "add", "10.77.0.9", "lladdr", "02:00:00:00:00:99", "dev", "up0", "nud", "permanent")
        for group in groups:
            group.mkdir()
        for hot_path in ("compiled", "columns") if walker.numba is not None else ("columns",):
            told, each = _run(ground, groups, hot_path)
            share = TERABYTES / MEAN * each / 1e4
            print(f"         {told}", file=sys.stderr)
            print(f"         4 TB a day of such packets, all on one node: {share:.1f} % of a core", file=sys.stderr)
            yield Figure(f"see a packet that leaves, {hot_path}", each)
    finally:
        ground.close()
        time.sleep(0.1)  # a group is empty a moment after its processes are gone
        for group in groups:
            if group.exists():
                group.rmdir()
