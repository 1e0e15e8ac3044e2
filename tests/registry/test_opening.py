"""The registry's file: made, opened, stepped, refused; who may write what; what a kill leaves behind."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mgmt_authority import service as ma
from planetlab.both.desk import Desk
from planetlab.both.founding import found
from planetlab.both.greeting import Greeter
from planetlab.calls import dispatch
from planetlab.clock import SetClock
from planetlab.errors import BadSettings, Conflict, DatabaseError
from planetlab.methods import Api
from planetlab.names import Hrn
from planetlab.registry import opening
from planetlab.registry.halves import MANAGEMENT_HALF, SHARED, SLICE_HALF
from planetlab.registry.plc import Plc
from slice_authority import service as sa
from tests.registry.world import ADMIN, NOW, quick

PLC = Plc(hrn=Hrn.parse("plc"))
X = {"name": "x", "abbreviated_name": "x", "login_base": "x"}
TREE = Path(__file__).parents[2]


class OnDisk(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = str(Path(self.mktemp()).absolute())
        found(self.path, PLC, ADMIN["Username"], quick(ADMIN["AuthString"]), NOW)

    def desk(self, half: str) -> Desk:
        return Desk(self.path, half, PLC, Greeter(), SetClock(NOW))

    def call(self, desk: Desk, api: Api, name: str, *args: object) -> object:
        return desk.run_now(api[name], lambda: dispatch(api, name, args, lambda m, a: desk.greet(m, a, "")))


class Opening(OnDisk):
    def test_a_newer_file_is_refused_in_a_sentence_and_not_touched(self) -> None:
        with sqlite3.connect(self.path) as db:
            db.execute(f"PRAGMA user_version = {opening.VERSION + 1}")
        error = self.assertRaises(BadSettings, opening.prepare, self.path)
        self.assertIn("install the newer program", str(error))

    def test_a_file_that_is_no_registry_is_refused(self) -> None:
        other = str(Path(self.mktemp()).absolute())
        Path(other).write_text("hello, this is not a database at all" * 50)
        self.assertIn("is no registry", str(self.assertRaises(BadSettings, opening.prepare, other)))
        with sqlite3.connect(other + "2") as db:
            db.execute("CREATE TABLE mine (x)")
        db.close()
        self.assertIn("is no registry", str(self.assertRaises(BadSettings, opening.prepare, other + "2")))

    def test_an_older_file_is_copied_aside_and_stepped(self) -> None:
        steps = Path(self.mktemp())
        steps.mkdir()
        newer = opening.VERSION + 1
        (steps / f"{newer}-from-{opening.VERSION}.sql").write_text("ALTER TABLE sites ADD COLUMN motto TEXT;")
        self.patch(opening, "SCHEMA", steps)
        self.patch(opening, "VERSION", newer)
        opening.prepare(self.path)
        with sqlite3.connect(self.path) as db:
            self.assertEqual([(None,)], db.execute("SELECT motto FROM sites").fetchall())
            self.assertEqual(newer, db.execute("PRAGMA user_version").fetchone()[0])
        with sqlite3.connect(f"{self.path}.version-{newer - 1}") as aside:
            self.assertEqual([("pl",)], aside.execute("SELECT login_base FROM sites").fetchall())
        self.assertEqual(0o600, os.stat(f"{self.path}.version-{newer - 1}").st_mode & 0o777)

    def test_a_file_of_the_first_version_has_after_its_steps_the_same_tables_as_a_new_one(self) -> None:
        first = str(Path(self.mktemp()).absolute())
        with sqlite3.connect(first) as db:
            db.executescript((opening.SCHEMA / "1.sql").read_text())
            db.execute(f"PRAGMA application_id = {opening.APPLICATION}")
            db.execute("PRAGMA user_version = 1")
        db.close()
        opening.prepare(first)
        self.assertEqual(self.tables(self.path), self.tables(first))

    @staticmethod
    def tables(path: str) -> dict[str, str]:
        """Everything that a file's schema says, without its comments and spaces, by name."""
        with sqlite3.connect(path) as db:
            rows = db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        return {name: " ".join(re.sub(r"--.*", "", sql).split()) for name, sql in rows}

    def test_a_step_that_fails_leaves_the_file_as_it_was(self) -> None:
        steps = Path(self.mktemp())
        steps.mkdir()
        newer = opening.VERSION + 1
        (steps / f"{newer}-from-{opening.VERSION}.sql").write_text("ALTER TABLE sites ADD COLUMN motto TEXT; NONSENSE;")
        before = opening.VERSION
        self.patch(opening, "SCHEMA", steps)
        self.patch(opening, "VERSION", newer)
        self.assertRaises(sqlite3.Error, opening.prepare, self.path)
        with sqlite3.connect(self.path) as db:
            self.assertEqual(before, db.execute("PRAGMA user_version").fetchone()[0])
            self.assertRaises(sqlite3.OperationalError, db.execute, "SELECT motto FROM sites")

    def test_a_second_authority_of_the_same_half_is_refused(self) -> None:
        claim = opening.hold(self.path, "slice")
        self.addCleanup(os.close, claim)
        self.assertIn("already served", str(self.assertRaises(BadSettings, opening.hold, self.path, "slice")))
        os.close(opening.hold(self.path, "management"))

    def test_founding_twice_is_refused_and_changes_nothing(self) -> None:
        self.assertRaises(Conflict, found, self.path, PLC, "second@plc.example", "x", NOW)

    def test_the_file_is_for_its_owner_only(self) -> None:
        self.assertEqual(0o600, os.stat(self.path).st_mode & 0o777)


