"""`plcsh` and `plfed api` as administrators use them: each a program of its own, against servers that run."""

import functools
import json
import os
import pathlib
import pty
import re
import select
import subprocess
import sys
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.__main__ import main
from tests.clients.plc import ADMIN, PASSWORD, running, stop_running

PLCSH = [sys.executable, "-c", "from planetlab.cli.shell import main; main()"]
API = [sys.executable, "-c", "from planetlab.cli.api import group; group()"]
Done = subprocess.CompletedProcess[str]


tearDownModule = stop_running


@functools.cache
def site() -> int:
    """A site, made in advance."""
    said = {"name": "Princeton", "abbreviated_name": "PU", "login_base": "princeton", "max_slices": 9}
    number: int = running().proxy().AddSite(ADMIN, said)
    return number


class Commands(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        site()
        self.folder = pathlib.Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.environment = {**os.environ, "PLFED_PASSWORD": PASSWORD, "PLCSH_HISTORY": str(self.folder / "history")}
        self.environment["PYTHONPATH"] = str(pathlib.Path(__file__).parents[2])
        self.admin = ("--url", running().secure, "--ca", running().ca, "--user", ADMIN["Username"])

    def run_with(self, *words: str, given: str | None = None) -> Done:
        return subprocess.run(
            words, input=given or "", capture_output=True, text=True, timeout=120, env=self.environment, check=False
        )

    def plcsh(self, *words: str, given: str | None = None) -> Done:
        return self.run_with(*PLCSH, *self.admin, *words, given=given)

    def said(self, done: Done) -> str:
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout

    def refused(self, done: Done, code: int = 1) -> str:
        self.assertEqual((code, "", 1), (done.returncode, done.stdout, done.stderr.count("\n")), done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stderr


class WhatIsWrong(Commands):
    def test_a_fault_is_one_line_and_ends_it_with_1(self) -> None:
        self.assertIn("fault 102", self.refused(self.plcsh("-c", "GetSites(3.5); print('not reached')")))
        self.assertIn("NameError", self.refused(self.plcsh("-c", "x = 1\nNoSuchMethod()")))
        self.assertIn("-c:1: ", self.refused(self.plcsh("-c", "print(")))

    def test_a_script_names_its_line(self) -> None:
        script = self.folder / "broken.py"
        script.write_text("import sys\n\n{}['a']\n")
        self.assertIn(f"{script}:3: KeyError", self.refused(self.plcsh(str(script))))
        script.write_text("import sys\nsys.exit(7)\n")
        self.assertEqual(7, self.plcsh(str(script)).returncode)
        self.assertIn("cannot be read", self.refused(self.plcsh(str(self.folder / "missing.py"))))

    def test_who_is_called_must_be_said_answer_and_be_the_one_meant(self) -> None:
        nowhere = ("--facts", str(self.folder / "no.json"))
        self.assertIn("plfed demo", self.refused(self.run_with(*PLCSH, *nowhere, "-c", "1")))
        self.assertIn("does not answer", self.refused(self.run_with(*PLCSH, "-h", "http://127.0.0.1:9/", "-c", "1")))
        stranger = self.run_with(*PLCSH, "-h", running().secure, "-c", "1")
        self.assertIn("certificate", self.refused(stranger))
        self.assertIn("expected an address", self.refused(self.run_with(*PLCSH, "-h", "ftp://x/", "-c", "1")))

    def test_a_wrong_password_is_told_at_the_first_call(self) -> None:
        self.environment["PLFED_PASSWORD"] = "a guess"
        self.assertIn("fault 103", self.refused(self.plcsh("-c", "AuthCheck()")))


class Running(Commands):
    def test_one_expression_shows_its_value_and_statements_do_not(self) -> None:
        self.assertEqual("1\n", self.said(self.plcsh("-c", "AuthCheck()")))
        self.assertEqual("", self.said(self.plcsh("-c", "AuthCheck(); 5")))
        text = "print(GetSites({'login_base': 'princeton'}, ['site_id']))"
        self.assertEqual(f"[{{'site_id': {site()}}}]\n", self.said(self.plcsh("-c", text)))

    def test_a_script_gets_its_arguments(self) -> None:
        script = self.folder / "show.py"
        script.write_text("import sys\nif __name__ == '__main__':\n    print(GetSites(sys.argv[1:], ['login_base']))\n")
        self.assertEqual("[{'login_base': 'princeton'}]\n", self.said(self.plcsh(str(script), "princeton")))
        script.write_text("import sys\nprint(sys.argv[1:])\n")
        self.assertEqual("['-u', '--help']\n", self.said(self.plcsh(str(script), "-u", "--help")))

    def test_lines_in_a_pipe_show_their_values_and_stop_at_the_first_that_fails(self) -> None:
        done = self.plcsh(given="x = GetSites(['princeton'], ['login_base'])\nx[0]\nfor y in x:\n    print(len(y))\n")
        self.assertEqual("{'login_base': 'princeton'}\n1\n", self.said(done))
        done = self.plcsh(given="1 + 1\nDeleteSite('nowhere')\n3\n")
        self.assertEqual((1, "2\n", 1), (done.returncode, done.stdout, done.stderr.count("\n")))

    def test_help_is_the_declaration(self) -> None:
        expected = running().proxy().system.methodHelp("AddSlice")
        for text in ("help(AddSlice)", "help('AddSlice')"):
            self.assertEqual(expected.rstrip("\n"), self.said(self.plcsh("-c", text)).rstrip("\n"))
        self.assertIn("Help on built-in function len", self.said(self.plcsh("-c", "help(len)")))

    def test_methods_of_the_system_take_no_auth(self) -> None:
        self.assertEqual("True\n", self.said(self.plcsh("-c", "'GetSites' in system.listMethods()")))

    def test_calls_between_begin_and_commit_travel_as_one(self) -> None:
        text = (
            "begin()\nassert AuthCheck() is None\nGetSites(['princeton'], ['login_base'])\nprint(commit(), commit())\n"
        )
        self.assertEqual("[1, [{'login_base': 'princeton'}]] None\n", self.said(self.plcsh("-c", text)))
        many = "begin()\nfor _ in range(250): AuthCheck()\nprint(sum(commit()))\n"
        self.assertEqual("250\n", self.said(self.plcsh("-c", many)))
        wrong = "begin(); AuthCheck(); DeleteSite('nowhere'); commit()"
        self.assertIn("fault 102", self.refused(self.plcsh("-c", wrong)))
        self.assertIn("begin() again", self.refused(self.plcsh("-c", "begin(); begin()")))


class WhoCalls(Commands):
    def plain(self, *words: str) -> Done:
        return self.run_with(*PLCSH, "-u", running().plain, *words)

    def test_nobody_a_session_a_node_or_a_role(self) -> None:
        who = "auth['AuthMethod'], GetSites(['princeton'], ['login_base'])"
        self.assertIn("('anonymous', ", self.said(self.plain("-c", who)))
        session = running().proxy().GetSession(ADMIN)
        self.assertIn("('session', ", self.said(self.plain("-s", session, "-c", who)))
        done = self.plcsh("-m", "capability", "-r", "admin", "-c", "auth['Role'], AuthCheck()")
        self.assertEqual("('admin', 1)\n", self.said(done))
        api = running().proxy()
        node = api.AddNode(ADMIN, "princeton", {"hostname": "sh.princeton.example", "boot_state": "boot"})
        api.UpdateNode(ADMIN, node, {"key": "the node's own"})
        by_node = (*self.admin[:4], "-m", "hmac", "-u", str(node), "-p", "the node's own")
        done = self.run_with(*PLCSH, *by_node, "-c", "ReportRunlevel({'run_level': 'boot'}), GetSlivers()['node_id']")
        self.assertEqual(f"(1, {node})\n", self.said(done))

    def test_the_operator_of_an_authority_needs_its_folder_only(self) -> None:
        folder = str(running().folder / "plc")
        for words in (("-d", folder), ("-f", f"{folder}/slice_authority.toml")):
            text = "AuthCheck(), auth['AuthMethod']"
            self.assertEqual("(1, 'capability')\n", self.said(self.run_with(*PLCSH, *words, "-c", text)))
        self.assertIn("expected a demo's", self.refused(self.run_with(*PLCSH, "-d", str(self.folder), "-c", "1")))

    def test_a_demo_says_whom_to_call_by_role(self) -> None:
        persons = {"admin": {"Username": ADMIN["Username"], "AuthString": PASSWORD}}
        facts = {"authorities": {"plc": {"plcapi": running().secure, "ca": running().ca, "persons": persons}}}
        (self.folder / "facts.json").write_text(json.dumps(facts))
        done = self.run_with(*PLCSH, "-d", str(self.folder), "-r", "admin", "-c", "AuthCheck()")
        self.assertEqual("1\n", self.said(done))
        self.assertIn("the demo has admin", self.refused(self.run_with(*PLCSH, "-d", str(self.folder), "-c", "1")))


class AtThePrompt(Commands):
    def test_names_complete_faults_are_lines_and_what_was_typed_is_kept(self) -> None:
        master, slave = pty.openpty()
        environment = {**self.environment, "TERM": "dumb"}
        words = [*PLCSH, *self.admin]
        process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=environment, close_fds=True)
        os.close(slave)
        self.addCleanup(os.close, master)
        self.addCleanup(process.wait, 30)
        self.until(master, "plcsh> ")
        os.write(master, b"AuthChe\t) + 41\n")
        self.until(master, "42", "plcsh> ")
        os.write(master, b"DeleteSite('nowhere')\n")
        shown = self.until(master, "fault 102)", "plcsh> ")
        self.assertNotIn("Traceback", shown)
        os.write(master, b"GetSit\x15\x04")
        self.assertEqual(0, process.wait(60))
        history = self.folder / "history"
        self.assertIn("DeleteSite('nowhere')", history.read_text())
        self.assertEqual(0o600, history.stat().st_mode & 0o777)

    def until(self, terminal: int, *texts: str) -> str:
        """What the terminal shows up to the last of ``texts``, one after the other.

        A key such as Ctrl-D means what it says only once the prompt is there: before it the terminal itself
        takes the key, as in any shell.
        """
        shown, deadline = "", time.monotonic() + 60
        while not re.search(".*".join(map(re.escape, texts)), shown, re.DOTALL):
            ready, _, _ = select.select([terminal], [], [], 1.0)
            if ready:
                shown += os.read(terminal, 4096).decode(errors="replace")
            self.assertLess(time.monotonic(), deadline, f"no {texts!r} in {shown!r}")
        return shown


class TheApiCommand(Commands):
    def api(self, what: str, *words: str, given: str | None = None) -> Done:
        return self.run_with(*API, what, *self.admin, *words, given=given)

    def json(self, *words: str, given: str | None = None) -> Any:
        return json.loads(self.said(self.api(*words, "--json", given=given)))

    def test_what_is_wrong_is_one_line(self) -> None:
        self.assertIn("fault 100", self.refused(self.api("help", "NoSuchMethod")))
        self.assertIn("fault 102", self.refused(self.api("call", "DeleteSite", "nowhere", "--json")))
        self.assertIn("begins as JSON", self.refused(self.api("call", "GetSites", "['princeton']")))
        self.assertIn("expected a JSON array", self.refused(self.api("call", "GetSites", "-", given="{}")))
        self.assertIn("no method fits", self.refused(self.api("list", "Nothing*")))

    def test_both_are_commands_of_plfed_too(self) -> None:
        self.assertTrue({"api", "shell"} <= set(main.commands))

    def test_lists_and_explains(self) -> None:
        names = self.json("list")
        self.assertEqual(sorted(running().proxy().system.listMethods()), names)
        self.assertEqual("AddSite\nAddSiteAddress\nAddSiteTag\n", self.said(self.api("list", "AddSite*")))
        told = self.json("help", "GetNodes")
        self.assertEqual({"name", "help", "signatures"}, set(told))
        self.assertIn(["array", "struct", "array"], told["signatures"])
        self.assertEqual(told["help"].rstrip("\n"), self.said(self.api("help", "GetNodes")).rstrip("\n"))

    def test_calls(self) -> None:
        row = [{"site_id": site(), "login_base": "princeton"}]
        asked = ('["princeton"]', '["site_id", "login_base"]')
        self.assertEqual(row, self.json("call", "GetSites", *asked))
        self.assertEqual(row, self.json("call", "GetSites", "-", given=f"[{', '.join(asked)}]"))
        self.assertEqual("1\n", self.said(self.api("call", "UpdateSite", "princeton", '{"url": "http://x.example/"}')))
        inner = {"methodName": "GetLeaseGranularity", "params": [{"AuthMethod": "anonymous"}]}
        self.assertEqual([[1800]], self.json("call", "system.multicall", json.dumps([inner])))
        anonymous = self.run_with(*API, "call", "--url", running().plain, "GetLeaseGranularity")
        self.assertEqual("1800\n", self.said(anonymous))
