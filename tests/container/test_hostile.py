"""What else root inside may try against the machine: each is refused, and what it can look at is its own."""

import os
import re

from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, SIRIUS, Ground

UTAH = SliceName.parse("utah_elab")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJk user@example.org"

# system call number on x86-64, arguments as perl writes them; beside those of test_isolation
REFUSED = {
    "enter its own network again": "308, $own, 0",
    "take a descriptor of its first process": "438, syscall(434, 1, 0), 0, 0",
    "add a kernel key": "248, 'user', 'x', 'y', 1, -3",
    "ask for a kernel key": "249, 'user', 'x', 0, -3",
    "see every file that is opened": "300, 0, 0",
    "name a file by handle": "303, -100, '/', 0, 0, 0",
    "open a file system": "430, 'tmpfs', 0",
    "move a mount": "429, 0, 0, 0, 0, 0",
    "change a mount": "442, -100, '/', 0, 0, 0",
    "make a time namespace by clone": "56, 0x91, 0, 0, 0, 0",
    "make a process namespace by clone": "56, 0x20000011, 0, 0, 0, 0",
    "make namespaces by a call no filter can see into": "435, pack('Q8', 0x10000000, 0, 0, 0, 0, 0, 0, 0), 64",
    "mount by the other numbers of the same calls": "0x40000000 | 165, 'none', '/mnt', 'tmpfs', 0, 0",
    "take the first place in the line": "144, 0, 1, pack('i', 50)",
    "take the first place by a deadline": "314, 0, pack('IIQiIQQQ', 48, 6, 0, 0, 0, 1e6, 1e7, 1e7), 0",
    "be nicer to itself than others": "141, 0, 0, -20",
    "read the disk before others": "251, 1, 0, 1 << 13",
    "move memory between nodes": "256, 1, 0, 0, 0",
    "load a segment": "154, 0, 0, 0",
    "adjust the clock": "159, 0",
    "swap to a file": "167, '/x', 0",
    "count processes into a file": "163, '/x'",
    "make a device of the machine's memory": "259, -100, '/tmp/mem', 020666, 0x101",
    "open a raw socket of the other protocol": "41, 10, 3, 58",
    "open a socket of the kernel's ciphers": "41, 38, 5, 0",
    "open a socket of a bus": "41, 29, 3, 1",
    "open a socket past the network": "41, 44, 3, 0",
    "open a socket of the shared ring": "41, 43, 1, 0",
    "open a socket of keys": "41, 15, 3, 2",
    "make a memory that the kernel cannot see": "447, 0",
    "undo the layout of memory": "135, 0x0400000",
}
_TRY = """
open(F, '<', '/proc/1/ns/net'); my $own = fileno F;
for my $attempt (%s) {
  my $child = fork;
  if (!$child) { my ($number, @rest) = @$attempt; my $answer = syscall($number, @rest); exit($answer == -1 ? 0 : 1) }
  waitpid($child, 0); print $? == 0 || $? == 31 ? "refused " : "done ";
}
"""
_HOARD = """
use Socket; use Fcntl; my ($n, $size) = @ARGV; my ($total, @kept) = (0);
socket(L, 2, 1, 0); bind(L, sockaddr_in(7000, INADDR_LOOPBACK)); listen(L, 1000);
for (1 .. $n) {
  socket(my $c, 2, 1, 0); setsockopt($c, 1, 7, pack('i', 1 << 26));
  connect($c, sockaddr_in(7000, INADDR_LOOPBACK)) or last; accept(my $a, L) or last;
  setsockopt($a, 1, 8, pack('i', 1 << 26)); fcntl($c, F_SETFL, O_NONBLOCK); push @kept, $c, $a;
  my $sent = 0; while ($sent < $size and my $some = syswrite($c, 'x' x 65536)) { $sent += $some } $total += $sent;
}
print $total;
"""
_FILES = "find {} -xdev -maxdepth {} -type f 2>/dev/null"


