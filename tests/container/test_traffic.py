"""Each packet is known as its slice's on the sliver's interface, and by its mark at the uplink behind translation."""

import subprocess

from node_manager.drivers import DriverError, Owner, OwnerKind, State
from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, NODE, SIRIUS, STRANGER, Ground, within

EACH = 5000
SEND = """
use Socket; socket(S, PF_INET, SOCK_DGRAM, 0); my $to = sockaddr_in(9, inet_aton("%s"));
for (1..%d) { send(S, "%s $_", 0, $to); select(undef, undef, undef, 0.002) unless $_ %% 100 }
"""


class TenThousandPackets(Ground):
    """Two slices send 5,000 packets each to a third namespace, at the same time."""

    def setUp(self) -> None:
        self.node = self.driver()
        for name in (CODEEN, SIRIUS):
            self.running(self.node, name)

    def tags(self, kind: OwnerKind) -> dict[SliceName, str]:
        return {owner.slice: owner.tag for owner in self.node.owners() if owner.kind is kind}

    def send(self) -> None:
        for name in (CODEEN, SIRIUS):
            words = SEND % (STRANGER, EACH, name)
            self.node.enter(name, ("/bin/sh", "-c", 'it=$(cat); perl -e "$it" >/dev/null 2>&1 &'), given=words)

    def test_all_carry_their_own_mark_at_the_uplink_and_none_the_others(self) -> None:
        marks = self.tags(OwnerKind.MARK)
        with (
            self.program(self.world, "hear", "1") as heard,
            self.program(self.netns, "see", "up0", str(2 * EACH)) as seen,
        ):
            self.send()
        self.assertEqual({f"{NODE} {name}": EACH for name in (CODEEN, SIRIUS)}, heard())
        self.assertEqual({f"{marks[name]} {name}": EACH for name in (CODEEN, SIRIUS)}, seen())

    def test_each_interface_counts_its_own_sliver_only(self) -> None:
        before = {name: self.node.stats(name).sent for name in (CODEEN, SIRIUS)}
        with self.program(self.world, "hear", "1"):
            self.assertEqual(0, self.node.enter(CODEEN, ("perl", "-e", SEND % (STRANGER, 100, CODEEN))).code)
        sent = {name: self.node.stats(name).sent - before[name] for name in (CODEEN, SIRIUS)}
        octets = sum(len(f"{CODEEN} {number}") + 8 + 20 + 14 for number in range(1, 101))
        self.assertEqual({CODEEN: octets, SIRIUS: 0}, sent)


class ExemptDestinations(Ground):
    def test_what_goes_there_has_a_class_and_a_count_of_its_own(self) -> None:
        node = self.driver(exempt=("192.0.2.0/28",))
        self.running(node)
        with self.program(self.world, "hear", "0.3") as heard:
            node.enter(CODEEN, ("perl", "-e", SEND % (STRANGER, 100, CODEEN)))
        self.assertEqual({f"{NODE} {CODEEN}": 100}, heard())
        used = node.stats(CODEEN)
        self.assertEqual((0, True), (used.sent, used.sent_exempt > 100 * 40))


class WhatIsLimited(Ground):
    def test_of_pings_and_of_packets_with_options_only_a_few_a_second_leave(self) -> None:
        node = self.driver(pings=2)
        self.running(node)
        ask = "use Socket; socket(S,2,2,1); send(S, pack('C2n3', 8), 0, sockaddr_in(0, inet_aton('%s'))) for 1..50"
        before = self.requests()
        node.enter(CODEEN, ("perl", "-e", ask % STRANGER))
        self.assertLessEqual(self.requests() - before, 12)
        words = "use Socket; socket(S,2,2,0); setsockopt(S, 0, 4, pack('C8', 7, 7, 4)) or die $!;"  # record the route
        words += f" send(S, 'route', 0, sockaddr_in(9, inet_aton('{STRANGER}'))) for 1..50; print 'sent'"
        with self.program(self.world, "hear", "0.3") as heard:
            self.assertEqual("sent", node.enter(CODEEN, ("perl", "-e", words)).output)
        self.assertLessEqual(sum(heard().values()), 12)

    def requests(self) -> int:
        """Echo requests that came to the stranger so far."""
        told = within(self.world, "cat", "/proc/net/snmp")
        names, figures = (line.split() for line in told.splitlines() if line.startswith("Icmp:"))
        return int(figures[names.index("InEchos")])


