"""Connections to a test's own servers, watched so that no test leaves one open."""

from twisted.internet.defer import Deferred
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory


class Gone(ProtocolWrapper):
    """A connection whose end can be waited for."""

    def __init__(self, factory, wrapped):
        super().__init__(factory, wrapped)
        self.gone = Deferred()
        factory.ones.append(self)

    def connectionLost(self, reason):
        super().connectionLost(reason)
        self.gone.callback(None)


class Watched(WrappingFactory):
    """The connections that were made, so that a test leaves none open."""

    protocol = Gone

    def __init__(self, wrapped):
        super().__init__(wrapped)
        self.ones = []
