"""A node in memory: real books, real rules, the driver that remembers, and a clock that everybody reads."""

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from node_manager.books import Books
from node_manager.drivers import Driver
from node_manager.drivers.memory import MemoryDriver
from node_manager.identity import Accounts, Caller
from node_manager.methods import Gate
from node_manager.node import Node
from node_manager.records import Record
from node_manager.service import api
from node_manager.settings import Settings
from planetlab import calls
from planetlab.clock import SetClock
from planetlab.names import Hrn, SliceName

T = TypeVar("T")

NOON = 1_800_000_000.0
CODEEN = SliceName.parse("princeton_codeen")
SIRIUS = SliceName.parse("princeton_sirius")
UTAH = SliceName.parse("utah_elab")
PLC = Hrn.parse("plc")
EPFL = Hrn.parse("epfl")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJkYmRiZGJk user@example.org"

PL_CONF = Caller(901, "pl_conf")
OWNER = Caller(0, "root")
STRANGER = Caller(5000, "stranger")


def record(name: SliceName = CODEEN, authority: Hrn = PLC, **stated: Any) -> Record:
    """A record as the creation service brings it, good for a day."""
    return Record(name=name, authority=authority, **{"expires": NOON + 86400.0, "timestamp": NOON} | stated)


def at_once(blocking: Callable[[], T], /) -> Deferred[T]:
    """What threads do in the service, done here and now."""
    return execute(blocking)


class World:
    """One node and the ways to talk to it."""

    def __init__(
        self, driver: Driver | None = None, books: Books | None = None, at: float = NOON, **settings: Any
    ) -> None:
        self.reactor = Clock()
        self.clock = SetClock(at)
        self.driver: Any = driver or MemoryDriver(now=self.clock.now)
        self.books = books or Books()
        self.settings = Settings(**{"pl_conf_uid": 901, "cores": 4, "node_rate": 100_000} | settings)
        self.tickets: list[bytes] = []
        self.node = Node(
            self.settings,
            self.books,
            self.driver,
            self.clock,
            self.reactor.seconds,
            self.reactor,
            at_once,
            self._redeem,
        )
        self.node.methods = api()
        self.accounts = Accounts(lambda: self.node.rounds.found, self.node.accounts)
        self.gate = Gate(self.node, self.accounts)

    async def _redeem(self, ticket: bytes) -> None:
        self.tickets.append(ticket)

    def restarted(self, **settings: Any) -> "World":
        """The node after its manager was killed and started again: same books, same slivers."""
        return World(self.driver, self.books, self.clock.at, **settings)

    def call(self, caller: Caller, name: str, *args: Any) -> Any:
        """What the API gives; a Deferred for what takes time."""
        return calls.dispatch(api(), name, args, lambda method, args: self.gate.admit(method, args, caller))

    def later(self, seconds: float) -> None:
        """Let time pass, on the clock and on the counter."""
        self.clock.advance(seconds)
        self.reactor.advance(seconds)
