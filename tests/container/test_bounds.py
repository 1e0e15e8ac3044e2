"""Limits hold, in the sliver's own errors, and new ones bind what already runs."""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node_manager.drivers import OwnerKind
from node_manager.drivers.container.processors import read_list
from planetlab.names import SliceName
from planetlab.rspec import ResourceSpec
from tests.container.ground import CODEEN, SIRIUS, STRANGER, Ground, within
from tests.container.traces import traces
from tests.waiting import until

PAGES = 256  # per MiB
LOOKS = 10  # at the most, until what is claimed shows: others load this machine too


class Bounds(Ground):
    def setUp(self) -> None:
        self.node = self.driver()

    def limited(self, **rlimits: int) -> None:
        self.running(self.node, rspec=ResourceSpec(rlimits=rlimits))

    def test_one_process_too_many_is_refused_inside_and_nowhere_else(self) -> None:
        self.running(self.node, SIRIUS)
        self.limited(nproc_hard=20)
        told = self.said(
            self.node, "i=0; while [ $i -lt 40 ]; do sleep 99 >/dev/null 2>&1 & i=$((i+1)); done 2>&1 | tail -1"
        )
        self.assertIn("can't fork", told)
        self.assertLessEqual(self.node.stats(CODEEN).processes, 20)
        self.assertEqual("yes", self.said(self.node, "echo yes", SIRIUS))

    def test_memory_beyond_the_limit_ends_the_process_that_took_it(self) -> None:
        self.limited(rss_hard=32 * PAGES)
        take = "my $x = 'a' x (%d << 20); print length $x"
        self.assertEqual(str(6 << 20), self.node.enter(CODEEN, ("perl", "-e", take % 6)).output)
        self.assertNotEqual(0, self.node.enter(CODEEN, ("perl", "-e", take % 64)).code)
        self.assertEqual("yes", self.said(self.node, "echo yes"))

    def test_files_beyond_the_limit_cannot_be_opened(self) -> None:
        self.limited(nofile_hard=32)
        count = "my @f; while (open(my $f, '<', '/dev/null')) { push @f, $f } print $!"
        self.assertEqual("Too many open files", self.node.enter(CODEEN, ("perl", "-e", count)).output)
        self.assertIn("not permitted", self.said(self.node, "ulimit -n 64"))

    def test_few_files_are_enough_to_start_with_and_bind_the_first_process_too(self) -> None:
        self.limited(nofile_hard=8)
        first = int(next(self.top.glob(f"*/slivers/{CODEEN}/init.pid")).read_text("ascii"))
        self.assertEqual((8, 8), resource.prlimit(first, resource.RLIMIT_NOFILE))

    def test_shared_memory_is_small(self) -> None:
        self.running(self.node)
        self.assertIn("No space left", self.said(self.node, "dd if=/dev/zero of=/dev/shm/x bs=1M count=40"))

    def test_new_limits_bind_what_already_runs(self) -> None:
        self.running(self.node)
        self.said(self.node, "sleep 100 >/dev/null 2>&1 &")
        self.node.set_limits(
            CODEEN, ResourceSpec(rlimits={"nproc_hard": 10, "nofile_hard": 24, "rss_hard": 16 * PAGES})
        )
        told = self.said(
            self.node, "i=0; while [ $i -lt 40 ]; do sleep 99 >/dev/null 2>&1 & i=$((i+1)); done 2>&1 | tail -1"
        )
        self.assertIn("can't fork", told)
        self.node.stop(CODEEN)
        self.node.start(CODEEN)
        self.said(self.node, "sleep 100 >/dev/null 2>&1 &")
        self.node.set_limits(CODEEN, ResourceSpec(rlimits={"nofile_hard": 20}))
        self.assertIn("20", self.said(self.node, "grep 'Max open files' /proc/$(pidof sleep)/limits"))

    def test_what_cannot_be_held_is_named(self) -> None:
        rspec = ResourceSpec(rlimits={"nsock_hard": 5, "nproc_hard": 50}, sysctl={"sysctl.kernel.shmmax": "1"})
        unheld = self.node.create(self.sliver(rspec=rspec))
        self.assertEqual(("nsock_hard", "sysctl.kernel.shmmax", "disk_max"), unheld)
        self.assertEqual(unheld, self.node.look()[CODEEN].unbound)

    def test_processor_time_is_divided_by_shares(self) -> None:
        for name, share in ((CODEEN, 3), (SIRIUS, 1)):
            self.running(self.node, name, rspec=ResourceSpec(cpu_share=share))
            self.said(self.node, "for i in 1 2 3 4; do while :; do :; done >/dev/null 2>&1 & done", name)
        ratios = []
        for _ in range(LOOKS):  # others on this machine may load one processor more than the other for a while
            before = {name: self.node.stats(name).cpu for name in (CODEEN, SIRIUS)}
            time.sleep(1.5)  # the stretch that is measured
            used = {name: self.node.stats(name).cpu - before[name] for name in (CODEEN, SIRIUS)}
            ratios.append(used[CODEEN] / used[SIRIUS])
            if abs(ratios[-1] - 3.0) <= 0.3:
                return
        self.fail(f"expected 3.0 ± 0.3, got {ratios}")


