"""Whatever ends in the middle, the next look tells it and the next end clears it."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from node_manager.drivers import DriverError, State
from node_manager.drivers.container.settings import ContainerSettings
from tests.container.ground import CODEEN, SIRIUS, Ground, within
from tests.container.traces import traces

_MANAGER = """
import sys, time
from node_manager.drivers import Sliver
from node_manager.drivers.container.driver import ContainerDriver
from node_manager.drivers.container.settings import ContainerSettings
from planetlab.names import Hrn, SliceName
from planetlab.rspec import ResourceSpec

work, images, netns, uplink, group, uid = sys.argv[1:]
driver = ContainerDriver(
    ContainerSettings(work=work, images=images, netns=netns, uplink=uplink, cgroup=group, first_uid=int(uid), pool=0),
    now=time.time,
)
name = SliceName.parse("princeton_codeen")
driver.create(Sliver(slice=name, authority=Hrn.parse("plc"), rspec=ResourceSpec()))
print("created", flush=True)
driver.start(name)
print("started", flush=True)
driver.destroy(name)
print("destroyed", flush=True)
time.sleep(60)  # it is killed here
"""
MOMENTS = 12  # at which a manager is killed, spread over a whole life of a sliver


class AManagerThatIsKilled(Ground):
    """The manager runs as a process of its own and gets SIGKILL."""

    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(dir=self.top))

    def manager(self, settings: ContainerSettings, point: str = "") -> subprocess.Popen[str]:
        """The process; ``point``: where it kills itself."""
        words = (
            settings.work,
            settings.images,
            settings.netns,
            settings.uplink,
            settings.cgroup,
            str(settings.first_uid),
        )
        armed = {"PLFED_TESTING": "1", "PLFED_FAILPOINT": f"{point}:kill"} if point else {}
        return subprocess.Popen(
            (sys.executable, "-c", _MANAGER, *words), stdout=subprocess.PIPE, text=True, env={**os.environ, **armed}
        )

    def kill_after(self, word: str, seconds: float = 0.0) -> None:
        """Let a manager come to ``word``, then so many seconds on, then kill it and all it started for the making."""
        with self.manager(self.settings(self.work)) as manager:
            assert manager.stdout
            for line in manager.stdout:
                if line.strip() == word:
                    break
            time.sleep(seconds)  # the moment at which it dies is what the test varies
            manager.send_signal(signal.SIGKILL)

    def test_its_running_slivers_are_found_with_their_handles(self) -> None:
        first = self.driver_over(self.work)
        self.running(first)
        before, owners = first.look(), first.owners()
        second = self.driver_over(self.work)
        self.assertEqual((before, owners), (second.look(), second.owners()))
        self.assertEqual("princeton_codeen", self.said(second, "cat /etc/slicename"))

    def test_at_any_moment_of_a_making_what_is_left_can_be_completed_or_cleared(self) -> None:
        whole = self.seconds_to("started")
        for moment in range(MOMENTS):
            self.kill_after("created", whole * moment / MOMENTS)
            driver = self.driver_over(self.work)
            if moment % 2:
                self.running(driver)
                self.assertEqual(State.RUNNING, driver.look()[CODEEN].state)
            driver.destroy(CODEEN)
            self.assertEqual([], traces(self, self.work), f"killed at moment {moment} of {MOMENTS}")

    def test_at_every_named_point_of_a_making_what_is_left_can_be_completed_and_cleared(self) -> None:
        for point in ("sliver.half", "sliver.made", "sliver.bound", "sliver.keys"):
            with self.manager(self.settings(self.work), point) as manager:
                assert manager.stdout
                manager.stdout.read()
            self.assertEqual(-signal.SIGKILL, manager.returncode, point)
            driver = self.driver_over(self.work)
            self.running(driver)
            self.assertEqual(State.RUNNING, driver.look()[CODEEN].state, point)
            driver.destroy(CODEEN)
            self.assertEqual([], traces(self, self.work), f"killed at {point}")

    def test_at_any_moment_of_an_ending_what_is_left_can_be_cleared(self) -> None:
        for milliseconds in (1, 5, 10, 15, 20):
            self.kill_after("started", milliseconds / 1000)
            driver = self.driver_over(self.work)
            driver.destroy(CODEEN)
            self.assertEqual([], traces(self, self.work), f"killed {milliseconds} ms after the ending began")

    def seconds_to(self, word: str) -> float:
        with self.manager(self.settings(self.work)) as manager:
            assert manager.stdout
            manager.stdout.readline()
            since = time.monotonic()
            self.assertEqual(word, manager.stdout.readline().strip())
            took = time.monotonic() - since
            manager.stdout.readline()
            manager.kill()
        return took


class AnEnding(Ground):
    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(dir=self.top))
        self.node = self.driver_over(self.work)

    def test_no_process_group_interface_rule_class_mount_or_file_is_left(self) -> None:
        for name in (CODEEN, SIRIUS):
            self.running(self.node, name, initscript="#!/bin/sh\nsleep 1000 &\n")
            self.said(self.node, "setsid sleep 1000 >/dev/null 2>&1 &", name)
            self.said(self.node, "mkdir -p /a/b; echo 1 > /a/b/c; chmod 0 /a; mkfifo /p", name)
        self.assertNotEqual([], traces(self, self.work))
        for name in (CODEEN, SIRIUS):
            self.node.destroy(name)
        self.assertEqual([], traces(self, self.work))

    def test_a_sliver_full_of_processes_that_make_processes_ends_too(self) -> None:
        self.running(self.node)
        self.said(self.node, "(while :; do (sleep 0.01 & sleep 0.01 &) ; done) >/dev/null 2>&1 &")
        self.node.destroy(CODEEN)
        self.assertEqual([], traces(self, self.work))

    def test_a_frozen_sliver_ends_too(self) -> None:
        self.running(self.node)
        self.node.freeze(CODEEN, True)
        self.node.destroy(CODEEN)
        self.assertEqual([], traces(self, self.work))

    def test_a_stopped_sliver_keeps_its_files_and_nothing_else(self) -> None:
        self.running(self.node)
        self.said(self.node, "echo kept > /root/file")
        self.node.stop(CODEEN)
        kinds = {trace.split()[0] for trace in traces(self, self.work)}
        self.assertEqual({"file"}, kinds)
        self.node.start(CODEEN)
        self.assertEqual("kept", self.said(self.node, "cat /root/file"))


class WithoutANodeManager(Ground):
    """The program that sets a node up or takes it down."""

    def told(self, command: str, work: Path, *more: str) -> subprocess.CompletedProcess[str]:
        options = ("--work", str(work), "--images", str(self.top / "images"), "--netns", self.netns, "--uplink", "up0")
        words = (sys.executable, "-m", "node_manager.drivers.container", command, *options, *more)
        return subprocess.run(words, capture_output=True, text=True)

    def test_every_sliver_and_the_nodes_rules_are_cleared(self) -> None:
        work = Path(tempfile.mkdtemp(dir=self.top))
        node = self.driver_over(work)
        for name in (CODEEN, SIRIUS):
            self.running(node, name)
        node.close()
        told = self.told("clear", work, "--cgroup", self.settings(work).cgroup)
        self.assertEqual({"destroyed": [str(CODEEN), str(SIRIUS)], "failed": {}}, json.loads(told.stdout))
        self.assertNotIn("plfed", within(self.netns, "nft", "list", "tables"))
        self.assertNotIn("htb", within(self.netns, "tc", "qdisc", "show", "dev", "up0"))
        self.driver_over(work)  # which puts them in place again, for `traces` to read
        left = [trace for trace in traces(self, work) if not trace.endswith("pool.btrfs")]
        self.assertEqual([], left)

    def test_what_is_missing_is_told(self) -> None:
        self.assertEqual({"missing": []}, json.loads(self.told("missing", self.top / "probe").stdout))
        told = self.told("missing", self.top / "probe", "--uplink", "nix0")
        self.assertEqual(1, told.returncode)
        self.assertEqual([f"no interface nix0 in network namespace {self.netns}"], json.loads(told.stdout)["missing"])


class AllHalted(Ground):
    def test_every_process_is_gone_at_once_and_a_stop_leaves_only_files(self) -> None:
        work = Path(tempfile.mkdtemp(dir=self.top))
        node = self.driver_over(work)
        for name in (CODEEN, SIRIUS):
            self.running(node, name)
            self.said(node, "sleep 1000 >/dev/null 2>&1 &", name)
        node.freeze(SIRIUS, True)
        node.halt()
        for name in (CODEEN, SIRIUS):
            node.stop(name)
        self.assertEqual({"file"}, {trace.split()[0] for trace in traces(self, work)})


class AStartThatFails(Ground):
    def setUp(self) -> None:
        self.work = Path(tempfile.mkdtemp(dir=self.top))
        self.node = self.driver_over(self.work)

    def test_without_its_image_a_sliver_is_refused_by_name_and_leaves_nothing(self) -> None:
        error = self.assertRaises(DriverError, self.node.create, self.sliver(vref="gentoo"))
        self.assertIn("no reference image 'gentoo'", str(error))
        self.assertIn("there: default", str(error))
        self.assertEqual([], traces(self, self.work))

    def test_an_image_name_does_not_lead_out_of_the_image_directory(self) -> None:
        for name in ("..", "../../etc", "/etc", "", "a/b", ".hidden"):
            self.assertRaises(DriverError, self.node.create, self.sliver(vref=name))

    def test_a_start_that_cannot_be_finished_undoes_itself(self) -> None:
        self.node.create(self.sliver())
        own = self.work / "slivers/princeton_codeen/up"
        (own / "etc").write_text("a file where a directory belongs")
        self.assertRaises(DriverError, self.node.start, CODEEN)
        self.assertEqual(State.STOPPED, self.node.look()[CODEEN].state)
        self.assertEqual({"file"}, {trace.split()[0] for trace in traces(self, self.work)})
        (own / "etc").unlink()
        self.node.start(CODEEN)
        self.assertEqual(State.RUNNING, self.node.look()[CODEEN].state)

    def test_a_sliver_whose_link_is_lost_is_half_and_starting_it_again_mends_it(self) -> None:
        self.running(self.node)
        link = next(owner.tag for owner in self.node.owners() if owner.tag.startswith("sl"))
        within(self.netns, "ip", "link", "del", link)
        self.assertEqual(State.HALF, self.node.look()[CODEEN].state)
        self.node.start(CODEEN)
        self.assertEqual(State.RUNNING, self.node.look()[CODEEN].state)

    def test_a_sliver_whose_first_process_dies_is_found_stopped(self) -> None:
        self.running(self.node)
        pid = int((self.work / "slivers/princeton_codeen/init.pid").read_text())
        end = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        select.select([end], [], [], 5.0)  # readable when it has ended
        os.close(end)
        self.assertEqual(State.STOPPED, self.node.look()[CODEEN].state)