class OfTheMachine(Ground):
    def setUp(self) -> None:
        self.node = self.driver()
        self.running(self.node)

    def test_calls_that_reach_beyond_a_sliver_are_refused(self) -> None:
        if os.uname().machine != "x86_64":
            self.skipTest("the numbers of the system calls are those of x86-64")
        attempts = ", ".join(f"[{arguments}]" for arguments in REFUSED.values())
        answers = self.node.enter(CODEEN, ("/usr/bin/perl", "-e", _TRY % attempts)).output.split()
        self.assertEqual([], [name for name, answer in zip(REFUSED, answers, strict=True) if answer != "refused"])

    def test_it_sees_of_networks_its_own_and_of_the_machine_what_computes(self) -> None:
        self.assertEqual(["eth0", "lo"], sorted(self.said(self.node, "ls /sys/class/net").split()))
        shown = self.said(self.node, "cat /sys/class/net/eth0/address; ip -o link show eth0").splitlines()
        self.assertIn(shown[0], shown[-1])
        self.assertEqual(["class", "devices", "fs"], self.said(self.node, "ls /sys").split())
        self.assertEqual(["system", "virtual"], self.said(self.node, "ls /sys/devices").split())
        self.assertEqual(["net"], self.said(self.node, "ls /sys/devices/virtual").split())
        self.assertTrue(re.fullmatch(r"[0-9,-]+", self.said(self.node, "cat /sys/devices/system/cpu/online")))

    def test_nothing_of_it_can_be_written(self) -> None:
        for tried in (
            f"for f in $({_FILES.format('/proc', 1)}); do (exec 3>>$f) 2>/dev/null && echo $f; done",
            f"for f in $({_FILES.format('/proc/sys', 9)}); do (exec 3>>$f) 2>/dev/null && echo $f; done",
            "for f in $(find /sys -type f 2>/dev/null | head -3000); do (exec 3>>$f) 2>/dev/null && echo $f; done",
            "for d in $(find /sys -type d | head -100); do mkdir $d/x 2>/dev/null && echo $d; done",
        ):
            self.assertEqual("", self.said(self.node, tried), tried)

    def test_its_mount_table_shows_no_file_system_of_the_node_but_devices_and_its_first_program(self) -> None:
        rows = [row.split() for row in self.said(self.node, "cat /proc/self/mountinfo").splitlines()]
        kinds = {row[4]: row[row.index("-") + 1] for row in rows}
        disks = {where for where, kind in kinds.items() if kind in ("ext4", "btrfs", "xfs", "cgroup", "cgroup2")}
        self.assertLessEqual(disks, {"/dev/init"})
        writable = {row[4] for row in rows if "rw" in row[5].split(",") and not row[4].startswith("/dev")}
        self.assertEqual({"/", "/proc", "/run"}, writable)

    def test_no_process_of_its_own_is_spared_when_memory_runs_out(self) -> None:
        self.said(self.node, "echo -1000 > /proc/self/oom_score_adj; echo -1000 > /proc/1/oom_score_adj")
        self.assertEqual("0", self.said(self.node, "cat /proc/1/oom_score_adj"))

    def test_no_packet_of_the_other_protocol_is_sent_whatever_is_tried(self) -> None:
        self.running(self.node, SIRIUS, rspec=ResourceSpec(capabilities="NET_RAW"))
        for name in (CODEEN, SIRIUS):
            tried = "echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip -6 addr add fe80::1/64 dev eth0; ip -6 addr"
            self.assertNotIn("inet6", self.said(self.node, tried, name))
            words = "use Socket; socket(S, 10, 2, 0) or die; print send(S, 'x', 0, $there) ? 'sent' : 'not sent'"
            there = "pack('SnNH32N', 10, 9, 0, 'ff02' . '0' x 27 . '1', 2)"
            told = self.node.enter(name, ("/usr/bin/perl", "-e", words.replace("$there", there))).output
            self.assertEqual("not sent", told)


