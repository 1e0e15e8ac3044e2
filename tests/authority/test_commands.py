"""``plfed authority`` from a request to a revocation, as an operator types it, and as a program reads it."""

import json
import pathlib
from typing import Any

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli import papers
from planetlab.cli.__main__ import main
from planetlab.names import Hrn


class Commands(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = pathlib.Path(self.mktemp()).absolute()
        self.plc, self.japan = (
            papers.make(self.base / hrn, Hrn.parse(hrn), ("127.0.0.1",)).folder for hrn in ("plc", "plc.japan")
        )

    def run_command(self, *said: object, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["authority", *map(str, said)])
        self.assertEqual(code, result.exit_code, result.output)
        return result

    def value(self, *said: object) -> Any:
        return json.loads(self.run_command(*said, "--json").stdout)

    def certified(self) -> None:
        (self.base / "request").write_bytes(self.run_command("request", self.japan).stdout_bytes)
        (self.base / "chain").write_bytes(self.run_command("certify", self.plc, self.base / "request").stdout_bytes)
        self.run_command("install", self.japan, self.base / "chain")

    def test_an_authority_is_certified_listed_and_revoked(self) -> None:
        self.certified()
        said = self.value("list", self.plc)
        self.assertEqual([("plc.japan", "in force")], [(each["hrn"], each["state"]) for each in said["certified"]])
        self.assertEqual(8, len(said["words"].split()))
        self.run_command("revoke", self.plc, "plc.japan", "--why", "it left")
        said = self.value("list", self.plc)
        self.assertEqual(["revoked"], [each["state"] for each in said["certified"]])
        self.assertEqual([("plc.japan", "it left")], [(each["hrn"], each["why"]) for each in said["revoked"]])

    def test_the_older_spelling_does_the_same(self) -> None:
        def value(*said: object) -> Any:
            result = CliRunner().invoke(main, [*map(str, said), "--json"])
            self.assertEqual(0, result.exit_code, result.output)
            return json.loads(result.stdout)

        (self.base / "chain").write_text(value("certify", self.plc, self.japan / "gid-request.pem")["chain"])
        self.assertEqual({"hrn": "plc.japan", "certified": True}, value("install", self.japan, self.base / "chain"))

    def test_what_cannot_be_is_one_line_and_a_code(self) -> None:
        (self.base / "request").write_text("epfl\n" + self.run_command("request", self.japan).stdout.partition("\n")[2])
        result = self.run_command("certify", self.plc, self.base / "request", code=1)
        self.assertIn("names below its own only", result.stderr)
        self.assertEqual(1, len(result.stderr.splitlines()))
        self.run_command("revoke", self.plc, "plc.korea", "--why", "x", code=1)

    def test_a_key_goes_through_its_four_steps(self) -> None:
        steps = [self.value("key", step, self.plc)["state"] for step in ("prepare", "activate", "taint")]
        self.assertEqual(["prepared", "active", "tainted"], steps)
        self.assertEqual("revoked", self.value("key", "revoke", self.plc, "--why", "replaced")["state"])
        self.assertEqual(["active", "active"], [each["state"] for each in self.value("list", self.plc)["keys"]])

    def test_a_child_renews_with_the_key_that_it_has_prepared(self) -> None:
        self.certified()
        self.assertEqual("requested", self.value("key", "prepare", self.japan, "--use", "identity")["state"])
        (self.base / "request").write_bytes(self.run_command("request", self.japan).stdout_bytes)
        (self.base / "chain").write_bytes(self.run_command("renew", self.plc, self.base / "request").stdout_bytes)
        self.run_command("install", self.japan, self.base / "chain")
        states = [each["state"] for each in self.value("list", self.japan)["keys"] if each["use"] == "identity"]
        self.assertEqual(["active", "prepared"], states)
        self.run_command("key", "activate", self.japan, "--use", "identity")

    def test_an_invitation_is_signed_and_comes_with_its_words(self) -> None:
        said = self.value("invitation", self.plc)
        self.assertEqual(self.value("list", self.plc)["words"], said["words"])
        self.assertIn("plfed.statement", said["statement"])
