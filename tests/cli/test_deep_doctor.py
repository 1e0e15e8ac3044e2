"""``plfed doctor --deep``: each rule is broken once, and is named with what breaks it."""

import json
import os
import sqlite3
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from planetlab import flowlog, keys
from planetlab.cli.deep import audit, files
from planetlab.cli.deep.books import Begun, Books, Entry, Ledger, Pool, Wish
from planetlab.cli.deep.finding import both_times, judged
from planetlab.cli.deep.node import Node, as_wished, evidence, in_time, told_once, within_shares
from planetlab.cli.deep.pages import Page
from planetlab.registry import inspection, opening
from tests.pl_conf.process import ROOT
from tests.pl_conf.test_process import OnLoopback, fresh

NOW = 1_800_000_000.0
SEALED = b"<ticket/>"
WISH = Wish(
    authority="plc", slice="princeton_codeen", serial="a1", expires=NOW + 100, digest=sha256(SEALED).hexdigest(),
    sealed=SEALED, instantiation="delegated", handle="r1",
)  # fmt: skip
ENTRY = Entry(
    authority="plc", slice="princeton_codeen", rcap="r1", created=True, releasing=False, expires=NOW + 100,
    is_sliver=True, loans=(), granted={},
)  # fmt: skip
TOP = Pool(rcap="top", parent="", ceiling=False, bound="", amounts={"cpu_pct": 90}, start=0, end=2e9)
ROOT_POOL = evolve(TOP, rcap="root", parent="top", ceiling=True, amounts={"cpu_pct": 50})
OWN = evolve(
    TOP,
    rcap="r1",
    parent="root",
    bound="princeton_codeen",
    amounts={"cpu_pct": 20},
    start=NOW,
)
LEDGER = Ledger(
    wishes=(WISH,),
    serials=(("plc", "a1", "princeton_codeen", WISH.digest),),
    deeds={("plc", "princeton_codeen", "created"): 1},
)
WHOLE = Node(
    name="node1.plc.example", ledger=LEDGER, books=Books(entries=(ENTRY,), pools=(TOP, ROOT_POOL, OWN)),
    found={"princeton_codeen": "running"}, now=NOW,
)  # fmt: skip


