"""An authority and a node set up by hand, as their operators do; and what is said when something is wrong."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import urllib.request

from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.setup import DEMO
from tests.journeys.running import new_folder, plfed
from tests.ports import free_block
from tests.waiting import until


class SettingUp(SynchronousTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.base_port = free_block(30)

    def setUp(self) -> None:
        self.folder = new_folder()
        self.addCleanup(shutil.rmtree, self.folder)
        self.plc = str(self.folder / "plc")

    def refused(self, *arguments: str) -> str:
        done = plfed(*arguments)
        self.assertEqual((1, 1), (done.returncode, done.stderr.count("\n")), done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stderr

    def init(self, *options: str) -> dict[str, str]:
        done = plfed("init", self.plc, "--hrn", "plc", "--base-port", str(self.base_port), "--json", *options)
        self.assertEqual(0, done.returncode, done.stderr)
        said: dict[str, str] = json.loads(done.stdout)
        return said

    def up(self, folder: str, *options: str) -> None:
        with pathlib.Path(f"{folder}.said").open("wb") as out:
            running = subprocess.Popen([sys.executable, "-m", "planetlab.cli", "up", folder, *options], stdout=out)
        self.addCleanup(lambda: self.assertIn(running.wait(60), (0, 130)))
        self.addCleanup(running.send_signal, signal.SIGINT)

    def until_told(self, folder: str, text: str) -> None:
        said = pathlib.Path(f"{folder}.said")
        until(lambda: text in said.read_text(), lambda: f"{text} is told: {said.read_text()}")

    def until_answers(self, url: str) -> None:
        def answers() -> bool:
            with urllib.request.urlopen(url, timeout=60) as page:
                return bool(page.read())

        until(answers, f"{url} answers")

    def test_a_name_that_is_none_is_refused(self) -> None:
        self.assertIn("hrn", self.refused("init", self.plc, "--hrn", "plc..x"))

    def test_a_folder_without_settings_is_not_run(self) -> None:
        os.mkdir(self.plc)
        self.assertIn("plfed init", self.refused("up", self.plc))

    def test_settings_that_are_wrong_end_it_with_their_sentence(self) -> None:
        self.init()
        with (pathlib.Path(self.plc) / "web.toml").open("a") as settings:
            settings.write('colour = "blue"\n')
        done = plfed("up", self.plc, "--only", "web")
        self.assertEqual(1, done.returncode)
        self.assertIn("unknown key colour", done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def test_a_demos_passwords_do_not_leave_this_machine(self) -> None:
        self.init("--host", "plc.example.org")
        (pathlib.Path(self.plc) / DEMO).touch()
        self.assertIn("listens beyond loopback", self.refused("up", self.plc))

    def test_the_password_of_the_first_administrator_is_told_once(self) -> None:
        self.assertTrue(self.init()["password"])
        self.assertEqual("", self.init()["password"])

    def test_an_authority_and_a_node_of_it_are_set_up_and_run(self) -> None:
        said = self.init("--admin", "admin@plc.example")
        password = self.folder / "password"
        password.write_text(said["password"])
        self.up(self.plc, "--json")
        self.until_answers(f"http://127.0.0.1:{self.base_port + 3}/")
        node, ca = str(self.folder / "node"), f"{self.plc}/ca.pem"
        done = plfed(
            "node",
            "init",
            node,
            "--ma",
            said["ma"],
            "--ca",
            ca,
            "--papers",
            self.plc,
            "--sa",
            said["sa"],
            "--hrn",
            "plc",
            "--hostname",
            "node1.example.org",
            "--login-base",
            "plc",
            "--user",
            said["admin"],
            "--password-file",
            str(password),
            "--driver",
            "memory",
            "--base-port",
            str(self.base_port + 10),
        )
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(0o600, (pathlib.Path(node) / "node.key").stat().st_mode & 0o777)
        self.up(node)
        self.until_answers(f"http://127.0.0.1:{self.base_port + 10 + 5}/")
        options = ("--url", f"https://127.0.0.1:{self.base_port}/PLCAPI/", "--ca", ca, "--user", said["admin"])
        listed = plfed("node", "list", *options, "--password-file", str(password))
        self.assertIn("node1.example.org", listed.stdout, listed.stderr)
        self.assertIn("node1.example.org", plfed("node", "list", "--dir", self.plc).stdout)
        self.until_told(node, f"owner show --node {node}")
        self.until_told(self.plc, "\n}\n")
        told = json.loads(pathlib.Path(f"{self.plc}.said").read_text())
        services = {each["name"]: each for each in told["services"]}
        self.assertEqual(f"https://127.0.0.1:{self.base_port}/PLCAPI/", services["slice_authority"]["address"])
        with urllib.request.urlopen(services["mgmt_authority"]["health"], timeout=60) as health:
            self.assertEqual(200, health.status)
        copy, again = str(self.folder / "copy"), str(self.folder / "again")
        for words in (("backup", self.plc, copy), ("restore", copy, again), ("doctor", "--deep", again)):
            done = plfed(*words)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
