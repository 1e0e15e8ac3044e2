"""At the place where raw sockets are asked for one slice has few places, and who is silent keeps none for long."""

import os
import socket
from pathlib import Path
from tempfile import mkdtemp

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from node_manager.drivers.container.sockets import Hears
from node_manager.raw import guarded
from planetlab.errors import Forbidden


class AtTheSocket(TestCase):
    def setUp(self) -> None:
        self.clock, self.path = Clock(), Path(mkdtemp(dir=os.environ.get("TMPDIR")), "raw.sock")
        port = reactor.listenUNIX(str(self.path), guarded(self.opened, self.clock))
        self.addCleanup(port.stopListening)

    def opened(self, uid: int, hears: Hears, number: int) -> "Deferred[socket.socket]":
        if uid != os.getuid() or number == 4001:
            return fail(Forbidden(f"{number} is not for uid {uid}"))
        return succeed(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    def caller(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        self.addCleanup(made.close)
        made.connect(str(self.path))
        made.setblocking(False)
        return made

    async def until_gone(self, caller: socket.socket) -> None:
        for _ in range(3000):
            try:
                self.assertEqual(b"", caller.recv(1))
            except BlockingIOError:
                await deferLater(reactor, 0.01)
            else:
                return
        self.fail("its connection stands")

    async def heard(self, caller: socket.socket) -> tuple[bytes, int]:
        """What it is told, and how many descriptors come with it."""
        for _ in range(3000):
            try:
                told, descriptors, _, _ = socket.recv_fds(caller, 256, 4)
            except BlockingIOError:
                await deferLater(reactor, 0.01)
            else:
                for each in descriptors:
                    os.close(each)
                return told, len(descriptors)
        raise AssertionError("it is told nothing")

    async def test_who_asks_has_a_socket_or_hears_why_not(self) -> None:
        for number, told in ((4000, (b"1", 1)), (4001, (f"4001 is not for uid {os.getuid()}\n".encode(), 0))):
            caller = self.caller()
            caller.send(b'{"hears": "udp", "number": %d}\n' % number)
            self.assertEqual(told, await self.heard(caller))

    async def test_one_who_takes_many_places_loses_the_oldest_and_is_answered_at_the_newest(self) -> None:
        callers = [self.caller() for _ in range(17)]
        await self.until_gone(callers[0])
        callers[-1].send(b'{"hears": "udp", "number": 4000}\n')
        self.assertEqual((b"1", 1), await self.heard(callers[-1]))
        with self.assertRaises(BlockingIOError):
            callers[1].recv(1)

    async def test_one_who_says_nothing_is_not_waited_for(self) -> None:
        caller, other = self.caller(), self.caller()
        other.send(b'{"hears": "udp", "number": 4000}\n')
        await self.heard(other)
        self.clock.advance(6.0)
        await self.until_gone(caller)