class Processors(Ground):
    """Two processors or more, and slivers that want all of them."""

    def setUp(self) -> None:
        if (os.cpu_count() or 1) < 2:
            self.skipTest("whole cores: this machine has but one")
        self.node = self.driver()

    def spins(self, name: SliceName, **stated: Any) -> None:
        self.running(self.node, name, rspec=ResourceSpec(**stated))
        self.said(self.node, "for i in 1 2 3 4; do while :; do :; done >/dev/null 2>&1 & done", name)

    def processors(self, name: SliceName) -> str:
        return self.said(self.node, "sed -n 's/Cpus_allowed_list:.//p' /proc/self/status", name)

    def test_whole_cores_are_one_slices_alone_and_come_back(self) -> None:
        everything = Path("/sys/devices/system/cpu/online").read_text().strip()
        self.running(self.node, SIRIUS)
        self.running(self.node, rspec=ResourceSpec(cpu_cores="1"))
        own, others = self.processors(CODEEN), self.processors(SIRIUS)
        self.assertEqual(1, len(read_list(own)))
        self.assertEqual(set(read_list(everything)), set(read_list(own)) | set(read_list(others)))
        self.assertNotIn(read_list(own)[0], read_list(others))
        self.node.set_limits(CODEEN, ResourceSpec())
        self.assertEqual([everything] * 2, [self.processors(name) for name in (CODEEN, SIRIUS)])

    def test_cores_that_nobody_has_left_are_named_as_not_held(self) -> None:
        self.running(self.node, rspec=ResourceSpec(cpu_cores=str(os.cpu_count())))
        self.assertIn("cpu_cores", self.node.look()[CODEEN].unbound)

    def test_what_is_promised_is_given_when_everybody_wants_to_run(self) -> None:
        self.spins(SIRIUS, cpu_share=5)
        self.spins(CODEEN, cpu_pct=60)
        parts: list[float] = []
        while len(parts) < LOOKS and max(parts, default=0.0) < 0.58:
            before = {name: self.node.stats(name).cpu for name in (CODEEN, SIRIUS)}
            time.sleep(1.0)  # the stretch that is measured
            used = {name: self.node.stats(name).cpu - before[name] for name in (CODEEN, SIRIUS)}
            parts.append(used[CODEEN] / sum(used.values()))
        self.assertGreaterEqual(max(parts), 0.58, f"parts {parts}")

    def test_the_nodes_own_programs_get_their_part_when_they_want_it(self) -> None:
        self.node = self.driver(reserve=0.5)
        self.spins(CODEEN)
        count = os.cpu_count() or 1
        own = [
            subprocess.Popen((sys.executable, "-c", "while True: pass"), start_new_session=True) for _ in range(count)
        ]
        try:
            parts: list[float] = []
            while len(parts) < LOOKS and max(parts, default=0.0) < 0.45:
                before = self.node.stats(CODEEN).cpu, sum(used(each.pid) for each in own)
                time.sleep(1.0)  # the stretch that is measured
                theirs, ours = self.node.stats(CODEEN).cpu - before[0], sum(used(each.pid) for each in own) - before[1]
                parts.append(ours / (ours + theirs))
            self.assertGreaterEqual(max(parts), 0.45, f"parts {parts}")
        finally:
            for each in own:
                each.kill()
                each.wait()

    def test_what_the_node_does_not_use_slivers_do(self) -> None:
        self.node = self.driver(reserve=0.01)  # so that what else runs on this machine counts little
        self.spins(CODEEN)
        rates = []
        while len(rates) < LOOKS and max(rates, default=0.0) < 0.95:
            before, since = self.node.stats(CODEEN).cpu, time.monotonic()
            time.sleep(1.0)  # the stretch that is measured
            rates.append((self.node.stats(CODEEN).cpu - before) / (time.monotonic() - since) / (os.cpu_count() or 1))
        self.assertGreaterEqual(max(rates), 0.95)


