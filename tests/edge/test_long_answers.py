"""A long answer is written in stretches, and others are answered between them."""

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from planetlab import xmlrpc
from tests.edge.example import post
from tests.edge.test_limits import CALL, InMemory, Peer

PIECE = xmlrpc.written("x" * 50_000).encode()
LONG = xmlrpc.Written([b"<value><array><data>\n", *[PIECE] * 20, b"</data></array></value>\n"])


class LongAnswers(InMemory):
    def asked(self) -> tuple[Any, Peer]:
        """Somebody who has asked for the long answer and has got the first of it."""
        resource = self.site.resource.children[b"PLCAPI"]
        resource.run, short = (lambda method, thunk: LONG), resource.run
        protocol, peer = self.connect()
        protocol.dataReceived(post(CALL))
        resource.run = short
        return protocol, peer

    def test_others_are_answered_before_its_end(self) -> None:
        _, peer = self.asked()
        begun = len(peer.value())
        self.assertTrue(0 < begun < 300_000, begun)
        other, answered = self.connect()
        other.dataReceived(post(CALL))
        self.assertIn(b"<int>3</int>", answered.value())
        self.assertEqual(begun, len(peer.value()))

    def test_it_comes_whole_and_the_next_call_after_it(self) -> None:
        protocol, peer = self.asked()
        protocol.dataReceived(post(CALL))
        self.pump(5)
        head, _, rest = peer.value().partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        self.assertEqual(["x" * 50_000] * 20, xmlrpc.loads_answer(rest[:length]))
        self.assertIn(b"<int>3</int>", rest[length:])

    def test_one_whose_reader_goes_away_is_not_gone_on_with(self) -> None:
        protocol, peer = self.asked()
        begun = len(peer.value())
        protocol.connectionLost(Failure(ConnectionDone()))
        self.pump(5)
        self.assertEqual((begun, 0, []), (len(peer.value()), self.site.in_work, self.flushLoggedErrors()))
