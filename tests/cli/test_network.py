"""Namespaces of a demo: a node's packets reach the stranger, and nothing is left when the command ends."""

import os
import sys

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from planetlab.cli import network
from planetlab.errors import Unavailable

HOSTS = ("node1.plc.example", "node2.plc.example")
NETS = ("10.101.0.0/16", "10.102.0.0/16")


class Namespaces(SynchronousTestCase):
    def setUp(self) -> None:
        try:
            self.network = network.make(HOSTS, NETS)
        except Unavailable as error:
            raise SkipTest(f"network namespaces are not permitted here: {error}") from error
        self.addCleanup(self.network.close)

    def test_a_sliver_of_a_node_reaches_the_stranger(self) -> None:
        node = self.network.nodes[HOSTS[0]]
        node.run("ip", "addr", "add", "10.101.0.5/32", "dev", "lo")
        route = node.run("ip", "route", "get", network.STRANGER, "from", "10.101.0.5")
        self.assertIn(f"dev {network.UPLINK}", route)
        before = self.received("n1")
        node.run(sys.executable, "-S", "-c", _ONE_DATAGRAM)
        self.assertGreater(self.received("n1"), before)

    def received(self, interface: str) -> int:
        return int(self.network.world.run("cat", "/proc/net/dev").split(f"{interface}:")[1].split()[1])

    def test_nodes_do_not_share_a_namespace(self) -> None:
        inodes = {os.fstat(node.net).st_ino for node in (*self.network.nodes.values(), self.network.world)}
        self.assertEqual(3, len(inodes))
        self.assertNotIn(os.stat("/proc/self/ns/net").st_ino, inodes)

    def test_a_command_that_fails_says_why_in_one_line(self) -> None:
        error = self.assertRaises(Unavailable, self.network.world.run, "ip", "link", "set", "nowhere", "up")
        self.assertIn("nowhere", str(error))
        self.assertNotIn("\n", str(error))


_ONE_DATAGRAM = f"""
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(("10.101.0.5", 0))
sender.sendto(b"plfed", ("{network.STRANGER}", 33434))
"""


class WithoutTools(SynchronousTestCase):
    def test_a_missing_program_is_named(self) -> None:
        error = self.assertRaises(Unavailable, network.run, ["plfed-no-such-program"])
        self.assertIn("plfed-no-such-program is missing", str(error))
