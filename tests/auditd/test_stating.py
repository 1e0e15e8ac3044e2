"""Signed answers: a "no" that says when nothing was seen, which programs of others can check."""

import base64
import json
import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest

from attrs import evolve
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from auditd.gaps import Gap, Lack
from auditd.pages import Pages
from auditd.sealing import Log
from planetlab import audit_statements as statements
from planetlab import keys
from planetlab.audit_statements import Statement, Unproven
from planetlab.cli.statement import group
from tests.auditd.world import CODEEN, CORAL, NOON, VICTIM, World, sent

KEY = keys.new_p256()
OTHERS = keys.new_p256().public_key()
NOTHING = Statement(
    by="n.example", node="n.example", about="192.0.2.1", since=0.0, until=60.0, made=61.0, flows=0, packets=0, octets=0
)


class Stating(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.world = World()
        log = Log(self.folder / "log", KEY)
        self.world.pages = Pages(self.world.pages._answers, self.world.clocks, None, log)
        self.world.see(sent(CODEEN, at=1000, packets=3, octets=180), sent(CORAL, at=1000))

    def stated(self, path: str) -> Statement:
        page = self.world.get(path)
        self.assertEqual(200, page.status, page.text)
        return statements.verified(page.body, KEY.public_key())

    def test_what_cannot_be_stated_is_refused(self) -> None:
        for path, status in (
            ("/to/banana.statement", 400), ("/slices.statement", 404), ("/.statement", 404),
            (f"/to/{VICTIM}.statement?slice={CODEEN}", 400),
            (f"/to/{VICTIM}.statement?from=5&until=9", 400), (f"/to/{VICTIM}.statement?from={NOON + 99}", 400),
        ):  # fmt: skip
            self.assertEqual(status, self.world.get(path).status, path)

    def test_a_no_is_signed_and_complete_when_everything_was_seen(self) -> None:
        told = self.stated("/to/203.0.113.1.statement")
        self.assertEqual((0, 0, True, "203.0.113.1"), (told.flows, told.packets, told.complete, told.about))
        self.assertIn("nothing was sent by node1.plc.example to 203.0.113.1.", told.sentence)
        self.assertEqual("node1.plc.example", told.by)

    def test_a_no_discloses_when_nothing_was_seen(self) -> None:
        since = (NOON - 600) * 1_000_000
        self.world.audit.gaps.add(Gap(Lack.BLIND, since, since + 9_000_000, "the capture was restarted"))
        told = self.stated("/to/203.0.113.1.statement")
        self.assertFalse(told.complete)
        self.assertIn("nothing was seen going from", told.sentence)
        self.assertEqual(["the capture was restarted"], [gap["reason"] for gap in told.gaps])
        later = self.stated(f"/to/203.0.113.1.statement?from={NOON - 300}")
        self.assertTrue(later.complete)

    def test_a_no_reaches_no_further_than_what_the_capture_has_delivered(self) -> None:
        self.world.steady += 40
        self.assertEqual(float(NOON), self.stated("/to/203.0.113.1.statement").until)

    def test_a_yes_says_how_much_and_by_whom(self) -> None:
        told = self.stated(f"/to/{VICTIM}.statement")
        self.assertEqual((2, 4, 240, (CODEEN, CORAL)), (told.flows, told.packets, told.octets, told.slices))
        told = self.stated(f"/to/{VICTIM}.statement?port=54&protocol=udp")
        self.assertEqual((0, 54, 17), (told.flows, told.port, told.protocol))

    def test_the_page_leads_to_it_and_to_the_key(self) -> None:
        self.assertIn(f"/to/{VICTIM}.statement", self.world.get(f"/to/{VICTIM}").text)
        pem = self.world.get("/key.pem")
        self.assertTrue(keys.same(KEY.public_key(), keys.load_public(pem.body)))

    @unittest.skipIf(shutil.which("openssl") is None, "openssl is not installed")
    def test_openssl_checks_it_knowing_nothing_of_us(self) -> None:
        text, signature, _ = self.world.get("/to/203.0.113.1.statement").body.split(b"\n")
        for name, data in (("text", text), ("sig", base64.b64decode(signature)), ("bad", text.replace(b"0", b"1", 1))):
            (self.folder / name).write_bytes(data)
        (self.folder / "key.pem").write_bytes(self.world.get("/key.pem").body)
        for name, code in (("text", 0), ("bad", 1)):
            words = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", name]
            self.assertEqual(code, subprocess.run(words, cwd=self.folder, capture_output=True).returncode, name)


class Verifying(SynchronousTestCase):
    def test_an_altered_statement_or_anothers_key_proves_nothing(self) -> None:
        data, chance = statements.signed(NOTHING, KEY), random.Random(5)
        self.assertEqual(NOTHING, statements.verified(data, KEY.public_key()))
        self.assertRaises(Unproven, statements.verified, data, OTHERS)
        for _ in range(400):
            bad, at = bytearray(data), chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    bad[at] ^= 1 << chance.randrange(8)
                case 1:
                    del bad[at]
                case 2:
                    bad.insert(at, chance.randrange(256))
                case _:
                    del bad[at:]
            if bytes(bad) != data:
                self.assertRaises(Unproven, statements.verified, bytes(bad), KEY.public_key())

    def test_no_character_of_a_signature_may_be_another_even_one_that_no_decoder_looks_at(self) -> None:
        for _ in range(6):  # signatures differ in length, and so in the bits that are left over
            text, signature, _ = statements.signed(NOTHING, KEY).split(b"\n")
            for at in range(len(signature)):
                for bit in (1, 2, 4):
                    bent = signature[:at] + bytes([signature[at] ^ bit]) + signature[at + 1 :]
                    told = text + b"\n" + bent + b"\n"
                    self.assertRaises(Unproven, statements.verified, told, KEY.public_key())

    def test_very_many_gaps_are_told_without_hiding_any(self) -> None:
        gaps = [{"node": "n", "lack": "loss", "since": n, "until": n + 0.5, "reason": "x"} for n in range(2000)]
        told = statements.listed(gaps)
        self.assertEqual(statements.MOST_GAPS, len(told))
        self.assertEqual((0, "1501 gaps, told as one"), (told[0]["since"], told[0]["reason"]))
        self.assertTrue(all(any(t["since"] <= g["since"] and g["until"] <= t["until"] for t in told) for g in gaps))
        self.assertFalse(evolve(NOTHING, gaps=told).complete)

    def test_the_command_says_what_was_stated_or_that_it_is_not_proven(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            gap = {"node": "n.example", "lack": "blind", "since": 1.0, "until": 2.0, "reason": "it was off"}
            (folder / "s").write_bytes(statements.signed(evolve(NOTHING, gaps=(gap,)), KEY))
            for who, key in (("own", KEY.public_key()), ("other", OTHERS)):
                (folder / who).write_bytes(keys.public_pem(key))
            done = CliRunner().invoke(group, ["verify", str(folder / "s"), "--key", str(folder / "own")])
            self.assertEqual(0, done.exit_code, done.output)
            self.assertIn("Signed by n.example: From 1970-01-01T00:00:00Z", done.output)
            self.assertIn("not seen: n.example, 1 to 2: it was off", done.output)
            done = CliRunner().invoke(group, ["verify", str(folder / "s"), "--key", str(folder / "own"), "--json"])
            self.assertFalse(json.loads(done.output)["complete"])
            done = CliRunner().invoke(group, ["verify", str(folder / "s"), "--key", str(folder / "other")])
            self.assertEqual((1, True), (done.exit_code, "NOT PROVEN" in done.output))
