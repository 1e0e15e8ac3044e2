"""What was written leaves in the same turn of the reactor, and a connection ends as it would have ended else."""

import select
import socket
import struct
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.protocols.policies import WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from planetlab.sending import flush

reactor: Any = the_reactor  # a module by its type
LONG = bytes(8 << 20)


class Server(Protocol):
    """Does what the test says when it hears something, and tells when its connection is gone."""

    work: Callable[["Server"], None]

    def connectionMade(self) -> None:
        self.gone: Deferred[None] = Deferred()
        self.factory.served.callback(self)  # type: ignore[union-attr]  # the test's own factory

    def dataReceived(self, data: bytes) -> None:
        self.work()  # type: ignore[call-arg]  # it is bound by the test

    def connectionLost(self, reason: Failure | None = None) -> None:  # type: ignore[override]  # it is always told
        self.gone.callback(None)


class Flushing(TestCase):
    timeout = 120

    async def served(self, work: Callable[[Server], None]) -> tuple[Server, socket.socket]:
        """A connection, behind a wrapper as in a service: its server, and its client's socket."""
        factory = Factory.forProtocol(Server)
        served: Deferred[Server] = Deferred()
        factory.served = served  # type: ignore[attr-defined]  # for the protocol
        port = reactor.listenTCP(0, WrappingFactory(factory), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        client = socket.create_connection(("127.0.0.1", port.getHost().port), timeout=60)
        self.addCleanup(client.close)
        server = await served
        server.work = lambda: work(server)  # type: ignore[assignment, misc]  # bound
        return server, client

    async def told(self, work: Callable[[Server], None]) -> tuple[Server, socket.socket]:
        """As `served`, after the work was done."""
        done: Deferred[None] = Deferred()

        def noted(server: Server) -> None:
            work(server)
            done.callback(None)

        server, client = await self.served(noted)
        client.sendall(b"?")
        await done
        return server, client

    async def test_it_leaves_in_the_same_turn(self) -> None:
        there: list[bool] = []

        def answer(server: Server) -> None:
            assert server.transport is not None
            server.transport.write(b"answer")
            there.append(bool(select.select([client], [], [], 0)[0]))
            flush(server.transport)
            there.append(bool(select.select([client], [], [], 30)[0]))

        server, client = await self.served(answer)
        client.sendall(b"?")
        while len(there) < 2:
            await deferLater(reactor, 0.01)
        self.assertEqual([False, True], there)
        self.assertEqual(b"answer", client.recv(100))

    async def test_what_the_kernel_does_not_take_follows_later(self) -> None:
        def answer(server: Server) -> None:
            assert server.transport is not None
            server.transport.write(LONG)
            flush(server.transport)

        _, client = await self.told(answer)

        def read() -> int:
            count = 0
            while count < len(LONG):
                count += len(client.recv(1 << 20))
            return count

        self.assertEqual(len(LONG), await deferToThread(read))

    async def test_a_connection_that_shall_end_after_it_ends(self) -> None:
        def answer(server: Server) -> None:
            assert server.transport is not None
            server.transport.write(b"last")
            server.transport.loseConnection()
            flush(server.transport)

        server, client = await self.told(answer)
        await server.gone
        self.assertEqual((b"last", b""), (client.recv(100), client.recv(100)))

    async def test_a_reader_who_went_away_ends_the_connection(self) -> None:
        def answer(server: Server) -> None:
            assert server.transport is not None
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # by a reset
            server.transport.write(b"nobody hears")
            flush(server.transport)

        server, client = await self.served(answer)
        client.sendall(b"?")
        await server.gone
        assert server.transport is not None
        flush(server.transport)


class WithoutASocket(SynchronousTestCase):
    def test_nothing_is_done(self) -> None:
        transport = StringTransport()
        transport.write(b"as it was")
        flush(transport)
        self.assertEqual(b"as it was", transport.value())
