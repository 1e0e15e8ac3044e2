"""A demo from outside: what it says of itself is so, whatever dies comes back, and nothing is left of it."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import xmlrpc.client
from typing import ClassVar

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from planetlab.cli import place
from planetlab.cli.say import program_name
from tests.journeys.running import ROOT, RunningDemo, new_folder, plfed
from tests.ports import free_block
from tests.waiting import until

PORTS = 100  # as many as a demo may take
TYPED = re.compile(r"^<!-- run -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)  # what a page says to type


class ADemo(SynchronousTestCase):
    """One demo serves all of these: they leave it as they found it."""

    demo: ClassVar[RunningDemo]
    folder: ClassVar[pathlib.Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = new_folder()
        cls.demo = RunningDemo(cls.folder / "d", free_block(PORTS), "--nodes", "1", "--driver", "memory")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.demo.stop()
        shutil.rmtree(cls.folder)

    def well(self, *arguments: str) -> str:
        done = plfed(*arguments, facts=self.demo.facts_file)
        self.assertEqual(0, done.returncode, f"plfed {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def test_the_facts_have_the_form_that_programs_rely_on(self) -> None:
        facts = self.demo.facts
        self.assertTrue(facts["ready"])
        self.assertEqual(["epfl", "plc", "plc.japan"], sorted(facts["authorities"]))
        for each in facts["authorities"].values():
            expected = {
                "sa",
                "ma",
                "plcapi",
                "plcapi_plain",
                "web",
                "ca",
                "gid",
                "ticket_key_pem",
                "pgp_pub",
                "persons",
            }
            self.assertEqual(set(), expected - each.keys())
            self.assertEqual(["admin", "pi", "tech", "user"], sorted(each["persons"]))
            for file in ("ca", "gid", "ticket_key_pem", "pgp_pub"):
                self.assertTrue(os.path.getsize(each[file]))
        self.assertEqual(["node1.epfl.example", "node1.plc.example"], sorted(facts["nodes"]))
        expected = {
            "authority",
            "node_id",
            "node_key",
            "pl_conf",
            "nm_socket",
            "nm",
            "keys",
            "sensors",
            "slicestat",
            "audit",
        }
        for node in facts["nodes"].values():
            self.assertEqual(set(), (expected | {"driver"}) - node.keys())
        self.assertIn("princeton_codeen", facts["slices"]["plc"])
        self.assertIn("archive", facts)

    def test_every_page_answers(self) -> None:
        facts = self.demo.facts
        pages = [each["web"] for each in facts["authorities"].values()] + [n["audit"] for n in facts["nodes"].values()]
        pages += [f"{facts['authorities']['plc']['web']}{path}" for path in ("sites", "nodes.json", "slices.json")]
        for url in pages:
            with urllib.request.urlopen(url, timeout=60) as page:
                self.assertEqual(200, page.status, url)

    def test_persons_of_every_role_sign_in(self) -> None:
        for each in self.demo.facts["authorities"].values():
            with xmlrpc.client.ServerProxy(each["plcapi_plain"], allow_none=True) as api:
                for who in each["persons"].values():
                    self.assertEqual(1, api.AuthCheck({"AuthMethod": "password", **who}))

    def test_a_mail_of_an_authority_is_caught_and_shown_on_a_page(self) -> None:
        plc, page = self.demo.facts["authorities"]["plc"], self.demo.facts["mail"]["page"]
        who, subject = {"AuthMethod": "password", **plc["persons"]["admin"]}, f"caught {time.monotonic()}"
        with xmlrpc.client.ServerProxy(plc["plcapi_plain"], allow_none=True) as api:
            api.NotifyPersons(who, [plc["persons"]["tech"]["Username"]], subject, "It is you who is meant.")

        def caught() -> bool:
            with urllib.request.urlopen(f"{page}letters.json", timeout=60) as letters:
                found = [each["to"] for each in json.load(letters) if each["subject"] == subject]
            return found == [plc["persons"]["tech"]["Username"]]

        self.demo.until(caught, "caught", 90)
        with urllib.request.urlopen(page, timeout=60) as shown:
            self.assertIn(b"A simulated mail server", shown.read())

    def test_peers_know_each_others_nodes(self) -> None:
        for name, foreign in (("plc", "node1.epfl.example"), ("epfl", "node1.plc.example")):
            each = self.demo.facts["authorities"][name]
            who = {"AuthMethod": "password", **each["persons"]["user"]}
            with xmlrpc.client.ServerProxy(each["plcapi_plain"], allow_none=True) as api:
                found = api.GetNodes(who, {"~peer_id": None}, ["hostname"])
            self.assertEqual([{"hostname": foreign}], found)

    def test_the_archive_tells_what_it_rests_on(self) -> None:
        with urllib.request.urlopen(f"{self.demo.facts['archive']}?to=198.51.100.7", timeout=60) as page:
            self.assertIn(b"This rests on", page.read())

    def test_every_command_that_it_prints_can_be_pasted(self) -> None:
        self.demo.until(lambda: "Ctrl-C" in self.demo.log.read_text(), "told")
        printed = self.demo.log.read_text().partition("Try next")[2].splitlines()
        commands = [line for line in printed if line.startswith(f"  {program_name()} ")]
        self.assertEqual(3, len(commands), printed)
        for command in commands:
            done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual(0, done.returncode, f"{command}: {done.stdout}{done.stderr}")

    def test_a_second_demo_in_the_same_folder_is_refused_in_one_line(self) -> None:
        done = plfed("demo", "--dir", str(self.folder / "d"))
        self.assertEqual((1, 1), (done.returncode, done.stderr.count("\n")), done.stderr)
        self.assertIn(f"in use by process {self.demo.process.pid}", done.stderr)

    def test_every_example_runs(self) -> None:
        for program in sorted((ROOT / "examples").glob("*.py")):
            command = [sys.executable, str(program), str(self.demo.facts_file)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual((0, ""), (done.returncode, done.stderr), program.name)
            self.assertTrue(done.stdout, program.name)

    def test_a_slice_is_made_its_ticket_redeemed_and_given_up_by_commands(self) -> None:
        name = "princeton_commands"
        self.well(
            "slice",
            "create",
            name,
            "--page",
            "http://x.example/",
            "--description",
            "By hand.",
            "--add",
            "user@plc.example",
        )
        self.assertIn(name, self.well("slice", "list"))
        file = str(self.folder / "ticket")
        self.well("ticket", "get", name, "--out", file, "--person", "user")
        self.assertIn("1 of 1 gave a sliver", self.well("ticket", "redeem", file, "--all"))
        self.assertIn("node1.plc.example", self.well("node", "list"))
        self.assertIn(name, self.well("shell", "-c", f"print(GetSlices(['{name}'], ['name']))"))
        self.well("slice", "delete", name)

    def test_an_account_with_a_key_is_made_by_one_command(self) -> None:
        file, who, admin = self.folder / "key.pub", "eve@princeton.example", ("--person", "admin")
        file.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4ZPPUHRHXhqQGKoOIoYJAVvrIBCDmBLZMmDbPRkHRX ann\n")
        said = ("--name", "Eve", "Lee", "--site", "princeton", "--role", "user", "--key", str(file), *admin)
        made = json.loads(self.well("person", "create", who, *said, "--json"))
        plc = self.demo.facts["authorities"]["plc"]
        with xmlrpc.client.ServerProxy(plc["plcapi_plain"], allow_none=True) as api:
            auth = {"AuthMethod": "password", "Username": who, "AuthString": made["password"]}
            self.assertEqual(1, api.AuthCheck(auth))
        listed = {each["email"]: each for each in json.loads(self.well("person", "list", "--json", *admin))}
        self.assertEqual(
            (["user"], True, 1), (listed[who]["roles"], listed[who]["enabled"], len(listed[who]["key_ids"]))
        )
        self.well("api", "call", "DeletePerson", who, *admin)

    def test_an_account_that_cannot_be_finished_is_not_made(self) -> None:
        file, who, admin = self.folder / "bad.pub", "half@princeton.example", ("--person", "admin")
        file.write_text("ssh-ed25519 this-is-no-base64! ann\n")
        for said, why in (
            (("--site", "nowhere"), "nowhere"),
            (("--site", "princeton", "--role", "pi", "--key", str(file)), "expected an OpenSSH public key"),
        ):
            done = plfed("person", "create", who, "--name", "Half", "Made", *said, *admin, facts=self.demo.facts_file)
            self.assertEqual((1, "", 1), (done.returncode, done.stdout, done.stderr.count("\n")), done.stderr)
            self.assertIn(why, done.stderr)
            listed = json.loads(self.well("person", "list", "--json", *admin))
            self.assertNotIn(who, [each["email"] for each in listed])

    def test_the_pages_that_say_what_to_type_can_be_typed(self) -> None:
        self.need("ssh-keygen")
        self.addCleanup(self.well, "api", "call", "DeletePerson", "ann@princeton.example", "--person", "admin")
        desk = self.folder / "desk"
        desk.mkdir()
        (desk / "plfed-demo").symlink_to(self.folder / "d")
        (desk / "examples").symlink_to(ROOT / "examples")
        beside = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": beside, "PLFED_FACTS": str(self.demo.facts_file)}
        for page in ("researcher.md", "security.md"):
            blocks = TYPED.findall((ROOT / "docs" / page).read_text())
            self.assertTrue(blocks, page)
            for block in blocks:
                command = ["bash", "-euo", "pipefail", "-c", block]
                done = subprocess.run(
                    command, cwd=desk, env=environment, capture_output=True, text=True, timeout=300, check=False
                )
                self.assertEqual(0, done.returncode, f"{page}: {block}{done.stdout}{done.stderr}")

    def test_xmlsec1_accepts_the_v3_ticket_with_the_key_of_the_facts(self) -> None:
        self.need("xmlsec1")
        file = str(self.folder / "v3.xml")
        self.well("ticket", "get", "princeton_scriptroute", "--out", file)
        key = self.demo.facts["authorities"]["plc"]["ticket_key_pem"]
        done = subprocess.run(["xmlsec1", "--verify", "--pubkey-pem", key, file], capture_output=True, check=False)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_gpg_accepts_the_v4_ticket_with_the_key_of_the_facts(self) -> None:
        self.need("gpg")
        file, home = str(self.folder / "v4.asc"), str(self.folder / "gpg")
        os.mkdir(home, 0o700)
        self.well("ticket", "get", "princeton_scriptroute", "--v4", "--out", file)
        gpg = ["gpg", "--batch", "--homedir", home]
        subprocess.run(
            [*gpg, "--import", self.demo.facts["authorities"]["plc"]["pgp_pub"]], capture_output=True, check=True
        )
        done = subprocess.run([*gpg, "--decrypt", file], capture_output=True, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn(b"princeton_scriptroute", done.stdout)
        self.assertIn(b"Good signature", done.stderr)

    def need(self, program: str) -> None:
        if shutil.which(program) is None:
            raise SkipTest(f"{program} is not installed here; it is among the packages of README's first lines")

    def test_doctor_finds_nothing_wrong(self) -> None:
        self.assertIn("checks well", self.well("doctor"))

    def test_doctor_names_what_was_forgotten(self) -> None:
        forgotten = self.folder / "d" / "forgotten.tmp"
        forgotten.write_text("")
        os.utime(forgotten, (1, 1))
        self.addCleanup(forgotten.unlink)
        done = plfed("doctor", facts=self.demo.facts_file)
        self.assertEqual(1, done.returncode)
        self.assertIn("forgotten.tmp was never finished", done.stdout)

    def test_whatever_is_killed_comes_back_and_the_story_ends_well(self) -> None:
        def is_back(name: str, pid: int) -> bool:
            running = self.demo.children
            is_over = name.startswith("traffic ") and name not in running  # with its sliver, which others ended
            return is_over or running.get(name, pid) != pid

        def sending() -> set[str]:
            return {name.rpartition(" ")[0] for name in self.demo.children if name.startswith("traffic ")}

        before = sending()
        for name, pid in sorted(self.demo.children.items()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self.demo.until(lambda name=name, pid=pid: is_back(name, pid), f"{name} back", 90)
        self.demo.until(lambda: sending() == before, "each node's traffic back", 90)
        self.assertIn("the story came out well", self.well("story"))
        self.assertIn("checks well", self.well("doctor"))

    def test_what_the_nodes_redeem_comes_into_the_public_log_and_an_audit_finds_it_issued(self) -> None:
        def audited() -> bool:
            plc, *others = json.loads(self.well("log", "audit", "--json"))
            self.assertEqual([], [text for each in (plc, *others) for text in each["wrong"]])
            return bool(plc["redeemed"] and plc["issued"])

        self.demo.until(audited, "in public", 120)

    def test_a_service_that_dies_in_the_middle_of_the_story_does_not_end_it(self) -> None:
        for victim in ("slice_authority plc", "pl_conf node1.plc.example", "node_manager node1.plc.example"):
            story = subprocess.Popen(
                [sys.executable, "-m", "planetlab.cli", "story", "--facts", str(self.demo.facts_file)],
                stdout=subprocess.PIPE,
                text=True,
            )
            with story:
                assert story.stdout
                story.stdout.readline()
                os.kill(self.demo.children[victim], signal.SIGKILL)
                rest = story.stdout.read()
            self.assertEqual(0, story.returncode, f"{victim}: {rest}")


class TheEndOfADemo(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = new_folder()
        self.addCleanup(shutil.rmtree, self.folder)

    def test_nothing_is_left_and_a_second_run_resumes(self) -> None:
        base_port = free_block(PORTS)
        with socket.socket() as busy:
            busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the port is held for us
            busy.bind(("127.0.0.1", base_port))
            busy.listen(1)
            demo = RunningDemo(self.folder / "d", base_port, "--nodes", "1", "--driver", "memory")
            self.addCleanup(demo.stop)
            first, children = demo.facts, demo.children
            self.assertNotIn(f":{base_port}/", first["authorities"]["plc"]["sa"])
            before = namespaces(children)
            self.assertEqual(0, demo.stop())
        self.assertEqual([], [name for name, pid in children.items() if place.began(pid)])
        self.assertFalse(before & namespaces({str(pid): int(pid) for pid in os.listdir("/proc") if pid.isdecimal()}))
        for node in first["nodes"].values():
            port = int(node["pl_conf"].rsplit(":", 1)[1].strip("/"))
            with socket.socket() as probe:
                self.assertNotEqual(0, probe.connect_ex(("127.0.0.1", port)))
        again = RunningDemo(self.folder / "d", base_port, "--nodes", "1", "--driver", "memory")
        self.addCleanup(again.stop)
        self.assertEqual(
            first["nodes"]["node1.plc.example"]["node_key"], again.facts["nodes"]["node1.plc.example"]["node_key"]
        )
        again.process.kill()
        again.process.wait()
        children = again.children

        def left() -> list[str]:
            return [name for name, pid in children.items() if place.began(pid)]

        until(lambda: not left(), lambda: f"a killed demo leaves nobody, but there is {left()}")


def namespaces(processes: dict[str, int]) -> set[str]:
    """The network namespaces of these processes, other than our own."""
    found = set()
    for pid in processes.values():
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/{pid}/ns/net"))
    return found - {os.readlink("/proc/self/ns/net")}
