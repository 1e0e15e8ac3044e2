"""Sixteen kinds of packet, each under the right slice: the kernel says who sent it, by whatever way it was sent.

The sliver is a process in a cgroup of its own, of user 30001; a second one has a network of its own behind the node's
address translation.
"""

import os
import subprocess
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd import rows, stream
from auditd.owners import NODE, UNKNOWN, Kind, Owners, Sender
from auditd.rows import Rows
from tests.auditd import ground
from tests.auditd.ground import Capture, Ground
from tests.auditd.test_capturing import CODEEN, CORAL, NO_CGROUP, V2, everything

SERVER = """
import socket
listener = socket.create_server(("10.77.0.2", 2000))
print("ready", flush=True)
while True:
    visitor, _ = listener.accept()
    try:
        visitor.send(visitor.recv(10)); visitor.recv(10)
    except OSError:
        pass
    visitor.close()
"""
AS_USER = "import os, socket, struct, time\n''.encode('idna'); os.setgroups([]); os.setgid(30001); os.setuid(30001)\n"
PACKET = """
def packet(source, port):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 28, 0, 0, 64, 17, 0)
    head += socket.inet_aton(source) + socket.inet_aton("10.77.0.2")
    return head + struct.pack(">HHHH", 7, port, 8, 0)
"""
ECHO = 'struct.pack(">BBHHH", 8, 0, 0xf7fe, 0, 1)'
DROP = "\nos.setgroups([]); os.setgid(30001); os.setuid(30001)\n"
MASQUERADE = "table ip plfed_test { chain out { type nat hook postrouting priority srcnat; oifname up0 masquerade; }; }"


class Kinds(SynchronousTestCase):
    """One node for all kinds; each test looks at what was sent since it began."""

    if ground.REFUSED or NO_CGROUP:
        skip = ground.REFUSED or NO_CGROUP
    options: ClassVar[tuple[str, ...]] = ("--senders", "kernel")
    made: ClassVar[list[object]]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.made = []
        if getattr(cls, "skip", ""):
            return
        cls.ground = Ground()
        cls.group = Path(V2, f"plfed-kinds-{os.getpid()}-{cls.__name__}")
        cls.group.mkdir()
        cls.ground.node.run("open('/proc/sys/net/ipv4/ping_group_range', 'w').write('0 65535')")
        cls.sliver = cls.ground.sliver(1)
        cls.server = cls.ground.wire.start(SERVER)
        assert cls.server.stdout is not None and cls.server.stdout.readline() == "ready\n"
        cls.capture = Capture(cls.ground.node, "--interface", "up0", *cls.options)

    @classmethod
    def tearDownClass(cls) -> None:
        if not getattr(cls, "skip", ""):
            cls.capture.close()
            cls.server.kill()
            cls.server.communicate()
            cls.ground.close()
            cls.group.rmdir()
        super().tearDownClass()

    def setUp(self) -> None:
        self.began = time.monotonic_ns() // 1000
        self.owners = Owners({1}, frozenset({rows.read_pair(ground.NODE)}))
        self.owners.learn(Kind.CGROUP, self.group.stat().st_ino & 0xFFFFFFFF, CODEEN, 0, None)
        self.owners.learn(Kind.INTERFACE, "v1", CORAL, 0, None)

    def seen(self, proto: int, port: int | None = None) -> Rows:
        """What went out by a protocol since the test began, to a port (or of an ICMP type and code)."""
        everything(self.capture)
        pieces = []
        for message in stream.Reader().feed(self.capture.until(bool)):
            if message.kind is stream.Kind.ROWS:
                pieces.append(message.rows)
                continue
            for index, name in message.facts["links"].items():
                self.owners.link(int(index), name)
        found = np.concatenate([rows.empty(), *pieces])
        which = (found["proto"] == proto) & (found["first"] >= self.began)
        if port is not None:
            which &= found["ports"] & 0xFFFF == port
        return rows.joined(found[which])

    def run_in_sliver(self, program: str) -> None:
        into = ("sh", "-c", f'echo $$ > {self.group}/cgroup.procs; exec "$@"', "sh")
        self.ground.node.run(program, before=into)

    def whose(self, found: Rows) -> dict[Sender | int, int]:
        """Packets by who sent them."""
        numbers = self.owners.resolve(found)
        return {
            self.owners.sender(int(n)) or int(n): int(found["packets"][numbers == n].sum()) for n in np.unique(numbers)
        }


