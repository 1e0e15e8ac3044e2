"""The node manager as a process: a kill at any point loses and doubles nothing, what cannot start says so in a line."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from shutil import rmtree
from typing import Any
from xmlrpc.client import Fault

from twisted.trial.unittest import SynchronousTestCase

from node_manager.settings import Settings
from planetlab.settings import dumps
from tests import sockets
from tests.node_manager.world import KEY, record

REPEATS = int(os.environ.get("PLFED_REPEATS", "1"))
NOW = time.time()
POINTS = ("sliver.journalled", "sliver.half", "round.created", "round.started", "sliver.done", "answer.sent")
ENDING = ("release.journalled", "round.destroyed", "answer.sent")


class ProcessTest(SynchronousTestCase):
    """Starts node managers and ends them by their process ids."""

    def setUp(self) -> None:
        self.place = Path(tempfile.mkdtemp())  # a socket's path may have 107 bytes at most
        self.addCleanup(rmtree, self.place, ignore_errors=True)
        self.socket = self.place / "nm.sock"
        self.config = self.place / "nm.toml"
        self.write()

    def write(self, **stated: Any) -> None:
        told: dict[str, Any] = {
            "socket": f"unix:{self.socket}:mode=666", "tcp": "", "sensors": "", "slicestat": "",
            "books": str(self.place / "books.db"), "remembered": str(self.place / "slivers"), "driver": "memory",
            "pl_conf_uid": os.getuid(), "owner_uids": (os.getuid(),),
        }  # fmt: skip
        self.config.write_text(dumps(Settings(**told | stated)))

    def start(self, failpoint: str = "") -> "subprocess.Popen[str]":
        environment = {**os.environ, "PLFED_TESTING": "1", "PLFED_FAILPOINT": failpoint}
        process = subprocess.Popen(
            [sys.executable, "-m", "node_manager", "--config", str(self.config)],
            env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(self.end, process)
        return process

    def end(self, process: "subprocess.Popen[str]") -> None:
        if process.poll() is None:
            process.kill()
        process.wait(60)
        if process.stderr:
            process.stderr.close()

    def ready(self, process: "subprocess.Popen[str]") -> None:
        """Wait for the line that says so, at most two minutes."""
        assert process.stderr
        late = threading.Timer(120.0, process.kill)
        late.start()
        try:
            while "ready" not in (line := process.stderr.readline()):
                self.assertTrue(line, "it ended, or was not ready after two minutes")
        finally:
            late.cancel()

    def call(self, method: str, *args: Any) -> Any:
        return sockets.call(self.socket, method, *args)


class Killed(ProcessTest):
    def wire(self) -> dict[str, Any]:
        return record(keys=(KEY,), expires=NOW + 86400, timestamp=NOW).wire()

    def test_at_any_point_of_a_redemption_a_retry_gives_one_whole_sliver_and_one_rcap(self) -> None:
        for point in POINTS * REPEATS:
            with self.subTest(point):
                self.setUp()
                first = self.start(f"{point}:kill")
                self.ready(first)
                try:
                    answered = self.call("Instantiate", self.wire())
                except OSError:
                    answered = None
                self.assertEqual(-signal.SIGKILL, first.wait(60))
                second = self.start()
                self.ready(second)
                rcap = self.call("Instantiate", self.wire())
                listed = [(each["name"], each["rcap"], each["state"]) for each in self.call("Slivers")]
                self.assertEqual([("princeton_codeen", rcap, "running")], listed)
                self.assertIn(answered, (None, rcap))
                self.assertEqual(["princeton_codeen.json"], os.listdir(self.place / "slivers"))
                self.end(second)

    def test_at_any_point_of_a_release_the_restart_ends_it(self) -> None:
        for point in ENDING * REPEATS:
            with self.subTest(point):
                self.setUp()
                whole = self.start()
                self.ready(whole)
                rcap = self.call("Instantiate", self.wire())
                self.end(whole)
                first = self.start(f"{point}:kill")
                self.ready(first)
                with contextlib.suppress(OSError):
                    self.call("Release", rcap)
                self.assertEqual(-signal.SIGKILL, first.wait(60))
                second = self.start()
                self.ready(second)
                self.assertEqual(1, self.call("Release", rcap))
                self.assertEqual(([], []), (self.call("Slivers"), os.listdir(self.place / "slivers")))
                self.end(second)

    def test_while_making_fifty_slivers_none_is_doubled_and_none_half(self) -> None:
        first = self.start("round.started:20:kill")
        self.ready(first)
        rcaps: dict[str, str] = {}
        wires = [self.wire() | {"name": f"site_s{number}"} for number in range(50)]
        try:
            for wire in wires:
                rcaps[wire["name"]] = self.call("Instantiate", wire)
        except OSError:
            self.assertEqual(-signal.SIGKILL, first.wait(60))
        second = self.start()
        self.ready(second)
        again = {wire["name"]: self.call("Instantiate", wire) for wire in wires}
        self.assertEqual(19, len(rcaps))
        self.assertEqual(rcaps, {name: again[name] for name in rcaps})
        listed = self.call("Slivers")
        self.assertEqual(again, {each["name"]: each["rcap"] for each in listed})
        self.assertEqual({"running"}, {each["state"] for each in listed})
        self.assertEqual(50, len(set(self.call("GetXIDs").values())))

    def test_it_ends_within_five_seconds_of_being_told_and_the_slivers_stay(self) -> None:
        first = self.start()
        self.ready(first)
        self.call("Instantiate", self.wire())
        first.send_signal(signal.SIGTERM)
        self.assertEqual(0, first.wait(5))
        self.assertEqual(["princeton_codeen.json"], os.listdir(self.place / "slivers"))


class CannotStart(ProcessTest):
    def says(self, code: int) -> str:
        process = self.start()
        _, said = process.communicate(timeout=60)
        self.assertEqual(code, process.returncode, said)
        self.assertNotIn("Traceback", said)
        return said.splitlines()[-1]

    def test_an_unreadable_config_is_told_in_a_line(self) -> None:
        self.config.write_text("driver = 5\nnonsense")
        self.assertIn(str(self.config), self.says(2))

    def test_an_unknown_key_is_told_in_a_line(self) -> None:
        self.config.write_text('drivr = "memory"')
        self.assertIn("unknown key drivr", self.says(2))

    def test_an_unknown_driver_is_told_in_a_line(self) -> None:
        self.write(driver="xen")
        self.assertIn("expected one of auto, memory, container, got 'xen'", self.says(2))

    def test_a_busy_port_is_told_in_a_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.write(tcp=f"tcp:{port}:interface=127.0.0.1")
            self.assertIn(f"cannot listen at tcp:{port}:interface=127.0.0.1: Address already in use", self.says(1))

    def test_damaged_books_are_refused_and_not_repaired_silently(self) -> None:
        (self.place / "books.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
        said = self.says(2)
        self.assertIn("cannot be used as the node's books", said)

    def test_books_that_cannot_be_made_are_told_in_a_line(self) -> None:
        self.write(books="/proc/nowhere/books.db")
        self.assertIn("cannot be used as the node's books", self.says(2))

    def test_a_container_driver_that_cannot_work_names_what_is_missing(self) -> None:
        self.write(driver="container", images=str(self.place / "none"), work=str(self.place / "work"))
        self.assertIn("driver container cannot work here: ", self.says(2))


class Refusing(ProcessTest):
    def test_another_user_is_told_its_own_name_and_may_look_only(self) -> None:
        if os.getuid() != 0:
            self.skipTest("needs root, to become another user")
        self.place.chmod(0o755)
        self.write(pl_conf_uid=0, accounts={"utah_nmcontrol": 54321})
        self.ready(self.start())
        self.call("Instantiate", record(expires=NOW + 86400, timestamp=NOW, instantiation="delegated").wire())
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.setgid(54321)
            os.setuid(54321)
            told = []
            for method, args in (("GetXIDs", ()), ("Stop", ("princeton_codeen",)), ("Instantiate", ({},))):
                try:
                    told.append(str(sorted(self.call(method, *args))))
                except Fault as fault:
                    told.append(f"{fault.faultCode} {fault.faultString}")
            os.write(writer, "\n".join(told).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writer)
        with os.fdopen(reader) as file:
            told = file.read().splitlines()
        denied = "108 utah_nmcontrol: Permission denied."
        self.assertEqual(["['princeton_codeen']", denied, denied], told)
