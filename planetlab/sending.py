"""How a long text goes out to who asked for it: as fast as its reader takes it, and others have their turn meanwhile.

On a plain connection another process may send it, as long as the reader keeps up; the kernel takes the rest from the
text's file whenever there is room. Under TLS it is written in stretches, between which the reactor turns. A reader that
does not take it in time is cut off.
"""

import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IReactorTime, IWriteDescriptor
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from zope.interface import implementer

from planetlab.long_text import STRETCH, LongText

_log = Logger()


def flush(transport: Any) -> None:
    """Send what was written to a plain connection, as far as the kernel takes it, now and not in the next turn."""
    is_written_to: bool = IWriteDescriptor.providedBy(transport)
    if is_written_to and _socket_of(transport) is not None and transport.doWrite() is not None:
        transport.startWriting()  # the reactor meets the same, and ends the connection


def _socket_of(transport: Any) -> socket.socket | None:
    """The socket of a plain connection; None under TLS, for a peer in memory, and of a connection that has ended."""
    try:
        handle = transport.getHandle()
    except AttributeError:  # there is no such method, or no socket any more
        return None
    return handle if isinstance(handle, socket.socket) else None


async def send(request: Request, text: LongText, reactor: IReactorTime, seconds: float) -> None:
    """Send ``text`` within this time; what was written before goes first, and what is written later follows it.

    Where the connection ends meanwhile, ``request.channel`` is None afterwards. Raises `OSError` where it is not as
    long as was said.
    """
    transport: Any = request.channel.transport
    handle = _socket_of(transport)
    if handle is None:
        await _write(request, text, reactor)
        return
    late = reactor.callLater(seconds, transport.abortConnection)
    outflow = _Outflow(text, request.channel, handle)
    request.notifyFinish().addErrback(lambda gone: outflow.stopProducing())
    try:
        await outflow.begin()
    finally:
        if late.active():
            late.cancel()


async def _write(request: Request, text: LongText, reactor: IReactorTime) -> None:
    for start in range(0, len(text), STRETCH):
        request.write(text.octets(start, STRETCH))
        await deferLater(reactor, 0.0)
        if request.channel is None:
            return


@implementer(IPullProducer)
class _Outflow:
    """Sends a text when a transport has nothing left to send, in place of the channel that produces for it else."""

    def __init__(self, text: LongText, channel: Any, connection: socket.socket) -> None:
        self._text, self._channel, self._connection = text, channel, connection
        self._transport = channel.transport
        self._begun = self._handed = self._lost = False
        self._done: Deferred[None] = Deferred()

    def begin(self) -> "Deferred[None]":
        """Fires when all is sent, or the connection gone."""
        self._channel.pauseProducing()
        self._transport.unregisterProducer()
        self._transport.registerProducer(self, False)
        flush(self._transport)
        return self._done

    def resumeProducing(self) -> None:
        """Called at once, and then whenever the transport has sent what was written to it."""
        if not self._begun:
            self._begun = True
            self._transport.startWriting()
        elif self._handed:
            return  # as when the connection shall end after this; who has it goes on
        elif self._text.hand_over is not None:
            self._hand_over()
        else:
            self._go_on()

    def _hand_over(self) -> None:
        """Have another process send it."""
        hand_over, self._text.hand_over = self._text.hand_over, None
        assert hand_over is not None, "who calls looked"
        self._handed = True
        hand_over(self._text, self._connection).addBoth(self._handed_back)

    def _handed_back(self, result: Any) -> None:
        self._handed = False
        if isinstance(result, Failure):
            _log.failure("a long answer was not sent by another process", result)
        if self._lost:
            self._end()
        else:
            self._go_on()

    def _go_on(self) -> None:
        try:
            if not self._text.is_sent:
                self._text.send(self._connection.fileno())
        except BlockingIOError:
            pass
        except OSError as error:
            _log.info("a long answer ends early: {error}", error=error)
            self._transport.abortConnection()
            return
        if not self._text.is_sent:
            self._transport.startWriting()  # which resumes us when there is room
            return
        self._transport.unregisterProducer()
        self._transport.registerProducer(self._channel, True)
        self._channel.resumeProducing()
        self._end()

    def stopProducing(self) -> None:
        """The connection is gone; this may be told twice."""
        self._lost = True
        if not self._handed:
            self._end()

    def _end(self) -> None:
        if not self._done.called:
            self._done.callback(None)
