"""Whom a command calls: as its options say, or as the facts of a demo do."""

import json
import os
import pathlib
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.target import Target, read_facts, target
from planetlab.errors import BadSettings

PERSONS = {"pi": {"Username": "pi@plc.example", "AuthString": "demo-password"}}
FACTS = {"authorities": {"plc": {"plcapi": "https://127.0.0.1:8700/PLCAPI/", "ca": "/demo/ca.pem", "persons": PERSONS}}}
UNSAID: dict[str, Any] = {
    "url": None,
    "ca": None,
    "user": None,
    "password_file": None,
    "authority": "plc",
    "person": "pi",
}


class Targets(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = pathlib.Path(self.mktemp())
        self.file.write_text(json.dumps(FACTS))

    def chosen(self, **said: str) -> Target:
        return target("plcapi", **{**UNSAID, "facts": str(self.file), **said})

    def test_without_a_demo_the_error_says_what_to_do(self) -> None:
        error = self.assertRaises(BadSettings, read_facts, str(self.file) + ".not")
        self.assertIn("start `plfed demo`", str(error))

    def test_a_file_that_is_no_facts_is_refused(self) -> None:
        for text in ("[]", "{", '{"authorities": 3}'):
            self.file.write_text(text)
            self.assertIn(str(self.file), str(self.assertRaises(BadSettings, read_facts, str(self.file))))

    def test_an_unknown_authority_is_refused_with_those_there_are(self) -> None:
        self.assertIn("the demo has plc", str(self.assertRaises(BadSettings, self.chosen, authority="mit")))

    def test_an_unknown_person_is_refused_with_those_there_are(self) -> None:
        self.assertIn("the demo has pi", str(self.assertRaises(BadSettings, self.chosen, person="root")))

    def test_a_password_file_that_cannot_be_read_is_named(self) -> None:
        error = self.assertRaises(BadSettings, self.chosen, user="x@y.example", password_file="/nowhere")
        self.assertIn("/nowhere", str(error))

    def test_a_person_of_the_demo_signs_in_with_its_password(self) -> None:
        found = self.chosen()
        self.assertEqual(("https://127.0.0.1:8700/PLCAPI/", "/demo/ca.pem"), (found.url, found.ca))
        self.assertEqual({"AuthMethod": "password", **PERSONS["pi"]}, found.auth)

    def test_the_environment_names_an_authority_where_no_option_does(self) -> None:
        self.patch(os, "environ", {"PLFED_URL": "https://x.example/PLCAPI/", "PLFED_CA": "x.pem"})
        found = target("plcapi", **UNSAID, facts=None)
        self.assertEqual(("https://x.example/PLCAPI/", "x.pem"), (found.url, found.ca))
        self.assertEqual("https://127.0.0.1:8700/PLCAPI/", self.chosen().url)

    def test_a_folder_that_is_neither_a_demos_nor_an_authoritys_is_named(self) -> None:
        error = self.assertRaises(BadSettings, self.chosen, folder=self.file.name)
        self.assertIn(f"--dir {self.file.name}: expected", str(error))

    def test_the_folder_of_a_demo_has_its_facts(self) -> None:
        folder = pathlib.Path(self.mktemp())
        folder.mkdir()
        (folder / "facts.json").write_text(json.dumps(FACTS))
        self.assertEqual("/demo/ca.pem", target("plcapi", **UNSAID, facts=None, folder=str(folder)).ca)

    def test_the_folder_of_an_authority_makes_one_its_operator(self) -> None:
        folder = pathlib.Path(self.mktemp())
        folder.mkdir()
        (folder / "slice_authority.toml").write_text(
            'listen = ["tcp:9443"]\nsibling = "https://plc.example:9444/MA/"\nca = "ca.pem"\n'
            'maintenance_user = "maint@plc.example"\nmaintenance_password = "word"\n'
        )
        found = target("plcapi", **UNSAID, facts=None, folder=str(folder))
        self.assertEqual(("https://plc.example:9443/PLCAPI/", "ca.pem"), (found.url, found.ca))
        expected = {"AuthMethod": "capability", "Username": "maint@plc.example", "AuthString": "word"}
        self.assertEqual(expected, found.auth)

    def test_an_address_without_a_name_is_called_as_nobody(self) -> None:
        self.assertEqual({"AuthMethod": "anonymous"}, self.chosen(url="http://127.0.0.1:1/PLCAPI/").auth)
