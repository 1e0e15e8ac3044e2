"""The hot path, by columns and compiled, counts exactly what scapy's full dissection of every packet counts."""

import io
import random
import struct
import tempfile
from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd import rows, walker
from auditd.capture import Reading
from auditd.capture_file import batches, opened, walked
from auditd.walker import Walker
from tests.auditd.test_reading_packets import by_scapy, four, mixed, ports


def pcap(frames: list[bytes]) -> bytes:
    """Frames as a pcap file, a millisecond apart."""
    records = b"".join(
        struct.pack("<IIII", 1_760_000_000 + n // 1000, n % 1000 * 1000, min(len(frame), 96), len(frame)) + frame[:96]
        for n, frame in enumerate(frames)
    )
    return struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 96, 1) + records


class Walking(SynchronousTestCase):
    if walker.numba is None:
        skip = "the package numba is not installed"

    def both(self, frames: list[bytes], **more: Any) -> tuple[rows.Rows, rows.Rows]:
        """The flows by columns and compiled, in one order."""
        plain, odd = Reading(1), Reading(2)
        compiled = []
        with tempfile.NamedTemporaryFile() as kept:
            kept.write(pcap(frames))
            kept.flush()
            with open(kept.name, "rb", buffering=0) as file:
                form = opened(file)
                for batch in batches(file, form):
                    plain.see(batch)
            with open(kept.name, "rb", buffering=0) as file:
                form = opened(file)
                compiled += walked(file, form, Walker(3, **more), lambda batch: odd.see(batch))
        expected, actual = plain.taken(), rows.joined(np.concatenate([*compiled, odd.taken()]))
        for each in (expected, actual):
            each.sort(order=["s_hi", "s_lo", "d_hi", "d_lo", "proto", "ports"])
        return expected, actual

    def same(self, expected: rows.Rows, actual: rows.Rows) -> None:
        for name in ("s_hi", "s_lo", "d_hi", "d_lo", "proto", "ports", "flags", "packets", "octets", "first", "last"):
            self.assertEqual(expected[name].tolist(), actual[name].tolist(), name)

    def test_flows_are_the_same_whatever_the_packets(self) -> None:
        chance = random.Random(11)
        self.same(*self.both([mixed(chance) for _ in range(5000)]))

    def test_a_table_that_is_too_small_for_all_flows_loses_none(self) -> None:
        chance = random.Random(12)
        frames = [four(17, ports(chance.randrange(1, 3000), 53)) for _ in range(9000)]
        self.same(*self.both(frames, bits=9))

    def test_what_is_cut_short_or_garbage_breaks_nothing(self) -> None:
        chance = random.Random(13)
        frames = [chance.randbytes(chance.randrange(1, 90)) for _ in range(500)]
        frames += [mixed(chance)[: chance.randrange(60)] or b"x" for _ in range(500)]
        self.both(frames)

    def test_ten_thousand_packets_are_the_flows_of_scapys_full_dissection(self) -> None:
        chance = random.Random(14)
        frames = [mixed(chance) for _ in range(10_000)]
        expected = ordered(rows.joined(np.concatenate([by_scapy(frame) for frame in frames])))
        for actual in self.both(frames):
            for name in ("s_hi", "s_lo", "d_hi", "d_lo", "proto", "ports", "flags", "packets", "octets"):
                self.assertEqual(expected[name].tolist(), actual[name].tolist(), name)


def ordered(found: rows.Rows) -> rows.Rows:
    """``found`` in the order of its keys."""
    found.sort(order=["s_hi", "s_lo", "d_hi", "d_lo", "proto", "ports"])
    return found


class ByColumns(SynchronousTestCase):
    """What is so with numba or without."""

    def flows(self, frames: list[bytes], seed: int = 1) -> rows.Rows:
        reading = Reading(seed)
        file = io.BytesIO(pcap(frames))
        for batch in batches(file, opened(file), chunk=7000):
            reading.see(batch)
        return ordered(reading.taken())

    def test_ten_thousand_packets_are_the_flows_of_scapys_full_dissection(self) -> None:
        chance = random.Random(15)
        frames = [mixed(chance) for _ in range(10_000)]
        expected = ordered(rows.joined(np.concatenate([by_scapy(frame) for frame in frames])))
        actual = self.flows(frames)
        for name in ("s_hi", "s_lo", "d_hi", "d_lo", "proto", "ports", "flags", "packets", "octets"):
            self.assertEqual(expected[name].tolist(), actual[name].tolist(), name)

    def test_packets_whose_mixes_collide_are_told_apart(self) -> None:
        chance = random.Random(16)
        frames = [mixed(chance) for _ in range(3000)]
        expected = self.flows(frames)
        original = rows.ordered
        self.patch(rows, "ordered", lambda mixed: original(mixed & np.uint64(7)))
        self.assertEqual(expected.tolist(), self.flows(frames).tolist())


class OfAnotherByteOrder(SynchronousTestCase):
    def test_a_file_of_another_byte_order_is_read_by_the_plain_path(self) -> None:
        file = io.BytesIO(struct.pack(">IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 96, 1))
        file.name = "big.pcap"
        form = opened(file)
        self.assertEqual((">", 14), (form.order, form.link))
        self.assertRaises(OSError, list, walked(file, form, Walker(1), lambda batch: None))
