"""What a sliver sees of the node and its neighbours, and what root inside can do: its own everything, else nothing."""

import os
import tempfile
from pathlib import Path

from node_manager.drivers import DriverError, State
from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, NODE, SIRIUS, STRANGER, Ground

# system call number on x86-64, arguments as perl writes them
ATTEMPTS = {
    "mount a file system": "165, 'none', '/mnt', 'tmpfs', 0, 0",
    "bind a directory": "165, '/etc', '/tmp', 0, 4096, 0",
    "take a mask off": "166, '/proc/kcore', 2",
    "make a user namespace": "272, 0x10000000",
    "make a mount namespace": "272, 0x20000",
    "make a network namespace": "272, 0x40000000",
    "clone into a user namespace": "56, 0x10000011, 0, 0, 0, 0",
    "open a mount": "428, -100, '/', 1",
    "change the root by pivot": "155, '/', '/tmp'",
    "set the host name": "170, 'evil', 4",
    "set the clock": "227, 0, 0",
    "reboot": "169, 0xfee1dead, 672274793, 0, 0",
    "load a module": "175, 0, 0, ''",
    "load a kernel": "246, 0, 0, 0, 0",
    "load a program into the kernel": "321, 0, 0, 0",
    "count performance events": "298, 0, 0, -1, -1, 0",
    "use kernel keys": "250, 0, -3, 0",
    "handle page faults": "323, 0",
    "make a ring": "425, 1, 0",
    "open a file by handle": "304, -100, 0, 0",
    "read the kernel's log": "103, 3, 0, 100",
    "set quotas": "179, 0, '/', 0, 0",
    "reach ports of the machine": "172, 3",
    "speak to the hypervisor": "41, 40, 1, 0",
    "open a packet socket": "41, 17, 3, 0",
    "open a packet socket by a longer number": "41, 0x100000011, 3, 0",
    "open a raw socket": "41, 2, 3, 1",
}
_TRY = """
for my $attempt (%s) {
  my $child = fork;
  if (!$child) { my ($number, @rest) = @$attempt; my $answer = syscall($number, @rest); exit($answer == -1 ? 0 : 1) }
  waitpid($child, 0); print $? ? "done " : "refused ";
}
"""


class TwoSlices(Ground):
    """Two slices on one node."""

    def setUp(self) -> None:
        self.node = self.driver()
        self.running(self.node, CODEEN)
        self.running(self.node, SIRIUS)

    def test_neither_sees_a_process_of_the_other_or_of_the_node(self) -> None:
        self.said(self.node, "sleep 1234 >/dev/null 2>&1 &", SIRIUS)
        shown = self.said(self.node, "ps -o args")
        self.assertNotIn("1234", shown)
        self.assertNotIn("python", shown)

    def test_a_signal_to_everybody_ends_only_its_own(self) -> None:
        self.said(self.node, "sleep 1234 >/dev/null 2>&1 &", SIRIUS)
        self.said(self.node, "kill -KILL -1")
        self.assertIn("1234", self.said(self.node, "ps -o args", SIRIUS))
        self.assertIn("No such process", self.said(self.node, f"kill -9 {os.getpid()}"))

    def test_neither_sees_a_file_of_the_other_or_of_the_node(self) -> None:
        self.said(self.node, "echo mine > /root/secret", SIRIUS)
        for path in (
            "/root/secret",
            "/proc/1/root/root/secret",
            "/../root/secret",
            str(self.top),
            "/srv/princeton_sirius",
        ):
            self.assertIn("No such file", self.said(self.node, f"ls {path}"))

    def test_the_image_stays_as_it_was_whatever_a_sliver_writes(self) -> None:
        self.said(self.node, "echo changed > /etc/shells; rm -f /etc/profile")
        self.assertEqual("/bin/sh", self.said(self.node, "cat /etc/shells", SIRIUS))
        self.assertEqual("/bin/sh\n", (self.top / "images/default/etc/shells").read_text())

    def test_files_of_one_belong_to_nobody_else_on_the_node(self) -> None:
        self.said(self.node, "touch /root/own; chmod 4755 /root/own")
        found = self.node.look()
        own = next(self.top.glob("tmp*/slivers/princeton_codeen/up/root/own"))
        self.assertEqual(found[CODEEN].uid, own.stat().st_uid)
        self.assertNotEqual(found[CODEEN].uid, found[SIRIUS].uid)

    def test_packets_from_one_to_the_other_or_to_the_node_are_dropped(self) -> None:
        other = self.node.stats(SIRIUS).address
        self.said(self.node, "nc -ll -p 7 -e cat >/dev/null 2>&1 &", SIRIUS)
        self.assertEqual("open", self.said(self.node, "nc -w 1 127.0.0.1 7 </dev/null && echo open", SIRIUS))
        tries = (f"(nc -w 1 {a} 7 </dev/null && echo open) &" for a in (other, NODE, "169.254.0.1", "169.254.169.254"))
        self.assertNotIn("open", self.said(self.node, f"{' '.join(tries)} wait"))

    def test_no_other_source_address_leaves(self) -> None:
        own, other = self.node.stats(CODEEN).address, self.node.stats(SIRIUS).address
        with self.program(self.world, "hear", "2") as ear:
            self.forge(CODEEN, "eth0", STRANGER, own, other, "8.8.8.8", NODE)
        self.assertEqual({f"{NODE} {own}": 1}, ear())
        self.assertEqual(3, self.node.dropped()["source"])


