"""An authority's folder as one file: copied while it is written to, put back whole or not at all."""

import io
import json
import pathlib
import sqlite3
import tarfile
import tomllib
from contextlib import closing

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from planetlab.cli.__main__ import main


def rows(path: pathlib.Path) -> list[tuple[str]]:
    """The words in the table that these tests write."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT word FROM words").fetchall()


class Backups(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(self.mktemp()).absolute()
        self.plc, self.file, self.new = self.folder / "plc", self.folder / "copy.tar.gz", self.folder / "new"
        (self.plc / "log").mkdir(parents=True)
        (self.plc / "former").mkdir()
        (self.plc / "slice_authority.toml").write_text(
            f'registry = "{self.plc}/registry.db"\nca = "{self.plc}/former/../ca.pem"\nfederation = "{self.plc}"\n'
            f'other = "{self.plc}-not/x"\n'
        )
        for name, mode in (("ca.key", 0o600), ("former/ticket.key", 0o600), ("ca.pem", 0o644), ("log/web.log", 0o644)):
            (self.plc / name).write_text(name)
            (self.plc / name).chmod(mode)
        with closing(sqlite3.connect(self.plc / "registry.db")) as connection, connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE words (word TEXT)")

    def said(self, *words: object) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words])

    def refused(self, *words: object) -> str:
        done = self.said(*words)
        self.assertEqual(1, done.exit_code, done.output)
        self.assertEqual(1, done.output.count("\n"), done.output)
        return done.output

    def well(self, *words: object) -> str:
        done = self.said(*words)
        self.assertEqual(0, done.exit_code, done.output)
        return done.output

    def altered(self, **members: bytes) -> None:
        """Write the copy again with other contents of some members."""
        with tarfile.open(self.file) as old:
            content = {each.name: old.extractfile(each).read() for each in old}  # type: ignore[union-attr]  # all files
        with tarfile.open(self.file, "w:gz") as new:
            for name, data in {**content, **members}.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                new.addfile(member, io.BytesIO(data))

    def test_a_folder_that_is_no_authoritys_is_not_copied(self) -> None:
        self.assertIn("no authority's folder", self.refused("backup", self.plc / "log", self.file))

    def test_a_damaged_database_takes_no_good_copys_place(self) -> None:
        self.well("backup", self.plc, self.file)
        before = self.file.read_bytes()
        (self.plc / "registry.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
        self.assertEqual(1, self.said("backup", self.plc, self.file).exit_code)
        self.assertEqual(before, self.file.read_bytes())
        self.assertEqual(["copy.tar.gz", "plc"], sorted(each.name for each in self.folder.iterdir()))

    def test_what_is_there_is_not_written_over(self) -> None:
        self.well("backup", self.plc, self.file)
        self.assertIn("is not empty", self.refused("restore", self.file, self.plc))

    def test_a_file_that_is_no_copy_or_half_of_one_is_refused(self) -> None:
        self.well("backup", self.plc, self.file)
        for data in (b"", b"hello", self.file.read_bytes()[:900]):
            self.file.write_bytes(data)
            self.assertIn("is not what `plfed backup` writes", self.refused("restore", self.file, self.new))
            self.assertFalse(self.new.exists())

    def test_a_copy_of_which_one_file_was_changed_restores_nothing(self) -> None:
        self.well("backup", self.plc, self.file)
        self.altered(**{"ca.key": b"another"})
        self.assertIn("ca.key is not as it was written", self.refused("restore", self.file, self.new))
        self.assertFalse(self.new.exists())

    def test_a_name_that_leads_out_of_the_folder_is_refused(self) -> None:
        self.well("backup", self.plc, self.file)
        for name in ("../x", "/tmp/x"):
            self.altered(**{"backup.json": json.dumps({"dir": "/x", "made": 1, "files": {name: ""}}).encode()})
            self.assertIn("would lie outside", self.refused("restore", self.file, self.new))

    def test_rows_that_only_the_log_of_writes_has_are_copied_and_unfinished_ones_are_not(self) -> None:
        with closing(sqlite3.connect(self.plc / "registry.db")) as writing:
            writing.execute("INSERT INTO words VALUES ('kept')")
            writing.commit()
            writing.execute("INSERT INTO words VALUES ('not yet')")
            self.well("backup", self.plc, self.file)
        self.well("restore", self.file, self.new)
        self.assertEqual([("kept",)], rows(self.new / "registry.db"))

    def test_secrets_stay_secret_and_logs_stay_behind(self) -> None:
        self.well("backup", self.plc, self.file)
        self.assertEqual(0o600, self.file.stat().st_mode & 0o777)
        self.well("restore", self.file, self.new)
        self.assertEqual(0o700, self.new.stat().st_mode & 0o777)
        modes = {name: (self.new / name).stat().st_mode & 0o777 for name in ("ca.key", "former/ticket.key", "ca.pem")}
        self.assertEqual({"ca.key": 0o600, "former/ticket.key": 0o600, "ca.pem": 0o644}, modes)
        self.assertFalse((self.new / "log").exists())

    def test_settings_name_the_folder_where_they_are_now(self) -> None:
        self.well("backup", self.plc, self.file)
        told = json.loads(self.well("restore", self.file, self.new, "--json"))
        self.assertEqual((str(self.new), 5), (told["dir"], told["files"]))
        said = tomllib.loads((self.new / "slice_authority.toml").read_text())
        expected = {"registry": f"{self.new}/registry.db", "ca": f"{self.new}/ca.pem", "federation": str(self.new)}
        self.assertEqual({**expected, "other": f"{self.plc}-not/x"}, said)
