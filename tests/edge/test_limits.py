"""What slow, greedy and crooked peers get: an end, in time, and a word why."""

import socket
from typing import Any

from twisted.internet import defer, reactor, task
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from planetlab import xmlrpc as ours
from planetlab.gate import Gate, user_key
from planetlab.limits import Limits, Rates, hardened_site
from planetlab.serve import ApiResource, mount
from tests.edge.example import Served, api, greet, post

CALL = ours.dumps_call("GetSum", (1, 2))


class Peer(StringTransport):
    """A peer's end of a connection, in memory."""

    def __init__(self, host: str = "192.0.2.1") -> None:
        kind = IPv6Address if ":" in host else IPv4Address
        super().__init__(peerAddress=kind("TCP", host, 4711))
        self.ended = False

    def abortConnection(self) -> None:
        self.ended = True

    def loseConnection(self) -> None:
        self.ended = True
        super().loseConnection()


class Users(SynchronousTestCase):
    def test_root_of_a_container_is_one_peer_however_many_users_it_becomes(self) -> None:
        self.assertEqual(1, len({user_key(0x10010000 + number) for number in (0, 1000, 65535)}))
        self.assertEqual(4, len({user_key(uid) for uid in (0, 1000, 0x10010000, 0x10020000)}))


class InMemory(SynchronousTestCase):
    limits = Limits()

    def setUp(self) -> None:
        self.clock = task.Clock()
        self.site = hardened_site(mount({"PLCAPI": ApiResource(api, greet)}), self.clock, self.limits)
        self.gate = Gate(self.site, self.limits)
        self.gate.doStart()

    def connect(self, host: str = "192.0.2.1") -> tuple[Any, Peer]:
        protocol, peer = self.gate.buildProtocol(None), Peer(host)
        protocol.makeConnection(peer)
        return protocol, peer

    def pump(self, seconds: float, every: float = 0.25) -> None:
        self.clock.pump([every] * int(seconds / every))


