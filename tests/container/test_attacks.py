"""A slice that does its worst meets its own limits; its neighbour goes on as before and the node answers."""

import time
from typing import Any, ClassVar

from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, SIRIUS, STRANGER
from tests.container.managed import Managed

# Each runs on and on, all at once, as root of one sliver. What the kernel refuses costs the attacker only.
_UDP = "use Socket; socket(S,2,2,0); while (1) "
_TCP = "use Socket; while (1) { socket(S,2,2049,6); "
_ASK = (
    "POST / HTTP/1.0\\r\\nContent-Length: 80\\r\\n\\r\\n"
    "<methodCall><methodName>GetXIDs</methodName><params></params></methodCall>      "
)
ATTACKS = {
    "forks without end": "fork while 1",
    "processes that make processes": "while (1) { if (!fork) { fork; fork; exit } wait }",
    "memory": "my @x; while (1) { push @x, 'x' x (1 << 20) }",
    "memory that grows and goes": "while (1) { my $x = 'x' x (64 << 20) }",
    "open files": "my @f; while (1) { open(my $f, '<', '/dev/null') and push @f, $f; pipe(my $r, my $w);"
    " push @f, $r, $w }",
    "a million files": "my $n; while (1) { open(F, '>', '/tmp/f' . $n++) }",
    "deep directories": "while (1) { mkdir 'd' and chdir 'd' or chdir '/tmp' }",
    "a full disk": "open(F, '>', '/full'); while (1) { syswrite(F, 'x' x (1 << 20)) or seek(F, 0, 0) }",
    "a storm on the disk": "open(F, '>', '/st'); while (1) { syswrite(F, 'x' x 4096); seek(F, 0, 0); syscall(74, 3) }",
    "a full /dev/shm": "open(F, '>', '/dev/shm/full'); while (1) { syswrite(F, 'x' x 65536) or seek(F, 0, 0) }",
    "a storm of log lines": "while (1) { open(F, '>>', '/log'); print F 'x' x 1000 for 1..1000; unlink '/log' }",
    "packets": _UDP + "{ send(S, 'x' x (1 + 1399 * int rand 2), 0, sockaddr_in(9, inet_aton('%s'))) }",
    "fragments": _UDP + "{ send(S, 'x' x 60000, 0, sockaddr_in(9, inet_aton('%s'))) }",
    "flows": _UDP + "{ socket(S,2,2,0); send(S, 'x', 0, sockaddr_in(1 + rand 65000, inet_aton('%s'))) }",
    "connections": _TCP + "connect(S, sockaddr_in(rand 65e3, inet_aton('%s'))) }",
    "packets to the node and the neighbours": _UDP + "{ send(S, 'x', 0, sockaddr_in(53, inet_aton('169.254.0.1')));"
    " send(S, 'x', 0, sockaddr_in(9, pack('C4', 10, 128, 0, rand 250))) }",
    "pings": "use Socket; socket(S,2,2,1); send(S, pack('C2n3', 8), 0, sockaddr_in(0, inet_aton('%s'))) while 1",
    "packets of another kind": "use Socket; while (1) { socket(S,10,2,0); send(S, 'x', 0,"
    " pack('Snx4a16x4', 10, 9, pack('n8', 0x2001, 0xdb8))); socket(S,2,3,17); socket(S,17,3,0) }",
    "every port": _TCP + "bind(S, sockaddr_in($p++ % 65536, INADDR_ANY)); listen(S, 5) }",
    "calls to the node manager": "use Socket; fork for 1..4; while (1) { socket(S,1,1,0);"
    f" connect(S, sockaddr_un('/run/plfed/nodemanager.api')) or next; syswrite S, \"{_ASK}\";"
    " 1 while sysread S, my $x, 9999 }",
    "walks through /proc and /sys": "while (1) { for (glob('/proc/*/stat /proc/net/* /sys/*/*/*')) "
    "{ open(F, '+<', $_) or open(F, '<', $_) and read(F, $x, 9999) } }",
    "links in the node's way": "while (1) { for ('/tmp/nodemanager.api', '/run/plfed/raw.sock', '/etc/passwd') "
    "{ symlink('/proc/1/root/etc/shadow', '/tmp/l'); rename('/tmp/l', $_) } }",
    "traced programs and changed users": "while (1) { my $p = fork; next unless defined $p;"
    " if (!$p) { $< = $> = rand 65e3; sleep 1; exit } syscall(101, 16, $p, 0, 0); kill 9, $p; waitpid($p, 0) }",
    "memory that nobody holds": "while (1) { syscall(294, 0); syscall(68, 0, 0x3ff); syscall(29, 0, 1 << 24, 0x3ff) }",
    "calls that are refused": "while (1) { syscall(165, 0, 0, 0, 0, 0); syscall(272, 1 << 28); syscall(321, 0, 0, 0) }",
}
_LOOP = "my $n = 0; $SIG{ALRM} = sub { print $n; exit }; alarm 1; $n++ while 1"
LOOKS = 3
LEFT = 0.8  # of the loops that the neighbour makes when nobody disturbs it


assert len(ATTACKS) == 25


class TwentyFiveAttacksAtOnce(Managed):
    stated: ClassVar[dict[str, Any]] = {"reserve": 0.03}  # what else runs on this machine counts little beside it
    wishes: ClassVar[dict[SliceName, ResourceSpec]] = {
        CODEEN: ResourceSpec(disk_max=32 << 10, rlimits={"nproc_hard": 200, "rss_hard": 128 * 256, "nofile_hard": 512}),
        SIRIUS: ResourceSpec(),
    }

    def loops(self) -> int:
        """How far the neighbour counts in a second, by the middle one of a few looks."""
        told = sorted(int(self.node.enter(SIRIUS, ("perl", "-e", _LOOP)).output) for _ in range(LOOKS))
        return told[LOOKS // 2]

    def attack(self) -> None:
        for words in ATTACKS.values():
            words = words.replace("%s", STRANGER)
            self.node.enter(CODEEN, ("/bin/sh", "-c", 'it=$(cat); perl -e "$it" >/dev/null 2>&1 &'), given=words)

    def test_they_slow_the_neighbour_by_a_fifth_at_most_and_the_node_answers(self) -> None:
        undisturbed = self.loops()
        self.attack()
        under: list[int] = []
        while len(under) < 3 and max(under, default=0) < LEFT * undisturbed:
            under.append(self.loops())
        self.assertGreaterEqual(max(under), LEFT * undisturbed, f"undisturbed {undisturbed}, under attack {under}")
        used = self.node.stats(CODEEN)
        self.assertLessEqual(used.processes, 200)
        self.assertLessEqual(used.disk, 33 << 20)
        self.assertEqual("yes", self.said(self.node, "echo yes > /root/file && cat /root/file", SIRIUS))
        since = time.monotonic()
        self.instantiate(SIRIUS, rspec=ResourceSpec(rlimits={"nproc_hard": 77}), keys=("ssh-ed25519 AAAA new",))
        self.assertIn("AAAA new", self.said(self.node, f"cat /home/{SIRIUS}/.ssh/authorized_keys", SIRIUS))
        self.assertEqual({str(CODEEN), str(SIRIUS)}, set(self.call("GetXIDs")))
        self.call("Release", self.rcaps[CODEEN])
        self.assertLess(time.monotonic() - since, 10.0)
        self.assertEqual([SIRIUS], list(self.node.look()))
