"""Records that point to one another are found many at a time, and only the real ones."""

import random
import struct

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd.capture_file import _places
from auditd.capture_ring import HEADER, Block, offsets

SECOND = 1_760_000_000


def record(payload: bytes, second: int = SECOND, order: str = "<") -> bytes:
    return struct.pack(order + "IIII", second, 7, len(payload), len(payload) + 5) + payload


def stepped(data: bytes, order: str) -> list[int]:
    """The places of whole records, one after the other."""
    found, at = [], 0
    while at + 16 <= len(data):
        after = at + 16 + struct.unpack_from(order + "I", data, at + 8)[0]
        if after > len(data):
            break
        found.append(at)
        at = after
    return found


class FindingRecords(SynchronousTestCase):
    def same(self, data: bytes, order: str = "<") -> None:
        places, end = _places(np.frombuffer(data, np.uint8), order)
        expected = stepped(data, order)
        self.assertEqual(expected, places.tolist())
        if expected:
            self.assertEqual(expected[-1] + 16 + struct.unpack_from(order + "I", data, expected[-1] + 8)[0], end)

    def test_payloads_that_look_like_records_are_none(self) -> None:
        chance = random.Random(1)
        for seed in range(30):
            inner = record(bytes(10)) + record(b"x" * 3)
            kinds = (bytes(40), inner, inner[3:] * 2, chance.randbytes(70), b"", struct.pack("<I", SECOND) * 9)
            data = b"".join(record(chance.choice(kinds)) for _ in range(seed * 9 + 1))
            self.same(data)
            self.same(data[: -chance.randrange(1, 30)])

    def test_a_file_of_nothing_but_false_records_is_read(self) -> None:
        self.same(record(b"".join(record(bytes(8), SECOND + n) for n in range(500))) * 3)

    def test_seconds_that_jump_lose_no_record(self) -> None:
        chance = random.Random(2)
        for _ in range(20):
            self.same(b"".join(record(bytes(30), chance.choice((0, 5, SECOND, 1 << 31))) for _ in range(50)))

    def test_both_byte_orders_and_what_is_cut_off(self) -> None:
        for order in "<>":
            data = b"".join(record(bytes(n % 90), SECOND + n, order) for n in range(3000))
            for cut in (len(data), len(data) - 1, 17, 16, 3, 0):
                self.same(data[:cut], order)


class FindingPacketsOfABlock(SynchronousTestCase):
    def test_every_header_of_a_block_is_found_the_last_one_too(self) -> None:
        chance = random.Random(3)
        for count in (0, 1, 2, 700):
            block, places, at = np.zeros(1 << 18, np.uint8), [], 48
            for number in range(count):
                size = HEADER.itemsize + 48 + 8 * chance.randrange(20)
                head = np.zeros(1, HEADER)
                head["next"], head["sec"] = 0 if number == count - 1 else size, SECOND + number // 400
                head["mac"] = head["captured"] = HEADER.itemsize
                block[at : at + size] = SECOND & 0xFF
                block[at : at + HEADER.itemsize] = head.view(np.uint8)
                block[at + 64 : at + 72] = np.frombuffer(struct.pack("<II", 40, SECOND), np.uint8)  # looks like one
                places.append(at)
                at += size
            self.assertEqual(places, offsets(Block(block, count, 48)).tolist())
