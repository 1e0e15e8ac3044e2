"""The node manager's interface inside each sliver, where programs of old look for it: http://127.0.0.1:812/.

Slivers have networks of their own, so each gets a listening socket of its own, and who comes by it is that sliver. The
socket goes when the sliver stops; one whose sliver has taken the port for itself is done without.
"""

import socket
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from node_manager.drivers import DriverError, Found, State
from planetlab.names import SliceName

Life = tuple[SliceName, float]  # a sliver, from one start to its stop


@define(eq=False, kw_only=True)
class Within:
    """The listening sockets of one node's slivers."""

    log = Logger()

    listen: Callable[[SliceName], socket.socket]  # blocks; raises `DriverError`
    site: Callable[[SliceName], Any]  # the protocol factory that answers this sliver
    found: Callable[[], Mapping[SliceName, Found]]
    reactor: Any
    in_thread: Callable[[Callable[[], Any]], "Deferred[Any]"]
    _ports: dict[Life, Any] = field(factory=dict, init=False)

    async def refresh(self) -> None:
        """Listen in every sliver that runs, and in no other."""
        lives = {(name, each.since) for name, each in self.found().items() if each.state is State.RUNNING}
        for life in self._ports.keys() - lives:
            await self._leave(life)
        for life in sorted(lives - self._ports.keys()):
            await self._come(life)

    async def close(self) -> None:
        """Listen nowhere any more."""
        for life in list(self._ports):
            await self._leave(life)

    async def _come(self, life: Life) -> None:
        name = life[0]
        try:
            made: socket.socket = await self.in_thread(lambda: self.listen(name))
        except DriverError as error:
            self.log.debug("{name}: {error}", name=str(name), error=error)
            self._ports[life] = None
            return
        with made:  # the reactor makes a descriptor of its own of it
            self._ports[life] = self.reactor.adoptStreamPort(made.fileno(), socket.AF_INET, self.site(name))

    async def _leave(self, life: Life) -> None:
        if port := self._ports.pop(life):
            await port.stopListening()
