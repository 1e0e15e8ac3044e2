"""A slice that does its worst meets its own limits; its neighbour goes on as before and the node answers."""

import contextlib
import os
import time
from pathlib import Path
from typing import Any, ClassVar

from attrs import frozen

from node_manager.drivers.container.settings import UIDS
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
# All of them are processes before any begins, so that none finds its place taken; says how many they are.
_TOGETHER = (
    "pipe(R, W); for my $it (split /\\0/, join('', <STDIN>)) { my $p = fork; die $! unless defined $p;"
    " $n++, next if $p; open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');"
    " close W; <R>; exec 'perl', '-e', $it } print $n"
)
_LOOP = "my $n = 0; $SIG{ALRM} = sub { print $n; exit }; alarm 1; $n++ while 1"
LOOKS = 15  # at the most, until one shows what is claimed: others load this machine too
PATIENCE = 600.0  # seconds for what this test itself does: the slivers leave the rest of the machine little
AT_ONCE = 10.0  # seconds in which the node answers
LEFT = 0.8  # of the loops that the neighbour makes when nobody disturbs it


assert len(ATTACKS) == 25


@frozen(kw_only=True)
class Look:
    """How far the neighbour counted in a second, and how many processors other programs used meanwhile."""

    undisturbed: int  # while the attacker was held still, just before or just after
    under: int
    others: float

    @property
    def holds(self) -> bool:
        """Whether it had what it is entitled to: one processor, or half of what other programs leave to the two."""
        entitled = min(1.0, ((os.cpu_count() or 1) - self.others) / 2)
        return self.under >= LEFT * entitled * self.undisturbed


class TwentyFiveAttacksAtOnce(Managed):
    stated: ClassVar[dict[str, Any]] = {"reserve": 0.03}  # what else runs on this machine counts little beside it
    wishes: ClassVar[dict[SliceName, ResourceSpec]] = {
        CODEEN: ResourceSpec(disk_max=32 << 10, rlimits={"nproc_hard": 200, "rss_hard": 128 * 256, "nofile_hard": 512}),
        SIRIUS: ResourceSpec(),
    }

    def loops(self) -> int:
        """How far the neighbour counts in a second."""
        return int(self.node.enter(SIRIUS, ("perl", "-e", _LOOP), limit=PATIENCE).output)

    def held_still(self) -> int:
        """The same while the attacker is held still with all that it has begun."""
        self.node.freeze(CODEEN, True)
        try:
            return self.loops()
        finally:
            self.node.freeze(CODEEN, False)

    def others(self) -> float:
        """Seconds of processor time that the machine's other programs have used so far.

        Slivers' processes are none of these, nor is what the kernel, the node manager or this test does for them.
        """
        total = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(") ")[2].split()
                if os.stat(f"/proc/{pid}").st_uid < UIDS and "2" not in (pid, fields[1]):
                    ours = int(pid) in (os.getpid(), self.manager.pid)
                    total += 0 if ours else sum(map(int, fields[11:15]))  # with those of children that have ended
        return total / os.sysconf("SC_CLK_TCK")

    def attack(self) -> None:
        words = "\0".join(ATTACKS.values()).replace("%s", STRANGER)
        self.assertEqual("25", self.node.enter(CODEEN, ("perl", "-e", _TOGETHER), given=words, limit=PATIENCE).output)

    def test_they_slow_the_neighbour_by_a_fifth_at_most_and_the_node_answers(self) -> None:
        self.attack()
        seen: list[Look] = []
        after = self.held_still()
        while len(seen) < LOOKS and not any(look.holds for look in seen):
            before, others, since = after, self.others(), time.monotonic()
            under = self.loops()
            used = (self.others() - others) / (time.monotonic() - since)
            after = self.held_still()
            seen.append(Look(undisturbed=max(before, after), under=under, others=used))
        self.assertTrue(any(look.holds for look in seen), seen)
        taken = self.node.stats(CODEEN)
        self.assertLessEqual(taken.processes, 200)
        self.assertLessEqual(taken.disk, 33 << 20)
        took: list[float] = []
        while len(took) < LOOKS and min(took, default=AT_ONCE) >= AT_ONCE:
            took.append(self.served(len(took)))
        self.assertLess(min(took), AT_ONCE, took)
        self.call("Release", self.rcaps[CODEEN])
        self.assertEqual([SIRIUS], list(self.node.look()))

    def served(self, number: int) -> float:
        """Seconds in which the node gives the neighbour other limits and keys, and answers."""
        since, key = time.monotonic(), f"ssh-ed25519 AAAA new{number}"
        self.instantiate(SIRIUS, rspec=ResourceSpec(rlimits={"nproc_hard": 77 + number}), keys=(key,))
        self.assertEqual({str(CODEEN), str(SIRIUS)}, set(self.call("GetXIDs")))
        took = time.monotonic() - since
        words = f"echo yes > /root/file && cat /root/file /home/{SIRIUS}/.ssh/authorized_keys"
        told = self.node.enter(SIRIUS, ("/bin/sh", "-c", words), limit=PATIENCE).output
        self.assertEqual(["yes", key], told.splitlines())
        return took