class ControlGroups(Ground):
    def test_a_process_changes_its_group_without_waiting_for_all_processors(self) -> None:
        if tuple(int(part) for part in os.uname().release.split(".")[:2]) < (6, 0):
            self.skipTest("changing groups at once: Linux 6.0 can")
        self.driver()
        told = [line for line in Path("/proc/mounts").read_text().splitlines() if line.split()[2] == "cgroup2"]
        if not told:
            self.skipTest("changing groups at once: no control groups of version 2 here")
        self.assertIn("favordynmods", told[0])


class TwoNodesOnOneMachine(Ground):
    def test_no_id_of_one_is_an_id_of_the_other_and_each_keeps_its_own(self) -> None:
        works = [Path(tempfile.mkdtemp(dir=self.top)) for _ in range(2)]
        uids = []
        for work in works:
            driver = self.driver_over(work, first_uid=0)
            driver.create(self.sliver())
            uids.append(driver.look()[CODEEN].uid)
        self.assertGreaterEqual(abs(uids[0] - uids[1]), 0x10000000)
        again = [self.driver_over(work, first_uid=0).look()[CODEEN].uid for work in works]
        self.assertEqual(uids, again)


class RootInside(Ground):
    def setUp(self) -> None:
        self.node = self.driver()
        self.running(self.node)

    def test_nothing_beyond_the_sliver_can_be_changed(self) -> None:
        if os.uname().machine != "x86_64":
            self.skipTest("the numbers of the system calls are those of x86-64")
        attempts = ", ".join(f"[{arguments}]" for arguments in ATTEMPTS.values())
        answers = self.node.enter(CODEEN, ("/usr/bin/perl", "-e", _TRY % attempts)).output.split()
        self.assertEqual(len(ATTEMPTS), len(answers))
        self.assertEqual([], [name for name, answer in zip(ATTEMPTS, answers, strict=True) if answer != "refused"])

    def test_a_capability_that_is_given_is_there_for_root_and_no_other_is(self) -> None:
        self.node.set_limits(CODEEN, ResourceSpec(capabilities="SYS_PTRACE,SYS_ADMIN"))
        self.assertEqual(("capabilities (CAP_SYS_ADMIN)", "disk_max"), self.node.look()[CODEEN].unbound)
        for again in (False, True):
            if again:
                self.node.stop(CODEEN)
                self.node.start(CODEEN)
            held = int(self.said(self.node, "sed -n 's/CapEff:.//p' /proc/self/status"), 16)
            self.assertEqual((1, 0), (held >> 19 & 1, held >> 21 & 1))  # CAP_SYS_PTRACE, CAP_SYS_ADMIN

    def test_no_device_can_be_made_or_read(self) -> None:
        for command in (
            "mknod /tmp/disk b 8 0",
            "mknod /dev/disk b 8 0",
            "cat /dev/mem",
            "head -c 1 /proc/kcore | grep .",
        ):
            self.assertNotEqual(0, self.node.enter(CODEEN, ("/bin/sh", "-c", command)).code, command)

    def test_the_nodes_switches_are_read_only(self) -> None:
        for path in (
            "/proc/sys/kernel/panic",
            "/proc/sysrq-trigger",
            "/proc/sys/net/ipv4/ip_forward",
            "/sys/power/state",
        ):
            self.assertNotEqual(0, self.node.enter(CODEEN, ("/bin/sh", "-c", f"echo 1 > {path}")).code, path)

    def test_no_group_of_the_node_can_be_seen(self) -> None:
        self.assertEqual("", self.said(self.node, "ls -A /sys/fs/cgroup"))
        self.assertNotIn("plc", self.said(self.node, "cat /proc/self/cgroup"))

    def test_no_descriptor_of_the_node_is_left_open_in_it(self) -> None:
        targets = self.said(self.node, "ls -l /proc/1/fd | sed -n 's/.*-> //p' | sort -u").splitlines()
        self.assertEqual(["/dev/null", "/var/log/console", "anon_inode:[signalfd]"], targets)

    def test_on_its_own_files_and_processes_it_can_do_everything(self) -> None:
        for command in ("mkdir /new", "chown 1000:1001 /new", "chmod 4755 /new", "mkfifo /new/p", "chroot / true"):
            self.assertEqual(0, self.node.enter(CODEEN, ("/bin/sh", "-c", command)).code, command)

    def test_low_ports_are_free_to_take(self) -> None:
        listen = "use Socket; socket(S,2,1,0); print bind(S, sockaddr_in(80, INADDR_ANY)) ? 'bound' : $!"
        self.assertEqual("bound", self.node.enter(CODEEN, ("/usr/bin/perl", "-e", listen)).output)

    def test_ping_works_without_a_raw_socket(self) -> None:
        ask = "use Socket; print socket(S,2,2,1) ? 'ping' : $!"
        self.assertEqual("ping", self.node.enter(CODEEN, ("/usr/bin/perl", "-e", ask)).output)

    def test_its_network_cannot_be_changed(self) -> None:
        for command in ("ip addr add 8.8.8.8/32 dev eth0", "ip link set eth0 down", "ip route del default"):
            self.assertIn("not permitted", self.said(self.node, command))

    def test_inotify_instances_are_its_own_number_however_many_slices_there_are(self) -> None:
        count = "$n++ while syscall(294, 0) >= 0; print $n; sleep 1000"
        told = "until [ -s /tmp/taken ]; do usleep 20000; done; cat /tmp/taken"
        hold = ("/bin/sh", "-c", f'it=$(cat); perl -e "$|=1;$it" >/tmp/taken 2>&1 & {told}')
        taken = []
        for number in range(4):  # of 128 that the node's kernel gives all together unless it is told otherwise
            name = SliceName.parse(f"princeton_s{number}")
            self.running(self.node, name)
            taken.append(self.node.enter(name, hold, given=count).output.strip())
        self.assertEqual(["64"] * 4, taken)

    def test_signals_and_timers_that_wait_are_its_own_number(self) -> None:
        told = self.said(self.node, "grep -E '^Max (pending|msgqueue)' /proc/1/limits | awk '{print $4}'")
        self.assertEqual(["1024", "819200"], told.split())