def used(pid: int) -> float:
    """Seconds of processor time that a process used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Disk(Ground):
    """Files lie in a pool of 256 MiB."""

    def setUp(self) -> None:
        self.node = self.driver(pool=256 << 20)

    def filled(self, mebibytes: int) -> str:
        return self.said(self.node, f"dd if=/dev/urandom of=/root/file bs=1M count={mebibytes} conv=fsync")

    def test_beyond_its_size_a_sliver_writes_nothing_and_its_neighbour_does(self) -> None:
        self.assertEqual((), self.node.create(self.sliver(rspec=ResourceSpec(disk_max=20 << 10))))
        self.node.start(CODEEN)
        self.running(self.node, SIRIUS)
        self.assertIn("quota exceeded", self.filled(40).lower())
        self.assertEqual(
            "", self.said(self.node, "dd if=/dev/urandom of=/root/file bs=1M count=40 2>/dev/null", SIRIUS)
        )
        self.near(20 << 20, self.node.stats(CODEEN).disk, within=1 << 20)

    def test_what_is_deleted_can_be_written_again(self) -> None:
        self.running(self.node, rspec=ResourceSpec(disk_max=20 << 10))
        self.filled(40)
        self.said(self.node, "rm /root/file; sync")
        self.assertNotIn("quota", self.filled(15).lower())

    def test_a_new_size_binds_at_once_and_never_takes_what_is_there(self) -> None:
        self.running(self.node, rspec=ResourceSpec(disk_max=40 << 10))
        self.filled(20)
        self.node.set_limits(CODEEN, ResourceSpec(disk_max=10 << 10))
        self.assertIn("quota exceeded", self.said(self.node, "dd if=/dev/urandom of=/root/more bs=1M count=5").lower())
        self.assertEqual(str(20 << 20), self.said(self.node, "stat -c %s /root/file"))
        self.node.set_limits(CODEEN, ResourceSpec(disk_max=60 << 10))
        self.assertNotIn("quota", self.said(self.node, "dd if=/dev/urandom of=/root/more bs=1M count=5").lower())

    def test_files_stay_through_a_stop_and_a_restart_of_the_manager(self) -> None:
        work = Path(tempfile.mkdtemp(dir=self.top))
        first = self.driver_over(work, pool=256 << 20)
        self.running(first)
        self.said(first, "echo kept > /root/file")
        first.stop(CODEEN)
        second = self.driver_over(work, pool=256 << 20)
        second.start(CODEEN)
        self.assertEqual("kept", self.said(second, "cat /root/file"))

    def test_nothing_is_left_of_a_sliver_and_its_loop_device_goes_with_the_driver(self) -> None:
        work = Path(tempfile.mkdtemp(dir=self.top))
        driver = self.driver_over(work, pool=256 << 20)
        self.running(driver)
        driver.destroy(CODEEN)
        self.assertEqual([f"file {work}/pool.btrfs"], traces(self, work))
        driver.close()
        until(lambda: str(work) not in self.loops(), self.loops)  # a mount table goes after the thread that had it

    def loops(self) -> str:
        return subprocess.run(("losetup", "--all"), check=True, capture_output=True, text=True).stdout

    def test_without_a_pool_the_size_is_named_as_not_held(self) -> None:
        driver = self.driver(pool=0)
        self.assertEqual(("disk_max",), driver.create(self.sliver()))


class Bandwidth(Ground):
    """Bytes that classes send while the slivers would send more."""

    SECONDS, LOOKS = 1.0, 15

    def setUp(self) -> None:
        self.node = self.driver(node_cap=5e6, link_rate=5e6)

    def flood(self, **asked: ResourceSpec) -> None:
        """Let slivers of these names send as much as they can."""
        words = (
            f"use Socket; socket(S,2,2,0); $to=sockaddr_in(9,inet_aton('{STRANGER}')); send(S,'x' x 1400,0,$to) while 1"
        )
        for label, rspec in asked.items():
            sliver = self.sliver(CODEEN.parse(f"princeton_{label}"), rspec=rspec)
            self.node.create(sliver)
            self.node.start(sliver.slice)
            self.node.enter(sliver.slice, ("/bin/sh", "-c", 'it=$(cat); perl -e "$it" >/dev/null 2>&1 &'), given=words)

    def rates(self) -> dict[str, float]:
        """What each sliver gets at this moment, in bit/s on the wire."""
        since, before = time.monotonic(), self.sent()
        time.sleep(self.SECONDS)  # the stretch that is measured
        after, took = self.sent(), time.monotonic() - since
        marks = {owner.slice.label: int(owner.tag) for owner in self.node.owners() if owner.kind is OwnerKind.MARK}
        return {label: (after[0x1000 | mark] - before[0x1000 | mark]) * 8 / took for label, mark in marks.items()}

    def come_to(self, claim: Callable[[dict[str, float]], bool]) -> None:
        """The rates fulfil the claim once in a few looks: on a busy machine a sender may not get to send."""
        told = []
        for _ in range(self.LOOKS):
            told.append(self.rates())
            if claim(told[-1]):
                return
        self.fail(f"never as claimed: {told}")

    def sent(self) -> dict[int, int]:
        """Bytes sent so far by class, all read at one moment."""
        told = within(self.netns, "tc", "-s", "class", "show", "dev", "up0")
        return {int(minor, 16): int(sent) for minor, sent in re.findall(r"htb 1:([0-9a-f]+) .*\n Sent (\d+)", told)}

    def test_a_cap_of_ten_megabits_holds_within_a_twentieth(self) -> None:
        self.node = self.driver(node_cap=50e6, link_rate=50e6)
        self.flood(codeen=ResourceSpec(net_max_rate=10_000))
        self.come_to(lambda rates: abs(rates["codeen"] - 10e6) <= 0.5e6)

    def test_two_at_a_full_link_share_it_by_the_rates_that_are_theirs(self) -> None:
        self.flood(codeen=ResourceSpec(net_min_rate=900), sirius=ResourceSpec(net_min_rate=300))
        self.come_to(
            lambda rates: abs(rates["codeen"] / rates["sirius"] - 3) <= 0.3 and abs(sum(rates.values()) - 5e6) <= 0.5e6
        )

    def test_two_at_a_full_link_share_it_by_their_shares(self) -> None:
        self.flood(codeen=ResourceSpec(net_share=3), sirius=ResourceSpec(net_share=1))
        self.come_to(
            lambda rates: abs(rates["codeen"] / rates["sirius"] - 3) <= 0.3 and abs(sum(rates.values()) - 5e6) <= 0.5e6
        )

    def test_a_guaranteed_rate_is_given_whatever_others_send(self) -> None:
        self.flood(codeen=ResourceSpec(net_min_rate=3_000, net_share=1), sirius=ResourceSpec(net_share=50))
        self.come_to(lambda rates: rates["codeen"] >= 2.85e6)

    def test_a_new_cap_binds_at_once(self) -> None:
        self.flood(codeen=ResourceSpec())
        self.come_to(lambda rates: rates["codeen"] > 4e6)
        self.node.set_limits(CODEEN, ResourceSpec(net_max_rate=1_000))
        self.come_to(lambda rates: abs(rates["codeen"] - 1e6) <= 0.1e6)