class ANode(SynchronousTestCase):
    def says(self, rule: Any, node: Node, *words: str) -> None:
        found = list(rule(node))
        self.assertEqual(1, len(found), found)
        for word in words:
            self.assertIn(word, found[0])

    def ledger(self, **said: Any) -> Node:
        return evolve(WHOLE, ledger=evolve(LEDGER, **said))

    def entry(self, **said: Any) -> Node:
        return evolve(WHOLE, books=evolve(WHOLE.books, entries=(evolve(ENTRY, **said),)))

    def test_that_is_whole_breaks_no_rule(self) -> None:
        for rule in (told_once, as_wished, evidence, in_time, within_shares):
            self.assertEqual([], list(rule(WHOLE)))

    def test_with_a_sliver_made_twice_by_its_receipts_or_never(self) -> None:
        twice = self.ledger(deeds={("plc", "princeton_codeen", "created"): 2})
        self.says(told_once, twice, "princeton_codeen of plc", "2 receipts of creation")
        never = list(told_once(self.ledger(deeds={})))
        self.assertEqual(["princeton_codeen of plc is wished for and there is no receipt of its creation"], never)
        gone = self.ledger(wishes=(), serials=())
        self.says(told_once, gone, "1 receipts of creation, 0 of an end, 0 in force")

    def test_with_a_sliver_lost_half_or_that_nobody_asked_for(self) -> None:
        self.says(as_wished, evolve(WHOLE, found={}), "princeton_codeen shall be here and there is no sliver")
        self.says(as_wished, evolve(WHOLE, found={"princeton_codeen": "half"}), "is half made")
        more = evolve(WHOLE, found={"princeton_codeen": "running", "utah_elab": "running"})
        self.says(as_wished, more, "utah_elab", "the books know nothing")
        self.says(as_wished, self.entry(created=False), "shall not be here")

    def test_with_ledger_and_books_that_differ(self) -> None:
        self.says(as_wished, evolve(WHOLE, books=Books(), found={}), "no entry of it")
        self.says(as_wished, self.ledger(wishes=()), "no ticket stands behind it")
        self.says(as_wished, self.ledger(wishes=(evolve(WISH, handle="other"),)), "another rcap")
        self.says(as_wished, self.ledger(wishes=(evolve(WISH, authority="epfl"),)), "epfl's in the ledger")
        self.says(as_wished, self.ledger(barred=frozenset([("plc", "princeton_codeen")])), "ticket from before")

    def test_with_something_begun_long_ago(self) -> None:
        begun = Begun(verb="redeem", authority="plc", slice="utah_elab", at=NOW - 500)
        self.says(as_wished, self.ledger(begun=(begun,)), "redeem of utah_elab was begun 500 s ago")
        self.assertEqual([], list(as_wished(self.ledger(begun=(evolve(begun, at=NOW - 5),)))))

    def test_with_a_sliver_of_a_pool_that_the_owner_gave_needs_no_ticket(self) -> None:
        pool = evolve(OWN, rcap="r2", bound="utah_elab")
        entry = evolve(ENTRY, slice="utah_elab", rcap="r2", is_bound=True)
        books = Books(entries=(ENTRY, entry), pools=(TOP, ROOT_POOL, OWN, pool))
        found = {"princeton_codeen": "running", "utah_elab": "running"}
        self.assertEqual([], list(as_wished(evolve(WHOLE, books=books, found=found))))

    def test_with_evidence_that_was_changed_or_counts_twice(self) -> None:
        self.says(evidence, self.ledger(wishes=(evolve(WISH, sealed=b"<other/>"),)), "not the one that was redeemed")
        self.says(evidence, self.ledger(serials=()), "serial a1", "not noted")
        twice = (*LEDGER.serials, ("plc", "a1", "utah_elab", "f00"))
        self.says(evidence, self.ledger(serials=twice), "serial a1 of plc stands for 2 different tickets")

    def test_with_a_sliver_that_outlives_its_ticket(self) -> None:
        self.says(in_time, self.entry(expires=NOW + 500), "400 s longer than its ticket")
        over = evolve(self.entry(expires=NOW - 9000), ledger=Ledger())
        self.says(in_time, over, "expired 9000 s ago")

    def test_with_more_given_than_there_is(self) -> None:
        def pools(*more: Pool) -> Node:
            return evolve(WHOLE, books=evolve(WHOLE.books, pools=(TOP, ROOT_POOL, OWN, *more)))

        other = evolve(OWN, rcap="r2", bound="utah_elab", amounts={"cpu_pct": 31})
        self.says(within_shares, pools(other), "51 cpu_pct are given out of a pool of 50")
        self.assertEqual([], list(within_shares(pools(evolve(other, start=0, end=NOW)))))
        owners = evolve(other, parent="top", amounts={"cpu_pct": 71})
        self.says(within_shares, pools(owners), "91 cpu_pct are given out of a pool of 90")
        self.says(within_shares, self.entry(loans=(("utah_elab", "cpu_pct", -1),)), "lends utah_elab -1 of cpu_pct")


