"""The folder of a federation: one user at a time, files whole or not at all, no process forgotten."""

import os
import pathlib
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli import place
from planetlab.errors import Unavailable


class Places(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = pathlib.Path(self.mktemp())

    def test_a_folder_in_use_is_refused_with_the_name_of_its_user(self) -> None:
        with place.held(self.path):
            error = self.assertRaises(Unavailable, place.held(self.path).__enter__)
        self.assertIn(f"in use by process {os.getpid()}", str(error))

    def test_a_folder_given_back_can_be_held_again(self) -> None:
        for _ in range(2):
            with place.held(self.path):
                self.assertTrue((self.path / "lock").exists())

    def test_a_secret_is_for_its_owner_alone_and_nothing_else_is_left(self) -> None:
        place.folder(self.path)
        place.write(self.path / "key", b"secret")
        place.write(self.path / "key", "other")
        self.assertEqual(0o600, (self.path / "key").stat().st_mode & 0o777)
        self.assertEqual(["key"], os.listdir(self.path))
        self.assertEqual("other", (self.path / "key").read_text())

    def test_a_socket_whose_path_is_too_long_for_the_kernel_is_refused(self) -> None:
        error = self.assertRaises(Unavailable, place.socket_path, pathlib.Path("/x" * 54))
        self.assertIn("at most 107 bytes", str(error))

    def test_a_process_left_running_is_ended_and_named(self) -> None:
        self.patch(place, "GRACE", 0.2)
        place.folder(self.path)
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
        place.remember(self.path, [("sleeper", child.pid)])
        self.assertEqual(["sleeper"], place.end_leftovers(self.path))
        self.assertEqual(-9, child.wait(60))

    def test_a_number_used_again_by_another_process_is_left_alone(self) -> None:
        place.folder(self.path)
        place.write(self.path / "processes.json", f'{{"other": [{os.getpid()}, "1"]}}')
        self.assertEqual([], place.end_leftovers(self.path))
        self.assertFalse(place.remembered(self.path)[0].is_alive)
