"""Each packet is known as its slice's on the sliver's interface, and by its mark at the uplink behind translation."""

from node_manager.drivers import Owner, OwnerKind
from planetlab.names import SliceName
from tests.container.ground import CODEEN, NODE, SIRIUS, STRANGER, Ground

EACH = 5000
_SEND = """
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
            words = _SEND % (STRANGER, EACH, name)
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
            self.node.enter(CODEEN, ("perl", "-e", _SEND % (STRANGER, 100, CODEEN)))
        sent = {name: self.node.stats(name).sent - before[name] for name in (CODEEN, SIRIUS)}
        octets = sum(len(f"{CODEEN} {number}") + 8 + 20 + 14 for number in range(1, 101))
        self.assertEqual({CODEEN: octets, SIRIUS: 0}, sent)


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