class Disks(Ground):
    """The pool is far smaller than what a slice is promised by default."""

    def setUp(self) -> None:
        self.node = self.driver(pool=256 << 20)
        for name in (CODEEN, SIRIUS):
            self.running(self.node, name)

    def test_one_that_writes_all_it_was_promised_leaves_its_neighbour_room(self) -> None:
        self.assertIn("quota exceeded", self.said(self.node, "dd if=/dev/urandom of=/full bs=1M conv=fsync").lower())
        told = self.said(
            self.node, "dd if=/dev/urandom of=/own bs=1M count=40 conv=fsync 2>/dev/null && wc -c < /own", SIRIUS
        )
        self.assertEqual(str(40 << 20), told)

    def test_one_that_makes_files_without_end_leaves_its_neighbour_room(self) -> None:
        self.node.set_limits(CODEEN, ResourceSpec(disk_max=8 << 10))
        many = "my $n = 0; $n++ while open(F, '>', '/tmp/f' . $n); print \"$n $!\""
        number, why = self.node.enter(CODEEN, ("/usr/bin/perl", "-e", many)).output.split(" ", 1)
        self.assertIn("quota", why.lower())
        self.assertLess(int(number), 200_000)
        self.assertEqual(
            "100", self.said(self.node, "cd /tmp; for n in $(seq 100); do : > $n; done; ls | wc -l", SIRIUS)
        )


class DisksTogether(Ground):
    """Two slivers write until the part of the pool that all share is full."""

    def setUp(self) -> None:
        self.node = self.driver(pool=256 << 20)
        for name in (CODEEN, SIRIUS):
            self.running(self.node, name)
            self.said(self.node, "dd if=/dev/urandom of=/full bs=1M conv=fsync", name)
        self.assertGreater(sum(self.node.stats(name).disk for name in (CODEEN, SIRIUS)), 180 << 20)

    def written(self, name: SliceName) -> str:
        return self.said(self.node, "dd if=/dev/urandom of=/own bs=1k count=500 conv=fsync 2>&1 | tail -n 1", name)

    def test_a_third_is_still_made_and_started_and_writes_up_to_its_floor(self) -> None:
        self.node.sample([CODEEN, SIRIUS])
        self.running(self.node, UTAH, keys=(KEY,))
        self.assertNotIn("quota", self.written(UTAH).lower())
        self.assertIn("quota", self.said(self.node, "dd if=/dev/zero of=/more bs=1M count=9 2>&1", UTAH).lower())

    def test_one_that_was_there_and_had_little_gets_its_floor_at_the_next_look(self) -> None:
        self.running(self.node, UTAH)
        self.said(self.node, "rm /full; dd if=/dev/urandom of=/full bs=1M conv=fsync", SIRIUS)
        self.node.sample([CODEEN, SIRIUS, UTAH])
        self.assertNotIn("quota", self.written(UTAH).lower())

    def test_the_full_ones_can_be_stopped_started_and_given_keys_and_take_no_more_by_it(self) -> None:
        self.node.attach_keys(CODEEN, (KEY,))
        self.node.stop(CODEEN)
        self.node.start(CODEEN)
        self.assertEqual(KEY, self.said(self.node, "cat /home/princeton_codeen/.ssh/authorized_keys"))
        self.assertIn("quota", self.said(self.node, "dd if=/dev/zero of=/more bs=64k count=9 2>&1").lower())
        self.assertEqual("nothing", self.said(self.node, "test -s /more || echo nothing"))

    def test_what_one_frees_all_can_have_again(self) -> None:
        self.running(self.node, UTAH)
        self.node.sample([CODEEN, SIRIUS, UTAH])
        self.said(self.node, "rm /full; sync")
        self.node.sample([CODEEN, SIRIUS, UTAH])
        told = self.said(self.node, "dd if=/dev/urandom of=/own bs=1M count=20 conv=fsync 2>&1", UTAH)
        self.assertNotIn("quota", told.lower())


class Sockets(Ground):
    """What is sent and never read is kept by the kernel."""

    def test_one_that_never_reads_what_it_sends_itself_keeps_no_more_than_its_memory(self) -> None:
        node = self.driver()
        self.running(node, rspec=ResourceSpec(rlimits={"rss_hard": 64 * 256}))
        self.running(node, SIRIUS)
        told = node.enter(CODEEN, ("/usr/bin/perl", "-e", _HOARD, "300", str(1 << 30)))
        self.assertLess(int(told.output or 0), 64 << 20)  # nothing is told where it was ended for its greed
        sent = node.enter(SIRIUS, ("/usr/bin/perl", "-e", _HOARD, "10", str(1 << 20))).output
        self.assertGreaterEqual(int(sent), 10 << 16)  # how much one holds is the machine's to say
