"""When leases are, as callers say it and ask for it: rows after what the original's times and filters take."""

import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.plcapi.campus import HOUR, Campus
from tests.registry.world import ADMIN, NOW, days

START = int(NOW) // HOUR * HOUR + 30 * HOUR
ANYBODY = {"AuthMethod": "anonymous"}

SAID = {
    "2020-9-14 1:05": 1600045500,
    "2020-09-14   01:05:00": 1600045500,
    "2020-09-14 01:05 utc": 1600045500,
    "2020-09-14 01:05:00 UTC": 1600045500,
    "2020-09-14T01:05:00": 1600045500,
    "1969-12-31 23:00": -3600,
    -3600: -3600,
    True: 1,
}
NOT_SAID = (
    "2020-09-14T01:05", "2020-09-14T01:05:00Z", "2020-09-14T01:05:00 UTC", " 2020-09-14 01:05", "2020-09-14 01:05 ",
    "2020-09-14", "20-09-14 01:05", "1600045500", "", "2020-09-31 01:05", "2020-09-14 24:05", "now", "2100-01-01 00:00",
)  # fmt: skip


class LeaseTimes(SynchronousTestCase):
    def setUp(self) -> None:
        self.campus = Campus()
        self.node = self.campus.ids["reservable"]
        self.lease = self.campus.ids["lease"]

    def add(self, start: Any, end: Any) -> dict[str, Any]:
        told: dict[str, Any] = self.campus.call("AddLeases", ADMIN, self.node, "princeton_codeen", start, end)
        return told

    def told(self, **asked: Any) -> list[int]:
        rows = self.campus.call("GetLeases", ANYBODY, asked, ["lease_id"])
        return [row["lease_id"] for row in rows]

    def test_every_spelling_of_a_time_that_the_original_read_is_read(self) -> None:
        for said, meant in SAID.items():
            self.campus.fresh()
            made = self.add(said, 1_700_000_000 if meant > 1 else 7200)
            self.assertEqual([], made["errors"], said)
            row = self.campus.call("GetLeases", ANYBODY, made["new_ids"])[0]
            self.assertEqual(-(-meant // 1800) * 1800, row["t_from"], said)

    def test_what_the_original_did_not_read_is_refused(self) -> None:
        for said in NOT_SAID:
            code = self.campus.code("admin", "AddLeases", self.node, "princeton_codeen", said, START)
            self.assertEqual(102, code, said)
            if "2100" not in said:
                self.assertEqual(102, self.campus.code("admin", "GetLeases", {"alive": said}), said)

    def test_a_lease_before_1970_is_one(self) -> None:
        number = self.add(-7200, -3600)["new_ids"][0]
        row = self.campus.call("GetLeases", ANYBODY, [number])[0]
        self.assertEqual(
            (-7200, -3600, 3600, True), tuple(row[n] for n in ("t_from", "t_until", "duration", "expired"))
        )
        self.assertEqual([number], self.told(alive=-5000))

    def test_leases_that_are_over_stand_in_nobodys_way(self) -> None:
        first, second = (self.add(3600, end)["new_ids"] for end in (7200, 9000))
        self.assertEqual([1, 1], [len(first), len(second)])
        told = self.campus.call("UpdateLeases", ADMIN, first, {"t_until": 10_800})
        self.assertEqual({"updated_ids": first, "errors": []}, told)
        now = int(NOW) // HOUR * HOUR
        self.assertEqual([], self.add(now - HOUR, now + 2 * HOUR)["errors"])
        self.assertEqual(1, len(self.add(now - 2 * HOUR, now + HOUR)["errors"]))

    def test_a_time_that_is_none_is_an_error_of_each_lease_that_is_to_move(self) -> None:
        for said in ({"t_from": "soon"}, {"t_until": ""}, {"t_until": "x", "duration": 60}, {"duration": 2**31 - 1}):
            told = self.campus.call("UpdateLeases", ADMIN, [self.lease], said)
            self.assertEqual(([], 1), (told["updated_ids"], len(told["errors"])), said)
        for wrong in ({"t_from": None}, {"t_from": 0, "t_until": 9, "duration": 1}):
            self.assertEqual(102, self.campus.code("admin", "UpdateLeases", [self.lease], wrong), wrong)

    def test_a_lease_is_alive_and_clipped_at_both_its_ends(self) -> None:
        one, two = (self.add(START + at * HOUR, START + (at + 1) * HOUR)["new_ids"][0] for at in (0, 1))
        self.assertEqual([one], self.told(alive=START))
        self.assertEqual([one, two], self.told(alive=START + HOUR))
        self.assertEqual([two], self.told(alive=START + 2 * HOUR))
        self.assertEqual([], self.told(alive=START + 2 * HOUR + 1))
        self.assertEqual([two], self.told(clip=START + 2 * HOUR))
        self.assertEqual([one, two], self.told(clip=[START, START + HOUR]))

    def test_a_day_begins_at_midnight_where_the_authority_stands(self) -> None:
        local = time.localtime(NOW)
        midnight = int(NOW) - (local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec)
        self.campus.call("DeleteLeases", ADMIN, [self.lease])
        numbers = [
            self.add(midnight + at * HOUR + 1800, midnight + at * HOUR + HOUR)["new_ids"][0]
            for at in (-2, 0, 23, 47, 49)
        ]
        self.assertEqual(numbers[1:], self.told(day=0))
        self.assertEqual(numbers[1:3], self.told(day=1))
        self.assertEqual(numbers[1:3], self.told(day=True))
        self.assertEqual(numbers[1:4], self.told(day=2))
        self.assertEqual(numbers[:1], self.told(day=-1))
        self.assertEqual([*numbers[:1], *numbers[3:]], self.told(**{"~day": 1}))
        self.assertEqual(numbers[1:], self.told(day=2**40))

    def test_times_are_asked_for_by_numbers_as_texts_and_by_no_other_text(self) -> None:
        row = self.campus.call("GetLeases", ANYBODY, [self.lease])[0]
        self.assertEqual([self.lease], self.told(t_from=str(row["t_from"])))
        self.assertEqual([self.lease], self.told(t_until=[row["t_until"], 5]))
        for said in ("soon", "*", "2020-09-14 01:05"):
            self.assertEqual(106, self.campus.code("admin", "GetLeases", {"t_from": said}), said)
        self.assertEqual(102, self.campus.code("admin", "GetLeases", {"node_id": "1"}))

    def test_an_admin_gives_back_the_lease_of_a_slice_whose_time_is_over(self) -> None:
        self.campus.clock.advance(days(15))
        self.assertEqual(1, self.campus.call("DeleteLeases", ADMIN, [self.lease]))