class ByTheKernel(Kinds):
    def test_01_a_connected_datagram_socket(self) -> None:
        self.run_in_sliver(
            AS_USER + 's = socket.socket(type=socket.SOCK_DGRAM); s.connect(("10.77.0.2", 1001)); s.send(b"x")'
        )
        self.assertEqual({CODEEN: 1}, self.whose(self.seen(17, 1001)))

    def test_02_a_datagram_socket_that_is_not_connected(self) -> None:
        self.run_in_sliver(AS_USER + 'socket.socket(type=socket.SOCK_DGRAM).sendto(b"x" * 20, ("10.77.0.2", 1002))')
        self.assertEqual({CODEEN: 1}, self.whose(self.seen(17, 1002)))

    def test_03_a_datagram_over_ipv6(self) -> None:
        self.run_in_sliver(
            AS_USER + 'socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x" * 20, ("fd77::2", 1008))'
        )
        self.assertEqual({CODEEN: 1}, self.whose(self.seen(17, 1008)))

    def test_04_a_datagram_in_three_pieces(self) -> None:
        self.run_in_sliver(AS_USER + 'socket.socket(type=socket.SOCK_DGRAM).sendto(b"x" * 4000, ("10.77.0.2", 1003))')
        self.assertEqual({CODEEN: 3}, self.whose(self.seen(17, 1003)))

    def test_05_a_connection_its_handshake_and_its_data(self) -> None:
        self.run_in_sliver(
            AS_USER + 's = socket.create_connection(("10.77.0.2", 2000)); s.send(b"hello"); s.recv(10); s.shutdown(1)\n'
            "s.recv(10)"
        )
        told = self.whose(self.seen(6, 2000))
        self.assertEqual([CODEEN], list(told))
        self.assertGreaterEqual(told[CODEEN], 5)

    def test_06_a_connection_that_is_refused(self) -> None:
        self.run_in_sliver(
            AS_USER + 'try: socket.create_connection(("10.77.0.2", 2999))\nexcept ConnectionRefusedError: pass'
        )
        self.assertEqual({CODEEN: 1}, self.whose(self.seen(6, 2999)))

    def test_07_what_a_closed_connection_still_sends(self) -> None:
        self.run_in_sliver(
            AS_USER + 's = socket.create_connection(("10.77.0.2", 2000)); s.send(b"hello"); s.recv(10); s.close()\n'
            "time.sleep(0.2)\n"  # the other end closes after us: its FIN is acknowledged for a socket that is gone
            's = socket.create_connection(("10.77.0.2", 2000)); s.shutdown(1); time.sleep(0.05); s.close()\n'
            "time.sleep(0.2)"  # the sliver stays until all that is seen
        )
        told, end = self.whose(self.seen(6, 2000)), time.monotonic() + 60
        while sum(told.values()) < 9 and time.monotonic() < end:  # the other end may take its time to close
            told = self.whose(self.seen(6, 2000))
        self.assertEqual([CODEEN], list(told))  # also what only the kernel remembers (TIME_WAIT)
        self.assertGreaterEqual(told[CODEEN], 9)

    def test_08_the_reset_of_a_connection_closed_with_unread_data(self) -> None:
        self.run_in_sliver(  # the answer has to be there, unread, when the connection is closed
            AS_USER + 's = socket.create_connection(("10.77.0.2", 2000)); s.send(b"hello")\n'
            "import select; select.select([s], [], [], 30); s.close()"
        )
        found = self.seen(6, 2000)
        self.assertEqual([CODEEN], list(self.whose(found)))
        self.assertTrue(any(int(flags) & 4 for flags in found["flags"]))

    def test_09_a_ping_socket(self) -> None:
        self.run_in_sliver(
            AS_USER + f'socket.socket(type=socket.SOCK_DGRAM, proto=1).sendto({ECHO} + b"p", ("10.77.0.2", 0))'
        )
        self.assertEqual({CODEEN: 1}, self.whose(self.seen(1, 0x0800)))

    def test_10_a_raw_socket_that_root_opened(self) -> None:
        self.run_in_sliver(
            f"import os, socket, struct\ns = socket.socket(type=socket.SOCK_RAW, proto=1){DROP}"
            f's.sendto({ECHO}, ("10.77.0.2", 0))'
        )
        self.assertEqual({CODEEN: 1}, self.whose(self.seen(1, 0x0800)))

    def test_11_a_raw_packet_with_a_false_source(self) -> None:
        self.run_in_sliver(
            f"import os, socket, struct\n{PACKET}\ns = socket.socket(type=socket.SOCK_RAW, proto=255){DROP}"
            's.sendto(packet("198.51.100.7", 1005), ("10.77.0.2", 0))'
        )
        found = self.seen(17, 1005)
        self.assertEqual({CODEEN: 1}, self.whose(found))
        self.assertEqual("198.51.100.7", str(rows.address(int(found["s_hi"][0]), int(found["s_lo"][0]))))

    def test_12_a_packet_socket(self) -> None:
        self.run_in_sliver(
            f"import os, socket, struct\n{PACKET}\ns = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0){DROP}"
            's.sendto(packet("10.77.0.1", 1006), ("up0", 0x0800, 0, 0, bytes([2, 0, 0, 0, 0, 2])))'
        )
        self.assertEqual({CODEEN: 1}, self.whose(self.seen(17, 1006)))

    def test_13_a_socket_that_root_opened_and_gave_away(self) -> None:
        self.run_in_sliver(
            f"import os, socket\ns = socket.socket(type=socket.SOCK_DGRAM){DROP}s.sendto(b'y', ('10.77.0.2', 1007))"
        )
        self.assertEqual({CODEEN: 1}, self.whose(self.seen(17, 1007)))

    def test_14_the_kernels_own_unreachable_is_the_nodes(self) -> None:
        self.ground.wire.run("import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'q', ('10.77.0.1', 9))")
        self.assertEqual({NODE: 1}, self.whose(self.seen(1, 0x0303)))

    def test_15_the_kernels_own_reset_of_a_closed_port_is_the_nodes(self) -> None:
        self.ground.wire.run(
            """
            import socket
            try:
                socket.create_connection(("10.77.0.1", 9), 2)
            except OSError:
                pass
            """
        )
        found = self.seen(6)
        self.assertEqual({NODE: 1}, self.whose(found[found["ports"] >> 16 == 9]))

    def test_16_a_sliver_with_a_network_of_its_own_behind_address_translation(self) -> None:
        nft = subprocess.run(
            [*self.ground.node.enter, "nft", "-f", "-"], input=MASQUERADE, text=True, capture_output=True, check=False
        )
        if nft.returncode:
            self.skipTest(f"nft cannot translate addresses here: {nft.stderr}")
        self.addCleanup(subprocess.run, [*self.ground.node.enter, "nft", "delete table ip plfed_test"], check=True)
        self.sliver.run(
            """
            import socket
            sender = socket.socket(type=socket.SOCK_DGRAM)
            sender.bind(("", 5555))
            sender.sendto(b"q", ("10.77.0.2", 1010))
            """
        )
        found = self.seen(17, 1010)
        self.assertEqual({CORAL: 1}, self.whose(found))
        self.assertEqual(ground.NODE, str(rows.address(int(found["s_hi"][0]), int(found["s_lo"][0]))))


