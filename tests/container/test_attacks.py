"""A slice that does its worst meets its own limits; its neighbour goes on as before and the node stays itself."""

from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, SIRIUS, STRANGER, Ground

# Each runs on and on, all at once, as root of one sliver. What the kernel refuses costs the attacker only.
_UDP = "use Socket; socket(S,2,2,0); while (1) "
ATTACKS = {
    "forks without end": "fork while 1",
    "processes that make processes": "while (1) { if (!fork) { fork; fork; exit } wait }",
    "memory": "my @x; while (1) { push @x, 'x' x (1 << 20) }",
    "memory that grows and goes": "while (1) { my $x = 'x' x (64 << 20) }",
    "open files": "my @f; while (1) { open(my $f, '<', '/dev/null') and push @f, $f }",
    "pipes": "my @f; while (1) { pipe(my $r, my $w) and push @f, $r, $w }",
    "a million files": "my $n; while (1) { open(F, '>', '/tmp/f' . $n++) }",
    "deep directories": "while (1) { mkdir 'd' and chdir 'd' or chdir '/tmp' }",
    "a full disk": "open(F, '>', '/full'); while (1) { syswrite(F, 'x' x (1 << 20)) or seek(F, 0, 0) }",
    "a storm on the disk": "open(F, '>', '/storm'); while (1) { syswrite(F, 'x' x 4096); seek(F, 0, 0) }",
    "a full /dev/shm": "open(F, '>', '/dev/shm/full'); while (1) { syswrite(F, 'x' x 65536) or seek(F, 0, 0) }",
    "a storm of log lines": "while (1) { open(F, '>>', '/log'); print F 'x' x 1000 for 1..1000; unlink '/log' }",
    "packets": _UDP + "{ send(S, 'x' x 1400, 0, sockaddr_in(9, inet_aton('%s'))) }",
    "small packets": _UDP + "{ send(S, 'x', 0, sockaddr_in(9, inet_aton('%s'))) }",
    "flows": "use Socket; while (1) { socket(S,2,2,0); send(S, 'x', 0, sockaddr_in(1 + rand 65000, inet_aton('%s'))) }",
    "connections": "use Socket; while (1) { socket(S,2,2049,6); connect(S, sockaddr_in(rand 65e3, inet_aton('%s'))) }",
    "packets to the node": _UDP + "{ send(S, 'x', 0, sockaddr_in(53, inet_aton('169.254.0.1'))) }",
    "packets to the neighbours": _UDP + "{ send(S, 'x', 0, sockaddr_in(9, pack('C4', 10, 128, 0, rand 250))) }",
    "pings": "use Socket; socket(S,2,2,1); send(S, pack('C2n3', 8), 0, sockaddr_in(0, inet_aton('%s'))) while 1",
    "walks through /proc": "while (1) { for (glob('/proc/*/stat /proc/net/*')) { open(F, $_) and read(F, $x, 9999) } }",
    "walks through /sys": "while (1) { for (glob('/sys/*/*/*')) { open(F, $_) and read(F, $x, 4096) } }",
    "inotify": "while (1) { syscall(294, 0) }",
    "memory for messages": "while (1) { syscall(68, 0, 0x3ff) }",
    "shared segments": "while (1) { syscall(29, 0, 1 << 24, 0x3ff) }",
    "calls that are refused": "while (1) { syscall(165, 0, 0, 0, 0, 0); syscall(272, 1 << 28); syscall(321, 0, 0, 0) }",
}
_LOOP = "my $n = 0; $SIG{ALRM} = sub { print $n; exit }; alarm 1; $n++ while 1"
LOOKS = 5


assert len(ATTACKS) == 25


class TwentyFiveAttacksAtOnce(Ground):
    def setUp(self) -> None:
        self.node = self.driver(pool=256 << 20)
        self.running(self.node, SIRIUS)
        self.running(
            self.node,
            CODEEN,
            rspec=ResourceSpec(
                disk_max=32 << 10, rlimits={"nproc_hard": 200, "rss_hard": 128 * 256, "nofile_hard": 512}
            ),
        )

    def loops(self) -> int:
        """How far the neighbour counts in a second."""
        return int(self.node.enter(SIRIUS, ("perl", "-e", _LOOP)).output)

    def attack(self) -> None:
        for words in ATTACKS.values():
            words = words.replace("%s", STRANGER)
            self.node.enter(CODEEN, ("/bin/sh", "-c", 'it=$(cat); perl -e "$it" >/dev/null 2>&1 &'), given=words)

    def test_they_cost_the_neighbour_no_more_than_an_honest_slice_that_is_busy(self) -> None:
        self.said(self.node, "for i in 1 2 3 4; do while :; do :; done >/dev/null 2>&1 & done")
        honest = sorted(self.loops() for _ in range(LOOKS))[LOOKS // 2]
        self.node.stop(CODEEN)
        self.node.start(CODEEN)
        self.attack()
        under: list[int] = []
        while len(under) < 3 * LOOKS and max(under, default=0) < 0.8 * honest:
            under.append(self.loops())
        self.assertGreaterEqual(max(under), 0.8 * honest, f"honest {honest}, under attack {under}")
        used = self.node.stats(CODEEN)
        self.assertLessEqual(used.processes, 200)
        self.assertLessEqual(used.disk, 33 << 20)
        self.assertEqual("yes", self.said(self.node, "echo yes > /root/file && cat /root/file", SIRIUS))
        self.node.destroy(CODEEN)
        self.assertEqual([SIRIUS], list(self.node.look()))
