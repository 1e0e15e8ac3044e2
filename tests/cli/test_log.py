"""What an audit of ticket logs finds, and what it must not cry about."""

import json
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from planetlab import keys
from planetlab.cli import log
from planetlab.errors import BadSettings
from planetlab.ticket_log import Entry, Head


def entry(kind: str, digest: str, issuer: str = "plc") -> Entry:
    return Entry(kind=kind, digest=digest, issuer=issuer, slice="princeton_codeen", at=1, node="node1.plc.example")


def report(name: str, *entries: Entry) -> log.Report:
    return log.Report(name, size=len(entries), entries=list(entries))


class Reading(SynchronousTestCase):
    def test_logs_of_no_demo_are_remembered_in_the_folder_where_one_is(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        key = folder / "key.pem"
        key.write_bytes(keys.public_pem(keys.new_p256().public_key()))
        command = [sys.executable, "-m", "planetlab.cli", "log", "audit", "--log", f"plc,http://127.0.0.1:1/SA/,,{key}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn("WRONG plc: http://127.0.0.1:1/SA/", done.stdout, done.stderr)
        self.assertEqual({}, json.loads((folder / "ticket-logs.json").read_text()))


class Comparing(SynchronousTestCase):
    def wrong(self, *reports: log.Report) -> list[list[str]]:
        log._compare(reports)
        return [each.wrong for each in reports]

    def test_a_ticket_that_was_redeemed_and_never_issued_is_named_with_its_node(self) -> None:
        (found,) = self.wrong(report("plc", entry("issued", "a"), entry("redeemed", "a"), entry("redeemed", "b")))
        self.assertEqual(1, len(found), found)
        self.assertIn("node1.plc.example redeemed a ticket for princeton_codeen", found[0])

    def test_one_issued_by_another_is_looked_for_in_that_ones_log(self) -> None:
        there = report("epfl", entry("issued", "e", "epfl"))
        self.assertEqual([[], []], self.wrong(report("plc", entry("redeemed", "e", "epfl")), there))
        self.assertEqual(
            [1, 0], [len(each) for each in self.wrong(report("plc", entry("redeemed", "x", "epfl")), there)]
        )

    def test_one_whose_issuers_log_is_not_read_is_no_finding(self) -> None:
        self.assertEqual([[]], self.wrong(report("plc", entry("redeemed", "e", "epfl"))))

    def test_an_authority_does_not_issue_for_another(self) -> None:
        (found,) = self.wrong(report("plc", entry("issued", "e", "epfl")))
        self.assertIn("issued a ticket of epfl", found[0])


class Keeping(SynchronousTestCase):
    def test_heads_of_last_time_are_read_back(self) -> None:
        file = Path(self.mktemp())
        self.assertEqual({}, log._heads(file))
        file.write_text(json.dumps({"plc": {"log": "plc", "size": 3, "root": "00", "time": 1}}))
        self.assertEqual({"plc": Head(log="plc", size=3, root="00", time=1)}, log._heads(file))

    def test_a_damaged_file_is_named_and_not_begun_anew(self) -> None:
        file = Path(self.mktemp())
        for text in ("{", "[]", '{"plc": {"size": 1}}', '{"plc": 7}'):
            file.write_text(text)
            with self.assertRaisesRegex(BadSettings, "heads that an audit before kept"):
                log._heads(file)

    def test_a_place_on_the_command_line_has_four_parts(self) -> None:
        with self.assertRaisesRegex(BadSettings, "HRN,URL,CA-FILE,KEY-FILE"):
            log.Place.of("plc,https://plc.example/SA/")
