"""A service listens where a dead one of its kind did, and never where a living one does."""

import os
import socket
from pathlib import Path
from tempfile import mkdtemp

from twisted.internet import reactor, task
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import TestCase

from planetlab.gate import listen, stop_listening
from planetlab.limits import Limits, hardened_site
from planetlab.serve import ApiResource, mount
from tests.edge.example import api, greet


class AtASocketsFile(TestCase):
    def setUp(self) -> None:
        self.path = Path(mkdtemp(dir=os.environ.get("TMPDIR")), "s.sock")
        self.site = hardened_site(mount({"PLCAPI": ApiResource(api, greet)}), task.Clock(), Limits())
        self.before = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.before.close)
        self.before.bind(str(self.path))
        # The lock of one that was killed names a process that lives: somebody else has the number now.
        self.path.with_suffix(".sock.lock").symlink_to(str(os.getpid()))

    async def test_what_a_killed_one_left_is_no_hindrance_though_its_number_is_anothers_now(self) -> None:
        self.before.close()
        port = await listen(reactor, f"unix:{self.path}:mode=600", self.site)
        self.addCleanup(stop_listening, port)
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(self.path))

    async def test_one_that_lives_is_left_alone(self) -> None:
        self.before.listen(0)
        for _ in range(3):  # also one that has no place left for a caller
            with self.assertRaises(CannotListenError):
                await listen(reactor, f"unix:{self.path}", self.site)
        self.assertTrue(self.path.is_socket())

    async def test_a_file_that_is_no_socket_stays(self) -> None:
        self.path.unlink()
        self.path.write_text("precious")
        with self.assertRaises(CannotListenError):
            await listen(reactor, f"unix:{self.path}", self.site)
        self.assertEqual("precious", self.path.read_text())