class SlowPeers(InMemory):
    def test_a_silent_connection_ends_after_five_seconds(self) -> None:
        _, peer = self.connect()
        self.pump(4.5)
        self.assertFalse(peer.ended)
        self.pump(1)
        self.assertTrue(peer.ended)

    def test_slow_loris_ends_after_five_seconds_however_diligently_it_drips(self) -> None:
        protocol, peer = self.connect()
        protocol.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\n")
        for i in range(10):
            self.assertFalse(peer.ended)
            protocol.dataReceived(b"X-%d: y\r\n" % i)
            self.pump(0.5)
        self.assertTrue(peer.ended)

    def test_a_body_that_drips_ends_after_fifteen_seconds(self) -> None:
        protocol, peer = self.connect()
        protocol.dataReceived(b"POST /PLCAPI/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(31):
            self.assertFalse(peer.ended)
            protocol.dataReceived(b"x")
            self.pump(0.5)
        self.assertTrue(peer.ended)

    def test_between_two_requests_a_connection_may_rest_for_a_minute(self) -> None:
        protocol, peer = self.connect()
        for _ in range(3):
            protocol.dataReceived(post(CALL))
            self.assertIn(b"<int>3</int>", peer.value())
            peer.clear()
            self.pump(55)
            self.assertFalse(peer.ended)
        protocol.dataReceived(b"P")
        self.pump(6)
        self.assertTrue(peer.ended)

    def test_a_call_in_work_is_not_late(self) -> None:
        protocol, peer = self.connect()
        waiting: defer.Deferred[int] = defer.Deferred()
        self.site.resource.children[b"PLCAPI"].run = lambda method, thunk: waiting
        protocol.dataReceived(post(CALL))
        self.pump(100)
        self.assertFalse(peer.ended)
        waiting.callback(9)
        self.assertIn(b"<int>9</int>", peer.value())

    def test_who_reads_a_long_answer_slowly_has_five_minutes(self) -> None:
        protocol, peer = self.connect()
        protocol.dataReceived(post(CALL))
        channel = next(iter(self.site.channels))
        channel.pauseProducing()  # as the transport does when its buffer is full
        self.pump(290)
        self.assertFalse(peer.ended)
        self.pump(20)
        self.assertTrue(peer.ended)


class BigRequests(InMemory):
    def refusal(self, *parts: bytes) -> bytes:
        protocol, peer = self.connect()
        for part in parts:
            protocol.dataReceived(part)
        self.pump(3)
        self.assertTrue(peer.ended)
        return peer.value()

    def test_a_declared_body_of_200_mb_is_refused_before_it_comes(self) -> None:
        answer = self.refusal(b"POST /PLCAPI/ HTTP/1.1\r\nHost: x\r\nContent-Length: 200000000\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
        self.assertTrue(answer.endswith(b"expected at most 1048576 octets\n"), answer)

    def test_who_asks_before_sending_too_much_is_not_told_to_go_on(self) -> None:
        head = b"POST /PLCAPI/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        self.assertNotIn(b"100 Continue", self.refusal(head % 200_000_000))
        protocol, peer = self.connect()
        protocol.dataReceived(head % 200)
        self.assertEqual(b"HTTP/1.1 100 Continue\r\n\r\n", peer.value())

    def test_a_chunked_body_is_refused_after_the_first_mebibyte(self) -> None:
        protocol, peer = self.connect()
        protocol.dataReceived(b"POST /PLCAPI/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        while not peer.value() and sent < 200_000_000:
            protocol.dataReceived(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            sent += 65536
        self.assertEqual((1 << 20) + 65536, sent)
        self.assertTrue(peer.value().startswith(b"HTTP/1.1 413 "))

    def test_headers_without_end_are_refused(self) -> None:
        many = b"".join(b"X-%d: y\r\n" % i for i in range(200))
        long = b"X: " + b"y" * 20_000 + b"\r\n"
        for headers in (many, long):
            protocol, peer = self.connect()
            protocol.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
            self.pump(3)
            self.assertTrue(peer.ended)
            self.assertNotIn(b"200 OK", peer.value())


SMUGGLED = (
    b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"Content-Length : 5\r\n\r\nhello",
    b"Content-Length: +5\r\n\r\nhello",
    b"Content-Length: -5\r\n\r\nhello",
    b"Content-Length: 0x5\r\n\r\nhello",
    b"Content-Length: 5, 5\r\n\r\nhello",
    b"Content-Length: \r\n\r\nhello",
    b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nhello",
    b"Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    b"X: a\x00b\r\nContent-Length: 5\r\n\r\nhello",
    b"no colon\r\nContent-Length: 5\r\n\r\nhello",
)


class Smuggling(InMemory):
    def test_twenty_requests_that_two_readers_would_read_differently_are_refused(self) -> None:
        for said in SMUGGLED:
            protocol, peer = self.connect()
            protocol.dataReceived(b"POST /PLCAPI/ HTTP/1.1\r\nHost: x\r\n" + said + post(CALL))
            self.pump(3)
            self.assertTrue(peer.value().startswith(b"HTTP/1.1 400 "), (said[:60], peer.value()[:60]))
            self.assertNotIn(b"200 OK", peer.value(), said[:60])
            self.assertTrue(peer.ended, said[:60])


class ManyConnections(InMemory):
    limits = Limits(per_peer=4, total=10)

    def open(self, host: str, n: int) -> list[Peer]:
        return [self.connect(host)[1] for _ in range(n)]

    def keep_busy(self, host: str, n: int) -> list[Peer]:
        self.site.resource.children[b"PLCAPI"].run = lambda method, thunk: defer.Deferred()
        peers = []
        for _ in range(n):
            protocol, peer = self.connect(host)
            protocol.dataReceived(post(CALL))
            peers.append(peer)
        return peers

    def test_one_peer_has_at_most_its_share_and_loses_its_oldest_at_rest(self) -> None:
        peers = self.open("192.0.2.1", 30)
        self.assertEqual([True] * 26 + [False] * 4, [peer.ended for peer in peers])

    def test_what_is_in_work_is_never_given_up(self) -> None:
        busy = self.keep_busy("192.0.2.1", 4)
        self.assertEqual([True] * 5, [peer.ended for peer in self.open("192.0.2.1", 5)])
        self.assertFalse(any(peer.ended for peer in busy))

    def test_an_answer_that_is_not_sent_yet_is_in_work(self) -> None:
        self.connect()[1].dataBuffer = b"the rest of an answer"
        peers = self.open("192.0.2.1", 5)
        self.assertEqual([True, True, False, False, False], [peer.ended for peer in peers])

    def test_a_flood_of_silent_connections_does_not_keep_out_a_good_client_of_the_same_address(self) -> None:
        self.open("192.0.2.1", 50)
        protocol, peer = self.connect("192.0.2.1")
        protocol.dataReceived(post(CALL))
        self.assertIn(b"<int>3</int>", peer.value())

    def test_an_ipv6_network_is_one_peer(self) -> None:
        peers = [self.connect(f"2001:db8::{i}")[1] for i in range(1, 8)]
        self.assertEqual(4, sum(not peer.ended for peer in peers))
        self.assertFalse(self.connect("2001:db8:0:1::1")[1].ended)

    def test_who_left_makes_room(self) -> None:
        from twisted.internet.protocol import connectionDone

        self.keep_busy("192.0.2.1", 3)
        last = self.connect()[0]
        last.dataReceived(post(CALL))
        self.assertTrue(self.connect()[1].ended)
        last.connectionLost(connectionDone)
        self.assertFalse(self.connect()[1].ended)

    def test_when_all_is_full_the_greediest_makes_room_for_the_modest(self) -> None:
        greedy = self.open("192.0.2.1", 4)
        others = self.open("192.0.2.2", 3) + self.open("192.0.2.3", 3)
        late = self.connect("192.0.2.4")[1]
        self.assertEqual([True, False, False, False], [peer.ended for peer in greedy])
        self.assertFalse(late.ended or any(peer.ended for peer in others))
        self.assertTrue(self.connect("192.0.2.2")[1].ended)

    def test_a_flood_leaves_a_good_client_served(self) -> None:
        for i in range(200):
            self.connect(f"198.51.100.{i % 5}")
        protocol, peer = self.connect("192.0.2.9")
        protocol.dataReceived(post(CALL))
        self.assertIn(b"<int>3</int>", peer.value())
        self.assertLessEqual(len(self.site.channels), 10 + 1)


class Evicted(Served):
    limits = Limits(per_peer=2)

    async def test_who_makes_room_reads_the_answer_that_was_on_its_way(self) -> None:
        body = ours.dumps_call("AddLater", ("x" * 100_000,))

        def calls() -> tuple[bytes, list[bytes]]:
            first, *others = [socket.create_connection(self.address, timeout=60) for _ in range(2)]
            with first, others[0] as second:
                first.sendall(post(body))
                second.sendall(post(CALL))
                others = [second.recv(65536)]  # by now the first is answered too
                with socket.create_connection(self.address, timeout=60) as third:
                    third.sendall(post(CALL))
                    others.append(third.recv(65536))
                    answer = b""
                    while more := first.recv(65536):
                        answer += more
            return answer, others

        answer, others = await self.elsewhere(calls)
        self.assertTrue(all(b"<int>3</int>" in one for one in others))
        self.assertGreater(len(answer), 100_000)


class Forwarded(InMemory):
    def seen(self, host: str) -> str:
        from planetlab.serve import address_of

        protocol, peer = self.connect(host)
        told: list[str] = []
        resource = self.site.resource.children[b"PLCAPI"]
        resource.greet = lambda method, args, request: told.append(address_of(request)) or greet(method, args, request)
        protocol.dataReceived(post(CALL, "X-Plfed-Forwarded-For: 203.0.113.7"))
        return told[0]

    def test_only_this_machine_is_believed_about_who_called(self) -> None:
        self.assertEqual("192.0.2.1", self.seen("192.0.2.1"))
        self.assertEqual("203.0.113.7", self.seen("127.0.0.1"))


class TooManyRequests(InMemory):
    limits = Limits(rate=1.0, burst=3)

    def test_a_peer_over_its_rate_is_told_when_to_come_again(self) -> None:
        protocol, peer = self.connect()
        for _ in range(4):
            protocol.dataReceived(post(CALL))
        self.assertEqual(3, peer.value().count(b"<int>3</int>"))
        self.assertIn(b"HTTP/1.1 429 Too Many Requests\r\n", peer.value())
        self.assertRegex(peer.value(), rb"(?i)retry-after: [12]\r\n")
        self.clock.advance(1.1)
        protocol.dataReceived(post(CALL))
        self.assertEqual(4, peer.value().count(b"<int>3</int>"))

    def test_another_peer_is_not_concerned(self) -> None:
        first = self.connect()[0]
        for _ in range(9):
            first.dataReceived(post(CALL))
        protocol, peer = self.connect("192.0.2.2")
        protocol.dataReceived(post(CALL))
        self.assertIn(b"200 OK", peer.value())

    def test_peers_are_forgotten(self) -> None:
        rates = Rates(1.0, 3)
        for i in range(30_000):
            rates.wait(str(i), float(i))
        self.assertLess(len(rates.buckets), 10_100)


class TooMuchInWork(InMemory):
    limits = Limits(in_work=2)

    def test_calls_beyond_the_cap_are_asked_to_come_again(self) -> None:
        self.site.resource.children[b"PLCAPI"].run = lambda method, thunk: defer.Deferred()
        peers = []
        for i in range(3):
            protocol, peer = self.connect(f"192.0.2.{i}")
            protocol.dataReceived(post(CALL))
            peers.append(peer)
        self.assertEqual([b"", b""], [peer.value() for peer in peers[:2]])
        self.assertIn(b"503 Service Unavailable", peers[2].value())


class Ending(InMemory):
    def test_an_idle_connection_ends_at_once_and_one_in_work_after_its_answer(self) -> None:
        idle = self.connect()[1]
        protocol, peer = self.connect()
        waiting: defer.Deferred[int] = defer.Deferred()
        self.site.resource.children[b"PLCAPI"].run = lambda method, thunk: waiting
        protocol.dataReceived(post(CALL))
        done = self.site.drain()
        self.assertEqual((True, False), (idle.ended, peer.ended))
        waiting.callback(7)
        self.assertIn(b"<int>7</int>", peer.value())
        self.assertIn(b"connection: close\r\n", peer.value().lower())
        self.assertTrue(peer.ended)
        self.assertNoResult(done)
        from twisted.internet.protocol import connectionDone

        for channel in list(self.site.channels):
            channel.connectionLost(connectionDone)
        self.successResultOf(done)


class OverSockets(Served):
    async def test_200_mb_are_refused_and_the_sender_hears_why(self) -> None:
        def send() -> bytes:
            with socket.create_connection(self.address, timeout=60) as client:
                client.sendall(
                    b"POST /PLCAPI/ HTTP/1.1\r\nHost: x\r\nContent-Length: 200000000\r\n\r\n" + b"x" * 2_000_000
                )
                return client.recv(4096)

        answer = await self.elsewhere(send)
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 Request Entity Too Large\r\n"), answer)

    async def test_of_thirty_connections_of_one_peer_twenty_are_kept(self) -> None:
        def open_many() -> tuple[int, int]:
            clients = [socket.create_connection(self.address, timeout=60) for _ in range(30)]
            served = 0
            for client in clients:
                try:
                    client.sendall(post(CALL))
                    served += b"<int>3</int>" in client.recv(4096)
                except OSError:
                    continue
            kept = len(self.site.channels)
            for client in clients:
                client.close()
            return served, kept

        served, kept = await self.elsewhere(open_many)
        self.assertEqual(20, kept)
        self.assertGreaterEqual(served, 20)  # one that was answered may have made room since


class SilentHandshake(Served):
    secure = True
    limits = Limits(header=0.3)

    async def test_a_connection_that_never_speaks_tls_ends_too(self) -> None:
        self.assertEqual(b"", await self.elsewhere(self.send))
        self.assertEqual(b"", await self.elsewhere(self.send, b"\x16\x03\x01"))
        self.assertEqual(3, await self.ask().call("GetSum", 1, 2))
        self.assertTrue(reactor.running)
