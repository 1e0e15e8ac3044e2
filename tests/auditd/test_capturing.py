"""The capture program, on real packets in network namespaces of its own: what is sent is what is written down."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd import capture_priority, rows, stream, tell
from auditd.capture_opening import own_cgroup
from auditd.owners import KERNEL, Kind, Owners, Sender
from auditd.rows import Rows
from tests.auditd import ground
from tests.auditd.ground import WIRE, Capture, capturing

CODEEN, CORAL = Sender("princeton_codeen", "plc"), Sender("nyu_coral", "plc")
NOT_ROOT = "" if os.geteuid() == 0 else "asks the kernel for senders, which needs root (bpf)"
V2 = next((path for path in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if Path(path, "cgroup.procs").exists()), "")
NO_CGROUP = NOT_ROOT or ("" if V2 else "there is no cgroup v2 hierarchy here")

BURST = """
import socket, sys
source, to, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
sender = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM)
sender.bind((source, 0))
for number in range(count):
    sender.sendto(b"x" * 20, (to, port))
"""

FLOOD = """
import socket, sys
senders = [socket.socket(type=socket.SOCK_DGRAM) for number in range(50)]
print("ready", flush=True)
while True:
    for port in range(1000, 2000):
        senders[port % 50].sendto(b"x", (sys.argv[1], port))