class ARegistry(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(mkdtemp()) / "registry.db"
        opening.prepare(str(self.path))

    def broken(self, *lines: str) -> list[tuple[int, str]]:
        with sqlite3.connect(self.path) as db:
            db.create_function("call_time", 0, lambda: NOW)
            db.execute("PRAGMA foreign_keys = OFF")
            for line in lines:
                db.execute(line)
        db.close()
        return [(each.number, line) for each in inspection.broken(self.path, NOW) for line in each.found]

    SITE = "INSERT INTO sites (site_id, name, abbreviated_name, login_base, max_slices, date_created, last_updated) "
    SITE += "VALUES (7, 'P', 'P', 'princeton', 1, 0, 0)"
    SLICE = "INSERT INTO slices (slice_id, site_id, name, created, expires) VALUES (%d, 7, '%s', 5, 1900000000)"
    EVENT = "INSERT INTO events (event_id, call_name, call, time) VALUES (%d, 'AddSlice', '', %d)"
    ABOUT = "INSERT INTO event_object VALUES (%d, 'Slice', %d)"

    def whole(self, number: int, name: str) -> tuple[str, ...]:
        return (self.SLICE % (number, name), self.EVENT % (number, 5), self.ABOUT % (number, number))

    def test_that_is_new_breaks_no_rule(self) -> None:
        self.assertEqual([], self.broken())
        self.assertEqual([], self.broken(self.SITE, *self.whole(1, "princeton_a")))

    def test_with_an_effect_without_an_event_and_the_other_way_round(self) -> None:
        found = self.broken(self.SITE, self.SLICE % (1, "princeton_a"))
        self.assertEqual([(1, "slice princeton_a is there and no event tells of its making")], found)
        found = self.broken(self.EVENT % (1, 5), self.ABOUT % (1, 1), self.ABOUT % (1, 99))
        self.assertEqual([(1, "events tell of slice 99, which never was")], found)

    def test_with_a_name_twice_and_more_than_the_quota(self) -> None:
        found = self.broken(self.SITE, *self.whole(1, "princeton_a"), *self.whole(2, "princeton_a"))
        self.assertEqual(
            [
                (1, "2 living slices are called princeton_a"),
                (7, "site princeton has 2 slices, and room for 1"),
            ],
            found,
        )

    def test_with_a_copy_of_nobodys_and_mail_that_waits(self) -> None:
        copy = "INSERT INTO slices (slice_id, site_id, name, created, expires, peer_id, peer_slice_id) "
        copy += "VALUES (3, 7, 'utah_x', 5, 1900000000, 9, 1)"
        mail = f"INSERT INTO outbox (recipients, subject, body, written) VALUES ('[]', 's', 'b', {int(NOW) - 100})"
        found = self.broken(self.SITE, copy, mail)
        self.assertEqual(
            [
                (6, "slices 3 is a copy from peer 9, which is not there"),
                (6, "slice utah_x of peer 9 is at a site of somebody else"),
                (10, "mail 1 waits since 100 s"),
            ],
            found,
        )

    def test_with_a_standing_ticket_that_was_never_issued(self) -> None:
        told = "INSERT OR REPLACE INTO standing_tickets VALUES (1, 99, 'beef', x'00')"
        found = self.broken(self.SITE, *self.whole(1, "princeton_a"), told)
        self.assertEqual([4, 14], [number for number, _ in found])


class Files(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Path(mkdtemp())

    def test_that_were_never_finished_are_named(self) -> None:
        path = self.place / "deletions.log.part"
        path.write_text("")
        os.utime(path, (NOW - 100, NOW - 100))
        self.assertEqual([f"{path} was never finished"], list(files.half_written([self.place], NOW)))
        self.assertEqual([], list(files.half_written([self.place], NOW - 90)))

    def test_of_control_groups_without_a_sliver_are_named_in_either_kind_of_hierarchy(self) -> None:
        for top in ("", "memory"):
            for name in ("princeton_codeen", "utah_elab", "cpu.weight"):
                (self.place / top / "plfed-1" / name).mkdir(parents=True)
        told = list(files.left_behind(self.place / "work", "plfed-1", ["princeton_codeen"], self.place))
        gone = [f"{self.place / top / 'plfed-1' / 'utah_elab'} is of a sliver that is gone" for top in ("memory", "")]
        self.assertEqual(gone, told)

    def test_that_are_no_database_any_more_are_named(self) -> None:
        (self.place / "books.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
        wrong, many = files.damaged([self.place])
        self.assertEqual((1, 1), (len(wrong), many))

    def test_with_secrets_are_named_by_the_secrets_place_and_not_by_the_secret(self) -> None:
        (self.place / "node.key").write_text("a-canary-that-sings\n")
        (self.place / "ticket.key").write_bytes(keys.private_pem(keys.new_p256()))
        pem = (self.place / "ticket.key").read_text().split("\n")[1]
        log = self.place / "x.log"
        log.write_text(f"{'.' * files.PIECE}a-canary-that-sings\n{pem}\n")
        told = list(files.told_in_logs([log], files.secrets_of(self.place)))
        self.assertEqual(
            [f"{log} tells the secret of {self.place / name}" for name in ("node.key", "ticket.key")], told
        )
        self.assertNotIn("canary", "".join(told))


class ALogOfFlows(SynchronousTestCase):
    def test_with_a_segment_altered_or_left_out_is_named(self) -> None:
        place, key = Path(mkdtemp()), keys.new_p256()
        public = key.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        head = flowlog.START
        for number in (1, 2, 3):
            name = f"{number:06d}-x.parquet"
            (place / name).write_bytes(b"rows")
            manifest = flowlog.Manifest(
                node="n", number=number, since=0, until=1, rows=1, file=name, octets=4, sha256=flowlog.digest(b"rows"),
                previous=head,
            )  # fmt: skip
            data = flowlog.sealed(manifest, key)
            (place / f"{number:06d}.manifest").write_bytes(data)
            head = flowlog.digest(data)
        self.assertEqual(([], 3), audit.sealed(place, public))
        (place / "000002-x.parquet").write_bytes(b"ROWS")
        self.assertIn("not the one that was sealed", audit.sealed(place, public)[0][0])
        (place / "000002.manifest").unlink()
        self.assertIn("expected segment 2, got 3", audit.sealed(place, public)[0][0])

    def test_that_counts_otherwise_than_the_kernel_is_named(self) -> None:
        before = audit.Counted(100.0, 1100.0)
        self.assertEqual([], list(audit.differ(before, audit.Counted(10_100.0, 11_150.0))))
        self.assertEqual(1, len(list(audit.differ(before, audit.Counted(9_000.0, 11_100.0)))))


class APage(SynchronousTestCase):
    def test_that_is_not_whole_says_where(self) -> None:
        good = "<!DOCTYPE html><html><body><ul><li>a<li>b</ul><p>c<br><a href='/x'>d</a></body></html>"
        self.assertEqual([], Page(good).wrong)
        self.assertEqual(["/x"], Page(good).links)
        for wrong, said in (
            ("<html></html>", "does not begin"),
            ("<!DOCTYPE html><div><b>x</div></b>", "</div> closes"),
            ("<!DOCTYPE html><table><tr><td>x</tr>", "<table> is not closed"),
            ("<!DOCTYPE html><p id=a><p id=a>", "id a is there twice"),
        ):
            self.assertIn(said, " ".join(Page(wrong).wrong), wrong)


class TheSecondLook(SynchronousTestCase):
    def test_keeps_what_was_wrong_both_times_only(self) -> None:
        first = [judged("a", ["x", "y"], "well", "mend")]
        second = [judged("a", ["y", "z"], "well", "mend"), judged("b", ["new"], "well", "mend")]
        self.assertEqual([("y",), ("new",)], [each.wrong for each in both_times(first, second)])
        self.assertTrue(both_times(first, [judged("a", ["z"], "well", "mend")])[0].ok)


class ANodesFolder(OnLoopback):
    def doctor(self) -> tuple[int, list[dict[str, Any]]]:
        command = [sys.executable, "-m", "planetlab.cli", "doctor", str(self.node.place), "--deep", "--json"]
        done = subprocess.run(
            [*command, "--patience", "0.2"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual("", done.stderr)
        return done.returncode, json.loads(done.stdout)

    def test_is_examined_while_it_runs_and_when_it_has_ended(self) -> None:
        self.node.proxy().create_sliver(fresh("examined"))
        code, findings = self.doctor()
        self.assertEqual((0, []), (code, [each for each in findings if not each["ok"]]))
        self.node.stop()
        self.assertEqual(0, self.doctor()[0])
        (self.node.place / "slivers" / "princeton_examined.json").unlink()
        code, findings = self.doctor()
        wrong = [line for each in findings for line in each["wrong"]]
        self.assertEqual((1, ["princeton_examined shall be here and there is no sliver"]), (code, wrong))