class BySourceAddress(Kinds):
    """Where the kernel may not be asked: what the page says is missed is missed, and blamed on nobody."""

    options = ("--senders", "packet")

    def setUp(self) -> None:
        super().setUp()
        self.owners = Owners({1}, frozenset())
        self.owners.learn(Kind.ADDRESS, rows.read_pair(ground.NODE), CODEEN, 0, None)

    def test_what_is_sent_from_the_slivers_address_is_its_own(self) -> None:
        self.run_in_sliver(AS_USER + 'socket.socket(type=socket.SOCK_DGRAM).sendto(b"x" * 4000, ("10.77.0.2", 1103))')
        self.assertEqual({CODEEN: 3}, self.whose(self.seen(17, 1103)))

    def test_a_false_source_is_unknown(self) -> None:
        self.run_in_sliver(
            f"import os, socket, struct\n{PACKET}\ns = socket.socket(type=socket.SOCK_RAW, proto=255)\n"
            's.sendto(packet("198.51.100.7", 1105), ("10.77.0.2", 0))'
        )
        self.assertEqual({UNKNOWN: 1}, self.whose(self.seen(17, 1105)))


class ByMarks(Kinds):
    """Where the kernel may not be asked by BPF and the firewall marks what slivers send."""

    options = ("--senders", "mark", "--forwarded", "mark")
    rules = """
    table inet plfed_mark {
        chain out {
            type filter hook output priority mangle
            meta skuid 30001 meta mark set 101
        }
    }
    """

    def setUp(self) -> None:
        super().setUp()
        nft = [*self.ground.node.enter, "nft"]
        done = subprocess.run([*nft, "-f", "-"], input=self.rules, text=True, capture_output=True, check=False)
        if done.returncode:
            self.skipTest(f"nft cannot mark here: {done.stderr}")
        self.addCleanup(subprocess.run, [*nft, "delete table inet plfed_mark"], check=True)
        self.owners = Owners({1}, frozenset())
        self.owners.learn(Kind.MARK, 101, CODEEN, 0, None)

    def test_datagrams_their_pieces_and_ipv6(self) -> None:
        self.run_in_sliver(
            AS_USER + 'socket.socket(type=socket.SOCK_DGRAM).sendto(b"x" * 4000, ("10.77.0.2", 1203))\n'
            'socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x" * 20, ("fd77::2", 1208))'
        )
        self.assertEqual({CODEEN: 3}, self.whose(self.seen(17, 1203)))
        self.assertEqual({CODEEN: 1}, self.whose(self.seen(17, 1208)))

    def test_a_connection_that_sends_much_is_counted_as_packets_and_as_frames(self) -> None:
        self.run_in_sliver(
            AS_USER + 's = socket.create_connection(("10.77.0.2", 2000)); s.send(b"hello"); s.recv(10)\n'
            'try: s.sendall(b"x" * 300_000)\nexcept OSError: pass'  # the other end does not read that much
        )
        found = self.seen(6, 2000)
        self.assertEqual([CODEEN], [each for each in self.whose(found) if each != UNKNOWN])
        self.assertLess(int(found["frames"].sum()), int(found["packets"].sum()))
        self.assertGreater(int(found["octets"].sum()), 10_000)

    def test_a_packet_socket_is_unknown_for_the_firewall_does_not_see_it(self) -> None:
        self.run_in_sliver(
            f"import os, socket, struct\n{PACKET}\ns = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0){DROP}"
            's.sendto(packet("10.77.0.1", 1206), ("up0", 0x0800, 0, 0, bytes([2, 0, 0, 0, 0, 2])))'
        )
        self.assertEqual({UNKNOWN: 1}, self.whose(self.seen(17, 1206)))
