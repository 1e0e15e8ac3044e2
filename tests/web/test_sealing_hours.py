"""Merged hours are sealed by the archive: whatever is done to one shows, and is made good where nodes still can."""

import json
import random
from pathlib import Path

from click.testing import CliRunner

from planetlab import hour_files, hour_seals, keys
from planetlab.cli.statement import group
from planetlab.flowlog import Tampered
from planetlab.hour_files import Trouble
from planetlab.hour_seals import Seal
from tests.web import test_the_archive_of_flows as pulling
from tests.web.test_the_archive_of_flows import HOUR, NODE, NOON
from web.questions import Question
from web.store import Archive

DAY = Question(since=NOON - HOUR, until=NOON + 9 * HOUR, skew=0.0)


class SealingHours(pulling.Sealed):
    def merged(self) -> list[Path]:
        """The files of the hours; the node's own files are gone."""
        self.archive.tidy(NOON + 4.0 * HOUR, 9e9, segment_days=0.0)
        return sorted(self.archive.folder.glob(hour_files.FILES))

    def again(self) -> Archive:
        self.archive.close()
        self.archive = Archive(self.archive.folder)
        self.puller.archive = self.archive
        return self.archive

    def wrong(self) -> list[Trouble]:
        found = [each for _, each in hour_files.checked(self.archive.folder, self.archive.key.public_key())]
        return [each for each in found if isinstance(each, Trouble)]

    async def test_every_alteration_of_a_merged_hour_shows_and_the_others_stay_readable(self) -> None:
        await self.puller.pull(NODE, self.url)
        files, chance = self.merged(), random.Random(7)
        self.assertEqual([], self.wrong())
        path = files[1]
        whole, seal = path.read_bytes(), next(path.parent.glob("*.seal"))
        sealed = seal.read_bytes()
        for _ in range(60):
            at, kind = chance.randrange(len(whole)), chance.randrange(5)
            bent = (
                whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :], whole[:at],
                whole[:at] + b"x" + whole[at:], whole[:at] + whole[at + 1 :], files[0].read_bytes(),
            )[kind]  # fmt: skip
            path.write_bytes(bent)
            self.assertEqual(1, len(self.wrong()), (kind, at))
        path.write_bytes(whole)
        for _ in range(40):
            at = chance.randrange(len(sealed) - 1)
            seal.write_bytes(sealed[:at] + bytes([sealed[at] ^ 1 << chance.randrange(7)]) + sealed[at + 1 :])
            self.assertEqual(1, len(self.wrong()), at)
        seal.unlink()
        self.assertEqual(1, len(self.wrong()))
        self.assertEqual(800, sum(row["flows"] for row in self.again().senders(DAY)))

    async def test_a_damaged_hour_is_no_longer_believed_and_is_pulled_and_merged_again(self) -> None:
        await self.puller.pull(NODE, self.url)
        path, before = self.merged()[1], self.archive.senders(DAY)
        data = path.read_bytes()
        path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
        damaged = [hour for _ in range(5) if (hour := self.archive.scrub())]
        self.assertEqual([path], [hour.path for hour in damaged])
        self.assertEqual([True, False, True], [each["here"] for each in self.archive.coverage(DAY)])
        self.assertEqual(1, await self.puller.pull(NODE, self.url))
        self.assertEqual(1, self.archive.tidy(NOON + 4.0 * HOUR, 9e9, segment_days=0.0))
        self.assertEqual((before, []), (self.archive.senders(DAY), self.wrong()))

    async def test_a_crash_between_seal_and_file_leaves_an_hour_with_its_seal(self) -> None:
        await self.puller.pull(NODE, self.url)
        path = self.merged()[0]
        (path.parent / f"{'0' * 64}.seal").write_bytes(b"of a file that never took its place")
        (path.parent / "flows.tmp").write_bytes(b"half")
        self.assertEqual([], self.wrong())
        self.assertEqual(1200, sum(row["flows"] for row in self.again().senders(DAY)))

    async def test_an_hour_of_segments_that_no_node_has_signed_shows(self) -> None:
        await self.puller.pull(NODE, self.url)
        self.merged()
        (self.archive.node(NODE).folder / "000002.manifest").unlink()
        self.assertIn(f"segment 2 of {NODE}", self.wrong()[0].what)

    async def test_another_archives_seal_is_none(self) -> None:
        seal = Seal(begin=0, octets=1, sha256="0", segments=((NODE, 1, "0"),))
        data, other = hour_seals.sealed(seal, self.archive.key), keys.new_p256().public_key()
        self.assertEqual(seal, hour_seals.opened(data, self.archive.key.public_key()))
        self.assertRaises(Tampered, hour_seals.opened, data, other)

    async def test_the_command_line_checks_them(self) -> None:
        await self.puller.pull(NODE, self.url)
        path = self.merged()[2]
        key = self.folder / "archive.pem"
        key.write_bytes(keys.public_pem(self.archive.key.public_key()))
        asked = ["hours", str(self.archive.folder), "--key", str(key), "--json"]
        told = CliRunner().invoke(group, asked)
        self.assertEqual((0, 3), (told.exit_code, len(json.loads(told.stdout)["good"])))
        path.write_bytes(path.read_bytes() + b"x")
        told = CliRunner().invoke(group, asked)
        self.assertEqual((1, 1), (told.exit_code, len(json.loads(told.stdout)["wrong"])))