class ReservedPorts(Ground):
    """A port of the node's one address belongs to one slice."""

    def setUp(self) -> None:
        self.node = self.driver()
        for name, ports in ((CODEEN, "8080,53"), (SIRIUS, "")):
            self.running(self.node, name, rspec=ResourceSpec(tags={"ports": ports}))
            self.said(self.node, f"nc -ll -p 8080 -e echo {name} >/dev/null 2>&1 &", name)

    def calls(self) -> str:
        """What a stranger hears at port 8080 of the node."""
        command = ("busybox", "nc", "-w", "1", NODE, "8080")
        entered = ("nsenter", f"--net=/run/netns/{self.world}", *command)
        return subprocess.run(entered, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip()

    def test_its_packets_come_to_the_slice_that_has_it_and_move_when_it_does(self) -> None:
        self.assertEqual(str(CODEEN), self.calls())
        self.node.set_limits(CODEEN, ResourceSpec(tags={"ports": "53"}))
        self.assertEqual("", self.calls())
        self.node.set_limits(SIRIUS, ResourceSpec(tags={"ports": "8080"}))
        self.assertEqual(str(SIRIUS), self.calls())

    def test_a_port_that_another_slice_has_is_not_given_twice(self) -> None:
        error = self.assertRaises(DriverError, self.node.set_limits, SIRIUS, ResourceSpec(tags={"ports": "8080"}))
        self.assertIn("nft", str(error))
        self.assertEqual(str(CODEEN), self.calls())

    def test_a_sliver_that_cannot_have_its_port_does_not_start_and_takes_it_from_nobody(self) -> None:
        self.node.destroy(SIRIUS)
        self.node.create(self.sliver(SIRIUS, rspec=ResourceSpec(tags={"ports": "8080"})))
        self.assertRaises(DriverError, self.node.start, SIRIUS)
        self.assertEqual(State.STOPPED, self.node.look()[SIRIUS].state)
        self.assertEqual(str(CODEEN), self.calls())

    def from_ports(self, name: SliceName, *ports: int) -> dict[str, int]:
        """The source ports under which packets that a slice sends from these ports come to a stranger."""
        words = "use Socket; for my $p (%s) { socket(S,2,2,0); bind(S, sockaddr_in($p, INADDR_ANY)) or die $!;"
        words += " send(S, qq(from$p), 0, sockaddr_in(9, inet_aton('%s'))) }"
        with self.program(self.world, "ports", "0.3") as heard:
            self.node.enter(name, ("perl", "-e", words % (", ".join(map(str, ports)), STRANGER)))
        told: dict[str, int] = heard()
        return {word: int(port) for port, word in (key.split() for key in told)}

    def test_packets_from_it_leave_as_they_are_for_its_slice_only(self) -> None:
        own = self.from_ports(CODEEN, 8080, 53, 4000)
        self.assertEqual({"from8080": 8080, "from53": 53, "from4000": 4000}, own)
        others = self.from_ports(SIRIUS, 8080, 53, 22, 4001)
        self.assertEqual(4001, others.pop("from4001"))
        self.assertEqual({"from8080", "from53", "from22"}, others.keys())
        self.assertEqual([], [port for port in others.values() if not 61000 <= port <= 65535])

    def test_a_flow_that_had_it_before_it_was_reserved_is_cut(self) -> None:
        self.assertEqual({"from7000": 7000}, self.from_ports(SIRIUS, 7000))
        self.node.set_limits(CODEEN, ResourceSpec(tags={"ports": "7000"}))
        self.assertEqual({}, self.from_ports(SIRIUS, 7000))

    def test_it_is_free_again_when_the_sliver_ends(self) -> None:
        self.node.destroy(CODEEN)
        self.node.set_limits(SIRIUS, ResourceSpec(tags={"ports": "8080"}))
        self.assertEqual(str(SIRIUS), self.calls())


class FlowsOfOne(Ground):
    def test_a_flood_of_flows_is_cut_and_the_neighbours_still_come_through(self) -> None:
        node = self.driver(flows=50)
        for name in (CODEEN, SIRIUS):
            self.running(node, name)
        flood = "use Socket; for my $p (1000..1999) { socket(S,2,2,0); send(S,'%s',0,sockaddr_in($p,inet_aton('%s'))) }"
        node.enter(CODEEN, ("perl", "-e", flood % (CODEEN, STRANGER)))
        with self.program(self.world, "hear", "0.3") as heard:
            node.enter(SIRIUS, ("perl", "-e", SEND % (STRANGER, 10, SIRIUS)))
            node.enter(CODEEN, ("perl", "-e", SEND % (STRANGER, 10, CODEEN)))
        self.assertEqual({f"{NODE} {SIRIUS}": 10}, heard())


class FlowsOfTheDead(Ground):
    def test_nothing_is_tracked_of_a_sliver_that_ended_and_all_of_its_neighbour(self) -> None:
        node = self.driver()
        before = self.tracked()
        flood = "use Socket; for my $p (%d..%d) { socket(S,2,2,0); send(S,'x',0,sockaddr_in($p,inet_aton('%s'))) }"
        for name, ports in ((CODEEN, (1001, 1040)), (SIRIUS, (2001, 2030))):
            self.running(node, name)
            node.enter(name, ("perl", "-e", flood % (*ports, STRANGER)))
        self.assertEqual(70, self.tracked() - before)
        node.stop(CODEEN)
        self.assertEqual(30, self.tracked() - before)
        node.destroy(SIRIUS)
        self.assertEqual(0, self.tracked() - before)

    def tracked(self) -> int:
        """Flows that the node's network keeps track of."""
        return int(within(self.netns, "cat", "/proc/sys/net/netfilter/nf_conntrack_count"))


class OwnersOfPackets(Ground):
    def test_interface_address_mark_and_group_are_told(self) -> None:
        node = self.driver()
        self.running(node)
        told = {owner.kind: owner for owner in node.owners()}
        number = told[OwnerKind.MARK].tag
        self.assertEqual(Owner(slice=CODEEN, kind=OwnerKind.INTERFACE, tag=f"sl{number}"), told[OwnerKind.INTERFACE])
        self.assertEqual(f"10.128.0.{number}", told[OwnerKind.ADDRESS].tag)
        self.assertLessEqual(told.keys(), set(OwnerKind))

    def test_a_slot_comes_back_as_late_as_possible(self) -> None:
        node = self.driver(most=3)
        tags = []
        for _ in range(4):
            self.running(node)
            tags += [owner.tag for owner in node.owners() if owner.kind is OwnerKind.MARK]
            node.destroy(CODEEN)
        self.assertEqual(["1", "2", "3", "1"], tags)