class Halves(OnDisk):
    def test_every_table_belongs_to_a_half_or_is_shared_and_to_no_two(self) -> None:
        with sqlite3.connect(self.path) as db:
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        self.assertEqual(tables, (SLICE_HALF | MANAGEMENT_HALF | SHARED) - {"sqlite_master"})
        self.assertEqual(set(), SLICE_HALF & MANAGEMENT_HALF | SLICE_HALF & SHARED | MANAGEMENT_HALF & SHARED)

    def test_each_half_writes_only_its_own_nouns(self) -> None:
        for half, others in (("slice", MANAGEMENT_HALF), ("management", SLICE_HALF)):
            connection = opening.connect(self.path, half)
            self.addCleanup(connection.close)
            for table in sorted(others):
                with self.assertRaisesRegex(sqlite3.DatabaseError, "not authorized", msg=table):
                    connection.execute(f"INSERT INTO {table} DEFAULT VALUES")

    def test_what_a_deletion_takes_with_it_crosses_over(self) -> None:
        slice_half, management = self.desk("slice"), self.desk("management")
        site = self.call(slice_half, sa.api, "AddSite", ADMIN, X)
        self.call(management, ma.api, "AddNode", ADMIN, site, {"hostname": "n.x.example"})
        self.call(slice_half, sa.api, "DeleteSite", ADMIN, site)
        self.assertEqual([], self.call(management, ma.api, "GetNodes", ADMIN))

    def test_whom_the_management_half_puts_into_a_site_gets_a_name_of_it(self) -> None:
        slice_half, management = self.desk("slice"), self.desk("management")
        site = self.call(slice_half, sa.api, "AddSite", ADMIN, X)
        person = {"email": "one@x.example", "first_name": "O", "last_name": "N"}
        number = self.call(slice_half, sa.api, "AddPerson", ADMIN, person)
        self.call(management, ma.api, "UpdateSite", ADMIN, site, {"persons": [number]})
        self.assertEqual("plc.x.one", self.call(slice_half, sa.api, "GetPersonHrn", ADMIN, number))

    def test_a_reader_cannot_write_even_if_it_tried(self) -> None:
        connection = opening.connect(self.path, "slice", reads_only=True)
        self.addCleanup(connection.close)
        self.assertRaises(sqlite3.OperationalError, connection.execute, "DELETE FROM slices")

    def test_what_one_half_commits_the_other_reads(self) -> None:
        self.call(self.desk("slice"), sa.api, "AddSite", ADMIN, X)
        sites = self.call(self.desk("management"), ma.api, "GetSites", ADMIN, ["x"], ["login_base"])
        self.assertEqual([{"login_base": "x"}], sites)