class HostileFiles(Ground):
    """A slice keeps its files across restarts, so they may be traps for the node."""

    def setUp(self) -> None:
        self.node = self.driver()
        self.running(self.node)
        self.victim = self.top / "victim"
        self.victim.mkdir(exist_ok=True)

    def own(self) -> Path:
        return next(self.top.glob("tmp*/slivers/princeton_codeen/up"))

    def test_a_link_in_place_of_dev_leads_nowhere(self) -> None:
        self.node.stop(CODEEN)
        for name in ("dev", "proc", "run", "sys"):
            if (self.own() / name).is_dir():
                (self.own() / name).rmdir()
            (self.own() / name).symlink_to(self.victim)
        self.node.start(CODEEN)
        self.assertEqual([], list(self.victim.iterdir()))
        self.assertEqual("0", self.said(self.node, "head -c 1 /dev/zero | od -An -td1 | tr -d ' '"))

    def test_a_link_in_place_of_the_keys_is_replaced_and_not_followed(self) -> None:
        home = "/home/princeton_codeen"
        self.said(self.node, f"rm -r {home}/.ssh/authorized_keys; ln -s {self.victim}/keys {home}/.ssh/authorized_keys")
        self.node.attach_keys(CODEEN, ("ssh-ed25519 AAAA a",))
        self.assertEqual("ssh-ed25519 AAAA a", self.said(self.node, f"cat {home}/.ssh/authorized_keys"))
        self.assertEqual([], list(self.victim.iterdir()))

    def test_a_link_above_the_keys_stays_inside(self) -> None:
        self.said(self.node, f"rm -r /home; ln -s {self.victim} /home")
        self.assertRaises(DriverError, self.node.attach_keys, CODEEN, ("ssh-ed25519 AAAA b",))
        self.assertEqual([], list(self.victim.iterdir()))

    def test_a_pipe_in_place_of_passwd_does_not_hang_the_node(self) -> None:
        self.said(self.node, "rm /etc/passwd; mkfifo /etc/passwd")
        self.node.stop(CODEEN)
        self.node.start(CODEEN)
        self.assertEqual(State.RUNNING, self.node.look()[CODEEN].state)

    def test_the_first_process_is_the_nodes_program_whatever_lies_in_its_place(self) -> None:
        self.said(self.node, "rm -rf /sbin/init /sbin/catatonit; echo trap > /dev/init")
        self.node.stop(CODEEN)
        self.node.start(CODEEN)
        self.assertEqual("/dev/init -P", self.said(self.node, "tr '\\0' ' ' < /proc/1/cmdline"))
