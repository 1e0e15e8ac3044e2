"""What a slice finds in its slivers: its account, its users' keys, its name, its script."""

import shutil
import socket
import struct
import tempfile
from pathlib import Path

from node_manager.drivers import DriverError
from planetlab.names import SliceName
from tests.container.ground import CODEEN, SIRIUS, Ground
from tests.waiting import until

KEYS = ("ssh-ed25519 AAAA one@example.org", "ssh-rsa BBBB two@example.org")
HOME = "/home/princeton_codeen"


class Flavours(Ground):
    """Two reference images on one node."""

    def setUp(self) -> None:
        self.node = self.driver()
        other = self.top / "images/other"
        if not other.exists():
            shutil.copytree(self.top / "images/default", other, symlinks=True)
            (other / "etc/flavour").write_text("other")

    def test_each_slice_starts_from_the_image_that_its_vref_names(self) -> None:
        self.running(self.node)
        self.running(self.node, SIRIUS, vref="other")
        told = [
            self.said(self.node, "cat /etc/flavour /etc/slicefamily 2>/dev/null", name) for name in (CODEEN, SIRIUS)
        ]
        self.assertEqual(["default", "otherother"], told)

    def test_another_vref_gives_a_slice_a_new_sliver_of_that_image(self) -> None:
        self.running(self.node)
        self.said(self.node, "touch /root/old")
        self.running(self.node, vref="other")
        self.assertEqual("other", self.said(self.node, "cat /etc/flavour; ls /root"))


