"""What the ledger keeps, whatever happens to it."""

import os
import sqlite3
from pathlib import Path
from tempfile import mkdtemp

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from pl_conf.entries import Intent, Receipt, Watermark, gone_of
from pl_conf.ledger import Ledger
from pl_conf.memory import Gone, Memory, line_of, read_line
from planetlab.errors import BadSettings, DatabaseError
from tests.pl_conf.samples import CODEEN, DAY, EPFL, NOW, PLC, SURVEY, wish


def intent(verb: str = "redeem") -> Intent:
    return Intent(
        number=0,
        verb=verb,
        authority=PLC,
        slice=CODEEN,
        sealed=b"sealed",
        source="push",
        feed="",
        rcap="",
        why="",
        at=NOW,
    )


class OnDisk(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Path(mkdtemp(dir=os.environ.get("TMPDIR")))
        self.path, self.deletions = self.place / "ledger.db", self.place / "deletions.log"

    def open(self) -> Ledger:
        ledger = Ledger.open(self.path, self.deletions)
        self.addCleanup(ledger.close)
        return ledger

    def redeemed(self) -> Ledger:
        ledger = self.open()
        ledger.redeemed(ledger.begin(intent()), wish(), "created", "")
        return ledger


class ADamagedLedger(OnDisk):
    def refusal(self) -> str:
        return str(self.assertRaises(BadSettings, self.open))

    def test_bytes_that_are_no_database_are_refused_in_a_sentence_with_the_path(self) -> None:
        self.path.write_bytes(b"not a database at all" * 100)
        self.assertIn(str(self.path), self.refusal())

    def test_a_flipped_page_is_found_before_anything_is_answered_from_it(self) -> None:
        ledger = self.redeemed()
        for n in range(200):
            ledger.note(
                Receipt(at=NOW, authority="plc", slice="x", source="push", deed="refused", text="x" * 500 + str(n))
            )
        ledger.close()
        content = bytearray(self.path.read_bytes())
        for at in range(4096, len(content) - 4096, 4096):
            content[at : at + 8] = b"\xff" * 8
        self.path.write_bytes(content)
        self.assertIn(str(self.path), self.refusal())

    def test_a_newer_version_is_not_touched(self) -> None:
        self.open().close()
        with sqlite3.connect(self.path) as db:
            db.execute("update about set value = '99' where key = 'version'")
        self.assertIn("expected a ledger of version 1, got version 99", self.refusal())

    def test_a_second_process_is_told_that_the_first_has_it(self) -> None:
        self.open()
        self.assertIn("another process", self.refusal())


class WhatWasBegun(OnDisk):
    def test_is_known_after_a_restart_until_it_is_ended(self) -> None:
        ledger = self.open()
        ledger.begin(intent())
        ledger.close()
        again = self.open()
        self.assertEqual([("redeem", CODEEN)], [(each.verb, each.slice) for each in again.begun()])
        again.abandoned(again.begun()[0].number)
        self.assertEqual([], again.begun())

    def test_a_retry_that_ends_well_settles_the_first_try(self) -> None:
        ledger = self.open()
        ledger.begin(intent())
        ledger.redeemed(ledger.begin(intent()), wish(), "created", "")
        self.assertEqual([], ledger.begun())

    def test_ending_one_slices_operation_leaves_another_slices_begun(self) -> None:
        ledger = self.open()
        ledger.begin(evolve(intent(), slice=SURVEY))
        ledger.redeemed(ledger.begin(intent()), wish(), "created", "")
        self.assertEqual([SURVEY], [each.slice for each in ledger.begun()])


class AWish(OnDisk):
    def test_is_the_same_after_a_restart_ticket_included(self) -> None:
        self.redeemed().close()
        self.assertEqual([wish()], self.open().wishes())

    def test_is_found_by_name_and_by_rcap_until_it_is_released(self) -> None:
        ledger = self.redeemed()
        self.assertEqual((wish(), wish()), (ledger.named(CODEEN), ledger.held_by("1" * 32)))
        ledger.released(
            ledger.begin(intent("release")), wish(), gone_of(wish(), NOW, "its holder deleted it"), "deleted"
        )
        self.assertEqual((None, None, []), (ledger.named(CODEEN), ledger.held_by("1" * 32), ledger.wishes()))

    def test_a_full_disk_changes_nothing_and_is_survived(self) -> None:
        ledger = self.redeemed()
        page = sqlite3.connect(self.path).execute("pragma page_count").fetchone()[0]
        ledger._db.execute(f"pragma max_page_count = {page}")  # the database's own way of having no more room
        big = wish(slice=SURVEY, rcap="2" * 32, sealed=b"x" * 200_000)
        number = ledger.begin(intent())
        self.assertRaises(DatabaseError, ledger.redeemed, number, big, "created", "")
        self.assertEqual([wish()], ledger.wishes())
        ledger._db.execute("pragma max_page_count = 100000")
        ledger.redeemed(number, big, "created", "")
        self.assertEqual([wish(), big], ledger.wishes())

    def test_its_serial_stays_known_until_the_ticket_expires(self) -> None:
        ledger = self.redeemed()
        ledger.forget(NOW + DAY)
        self.assertEqual({"plc-1": str(CODEEN)}, ledger.serials(PLC))
        ledger.forget(NOW + 57 * DAY)
        self.assertEqual({}, ledger.serials(PLC))


class ADeletion(OnDisk):
    def deleted(self) -> Ledger:
        ledger = self.redeemed()
        ledger.released(
            ledger.begin(intent("release")), wish(), gone_of(wish(), NOW, "its holder deleted it"), "deleted"
        )
        return ledger

    def test_is_remembered_though_yesterdays_ledger_is_put_back(self) -> None:
        ledger = self.redeemed()
        ledger.close()
        yesterday = self.path.read_bytes()
        ledger = self.open()
        ledger.released(
            ledger.begin(intent("release")), wish(), gone_of(wish(), NOW, "its holder deleted it"), "deleted"
        )
        ledger.close()
        self.path.write_bytes(yesterday)
        for part in ("-wal", "-shm"):
            (self.path.with_name(self.path.name + part)).unlink(missing_ok=True)
        restored = self.open()
        gone = restored.gone(PLC, CODEEN)
        assert gone is not None
        self.assertTrue(gone.bars(wish().issued, wish().expires))

    def test_does_not_come_back_from_the_file_once_a_newer_ticket_was_redeemed(self) -> None:
        ledger = self.deleted()
        ledger.redeemed(ledger.begin(intent()), wish(issued=NOW + 5, serial="plc-2"), "created", "")
        ledger.close()
        self.assertIsNone(self.open().gone(PLC, CODEEN))

    def test_is_forgotten_in_both_files_when_no_ticket_can_be_meant_any_more(self) -> None:
        ledger = self.deleted()
        ledger.forget(NOW + 89 * DAY)
        self.assertIsNotNone(ledger.gone(PLC, CODEEN))
        ledger.forget(NOW + 91 * DAY)
        ledger.close()
        self.assertIsNone(self.open().gone(PLC, CODEEN))

    def test_the_rcap_of_it_is_known_for_a_while(self) -> None:
        self.assertIsNotNone(self.deleted().gone_rcap("1" * 32))
        self.assertIsNone(self.deleted_elsewhere().gone_rcap("3" * 32))

    def deleted_elsewhere(self) -> Ledger:
        return Ledger.open(None)


class TheFileOfDeletions(OnDisk):
    gone = Gone(authority=PLC, slice=CODEEN, rcap="1" * 32, issued=NOW, expires=NOW + DAY, at=NOW, until=NOW + DAY)

    def test_a_line_reads_as_it_was_written(self) -> None:
        self.assertEqual(self.gone, read_line(line_of(self.gone)))

    def test_a_line_with_any_byte_changed_is_not_believed(self) -> None:
        line = line_of(self.gone)
        changed = [line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :] for at in range(len(line))]
        self.assertEqual([], [at for at, wrong in enumerate(changed) if read_line(wrong) not in (None,)])

    def test_a_torn_last_line_costs_that_line_only(self) -> None:
        memory = Memory(self.deletions)
        memory.add(self.gone)
        with self.deletions.open("ab") as file:
            file.write(line_of(evolve(self.gone, slice=SURVEY))[:40])
        memory.add(evolve(self.gone, authority=EPFL))
        read, unread = memory.read()
        self.assertEqual(({PLC, EPFL}, 1), ({gone.authority for gone in read}, unread))

    def test_a_ticket_without_a_time_of_issue_is_ordered_by_its_expiry(self) -> None:
        self.assertEqual((True, False), (self.gone.bars(0.0, NOW + DAY), self.gone.bars(0.0, NOW + DAY + 1)))

    def test_a_ticket_of_the_same_moment_is_from_before(self) -> None:
        self.assertEqual((True, False), (self.gone.bars(NOW, NOW + 9 * DAY), self.gone.bars(NOW + 0.001, NOW)))


class Watermarks(SynchronousTestCase):
    def test_hearing_one_authority_moves_no_other(self) -> None:
        ledger = Ledger.open(None)
        ledger.heard(Watermark(authority=PLC, stamp=7, issued=NOW, answered=NOW))
        ledger.heard(Watermark(authority=EPFL, stamp=2, issued=NOW - 3600, answered=NOW))
        self.assertEqual((7, 2), (ledger.watermark(PLC).stamp, ledger.watermark(EPFL).stamp))

    def test_receipts_come_oldest_first_and_by_authority(self) -> None:
        ledger = Ledger.open(None)
        for n in range(5):
            who = "plc" if n % 2 else "epfl"
            ledger.note(Receipt(at=NOW + n, authority=who, slice="s_x", source="push", deed="refused", reason=205))
        self.assertEqual([1, 3], [int(each.at - NOW) for each in ledger.receipts(authority="plc")])
        self.assertEqual([3, 4], [int(each.at - NOW) for each in ledger.receipts(most=2)])
