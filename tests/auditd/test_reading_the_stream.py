"""The pipe between capture and audit: whole messages, or a refusal that says why."""

import random

from twisted.trial.unittest import SynchronousTestCase

from auditd.rows import row
from auditd.stream import MOST_BODY, BadStream, Kind, Message, Reader, packed

ROWS = row("10.0.0.1", "192.0.2.7", proto=17)
MESSAGES = (
    Message(Kind.HELLO, 0, 5, 6, b'{"pid":1}'),
    Message(Kind.ROWS, 1, 7, 8, ROWS.tobytes()),
    Message(Kind.BEAT, 2, 9, 10, b'{"through":9}'),
)
STREAM = b"".join(map(packed, MESSAGES))


class RefusingAStream(SynchronousTestCase):
    def test_no_flipped_octet_passes_unseen(self) -> None:
        for place in sorted(set(range(len(STREAM))) - _clock_octets()):
            broken = bytearray(STREAM)
            broken[place] ^= 0x40
            reader = Reader()
            try:
                found = tuple(reader.feed(bytes(broken)))
            except BadStream:
                continue
            self.assertLess(len(found), len(MESSAGES), place)  # still waiting for a body that never comes

    def test_a_length_that_no_writer_sends_is_refused_before_anything_is_kept(self) -> None:
        head = bytearray(STREAM[:40])
        head[8:12] = (MOST_BODY + 1).to_bytes(4, "little")
        error = self.assertRaises(BadStream, list, Reader().feed(bytes(head)))
        self.assertIn("cannot be the length of its body", str(error))

    def test_another_version_is_named(self) -> None:
        head = bytearray(STREAM)
        head[4] = 9
        error = self.assertRaises(BadStream, list, Reader().feed(bytes(head)))
        self.assertIn("expected version 1, got 9", str(error))

    def test_a_message_that_is_missing_is_noticed(self) -> None:
        error = self.assertRaises(BadStream, list, Reader().feed(packed(MESSAGES[0]) + packed(MESSAGES[2])))
        self.assertIn("expected message 1, got 2", str(error))

    def test_facts_that_are_no_object_are_refused(self) -> None:
        for body in (b"[]", b"7", b"{", b"\xff"):
            self.assertRaises(BadStream, lambda body=body: Message(Kind.BEAT, 0, 0, 0, body).facts)


class ReadingAStream(SynchronousTestCase):
    def test_it_may_come_in_any_pieces(self) -> None:
        chance = random.Random(1)
        for _ in range(50):
            reader, found, rest = Reader(), [], STREAM
            while rest:
                size = chance.randrange(1, 60)
                found += reader.feed(rest[:size])
                rest = rest[size:]
            self.assertEqual(list(MESSAGES), found)

    def test_half_a_message_at_the_end_is_what_a_killed_writer_leaves(self) -> None:
        self.assertEqual(list(MESSAGES[:2]), list(Reader().feed(STREAM[:-1])))

    def test_rows_are_what_was_written(self) -> None:
        self.assertEqual(ROWS.tolist(), MESSAGES[1].rows.tolist())


def _starts() -> list[int]:
    found, place = [], 0
    for message in MESSAGES:
        found.append(place)
        place += len(packed(message))
    return found


def _clock_octets() -> set[int]:
    """Reserved octets and the two clocks of each head: not guarded, for they are only told."""
    return {start + place for start in _starts() for place in (6, 7, *range(20, 36))}
