"""A flood of new flows, or a reader that stays away, takes bounded memory; what is given up is counted and declared."""

import contextlib
import select
import socket
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from auditd import capture_post, rows, stream
from auditd.capture_post import Post
from auditd.capture_reading import MOST_ROWS, Reading
from auditd.frames import Frames
from auditd.stream import END, HAVE, WORD, Kind, Message, Reader
from tests.auditd.test_reading_packets import four, ports
from tests.auditd.world import NOON, S, World


def flood(count: int, first: int = 0) -> Frames:
    """Frames of one datagram each, all to different addresses."""
    frame = np.frombuffer(bytes(16) + four(17, ports(1000, 53)), np.uint8)
    data = np.tile(frame, (count, 1))
    data[:, 16 + 30 : 16 + 34] = np.arange(first, first + count).astype(">u4").view(np.uint8).reshape(-1, 4)
    start = np.arange(count, dtype=np.int64) * len(frame) + 16
    length = np.full(count, len(frame) - 16, np.int64)
    return Frames(data.reshape(-1), start, length, length, np.zeros(count, np.int64), tags=np.full(count, 7, np.uint32))


class AFlood(SynchronousTestCase):
    def test_of_new_flows_keeps_what_a_turn_holds_bounded_and_every_packet_counted(self) -> None:
        reading, most = Reading(5), 0
        for number in range(30):
            reading.see(flood(20_000, 20_000 * number))
            most = max(most, sum(map(len, reading._found)))
        self.assertLessEqual(most, 4 * MOST_ROWS + 20_000)
        kept = reading.turn(1, 1)
        self.assertLessEqual(len(kept), MOST_ROWS + 2)
        self.assertEqual(600_000, int(kept["packets"].sum()))
        self.assertEqual({7}, set(kept["tag"].tolist()))
        self.assertGreater(reading.counts.folded, 0)
        self.assertEqual(0, len(reading.taken()))

    def test_that_costs_flows_their_addresses_is_declared_on_every_page(self) -> None:
        world = World()
        world.beat(folded=90)
        (gap,) = world.json("/index.json")["gaps"]
        self.assertEqual(("coarse", 90), (gap["lack"], gap["frames"]))

    def test_that_the_ring_could_not_hold_makes_counts_at_least(self) -> None:
        world = World()
        world.beat(dropped=5)
        told = world.json("/index.json")
        self.assertEqual((True, "loss", 5), (told["at_least"], told["gaps"][0]["lack"], told["gaps"][0]["frames"]))


class AReaderThatComesBack(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.post = Post(str(Path(folder.name, "s")), {"run": "10"})
        self.addCleanup(self.post.close)
        self.now = 1

    def write(self, count: int) -> None:
        for _ in range(count):
            self.post.write(Kind.ROWS, rows.row("10.0.0.1", "192.0.2.7").tobytes(), self.now, NOON * S, {})

    def reader(self, have: int) -> socket.socket:
        """A reader that has had messages up to ``have``, greeted and served."""
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.connect(self.post.path)
        self.post.turn(self.now)
        sock.send(WORD.pack(HAVE, have))
        self.post.turn(self.now)
        sock.setblocking(False)
        return sock

    def told(self, sock: socket.socket) -> list[Message]:
        self.post.turn(self.now)
        data = b""
        with contextlib.suppress(BlockingIOError):
            while more := sock.recv(1 << 20):
                data += more
        return list(Reader(resumed=True).feed(data))

    def test_is_told_what_it_had_not_kept_and_nothing_twice(self) -> None:
        self.write(5)
        first = self.reader(0)
        self.assertEqual([0, 1, 2, 3, 4, 5], [message.number for message in self.told(first)])
        first.send(WORD.pack(HAVE, 3))
        self.post.turn(self.now)
        first.close()
        self.write(2)
        self.assertEqual([0, 4, 5, 6, 7], [message.number for message in self.told(self.reader(3))])

    def test_after_more_than_can_be_held_sees_that_some_are_missing(self) -> None:
        self.patch(capture_post, "MOST_HELD", 1000)
        self.write(50)
        numbers = [message.number for message in self.told(self.reader(0))]
        self.assertEqual((0, 50), (numbers[0], numbers[-1]))
        self.assertGreater(numbers[1], 40)

    def test_declares_what_is_missing(self) -> None:
        world = World()
        found: Any = rows.row("10.0.0.1", "192.0.2.7")
        world.audit.counted(world.message(Kind.ROWS, found))
        world._number += 7
        world.audit.counted(world.message(Kind.ROWS, found))
        (gap,) = world.json("/index.json")["gaps"]
        self.assertEqual("loss", gap["lack"])

    def test_that_never_comes_lets_the_capture_end(self) -> None:
        self.post.turn(1)
        self.post.turn(capture_post.LONELY)
        self.assertFalse(self.post.ended)
        self.post.turn(2 + capture_post.LONELY)
        self.assertTrue(self.post.ended)

    def test_that_wants_no_more_ends_it_at_once(self) -> None:
        sock = self.reader(0)
        sock.send(WORD.pack(END, 0))
        self.post.turn(self.now)
        self.assertTrue(self.post.ended)

    def test_that_is_slow_does_not_hold_up_the_capture(self) -> None:
        sock = self.reader(0)
        self.write(20_000)  # more than a socket's buffer holds
        poll = select.poll()
        self.post.watch(poll, self.now)
        numbers: list[int] = []
        reader = Reader(resumed=True)
        while len(numbers) < 20_001:
            self.post.turn(self.now)
            numbers += [message.number for message in reader.feed(sock.recv(1 << 20))]
        self.assertEqual(list(range(20_001)), numbers)


class AnotherRun(SynchronousTestCase):
    def test_of_the_capture_begins_with_nothing_known(self) -> None:
        world = World()
        hello = world.message(Kind.HELLO, {"run": "20"})
        self.assertEqual(0, world.audit.begins(hello, int(world.steady * S)))
        world.audit.heard_of = stream.Heard(world.audit.heard_of.run, 9)
        self.assertEqual(9, world.audit.begins(hello, int(world.steady * S)))
        self.assertEqual(0, world.audit.begins(world.message(Kind.HELLO, {"run": "30"}), int(world.steady * S)))
