"""A call that changes something, ended at every place on its way and tried again with its key: done once, told once."""

import http.client
import pathlib
import re
import subprocess
import sys
import time
from contextlib import contextmanager

from twisted.trial.unittest import SynchronousTestCase

from planetlab import failpoints, xmlrpc
from planetlab.both.founding import found
from planetlab.calls import dispatch
from planetlab.names import Hrn
from planetlab.registry.opening import connect
from planetlab.registry.plc import Plc
from planetlab.settings import write
from slice_authority.settings import Settings
from tests.edge.example import environment
from tests.registry.world import ADMIN, HERE, Princeton, quick, whole
from tests.waiting import until

ROOT = pathlib.Path(__file__).parents[2]
BEFORE = (
    "create.begun", "write.begun", "write.greeted", "create.quota-checked", "create.slice-row", "write.done",
    "create.before-commit", "write.before-commit",
)  # fmt: skip
AFTER = ("create.after-commit", "write.after-commit")


class Raised(SynchronousTestCase):
    """In one process: every place of the transaction."""

    def setUp(self) -> None:
        self.world = Princeton()
        self.addCleanup(failpoints.arm, "")

    def call(self, name: str) -> int:
        desk, said = self.world.desk, (ADMIN, {"name": name})
        method = whole["AddSlice"]
        return desk.run_now(
            method,
            lambda: dispatch(whole, "AddSlice", said, lambda m, given: desk.greet(m, given, HERE, f"key {name}")),
        )

    def made(self, name: str) -> tuple[int, int]:
        """How many slices of that name there are, and how many events of it."""
        slices = self.world.call("GetSlices", ADMIN, [name])
        return len(slices), len(self.world.call("GetEvents", ADMIN, {"call": f"*{name}*"}))

    def test_what_was_not_committed_is_not_there_and_is_done_by_the_next_try(self) -> None:
        for at, point in enumerate(BEFORE):
            name = f"princeton_b{at}"
            failpoints.arm(f"{point}:raise")
            self.assertRaises(failpoints.Failed, self.call, name)
            self.assertEqual((0, 0), self.made(name), point)
            first = self.call(name)
            self.assertEqual((first, (1, 1)), (self.call(name), self.made(name)), point)
            self.world.call("DeleteSlice", ADMIN, name)

    def test_what_was_committed_is_there_and_the_next_try_is_told_so(self) -> None:
        for at, point in enumerate(AFTER):
            name = f"princeton_a{at}"
            failpoints.arm(f"{point}:raise")
            self.assertRaises(failpoints.Failed, self.call, name)
            self.assertEqual((1, 1), self.made(name), point)
            self.assertEqual(self.world.call("GetSlices", ADMIN, [name])[0]["slice_id"], self.call(name))
            self.assertEqual((1, 1), self.made(name), point)


class Killed(SynchronousTestCase):
    """A slice authority of its own that dies as by `kill -9`."""

    def setUp(self) -> None:
        self.folder = pathlib.Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = str(self.folder / "registry.db")
        found(self.path, Plc(hrn=Hrn.parse("plc")), ADMIN["Username"], quick(ADMIN["AuthString"]), time.time())
        none = pathlib.Path("/nowhere")  # nothing is served over TLS
        stated = Settings(
            hrn=Hrn.parse("plc"), registry=pathlib.Path(self.path), certificate=none, key=none, ca=none,
            listen=(), plain=("tcp:0:interface=127.0.0.1",),
        )  # fmt: skip
        write(stated, self.folder / "sa.toml")

    def test_a_retry_after_a_kill_is_done_once(self) -> None:
        said = {"name": "pl_once", "url": "http://x.example/", "description": "x"}
        for point, committed in (("write.before-commit", 0), ("answer.half", 1)):
            with self.authority(f"{point}:kill") as (running, port):
                self.assertEqual(b"", self.asked(port, "AddSlice", said), point)
                self.assertEqual(-9, running.wait(60))
            self.assertEqual(committed, self.counted("slices WHERE name = 'pl_once'"), point)
        with self.authority("") as (_, port):
            first = xmlrpc.loads_answer(self.asked(port, "AddSlice", said))
            self.assertEqual(first, xmlrpc.loads_answer(self.asked(port, "AddSlice", said)))
        self.assertEqual(1, self.counted("slices WHERE name = 'pl_once'"))
        self.assertEqual(1, self.counted("events WHERE call_name = 'AddSlice'"))

    @contextmanager
    def authority(self, armed):
        words = [sys.executable, "-m", "slice_authority", "--config", str(self.folder / "sa.toml"), "--log-json"]
        log = self.folder / f"log-{len(list(self.folder.iterdir()))}"
        with log.open("wb") as out:
            env = environment(PLFED_TESTING="1", PLFED_FAILPOINT=armed)
            running = subprocess.Popen(words, cwd=ROOT, env=env, stderr=out, stdout=out)
        try:
            yield running, self.port_of(running, log)
        finally:
            running.kill()
            running.wait()

    def port_of(self, running, log):
        def said():
            self.assertIsNone(running.poll(), log.read_bytes())
            return re.search(rb"127\.0\.0\.1:(\d+)", log.read_bytes())

        return int(until(said, lambda: f"its port is told: {log.read_bytes()!r}")[1])

    def asked(self, port, method, *args):
        """What the authority answers to one try with the key; nothing when it died."""
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            client.request("POST", "/SA/", xmlrpc.dumps_call(method, (ADMIN, *args)), {"Idempotency-Key": "once"})
            answer = client.getresponse().read()
        except (OSError, http.client.HTTPException):
            return b""
        finally:
            client.close()
        return answer

    def counted(self, what):
        connection = connect(self.path, "both", reads_only=True)
        try:
            return connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0]
        finally:
            connection.close()