class AGuest(Ground):
    def setUp(self) -> None:
        self.node = self.driver(hostname="node1.plc.example", nameservers=("192.0.2.53",))

    def test_the_slices_account_owns_its_home_and_its_keys_and_nobody_else_reads_them(self) -> None:
        self.running(self.node, keys=KEYS)
        self.assertEqual("\n".join(KEYS), self.said(self.node, f"cat {HOME}/.ssh/authorized_keys"))
        told = self.said(self.node, f"stat -c '%u %g %a' {HOME} {HOME}/.ssh {HOME}/.ssh/authorized_keys")
        self.assertEqual(["1000 1001 755", "1000 1001 700", "1000 1001 600"], told.splitlines())
        self.assertEqual("1000 1001", self.said(self.node, "su princeton_codeen -c 'echo $(id -u) $(id -g)'"))

    def test_keys_change_while_it_runs(self) -> None:
        self.running(self.node, keys=KEYS)
        self.node.attach_keys(CODEEN, KEYS[1:])
        self.assertEqual(KEYS[1], self.said(self.node, f"cat {HOME}/.ssh/authorized_keys"))

    def test_its_name_its_family_and_its_right_to_become_root_are_written_down(self) -> None:
        self.running(self.node)
        told = self.said(self.node, "cat /etc/slicename /etc/slicefamily /etc/sudoers.d/slice")
        self.assertEqual(["princeton_codeen", "default", "princeton_codeen ALL=(ALL) NOPASSWD: ALL"], told.splitlines())

    def test_it_sees_the_nodes_name_and_can_resolve_it(self) -> None:
        self.running(self.node)
        self.assertEqual("node1.plc.example", self.said(self.node, "hostname"))
        self.assertIn("127.0.1.1\tnode1.plc.example", self.said(self.node, "cat /etc/hosts"))
        self.assertEqual("nameserver 192.0.2.53", self.said(self.node, "cat /etc/resolv.conf"))

    def test_what_a_slice_changed_in_etc_stays_through_a_restart(self) -> None:
        self.running(self.node)
        self.said(
            self.node, "echo alice:x:2000:2000::/:/bin/sh >> /etc/passwd; echo nameserver 192.0.2.9 > /etc/resolv.conf"
        )
        before = self.said(self.node, "cat /etc/passwd /etc/resolv.conf")
        self.node.stop(CODEEN)
        self.node.start(CODEEN)
        self.assertEqual(before, self.said(self.node, "cat /etc/passwd /etc/resolv.conf"))

    def test_the_script_runs_at_start_and_with_restart_and_stop_as_root_with_the_slices_name(self) -> None:
        script = '#!/bin/sh\necho "$1 $2 $(id -u)" >> /root/calls\n'
        self.running(self.node, initscript=script)
        self.until("start princeton_codeen 0", "cat /root/calls")
        self.node.set_initscript(CODEEN, script + "echo new >> /root/calls\n")
        self.until("start princeton_codeen 0\nrestart princeton_codeen 0\nnew", "cat /root/calls")
        self.node.stop(CODEEN)
        self.node.set_initscript(CODEEN, "")
        self.node.start(CODEEN)
        told = self.said(self.node, "tail -2 /root/calls; ls /etc/rc.d/init.d")
        self.assertEqual(["stop princeton_codeen 0", "new", "vinit"], told.splitlines())

    def test_its_console_has_what_the_node_and_its_script_say_and_its_users_read_it(self) -> None:
        self.running(self.node, initscript="#!/bin/sh\necho out; echo err >&2\n")
        self.until("out\nerr", "tail -2 /var/log/console")
        self.assertIn("the node starts princeton_codeen", self.said(self.node, "head -1 /var/log/vinit"))
        self.assertEqual("0 644", self.said(self.node, "stat -c '%u %a' /var/log/console"))
        self.node.stop(CODEEN)
        self.assertIn("out\nerr\n", self.node.console(CODEEN))

    def test_its_console_stays_small_and_who_writes_goes_on(self) -> None:
        node = self.driver(console=10_000)
        self.running(node)
        self.said(node, "seq 1 5000 > /proc/1/fd/1")
        node.sample([CODEEN])
        kept = node.console(CODEEN)
        self.assertLess(len(kept), 6_000)
        self.assertTrue(kept.startswith("(earlier words are gone)\n") and kept.endswith("\n5000\n"), kept[-20:])
        self.said(node, "echo more >> /var/log/console")
        self.assertEqual(f"{kept}more\n", node.console(CODEEN))

    def test_traps_in_place_of_its_console_catch_nobody(self) -> None:
        victim = self.top / "victim"
        victim.write_text("precious")
        for trap in (
            f"ln -s {victim} /var/log/console",
            "mkfifo /var/log/console",
            "ln -s /etc/shadow /var/log/console",
        ):
            self.running(self.node)
            self.said(self.node, f"rm -f /var/log/console; {trap}")
            self.assertEqual("", self.node.console(CODEEN))
            self.node.sample([CODEEN])
            self.node.stop(CODEEN)
            self.node.start(CODEEN)
            self.assertIn("the node starts", self.node.console(CODEEN))
        self.assertEqual("precious", victim.read_text())

    def test_a_script_that_hangs_delays_neither_start_nor_stop_for_long(self) -> None:
        self.running(self.node, initscript="#!/bin/sh\nexec sleep 1000\n")
        self.node.stop(CODEEN)
        self.assertEqual([], self.node.owners())

    def test_running_a_program_in_what_does_not_run_is_refused_by_name(self) -> None:
        self.node.create(self.sliver())
        error = self.assertRaises(DriverError, self.node.enter, CODEEN, ("true",))
        self.assertEqual("cannot run a program in princeton_codeen: it does not run", str(error))

    def test_a_program_run_inside_gives_its_code_and_its_words_and_takes_input(self) -> None:
        self.running(self.node)
        ended = self.node.enter(CODEEN, ("/bin/sh", "-c", "read word; echo got $word; exit 7"), given="it\n")
        self.assertEqual((7, "got it\n"), (ended.code, ended.output))

    def test_the_nodes_socket_is_there_under_its_old_names_and_the_kernel_says_who_calls(self) -> None:
        api = Path(tempfile.mkdtemp(dir=self.top))
        api.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as ear:
            ear.bind(str(api / "nodemanager.api"))
            (api / "nodemanager.api").chmod(0o666)
            ear.listen()
            node = self.driver(api=str(api))
            self.running(node)
            for name in ("nodemanager.api", "sliver_mgr.api", "node_mgr.api", "node_mgr_api"):
                call = f"use Socket; socket(S,1,1,0); connect(S,sockaddr_un('/tmp/{name}')) or die $!; print <S>"
                node.enter(CODEEN, ("/bin/sh", "-c", f'perl -e "{call}" > /tmp/heard 2>&1 &'))
                peer, _ = ear.accept()
                with peer:
                    uid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
                self.assertEqual(node.look()[CODEEN].uid, uid)
            self.assertIn("Read-only", self.said(node, "rm -f /run/plfed/nodemanager.api"))

    def test_the_node_can_listen_in_its_network_and_is_heard_nowhere_else(self) -> None:
        for name in (CODEEN, SIRIUS):
            self.running(self.node, name)
        with self.node.listen(CODEEN, "127.0.0.1", 812) as ear:
            ear.settimeout(60)
            self.said(self.node, "nc 127.0.0.1 812 </dev/null >/dev/null 2>&1 &")
            ear.accept()[0].close()
            self.assertIn("refused", self.said(self.node, "nc 127.0.0.1 812 </dev/null", SIRIUS))
        error = self.assertRaises(DriverError, self.node.listen, SliceName("a", "b"), "127.0.0.1", 812)
        self.assertIn("a_b", str(error))

    def until(self, expected: str, command: str) -> None:
        """Claim that the command inside comes to say so; a script runs in the background."""
        until(lambda: self.said(self.node, command) == expected, lambda: self.said(self.node, command))