DIES = """
import sys
from planetlab.both.desk import Desk
from planetlab.both.greeting import Greeter
from planetlab.calls import dispatch
from planetlab.clock import SetClock
from planetlab.names import Hrn
from planetlab.registry.plc import Plc
from slice_authority import service as sa
from tests.registry.world import ADMIN, NOW
desk = Desk(sys.argv[1], "slice", Plc(hrn=Hrn.parse("plc")), Greeter(), SetClock(NOW))
def call(name, *args):
    return desk.run_now(sa.api[name], lambda: dispatch(sa.api, name, args, lambda m, a: desk.greet(m, a, "")))
call("AddSlice", ADMIN, {"name": "pl_" + sys.argv[2]})
call("AddPersonToSlice", ADMIN, ADMIN["Username"], "pl_" + sys.argv[2])
"""


class Killed(OnDisk):
    def test_a_kill_at_any_point_of_making_a_slice_leaves_all_of_it_or_nothing(self) -> None:
        points = {
            "create.begun": False,
            "create.quota-checked": False,
            "create.slice-row": False,
            "create.before-commit": False,
            "create.after-commit": True,
            "create.members": True,
        }
        for number, (point, kept) in enumerate(points.items()):
            said = {**os.environ, "PLFED_TESTING": "1", "PLFED_FAILPOINT": f"{point}:kill", "PYTHONPATH": str(TREE)}
            command = [sys.executable, "-c", DIES, self.path, f"s{number}"]
            done = subprocess.run(command, env=said, capture_output=True, timeout=60, check=False)
            self.assertEqual(-9, done.returncode, done.stderr.decode())
            with sqlite3.connect(self.path) as db:
                rows = db.execute("SELECT slice_id FROM slices WHERE name = ?", [f"pl_s{number}"]).fetchall()
                self.assertEqual(kept, bool(rows), point)
                told = db.execute("SELECT count(*) FROM event_object WHERE object_type = 'Slice' "
                                  "AND object_id IN (SELECT slice_id FROM slices WHERE name = ?)",
                                  [f"pl_s{number}"]).fetchone()[0]  # fmt: skip
                self.assertEqual(kept, bool(told), point)
                members = db.execute("SELECT count(*) FROM slice_person").fetchone()[0]
                self.assertEqual((0, "ok"), (members, db.execute("PRAGMA integrity_check").fetchone()[0]))
            db.close()

    def test_a_full_disk_is_said_and_the_next_call_works(self) -> None:
        desk = self.desk("slice")
        self.call(desk, sa.api, "GetSites", ADMIN)

        def squeeze(pages: int) -> None:
            desk._connection("writes").execute(f"PRAGMA max_page_count = {pages}")

        now = desk.look_now(lambda store: store.ask("PRAGMA page_count")[0]["page_count"])
        squeeze(now)
        big = {**X, "url": "u" * 200, "name": "n" * 250}
        errors = 0
        for number in range(2000):
            try:
                self.call(desk, sa.api, "AddSite", ADMIN, {**big, "login_base": f"x{number}"})
            except DatabaseError as error:
                self.assertIn("full", str(error))
                errors += 1
                break
        self.assertEqual(1, errors)
        self.flushLoggedErrors(sqlite3.Error)
        squeeze(now * 10)
        self.call(desk, sa.api, "AddSite", ADMIN, X)
