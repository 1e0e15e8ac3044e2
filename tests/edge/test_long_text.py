"""A long text in the kernel's memory comes whole to who asked for it, whoever sends it and whatever becomes of whom."""

import os
import socket
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import defer, reactor, task, threads
from twisted.trial.unittest import SynchronousTestCase

from planetlab import long_text, xmlrpc
from planetlab.long_text import LongText
from planetlab.serve import Limits
from tests.edge.example import Served, post
from tests.edge.test_limits import CALL, InMemory

TEXT = xmlrpc.written(["x" * 99] * 60_000).encode()  # more than the kernel takes of what nobody reads
PATIENCE = 60.0  # seconds that a machine may take for what takes a moment


def filed(text: bytes = TEXT, length: int | None = None) -> LongText:
    file = os.memfd_create("test")
    with open(os.dup(file), "wb") as there:
        there.write(text)
    os.lseek(file, 0, os.SEEK_SET)
    return LongText(file, len(text) if length is None else length)


def is_open(file: int) -> bool:
    try:
        os.fstat(file)
    except OSError:
        return False
    return True


class TheText(SynchronousTestCase):
    def setUp(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        for one in (self.ours, self.theirs):
            self.addCleanup(one.close)

    def test_it_is_read_in_parts_and_as_part_of_an_answer(self) -> None:
        text = filed(b"0123456789")
        self.assertEqual((10, b"0123456789", b"345"), (len(text), text.octets(), text.octets(3, 3)))
        self.assertEqual(b"89", text.octets(8, 100))
        inside = xmlrpc.dumps_answer([xmlrpc.Written([b"<value><int>", filed(b"5"), b"</int></value>"])])
        self.assertEqual([5], xmlrpc.loads_answer(inside))

    def test_one_that_is_shorter_than_was_said_is_neither_read_nor_sent_for_whole(self) -> None:
        text = filed(b"0123456789", 11)
        self.assertRaises(OSError, text.octets)
        text.send(self.ours.fileno())
        self.assertRaises(OSError, text.send, self.ours.fileno())
        self.assertFalse(text.is_sent)

    def test_who_goes_on_with_it_begins_where_another_stopped(self) -> None:
        text = filed(b"0123456789")
        other = os.dup(text.fileno())
        self.addCleanup(os.close, other)
        os.sendfile(self.ours.fileno(), other, None, 4)
        self.assertFalse(text.is_sent)
        text.send(self.ours.fileno())
        self.assertEqual((True, b"0123456789"), (text.is_sent, self.theirs.recv(100)))
        self.assertEqual(0, long_text.send(self.ours.fileno(), other))

    def test_its_memory_is_given_back_once(self) -> None:
        text = filed()
        file = text.fileno()
        text.close()
        self.assertFalse(is_open(file))
        other = os.memfd_create("test")  # which may have its number now
        self.addCleanup(os.close, other)
        text.close()
        del text
        self.assertTrue(is_open(other))

    def test_one_that_nobody_wants_any_more_is_gone(self) -> None:
        file = filed().fileno()
        self.assertFalse(is_open(file))


class ToWhoIsInMemory(InMemory):
    def test_it_comes_whole_with_others_in_between(self) -> None:
        resource = self.site.resource.children[b"PLCAPI"]
        text = filed()
        resource.run, short = (lambda method, thunk: xmlrpc.Written([text])), resource.run
        protocol, peer = self.connect()
        protocol.dataReceived(post(CALL))
        resource.run = short
        other, answered = self.connect()
        other.dataReceived(post(CALL))
        self.assertIn(b"<int>3</int>", answered.value())
        self.assertLess(len(peer.value()), len(TEXT))
        self.pump(len(TEXT) / long_text.STRETCH + 1, every=1.0)
        body = peer.value().partition(b"\r\n\r\n")[2]
        self.assertEqual((TEXT in body, -1), (True, text.fileno()))
        self.assertEqual(60_000, len(xmlrpc.loads_answer(body)))


class Connected(Served):
    def long(self, text: LongText) -> None:
        """Answer the next call with a text, and what comes then as before."""
        resource = self.site.resource.children[b"PLCAPI"]
        short = resource.run

        def run(method: Any, thunk: Callable[[], Any]) -> Any:
            resource.run = short
            return xmlrpc.Written([text])

        resource.run = run

    def begun(self) -> socket.socket:
        """Somebody who has asked, and reads nothing yet."""
        peer = socket.socket()
        self.addCleanup(peer.close)
        peer.settimeout(PATIENCE)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # so the kernel takes little of what is not read
        peer.connect(self.address)
        peer.sendall(post(CALL))
        return peer

    def rest(self, peer: socket.socket, answers: int = 1) -> "defer.Deferred[bytes]":
        """What comes to a peer, to the end of so many answers or of the connection."""

        def read() -> bytes:
            got = b""
            while got.count(b"</methodResponse>\n") < answers:
                more = peer.recv(1 << 20)
                if not more:
                    break
                got += more
            return got

        return threads.deferToThread(read)

    async def until(self, holds: Callable[[], bool], says: str) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            self.assertLess(time.monotonic(), end, f"not within {PATIENCE} s: {says}")
            await task.deferLater(reactor, 0.01)

    async def comes_whole(self, peer: socket.socket) -> None:
        """The answer, and then that of another call of the same connection."""
        head, _, body = (await self.rest(peer)).partition(b"\r\n\r\n")
        self.assertEqual(len(body), int(head.lower().partition(b"content-length: ")[2].split()[0]))
        self.assertEqual(1, body.count(TEXT))
        self.assertEqual(60_000, len(xmlrpc.loads_answer(body)))
        peer.sendall(post(CALL))
        self.assertIn(b"<int>3</int>", await self.rest(peer))


class OverAConnection(Connected):
    async def test_it_comes_whole_and_others_are_answered_while_its_reader_sleeps(self) -> None:
        text = filed()
        self.long(text)
        peer = self.begun()
        await self.until(lambda: self.site.in_work == 1, "the call")
        self.assertIn(b"<int>3</int>", await self.elsewhere(self.send, post(CALL, "Connection: close")))
        self.assertEqual(1, self.site.in_work)
        await self.comes_whole(peer)
        self.assertEqual(-1, text.fileno())

    async def test_a_call_that_was_sent_before_its_end_is_answered_after_it(self) -> None:
        self.long(filed())
        peer = self.begun()
        await self.until(lambda: self.site.in_work == 1, "the call")
        peer.sendall(post(CALL))
        first, _, second = (await self.rest(peer, 2)).partition(TEXT)
        self.assertEqual((1, 1), (first.count(b"HTTP/1.1 200"), second.count(b"HTTP/1.1 200")))
        self.assertIn(b"<int>3</int>", second)

    async def test_a_reader_that_goes_away_leaves_nothing_open(self) -> None:
        text = filed()
        self.long(text)
        peer = self.begun()
        await self.until(lambda: self.site.in_work == 1, "the call")
        peer.close()
        await self.until(lambda: text.fileno() == -1, "the file's end")
        self.assertEqual(({}, 0), (self.site.channels, self.site.in_work))

    async def test_one_that_is_shorter_than_was_said_ends_the_connection(self) -> None:
        text = filed(TEXT, len(TEXT) + 1)
        self.long(text)
        with self.assertRaises(ConnectionResetError):
            await self.rest(self.begun())
        await self.until(lambda: text.fileno() == -1, "the file's end")

    async def test_another_process_may_send_it_and_leave_the_rest_or_all_of_it_to_us(self) -> None:
        for stretches in (0, 1):
            text, asked = filed(), list[int]()

            def sends(text: LongText, to: socket.socket, stretches: int = stretches, asked: list[int] = asked) -> Any:
                asked.append(sum(long_text.send(to.fileno(), text.fileno()) for _ in range(stretches)))
                return task.deferLater(reactor, 0)

            text.hand_over = sends
            self.long(text)
            await self.comes_whole(self.begun())
            self.assertEqual((1, bool(stretches)), (len(asked), bool(asked[0])))

    async def test_where_another_process_cannot_be_asked_it_comes_from_us(self) -> None:
        text = filed()
        text.hand_over = lambda text, to: defer.fail(RuntimeError("no thread"))
        self.long(text)
        await self.comes_whole(self.begun())
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    async def handed_over(self) -> "tuple[LongText, defer.Deferred[None], socket.socket]":
        """A text that another process has, which lets go of it when the Deferred is fired; and its reader."""
        text, back, sockets = filed(), defer.Deferred[None](), list[socket.socket]()

        def has(text: LongText, to: socket.socket) -> "defer.Deferred[None]":
            sockets.append(to)
            return back

        text.hand_over = has
        self.long(text)
        peer = self.begun()
        await self.until(lambda: bool(sockets), "the file is handed over")
        return text, back, peer

    async def test_nobody_else_sends_while_another_process_has_it(self) -> None:
        text, back, peer = await self.handed_over()
        transport: Any = next(iter(self.site.channels)).transport
        transport.loseConnection()  # when all is sent
        for _ in range(10):
            await task.deferLater(reactor, 0)
        self.assertEqual(0, os.lseek(text.fileno(), 0, os.SEEK_CUR))
        back.callback(None)
        self.assertEqual(1, (await self.rest(peer)).count(TEXT))
        await self.until(lambda: text.fileno() == -1, "the file's end")

    async def test_its_file_stays_open_while_another_process_has_it(self) -> None:
        text, back, peer = await self.handed_over()
        peer.close()
        await self.until(lambda: not self.site.channels, "the connection's end")
        self.assertTrue(is_open(text.fileno()))
        back.callback(None)
        await self.until(lambda: text.fileno() == -1, "the file's end")


class UnderTLS(Connected):
    secure = True

    async def test_it_comes_whole(self) -> None:
        text = filed()
        text.hand_over = lambda text, to: self.fail("what is sent would not be encrypted")
        self.long(text)
        answer = await self.ask().post(CALL)
        self.assertEqual((60_000, -1), (len(xmlrpc.loads_answer(answer)), text.fileno()))


class ForThoseWhoNeverRead(Connected):
    limits = Limits(answer=0.5)

    def resource(self) -> Any:
        resource = super().resource()
        resource.limits = self.limits
        return resource

    async def test_there_is_an_end(self) -> None:
        text = filed()
        self.long(text)
        self.begun()
        await self.until(lambda: text.fileno() == -1, "the file's end")
        self.assertEqual(({}, 0), (self.site.channels, self.site.in_work))