"""


def read(data: bytes) -> tuple[Rows, list[dict[str, object]]]:
    """Rows, one per flow, and the beats of what was written so far."""
    messages = list(stream.Reader().feed(data))
    found = [message.rows for message in messages if message.kind is stream.Kind.ROWS]
    beats = [message.facts for message in messages if message.kind is stream.Kind.BEAT]
    return rows.joined(np.concatenate([rows.empty(), *found])), beats


def settled(after: int) -> Callable[[bytes], bool]:
    """Whether everything up to ``after`` (steady microseconds) has been written down."""
    return lambda data: any(int(str(beat["through"])) > after for beat in read(data)[1])


def everything(capture: Capture) -> Rows:
    """What was captured until now."""
    return read(capture.until(settled(time.monotonic_ns() // 1000)))[0]


class Serving(ground.WithGround):
    def serve(self, program: str) -> None:
        """Run a program on the wire that says when it is ready, until the test ends."""
        server = self.ground.wire.start(program)
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        assert server.stdout is not None
        self.assertEqual("ready", server.stdout.readline().strip())

    def capture(self, *options: str) -> Capture:
        context = capturing(self.ground.node, *options)
        capture = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.assertEqual("", capture.error)
        return capture


def spent(pid: int) -> float:
    """CPU seconds of a process."""
    told = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def to_port(found: Rows, port: int) -> Rows:
    return found[(found["ports"] & 0xFFFF == port) & (found["proto"] == rows.UDP)]


class CapturingSenders(Serving):
    def test_ten_thousand_packets_of_two_senders_are_all_told_apart(self) -> None:
        addresses = {"10.128.0.1": 4000, "10.128.0.2": 6000}
        for address in addresses:
            self.ground.sliver_address(address)
        capture = self.capture("--senders", "packet")
        children = [
            self.ground.node.start(BURST, address, WIRE, "33434", str(count)) for address, count in addresses.items()
        ]
        for child in children:
            child.communicate(timeout=60)
        owners = Owners()
        for address, sender in zip(addresses, (CODEEN, CORAL), strict=True):
            owners.learn(Kind.ADDRESS, rows.read_pair(address), sender, 0, None)
        found = to_port(everything(capture), 33434)
        numbers = owners.resolve(found)
        counted = {owners.sender(int(n)): int(found["packets"][numbers == n].sum()) for n in set(numbers.tolist())}
        self.assertEqual({CODEEN: 4000, CORAL: 6000}, counted)
        self.assertEqual([48], sorted(set((found["octets"] // found["packets"]).tolist())))

    def test_where_the_kernel_does_not_tell_senders_its_hash_of_ports_is_not_taken_for_one(self) -> None:
        capture = self.capture("--senders", "packet")
        for port in range(1, 9):
            self.ground.node.run(BURST, ground.NODE, WIRE, str(port), "1")
        found = everything(capture)
        self.assertEqual([0], np.unique(found["tag"]).tolist())
        owners = Owners({1}, frozenset({rows.read_pair(ground.NODE)}))
        self.assertEqual([1] * 8, owners.resolve(found[found["proto"] == rows.UDP]).tolist())

    def test_what_is_sent_while_the_capture_begins_has_its_sender_or_is_not_seen(self) -> None:
        if NO_CGROUP:
            self.skipTest(NO_CGROUP)
        flood = self.ground.node.start(FLOOD, WIRE)
        self.addCleanup(flood.communicate)
        self.addCleanup(flood.kill)
        assert flood.stdout is not None
        self.assertEqual("ready", flood.stdout.readline().strip())
        for _ in range(3):
            with capturing(self.ground.node, "--senders", "kernel") as capture:
                found = everything(capture)
            tags = found["tag"][found["proto"] == rows.UDP]
            self.assertGreater(len(tags), 0)
            self.assertEqual([own_cgroup() or KERNEL], np.unique(tags).tolist())

    def test_a_sliver_with_a_network_of_its_own_is_told_by_its_interface_whatever_source_it_writes(self) -> None:
        if NOT_ROOT:
            self.skipTest(NOT_ROOT)
        slivers = [self.ground.sliver(number) for number in (1, 2)]
        capture = self.capture()
        for number, sliver in enumerate(slivers, 1):
            sliver.run(BURST, f"10.128.{number}.2", WIRE, "1010", "50")
        slivers[0].run(  # as if it were the other
            """
            import socket, struct
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            head = struct.pack(">BBHHHBBH", 0x45, 0, 28, 0, 0, 64, 17, 0)
            head += socket.inet_aton("10.128.2.2") + socket.inet_aton("10.77.0.2")
            for number in range(7):
                raw.sendto(head + struct.pack(">HHHH", 7, 1010, 8, 0), ("10.77.0.2", 0))
            """
        )
        found = to_port(everything(capture), 1010)
        owners = Owners()
        names = {int(tag) & 0x3FFFFFFF for tag in found["tag"]}
        self.assertEqual(2, len(names))
        hello = next(stream.Reader().feed(capture.until(bool)))
        for index, name in hello.facts["links"].items():
            owners.link(int(index), name)
        owners.learn(Kind.INTERFACE, "v1", CODEEN, 0, None)
        owners.learn(Kind.INTERFACE, "v2", CORAL, 0, None)
        owners.learn(Kind.ADDRESS, rows.read_pair("10.128.2.2"), CORAL, 0, None)
        numbers = owners.resolve(found)
        counted = {owners.sender(int(n)): int(found["packets"][numbers == n].sum()) for n in set(numbers.tolist())}
        self.assertEqual({CODEEN: 57, CORAL: 50}, counted)


class CapturingKinds(Serving):
    def test_pieces_of_a_datagram_are_counted_with_its_ports(self) -> None:
        capture = self.capture()
        self.ground.node.run(
            """
            import socket
            four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            four.sendto(b"x" * 4000, ("10.77.0.2", 1003))
            six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            six.sendto(b"x" * 4000, ("fd77::2", 1004))
            """
        )
        found = everything(capture)
        for port in (1003, 1004):
            flow = to_port(found, port)
            self.assertEqual((1, 3), (len(flow), int(flow["packets"].sum())))
            self.assertEqual(0, int(flow["how"][0]))
        self.assertEqual(4008 + 3 * 20, int(to_port(found, 1003)["octets"][0]))

    def test_what_the_device_will_cut_is_counted_as_packets_and_as_frames(self) -> None:
        self.serve(
            """
            import socket
            listener = socket.create_server(("10.77.0.2", 2100))
            print("ready", flush=True)
            visitor, _ = listener.accept()
            while visitor.recv(1 << 20):
                pass
            """
        )
        capture = self.capture()
        told = self.ground.node.run(
            """
            import socket, struct
            sender = socket.create_connection(("10.77.0.2", 2100))
            sender.sendall(b"x" * 2_000_000)
            sender.shutdown(socket.SHUT_WR)
            sender.recv(1)
            info = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
            print(*struct.unpack_from("I", info, 136), *struct.unpack_from("Q", info, 200))  # segs_out, bytes_sent
            """
        )
        segments, octets_sent = map(int, told.split())
        found = everything(capture)
        flow = found[(found["proto"] == rows.TCP) & (found["ports"] & 0xFFFF == 2100)]
        self.assertEqual(1, len(flow))
        packets, frames, octets = (int(flow[name][0]) for name in ("packets", "frames", "octets"))
        self.assertIn(packets - segments, (0, 1, 2))  # what follows the other end's close
        self.assertLess(frames, packets / 4)
        self.assertIn(octets - octets_sent - 52 * packets, range(60))  # the SYN has more options
        self.assertEqual("FSPA", tell.tcp_flags(int(flow["flags"][0])))

    def test_where_little_is_sent_the_capture_sleeps(self) -> None:
        capture = self.capture()
        before, begun = spent(capture.pid), time.monotonic()
        self.ground.node.run(
            """
            import socket, time
            sender = socket.socket(type=socket.SOCK_DGRAM)
            for number in range(100):
                sender.sendto(b"x", ("10.77.0.2", 1020))
                time.sleep(0.02)  # so that there is always a block which is kept
            """
        )
        self.assertEqual(100, int(to_port(everything(capture), 1020)["packets"].sum()))
        self.assertLess(spent(capture.pid) - before, 0.15 * (time.monotonic() - begun))

    def test_every_protocol_is_counted(self) -> None:
        capture = self.capture()
        self.ground.node.run(
            """
            import socket, struct
            def sixteen(data):
                total = sum(struct.unpack(f">{len(data) // 2}H", data))
                total = (total & 0xffff) + (total >> 16)
                return ~(total + (total >> 16)) & 0xffff
            echo = struct.pack(">BBHHH", 8, 0, 0, 5, 1)
            echo = echo[:2] + struct.pack(">H", sixteen(echo)) + echo[4:]
            socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).sendto(echo, ("10.77.0.2", 0))
            socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58).sendto(bytes((128, 0)) + bytes(6), ("fd77::2", 0))
            for proto in (47, 50, 89, 132, 253):
                raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, proto)
                raw.sendto(struct.pack(">HH", 7, 9) + bytes(12), ("10.77.0.2", 0))
            """
        )
        found = everything(capture)
        seen = {(int(p), int(ports)) for p, ports in zip(found["proto"], found["ports"], strict=True)}
        for expected in ((1, 0x0800), (58, 0x8000), (47, 0), (50, 0), (89, 0), (132, 7 << 16 | 9), (253, 0)):
            self.assertIn(expected, seen)

    def test_a_captured_frame_without_IP_is_counted_and_is_no_flow(self) -> None:
        capture = self.capture()
        self.ground.node.run(
            """
            import socket
            link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            link.bind(("up0", 0))
            link.send(b"\\xff" * 6 + b"\\x02" * 6 + b"\\x88\\xcc" + bytes(50))
            """
        )
        data = capture.until(settled(time.monotonic_ns() // 1000))
        found, beats = read(data)
        self.assertEqual(0, int(np.count_nonzero(found["packets"] == 0)))
        self.assertGreaterEqual(int(str(beats[-1]["foreign"])), 1)


class CapturingInTime(Serving):
    def priority(self, *options: str) -> tuple[int, str, str]:
        capture = self.capture(*options)
        facts = next(stream.Reader().feed(capture.until(bool))).facts
        policy = os.sched_getscheduler(capture.pid) & ~os.SCHED_RESET_ON_FORK
        return policy, facts["priority"], facts["priority_why"]

    def test_it_goes_before_ordinary_programs_where_it_may_and_says_why_where_it_may_not(self) -> None:
        policy, told, why = self.priority()
        self.assertIn((policy == os.SCHED_RR, told, bool(why)), [(True, "real-time", False), (False, "ordinary", True)])

    def test_it_is_an_ordinary_program_where_the_operator_wants_that(self) -> None:
        policy, told, why = self.priority("--priority", "ordinary")
        self.assertNotEqual(os.SCHED_RR, policy)
        self.assertEqual(("ordinary", "not asked for"), (told, why))

    def test_code_is_compiled_without_it(self) -> None:
        told, why = capture_priority.take("auto")
        if told != capture_priority.REALTIME:
            self.skipTest(f"real-time priority is not permitted here: {why}")
        self.addCleanup(os.sched_setscheduler, 0, os.SCHED_OTHER, os.sched_param(0))
        with capture_priority.given_up():
            self.assertEqual(os.SCHED_OTHER, os.sched_getscheduler(0))
        self.assertEqual(os.SCHED_RR, os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK)


class CapturingFails(SynchronousTestCase):
    if ground.REFUSED:
        skip = ground.REFUSED

    def test_an_interface_that_is_not_there_is_named_in_one_line(self) -> None:
        place = ground.Place()
        self.addCleanup(place.close)
        capture = Capture(place, "--interface", "nowhere0")
        capture.close()
        self.assertEqual("plfed-capture: cannot capture on nowhere0: No such device\n", capture.error)
